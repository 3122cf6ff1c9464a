"""Who may do what, over every operation of the API and every page of the dashboard, with real objects of somebody else.

New routes are looked at by themselves; one whose path names a kind of object that this world has none of fails here,
until somebody adds it.
"""

import asyncio
import json
import re
import uuid
import warnings
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from litestar.exceptions import LitestarDeprecationWarning
from openapi import Operation, example, faults, objects_in, operations_with_keys, resolved

from afriflow.app import build_app
from afriflow.core.clock import SystemClock
from afriflow.core.ids import Ids
from afriflow.core.permission import ALL_PERMISSIONS, READ_PERMISSIONS, Permission, Role
from afriflow.core.transaction import Mode
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.api_keys import keys_of, make_key, revoke_key
from afriflow.merchants.keys import caller_of_merchant
from afriflow.merchants.team import add_person
from afriflow.settings import Settings
from afriflow.web.auth import require_person

IDS = Ids(SystemClock())
PAYS_AT_ONCE = "+221773456789"
# What a question needs beside its path.
QUERIES = {"/api/payment-methods": "?country=SN"}


PASSWORD = "a long sentence of a test"
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}
# Of the merchant and not of one of its modes: there is no other mode in which they would not be there.
OF_BOTH_MODES = {"person_id", "invitation_id", "view_id", "session_id"}
# What stands in a path and names nobody's object.
WORDS = {"kind": "payouts", "listing": "transactions", "place": "1", "queue": "needs_review"}
# Whatever a form of the dashboard may ask for.
FORM = {
    "note": "a test",
    "reason": "a test",
    "proof": "a test",
    "as": "succeeded",
    "url": "https://shop.example/hooks",
    "name": "a test",
    "access": "chosen",
    "scope.transactions:read": "on",
    "role": "support",
    "late_success": "hold",
    "state": "open",
    "operation": "initiate",
    "minutes": "60",
}


LINK = {"amount": 5000, "currency": "XOF", "country": "SN", "description": "a test"}


@dataclass
class World:
    """One of each: what the owner has, and who else is there.

    ids: by the name of the parameter that paths call it. owner, stranger: merchant ids.
    """

    owner: str
    stranger: str
    ids: dict[str, str] = field(default_factory=dict)

    def path(self, operation: Operation) -> str:
        missing = [name for name in operation.parameters if name not in self.ids]
        assert not missing, f"{operation}: this world has no {missing}; make one of it"
        return operation.path.format(**WORDS, **self.ids) + QUERIES.get(operation.path, "")


@pytest.fixture(scope="module")
async def described(demo: dict[str, Any], session: Any) -> Any:
    async with session.get(f"{demo['url']}/openapi.json") as response:
        return await response.json()


@pytest.fixture(scope="module")
def operations(described: Any) -> list[Operation]:
    return operations_with_keys(described)


@pytest.fixture(scope="module")
async def world(merchant: Any, demo: dict[str, Any], rows: Any) -> World:
    owner = await rows.fetchval("SELECT merchant_id FROM provider_accounts LIMIT 1")
    made = World(owner, await make_merchant(rows, IDS, name="Stranger", country="GH", language="en"))
    payment = await merchant.pay("orange_sn", PAYS_AT_ONCE)
    await merchant.until(payment["id"], "succeeded")
    key, other = {"idempotency-key": uuid.uuid4().hex}, {"idempotency-key": uuid.uuid4().hex}
    _, refund = await merchant.call("POST", "/api/refunds", {"transaction": payment["id"]}, headers=key)
    one = {
        "amount": 2500,
        "currency": "XOF",
        "country": "SN",
        "reference": uuid.uuid4().hex,
        "payment_method": {"type": "mobile_money", "operator": "orange_sn", "phone": PAYS_AT_ONCE},
    }
    _, batch = await merchant.call("POST", "/api/payouts/batches", {"payouts": [one]}, headers=other)
    _, events = await merchant.call("GET", f"/api/events?transaction={payment['id']}")
    _, endpoint = await merchant.call("POST", "/api/webhook-endpoints", {"url": "https://shop.example/hooks"})
    _, link = await merchant.call("POST", "/api/payment-links", LINK)
    made.ids = {
        "link_id": link["id"],
        "transaction_id": payment["id"],
        "attempt_id": payment["attempts"][0]["id"],
        "refund_id": refund["id"],
        "batch_id": batch["id"],
        "payout_id": batch["payouts"][0]["id"],
        "disbursement_id": batch["payouts"][0]["id"],
        "event_id": events["data"][0]["id"],
        "endpoint_id": endpoint["id"],
        "account_id": payment["attempts"][0]["account"],
        "key_id": (await keys_of(rows, owner, Mode.TEST))[0].id,
    }
    told = "SELECT id FROM webhook_events WHERE merchant_id = $1 LIMIT 1"
    while (notified := await rows.fetchval(told, owner)) is None:
        await asyncio.sleep(0.1)
    made.ids["notification_id"] = notified
    person = uuid.uuid4().hex[:12] + "@owner.test"
    await add_person(rows, IDS, merchant_id=owner, email=person, password=PASSWORD, role=Role.SUPPORT)
    made.ids["person_id"] = await rows.fetchval("SELECT id FROM people WHERE email = $1", person)
    return made


