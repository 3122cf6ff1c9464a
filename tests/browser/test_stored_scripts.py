"""What people, merchants, providers and payers write is shown as they wrote it, and never becomes part of a page."""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from listeners import Asked, Said, serving
from playwright.async_api import Page

from afriflow.core.clock import SystemClock
from afriflow.core.ids import Ids
from afriflow.core.permission import Role
from afriflow.core.transaction import Mode
from afriflow.db.engine import Database
from afriflow.merchants.accounts import Accounts, make_merchant
from afriflow.merchants.api_keys import make_key
from afriflow.merchants.keys import caller_of_merchant
from afriflow.merchants.open_account import add_account
from afriflow.merchants.team import add_person
from afriflow.port.factory import specs

IDS = Ids(SystemClock())
PASSWORD = "quatre baobabs sous la pluie"
# Out of an attribute and a text, into a script, a picture and a template; short enough for every field.
_HOOK = "'\"><script data-x>x()</script><img data-x src=x onerror=x()>{{7*7}}"
_MORE = "<svg data-x onload=x()></svg></title></textarea><!--javascript:x()\u2028＜script＞x()"
# Of one kind of page so many are opened: the second of its kind says what the first one said.
_OF_A_KIND = 2
_ID = re.compile(r"[a-z]+_[0-9a-z]{8,26}|[0-9a-z]{32}")
_WRONG_URLS = [
    "javascript:x()",
    "JaVaScRiPt:x()",
    "data:text/html,<script>x()</script>",
    "vbscript:x()",
    " javascript:x()",
]


def hook(name: str, *, long: bool = False) -> str:
    """Write a payload that says in which field it was."""
    return f"{name}{_HOOK}{_MORE if long else ''}"


class Liar:
    """A provider and a merchant's server who answer with scripts wherever there is a word of their own."""

    def __init__(self) -> None:
        self.url = ""
        self.orders: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if path == "/hooks":
            return 500, hook("heard", long=True)
        said = json.loads(body) if body else {}
        if method == "POST":
            id_ = next((said[name] for name in ("depositId", "payoutId", "refundId") if name in said), "")
            self.orders[id_] = said
            return 200, {"depositId": id_, "payoutId": id_, "refundId": id_, "status": "ACCEPTED"}
        id_ = path.rpartition("/")[2]
        order = self.orders.get(id_)
        if order is None:
            return 200, {"status": "NOT_FOUND"}
        told = {**order, "status": "COMPLETED", "providerTransactionId": hook("receipt")}
        party = order.get("payer", order.get("recipient", {}))
        if party.get("accountDetails", {}).get("provider") == "FREE_SEN":
            reason = {"failureCode": hook("code"), "failureMessage": hook("reason", long=True)}
            told |= {"status": "FAILED", "failureReason": reason}
        told["authorizationUrl"] = "javascript:x()"
        return 200, {"status": "FOUND", "data": told}


@pytest.fixture(scope="module")
def liar() -> Iterator[Liar]:
    told = Liar()

    def answer(asked: Asked) -> Said:
        status, said = told.answer(asked.method, asked.path, asked.body)
        return (
            status,
            "application/json",
            said.encode() if isinstance(said, str) else json.dumps(said).encode(),
        )

    with serving(answer) as port:
        told.url = f"http://127.0.0.1:{port}"
        yield told


@dataclass
class Shop:
    """A merchant whose every word is a script. pages: addresses that only a payer knows."""

    merchant: Any
    email: str
    pages: list[str] = field(default_factory=list[str])


