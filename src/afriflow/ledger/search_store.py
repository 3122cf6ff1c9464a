"""The SQL of lists: whatever a list is narrowed to is a condition that stands in the statement only where it is asked for.

So PostgreSQL plans for what is asked and for nothing else, and each condition has its index (`db/tables.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from afriflow.ledger import store

# The condition of each name; `{}` is the place of its value. A boolean has no place: it is asked for, or its contrary.
_OF_ANY = {
    "ids": "{key}.id = ANY({{}}::text[])",
    "after": "{key}.id < {{}}",
    "id_from": "{key}.id >= {{}}",
    "id_before": "{key}.id < {{}}",
    "since": "{key}.created_at >= {{}}",
    "until": "{key}.created_at < {{}}",
    "country": "{key}.country = {{}}",
    "currency": "{key}.currency = {{}}",
    "needs_review": "{key}.needs_review",
    "unresolved": "{key}.unresolved",
    "operator": "m.operator = {{}}",
    "phone_index": "m.msisdn_index = {{}}",
}
_PAYMENT = {name: condition.format(key="t") for name, condition in _OF_ANY.items()} | {
    "status": "t.status = {}",
    "reference": "t.reference = {}",
    "provider": (
        "EXISTS (SELECT 1 FROM attempts a WHERE a.merchant_id = t.merchant_id AND a.transaction_id = t.id"
        " AND a.mode = t.mode AND a.provider = {})"
    ),
    "link": (
        "EXISTS (SELECT 1 FROM payment_link_uses u WHERE u.merchant_id = t.merchant_id AND u.transaction_id = t.id"
        " AND u.link_id = {})"
    ),
}
_MONEY_OUT = {name: condition.format(key="d") for name, condition in _OF_ANY.items()} | {
    "kind": "d.kind = {}",
    "statuses": "d.status = ANY({}::text[])",
    "transaction_id": "d.transaction_id = {}",
    "provider": "d.provider = {}",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """What is listed. columns: those of its rows. key: how its table is called in the statement."""

    columns: str
    tables: str
    key: str
    conditions: Mapping[str, str]


def _of(single: str, key: str, conditions: Mapping[str, str]) -> Listed:
    """List what a statement gives one of, with the same columns."""
    columns, _, tables = single.partition("WHERE")[0].partition("\nFROM")
    return Listed(columns, f"FROM {tables}", key, conditions)


PAYMENTS = _of(store.TRANSACTION, "t", _PAYMENT)
MONEY_OUT = _of(store.DISBURSEMENT_OF_MODE, "d", _MONEY_OUT)


def page(listed: Listed, narrowed: Mapping[str, object], limit: int) -> tuple[str, list[object]]:
    """Give the statement of a page, newest first, and its values after merchant and mode. narrowed: None = any."""
    where, values = _where(listed, narrowed)
    order = f"ORDER BY {listed.key}.id DESC LIMIT ${len(values) + 3}"
    return f"{listed.columns} {listed.tables} WHERE {where} {order}", [*values, limit]


def exported(listed: Listed, narrowed: Mapping[str, object], limit: int) -> tuple[str, list[object]]:
    """Give the statement of so many rows of an export, and its values, as for a page."""
    return page(_EXPORTED[listed.key], narrowed, limit)


def counted(listed: Listed, narrowed: Mapping[str, object], most: int) -> tuple[str, list[object]]:
    """Give the statement that counts what is found, as far as it may."""
    where, values = _where(listed, narrowed)
    one_each = f"SELECT 1 {listed.tables} WHERE {where} LIMIT ${len(values) + 3}"
    return f"SELECT count(*) FROM ({one_each}) found", [*values, most]


def estimated(listed: Listed, narrowed: Mapping[str, object]) -> tuple[str, list[object]]:
    """Give the statement that asks PostgreSQL how many it expects to find, which reads no row."""
    where, values = _where(listed, narrowed)
    return f"EXPLAIN (FORMAT JSON) SELECT 1 {listed.tables} WHERE {where}", values


def _where(listed: Listed, narrowed: Mapping[str, object]) -> tuple[str, list[object]]:
    conditions = [f"{listed.key}.merchant_id = $1", f"{listed.key}.mode = $2"]
    values: list[object] = []
    for name, value in narrowed.items():
        if value is None:
            continue
        condition = listed.conditions[name]
        if isinstance(value, bool):
            conditions.append(condition if value else f"NOT {condition}")
        else:
            values.append(value)
            conditions.append(condition.format(f"${len(values) + 2}"))
    return " AND ".join(conditions), values


_LATEST = """
LEFT JOIN LATERAL (
    SELECT a.provider, a.reference, a.provider_reference, a.operator_reference FROM attempts a
    WHERE a.merchant_id = t.merchant_id AND a.transaction_id = t.id ORDER BY a.number DESC LIMIT 1
) latest ON true"""
_EXPORTED = {
    "t": Listed(
        """SELECT t.id, t.status, t.amount_minor, t.currency, t.refunded_minor, t.country, t.reference, t.description,