@pytest.fixture
def maker(rows: Any, vault: Any, world: World) -> Any:
    """Makes a key: the owner's, of test mode, that may do everything, where nothing else is said."""

    async def make(**how: Any) -> str:
        return await make_key(rows, vault, IDS, **{"merchant_id": world.owner, "mode": Mode.TEST, **how})

    return make


@pytest.fixture
def ask(demo: dict[str, Any], session: Any, described: Any, world: World) -> Any:
    """Asks for an operation on the owner's objects; gives status, code and what was said."""

    async def send(
        operation: Operation, authorization: str | None, where: World = world, **more: str
    ) -> tuple[int, str, str]:
        headers = {"idempotency-key": uuid.uuid4().hex, "accept-language": "en", **more}
        if authorization is not None:
            headers["authorization"] = authorization
        how: dict[str, Any] = {}
        if operation.body is not None:
            how["json"] = example(described, operation.body, transaction=where.ids["transaction_id"])
        url = demo["url"] + where.path(operation)
        async with session.request(operation.method, url, headers=headers, **how) as response:
            text = await response.text()
            problem = response.content_type == "application/problem+json"
            return response.status, (await response.json(content_type=None))["code"] if problem else "", text

    return send


@pytest.fixture
async def untouched(rows: Any, world: World) -> Any:
    """Nothing of the owner's may have changed by what was refused: not a row of what people decide, no act, no money."""

    async def look() -> Any:
        tables = ("webhook_endpoints", "provider_accounts", "routing_rules", "merchant_policies", "audit_log")
        tables += ("payout_approvals",)
        kept = {
            table: await rows.fetchval(
                f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t WHERE merchant_id = $1",  # noqa: S608 - named above
                world.owner,
            )
            for table in tables
        }
        money = "SELECT count(*) FROM transactions WHERE merchant_id = $1"
        out = "SELECT count(*) FROM disbursements WHERE merchant_id = $1"
        kept["keys"] = await rows.fetchval(
            "SELECT count(*) FILTER (WHERE revoked_at IS NULL) FROM api_keys WHERE merchant_id = $1",
            world.owner,
        )
        return kept, await rows.fetchval(money, world.owner), await rows.fetchval(out, world.owner)

    return look


class Person:
    """Somebody at a browser of their own."""

    def __init__(self, url: str, browser: aiohttp.ClientSession) -> None:
        self.url, self.browser, self.token = url, browser, ""

    async def sign_in(self, email: str, password: str) -> None:
        form = {"email": email, "password": password}
        await self.send("POST", "/dashboard/sign-in", form)
        _, page, _ = await self.send("GET", "/dashboard")
        self.token = re.findall(r'name="form_token" value="([^"]+)"', page)[0]

    async def send(self, method: str, path: str, form: Any = None, **headers: str) -> tuple[int, str, str]:
        """Give status, text, and where the answer leads."""
        headers = {**SAME_ORIGIN, "accept-language": "en", **headers}
        how: dict[str, Any] = {} if method == "GET" else {"data": {"form_token": self.token, **(form or {})}}
        async with self.browser.request(
            method, self.url + path, headers=headers, allow_redirects=False, **how
        ) as response:
            endless = response.content_type == "text/event-stream"
            text = (await response.content.readany()).decode() if endless else await response.text()
            return response.status, text, response.headers.get("location", "")


