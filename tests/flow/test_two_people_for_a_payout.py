"""A payout above the merchant's limit is nothing but a wish until a second person has agreed, and then one payout."""

import asyncio
import html
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import asyncpg
import pytest
from desk import PASSWORD, Desk, Visitor

from afriflow.checkout.approve_store import INSERT
from afriflow.core.clock import SystemClock
from afriflow.core.ids import Ids
from afriflow.core.method import MethodType, PaymentMethod
from afriflow.core.msisdn import Msisdn
from afriflow.core.permission import Role
from afriflow.core.transaction import Mode
from afriflow.ledger.method import keep_method
from afriflow.merchants.keys import caller_of_merchant
from afriflow.merchants.team import add_person
from afriflow.reconcile.audit import look_at_everything

# No other test sends money in this currency.
LIMIT, CURRENCY = 100_000, "XAF"
PAYS_AT_ONCE = "+237653456789"
HERE = "/dashboard/approvals"


class Person(Visitor):
    """Somebody at the demo's dashboard."""

    async def post(self, path: str, /, *, headers: dict[str, str] | None = None, **form: str) -> Any:
        return await super().post(path, headers=headers or {"sec-fetch-site": "same-origin"}, **form)


@pytest.fixture(scope="module")
async def people(demo: dict[str, Any], rows: Any, session: aiohttp.ClientSession) -> Any:
    """Two of the merchant's who may send money, and one who may look."""
    merchant_id = await rows.fetchval(
        "SELECT merchant_id FROM people WHERE email = $1", demo["dashboard_user"]
    )
    found: list[Person] = []
    for role in (Role.FINANCE, Role.FINANCE, Role.DEVELOPER):
        email = f"{uuid.uuid4().hex[:12]}@two.test"
        made = {"merchant_id": merchant_id, "email": email, "password": PASSWORD, "role": role}
        await add_person(rows, Ids(SystemClock()), **made)
        person = Person(None, session, url=demo["url"], email=email)  # type: ignore[arg-type]
        assert (await person.sign_in(email)).status == 303
        await person.get(HERE)
        found.append(person)
    return found


@pytest.fixture(scope="module", autouse=True)
async def limited(merchant: Any) -> AsyncIterator[None]:
    def policies(limits: dict[str, int]) -> Any:
        body = {"late_success": "hold", "payout_approval_above": limits}
        return merchant.call("PUT", "/api/policies", body)

    _, kept = await policies({CURRENCY: LIMIT})
    assert kept == {"late_success": "hold", "payout_approval_above": {CURRENCY: LIMIT}}
    await merchant.call("PUT", "/api/policies", {"late_success": "hold"})
    _, kept = await merchant.call("GET", "/api/policies")
    assert kept["payout_approval_above"] == {CURRENCY: LIMIT}, "what is not named stays as it was"
    yield
    await policies({})


def wish(amount: int = LIMIT + 1, **fields: Any) -> dict[str, Any]:
    method = {"type": "mobile_money", "operator": "mtn_cm", "phone": PAYS_AT_ONCE}
    about = {"reference": f"two-{uuid.uuid4().hex[:12]}", "recipient": {"name": "Awa Ndiaye"}}
    return {
        "amount": amount, "currency": CURRENCY, "country": "CM", "payment_method": method, **about, **fields
    }  # fmt: skip


async def ask(merchant: Any, body: Any, key: str = "") -> tuple[int, Any]:
    headers = {"idempotency-key": key or uuid.uuid4().hex}
    return await merchant.call("POST", "/api/payouts", body, headers=headers)


async def heard(rows: Any, payout_id: str) -> list[tuple[int, str]]:
    found = await rows.fetch(
        "SELECT sequence, type FROM events WHERE subject_id = $1 ORDER BY sequence", payout_id
    )
    return [tuple(row) for row in found]


async def ordered(rows: Any, payout_id: str) -> int:
    return await rows.fetchval("SELECT count(*) FROM disbursements WHERE id = $1", payout_id)


