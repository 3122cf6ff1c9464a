"""Lists of the dashboard: found by whatever a person has in hand, narrowed by whatever a payment is, and kept under a name."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from books import AWA, DAY, Books
from desk import Desk, Visitor

from afriflow.core.permission import Role


@pytest.fixture(scope="module")
async def books(desk: Desk) -> Books:
    made = Books(desk, await desk.merchant("Boutique des listes"))
    await made.payment("awa-1", phone=AWA)
    await made.payment("ghana", operator="mtn_gh", country="GH", currency="GHS", at=DAY + timedelta(days=2))
    await made.payment("dunya", provider="paydunya", operator="wave_sn", at=DAY + timedelta(days=3))
    await made.payment("waits", status="processing", unresolved=True, at=DAY + timedelta(days=4))
    await made.payment("judged", needs_review=True, at=DAY + timedelta(days=5))
    await made.payment("real", mode="live")
    await made.out("salary-1")
    await made.out("salary-2", phone="+221773456049", provider="paydunya", status="pending", unresolved=True)
    other = Books(desk, await desk.merchant("Une autre"))
    await other.payment("not-mine", phone=AWA)
    return made


@pytest.fixture(scope="module")
async def person(desk: Desk, books: Books) -> Visitor:
    return await desk.come_in(Role.OWNER, books.merchant_id)


async def seen(person: Visitor, path: str = "", **asked: str) -> list[str]:
    """The references that a list shows, in its order."""
    page = await person.get(f"/dashboard{path}?{urlencode(asked)}")
    assert page.status == 200, page.text
    return re.findall(r'<a class="cover".*?<span class="hint">(.*?)</span>', page.text)


@pytest.mark.parametrize(
    "text",
    [
        *("awa-1", "77 345 67 89", AWA, "00221 77 345 67 89"),
        *("att_awa-1", "ours-awa-1", "theirs-awa-1", "MP-awa-1"),
    ],
)
async def test_a_payment_is_found_by_phone_and_by_every_number_it_has(person: Visitor, text: str) -> None:
    assert await seen(person, q=text) == ["awa-1"]


async def test_a_text_that_names_nothing_finds_nothing(person: Visitor) -> None:
    for text in ("awa", "not-mine", "real", "77 999 99 99", "%", "' OR 1=1 --", "lnk_none"):
        assert await seen(person, q=text) == [], text


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["judged", "waits", "dunya", "ghana", "awa-1"]),
        ({"status": "processing"}, ["waits"]),
        ({"status": "unresolved"}, ["waits"]),
        ({"status": "needs_review"}, ["judged"]),
        ({"provider": "paydunya"}, ["dunya"]),
        ({"operator": "mtn_gh"}, ["ghana"]),
        ({"country": "GH"}, ["ghana"]),
        ({"currency": "GHS"}, ["ghana"]),
        ({"currency": "XOF", "provider": "pawapay", "status": "succeeded"}, ["judged", "awa-1"]),
        ({"since": "2026-05-03"}, ["judged", "waits", "dunya", "ghana"]),
        ({"until": "2026-05-03"}, ["ghana", "awa-1"]),
        ({"since": "2026-05-03", "until": "2026-05-04"}, ["dunya", "ghana"]),
        ({"since": "2027-01-01"}, []),
        ({"q": AWA, "country": "GH"}, []),
        # What means nothing narrows nothing.
        (
            {"provider": "acme", "operator": "x", "country": "XX", "currency": "BTC", "since": "soon"},
            ["judged", "waits", "dunya", "ghana", "awa-1"],
        ),
    ],
)
async def test_payments_are_narrowed_by_what_they_are(
    person: Visitor, asked: dict[str, str], expected: list[str]
) -> None:
    assert await seen(person, **asked) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {"salary-1", "salary-2"}),
        ({"q": "salary-1"}, {"salary-1"}),
        ({"q": "77 345 67 89"}, {"salary-1"}),
        ({"q": "MP-salary-2"}, {"salary-2"}),
        ({"q": "theirs-salary-2"}, {"salary-2"}),
        ({"provider": "paydunya"}, {"salary-2"}),
        ({"status": "processing"}, {"salary-2"}),
        ({"status": "unresolved"}, {"salary-2"}),
        ({"operator": "wave_sn", "status": "succeeded"}, {"salary-1"}),
        ({"since": "2026-05-01", "until": "2026-05-01", "currency": "XOF"}, {"salary-1", "salary-2"}),
        ({"until": "2026-04-30"}, set[str]()),
    ],
)
async def test_payouts_are_narrowed_as_well(
    person: Visitor, asked: dict[str, str], expected: set[str]
) -> None:
    assert set(await seen(person, "/money-out/payouts", **asked)) == expected


async def test_a_page_goes_on_where_the_last_ended_under_the_same_filter(desk: Desk) -> None:
    books = Books(desk, await desk.merchant("Boutique longue"))
    for number in range(30):
        await books.payment(f"n{number:02}", at=DAY + timedelta(minutes=number))
        await books.payment(f"x{number:02}", country="ML", at=DAY + timedelta(minutes=number))
    person = await desk.come_in(Role.SUPPORT, books.merchant_id)
    first = await seen(person, country="SN")
    following = re.search(r'href="([^"]*)" rel="next"', person.page)
    assert following
    page = await person.get(following[1].replace("&amp;", "&"))
    second = re.findall(r'<a class="cover".*?<span class="hint">(.*?)</span>', page.text)
    assert first + second == [f"n{number:02}" for number in reversed(range(30))]


async def test_a_filter_is_kept_under_a_name_for_oneself_or_for_the_team(desk: Desk, books: Books) -> None:
    mine = await desk.come_in(Role.SUPPORT, books.merchant_id)
    other = await desk.come_in(Role.READ_ONLY, books.merchant_id)
    await mine.get("/dashboard?provider=paydunya")
    query = {"listing": "transactions", "query": "provider=paydunya&country=nowhere"}
    assert (await mine.post("/dashboard/views", name="Mine <b>", **query)).location.endswith("done=view")
    assert (await mine.post("/dashboard/views", name=" ", **query)).location.endswith("done=view_unnamed")
    assert (await mine.post("/dashboard/views", name="Ours", shared="1", **query)).status == 303
    page = (await mine.get("/dashboard")).text
    assert "Mine &lt;b&gt;" in page
    assert 'href="/dashboard?provider=paydunya"' in page
    seen_by_other = (await other.get("/dashboard")).text
    assert ("Mine" in seen_by_other, "Ours" in seen_by_other) == (False, True)
    [own, shared] = re.findall(r"/dashboard/views/(vew_\w+)/remove", page)
    await other.get("/dashboard?country=SN")
    for view_id in (own, shared):
        assert (await other.post(f"/dashboard/views/{view_id}/remove")).status == 404
    owner = await desk.come_in(Role.OWNER, books.merchant_id)
    await owner.get("/dashboard?country=SN")
    assert (await owner.post(f"/dashboard/views/{own}/remove")).status == 404
    assert (await owner.post(f"/dashboard/views/{shared}/remove")).status == 303
    assert (await mine.post(f"/dashboard/views/{own}/remove")).status == 303
    assert "vew_" not in (await mine.get("/dashboard?country=SN")).text
    deeds = [action for action, _ in await desk.deeds(books.merchant_id) if action.startswith("view.")]
    assert deeds == ["view.shared", "view.removed"]


async def test_a_name_used_again_takes_the_place_of_the_first_and_there_is_an_end(
    desk: Desk, books: Books
) -> None:
    person = await desk.come_in(Role.FINANCE, books.merchant_id)
    await person.get("/dashboard?country=SN")
    outcomes = [
        (
            await person.post(
                "/dashboard/views", listing="payouts", query=f"country={country}", name=f"n{number}"
            )
        ).location
        for country in ("SN", "GH")
        for number in range(21)
    ]
    assert [location.endswith("done=views_full") for location in outcomes] == ([False] * 20 + [True]) * 2
    page = (await person.get("/dashboard/money-out/payouts")).text
    assert page.count('class="chip"') == 20
    assert "country=SN" not in page.partition('<nav aria-label="Saved views"')[2].partition("</nav>")[0]