@pytest.fixture(scope="module")
async def come_in(demo: dict[str, Any]) -> AsyncIterator[Any]:
    """Opens a browser, and signs somebody in."""
    async with AsyncExitStack() as stack:

        async def open_browser(email: str = "", password: str = PASSWORD) -> Person:
            jar = aiohttp.CookieJar(unsafe=True)
            person = Person(
                demo["url"],
                await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar, trust_env=False)),
            )
            if email:
                await person.sign_in(email, password)
            return person

        yield open_browser


@pytest.fixture(scope="module")
async def owner(demo: dict[str, Any], come_in: Any, world: World, rows: Any) -> Person:
    """The owner's owner, who has invited somebody."""
    person = await come_in(demo["dashboard_user"], demo["dashboard_password"])
    invited = uuid.uuid4().hex[:12] + "@owner.test"
    await person.send("POST", "/dashboard/team", {"email": invited, "role": "support"})
    world.ids["invitation_id"] = await rows.fetchval("SELECT id FROM person_links WHERE email = $1", invited)
    await person.send("POST", "/dashboard/views", {"name": invited, "query": "status=failed"})
    world.ids["view_id"] = await rows.fetchval("SELECT id FROM saved_views WHERE name = $1", invited)
    of_person = "JOIN people p ON p.merchant_id = s.merchant_id AND p.id = s.person_id WHERE p.email = $1"
    world.ids["session_id"] = await rows.fetchval(
        f"SELECT s.id FROM dashboard_sessions s {of_person} ORDER BY s.created_at DESC LIMIT 1",  # noqa: S608
        demo["dashboard_user"],
    )
    return person


@pytest.fixture(scope="module")
async def strangers(come_in: Any, world: World, rows: Any) -> dict[Role, Person]:
    """The stranger's people, one in each role."""
    found: dict[Role, Person] = {}
    for role in Role:
        email = f"{role.value}-{world.stranger[-8:]}@stranger.test"
        await add_person(rows, IDS, merchant_id=world.stranger, email=email, password=PASSWORD, role=role)
        found[role] = await come_in(email)
    return found


@pytest.fixture(scope="module")
def pages() -> list[Operation]:
    """Every route of the dashboard that wants somebody to be signed in."""
    with warnings.catch_warnings():
        # What the framework will want in its next major version is no matter of this test.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = build_app(
            cast("Any", SimpleNamespace(settings=Settings(), redis=None, database=None, clock=None))
        )
    return [
        Operation(
            method,
            route.path_format,
            handler.opt["permission"],
            tuple(name for name in re.findall(r"{(\w+)}", route.path_format) if name not in WORDS),
            None,
        )
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        if require_person in handler.resolve_guards() and "permission" in handler.opt
        for method in sorted(handler.http_methods - {"OPTIONS"})
    ]


@pytest.fixture(scope="module")
def cookie(owner: Person) -> str:
    """What the owner's browser brings."""
    return "; ".join(f"{item.key}={item.value}" for item in owner.browser.cookie_jar)


async def test_there_is_something_to_look_at(operations: list[Operation], world: World) -> None:
    assert len(operations) > 30
    assert {operation.permission for operation in operations} <= set(ALL_PERMISSIONS)
    assert {operation.method for operation in operations} >= {"get", "post", "put", "delete"}
    assert all(world.ids.values())