async def settled(merchant: Any, payout_id: str) -> Any:
    async with asyncio.timeout(60):
        while True:
            _, payout = await merchant.call("GET", f"/api/payouts/{payout_id}")
            if payout["status"] not in {"processing", "requires_approval"}:
                return payout
            await asyncio.sleep(0.1)


async def test_what_a_key_asks_for_waits_and_becomes_one_payout(
    merchant: Any, rows: Any, rows_url: str, people: list[Person]
) -> None:
    status, at_the_limit = await ask(merchant, wish(LIMIT))
    assert (status, at_the_limit["status"]) == (201, "processing")
    body, key = wish(), uuid.uuid4().hex
    status, held = await ask(merchant, body, key)
    assert (status, held["status"], held["provider"], held["failure"]) == (
        201,
        "requires_approval",
        None,
        None,
    )
    assert (await ask(merchant, body, key))[1] == held
    assert merchant.last_headers["idempotent-replayed"] == "true"
    assert (await ask(merchant, {**body, "amount": LIMIT + 2}, key))[1]["code"] == "idempotency_key_reused"
    status, taken = await ask(merchant, body)
    assert (status, taken["code"], taken["transaction_id"]) == (409, "reference_taken", held["id"])
    here = f"/api/payouts/{held['id']}"
    assert (await merchant.call("GET", here))[1] == (await merchant.call("POST", f"{here}/verify"))[1] == held
    _, waiting = await merchant.call("GET", "/api/payouts?status=requires_approval")
    assert held in waiting["data"]
    _, listed = await merchant.call("GET", "/api/payouts?limit=100")
    assert held["id"] not in {item["id"] for item in listed["data"]}
    assert await ordered(rows, held["id"]) == 0
    assert await heard(rows, held["id"]) == [(1, "payout.requires_approval")]

    first, second, _ = people
    page = html.unescape((await first.get(HERE)).text)
    assert body["reference"] in page
    assert "+237" in page
    assert PAYS_AT_ONCE not in page
    answers = await asyncio.gather(*(one.post(f"{HERE}/{held['id']}/approve") for one in (first, second)))
    assert sorted(answer.status for answer in answers) == [303, 422]
    paid = await settled(merchant, held["id"])
    assert (paid["status"], paid["amount"], paid["reference"]) == ("succeeded", LIMIT + 1, body["reference"])
    assert await ordered(rows, held["id"]) == 1
    words = ["requires_approval", "created", "processing", "succeeded"]
    assert await heard(rows, held["id"]) == [(at, f"payout.{word}") for at, word in enumerate(words, start=1)]
    assert (await ask(merchant, body, key))[1] == held, "the first answer is given again"
    connection = await asyncpg.connect(rows_url)
    violations = await look_at_everything(connection)
    await connection.close()
    assert [item for found in violations.values() for item in found if held["id"] in str(item)] == []
    story = await rows.fetchval(
        "SELECT facts FROM transaction_events WHERE subject_id = $1 ORDER BY position LIMIT 1", held["id"]
    )
    assert (first.email in story) != (second.email in story)


async def test_whoever_asked_is_no_second_person_and_whoever_may_only_look_is_none(
    merchant: Any, rows: Any, people: list[Person]
) -> None:
    first, second, looks = people
    form = {
        "place": f"CM {CURRENCY}", "amount": "150 000", "operator": "mtn_cm", "phone": PAYS_AT_ONCE,
        "reference": uuid.uuid4().hex, "name": "Awa", "order": f"ord_{uuid.uuid4().hex[:20]}",
    }  # fmt: skip
    sent = await first.post("/dashboard/money-out/payouts", **form)
    assert (sent.status, sent.location) == (303, f"{HERE}?done=held")
    find = "SELECT id, asked_by FROM payout_approvals WHERE merchant_reference = $1"
    payout_id, asked_by = await rows.fetchrow(find, form["reference"])
    assert asked_by == first.email
    own = await first.post(f"{HERE}/{payout_id}/approve")
    assert (own.status, "somebody else has to approve it" in own.words) == (422, True)
    assert (await looks.post(f"{HERE}/{payout_id}/approve")).status == 403
    assert "Approve and send" not in (await looks.get(HERE)).text
    assert await ordered(rows, payout_id) == 0
    assert (await second.post(f"{HERE}/{payout_id}/approve")).location.endswith("?done=approved")
    assert (await settled(merchant, payout_id))["status"] == "succeeded"
    acts = await rows.fetch("SELECT action, who FROM audit_log WHERE subject = $1", payout_id)
    assert [tuple(row) for row in acts] == [("payout.approved", second.email)]


