"""A code for a payment that is under way: given once, and asked for again only where it certainly did nothing.

That the code is being given is committed before it is, so that two who give one at once, or a process that dies in
between, never give it twice. What is unclear afterwards is followed like any other attempt.
"""

from dataclasses import dataclass

from afriflow.checkout.call import Planned, ids_of
from afriflow.checkout.follow import Follower
from afriflow.checkout.send import Sender
from afriflow.core.clock import Clock
from afriflow.core.errors import CodeNotPassedOn, InvalidOtp, NotConfirmable, ProviderBusy
from afriflow.core.evidence import Evidence, NotSent, Refused, Source, Word
from afriflow.core.method import ActionType, FailureCode, NextAction
from afriflow.core.transaction import OPEN, AttemptStatus, TransactionStatus
from afriflow.db.engine import Database, Record, one
from afriflow.ledger import store
from afriflow.ledger.present import load_action
from afriflow.ledger.record import Recorder
from afriflow.merchants.keys import Caller
from afriflow.observe.log import bound
from afriflow.port.factory import OpenProvider, PaymentFactory


@dataclass(frozen=True, slots=True)
class CodeGiver:
    """Gives the payer's code for a live attempt that waits for it."""

    database: Database
    factory: PaymentFactory
    recorder: Recorder
    follower: Follower
    sender: Sender
    clock: Clock

    async def give(self, caller: Caller, transaction_id: str, otp: str) -> None:
        """Give it. Raises InvalidOtp, CodeNotPassedOn (another may be given), NotConfirmable (none is waited for)."""
        attempt, asked = await self._take_turn(caller, transaction_id)
        with bound(**ids_of(attempt)):
            if attempt["status"] == AttemptStatus.UNKNOWN:
                try:
                    word = await self.follower.send_with_code(attempt, otp)
                except ProviderBusy:
                    word = None
                await self._ask_again(attempt, asked, word, {AttemptStatus.UNKNOWN})
                return
            planned = await self.follower.restore(attempt, otp)
            opened = self.factory.open(planned.account)
            answer = await self.sender.give_code(opened, planned, asked)
            evidence = Evidence(Source.ANSWER, answer.word, answer.provider_reference)
            await self._record(opened, planned, evidence)
            await self._ask_again(attempt, asked, answer.word, {AttemptStatus.PENDING})

    async def _take_turn(self, caller: Caller, transaction_id: str) -> tuple[Record, NextAction]:
        """Commit that the code is being given now; whoever comes second finds nothing that waits for one."""
        async with self.database.transaction() as connection:
            row = await self.recorder.lock(connection, caller.merchant_id, transaction_id)
            attempts = await connection.fetch(store.ATTEMPTS, caller.merchant_id, transaction_id)
            live = [attempt for attempt in attempts if attempt["status"] in OPEN]
            asked = load_action(row["next_action"])
            waits = row["status"] == TransactionStatus.REQUIRES_ACTION and is_code(asked)
            if not live or asked is None or not waits or row["expires_at"] <= self.clock.now():
                raise NotConfirmable(status=row["status"])
            facts = {"by": caller.who}
            await self.recorder.turn(connection, row, live[-1], None, story=("CodeGiven", "payer", facts))
            return live[-1], asked

    async def _record(self, opened: OpenProvider, planned: Planned, evidence: Evidence) -> None:
        """Commit what was said. A code that did nothing says nothing about the attempt: it waits as before."""
        attempt = planned.row
        async with self.database.transaction() as connection:
            if not _did_nothing(evidence.word):
                await self.recorder.record(
                    connection,
                    merchant_id=attempt["merchant_id"],
                    attempt_id=attempt["id"],
                    evidence=evidence,
                )
            await self.recorder.keep_exchanges(connection, attempt, opened.http.exchanges)

    async def _ask_again(
        self, attempt: Record, asked: NextAction, word: Word | None, still: set[AttemptStatus]
    ) -> None:
        """Ask for another code and tell who gave this one, if it did nothing. still: where the attempt must be."""
        if word is not None and not _did_nothing(word):
            return
        async with self.database.transaction() as connection:
            row = await self.recorder.lock(connection, attempt["merchant_id"], attempt["transaction_id"])
            now = await one(connection, store.ATTEMPT, attempt["merchant_id"], attempt["id"])
            if now["status"] not in still:
                return
            wrong = isinstance(word, Refused)
            kind = "CodeRefused" if wrong else "CodeWanted"
            await self.recorder.turn(
                connection, row, now, asked, story=(kind, "answer" if wrong else "us", {})
            )
        raise InvalidOtp if wrong else CodeNotPassedOn


def is_code(action: NextAction | None) -> bool:
    return action is not None and action.type is ActionType.ENTER_OTP


def _did_nothing(word: Word) -> bool:
    """Whether the code is certain to have moved nothing, so that another may be given."""
    if isinstance(word, Refused):
        return word.failure.code is FailureCode.INVALID_OTP
    return isinstance(word, NotSent)