async def test_nobody_comes_in_without_a_good_key(
    operations: list[Operation], ask: Any, maker: Any, rows: Any, world: World, untouched: Any, cookie: str
) -> None:
    good, revoked = await maker(), await maker()
    caller = await caller_of_merchant(rows, world.owner, Mode.TEST, "a test")
    await revoke_key(rows, caller, (await keys_of(rows, world.owner, Mode.TEST))[0].id)
    bad: dict[str, Any] = {
        "no credential": (None, {}),
        "an empty one": ("Bearer ", {}),
        "another scheme": (f"Basic {good}", {}),
        "nobody's key": ("Bearer sk_test_" + "A" * 43, {}),
        "a mistyped key": (f"Bearer {good[:-1]}{'A' if good[-1] != 'A' else 'B'}", {}),
        "the other mode's prefix": (f"Bearer {good.replace('sk_test', 'sk_live')}", {}),
        "a revoked key": (f"Bearer {revoked}", {}),
        "an expired key": (f"Bearer {await maker(lifetime_seconds=-1)}", {}),
        "a person's session": (None, {"cookie": cookie}),
    }
    before = await untouched()
    found = [
        (str(operation), case, answer[:2])
        for case, (authorization, headers) in bad.items()
        for operation in operations
        if (answer := await ask(operation, authorization, **headers))[0] != 401
    ]
    assert found == []
    assert await untouched() == before
    assert (await ask(operations[0], f"Bearer {good}"))[0] != 401


async def test_every_operation_asks_for_its_own_permission_and_for_no_other(
    operations: list[Operation], ask: Any, maker: Any, world: World, untouched: Any
) -> None:
    """The owner's key that lacks it is refused on the owner's own objects; a stranger's that has nothing else is not."""
    asked = sorted({Permission(operation.permission) for operation in operations if operation.permission})
    lacking = {item: await maker(scopes=ALL_PERMISSIONS - {item}) for item in asked}
    having = {item: await maker(scopes=[item], merchant_id=world.stranger) for item in asked}
    before = await untouched()
    found: list[Any] = []
    for operation in operations:
        needed = Permission(operation.permission)
        status, code, text = await ask(operation, f"Bearer {lacking[needed]}")
        if (status, code) != (403, "permission_denied") or needed not in text:
            found.append((str(operation), "lacking", status, code))
        status, code, _ = await ask(operation, f"Bearer {having[needed]}")
        if status in {401, 403} or status >= 500:
            found.append((str(operation), "having", status, code))
    assert found == []
    assert await untouched() == before


async def test_a_key_that_may_only_read_changes_nothing_and_sees_what_there_is(
    operations: list[Operation], ask: Any, maker: Any, untouched: Any
) -> None:
    key = await maker(scopes=READ_PERMISSIONS)
    before = await untouched()
    found: list[Any] = []
    for operation in operations:
        status, code, _ = await ask(operation, f"Bearer {key}")
        reads = operation.permission in READ_PERMISSIONS
        if reads and status not in {200, 422}:
            found.append((str(operation), status, code))
        if not reads and (status, code) != (403, "permission_denied"):
            found.append((str(operation), status, code))
        if operation.method in {"put", "delete", "patch"} and reads:
            found.append((str(operation), "changes with a permission to read"))
    assert found == []
    assert await untouched() == before


async def test_what_belongs_to_somebody_else_or_to_the_other_mode_is_not_there(
    operations: list[Operation], ask: Any, maker: Any, described: Any, world: World, untouched: Any
) -> None:
    """404 for one of it, never 403, also where the body names it; and no list, no answer at all, tells of any."""
    others = {
        "another merchant": await maker(merchant_id=world.stranger),
        "another merchant, live": await maker(merchant_id=world.stranger, mode=Mode.LIVE),
        "its own, live": await maker(mode=Mode.LIVE),
    }
    before = await untouched()
    found: list[Any] = []
    for case, key in others.items():
        for operation in operations:
            named = "transaction" in resolved(described, operation.body or {}).get("properties", ())
            if case == "its own, live" and operation.method != "get" and not (operation.parameters or named):
                continue  # it would be done, in the other mode
            status, code, text = await ask(operation, f"Bearer {key}")
            if (operation.parameters or named) and (status, code) != (404, "not_found"):
                found.append((str(operation), case, status, code))
            if status in {401, 403} or status >= 500:
                found.append((str(operation), case, status, code))
            given = {world.ids[name] for name in operation.parameters}
            if seen := [id_ for id_ in world.ids.values() if id_ in text and id_ not in given]:
                found.append((str(operation), case, "tells of", seen))
    assert found == []
    assert await untouched() == before


