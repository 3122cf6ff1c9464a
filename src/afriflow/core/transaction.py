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


@dataclass(frozen=True, slots=True)
class TransactionState:
    """The part of a transaction that evidence can change.

    payer_chooses: created without a payment method, so the payer may try again on the hosted page.
    """

    status: TransactionStatus
    money: Money
    payer_chooses: bool
    late: bool = False
    needs_review: bool = False
    next_action: NextAction | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class AttemptState:
    """The part of an attempt that evidence can change.

    reference: our id as the provider knows it, to be echoed with the money.
    """

    status: AttemptStatus
    money: Money
    reference: str
    failure: Failure | None = None
    operator_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one piece of evidence did.

    told: what the merchant must be told, in order ("processing", "succeeded", "needs_review").
    alert: why a person must look, None when all is ordinary. changed: whether anything is different now.
    """

    transaction: TransactionState
    attempt: AttemptState
    told: tuple[str, ...] = ()
    alert: str | None = None
    changed: bool = False


def apply_evidence(
    transaction: TransactionState,
    attempt: AttemptState,
    evidence: Evidence,
    *,
    other_attempt_live: bool = False,
    another_follows: bool = False,
    under_another_id: bool = False,
) -> Step:
    """Decide what a word about an attempt changes.

    other_attempt_live: another attempt of this transaction may hold or bring money.
    another_follows: the caller plans the next attempt in the same database transaction (failover).
    under_another_id: the provider speaks of an order of its own that names this attempt and is not the one we kept.
    """
    unchanged = Step(transaction, attempt)
    match evidence.word:
        case Unclear(reason=reason, alert=alert, review=review):
            doubted = _doubted(transaction, attempt, reason) if review else unchanged
            return replace(doubted, alert=reason if alert or review else None)
        case Missing():
            return unchanged
        case Pending(next_action=action):
            return _pending(transaction, attempt, action)
        case Succeeded():
            return _succeeded(transaction, attempt, evidence.word, other_attempt_live, under_another_id)
        case NotSent(failure=failure):
            # Only the sender can know that nothing left; once the provider has spoken, this is no evidence.
            if evidence.source is not Source.ANSWER or attempt.status is not AttemptStatus.UNKNOWN:
                return unchanged
            return _ended(transaction, attempt, AttemptStatus.NOT_SENT, failure, another_follows)
        case NeverReceived():
            if attempt.status is not AttemptStatus.UNKNOWN:
                return unchanged
            failure = Failure(FailureCode.PROVIDER_UNAVAILABLE, "never_received")
            return _ended(transaction, attempt, AttemptStatus.NEVER_RECEIVED, failure, another_follows)
        case Refused(failure=failure) | Failed(failure=failure):
            if attempt.status is AttemptStatus.SUCCEEDED:
                return replace(unchanged, alert="provider says failed after it said succeeded")
            return _ended(transaction, attempt, AttemptStatus.FAILED, failure, another_follows)


def end_session(transaction: TransactionState, *, cancelled: bool) -> Step | None:
    """End the time to pay, by the merchant's wish or by the clock; None when the transaction is final already."""
    if transaction.status in FINAL:
        return None
    status = TransactionStatus.CANCELLED if cancelled else TransactionStatus.EXPIRED
    attempt = AttemptState(AttemptStatus.NOT_SENT, transaction.money, "")
    return Step(replace(transaction, status=status, next_action=None), attempt, (status.value,), changed=True)


def turn_to_payer(transaction: TransactionState, action: NextAction | None) -> Step | None:
    """Say what the payer of an open attempt has to do now: give a code (again), or nothing more, since it was given.

    None when the time to pay is over or nothing is different.
    """
    if transaction.status in FINAL or action == transaction.next_action:
        return None
    needs_payer = action is not None and action.type in ACTIONS_OF_THE_PAYER
    status = TransactionStatus.REQUIRES_ACTION if needs_payer else TransactionStatus.PROCESSING
    after = replace(transaction, status=status, next_action=action)
    told = (status.value,) if status is not transaction.status else ()
    return Step(after, AttemptState(AttemptStatus.PENDING, transaction.money, ""), told, changed=True)


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
    other_attempt_live: bool,
    under_another_id: bool,
) -> Step:
    paid = attempt.status is AttemptStatus.SUCCEEDED
    if paid and not under_another_id:
        return Step(transaction, attempt)
    doubt = _doubt(attempt, word)
    if doubt is None and paid:
        doubt = "two orders of one attempt brought money"
    if doubt is None and (other_attempt_live or transaction.status is TransactionStatus.SUCCEEDED):
        doubt = "two attempts of one transaction brought money"
    if doubt is not None:
        return _doubted(transaction, attempt, doubt)
    moved = replace(
        attempt, status=AttemptStatus.SUCCEEDED, failure=None, operator_reference=word.operator_reference
    )
    late = transaction.status in FINAL
    after = replace(
        transaction,
        status=TransactionStatus.SUCCEEDED,
        late=late,
        next_action=None,
        failure=None,
        needs_review=transaction.needs_review or under_another_id,
    )
    alert = f"money came after {transaction.status.value}" if late else None
    if under_another_id:
        alert = "money came under another id, and may still come under the one that was kept"
    told = ("succeeded", "needs_review") if after.needs_review > transaction.needs_review else ("succeeded",)
    return Step(after, moved, told, alert=alert, changed=True)


def _doubted(transaction: TransactionState, attempt: AttemptState, doubt: str) -> Step:
    """Mark a transaction for a person, who is told of it once; nothing else changes."""
    known = transaction.needs_review
    after = replace(transaction, needs_review=True)
    return Step(after, attempt, () if known else ("needs_review",), alert=doubt, changed=not known)


def _doubt(attempt: AttemptState, word: Succeeded) -> str | None:
    """Say why a success cannot be believed as it stands (S7), None when amount, currency and reference agree."""
    if word.reference != attempt.reference:
        return "the provider's success names another reference"
    if word.paid is None:
        return "the provider's success names no exact amount"
    if word.paid != attempt.money:
        return f"the provider's success names {word.paid.text()} {word.paid.currency}"
    return None


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
