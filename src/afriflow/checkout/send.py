"""The call that may move money: sent once per permission, outside any database transaction, its answer committed.

A provider that provably was not reached, or that documents having refused before processing, makes room for the
next one; an unclear answer never does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import cast

from afriflow.checkout.bulkhead import Bulkheads, Errand
from afriflow.checkout.call import Planned, kind_of, operation_of, operator_of, start, statements
from afriflow.checkout.plan import Planner, body_hash
from afriflow.core.clock import Clock
from afriflow.core.errors import AfriFlowError, Fault, ProviderBusy, Unavailable
from afriflow.core.evidence import Evidence, NotSent, Pending, Refused, Source, Unclear, Word
from afriflow.core.method import BREAKER_OPEN, BUSY, Failure, FailureCode, NextAction
from afriflow.core.transaction import FINAL, TransactionStatus
from afriflow.db.engine import Database
from afriflow.ledger.record import Recorder, remember_reference
from afriflow.merchants.keys import Caller
from afriflow.merchants.vault import Vault
from afriflow.observe.log import bound, logger, page
from afriflow.observe.metrics import ANSWERS, NO_OPERATOR
from afriflow.port.code_after import TakesCode
from afriflow.port.factory import OpenProvider, PaymentFactory
from afriflow.port.money_out import BulkPayouts, PayoutOrder
from afriflow.port.provider import Answer, Order
from afriflow.routing.announce import Announcer
from afriflow.routing.choose import Candidate
from afriflow.routing.force import forced_now
from afriflow.routing.health import Health

_log = logger("checkout")
# Less than the lease by this much: an answer must still be written while the lease holds.
_LEASE_MARGIN_SECONDS = 5


class LeaseLost(AfriFlowError):
    """Another process took this send over: whatever we hold now must not lead to a call."""

    code = "lease_lost"


# A call for some of the orders that are planned; the answers in their order.
_Call = Callable[[Sequence[Planned]], Awaitable[Sequence[Answer]]]


@dataclass(frozen=True, slots=True)
class Sender:
    """What sending needs. attempts_max: providers tried in one payment."""

    database: Database
    factory: PaymentFactory
    health: Health
    announcer: Announcer
    bulkheads: Bulkheads
    recorder: Recorder
    planner: Planner
    clock: Clock
    attempts_max: int

    async def send(
        self, caller: Caller, planned: Planned, others: Sequence[Candidate], otp: str | None
    ) -> None:
        """Send an attempt and, while each is provably without effect, the next ones.

        others: what routing ranked behind it, best first.
        """
        waiting = list(others)
        current: Planned | None = planned
        while current is not None:
            with bound(
                transaction_id=current.row["transaction_id"],
                attempt_id=current.row["id"],
                account_id=current.account.id,
            ):
                opened = self.factory.open(current.account)
                answer = await self.call(opened, current)
                current = await self._settle(caller, opened, current, answer, waiting, otp)

    async def call(self, opened: OpenProvider, planned: Planned) -> Answer:
        """Make one call to the provider; whatever goes wrong inside is `Unclear`, never an end."""
        _refuse_changed(self.planner.vault, planned)
        attempt = planned.row
        sending, kind = statements(attempt), kind_of(attempt)

        async def keep(provider_reference: str, next_action: NextAction | None = None) -> None:
            async with self.database.transaction() as connection:
                kept = await connection.execute(
                    sending.keep,
                    attempt["merchant_id"],
                    attempt["id"],
                    provider_reference,
                    planned.send,
                )
                if kept == "UPDATE 0":
                    raise LeaseLost(attempt_id=attempt["id"])
                await remember_reference(connection, attempt, provider_reference, kind)
                if next_action is not None and kind == "payment":
                    await self.recorder.record(
                        connection,
                        merchant_id=attempt["merchant_id"],
                        attempt_id=attempt["id"],
                        evidence=Evidence(Source.ANSWER, Pending(next_action)),
                    )

        (answer,) = await self._guarded(
            opened, [planned], lambda _: _alone(start(opened, planned.order, keep))
        )
        return answer

    async def call_together(self, opened: OpenProvider, planned: Sequence[Planned]) -> list[Answer]:
        """Send many payouts of one account in one call; the answers in their order.

        Raises Fault when the adapter cannot send so many at once.
        """
        adapter = opened.adapter
        if not isinstance(adapter, BulkPayouts) or len(planned) > adapter.bulk_max:
            raise Fault(reason=f"{opened.spec.name} cannot carry {len(planned)} payouts at once")
        for item in planned:
            _refuse_changed(self.planner.vault, item)

        async def call(allowed: Sequence[Planned]) -> Sequence[Answer]:
            return await adapter.payout_bulk([cast("PayoutOrder", item.order) for item in allowed])

        return await self._guarded(opened, planned, call)

    async def give_code(self, opened: OpenProvider, planned: Planned, asked: NextAction) -> Answer:
        """Give the payer's code for an order that waits for it; the caller has committed that it is being given.

        asked: the action that asked for it. Raises Fault when the adapter takes none.
        """
        adapter, order = opened.adapter, planned.order
        if not isinstance(adapter, TakesCode) or not isinstance(order, Order):
            raise Fault(reason=f"{opened.spec.name} takes no code later", attempt_id=planned.row["id"])
        (answer,) = await self._guarded(opened, [planned], lambda _: _alone(adapter.give_code(order, asked)))
        return answer

    async def _guarded(self, opened: OpenProvider, planned: Sequence[Planned], call: _Call) -> list[Answer]:
        """Call in a place of the account's own, without which nothing was sent."""
        try:
            async with self.bulkheads.place(opened.account.id, Errand.ORDER):
                return await self._while_allowed(opened, planned, call)
        except ProviderBusy:
            return [_nothing_sent(BUSY)] * len(planned)

    async def _while_allowed(
        self, opened: OpenProvider, planned: Sequence[Planned], call: _Call
    ) -> list[Answer]:
        """Call for those whose circuits allow it, and tell these how it went, once for each operator."""
        account = opened.account
        operation = operation_of(planned[0].row)
        forced = forced_now(account, operation, self.clock.now())
        permissions = {
            operator: await self.health.ask(account.id, operation, operator, forced)
            for operator in dict.fromkeys(operator_of(item.order) for item in planned)
        }
        allowed = [item for item in planned if permissions[operator_of(item.order)].allowed]
        if not allowed:  # they closed between routing and here; nothing was sent
            return [_nothing_sent(BREAKER_OPEN)] * len(planned)
        begun = asyncio.get_running_loop().time()
        answers = await self._called(account.provider, allowed, call)
        seconds = asyncio.get_running_loop().time() - begun
        limited = self.bulkheads.heed(opened, Errand.ORDER)
        said: dict[str | None, Word] = {}
        for item, answer in zip(allowed, answers, strict=True):
            operator = operator_of(item.order)
            if operator not in said or isinstance(answer.word, Unclear):
                said[operator] = answer.word
            _tell(account.provider, item, operator, answer.word)
        for operator, word in said.items():
            turns = await self.health.tell(permissions[operator], word, seconds=seconds, limited=limited)
            await self.announcer.turned(account, turns)
        by_order = {item.row["id"]: answer for item, answer in zip(allowed, answers, strict=True)}
        return [by_order.get(item.row["id"]) or _nothing_sent(BREAKER_OPEN) for item in planned]

    async def _called(self, provider: str, planned: Sequence[Planned], call: _Call) -> Sequence[Answer]:
        """Call; no exception is an end, and neither is an answer too few.

        A machine that stood still since it was permitted sends nothing: others may have taken the order over.
        """
        permitted_at = min(item.permitted_at for item in planned)
        lease_ends = permitted_at + self.planner.lease_seconds - _LEASE_MARGIN_SECONDS
        try:
            if asyncio.get_running_loop().time() >= lease_ends:
                raise TimeoutError
            async with asyncio.timeout_at(lease_ends):
                answers = await call(planned)
            if len(answers) == len(planned):
                return answers
            why = f"{len(answers)} answers to {len(planned)} orders"
        except TimeoutError:
            return [Answer(Unclear("the send's lease ran out"))] * len(planned)
        except LeaseLost:
            return [Answer(Unclear("another process took the send over"))] * len(planned)
        except Unavailable:
            return [Answer(Unclear("our own database was away in the middle of the send"))] * len(planned)
        except Exception as error:  # noqa: BLE001 — an adapter's mistake must not lose track of money
            page("adapter_failed", error=error, provider=provider, reason=repr(error)[:300])
            return [Answer(Unclear(f"the adapter failed: {type(error).__name__}"))] * len(planned)
        page("adapter_failed", provider=provider, reason=why)
        return [Answer(Unclear(f"the adapter failed: {why}"))] * len(planned)

    async def _settle(
        self,
        caller: Caller,
        opened: OpenProvider,
        planned: Planned,
        answer: Answer,
        waiting: list[Candidate],
        otp: str | None,
    ) -> Planned | None:
        """Commit the answer and, in the same transaction, the next attempt when there may be one."""
        attempt = planned.row
        async with self.database.transaction() as connection:
            row = await self.recorder.lock(connection, attempt["merchant_id"], attempt["transaction_id"])
            session_open = (
                TransactionStatus(row["status"]) not in FINAL and row["expires_at"] > self.clock.now()
            )
            may_follow = (
                _without_effect(answer.word) and attempt["number"] < self.attempts_max and session_open
            )
            following = waiting.pop(0) if may_follow and waiting else None
            step = await self.recorder.record(
                connection,
                merchant_id=attempt["merchant_id"],
                attempt_id=attempt["id"],
                evidence=Evidence(Source.ANSWER, answer.word, answer.provider_reference),
                another_follows=following is not None,
            )
            await connection.execute(
                statements(attempt).landed, attempt["merchant_id"], attempt["id"], planned.send
            )
            await self.recorder.keep_exchanges(connection, attempt, opened.http.exchanges)
            if following is None or not step.changed:
                return None
            row = await self.recorder.lock(connection, attempt["merchant_id"], attempt["transaction_id"])
            return await self.planner.plan(connection, caller, row, following.contract.account, otp)


def _refuse_changed(vault: Vault, planned: Planned) -> None:
    if body_hash(planned.order, planned.account, vault) != bytes(planned.row["body_hash"]):
        raise Fault(reason="an attempt's order changed between two sends", attempt_id=planned.row["id"])


def _tell(provider: str, planned: Planned, operator: str | None, word: Word) -> None:
    """Say what was answered: on a line, and counted by who said it."""
    said = type(word).__name__
    ANSWERS.labels(kind_of(planned.row), planned.row["mode"], provider, operator or NO_OPERATOR, said).inc()
    _log.info("provider_answered", provider=provider, word=said)


def _nothing_sent(code: str) -> Answer:
    return Answer(NotSent(Failure(FailureCode.PROVIDER_UNAVAILABLE, code)))


async def _alone(answer: Awaitable[Answer]) -> Sequence[Answer]:
    return [await answer]


def _without_effect(word: Word) -> bool:
    """Whether the next provider may be asked at once: nothing was sent, or a refusal that another may not share."""
    return isinstance(word, NotSent) or (isinstance(word, Refused) and word.elsewhere)