@pytest.fixture(scope="module")
async def shop(
    demo: dict[str, Any], rows_url: str, vault: Any, liar: Liar, session: Any, people: Any
) -> Shop:
    """One of everything, each filled by the door through which its words really come."""
    database = await Database.connect(rows_url, connections_max=1, statement_timeout_seconds=10)
    email, config = f"{uuid.uuid4().hex[:10]}@scripts.test", dict(specs()["pawapay"].demo_config)
    async with database.transaction() as rows:
        owner = await make_merchant(rows, IDS, name=hook("shop"), country="SN", language="en")
        key = await make_key(rows, vault, IDS, merchant_id=owner, mode=Mode.TEST)
        await add_person(rows, IDS, merchant_id=owner, email=email, password=PASSWORD, role=Role.OWNER)
        caller = await caller_of_merchant(rows, owner, Mode.TEST, hook("who"))
        accounts = Accounts(vault, demo["url"])
        account = await add_account(rows, accounts, IDS, caller, "pawapay", config, base_url=liar.url)
    await database.close()
    merchant, _ = people(session, demo["url"], key, "")
    made = Shop(merchant, email)

    async def write(path: str, body: Any, wanted: int = 201) -> Any:
        status, answer = await merchant.call(
            "POST", path, body, headers={"idempotency-key": uuid.uuid4().hex}
        )
        assert status == wanted, (path, answer)
        return answer

    words = {
        "description": hook("about", long=True)[:200],
        "metadata": {hook("n")[:40]: hook("note", long=True)},
    }
    one = {"amount": 5000, "currency": "XOF", "country": "SN", **words}
    customer = {"name": hook("payer")}
    phone = {"type": "mobile_money", "phone": "+221771234567"}
    await write("/api/webhook-endpoints", {"url": f"{liar.url}/hooks"})
    paid, failed = "wave_sn", "free_sn"
    for operator, number in ((paid, "+221771234567"), (failed, "+221761234567")):
        method = {**phone, "operator": operator, "phone": number}
        payment = {**one, "customer": customer, "reference": hook(operator), "payment_method": method}
        answer = await write("/api/checkout", payment)
        assert "javascript" not in json.dumps(answer.get("next_action") or "")
        await merchant.call("POST", f"/api/transactions/{answer['id']}/verify")
        made.pages.append(answer["checkout_url"])
        payout = {
            **one,
            "reference": hook(f"out-{operator}"),
            "recipient": customer,
            "payment_method": method,
        }
        sent = await write("/api/payouts", payout)
        await merchant.call("POST", f"/api/payouts/{sent['id']}/verify")
    open_ = await write("/api/checkout", {**one, "customer": customer, "reference": hook("open")})
    link = await write("/api/payment-links", one)
    made.pages += [open_["checkout_url"], link["url"]]
    await write(f"/api/providers/{account}/pause", {"reason": hook("pause", long=True)[:200]}, 200)
    async with session.post(
        f"{demo['url']}/api/webhooks/pawapay/{account}",
        data=json.dumps({"depositId": hook("id"), "status": hook("word")}),
        headers={"x-odd": hook("header")},
    ) as response:
        assert response.status == 200
    return made


async def come_in(page: Page, demo: dict[str, Any], email: str) -> None:
    await page.goto(demo["dashboard_url"])
    await page.fill("#email", email)
    await page.fill("#password", PASSWORD)
    await page.click("form .button")
    await page.wait_for_url("**/dashboard")


async def write_into_forms(page: Page) -> None:
    """Send each form of the page with a payload in every text that a person can fill."""
    for number in range(await page.locator("form[method=post]").count()):
        form = page.locator("form[method=post]").nth(number)
        action = await form.get_attribute("action") or ""
        if (
            "/me/" in action
            or "/team/" in action
            or action.endswith(("/sign-out", "/mode", "/remove", "/revoke", "/disable"))
        ):
            continue
        data = await form.evaluate(
            """(form, hook) => {
                const data = Object.fromEntries(new FormData(form))
                for (const it of form.elements)
                    if (it.matches('input[type=text], input:not([type]), textarea, input[type=search]') && it.name)
                        data[it.name] = (it.name + hook).slice(0, it.maxLength > 0 ? it.maxLength : 200)
                return data
            }""",
            _HOOK,
        )
        origin = re.sub(r"(://[^/]+).*", r"\1", page.url)
        await page.request.post(origin + action, form=data, headers={"origin": origin}, max_redirects=0)


