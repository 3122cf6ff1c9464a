"""The queues: payments, refunds and payouts that only a person can decide about, oldest first."""

import re
from datetime import timedelta

import pytest
from books import DAY, Books
from desk import Desk, Visitor

from afriflow.core.permission import Role


@pytest.fixture(scope="module")
async def books(desk: Desk) -> Books:
    made = Books(desk, await desk.merchant("Boutique des questions"))
    paid = await made.payment("fine")
    await made.payment("second", unresolved=True, status="processing", at=DAY + timedelta(hours=2))
    await made.out("first", status="pending", unresolved=True)
    await made.out(
        "third",
        kind="refund",
        transaction_id=paid,
        status="unknown",
        unresolved=True,
        at=DAY + timedelta(days=1),
    )
    await made.payment("judged", needs_review=True, review='["overpaid", "late"]', at=DAY + timedelta(days=2))
    await made.out("contradicted", needs_review=True)
    await made.payment("elsewhere", mode="live", needs_review=True)
    other = Books(desk, await desk.merchant("Une autre"))
    await other.payment("not-mine", unresolved=True)
    return made


def shown(page: str) -> list[str]:
    return re.findall(r'<span class="wrap">(.*?)</span>', page)


async def test_a_queue_holds_all_three_oldest_first_with_age_and_reason(desk: Desk, books: Books) -> None:
    person = await desk.come_in(Role.FINANCE, books.merchant_id)
    assert (await person.get("/dashboard/queue")).location == "/dashboard/queue/unresolved"
    page = (await person.get("/dashboard/queue/unresolved")).words
    assert [reference.partition("_")[0] for reference in shown(page)] == ["first", "second", "txn"]
    assert "Unresolved (3)" in page
    assert "Needs review (2)" in page
    assert re.search(r"For \d+ (days|weeks|months|years?)", page)
    assert page.count('/verify" data-once') == 3
    assert len(re.findall(r'href="/dashboard/[\w/-]+#decide"', page)) == 3
    page = (await person.get("/dashboard/queue/needs_review")).words
    assert shown(page) == ["contradicted", "judged"]
    assert "Two attempts brought money" in page
    assert "The money came when the time to pay was over" in page
    assert page.count("#review-reason") == 2


async def test_whoever_decides_nothing_sees_no_way_to_decide(desk: Desk, books: Books) -> None:
    person = await desk.come_in(Role.READ_ONLY, books.merchant_id)
    page = (await person.get("/dashboard/queue/needs_review")).words
    assert shown(page) == ["contradicted", "judged"]
    assert "#decide" not in page
    assert "/verify" not in page
    assert (await person.get("/dashboard/queue/everything")).status == 404
    assert (
        await person.get("/dashboard/queue/unresolved?cursor=x")
    ).location == "/dashboard/queue/unresolved"


async def test_a_long_queue_goes_on_and_none_is_left_out(desk: Desk) -> None:
    books = Books(desk, await desk.merchant("Boutique des attentes"))
    for number in range(20):
        # Two of the same moment, of both kinds, at every place.
        await books.payment(f"p{number:02}", unresolved=True, at=DAY + timedelta(hours=number))
        await books.out(f"o{number:02}", unresolved=True, at=DAY + timedelta(hours=number))
    person: Visitor = await desk.come_in(Role.SUPPORT, books.merchant_id)
    first = shown((await person.get("/dashboard/queue/unresolved")).words)
    following = re.search(r'href="([^"]*)" rel="next"', person.page)
    assert following
    second = shown((await person.get(following[1].replace("&amp;", "&"))).words)
    assert (len(first), len(second)) == (25, 15)
    assert sorted(first + second) == sorted(f"{kind}{number:02}" for kind in "po" for number in range(20))


async def test_an_empty_queue_says_so(desk: Desk) -> None:
    person = await desk.come_in(Role.OWNER)
    page = (await person.get("/dashboard/queue/unresolved")).words
    assert "Nothing waits for you" in page
