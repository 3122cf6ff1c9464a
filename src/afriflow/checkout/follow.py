"""Asking until it is known: an attempt settles though every callback and every answer was lost."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from afriflow.checkout.bulkhead import Bulkheads, Errand
from afriflow.checkout.call import Planned, ask, ids_of, kind_of, resend_of, statements
from afriflow.checkout.code_first import code_for_another_send
from afriflow.checkout.plan import Planner
from afriflow.checkout.plan_out import OutPlanner
from afriflow.checkout.send import Sender
from afriflow.core.clock import Clock
from afriflow.core.errors import Fault, NotFound, NotVerifiable, ProviderBusy
from afriflow.core.evidence import (
    Evidence,
    Missing,
    NeverReceived,
    Source,
    Succeeded,
    Unclear,
    Word,
)
from afriflow.core.method import NextAction
from afriflow.core.transaction import OPEN, AttemptStatus
from afriflow.db.engine import Database, Record, one
from afriflow.jobs.queue import Payload, Snooze
from afriflow.ledger import store
from afriflow.ledger.record import Recorder
from afriflow.ledger.record_out import OutRecorder
from afriflow.ledger.search import order_of
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
    out_recorder: OutRecorder
    planner: Planner
    out_planner: OutPlanner
    sender: Sender
    bulkheads: Bulkheads
    clock: Clock
    limits: FollowLimits

    async def follow(self, payload: Payload) -> None:
        """One rung. payload: merchant_id, attempt_id. Raises Snooze until the attempt is final or the ladder ends."""
        merchant_id, attempt_id = payload["merchant_id"], payload["attempt_id"]
        async with self.database.connection() as connection:
            attempt = await order_of(connection, merchant_id, attempt_id)
        if attempt is None or attempt["status"] not in OPEN:
            return
        after = await self.check(attempt)
        if after["status"] not in OPEN:
            return
        await self._mark_unresolved(after)
        raise Snooze(self._pause(after))

    async def ask(self, payload: Payload) -> None:
        """Ask once, whatever we hold the order for: somebody contradicted it. payload: merchant_id, attempt_id."""
        async with self.database.connection() as connection:
            order = await order_of(connection, payload["merchant_id"], payload["attempt_id"])
        if order is not None:
            await self.check(order)

    async def verify(self, caller: Caller, transaction_id: str) -> None:
        """Ask the provider of the latest attempt now. Raises NotFound, NotVerifiable, ProviderBusy."""
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

    async def check(self, attempt: Record, named: str | None = None) -> Record:
        """Ask the provider how an attempt stands and record what it says; gives the attempt as it is then.

        named: an id of the provider's beside our reference in a notification, where it is not the one that is kept.
        An order that the provider does not know is sent again, the same id and body, where that can do no harm; one
        that needs a code of the payer's, which is kept nowhere, first asks for another. Raises ProviderBusy when it
        cannot be asked now.
        """
        if named is not None:
            attempt = await self._check_named(attempt, named)
            if attempt["status"] not in OPEN:
                return attempt
        with bound(**ids_of(attempt)):
            planned = await self.restore(attempt)
            opened = self.factory.open(planned.account)
            answer, attempt = await self._verify(opened, planned, attempt)
            if not self._may_resend(opened, attempt, answer):
                return attempt
            wanted = code_for_another_send(opened, planned.order)
            if wanted is not None:
                if self._is_in_window(attempt["last_sent_at"]):  # each send was the payer's doing
                    await self._ask_for_code(attempt, wanted)
            elif self._is_in_window(attempt["created_at"]):
                _, attempt = await self._resend(opened, planned, attempt)
            return attempt

    async def _check_named(self, attempt: Record, named: str) -> Record:
        """Ask about an order that only a notification tied to this attempt; the provider's own word must tie it too.

        So an order is found whose id we never heard, and a second one that was paid beside the one that is kept.
        """
        with bound(**ids_of(attempt)):
            planned = await self.restore(attempt)
            opened = self.factory.open(planned.account)
            order = replace(planned.order, provider_reference=named)
            answer = await self._ask(opened, replace(planned, order=order))
            word = answer.word
            if isinstance(word, Succeeded) and word.reference == attempt["reference"]:
                return await self._record(opened, attempt, Answer(word, named), Source.VERIFY)
            if not isinstance(word, Unclear):
                word = Unclear(f"an order that a notification named is {type(word).__name__}")
            return await self._record(opened, attempt, Answer(word), Source.VERIFY)

    async def send_with_code(self, attempt: Record, otp: str) -> Word | None:
        """Send an order that never arrived once more, with another code of the payer's; gives the provider's word.

        Asks first: what the provider knows by now is only recorded, and so is whatever does not allow it; then None.
        The payer has just acted, so that the window in which we act by ourselves does not bind. Raises ProviderBusy.
        """
        with bound(**ids_of(attempt)):
            planned = await self.restore(attempt, otp)
            opened = self.factory.open(planned.account)
            answer, attempt = await self._verify(opened, planned, attempt)
            if not self._may_resend(opened, attempt, answer):
                return None
            word, _ = await self._resend(opened, planned, attempt)
            return word

    async def _verify(self, opened: OpenProvider, planned: Planned, attempt: Record) -> tuple[Answer, Record]:
        asked_at = self.clock.now()
        answer = await self._ask(opened, planned)
        if self._is_beyond_arrival(opened, attempt, answer, asked_at):
            answer = Answer(NeverReceived(), answer.provider_reference)
        return answer, await self._record(opened, attempt, answer, Source.VERIFY)

    async def _ask_for_code(self, attempt: Record, action: NextAction) -> None:
        """Have the payer asked for another code, while the provider does not know the order."""
        merchant_id = attempt["merchant_id"]
        async with self.database.transaction() as connection:
            row = await self.recorder.lock(connection, merchant_id, attempt["transaction_id"])
            now = await one(connection, store.ATTEMPT, merchant_id, attempt["id"])
            # Only what is still as it was seen: a code that is on its way now must not be asked for again.
            same = (now["status"], now["sends"]) == (attempt["status"], attempt["sends"])
            if same and not self._in_flight(now) and row["expires_at"] > self.clock.now():
                await self.recorder.turn(connection, row, now, action, story=("CodeWanted", "us", {}))

    async def restore(self, order: Record, otp: str | None = None) -> Planned:
        """Give an order as it was sent. otp: a code that the payer gave just now."""
        async with self.database.connection() as connection:
            merchant_id = order["merchant_id"]
            account = await self.accounts.account(connection, merchant_id, order["account_id"])
            name = await self.accounts.merchant_name(connection, merchant_id)
            if kind_of(order) != "payment":
                return Planned(
                    order, account, await self.out_planner.order(connection, name, order), order["sends"]
                )
            row = await one(
                connection, store.TRANSACTION, merchant_id, order["mode"], order["transaction_id"]
            )
            ids = (order["payment_method_id"], order["reference"], order["provider_reference"])
            restored = await self.planner.order(connection, name, row, *ids, otp)
        restored = replace(restored, last_sent_at=order["last_sent_at"])
        return Planned(order, account, restored, order["sends"])

    async def _ask(self, opened: OpenProvider, planned: Planned) -> Answer:
        try:
            async with self.bulkheads.place(planned.account.id, Errand.QUESTION):
                answer = await ask(opened, planned.order)
            self.bulkheads.heed(opened, Errand.QUESTION)
            return answer
        except ProviderBusy:
            raise
        except Exception as error:  # noqa: BLE001 — an adapter's mistake must not lose track of money
            page("adapter_failed", error=error, provider=planned.account.provider, reason=repr(error)[:300])
            return Answer(Unclear(f"the adapter failed: {type(error).__name__}"))

    async def _record(self, opened: OpenProvider, order: Record, answer: Answer, source: Source) -> Record:
        evidence = Evidence(source, answer.word, answer.provider_reference)
        merchant_id, order_id = order["merchant_id"], order["id"]
        async with self.database.transaction() as connection:
            if kind_of(order) == "payment":
                await self.recorder.record(
                    connection, merchant_id=merchant_id, attempt_id=order_id, evidence=evidence
                )
            else:
                await self.out_recorder.record(
                    connection, merchant_id=merchant_id, disbursement_id=order_id, evidence=evidence
                )
            await connection.execute(statements(order).checked, merchant_id, order_id)
            await self.recorder.keep_exchanges(connection, order, opened.http.exchanges)
            found = await order_of(connection, merchant_id, order_id)
        if found is None:
            raise Fault(reason="an order is gone", order_id=order_id)
        return found

    def _is_beyond_arrival(
        self, opened: OpenProvider, attempt: Record, answer: Answer, asked_at: datetime
    ) -> bool:
        """Whether "I do not know it" may be believed: the provider's own quarantine after the last send was over when
        it was asked. A machine that stood still since then holds an old answer.
        """
        quarantine = opened.spec.missing_is_final_after_seconds
        if not isinstance(answer.word, Missing) or quarantine is None or self._in_flight(attempt):
            return False
        return asked_at - attempt["last_sent_at"] >= timedelta(seconds=quarantine)

    def _may_resend(self, opened: OpenProvider, attempt: Record, answer: Answer) -> bool:
        if attempt["status"] != AttemptStatus.UNKNOWN or self._in_flight(attempt):
            return False
        match resend_of(opened, attempt):
            case Resend.ALWAYS:
                return isinstance(answer.word, Missing)
            case Resend.BEFORE_REFERENCE:
                return attempt["provider_reference"] is None
            case Resend.NEVER:
                return False

    def _is_in_window(self, since: datetime) -> bool:
        return self.clock.now() - since <= timedelta(seconds=self.limits.resend_window_seconds)

    async def _resend(
        self, opened: OpenProvider, planned: Planned, attempt: Record
    ) -> tuple[Word | None, Record]:
        """Send the same order again, with a new permission that only one process gets; without it, None."""
        asked_at = asyncio.get_running_loop().time()
        async with self.database.connection() as connection:
            send = await connection.fetchval(
                statements(attempt).resend,
                attempt["merchant_id"],
                attempt["id"],
                attempt["sends"],
                float(self.planner.lease_seconds),
            )
        if send is None:
            return None, attempt
        answer = await self.sender.call(opened, replace(planned, send=send, permitted_at=asked_at))
        after = await self._record(opened, attempt, answer, Source.ANSWER)
        async with self.database.connection() as connection:
            await connection.execute(statements(attempt).landed, attempt["merchant_id"], attempt["id"], send)
        return answer.word, after

    def _in_flight(self, attempt: Record) -> bool:
        until: datetime | None = attempt["in_flight_until"]
        return until is not None and until > self.clock.now()

    async def _mark_unresolved(self, attempt: Record) -> None:
        age = self.clock.now() - attempt["created_at"]
        if age < timedelta(seconds=self.limits.unresolved_after_seconds):
            return
        async with self.database.connection() as connection:
            if kind_of(attempt) == "payment":
                marked = await connection.execute(
                    store.TRANSACTION_UNRESOLVED, attempt["merchant_id"], attempt["transaction_id"]
                )
            else:
                marked = await connection.execute(
                    store.DISBURSEMENT_UNRESOLVED, attempt["merchant_id"], attempt["id"]
                )
        if marked == "UPDATE 1":
            page("order_unresolved", order_id=attempt["id"], age_seconds=int(age.total_seconds()))

    def _pause(self, attempt: Record) -> float:
        """How long until the next rung; past the last one, the last pause again: nobody is ever forgotten."""
        age = (self.clock.now() - attempt["created_at"]).total_seconds()
        following = next((rung for rung in self.limits.ladder_seconds if rung > age + 1), None)
        pause = following - age if following is not None else float(self.limits.ladder_seconds[-1])
        if self._in_flight(attempt):
            left = (attempt["in_flight_until"] - self.clock.now()).total_seconds()
            pause = min(pause, left + 1)
        return max(1.0, pause)