async def looked_at(page: Page) -> str:
    """Hold that nothing of a payload is a part of the page; gives what can be read there, closed parts as well."""
    assert await page.evaluate("document.querySelectorAll('[data-x], [onerror], [onload]').length") == 0, (
        page.url
    )
    assert await page.evaluate("window.ran || 0") == 0, page.url
    wrong = await page.evaluate(
        "[...document.querySelectorAll('[href], [src], [action]')].map(it => it.getAttribute('href') || it.getAttribute('src')"
        " || it.getAttribute('action')).filter(url => url && !/^(https?:|mailto:|tel:|[#?/.]|data:image\\/|data:,$)/.test(url))"
    )
    assert wrong == [], page.url
    text: str = await page.evaluate(
        "document.body.textContent + [...document.querySelectorAll('input')].map(it => it.value).join(' ')"
    )
    return text


async def test_the_other_sides_pages_show_words_as_words(
    demo: dict[str, Any], merchant: Any, visit: Any
) -> None:
    """The simulated provider's page and the virtual phone are what people try the house with."""
    words = {"description": hook("about", long=True)[:200], "customer": {"name": hook("payer")}}
    made = {**words, "payment_method": {"type": "card"}, "reference": f"{uuid.uuid4().hex[:8]}{_HOOK}"}
    status, answer = await merchant.checkout(**made)
    assert status == 201, answer
    page = await visit()
    read = ""
    for url in (answer["next_action"]["url"], demo["phone_url"]):
        await page.goto(url, wait_until="domcontentloaded")
        read += await looked_at(page)
    assert hook("about") in read


@pytest.mark.timeout(300)
async def test_no_word_of_anybody_becomes_part_of_a_page(
    demo: dict[str, Any], shop: Shop, visit: Any
) -> None:
    page = await visit(wide=True)
    await page.add_init_script("window.x = () => { window.ran = 1 }")
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    await come_in(page, demo, shop.email)
    read, kinds, left = "", dict[str, int](), ["/dashboard", *shop.pages]
    seen: set[str] = set()
    while left:
        address = left.pop(0)
        kind = _ID.sub("…", address.partition("#")[0])
        if address in seen or kinds.get(kind, 0) >= _OF_A_KIND or "language=" in address:
            continue
        seen.add(address)
        kinds[kind] = kinds.get(kind, 0) + 1
        url = address if address.startswith("http") else demo["url"] + address
        answer = await page.goto(url, wait_until="domcontentloaded")
        if answer is None or "text/html" not in answer.headers.get("content-type", ""):
            continue
        await write_into_forms(page)
        answer = await page.goto(url, wait_until="domcontentloaded")
        # Some lead on to another page, but none to the door.
        assert (answer and answer.status, "/sign-in" in page.url) == (200, False), url
        read += await looked_at(page)
        left += await page.evaluate(
            '[...document.querySelectorAll(\'a[href^="/dashboard"], a[href^="?"]\')].map(it => it.pathname + it.search)'
        )
    assert len(kinds) > 15, kinds
    assert "49" not in re.findall(r"\)>(\d+)", read), "a template was filled"
    wanted = {
        "shop",
        "about",
        "note",
        "payer",
        "wave_sn",
        "free_sn",
        "open",
        "out-wave_sn",
        "pause",
        "reason",
        "heard",
    }
    assert {name for name in wanted if hook(name) not in read} == set(), "\n".join(sorted(seen))


@pytest.mark.parametrize("url", _WRONG_URLS)
async def test_no_address_that_is_a_script_is_taken(merchant: Any, url: str) -> None:
    for field_ in ("return_url", "cancel_url"):
        status, answer = await merchant.checkout(**{field_: url})
        assert (status, answer["errors"][0]["pointer"]) == (422, f"/{field_}")
    link = {"amount": 5000, "currency": "XOF", "country": "SN", "return_url": url}
    assert (await merchant.call("POST", "/api/payment-links", link))[0] == 422
    assert (await merchant.call("POST", "/api/webhook-endpoints", {"url": url}))[0] == 422