async def test_what_is_live_is_not_there_in_test_mode(
    operations: list[Operation],
    ask: Any,
    maker: Any,
    described: Any,
    world: World,
    people: Any,
    session: Any,
    demo: Any,
) -> None:
    """The other way round: objects made with a live key, asked for with a test key of the same merchant."""
    live, _ = people(session, demo["url"], await maker(mode=Mode.LIVE), "")
    status, payment = await live.checkout()
    assert (status, payment["mode"]) == (201, "live")
    _, endpoint = await live.call("POST", "/api/webhook-endpoints", {"url": "https://shop.example/live"})
    _, events = await live.call("GET", f"/api/events?transaction={payment['id']}")
    try:
        there = {
            "transaction_id": payment["id"],
            "endpoint_id": endpoint["id"],
            "event_id": events["data"][0]["id"],
        }
        key, found, asked = await maker(), list[Any](), 0
        for operation in operations:
            if operation.parameters and set(operation.parameters) <= set(there):
                elsewhere = World(world.owner, world.stranger, {**world.ids, **there})
                status, code, _ = await ask(operation, f"Bearer {key}", elsewhere)
                asked += 1
                if (status, code) != (404, "not_found"):
                    found.append((str(operation), status, code))
            elif operation.method == "get" and not operation.parameters:
                _, _, text = await ask(operation, f"Bearer {key}")
                found += [(str(operation), id_) for id_ in there.values() if id_ in text]
        assert found == []
        assert asked >= 6
    finally:
        await live.call("DELETE", f"/api/webhook-endpoints/{endpoint['id']}")


async def test_a_filter_by_what_is_somebody_elses_finds_nothing(
    described: Any, maker: Any, world: World, people: Any, session: Any, demo: Any
) -> None:
    other, _ = people(session, demo["url"], await maker(merchant_id=world.stranger), "")
    asked = 0
    for path, item in described["paths"].items():
        for parameter in item.get("get", {}).get("parameters", ()):
            if parameter["in"] == "query" and f"{parameter['name']}_id" in world.ids:
                asked += 1
                value = world.ids[f"{parameter['name']}_id"]
                status, answer = await other.call("GET", f"{path}?{parameter['name']}={value}")
                assert (status, answer["data"]) == (200, []), path
    assert asked >= 2


def sends_on(page: Operation, status: int) -> bool:
    """Tell whether a page shows nothing itself: where it leads to, whoever may not come is turned away."""
    return page.method == "GET" and status == 303


async def test_no_page_opens_for_whoever_is_not_signed_in(
    pages: list[Operation],
    world: World,
    owner: Person,
    come_in: Any,
    maker: Any,
    strangers: Any,
    untouched: Any,
) -> None:
    assert owner
    assert strangers
    assert len(pages) > 30
    nobody, forger, gone = (
        await come_in(),
        await come_in(),
        await come_in(f"support-{world.stranger[-8:]}@stranger.test"),
    )
    kept = "; ".join(f"{item.key}={item.value}" for item in gone.browser.cookie_jar)
    await gone.send("POST", "/dashboard/sign-out")
    cases: dict[str, tuple[Person, dict[str, str]]] = {
        "no session": (nobody, {}),
        "a made-up session": (forger, {"cookie": "afriflow_session=" + "A" * 43}),
        "a session that was ended": (forger, {"cookie": kept}),
        "an API key": (nobody, {"authorization": f"Bearer {await maker()}"}),
    }
    before = await untouched()
    found = [
        (str(page), case, status, to)
        for case, (who, headers) in cases.items()
        for page in pages
        for status, _, to in [await who.send(page.method, world.path(page), FORM, **headers)]
        if status != 303 or not to.startswith("/dashboard/sign-in")
    ]
    assert found == []
    assert await untouched() == before