t.customer->>'name' AS name, m.type AS method, m.operator, m.msisdn_mask AS phone, latest.provider,
latest.reference AS our_reference, latest.provider_reference, latest.operator_reference,
t.failure->>'code' AS failure, t.late, t.needs_review, t.unresolved, t.metadata::text AS metadata, t.created_at, t.updated_at""",
        PAYMENTS.tables + _LATEST,
        "t",
        _PAYMENT,
    ),
    "d": Listed(
        """SELECT d.id, d.status, d.amount_minor, d.currency, d.country, d.transaction_id, d.merchant_reference AS reference,
d.batch_id, d.description, d.recipient_name AS name, m.type AS method, m.operator, m.msisdn_mask AS phone, d.provider,
d.reference AS our_reference, d.provider_reference, d.operator_reference, d.failure->>'code' AS failure,
d.needs_review, d.unresolved, d.metadata::text AS metadata, d.created_at, d.updated_at""",
        MONEY_OUT.tables,
        "d",
        _MONEY_OUT,
    ),
}


# What a text can name beside a phone; every branch is a look into an index.
PAYMENTS_OF_WORD = """
SELECT id FROM transactions WHERE merchant_id = $1 AND mode = $2 AND id = $3
UNION SELECT id FROM transactions WHERE merchant_id = $1 AND mode = $2 AND reference = $3
UNION SELECT transaction_id FROM attempts WHERE merchant_id = $1 AND mode = $2 AND id = $3
UNION SELECT transaction_id FROM attempts WHERE merchant_id = $1 AND mode = $2 AND reference = $3
UNION SELECT transaction_id FROM attempts WHERE merchant_id = $1 AND mode = $2 AND provider_reference = $3
UNION SELECT transaction_id FROM attempts WHERE merchant_id = $1 AND mode = $2 AND operator_reference = $3
UNION SELECT transaction_id FROM disbursements WHERE merchant_id = $1 AND mode = $2 AND id = $3 AND kind = 'refund'
"""
MONEY_OUT_OF_WORD = """
SELECT id FROM disbursements WHERE merchant_id = $1 AND mode = $2 AND id = $3
UNION SELECT id FROM disbursements WHERE merchant_id = $1 AND mode = $2 AND kind IN ('payout', 'refund') AND merchant_reference = $3
UNION SELECT id FROM disbursements WHERE merchant_id = $1 AND mode = $2 AND reference = $3
UNION SELECT id FROM disbursements WHERE merchant_id = $1 AND mode = $2 AND provider_reference = $3
UNION SELECT id FROM disbursements WHERE merchant_id = $1 AND mode = $2 AND operator_reference = $3
UNION SELECT id FROM disbursements WHERE merchant_id = $1 AND mode = $2 AND batch_id = $3
UNION SELECT id FROM disbursements WHERE merchant_id = $1 AND mode = $2 AND transaction_id = $3
"""
# What was said about one order: an attempt, a refund or a payout.
LOGS_OF_ORDER = """
SELECT id, account_id, attempt_id, operation, method, url, request_headers, request_body, status, response_body,
       error, duration_ms, created_at
FROM provider_logs WHERE merchant_id = $1 AND mode = $2 AND attempt_id = $3 ORDER BY id
"""
NOTIFICATIONS_OF_ORDER = """
SELECT merchant_id, id, provider, account_id, verdict, verdict_reason, status, outcome, body, received_at, handled_at, attempt_id
FROM webhook_events WHERE merchant_id = $1 AND mode = $2 AND attempt_id = $3 ORDER BY id
"""
PHONE_IS_KNOWN = """
SELECT EXISTS (SELECT 1 FROM payment_methods WHERE merchant_id = $1 AND mode = $2 AND msisdn_index = $3)
"""
