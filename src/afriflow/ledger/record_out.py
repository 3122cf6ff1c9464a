"""The one door for money out: a refund or payout changes by evidence alone, and reserved money follows it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from afriflow.core.clock import Clock
from afriflow.core.errors import NotFound
from afriflow.core.evidence import Evidence
from afriflow.core.ids import Ids
from afriflow.core.money import Money
from afriflow.core.review import Cause, LatePolicy, Review
from afriflow.core.transaction import (
    OPEN,
    AttemptStatus,
    Mode,
    Step,
    TransactionState,
    TransactionStatus,
    apply_evidence,
)
from afriflow.db.engine import Connection, Record, one
from afriflow.delivery.stage import stage
from afriflow.ledger import store
from afriflow.ledger.present import store_failure
from afriflow.ledger.present_out import outward_status, show_disbursement
from afriflow.ledger.record import Recorder, remember_reference, story_facts
from afriflow.ledger.said import fit_to_keep
from afriflow.ledger.set_off import ask_again
from afriflow.ledger.state import order_state
from afriflow.ledger.tell import tell_end
from afriflow.observe.log import bound, logger, page

_log = logger("ledger")
_OUTWARD = {
    "processing": TransactionStatus.PROCESSING,
    "succeeded": TransactionStatus.SUCCEEDED,
    "failed": TransactionStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class OutRecorder:
    """What writing needs from outside. recorder: of the payment that a refund belongs to."""

    ids: Ids
    clock: Clock
    recorder: Recorder

    async def record(
        self, connection: Connection, *, merchant_id: str, disbursement_id: str, evidence: Evidence
    ) -> Step:
        """Apply one word about a refund or payout. Raises NotFound when there is no such one."""
        evidence = fit_to_keep(evidence)
        row = await connection.fetchrow(store.DISBURSEMENT_LOCK, merchant_id, disbursement_id)
        if row is None:
            raise NotFound(id=disbursement_id)
        with bound(merchant_id=merchant_id, disbursement_id=disbursement_id):
            overtaken = await _is_overtaken(connection, row)
            step = apply_evidence(
                _outward_state(row),
                order_state(row),
                evidence,
                other_attempt_live=overtaken,
                late_policy=LatePolicy.ACCEPT,  # the policy is about money that comes
            )
            brings_reference = bool(evidence.provider_reference) and row["provider_reference"] is None
            if step.changed or step.alert or brings_reference:
                entry = (type(evidence.word).__name__, evidence.source.value, story_facts(evidence, step))
                await self._write(connection, row, step, entry, evidence.provider_reference)
            if row["kind"] == "refund":
                await _move_reserve(connection, row, step)
                await self._look_after_cause(connection, row, step)
            if step.ask:
                await ask_again(connection, merchant_id, disbursement_id)
            tell_end(row["kind"], row, row, step, self.clock.now())
            alert = step.alert or ("succeeded after it had failed" if step.transaction.late else None)
            if alert:
                page("money_out_needs_attention", why=alert, provider=row["provider"])
            return step

    async def review(self, connection: Connection, row: Record, *, by: str, note: str) -> None:
        """Keep that a person decided what there was to decide. row: the locked refund or payout."""
        step = Step(replace(_outward_state(row), review=()), order_state(row), changed=True)
        facts = {"by": by, "note": note, "status": outward_status(row["status"])}
        await self._write(connection, row, step, ("Reviewed", "human", facts), None)

    async def note(self, connection: Connection, row: Record, *, by: str, text: str) -> None:
        """Keep what a person wrote about a refund or payout. row: locked."""
        facts = {"by": by, "text": text, "status": outward_status(row["status"])}
        await self.tell(connection, row, (), ("Noted", "human", facts))

    async def _look_after_cause(self, connection: Connection, row: Record, step: Step) -> None:
        """Put a payment before a person when what should have gone back by itself did not."""
        after = step.attempt.status
        if row["cause"] is None or row["status"] not in OPEN or after in OPEN:
            return
        if after is not AttemptStatus.SUCCEEDED:
            await self.recorder.flag(
                connection,
                merchant_id=row["merchant_id"],
                transaction_id=row["transaction_id"],
                review=Review.REFUND,
                why=f"the refund {row['id']} ended as {after.value}",
            )

    async def _write(
        self,
        connection: Connection,
        row: Record,
        step: Step,
        entry: tuple[str, str, dict[str, Any]],
        provider_reference: str | None,
    ) -> None:
        await connection.execute(
            store.DISBURSEMENT_CHANGE,
            row["merchant_id"],
            row["id"],
            step.attempt.status,
            store_failure(step.attempt.failure),
            step.attempt.operator_reference,
            provider_reference,
            step.transaction.needs_review,
        )
        if provider_reference and row["provider_reference"] is None:
            await remember_reference(connection, row, provider_reference, row["kind"])
        await self.tell(connection, row, step.told, entry)

    async def tell(
        self, connection: Connection, row: Record, told: Sequence[str], entry: tuple[str, str, dict[str, Any]]
    ) -> None:
        """Write the story's entry and the merchant's events for what has just been written. row: before the change."""
        merchant_id, subject_id, mode = row["merchant_id"], row["id"], Mode(row["mode"])
        kind, source, facts = entry
        position = row["story_length"] + 1
        await connection.execute(
            store.STORY_APPEND, merchant_id, subject_id, position, mode, None, kind, source, facts
        )
        await connection.execute(
            store.DISBURSEMENT_TOLD, merchant_id, subject_id, row["sequence"] + len(told), position
        )
        shown = show_disbursement(await one(connection, store.DISBURSEMENT, merchant_id, subject_id))
        for offset, name in enumerate(told, start=1):
            await stage(
                connection,
                ids=self.ids,
                clock=self.clock,
                merchant_id=merchant_id,
                mode=mode,
                subject_id=subject_id,
                sequence=row["sequence"] + offset,
                kind=f"{row['kind']}.{name}",
                data=shown,
            )
        if told:
            _log.info("disbursement_changed", kind=row["kind"], told=list(told))


async def _is_overtaken(connection: Connection, row: Record) -> bool:
    """Whether a refund held for failed can succeed no more without giving back more than came: others took its room."""
    if not _is_reserved(row) or row["status"] in OPEN or row["status"] == AttemptStatus.SUCCEEDED:
        return False
    left: int = await connection.fetchval(store.REFUND_LEFT, row["merchant_id"], row["transaction_id"])
    return left < row["amount_minor"]


async def _move_reserve(connection: Connection, row: Record, step: Step) -> None:
    """Turn a refund's reservation into money given back, or give it free; once, with the change itself."""
    before, after = AttemptStatus(row["status"]), step.attempt.status
    if before is after or after in OPEN or not _is_reserved(row):
        return
    arguments = (row["merchant_id"], row["transaction_id"], row["amount_minor"])
    if after is AttemptStatus.SUCCEEDED:
        if before not in OPEN:  # it had been given free: `_is_overtaken` has seen that there is room
            await connection.execute(store.REFUND_RELEASE, arguments[0], arguments[1], -arguments[2])
        await connection.execute(store.REFUND_DONE, *arguments)
    elif before in OPEN:
        await connection.execute(store.REFUND_RELEASE, *arguments)


def _is_reserved(row: Record) -> bool:
    """Whether it takes from what the payment brought; what came beside it is given back beside it."""
    return row["kind"] == "refund" and row["cause"] != Cause.OVERPAID


def _outward_state(row: Record) -> TransactionState:
    return TransactionState(
        status=_OUTWARD[outward_status(row["status"])],
        money=Money(row["amount_minor"], row["currency"]),
        payer_chooses=False,
        review=(Review.MISMATCH,) if row["needs_review"] else (),
    )
