"""Lists as files: rows of any number, a page at a time, each as one line of CSV that no spreadsheet can mistake for a formula.

No transaction is open, and no connection held, while whoever reads takes their time; what is made meanwhile is newer
than where the export began, and is not in it.
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from afriflow.core.money import Money
from afriflow.db.engine import Connection, Database, Record
from afriflow.ledger import search_store
from afriflow.ledger.present import shown_status
from afriflow.ledger.present_out import outward_status
from afriflow.ledger.search_store import Listed
from afriflow.merchants.keys import Caller

# Rows that are read and written at once: what a process holds of an export, and how long it is busy with it.
_ROWS = 500
# Up to here rows are counted, beyond PostgreSQL guesses.
_COUNTED_MAX = 10_000
# What spreadsheets take for the beginning of a formula (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BYTE_ORDER_MARK = "\ufeff"  # or Excel reads accents as two letters each

_Cell = Callable[[Record], str]


@dataclass(frozen=True, slots=True)
class Expected:
    """How many rows there will be. exact: they were counted."""

    rows: int
    exact: bool


def _text(name: str) -> _Cell:
    def write(row: Record) -> str:
        return safe_cell(row[name] or "")

    return write


def _flag(name: str) -> _Cell:
    return lambda row: "true" if row[name] else "false"


def _amount(name: str) -> _Cell:
    return lambda row: f"{Money(row[name], row['currency']).decimal:f}"


def _minor(name: str) -> _Cell:
    return lambda row: str(row[name])


def _time(name: str) -> _Cell:
    def write(row: Record) -> str:
        moment: datetime = row[name]
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    return write


_MONEY: dict[str, _Cell] = {
    "amount": _amount("amount_minor"),
    "currency": _text("currency"),
    "amount_minor": _minor("amount_minor"),
}
_WALLET = {name: _text(name) for name in ("method", "operator", "phone")}
_REFERENCES = {
    name: _text(name)
    for name in ("provider", "our_reference", "provider_reference", "operator_reference", "failure")
}
_WAITS = {name: _flag(name) for name in ("needs_review", "unresolved")}
_TIMES = {"metadata": _text("metadata"), "created_at": _time("created_at"), "updated_at": _time("updated_at")}
# The columns of each list, in their order: docs/reference/export.md says what they mean.
COLUMNS: Mapping[str, Mapping[str, _Cell]] = {
    "transactions": {
        "id": _text("id"),
        "status": shown_status,
        **_MONEY,
        "refunded": _amount("refunded_minor"),
        "refunded_minor": _minor("refunded_minor"),
        **{name: _text(name) for name in ("country", "reference", "description", "name")},
        **_WALLET,
        **_REFERENCES,
        "late": _flag("late"),
        **_WAITS,
        **_TIMES,
    },
    "payouts": {
        "id": _text("id"),
        "status": lambda row: outward_status(row["status"]),
        **_MONEY,
        **{name: _text(name) for name in ("country", "reference", "batch_id", "description", "name")},
        **_WALLET,
        **_REFERENCES,
        **_WAITS,
        **_TIMES,
    },
    "refunds": {
        "id": _text("id"),
        "status": lambda row: outward_status(row["status"]),
        **_MONEY,
        **{name: _text(name) for name in ("country", "transaction_id", "description")},
        **_WALLET,
        **_REFERENCES,
        **_WAITS,
        **_TIMES,
    },
}


def safe_cell(text: str) -> str:
    """Write a text as one line, and behind an apostrophe where it would begin a formula."""
    line = " ".join(text.splitlines()) if "\n" in text or "\r" in text else text
    return f"'{line}" if line.startswith(_FORMULA) else line


async def lines(
    database: Database, caller: Caller, listing: str, narrowed: Mapping[str, object]
) -> AsyncIterator[bytes]:
    """Give a list's export in pieces, newest first. narrowed: conditions as `search_store` knows them."""
    columns, listed = COLUMNS[listing], listed_of(listing)
    yield (_BYTE_ORDER_MARK + _written([list(columns)])).encode()
    after: str | None = None
    while True:
        query, values = search_store.exported(listed, {**narrowed, "after": after}, _ROWS)
        async with database.connection() as connection:
            rows = await connection.fetch(query, caller.merchant_id, caller.mode, *values)
        if rows:
            yield _written([[write(row) for write in columns.values()] for row in rows]).encode()
            after = rows[-1]["id"]
        if len(rows) < _ROWS:
            return


async def expected(
    connection: Connection, caller: Caller, listing: str, narrowed: Mapping[str, object]
) -> Expected:
    """Tell how many rows an export will have: counted while there are few, guessed from statistics beyond."""
    about = (caller.merchant_id, caller.mode)
    query, values = search_store.counted(listed_of(listing), narrowed, _COUNTED_MAX)
    rows: int = await connection.fetchval(query, *about, *values)
    if rows < _COUNTED_MAX:
        return Expected(rows, exact=True)
    query, values = search_store.estimated(listed_of(listing), narrowed)
    plan: Any = json.loads(await connection.fetchval(query, *about, *values))
    return Expected(max(rows, int(plan[0]["Plan"]["Plan Rows"])), exact=False)


def listed_of(listing: str) -> Listed:
    return search_store.PAYMENTS if listing == "transactions" else search_store.MONEY_OUT


def _written(rows: list[list[str]]) -> str:
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\r\n").writerows(rows)
    return sink.getvalue()