async def test_what_is_refused_or_waits_too_long_has_failed_and_was_never_ordered(
    merchant: Any, rows: Any, people: list[Person]
) -> None:
    first, second, _ = people
    body = wish()
    _, refused = await ask(merchant, body)
    silent = await first.post(f"{HERE}/{refused['id']}/refuse", reason="")
    assert (silent.status, "Say why" in silent.words) == (422, True)
    assert (await first.post(f"{HERE}/{refused['id']}/refuse", reason="unknown supplier")).status == 303
    late = await second.post(f"{HERE}/{refused['id']}/approve")
    assert (late.status, "waits for nobody any more" in late.words) == (422, True)
    _, shown = await merchant.call("GET", f"/api/payouts/{refused['id']}")
    assert (shown["status"], shown["failure"]["code"]) == ("failed", "not_approved")
    assert await heard(rows, refused["id"]) == [(1, "payout.requires_approval"), (2, "payout.failed")]
    _, overdue = await ask(merchant, body)  # the reference is free again
    assert overdue["status"] == "requires_approval"
    await rows.execute("UPDATE payout_approvals SET expires_at = now() WHERE id = $1", overdue["id"])
    assert (await second.post(f"{HERE}/{overdue['id']}/approve")).status == 422
    for payout_id in (refused["id"], overdue["id"]):
        assert await ordered(rows, payout_id) == 0
    assert "unknown supplier" in (await first.get(HERE)).text


async def test_a_batch_in_which_one_would_wait_is_refused_whole(merchant: Any, rows: Any) -> None:
    little, much = wish(500), wish()
    headers = {"idempotency-key": uuid.uuid4().hex}
    status, problem = await merchant.call(
        "POST", "/api/payouts/batches", {"payouts": [little, much]}, headers=headers
    )
    assert (status, problem["code"], problem["reference"]) == (422, "approval_wanted", much["reference"])
    written = "SELECT count(*) FROM disbursements WHERE merchant_reference = ANY($1)"
    assert await rows.fetchval(written, [little["reference"], much["reference"]]) == 0


async def test_a_limit_that_is_none_is_refused(merchant: Any) -> None:
    for limits, code in (({"ZZZ": 5}, "unknown_currency"), ({"XOF": -1}, "amount_not_positive")):
        status, problem = await merchant.call(
            "PUT", "/api/policies", {"late_success": "hold", "payout_approval_above": limits}
        )
        assert (status, problem["errors"][0]["code"]) == (422, code), problem


async def test_the_clock_ends_what_nobody_came_for_once_and_tells_it(desk: Desk) -> None:
    merchant_id = await desk.merchant()
    house, ids = desk.house, desk.house.ids
    method = PaymentMethod(MethodType.MOBILE_MONEY, "CM", "mtn_cm", Msisdn(PAYS_AT_ONCE, "CM", "237"))
    async with house.database.transaction() as connection:
        caller = await caller_of_merchant(connection, merchant_id, Mode.LIVE, "key_of_a_test")
        kept = await keep_method(connection, house.vault, ids, caller, method)
        for payout_id, seconds in (("pyt_over", -1.0), ("pyt_waits", 60.0)):
            about = (merchant_id, payout_id, "live", "a key", 5, CURRENCY, "CM", payout_id, kept)
            await connection.execute(INSERT, *about, None, None, {}, "en", caller.who, seconds)
    await asyncio.gather(house.approvals.expire(), house.approvals.expire())
    for payout_id, status in (("pyt_over", "failed"), ("pyt_waits", "requires_approval")):
        assert (await house.approvals.read(caller, payout_id)).status == status
    told = await desk.rows.fetch("SELECT subject_id, type FROM events WHERE merchant_id = $1", merchant_id)
    assert [tuple(row) for row in told] == [("pyt_over", "payout.failed")]
