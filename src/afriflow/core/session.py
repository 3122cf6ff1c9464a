"""What changes a transaction without a word about money: its session ends, the payer's turn comes, a person is wanted."""

from dataclasses import replace

from afriflow.core.method import ACTIONS_OF_THE_PAYER, NextAction
from afriflow.core.review import Review
from afriflow.core.transaction import (
    FINAL,
    AttemptState,
    AttemptStatus,
    Step,
    TransactionState,
    TransactionStatus,
    doubted,
)


def flag(transaction: TransactionState, review: Review, why: str) -> Step:
    """Put a transaction before a person. why: for whoever looks."""
    return doubted(transaction, _no_attempt(transaction), review, why)


def reviewed(transaction: TransactionState) -> Step:
    """Take a transaction off a person's table."""
    return Step(replace(transaction, review=()), _no_attempt(transaction), changed=True)


def end_session(transaction: TransactionState, *, cancelled: bool) -> Step | None:
    """End the time to pay, by the merchant's wish or by the clock; None when the transaction is final already."""
    if transaction.status in FINAL:
        return None
    status = TransactionStatus.CANCELLED if cancelled else TransactionStatus.EXPIRED
    after = replace(transaction, status=status, next_action=None)
    return Step(after, _no_attempt(transaction), (status.value,), changed=True)


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
    return Step(after, _no_attempt(transaction), told, changed=True)


def _no_attempt(transaction: TransactionState) -> AttemptState:
    """Stand in for the attempt where a step is about none."""
    return AttemptState(AttemptStatus.NOT_SENT, transaction.money, "")
