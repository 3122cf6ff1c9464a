"""Refunds, payouts and notes from the dashboard: a form that is sent twice does once, and what was written stays."""

import asyncio
import html
import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from conftest import eventually
from desk import Desk
from phones import a_phone

from afriflow.core.permission import Role

PAYS_AT_ONCE = "+221773456789"
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


class Person:
    """Somebody at the demo's dashboard, with a browser that reads forms."""

    def __init__(self, url: str, browser: aiohttp.ClientSession) -> None:
        self.url, self.browser = url, browser
        self.token = ""

    async def comes_in(self, email: str, password: str) -> None:
        await self.sends("/sign-in", email=email, password=password)
        page = await self.sees("")
        self.token = re.findall(r'name="form_token" value="([^"]+)"', page)[0]

    async def sees(self, path: str) -> str:
        async with self.browser.get(
            f"{self.url}/dashboard{path}", headers={"accept-language": "en"}
        ) as answer:
            assert answer.status == 200, path
            return html.unescape(await answer.text())

    async def sends(self, path: str, **form: str) -> tuple[int, str, str]:
        """Give status, where the answer leads, and what it says."""
        headers = {"sec-fetch-site": "same-origin", "accept-language": "en"}
        form = {"form_token": self.token, **form}
        async with self.browser.post(
            f"{self.url}/dashboard{path}", data=form, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, answer.headers.get("location", ""), html.unescape(await answer.text())

    async def form(self, path: str, action: str) -> dict[str, str]:
        """What a page has hidden in one of its forms."""
        page = await self.sees(path)
        found = page[page.index(f'action="/dashboard{action}"') :]
        return dict(_HIDDEN.findall(found[: found.index("</form>")]))


@pytest.fixture
async def person(demo: dict[str, Any]) -> AsyncIterator[Person]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), trust_env=False) as browser:
        made = Person(demo["url"], browser)
        await made.comes_in(demo["dashboard_user"], demo["dashboard_password"])
        yield made


async def paid(merchant: Any) -> Any:
    made = await merchant.pay("orange_sn", PAYS_AT_ONCE)
    return await merchant.until(made["id"], "succeeded")


async def refunds_of(merchant: Any, payment: Any) -> list[Any]:
    return (await merchant.call("GET", f"/api/refunds?transaction={payment['id']}"))[1]["data"]


async def test_a_refund_form_that_is_sent_twice_gives_back_once(merchant: Any, person: Person) -> None:
    payment = await paid(merchant)
    here = f"/transactions/{payment['id']}"
    form = {**await person.form(here, f"{here}/refund"), "amount": "2 000", "reason": "sac abîmé"}
    answers = await asyncio.gather(*(person.sends(f"{here}/refund", **form) for _ in range(3)))
    [(status, to)] = {(status, to) for status, to, _ in answers}
    [made] = await refunds_of(merchant, payment)
    assert (status, to) == (303, f"/dashboard/money-out/refunds/{made['id']}?done=refund")
    assert (made["amount"], made["reason"]) == (2000, "sac abîmé")
    # Whoever goes back and sends it again comes to the same refund; with another amount it is said.
    assert (await person.sends(f"{here}/refund", **form))[1] == to
    status, _, page = await person.sends(f"{here}/refund", **{**form, "amount": "1"})
    assert (status, "somebody was faster" in page) == (422, True)
    page = await person.sees(here)
    assert "At most F CFA 3,000." in page
    assert f"/dashboard/money-out/refunds/{made['id']}" in page
    await eventually(
        lambda: refunds_of(merchant, payment), lambda found: found[0]["status"] == "succeeded", "its end"
    )
    another = {**await person.form(here, f"{here}/refund"), "amount": "3000"}
    assert (await person.sends(f"{here}/refund", **another))[0] == 303
    assert sorted(item["amount"] for item in await refunds_of(merchant, payment)) == [2000, 3000]
    assert f'action="/dashboard{here}/refund"' not in await person.sees(here), "nothing is left"


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("6000", "At most F CFA 5,000 of this payment"),
        ("much", "This is not an amount in XOF."),
        ("", "This is not an amount"),
        ("0", "amount"),
    ],
)
async def test_a_refund_that_cannot_be_is_said_in_place(
    merchant: Any, person: Person, amount: str, sentence: str
) -> None:
    payment = await paid(merchant)
    here = f"/transactions/{payment['id']}"
    status, _, page = await person.sends(f"{here}/refund", amount=amount, reason="kept <words>")
    assert status == 422
    alert = re.search(r'id="wrong-refund" role="alert">([^<]+)', page)
    assert alert
    assert sentence in alert[1]
    assert 'value="kept <words>"' in page
    assert await refunds_of(merchant, payment) == []


