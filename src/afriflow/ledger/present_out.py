"""What a refund or a payout looks like from outside: the types of the API and of what merchants are told."""

from datetime import datetime
from typing import Any

import msgspec

from afriflow.core.method import FailureCode
from afriflow.core.money import Money
from afriflow.core.transaction import OPEN
from afriflow.db.engine import Record
from afriflow.ledger.present import ShownFailure, ShownMethod, show_amount, show_failure, show_routing

# Of a payout: it waits for a second person, and nothing of it was ordered.
REQUIRES_APPROVAL = "requires_approval"


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money that goes back to who paid. Amounts in minor units."""

    id: str
    object: str = "refund"
    mode: str
    status: str
    transaction: str
    amount: int
    currency: str
    amount_display: str
    reason: str | None
    cause: str | None
    provider: str
    operator_reference: str | None
    failure: ShownFailure | None
    needs_review: bool
    unresolved: bool
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class Payout(msgspec.Struct, frozen=True, kw_only=True):
    """Money that goes to a person's wallet. Amounts in minor units. provider: null until somebody has approved it."""

    id: str
    object: str = "payout"
    mode: str
    status: str
    amount: int
    currency: str
    amount_display: str
    country: str
    reference: str | None
    batch: str | None
    recipient: dict[str, Any]
    payment_method: ShownMethod
    description: str | None
    provider: str | None
    operator_reference: str | None
    failure: ShownFailure | None
    needs_review: bool
    unresolved: bool
    routing: dict[str, Any] | None
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Payouts that were ordered together, in that order. status: processing until all are known, then done."""

    id: str
    object: str = "payout_batch"
    mode: str
    status: str
    processing: int
    succeeded: int
    failed: int
    payouts: list[Payout]
    created_at: datetime


def outward_status(status: str) -> str:
    """Say what a merchant sees: processing until it is known, then succeeded or failed."""
    if status in OPEN:
        return "processing"
    return "succeeded" if status == "succeeded" else "failed"


def show_disbursement(row: Record) -> Refund | Payout:
    """Build the outside view of either kind, in its own language."""
    language = row["language"]
    common: dict[str, Any] = {
        "id": row["id"],
        "mode": row["mode"],
        "status": outward_status(row["status"]),
        "amount": row["amount_minor"],
        "currency": row["currency"],
        "amount_display": show_amount(Money(row["amount_minor"], row["currency"]), language),
        "provider": row["provider"],
        "operator_reference": row["operator_reference"],
        "failure": show_failure(row["failure"], language),
        "needs_review": row["needs_review"],
        "unresolved": row["unresolved"],
        "metadata": row["metadata"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
    if row["kind"] == "refund":
        return Refund(
            **common, transaction=row["transaction_id"], reason=row["description"], cause=row["cause"]
        )
    phone = row["method_phone"] or None
    return Payout(
        **common,
        country=row["country"],
        reference=row["merchant_reference"],
        batch=row["batch_id"],
        recipient={"name": row["recipient_name"], "phone": phone},
        payment_method=ShownMethod(row["method_type"], row["method_operator"] or None, phone),
        description=row["description"],
        routing=show_routing(row["routing"], language),
    )


def show_waiting(row: Record) -> Payout:
    """Build the outside view of a payout that waits for a second person, or was never approved: nobody was asked."""
    language, phone = row["language"], row["method_phone"] or None
    waits = row["status"] == "waiting"
    return Payout(
        id=row["id"],
        mode=row["mode"],
        status=REQUIRES_APPROVAL if waits else "failed",
        amount=row["amount_minor"],
        currency=row["currency"],
        amount_display=show_amount(Money(row["amount_minor"], row["currency"]), language),
        country=row["country"],
        reference=row["merchant_reference"],
        batch=None,
        recipient={"name": row["recipient_name"], "phone": phone},
        payment_method=ShownMethod(row["method_type"], row["method_operator"] or None, phone),
        description=row["description"],
        provider=None,
        operator_reference=None,
        failure=None if waits else show_failure({"code": FailureCode.NOT_APPROVED}, language),
        needs_review=False,
        unresolved=False,
        routing=None,
        metadata=row["metadata"],
        created_at=row["created_at"],
        updated_at=row["decided_at"] or row["created_at"],
    )


def show_batch(row: Record, mode: str, payouts: list[Payout]) -> Batch:
    """Build the outside view of a batch from its payouts'."""
    statuses = [payout.status for payout in payouts]
    return Batch(
        id=row["id"],
        mode=mode,
        status="processing" if "processing" in statuses else "done",
        processing=statuses.count("processing"),
        succeeded=statuses.count("succeeded"),
        failed=statuses.count("failed"),
        payouts=payouts,
        created_at=row["created_at"],
    )
