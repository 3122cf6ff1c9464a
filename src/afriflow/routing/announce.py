"""A provider account's health as merchants are told it: its breakers turn, or people pause and resume it.

The events are the history too: who paused an account, when and why stands in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from afriflow.core.clock import Clock
from afriflow.core.errors import Unavailable
from afriflow.core.ids import Ids
from afriflow.db.engine import Connection, Database
from afriflow.delivery.stage import stage
from afriflow.merchants import audit_log
from afriflow.merchants.accounts import Accounts
from afriflow.merchants.keys import Caller
from afriflow.observe.log import logger
from afriflow.port.provider import Account
from afriflow.routing import store
from afriflow.routing.circuit import State
from afriflow.routing.health import Turn

_log = logger("routing")
HEALTH_CHANGED = "provider.health_changed"


class HealthChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a `provider.health_changed` event says.

    state: failing, healthy, paused or resumed. operation: initiate (payments) or disburse (refunds and payouts), None
    for both. operator: None = every one of the account. by, reason: of people alone.
    """

    id: str
    object: str = "provider_account"
    provider: str
    mode: str
    state: str
    operation: str | None = None
    operator: str | None = None
    asked_again_at: datetime | None = None
    by: str | None = None
    reason: str | None = None


class Told(msgspec.Struct, frozen=True):
    """A change and when it was told."""

    timestamp: datetime
    data: HealthChange


@dataclass(frozen=True, slots=True)
class Announcer:
    """Tells the merchant whose account it is."""

    database: Database
    accounts: Accounts
    ids: Ids
    clock: Clock

    async def turned(self, account: Account, turns: Sequence[Turn]) -> None:
        """Tell which breakers of an account opened or closed; without the database it is only in the log."""
        try:
            for turn in turns:
                async with self.database.transaction() as connection:
                    await self._tell(connection, account, self._change(account, turn))
        except Unavailable as error:  # a payment is under way, and its own answer has still to be kept
            _log.warning("health_not_told", account_id=account.id, reason=str(error))

    async def pause(self, caller: Caller, account_id: str, why: str) -> None:
        """Take an account out of routing; what it already carries is followed as before. Raises NotFound."""
        async with self.database.transaction() as connection:
            merchant_id, mode = caller.merchant_id, caller.mode
            await self.accounts.pause(
                connection, merchant_id=merchant_id, mode=mode, account_id=account_id, who=caller.who, why=why
            )
            await self._tell_of_people(connection, caller, account_id, "paused", why)

    async def resume(self, caller: Caller, account_id: str) -> None:
        """Put an account back. Raises NotFound."""
        async with self.database.transaction() as connection:
            await self.accounts.resume(
                connection, merchant_id=caller.merchant_id, mode=caller.mode, account_id=account_id
            )
            await self._tell_of_people(connection, caller, account_id, "resumed", None)

    async def _tell_of_people(
        self, connection: Connection, caller: Caller, account_id: str, state: str, why: str | None
    ) -> None:
        account = await self.accounts.account(connection, caller.merchant_id, account_id)
        change = HealthChange(
            id=account.id,
            provider=account.provider,
            mode=account.mode.value,
            state=state,
            by=caller.who,
            reason=why,
        )
        await self._tell(connection, account, change)
        await audit_log.write(
            connection,
            merchant_id=caller.merchant_id,
            who=caller.who,
            action=f"account.{state}",
            subject=account.id,
            details={"mode": account.mode, "reason": why},
        )

    def _change(self, account: Account, turn: Turn) -> HealthChange:
        opened = turn.state is State.OPEN
        return HealthChange(
            id=account.id,
            provider=account.provider,
            mode=account.mode.value,
            state="failing" if opened else "healthy",
            operation=turn.operation,
            operator=turn.operator,
            asked_again_at=self.clock.now() + timedelta(seconds=turn.wait_seconds) if opened else None,
        )

    async def _tell(self, connection: Connection, account: Account, change: HealthChange) -> None:
        sequence: int = await connection.fetchval(store.ACCOUNT_TOLD, account.merchant_id, account.id)
        await stage(
            connection,
            ids=self.ids,
            clock=self.clock,
            merchant_id=account.merchant_id,
            mode=account.mode,
            subject_id=account.id,
            sequence=sequence,
            kind=HEALTH_CHANGED,
            data=change,
        )


async def changes_of(connection: Connection, merchant_id: str, account_id: str, limit: int) -> list[Told]:
    """List what was told of an account, newest first."""
    rows = await connection.fetch(store.ACCOUNT_CHANGES, merchant_id, account_id, HEALTH_CHANGED, limit)
    return [msgspec.json.decode(row["payload"], type=Told) for row in rows]
