"""What merchants' accounts hold, asked of their providers when somebody looks, and told again for a moment."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from afriflow.core.clock import Clock
from afriflow.observe.log import page
from afriflow.port.balances import Balance, Balances
from afriflow.port.factory import PaymentFactory
from afriflow.port.provider import Account
from afriflow.settings import Settings


@dataclass(frozen=True, slots=True)
class Held:
    """What a provider said at a time. balances: None where it could not be asked."""

    balances: tuple[Balance, ...] | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Wallets:
    """Asks each account once at a time. patience_seconds: for an answer. fresh_seconds: how long one is told again."""

    factory: PaymentFactory
    clock: Clock
    patience_seconds: float
    fresh_seconds: float
    _told: dict[str, Held] = field(default_factory=dict[str, Held])
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock])

    async def held_in(self, account: Account) -> Held | None:
        """Say what an account holds; None where its provider never tells. Never raises for the provider."""
        adapter = self.factory.open(account).adapter
        if not isinstance(adapter, Balances):
            return None
        async with self._turns.setdefault(account.id, asyncio.Lock()):
            now, told = self.clock.now(), self._told.get(account.id)
            if told is None or now - told.at > timedelta(seconds=self.fresh_seconds):
                told = self._told[account.id] = Held(await self._ask(account, adapter), now)
            return told

    async def _ask(self, account: Account, adapter: Balances) -> tuple[Balance, ...] | None:
        try:
            async with asyncio.timeout(self.patience_seconds):
                return await adapter.balances()
        except TimeoutError:
            return None
        except Exception as error:  # noqa: BLE001 — an adapter that is broken must not take the page with it
            page("adapter_failed", provider=account.provider, reason=repr(error)[:300])
            return None


def put_wallets(factory: PaymentFactory, clock: Clock, settings: Settings) -> Wallets:
    return Wallets(factory, clock, settings.balances_patience_seconds, settings.balances_fresh_seconds)
