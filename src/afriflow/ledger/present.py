"""What a transaction looks like from outside: one set of types for the API, webhooks, pages and dashboard."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from babel.numbers import format_currency

from afriflow.core.language import say
from afriflow.core.method import Failure, FailureCode, NextAction
from afriflow.core.money import EXPONENTS, Money
from afriflow.db.engine import Record
from afriflow.ledger.present_action import ShownAction, show_action


class ShownMethod(msgspec.Struct, frozen=True):
    type: str
    operator: str | None
    phone: str | None


class ShownFailure(msgspec.Struct, frozen=True):
    code: str
    message: str
    payer_can_retry: bool


class ShownAttempt(msgspec.Struct, frozen=True):
    id: str
    number: int
    provider: str
    account: str
    status: str
    reference: str
    provider_reference: str | None
    operator_reference: str | None
    failure: ShownFailure | None
    created_at: datetime
    updated_at: datetime


class ShownWarning(msgspec.Struct, frozen=True):
    """What looks wrong and was not refused. transaction: the other one."""

    code: str
    message: str
    transaction: str


class ShownEvent(msgspec.Struct, frozen=True):
    position: int
    kind: str
    source: str
    attempt: str | None
    facts: dict[str, Any]
    created_at: datetime


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as everybody sees it. Amounts in minor units, times in UTC."""

    id: str
    object: str = "transaction"
    mode: str
    status: str
    amount: int
    currency: str
    amount_display: str
    refunded_amount: int
    country: str
    reference: str
    description: str | None
    customer: dict[str, Any]
    payment_method: ShownMethod | None
    provider: str | None
    next_action: ShownAction | None
    checkout_url: str
    failure: ShownFailure | None
    late: bool
    needs_review: bool
    review_reasons: tuple[str, ...]
    warnings: tuple[ShownWarning, ...]
    unresolved: bool
    attempts: tuple[ShownAttempt, ...]
    routing: dict[str, Any] | None
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    expires_at: datetime


class TransactionWithStory(Transaction, frozen=True, kw_only=True):
    """A payment with everything that happened to it."""

    events: tuple[ShownEvent, ...]


# One payment shows its amount in every event, answer and page, and Babel takes its time.
@lru_cache(maxsize=4096)
def show_amount(money: Money, language: str) -> str:
    """Write an amount as people do: "5 000 F CFA" in French, "F CFA 5,000" in English."""
    places = EXPONENTS[money.currency]
    digits = "#,##0.00" if places else "#,##0"
    pattern = f"{digits} ¤" if language == "fr" else f"¤ {digits}"
    text = format_currency(
        money.decimal, money.currency, format=pattern, locale=language, currency_digits=bool(places)
    )
    # Plain spaces: programs compare and print it; pages keep it on one line by style.
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ").replace("\N{NO-BREAK SPACE}", " ")


def show_transaction(
    row: Record, attempts: Sequence[Record], base_url: str, language: str | None = None
) -> Transaction:
    """Build the outside view. row: as `ledger.store.TRANSACTION` gives it. language: None = the transaction's own."""
    return Transaction(**_fields(row, attempts, base_url, language or row["language"]))


def show_story(
    row: Record,
    attempts: Sequence[Record],
    events: Sequence[Record],
    base_url: str,
    language: str | None = None,
) -> TransactionWithStory:
    """Build the outside view with all events."""
    shown = tuple(
        ShownEvent(
            event["position"],
            event["kind"],
            event["source"],
            event["attempt_id"],
            event["facts"],
            event["created_at"],
        )
        for event in events
    )
    return TransactionWithStory(**_fields(row, attempts, base_url, language or row["language"]), events=shown)


def _fields(row: Record, attempts: Sequence[Record], base_url: str, language: str) -> dict[str, Any]:
    display = show_amount(Money(row["amount_minor"], row["currency"]), language)
    method = None
    if row["method_type"] is not None:
        phone = row["method_phone"] or None
        method = ShownMethod(row["method_type"], row["method_operator"] or None, phone)
    shown = tuple(_attempt(attempt, language) for attempt in attempts)
    return {
        "id": row["id"],
        "mode": row["mode"],
        "status": shown_status(row),
        "amount": row["amount_minor"],
        "currency": row["currency"],
        "amount_display": display,
        "refunded_amount": row["refunded_minor"],
        "country": row["country"],
        "reference": row["reference"],
        "description": row["description"],
        "customer": row["customer"],
        "payment_method": method,
        "provider": shown[-1].provider if shown else None,
        "next_action": show_action(row, display, language),
        "checkout_url": f"{base_url}/pay/{row['token']}",
        "failure": show_failure(row["failure"], language),
        "late": row["late"],
        "needs_review": row["needs_review"],
        "review_reasons": tuple(row["review"] or ()),
        "warnings": tuple(_warning(item, language) for item in row["warnings"] or ()),
        "unresolved": row["unresolved"],
        "attempts": shown,
        "routing": show_routing(row["routing"], language),
        "metadata": row["metadata"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "expires_at": row["expires_at"],
    }


def shown_status(row: Record) -> str:
    """Derive the refunded states; `succeeded` itself never leaves."""
    if row["refunded_minor"] == 0:
        return row["status"]
    return "refunded" if row["refunded_minor"] == row["amount_minor"] else "partially_refunded"


def _warning(stored: Mapping[str, Any], language: str) -> ShownWarning:
    other = stored["transaction"]
    return ShownWarning(stored["code"], say(f"warning.{stored['code']}", language, transaction=other), other)


def _attempt(row: Record, language: str) -> ShownAttempt:
    return ShownAttempt(
        id=row["id"],
        number=row["number"],
        provider=row["provider"],
        account=row["account_id"],
        status=row["status"],
        reference=row["reference"],
        provider_reference=row["provider_reference"],
        operator_reference=row["operator_reference"],
        failure=show_failure(row["failure"], language),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def show_failure(stored: Mapping[str, Any] | None, language: str) -> ShownFailure | None:
    """Show a stored failure; the provider's own words stay inside."""
    if stored is None:
        return None
    code = FailureCode(stored["code"])
    return ShownFailure(code.value, say(f"failure.{code}", language), code.payer_can_retry)


def show_routing(stored: Mapping[str, Any] | None, language: str) -> dict[str, Any] | None:
    """Put the routing decision into words; `code` stays stable beside them."""
    if stored is None:
        return None
    considered = [
        {
            "provider": item["provider"],
            "account": item["account"],
            "rank": item["rank"],
            "code": item["code"],
            "why": say(f"why.{item['code']}", language, **item["facts"]),
            "standing": _standing(item["facts"]),
        }
        for item in stored["considered"]
    ]
    return {"chosen": stored["chosen"], "considered": considered}


def _standing(facts: Mapping[str, Any]) -> dict[str, int] | None:
    """Show how an account had done lately when it was decided; None where nothing was known."""
    return {name: facts[name] for name in ("percent", "outcomes")} if "percent" in facts else None


# ── how values of the core are stored in jsonb ──────────────────────────────────────────────────────────────────
def store_action(action: NextAction | None) -> dict[str, Any] | None:
    return None if action is None else {k: v for k, v in msgspec.to_builtins(action).items() if v is not None}


def store_failure(failure: Failure | None) -> dict[str, Any] | None:
    return None if failure is None else msgspec.to_builtins(failure)


def load_action(stored: Mapping[str, Any] | None) -> NextAction | None:
    return None if stored is None else msgspec.convert(stored, NextAction)


def load_failure(stored: Mapping[str, Any] | None) -> Failure | None:
    return None if stored is None else msgspec.convert(stored, Failure)
