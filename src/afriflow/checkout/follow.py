"""Asking until it is known: an attempt settles though every callback and every answer was lost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from afriflow.checkout.plan import Planned, Planner
from afriflow.checkout.send import Sender
from afriflow.core.clock import Clock
from afriflow.core.errors import NotFound, NotVerifiable
from afriflow.core.evidence import (
    Evidence,
    Failed,
    Missing,
    NeverReceived,
    Pending,
    Source,
    Succeeded,
    Unclear,
)
from afriflow.core.transaction import OPEN, AttemptStatus
from afriflow.db.engine import Database, Record, one
from afriflow.jobs.queue import Payload, Snooze
from afriflow.ledger import store
from afriflow.ledger.record import Recorder
from afriflow.merchants.accounts import Accounts
from afriflow.merchants.keys import Caller
from afriflow.observe.log import bound, page
from afriflow.port.factory import OpenProvider, PaymentFactory
from afriflow.port.provider import Answer, Resend


@dataclass(frozen=True, slots=True)
class FollowLimits:
    """ladder_seconds: ages of an attempt at which it is asked for. The rest as the settings of the same names."""

    ladder_seconds: Sequence[int]
    resend_window_seconds: int
    unresolved_after_seconds: int


@dataclass(frozen=True, slots=True)
class Follower:
    """Verifies attempts: as a job up the ladder, or at once when somebody asks."""

    database: Database
    accounts: Accounts
    factory: PaymentFactory
    recorder: Recorder
    planner: Planner
    sender: Sender
    clock: Clock
    limits: FollowLimits

    async def follow(self, payload: Payload) -> None:
        """One rung. payload: merchant_id, attempt_id. Raises Snooze until the attempt is final or the ladder ends."""
        merchant_id, attempt_id = payload["merchant_id"], payload["attempt_id"]
        async with self.database.connection() as connection:
            attempt = await connection.fetchrow(store.ATTEMPT, merchant_id, attempt_id)
        if attempt is None or attempt["status"] not in OPEN:
            return
        after = await self.check(attempt)
        if after["status"] not in OPEN:
            return
        await self._mark_unresolved(after)
        raise Snooze(self._pause(after))

    async def verify(self, caller: Caller, transaction_id: str) -> None:
        """Ask the provider of the latest attempt now. Raises NotFound, NotVerifiable."""
        async with self.database.connection() as connection:
            row = await connection.fetchrow(
                store.TRANSACTION, caller.merchant_id, caller.mode, transaction_id
            )
            if row is None:
                raise NotFound(id=transaction_id)
            attempts = await connection.fetch(store.ATTEMPTS, caller.merchant_id, transaction_id)
        sent = [attempt for attempt in attempts if attempt["status"] != AttemptStatus.NOT_SENT]
        if not sent:
            raise NotVerifiable
        await self.check(sent[-1])

    async def check(self, attempt: Record) -> Record:
        """Ask the provider how an attempt stands and record what it says; gives the attempt as it is then.

        An order that the provider does not know is sent again, the same id and body, where that can do no harm.
        """
        with bound(transaction_id=attempt["transaction_id"], attempt_id=attempt["id"]):
            planned = await self._restore(attempt)
            opened = self.factory.open(planned.account)
            answer = await self._ask(opened, planned)
            if self._is_beyond_arrival(opened, attempt, answer):
                answer = Answer(NeverReceived(), answer.provider_reference)
            attempt = await self._record(opened, attempt, answer, Source.VERIFY)
            if self._may_resend(opened, attempt, answer):
                attempt = await self._resend(opened, planned, attempt)
            return attempt

    async def _restore(self, attempt: Record) -> Planned:
        async with self.database.connection() as connection:
            merchant_id = attempt["merchant_id"]
            account = await self.accounts.account(connection, merchant_id, attempt["account_id"])
            row = await one(
                connection, store.TRANSACTION, merchant_id, attempt["mode"], attempt["transaction_id"]
            )
            name = await self.accounts.merchant_name(connection, merchant_id)
            order = await self.planner.order(
                connection, name, row, attempt["reference"], attempt["provider_reference"], None
            )
        return Planned(attempt, account, order, attempt["sends"])

    async def _ask(self, opened: OpenProvider, planned: Planned) -> Answer:
        try:
            return await opened.adapter.verify(planned.order)
        except Exception as error:  # noqa: BLE001 — an adapter's mistake must not lose track of money
            page("adapter_failed", provider=planned.account.provider, reason=repr(error)[:300])
            return Answer(Unclear(f"the adapter failed: {type(error).__name__}"))

    async def _record(self, opened: OpenProvider, attempt: Record, answer: Answer, source: Source) -> Record:
        async with self.database.transaction() as connection:
            await self.recorder.record(
                connection,
                merchant_id=attempt["merchant_id"],
                attempt_id=attempt["id"],
                evidence=Evidence(source, answer.word, answer.provider_reference),
            )
            await connection.execute(store.ATTEMPT_CHECKED, attempt["merchant_id"], attempt["id"])
            await self.recorder.keep_exchanges(connection, attempt, opened.http.exchanges)
            return await one(connection, store.ATTEMPT, attempt["merchant_id"], attempt["id"])

    def _is_beyond_arrival(self, opened: OpenProvider, attempt: Record, answer: Answer) -> bool:
        """Whether "I do not know it" may be believed: the provider's own quarantine after the last send is over."""
        quarantine = opened.spec.missing_is_final_after_seconds
        if not isinstance(answer.word, Missing) or quarantine is None or self._in_flight(attempt):
            return False
        return self.clock.now() - attempt["last_sent_at"] >= timedelta(seconds=quarantine)

    def _may_resend(self, opened: OpenProvider, attempt: Record, answer: Answer) -> bool:
        if attempt["status"] != AttemptStatus.UNKNOWN or self._in_flight(attempt):
            return False
        if self.clock.now() - attempt["created_at"] > timedelta(seconds=self.limits.resend_window_seconds):
            return False
        match opened.spec.resend:
            case Resend.ALWAYS:
                return isinstance(answer.word, Missing)
            case Resend.BEFORE_REFERENCE:
                return attempt["provider_reference"] is None
            case Resend.NEVER:
                return False

    async def _resend(self, opened: OpenProvider, planned: Planned, attempt: Record) -> Record:
        """Send the same order again, with a new permission that only one process gets."""
        async with self.database.connection() as connection:
            send = await connection.fetchval(
                store.ATTEMPT_RESEND,
                attempt["merchant_id"],
                attempt["id"],
                attempt["sends"],
                float(self.planner.lease_seconds),
            )
        if send is None:
            return attempt
        answer = await self.sender.call(opened, replace(planned, send=send))
        if not isinstance(answer.word, Pending | Succeeded | Failed):
            # A refusal of this send proves nothing about the first one.
            answer = Answer(Unclear(f"sent again: {type(answer.word).__name__}"), answer.provider_reference)
        after = await self._record(opened, attempt, answer, Source.ANSWER)
        async with self.database.connection() as connection:
            await connection.execute(store.ATTEMPT_LANDED, attempt["merchant_id"], attempt["id"], send)
        return after

    def _in_flight(self, attempt: Record) -> bool:
        until: datetime | None = attempt["in_flight_until"]
        return until is not None and until > self.clock.now()

    async def _mark_unresolved(self, attempt: Record) -> None:
        age = self.clock.now() - attempt["created_at"]
        if age < timedelta(seconds=self.limits.unresolved_after_seconds):
            return
        async with self.database.connection() as connection:
            marked = await connection.execute(
                store.TRANSACTION_UNRESOLVED, attempt["merchant_id"], attempt["transaction_id"]
            )
        if marked == "UPDATE 1":
            page(
                "payment_unresolved",
                transaction_id=attempt["transaction_id"],
                age_seconds=int(age.total_seconds()),
            )

    def _pause(self, attempt: Record) -> float:
        """How long until the next rung; past the last one, the last pause again: nobody is ever forgotten."""
        age = (self.clock.now() - attempt["created_at"]).total_seconds()
        following = next((rung for rung in self.limits.ladder_seconds if rung > age + 1), None)
        pause = following - age if following is not None else float(self.limits.ladder_seconds[-1])
        if self._in_flight(attempt):
            left = (attempt["in_flight_until"] - self.clock.now()).total_seconds()
            pause = min(pause, left + 1)
        return max(1.0, pause)
