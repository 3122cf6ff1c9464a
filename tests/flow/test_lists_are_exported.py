"""Lists as files: every row once, in words that a spreadsheet reads as they are, however long it takes somebody to read them."""

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from books import AWA, DAY, Books
from desk import Desk, Visitor

from afriflow.core.permission import Role
from afriflow.core.transaction import Mode
from afriflow.ledger import export
from afriflow.ledger.export import COLUMNS
from afriflow.ledger.search import Filter, narrowed_by
from afriflow.merchants.keys import caller_of_merchant

FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "\t=1"]


@pytest.fixture(scope="module")
async def books(desk: Desk) -> Books:
    made = Books(desk, await desk.merchant("Boutique des fichiers"))
    await made.payment("first", phone=AWA)
    await made.payment("second", operator="mtn_gh", country="GH", currency="GHS", at=DAY + timedelta(days=1))
    for number, text in enumerate(FORMULAS):
        await made.payment(f"f{number}", description=text, at=DAY + timedelta(days=2, minutes=number))
    await made.payment("lines", description='two\r\nlines, and a "quote"', at=DAY + timedelta(days=3))
    await made.out("salary", description="=HYPERLINK(1)")
    other = Books(desk, await desk.merchant("Une autre"))
    await other.payment("not-mine")
    return made


@pytest.fixture(scope="module")
async def person(desk: Desk, books: Books) -> Visitor:
    return await desk.come_in(Role.READ_ONLY, books.merchant_id)


async def read(person: Visitor, listing: str = "transactions", **asked: str) -> list[dict[str, str]]:
    answer = await person.get(f"/dashboard/{listing}.csv?{urlencode(asked)}")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{listing}-test.csv"'
    assert answer.text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


async def test_a_file_has_every_payment_once_with_amounts_as_its_currency_writes_them(
    person: Visitor,
) -> None:
    rows = await read(person)
    assert [row["reference"] for row in rows] == ["lines", "f4", "f3", "f2", "f1", "f0", "second", "first"]
    assert list(rows[0]) == list(COLUMNS["transactions"])
    first, second = rows[-1], rows[-2]
    assert (first["amount"], first["amount_minor"], first["currency"]) == ("5000", "5000", "XOF")
    assert (second["amount"], second["amount_minor"], second["currency"]) == ("50.00", "5000", "GHS")
    assert (first["status"], first["created_at"]) == ("succeeded", "2026-05-01T12:00:00Z")
    assert (first["provider_reference"], first["operator_reference"]) == ("theirs-first", "MP-first")
    assert first["phone"] == "'+22177•••6789", "masked, and no formula"
    assert (first["late"], first["needs_review"], first["refunded"]) == ("false", "false", "0")


async def test_no_cell_begins_a_formula_and_each_row_is_one_line(person: Visitor) -> None:
    rows = await read(person)
    assert [row["description"] for row in rows[1:6]] == [f"'{text}" for text in reversed(FORMULAS)]
    assert rows[0]["description"] == 'two lines, and a "quote"'
    text = (await person.get("/dashboard/transactions.csv")).text
    assert text.count("\n") == len(rows) + 1
    assert [row["description"] for row in await read(person, "payouts")] == ["'=HYPERLINK(1)"]


async def test_a_file_is_narrowed_as_its_list_and_stands_in_the_audit_log(
    desk: Desk, books: Books, person: Visitor
) -> None:
    assert [row["reference"] for row in await read(person, country="GH")] == ["second"]
    assert [row["reference"] for row in await read(person, q="77 345 67 89")] == ["first"]
    assert await read(person, q="not-mine") == []
    assert await read(person, "refunds") == []
    page = (await person.get("/dashboard/export/transactions?country=GH")).text
    assert re.search(r"<span class=\"strong\">Rows: 1\.</span>", page)
    assert 'name="country" value="GH"' in page
    assert 'action="/dashboard/transactions.csv"' in page
    assert (await person.get("/dashboard/export/people")).status == 404
    kept = await desk.rows.fetchval(
        "SELECT details FROM audit_log WHERE merchant_id = $1 AND action = 'export.made' AND details LIKE '%GH%'",
        books.merchant_id,
    )
    assert kept == '{"country":"GH","mode":"test"}'


async def test_whoever_reads_slowly_holds_no_connection_and_misses_no_row(
    desk: Desk, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_ROWS", 3)
    async with desk.house.database.connection() as connection:
        caller = await caller_of_merchant(connection, books.merchant_id, Mode.TEST, "a test")
    stream: AsyncIterator[bytes] = export.lines(
        desk.house.database, caller, "transactions", narrowed_by(Filter())
    )
    sizes: list[int] = []
    async for piece in stream:
        sizes.append(piece.count(b"\n"))
        assert desk.house.database.occupancy()["used"] == 0
        if len(sizes) == 2:
            await books.payment("newer", at=DAY + timedelta(days=9))
    assert sizes == [1, 3, 3, 2]


async def test_many_rows_are_guessed_and_few_are_counted(
    desk: Desk, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk.house.database.connection() as connection:
        caller = await caller_of_merchant(connection, books.merchant_id, Mode.TEST, "a test")
        narrowed = narrowed_by(Filter(country="SN", status="succeeded"))
        few = await export.expected(connection, caller, "transactions", narrowed)
        monkeypatch.setattr(export, "_COUNTED_MAX", 3)
        many = await export.expected(connection, caller, "transactions", narrowed)
    assert few.exact
    assert few.rows >= 7
    assert not many.exact
    assert many.rows >= 3


def test_every_column_is_explained() -> None:
    text = (Path(__file__).parents[2] / "docs/reference/export.md").read_text("utf-8")
    explained = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \| ", text, re.MULTILINE))))
    columns: set[Any] = {name for listing in COLUMNS.values() for name in listing}
    assert columns - explained == set()
