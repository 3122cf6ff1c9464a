"""What a person decides where no provider can: how an order ended, whichever way its money goes, and that it was looked at.

A decision is evidence like any other (S4): it names who, why and on what proof, stays in the story, and cannot undo
a success (S6).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from afriflow.core.clock import Clock
from afriflow.core.errors import NotFound, NotResolvable
from afriflow.core.evidence import Evidence, Failed, Source, Succeeded
from afriflow.core.method import BY_HAND, Failure, FailureCode
from afriflow.core.money import Money
from afriflow.core.transaction import OPEN, AttemptStatus
from afriflow.db.engine import Connection, Database, Record
from afriflow.ledger import store
from afriflow.ledger.present_out import outward_status
from afriflow.ledger.record import Recorder
from afriflow.ledger.record_out import OutRecorder
from afriflow.merchants import audit_log
from afriflow.merchants.keys import Caller
from afriflow.observe.log import bound


@dataclass(frozen=True, slots=True)
class Decision:
    """How an attempt, a refund or a payout ended, by a person's word.

    reason: why a person decides. proof: what it rests on: a statement's line, a support ticket, an SMS.
    operator_reference: the operator's number of the transfer, where it is known.
    """

    succeeded: bool
    reason: str
    proof: str
    operator_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Resolver:
    """Takes decisions, of people at the dashboard or at a terminal."""

    database: Database
    recorder: Recorder
    out_recorder: OutRecorder
    clock: Clock

    async def resolve(self, caller: Caller, transaction_id: str, attempt_id: str, decision: Decision) -> None:
        """End an attempt as a person knows it ended; what was to be decided about the payment is decided with it.

        Raises NotFound, NotResolvable: its provider may still answer, or it has succeeded.
        """
        with bound(transaction_id=transaction_id, attempt_id=attempt_id):
            async with self.database.transaction() as connection:
                row = await self._lock(connection, caller, transaction_id)
                attempt = await connection.fetchrow(store.ATTEMPT, caller.merchant_id, attempt_id)
                if attempt is None or attempt["transaction_id"] != transaction_id:
                    raise NotFound(id=attempt_id)
                if not self.may_resolve(row, attempt, succeeded=decision.succeeded):
                    raise NotResolvable(status=attempt["status"])
                if row["needs_review"]:
                    await self.recorder.review(connection, row, by=caller.who, note=decision.reason)
                await self.recorder.record(
                    connection,
                    merchant_id=caller.merchant_id,
                    attempt_id=attempt_id,
                    evidence=_evidence(caller, attempt, decision),
                )
                await audit_log.write(
                    connection,
                    merchant_id=caller.merchant_id,
                    who=caller.who,
                    action="transaction.resolved",
                    subject=transaction_id,
                    details={"mode": caller.mode, "attempt": attempt_id, **asdict(decision)},
                )

    async def review(self, caller: Caller, transaction_id: str, note: str) -> None:
        """Note that a person has looked and nothing is left to decide. Raises NotFound, NotResolvable."""
        async with self.database.transaction() as connection:
            row = await self._lock(connection, caller, transaction_id)
            if not row["needs_review"]:
                raise NotResolvable(status=row["status"])
            await self.recorder.review(connection, row, by=caller.who, note=note)
            await audit_log.write(
                connection,
                merchant_id=caller.merchant_id,
                who=caller.who,
                action="transaction.reviewed",
                subject=transaction_id,
                details={"mode": caller.mode, "reason": note},
            )

    async def resolve_out(self, caller: Caller, disbursement_id: str, decision: Decision) -> None:
        """End a refund or payout as a person knows it ended; money reserved for a refund follows.

        Raises NotFound, NotResolvable as for an attempt.
        """
        with bound(disbursement_id=disbursement_id):
            async with self.database.transaction() as connection:
                row = await self._lock_out(connection, caller, disbursement_id)
                if not self.may_resolve(row, row, succeeded=decision.succeeded):
                    raise NotResolvable(status=outward_status(row["status"]))
                if row["needs_review"]:
                    await self.out_recorder.review(connection, row, by=caller.who, note=decision.reason)
                await self.out_recorder.record(
                    connection,
                    merchant_id=caller.merchant_id,
                    disbursement_id=disbursement_id,
                    evidence=_evidence(caller, row, decision),
                )
                await _log_out(connection, caller, row, "resolved", asdict(decision))

    async def review_out(self, caller: Caller, disbursement_id: str, note: str) -> None:
        """Note that a person has looked at a refund or payout and nothing is left to decide. Raises NotFound, NotResolvable."""
        async with self.database.transaction() as connection:
            row = await self._lock_out(connection, caller, disbursement_id)
            if not row["needs_review"]:
                raise NotResolvable(status=outward_status(row["status"]))
            await self.out_recorder.review(connection, row, by=caller.who, note=note)
            await _log_out(connection, caller, row, "reviewed", {"reason": note})

    async def note(self, caller: Caller, subject_id: str, text: str) -> None:
        """Keep what a person wrote about a payment, a refund or a payout; nobody changes it any more. Raises NotFound."""
        async with self.database.transaction() as connection:
            if subject_id.startswith("txn_"):
                row = await self._lock(connection, caller, subject_id)
                await self.recorder.note(connection, row, by=caller.who, text=text)
            else:
                row = await self._lock_out(connection, caller, subject_id)
                await self.out_recorder.note(connection, row, by=caller.who, text=text)

    def may_resolve(self, transaction: Record, attempt: Record, *, succeeded: bool) -> bool:
        """Whether a person may end this attempt so: machines had their time, nothing is on its way, and no success goes.

        A refund or payout is its own transaction and its own attempt.
        """
        if not (transaction["unresolved"] or transaction["needs_review"]):
            return False
        on_its_way = attempt["in_flight_until"] is not None and attempt["in_flight_until"] > self.clock.now()
        status = AttemptStatus(attempt["status"])
        return not on_its_way and (status in OPEN or (succeeded and status is not AttemptStatus.SUCCEEDED))

    async def _lock(self, connection: Connection, caller: Caller, transaction_id: str) -> Record:
        row = await self.recorder.lock(connection, caller.merchant_id, transaction_id)
        if row["mode"] != caller.mode:
            raise NotFound(id=transaction_id)
        return row

    async def _lock_out(self, connection: Connection, caller: Caller, disbursement_id: str) -> Record:
        row = await connection.fetchrow(store.DISBURSEMENT_LOCK, caller.merchant_id, disbursement_id)
        if row is None or row["mode"] != caller.mode:
            raise NotFound(id=disbursement_id)
        return row


async def _log_out(
    connection: Connection, caller: Caller, row: Record, what: str, details: Mapping[str, Any]
) -> None:
    await audit_log.write(
        connection,
        merchant_id=caller.merchant_id,
        who=caller.who,
        action=f"{row['kind']}.{what}",
        subject=row["id"],
        details={"mode": caller.mode, **details},
    )


def _evidence(caller: Caller, attempt: Record, decision: Decision) -> Evidence:
    word: Succeeded | Failed
    if decision.succeeded:
        money = Money(attempt["amount_minor"], attempt["currency"])
        word = Succeeded(money, attempt["reference"], decision.operator_reference)
    else:
        word = Failed(Failure(FailureCode.UNSPECIFIED, BY_HAND, decision.reason))
    return Evidence(Source.HUMAN, word, by=caller.who, note=decision.reason, proof=decision.proof)