async def test_a_payout_form_that_is_sent_twice_sends_once(merchant: Any, person: Person) -> None:
    list_ = "/money-out/payouts"
    form = {**await person.form(list_, list_), "amount": "1 500", "place": "SN XOF"}
    form |= {"phone": "77 345 67 89", "name": "Moussa Fall", "reference": f"desk-{uuid.uuid4().hex[:8]}"}
    answers = await asyncio.gather(*(person.sends(list_, **form) for _ in range(3)))
    [(status, to)] = {(status, to) for status, to, _ in answers}
    payout_id = to.removeprefix(f"/dashboard{list_}/").removesuffix("?done=payout")
    _, made = await merchant.call("GET", f"/api/payouts/{payout_id}")
    assert (status, made["amount"], made["payment_method"]["operator"]) == (303, 1500, "orange_sn")
    # A form that was fetched anew knows nothing of the first; the reference does.
    anew = {**form, **await person.form(list_, list_)}
    status, _, page = await person.sends(list_, **anew)
    assert (status, f"{form['reference']} already belongs to" in page) == (
        422,
        True,
    )
    status, _, page = await person.sends(list_, **{**form, "amount": "1 501"})
    assert (status, "somebody was faster" in page) == (422, True)

    async def look() -> Any:
        return await person.sees(f"{list_}/{payout_id}")

    # Its page tells everything: the story, what was said, what came, and what our server answered.
    page = await eventually(
        look, lambda page: "payout.succeeded" in page and "delivered" in page, "the payout's whole story"
    )
    assert 'class="strong">payout</span>' in page
    assert '"payoutId"' in page
    assert "signature valid" in page
    assert 'name="subject"' in page


async def test_what_is_wrong_with_a_payout_is_said_at_its_field(person: Person) -> None:
    list_ = "/money-out/payouts"
    form = {"amount": "10", "place": "SN XOF", "phone": "12", "operator": "mtn_gh", "reference": "r" * 101}
    _, _, page = await person.sends(list_, **form)
    assert re.findall(r'id="wrong-payout-(\w+)"', page) == ["reference"]
    status, _, page = await person.sends(list_, **{**form, "reference": "r"})
    assert (status, re.findall(r'id="wrong-payout-(\w+)"', page)) == (422, ["phone"])
    status, _, page = await person.sends(list_, **{**form, "reference": "r", "phone": PAYS_AT_ONCE})
    assert (status, re.findall(r'id="wrong-payout-(\w+)"', page)) == (422, ["operator"])


async def test_a_note_stays_in_the_story_and_is_only_text(merchant: Any, person: Person, demo: Any) -> None:
    payment = await merchant.pay("orange_sn", a_phone())
    here = f"/transactions/{payment['id']}"
    words = "<script>alert(1)</script>\r\nrappelé à 14 h"
    assert (await person.sends(f"{here}/note", note=words))[1].endswith("done=note")
    for refused in ("", " ", "x" * 1001):
        assert (await person.sends(f"{here}/note", note=refused))[1].endswith("done=note_missing")
    status, _, _ = await person.sends(f"{here}/note", note="la carte 4242 4242 4242 4242")
    assert status == 400
    async with person.browser.get(f"{demo['url']}/dashboard{here}") as answer:
        raw = await answer.text()
    assert "<script>alert" not in raw
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in raw
    assert "4242" not in raw
    [noted] = [item for item in (await merchant.read(payment["id"]))["events"] if item["kind"] == "Noted"]
    assert noted["source"] == "human"
    assert noted["facts"]["by"] == demo["dashboard_user"]
    assert noted["facts"]["text"] == "<script>alert(1)</script>\nrappelé à 14 h"


async def test_money_leaves_the_desk_only_by_hands_that_may_and_have_proven_it(desk: Desk) -> None:
    finance = await desk.come_in(Role.FINANCE)
    support = await desk.come_in(Role.SUPPORT, await desk.merchant_of(finance.email))
    for person in (finance, support):
        await person.get("/dashboard")
    await desk.let_age("proven_at", 60)
    order = {"amount": "5", "seen": "none"}
    for path in ("/dashboard/transactions/txn_1/refund", "/dashboard/money-out/payouts"):
        assert (await support.post(path, **order)).status == 403
        asked = await finance.post(path, **order)
        assert "Confirm that it is you" in asked.words
        assert 'name="seen" value="none"' in asked.text, "what was entered goes on with the proof"
