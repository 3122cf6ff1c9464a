"""What a payment can become: a pure function from state and evidence to the next state.

Two clocks are kept apart: the attempt (what happened to money at one provider) and the transaction (what we tell
the merchant). An attempt climbs unknown → pending → final and never back; `succeeded` never leaves; only the
provider's own word, a proof that nothing was sent, or a person ends an attempt.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from afriflow.core.evidence import (
    Evidence,
    Failed,
    Missing,
    NeverReceived,
    NotSent,
    Pending,
    Refused,
    Source,
    Succeeded,
    Unclear,
)
from afriflow.core.method import ACTIONS_OF_THE_PAYER, Failure, FailureCode, NextAction
from afriflow.core.money import Money
from afriflow.core.review import Cause, LatePolicy, Review


class Mode(StrEnum):
    TEST = "test"
    LIVE = "live"


class TransactionStatus(StrEnum):
    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class AttemptStatus(StrEnum):
    PLANNED = "planned"
    UNKNOWN = "unknown"  # may have been sent: entered by the commit before the call
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NOT_SENT = "not_sent"
    NEVER_RECEIVED = "never_received"


FINAL = frozenset(
    {
        TransactionStatus.SUCCEEDED,
        TransactionStatus.FAILED,
        TransactionStatus.CANCELLED,
        TransactionStatus.EXPIRED,
    }
)
# At most one attempt of a transaction is in one of these; a partial unique index holds it (S1).
LIVE = frozenset(
    {AttemptStatus.PLANNED, AttemptStatus.UNKNOWN, AttemptStatus.PENDING, AttemptStatus.SUCCEEDED}
)
OPEN = frozenset({AttemptStatus.PLANNED, AttemptStatus.UNKNOWN, AttemptStatus.PENDING})
# Only these turn an attempt that had ended into a success: a notification or a slow answer is a reason to ask.
_DECISIVE = frozenset({Source.VERIFY, Source.HUMAN})


@dataclass(frozen=True, slots=True)
class TransactionState:
    """The part of a transaction that evidence can change.

    payer_chooses: created without a payment method, so the payer may try again on the hosted page.
    review: what a person has still to decide about.
    """

    status: TransactionStatus
    money: Money
    payer_chooses: bool
    late: bool = False
    review: tuple[Review, ...] = ()
    next_action: NextAction | None = None
    failure: Failure | None = None

    @property
    def needs_review(self) -> bool:
        return bool(self.review)


@dataclass(frozen=True, slots=True)
class AttemptState:
    """The part of an attempt that evidence can change, and what it is judged by.

    reference: our id as the provider knows it, to be echoed with the money. sends: how often it was permitted to be
    sent; 1 unless an unclear answer made it go again. surplus: it brought money beside another attempt, which keeps
    the payment's place.
    """

    status: AttemptStatus
    money: Money
    reference: str
    sends: int = 1
    failure: Failure | None = None
    operator_reference: str | None = None
    surplus: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What one piece of evidence did.

    told: what the merchant must be told, in order ("processing", "succeeded", "needs_review").
    alert: why a person must look, None when all is ordinary. changed: whether anything is different now.
    ask: this word alone does not decide, so the provider must be asked. refund: the attempt's money goes back, and why.
    """

    transaction: TransactionState
    attempt: AttemptState
    told: tuple[str, ...] = ()
    alert: str | None = None
    changed: bool = False
    ask: bool = False
    refund: Cause | None = None


def apply_evidence(
    transaction: TransactionState,
    attempt: AttemptState,
    evidence: Evidence,
    *,
    other_attempt_live: bool = False,
    another_follows: bool = False,
    under_another_id: bool = False,
    late_policy: LatePolicy = LatePolicy.HOLD,
) -> Step:
    """Decide what a word about an attempt changes.

    other_attempt_live: another attempt of this transaction may hold or bring money.
    another_follows: the caller plans the next attempt in the same database transaction (failover).
    under_another_id: the provider speaks of an order of its own that names this attempt and is not the one we kept.
    """
    unchanged = Step(transaction, attempt)
    if not evidence.is_proof(unknown=attempt.status is AttemptStatus.UNKNOWN, sends=attempt.sends):
        return unchanged
    match evidence.word:
        case Unclear(reason=reason, alert=alert, review=review):
            if review:
                return doubted(transaction, attempt, Review.MISMATCH, reason)
            return replace(unchanged, alert=reason if alert else None)
        case Missing():
            return unchanged
        case Pending(next_action=action):
            return _pending(transaction, attempt, action)
        case Succeeded() as word:
            doubt = word.doubt(attempt.money, attempt.reference)
            known = attempt.status is AttemptStatus.SUCCEEDED and not under_another_id
            if doubt is not None and not known:
                return doubted(transaction, attempt, Review.MISMATCH, doubt)
            return _succeeded(
                transaction,
                attempt,
                word,
                evidence.source,
                other_attempt_live=other_attempt_live,
                under_another_id=under_another_id,
                late_policy=late_policy,
            )
        case NotSent(failure=failure):
            return _ended(transaction, attempt, AttemptStatus.NOT_SENT, failure, another_follows)
        case NeverReceived():
            failure = Failure(FailureCode.PROVIDER_UNAVAILABLE, "never_received")
            return _ended(transaction, attempt, AttemptStatus.NEVER_RECEIVED, failure, another_follows)
        case Refused(failure=failure) | Failed(failure=failure):
            if attempt.status is AttemptStatus.SUCCEEDED:
                step = doubted(
                    transaction, attempt, Review.REVERSAL, "provider says failed after it said succeeded"
                )
                return replace(step, ask=evidence.source not in _DECISIVE)
            return _ended(transaction, attempt, AttemptStatus.FAILED, failure, another_follows)


