"""Rows as the pure function reads them: the part of a transaction and of an attempt that evidence can change."""

from typing import Any

from afriflow.core.money import Money
from afriflow.core.review import Review
from afriflow.core.transaction import AttemptState, AttemptStatus, TransactionState, TransactionStatus
from afriflow.db.engine import Record
from afriflow.ledger.present import load_action, load_failure


def transaction_state(row: Record) -> TransactionState:
    """Read a transaction's row."""
    return TransactionState(
        status=TransactionStatus(row["status"]),
        money=Money(row["amount_minor"], row["currency"]),
        payer_chooses=row["payer_chooses"],
        late=row["late"],
        review=tuple(Review(item) for item in row["review"] or ()),
        next_action=load_action(row["next_action"]),
        failure=load_failure(row["failure"]),
    )


def attempt_state(row: Record) -> AttemptState:
    """Read an attempt's row."""
    return order_state(row, surplus=row["surplus"])


def order_state(row: Record, **more: Any) -> AttemptState:
    """Read what every order's row has, whichever way its money goes."""
    return AttemptState(
        status=AttemptStatus(row["status"]),
        money=Money(row["amount_minor"], row["currency"]),
        reference=row["reference"],
        sends=row["sends"],
        failure=load_failure(row["failure"]),
        operator_reference=row["operator_reference"],
        **more,
    )