async def test_no_form_is_taken_that_our_own_page_did_not_send(
    pages: list[Operation], world: World, owner: Person, untouched: Any
) -> None:
    forged: dict[str, tuple[dict[str, str], dict[str, str]]] = {
        "from another site": ({}, {"sec-fetch-site": "cross-site"}),
        "from a sibling": ({}, {"sec-fetch-site": "same-site"}),
        "without the page's token": ({"form_token": ""}, {}),
        "with another session's token": ({"form_token": "0" * len(owner.token)}, {}),
    }
    before = await untouched()
    found = [
        (str(page), case, status)
        for case, (form, headers) in forged.items()
        for page in pages
        if page.method != "GET"
        for status, _, _ in [await owner.send(page.method, world.path(page), {**FORM, **form}, **headers)]
        if status != 403
    ]
    assert found == []
    assert await untouched() == before


async def test_each_role_comes_as_far_as_its_permissions_and_never_to_somebody_elses(
    pages: list[Operation], world: World, owner: Person, strangers: dict[Role, Person], untouched: Any
) -> None:
    """403 without the permission; with it 404 for what belongs to another merchant, and no page shows any of it."""
    before = await untouched()
    found: list[Any] = []
    for role, person in strangers.items():
        for page in pages:
            if page.permission is None:
                continue  # people's own account
            status, text, _ = await person.send(page.method, world.path(page), FORM)
            may = page.permission in role.permissions
            # Without an id it is the stranger's own, which may not be there or have moved on.
            expected = {403} if not may else {404} if page.parameters else {200, 303, 404, 409, 422}
            if status not in expected and not (may and sends_on(page, status)):
                found.append((str(page), role.value, status))
            given = {world.ids[name] for name in page.parameters}
            if seen := [id_ for id_ in world.ids.values() if id_ in text and id_ not in given]:
                found.append((str(page), role.value, "tells of", seen))
    assert found == []
    assert await untouched() == before


async def test_the_owners_own_objects_are_not_there_in_the_other_mode(
    pages: list[Operation], world: World, owner: Person, untouched: Any
) -> None:
    before = await untouched()
    await owner.send("POST", "/dashboard/mode", {"mode": "live"})
    try:
        found: list[Any] = []
        for page in pages:
            if not page.parameters or OF_BOTH_MODES & set(page.parameters):
                continue
            status, _, _ = await owner.send(page.method, world.path(page), FORM)
            if status != 404 and not sends_on(page, status):
                found.append((str(page), status))
        assert found == []
    finally:
        await owner.send("POST", "/dashboard/mode", {"mode": "test"})
    assert await untouched() == before


async def test_no_body_smuggles_in_a_field_that_nobody_asked_for(
    operations: list[Operation],
    described: Any,
    maker: Any,
    demo: Any,
    session: Any,
    world: World,
    untouched: Any,
) -> None:
    """In every object of every body, however deep: refused by name, and nothing is done."""
    headers = {"authorization": f"Bearer {await maker()}", "idempotency-key": uuid.uuid4().hex}
    before, found, tried = await untouched(), list[Any](), 0
    for operation in operations:
        if operation.body is None:
            continue
        places = [at for at, _ in objects_in(example(described, operation.body, whole=True))]
        for place in places:
            if place.endswith("/metadata"):
                continue  # the merchant's own words
            body = example(described, operation.body, whole=True, transaction=world.ids["transaction_id"])
            dict(objects_in(body))[place]["merchant_id"] = world.stranger
            url = demo["url"] + world.path(operation)
            async with session.request(operation.method, url, json=body, headers=headers) as response:
                text = await response.text()
            tried += 1
            if response.status not in {400, 422} or f'"{place}/merchant_id"' not in text:
                found.append((str(operation), place, response.status, text[:200]))
    assert found == []
    assert tried > 20
    assert await untouched() == before


async def test_no_answer_holds_a_field_that_the_description_does_not_list(
    operations: list[Operation], described: Any, maker: Any, ask: Any
) -> None:
    key, found, looked_at = await maker(), list[Any](), 0
    for operation in operations:
        if operation.method != "get":
            continue
        status, _, text = await ask(operation, f"Bearer {key}")
        answers = described["paths"][operation.path]["get"]["responses"]
        schema = answers["200"]["content"]["application/json"]["schema"]
        assert status == 200, operation
        found += [(str(operation), fault) for fault in faults(described, schema, json.loads(text))]
        looked_at += 1
    assert found == []
    assert looked_at > 12