def _pending(transaction: TransactionState, attempt: AttemptState, action: NextAction | None) -> Step:
    if attempt.status not in OPEN:
        thought_gone = attempt.status in {AttemptStatus.NOT_SENT, AttemptStatus.NEVER_RECEIVED}
        alert = f"the provider has an order that we held for {attempt.status.value}" if thought_gone else None
        return Step(transaction, attempt, alert=alert)
    moved = replace(attempt, status=AttemptStatus.PENDING)
    if transaction.status in FINAL:  # the session is over; the attempt goes on
        return Step(transaction, moved, changed=moved != attempt)
    shown = action or (transaction.next_action if attempt.status is AttemptStatus.PENDING else None)
    needs_payer = shown is not None and shown.type in ACTIONS_OF_THE_PAYER
    status = TransactionStatus.REQUIRES_ACTION if needs_payer else TransactionStatus.PROCESSING
    after = replace(transaction, status=status, next_action=shown, failure=None)
    told = (status.value,) if status is not transaction.status else ()
    return Step(after, moved, told, changed=(after, moved) != (transaction, attempt))


def _succeeded(
    transaction: TransactionState,
    attempt: AttemptState,
    word: Succeeded,
    source: Source,
    *,
    other_attempt_live: bool,
    under_another_id: bool,
    late_policy: LatePolicy,
) -> Step:
    if attempt.status is AttemptStatus.SUCCEEDED and not under_another_id:
        return Step(transaction, attempt)
    beside = other_attempt_live or transaction.status is TransactionStatus.SUCCEEDED
    if under_another_id and beside:
        doubt = "two orders of one transaction brought money"
        return doubted(transaction, attempt, Review.ANOTHER_ORDER, doubt)
    if attempt.status not in OPEN and source not in _DECISIVE:
        return Step(transaction, attempt, ask=True)
    if beside:
        return _overpaid(transaction, attempt, late_policy)
    moved = replace(
        attempt,
        status=AttemptStatus.SUCCEEDED,
        failure=None,
        operator_reference=word.operator_reference,
        surplus=False,
    )
    late = transaction.status in FINAL
    done = TransactionStatus.SUCCEEDED
    after = replace(transaction, status=done, late=late, next_action=None, failure=None)
    step = Step(after, moved, ("succeeded",), changed=True)
    if under_another_id:  # what can be given back by itself is the order that was kept, and not this one
        alert = "money came under another id, and may still come under the one that was kept"
        return _also(step, Review.ANOTHER_ORDER, alert)
    if late and late_policy is LatePolicy.AUTO_REFUND:
        return replace(step, refund=Cause.LATE)
    if late and late_policy is LatePolicy.HOLD and source is not Source.HUMAN:
        return _also(step, Review.LATE, f"money came after {transaction.status.value}")
    return step


def _also(step: Step, review: Review, alert: str) -> Step:
    """Give a step that puts its transaction before a person as well."""
    after, told = _flagged(step.transaction, review)
    return replace(step, transaction=after, told=(*step.told, *told), alert=alert)


def _overpaid(transaction: TransactionState, attempt: AttemptState, late_policy: LatePolicy) -> Step:
    """Keep that this attempt brought money too; the payment stays with the other one."""
    if attempt.surplus:
        return Step(transaction, attempt)
    after, told = _flagged(transaction, Review.OVERPAID)
    paid = transaction.status is TransactionStatus.SUCCEEDED
    refund = Cause.OVERPAID if paid and late_policy is LatePolicy.AUTO_REFUND else None
    alert, moved = "two attempts of one transaction brought money", replace(attempt, surplus=True)
    return Step(after, moved, told, alert=alert, changed=True, refund=refund)


def doubted(transaction: TransactionState, attempt: AttemptState, review: Review, alert: str) -> Step:
    after, told = _flagged(transaction, review)
    return Step(after, attempt, told, alert=alert, changed=after != transaction)


def _flagged(transaction: TransactionState, review: Review) -> tuple[TransactionState, tuple[str, ...]]:
    """Give a transaction that a person must decide about, and what the merchant is told where that is new."""
    if review in transaction.review:
        return transaction, ()
    told = () if transaction.review else ("needs_review",)
    return replace(transaction, review=(*transaction.review, review)), told


def _ended(
    transaction: TransactionState,
    attempt: AttemptState,
    status: AttemptStatus,
    failure: Failure,
    another_follows: bool,
) -> Step:
    if attempt.status not in OPEN:
        return Step(transaction, attempt)
    ended = replace(attempt, status=status, failure=failure)
    if transaction.status in FINAL:
        return Step(transaction, ended, changed=True)
    if another_follows:
        after = replace(transaction, status=TransactionStatus.PROCESSING, next_action=None)
        told = (after.status.value,) if after.status is not transaction.status else ()
        return Step(after, ended, told, changed=True)
    if transaction.payer_chooses and failure.code.payer_can_retry:
        # The payer is still on our page and may try again: the merchant hears of an end only when it is one.
        after = replace(
            transaction, status=TransactionStatus.REQUIRES_PAYMENT_METHOD, next_action=None, failure=failure
        )
        return Step(after, ended, changed=True)
    after = replace(transaction, status=TransactionStatus.FAILED, next_action=None, failure=failure)
    return Step(after, ended, ("failed",), changed=True)
