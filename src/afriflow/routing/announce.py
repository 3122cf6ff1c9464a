"""A provider account's health as merchants are told it: its breakers turn, or people pause and resume it.

The events are the history too: who paused an account, when and why stands in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

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
from afriflow.observe.metrics import BREAKER_TURNS
from afriflow.port.forced import Forced
from afriflow.port.provider import Account
from afriflow.routing import store
from afriflow.routing.circuit import State
from afriflow.routing.force import Decision
from afriflow.routing.health import ALL_OPERATORS, Turn

_log = logger("routing")
HEALTH_CHANGED = "provider.health_changed"


class HealthChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a `provider.health_changed` event says.

    state: failing, healthy, paused or resumed; forced_open, forced_closed or unforced. operation: initiate (payments)
    or disburse (refunds and payouts), None for both. operator: None = every one of the account. by, reason: of people
    alone. until: when what was forced ends by itself.
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
    until: datetime | None = None


class Told(msgspec.Struct, frozen=True):
    """A change and when it was told."""

    timestamp: datetime
    data: HealthChange


@dataclass(frozen=True, slots=True)
class Announcer:
    """Tells the merchant whose account it is. forced_seconds_max: how long people may hold a circuit open or closed."""

    database: Database
    accounts: Accounts
    ids: Ids
    clock: Clock
    forced_seconds_max: int

    async def turned(self, account: Account, turns: Sequence[Turn]) -> None:
        """Tell which breakers of an account opened or closed; without the database it is only in the log."""
        for turn in turns:
            BREAKER_TURNS.labels(
                account.provider, turn.operation, turn.operator or ALL_OPERATORS, turn.state.value
            ).inc()
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
            await self._tell_of_people(connection, caller, account_id, state="paused", reason=why)

    async def resume(self, caller: Caller, account_id: str) -> None:
        """Put an account back. Raises NotFound."""
        async with self.database.transaction() as connection:
            await self.accounts.resume(
                connection, merchant_id=caller.merchant_id, mode=caller.mode, account_id=account_id
            )
            await self._tell_of_people(connection, caller, account_id, state="resumed")

    async def force(self, caller: Caller, account_id: str, decision: Decision) -> None:
        """Hold a circuit open or closed for a time, whatever it learns. Raises NotFound, InvalidRequest."""
        async with self.database.transaction() as connection:
            account = await self.accounts.account(connection, caller.merchant_id, account_id)
            forced = decision.about(account, caller.who, self.clock.now(), self.forced_seconds_max)
            circuit = (forced.operation, forced.operator)
            told = {"reason": forced.why, "until": forced.until}
            state = "forced_open" if forced.is_open else "forced_closed"
            await self._hold(connection, caller, account_id, circuit, forced, state=state, **told)

    async def unforce(self, caller: Caller, account_id: str, operation: str, operator: str | None) -> None:
        """Leave a circuit to what it learns again. Raises NotFound."""
        async with self.database.transaction() as connection:
            await self._hold(connection, caller, account_id, (operation, operator), None, state="unforced")

    async def _hold(
        self,
        connection: Connection,
        caller: Caller,
        account_id: str,
        circuit: tuple[str, str | None],
        forced: Forced | None,
        **change: Any,
    ) -> None:
        await self.accounts.put_forced(
            connection,
            merchant_id=caller.merchant_id,
            mode=caller.mode,
            account_id=account_id,
            circuit=circuit,
            forced=forced,
            now=self.clock.now(),
        )
        operation, operator = circuit
        change |= {"operation": operation, "operator": operator}
        await self._tell_of_people(connection, caller, account_id, **change)

    async def _tell_of_people(
        self, connection: Connection, caller: Caller, account_id: str, **change: Any
    ) -> None:
        account = await self.accounts.account(connection, caller.merchant_id, account_id)
        told = HealthChange(
            id=account.id, provider=account.provider, mode=account.mode.value, by=caller.who, **change
        )
        await self._tell(connection, account, told)
        await audit_log.write(
            connection,
            merchant_id=caller.merchant_id,
            who=caller.who,
            action=f"account.{told.state}",
            subject=account.id,
            details={
                "mode": account.mode,
                **{name: value for name, value in change.items() if name != "state"},
            },
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
