"""One address, many payers: each who goes on makes one payment, and never more of them than the link allows."""

import asyncio
import re
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

LINK = {"amount": 5000, "currency": "XOF", "country": "SN", "description": "Cours du soir"}


@pytest.fixture
def make(merchant: Any) -> Any:
    async def link(**fields: Any) -> Any:
        body = {name: value for name, value in {**LINK, **fields}.items() if value is not None}
        status, made = await merchant.call("POST", "/api/payment-links", body)
        assert status == 201, made
        return made

    return link


@pytest.fixture
def go_on(session: Any) -> Any:
    """Does what the button of the page does; gives the status, and where it leads."""

    async def click(link: Any, nonce: str = "", **form: str) -> tuple[int, str]:
        form["nonce"] = nonce or uuid.uuid4().hex
        async with session.post(link["url"], data=form, allow_redirects=False) as response:
            return response.status, response.headers.get("location", "")

    return click


async def payments(merchant: Any, link: Any) -> list[Any]:
    status, found = await merchant.call("GET", f"/api/transactions?payment_link={link['id']}")
    assert status == 200, found
    return found["data"]


async def test_a_payer_goes_on_from_a_link_and_pays(
    make: Any, merchant: Any, payer: Any, session: Any
) -> None:
    link = await make(metadata={"class": "3B"})
    assert link["status"] == "active"
    assert link["amount_display"] == "5 000 F CFA"
    assert link["url"] in link["share_text"]
    assert "Cours du soir" in link["share_text"]
    async with session.get(link["url"], headers={"accept-language": "fr"}) as response:
        page = await response.text()
    assert "5 000 F CFA" in page
    nonce = re.search(r'name="nonce" value="([0-9a-z]+)"', page)
    assert nonce
    async with session.post(link["url"], data={"nonce": nonce[1]}) as response:
        assert "/pay/" in str(response.url)
        method = {"method": "orange_sn", "phone": "+221773456789"}
        async with session.post(str(response.url), data=method) as paid:
            assert paid.status == 200
    (made,) = await payments(merchant, link)
    assert made["reference"] == f"{link['id']}-1"
    assert made["metadata"] == {"class": "3B", "payment_link": link["id"]}
    await merchant.until(made["id"], "succeeded")
    _, after = await merchant.call("GET", f"/api/payment-links/{link['id']}")
    assert after["uses"] == 1


async def test_looking_at_a_link_makes_no_payment(make: Any, merchant: Any, session: Any) -> None:
    link = await make()
    for _ in range(3):
        async with session.get(link["url"]) as response:
            assert response.status == 200
    async with session.get(link["qr_url"]) as response:
        assert response.content_type == "image/svg+xml"
        assert (await response.read()).startswith(b"<?xml")
    assert await payments(merchant, link) == []


async def test_ten_clicks_at_once_of_one_payer_are_one_payment(make: Any, merchant: Any, go_on: Any) -> None:
    link, nonce = await make(), uuid.uuid4().hex
    answers = await asyncio.gather(*(go_on(link, nonce) for _ in range(10)))
    assert {status for status, _ in answers} == {303}
    assert len({place for _, place in answers}) == 1
    assert len(await payments(merchant, link)) == 1


async def test_of_twenty_payers_at_once_no_more_than_the_link_allows_go_on(
    make: Any, merchant: Any, go_on: Any
) -> None:
    link = await make(uses_max=3)
    answers = await asyncio.gather(*(go_on(link) for _ in range(20)))
    assert sorted(status for status, _ in answers) == [303] * 3 + [410] * 17
    made = await payments(merchant, link)
    assert len({item["reference"] for item in made}) == 3
    _, full = await merchant.call("GET", f"/api/payment-links/{link['id']}")
    assert full["status"] == "used_up"
    status, _ = await merchant.call("POST", f"/api/transactions/{made[0]['id']}/cancel")
    assert status == 200
    assert (await go_on(link))[0] == 303  # the place of one who gave up is free again


async def test_a_payer_chooses_the_amount_where_the_link_leaves_it_open(
    make: Any, merchant: Any, go_on: Any
) -> None:
    link = await make(amount=None, amount_min=1000, amount_max=20000)
    for amount in ("", "no", "999", "20 001"):
        assert (await go_on(link, amount=amount))[0] == 422
    assert await payments(merchant, link) == []
    assert (await go_on(link, amount="12 500 F"))[0] == 303
    (made,) = await payments(merchant, link)
    assert made["amount"] == 12500


async def test_a_fixed_amount_is_not_the_payers_to_change(make: Any, merchant: Any, go_on: Any) -> None:
    link = await make()
    assert (await go_on(link, amount="5"))[0] == 303
    (made,) = await payments(merchant, link)
    assert made["amount"] == 5000


async def test_a_closed_or_expired_link_takes_nobody(
    make: Any, merchant: Any, go_on: Any, session: Any
) -> None:
    link = await make()
    status, closed = await merchant.call("POST", f"/api/payment-links/{link['id']}/disable")
    assert (status, closed["status"]) == (200, "disabled")
    short = await make(expires_in=1)
    await asyncio.sleep(
        max(0.0, (datetime.fromisoformat(short["expires_at"]) - datetime.now(UTC)).total_seconds())
    )
    for gone, words in ((link, "This link is closed"), (short, "This link has expired")):
        assert (await go_on(gone))[0] == 410
        async with session.get(gone["url"], headers={"accept-language": "en"}) as response:
            assert response.status == 410
            assert words in await response.text()
        assert await payments(merchant, gone) == []


async def test_what_is_wrong_with_a_link_is_said_at_once(merchant: Any) -> None:
    wrong = {
        **LINK,
        "amount_min": 5,
        "uses_max": 0,
        "expires_in": -1,
        "return_url": "javascript:alert(1)",
        "metadata": {"payment_link": "mine"},
    }
    status, problem = await merchant.call("POST", "/api/payment-links", wrong)
    assert status == 422
    pointers = {item["pointer"] for item in problem["errors"]}
    assert pointers == {"/amount_min", "/uses_max", "/expires_in", "/return_url", "/metadata"}


async def test_links_are_listed_newest_first(make: Any, merchant: Any) -> None:
    made = [(await make())["id"] for _ in range(3)]
    _, first = await merchant.call("GET", "/api/payment-links?limit=2")
    assert [item["id"] for item in first["data"]] == [made[2], made[1]]
    _, second = await merchant.call("GET", f"/api/payment-links?limit=1&cursor={first['next_cursor']}")
    assert [item["id"] for item in second["data"]] == [made[0]]
