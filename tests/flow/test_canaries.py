"""Nothing secret gets out: canaries through every operation, every form and every mistake, and then a look everywhere.

What is asked is made from the OpenAPI and from the routes, so that new ones are covered by themselves. What the database
may hold of them stands in `MAY_STAND`, with the reason; logs, reports, traces, metrics and answers may hold none at all.
"""

import asyncio
import base64
import json
import os
import re
import signal
import subprocess
import sys
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from pprint import pformat
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import asyncpg
import crashing
import pytest
from canaries import KINDS, Canaries, columns, everything_in, files_below, where
from listeners import Asked, Listener, Said, listening, serving
from litestar.exceptions import LitestarDeprecationWarning
from openapi import Operation, example, operations_with_keys

from afriflow.app import build_app
from afriflow.core.permission import Role
from afriflow.core.transaction import Mode
from afriflow.delivery.endpoints import add_endpoint
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.api_keys import make_key
from afriflow.merchants.keys import caller_of_merchant
from afriflow.merchants.open_account import add_account
from afriflow.merchants.team import add_person
from afriflow.merchants.totp import code_at, step_at
from afriflow.torture.fleet import Fleet, free_port

# What a merchant wrote of a payment into fields that are made for it stays as written, beside the payment and in what
# the merchant itself is told. `words` are canaries that stand in such fields alone.
MAY_STAND = {
    "transactions.reference": "the merchant's own number of the order",
    "transactions.description": "what the payer reads",
    "transactions.customer": "name and e-mail address, as the merchant gave them; the phone is sealed",
    "transactions.metadata": "the merchant's own notes",
    "transactions.return_url": "where the merchant wants the payer back",
    "transactions.cancel_url": "the same",
    "idempotency_keys.response": "the answer that a repeat is given",
    "disbursements.merchant_reference": "as of a payment",
    "disbursements.description": "as of a payment",
    "disbursements.recipient_name": "as of a payment",
    "disbursements.metadata": "as of a payment",
    "payment_links.description": "what the payer reads",
    "payment_links.metadata": "the merchant's own notes",
    "payment_links.return_url": "where the merchant wants the payer back",
    "events.payload": "the payment, for its own merchant",
    "provider_logs.request_body": "name and e-mail address that the provider was given, and the description",
    "provider_logs.response_body": "the description, where the provider gives it back",
    "delivery_attempts.answer": "what the merchant's own server said: its customer's name may be in it",
    "transaction_events.facts": "what people noted of a payment",
    "saved_views.name": "what people call a view",
    "webhook_endpoints.description": "what people call an endpoint",
    "webhook_endpoints.url": "where the merchant's server is",
    "routing_rules.rules": "the merchant's own rules",
    "audit_log.details": "what was done, with its reason",
    "audit_log.subject": "to whom it was done",
    "person_links.email": "who was invited",
    "api_keys.name": "what people call a key",
}
# In the database's own files, pages and the log before them, a word that may stand somewhere stands: secrets alone are
# looked for there, and may stand in none.


PAYS_AT_ONCE = "+221773456789"


class Parrot:
    """A provider and a merchant's server at once, who repeat whatever they are told, in each form of answer in turn."""

    def __init__(self) -> None:
        self.heard = 0
        self.url = ""

    def answer(self, path: str, said: str) -> Said:
        self.heard += 1
        reason = {"failureCode": "UNSPECIFIED_FAILURE", "failureMessage": said}
        bodies: list[tuple[int, Any]] = [
            (500, said),
            (200, {"status": "REJECTED", "failureReason": {**reason, "failureCode": "INVALID_PHONE_NUMBER"}}),
            (200, {"response_code": "1001", "response_text": said, "message": said, "success": False}),
            (400, {"failureReason": {**reason, "failureCode": said[:500]}}),
            (200, {"status": said, "response_code": said, "description": said}),
            (200, said),
        ]
        if path.startswith("/v2/deposits/"):
            asked = path.rpartition("/")[2]
            failed = {"depositId": asked, "status": "FAILED", "failureReason": reason}
            bodies = [(200, {"status": "FOUND", "data": failed})]
        status, body = bodies[self.heard % len(bodies)]
        text = body if isinstance(body, str) else json.dumps(body)
        return status, "text/html" if isinstance(body, str) else "application/json", text.encode()


@contextmanager
def squawking() -> Iterator[Parrot]:
    parrot = Parrot()

    def answer(asked: Asked) -> Said:
        said = f"{asked.path}\n{asked.headers}\n{asked.body.decode('utf-8', 'replace')}"
        return parrot.answer(asked.path, said)

    with serving(answer) as port:
        parrot.url = f"http://127.0.0.1:{port}"
        yield parrot


class Forms(HTMLParser):
    """The forms of a page: where they go, and their fields with what stands in them; None = for a person to fill."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, tuple[str, str | None]]] = {}
        self._fields: dict[str, tuple[str, str | None]] | None = None
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        if tag == "form" and facts.get("method") == "post":
            self._fields = self.found.setdefault(facts.get("action", ""), {})
        if self._fields is None:
            return
        name, kind = facts.get("name", ""), facts.get("type", "text")
        if tag in {"input", "textarea"} and name:
            chosen = kind in {"hidden", "radio", "checkbox", "submit"}
            self._fields[name] = (kind, facts.get("value", "on") if chosen else None)
        if tag == "select":
            self._select = name
        if tag == "option" and self._select and (self._select not in self._fields or "selected" in facts):
            self._fields[self._select] = ("select", facts.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._fields = None
        if tag == "select":
            self._select = ""


@dataclass
class Browser:
    """Somebody at the pages. answers: every refusal, whole."""

    url: str
    session: aiohttp.ClientSession
    refusals: list[str]
    token: str = ""
    forms: dict[str, dict[str, tuple[str, str | None]]] = field(default_factory=dict)

    async def ask(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, str, str]:
        how: dict[str, Any] = {} if method == "GET" else {"data": {"form_token": self.token, **(form or {})}}
        headers = {"sec-fetch-site": "same-origin", "accept-language": "en", **headers}
        async with self.session.request(
            method, self.url + path, headers=headers, allow_redirects=False, **how
        ) as response:
            endless = response.content_type == "text/event-stream"
            text = "" if endless else await response.text()
            for action, fields in Forms(text).found.items():
                self.forms[action or path] = fields
                self.token = fields.get("form_token", ("", self.token))[1] or self.token
            return response.status, text, response.headers.get("location", "")


@dataclass
class House:
    """An installation that reports, traces and crashes; and what was put into it."""

    fleet: Fleet
    sentry: Listener
    collector: Listener
    parrot: Parrot
    rows: Any
    session: aiohttp.ClientSession
    inward: int
    metrics: list[str] = field(default_factory=list[str])
    refusals: list[str] = field(default_factory=list[str])
    secrets: Canaries = field(default_factory=Canaries)
    words: Canaries = field(default_factory=Canaries)
    key: str = ""
    merchant: str = ""

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, **how: Any
    ) -> tuple[int, Any]:
        """Ask the API."""
        headers = {"authorization": f"Bearer {key or self.key}", "idempotency-key": uuid.uuid4().hex}
        headers |= how.pop("headers", {})
        if body is not None:
            how["json"] = body
        async with self.session.request(method, self.fleet.url + path, headers=headers, **how) as response:
            await self.note_refusal(response)
            text = await response.text()
            return response.status, json.loads(text) if "json" in response.content_type else text

    async def note_refusal(self, response: aiohttp.ClientResponse) -> None:
        """Remember a problem document without the path that its reader asked for."""
        if response.content_type == "application/problem+json":
            problem = {**json.loads(await response.text()), "instance": ""}
            self.refusals.append(json.dumps(problem, ensure_ascii=False))

    async def keep_metrics(self) -> None:
        for url in (self.fleet.url, f"http://127.0.0.1:{self.inward}"):
            async with self.session.get(f"{url}/metrics") as response:
                assert response.status == 200
                self.metrics.append(await response.text())

    def browser(self, session: aiohttp.ClientSession) -> Browser:
        return Browser(self.fleet.url, session, self.refusals)


def spawn_crashing(command: str, env: dict[str, str], log: Path) -> Any:
    """As the fleet's own, with the mistakes of `crashing`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        return subprocess.Popen(
            [sys.executable, str(Path(crashing.__file__)), command],
            env=env, stdout=sink, stderr=sink, start_new_session=True,
        )  # fmt: skip


@pytest.fixture(scope="module")
async def house(
    tmp_path_factory: pytest.TempPathFactory, environment: Any, session: Any
) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        sentry, collector = stack.enter_context(listening()), stack.enter_context(listening())
        parrot = stack.enter_context(squawking())
        fleet = Fleet(tmp_path_factory.mktemp("canaries"), spawn_crashing, environment)
        await fleet.open(stack)
        rows = await asyncpg.connect(fleet.owner_url)
        inward = free_port()
        watched = {
            "AFRIFLOW_SENTRY_DSN": sentry.dsn,
            "AFRIFLOW_OTLP_ENDPOINT": collector.url,
            "AFRIFLOW_METRICS_OPEN": "true",
            "AFRIFLOW_METRICS_FRESH_SECONDS": "0",
            "AFRIFLOW_SIGN_IN_FAILURES_MAX": "1000000",
        }
        fleet.start("api", "serve", **watched)
        fleet.start("worker", "work", AFRIFLOW_WORKER_PORT=str(inward), **watched)
        await fleet.answers(session)
        made = House(fleet, sentry, collector, parrot, rows, session, inward)
        made.key, made.merchant = fleet.ready.merchant.api_key, fleet.ready.merchant.merchant_id
        try:
            yield made
        finally:
            for name in list(fleet.processes):
                fleet.kill(name)


@pytest.fixture(scope="module")
async def jar() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), trust_env=False) as opened:
        yield opened


@pytest.fixture(scope="module")
async def owner(house: House, jar: aiohttp.ClientSession) -> Browser:
    """An owner whose password is a canary, signed in with a second factor."""
    password, email = house.secrets.new("password"), f"{uuid.uuid4().hex[:12]}@canaries.test"
    async with house.fleet.house.database.transaction() as connection:
        await add_person(
            connection,
            house.fleet.house.ids,
            merchant_id=house.merchant,
            email=email,
            password=password,
            role=Role.OWNER,
        )
    person = house.browser(jar)
    await person.ask(
        "POST", "/dashboard/sign-in", {"email": email, "password": house.secrets.new("password")}
    )
    _, _, to = await person.ask("POST", "/dashboard/sign-in", {"email": email, "password": password})
    assert to == "/dashboard"
    await person.ask("GET", "/dashboard/me")
    await person.ask("POST", "/dashboard/me/second-factor")
    _, page, _ = await person.ask("GET", "/dashboard/me/second-factor")
    secret = re.findall(r'<p class="mono secret">([A-Z2-7]+)</p>', page)[0]
    house.secrets.caught("secret of codes", secret)
    raw = base64.b32decode(secret + "=" * (-len(secret) % 8))
    code = code_at(raw, step_at(datetime.now(UTC)))
    status, page, _ = await person.ask("POST", "/dashboard/me/second-factor/confirm", {"code": code})
    recovery = re.findall(r'<li class="mono secret">([0-9a-z-]+)</li>', page)
    assert (status, len(recovery)) == (200, 10)
    for one in recovery:
        house.secrets.caught("recovery code", one)
    for cookie in jar.cookie_jar:
        if "session" in cookie.key:
            house.secrets.caught("session", cookie.value)
    await person.ask("POST", "/dashboard/sign-out")
    await person.ask("POST", "/dashboard/sign-in", {"email": email, "password": password})
    await person.ask("GET", "/dashboard/sign-in/code")
    await person.ask("POST", "/dashboard/sign-in/code", {"code": house.secrets.new("recovery code")})
    _, _, to = await person.ask("POST", "/dashboard/sign-in/code", {"code": recovery[0]})
    assert to == "/dashboard"
    await person.ask("GET", "/dashboard")
    for cookie in jar.cookie_jar:
        if "session" in cookie.key:
            house.secrets.caught("session", cookie.value)
    return person


# ── what is put in ──────────────────────────────────────────────────────────────────────────────────────────────
# A text that the schema leaves free, as `example` writes one.
_FREE = re.compile(r"[0-9a-f]{32}")
_CARDS = {"card", "card in groups"}
_KINDS = [kind for kind in KINDS if kind not in _CARDS]


def replaced(value: Any, choose: Any, name: str = "") -> Any:
    """Give a value with every free text in it chosen by its name."""
    if isinstance(value, dict):
        return {key: replaced(inner, choose, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [replaced(inner, choose, name) for inner in value]
    return (
        choose(name)
        if isinstance(value, str) and (_FREE.fullmatch(value) or name in {"phone", "otp"})
        else value
    )


def with_everywhere(value: Any, canary: str) -> Any:
    """Give a value with a canary in the place of every text."""
    if isinstance(value, dict):
        return {key: with_everywhere(inner, canary) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_everywhere(inner, canary) for inner in value]
    return canary if isinstance(value, str) else value


def fitting(house: House, turn: int) -> Any:
    """Choose for a field what people put there: secrets where they belong, and anything at all into free texts."""

    def choose(name: str) -> str:
        match name:
            case "phone":
                return house.secrets.phone(turn)
            case "otp":
                return house.secrets.new("one-time code")
            case "email":
                return house.words.new("e-mail")
            case "name":
                return house.words.new("name")
            case _ if name.endswith("url"):
                return f"https://shop.example/?token={house.words.new('link')}"
            case _:
                return house.words.new(_KINDS[turn % len(_KINDS)])

    return choose


@pytest.fixture(scope="module")
async def described(house: House) -> Any:
    async with house.session.get(f"{house.fleet.url}/openapi.json") as response:
        return await response.json()


async def made_there(house: House) -> dict[str, str]:
    """Make one of each kind of object that paths name."""
    method = {"type": "mobile_money", "operator": "orange_sn", "phone": PAYS_AT_ONCE}
    one = {"amount": 5000, "currency": "XOF", "country": "SN", "payment_method": method}
    _, payment = await house.call("POST", "/api/checkout", {**one, "reference": uuid.uuid4().hex})
    _, open_ = await house.call(
        "POST", "/api/checkout", {**one, "reference": uuid.uuid4().hex, "payment_method": None}
    )
    _, payout = await house.call("POST", "/api/payouts", {**one, "reference": uuid.uuid4().hex})
    _, batch = await house.call(
        "POST", "/api/payouts/batches", {"payouts": [{**one, "reference": uuid.uuid4().hex}]}
    )
    _, link = await house.call(
        "POST", "/api/payment-links", {k: one[k] for k in ("amount", "currency", "country")}
    )
    _, endpoint = await house.call(
        "POST", "/api/webhook-endpoints", {"url": f"{house.parrot.url}/{crashing.WORD}"}
    )
    _, parrots = await house.call("POST", "/api/webhook-endpoints", {"url": f"{house.parrot.url}/hooks"})
    for item in (endpoint, parrots):
        house.secrets.caught("webhook secret", item["secret"])
    _, events = await house.call("GET", "/api/events")
    async with asyncio.timeout(40):
        while (await house.call("GET", f"/api/transactions/{payment['id']}"))[1]["status"] != "succeeded":
            await asyncio.sleep(0.1)
    return {
        "transaction_id": payment["id"],
        "attempt_id": payment["attempts"][0]["id"],
        "disbursement_id": payout["id"],
        "payout_id": payout["id"],
        "batch_id": batch["id"],
        "link_id": link["id"],
        "endpoint_id": endpoint["id"],
        "event_id": events["data"][0]["id"],
        "account_id": payment["attempts"][0]["account"],
        "token": open_["checkout_url"].rpartition("/")[2],
        "kind": "payouts",
    }


async def ask_every_operation(
    house: House, operations: list[Operation], described: Any, ids: dict[str, str]
) -> None:
    """As people would fill it, and with canaries wherever a text can stand, of a quarter of the kinds in turn."""
    accepted: set[str] = set()
    for turn, operation in enumerate(operations):
        path = operation.path.format_map({name: ids.get(name, "nobody") for name in operation.parameters})
        for round_ in range(len(_KINDS) if operation.path == "/api/checkout" else 2):
            body = None
            if operation.body is not None and operation.method != "delete":
                known = {
                    "transaction": ids["transaction_id"],
                    "url": f"{house.parrot.url}/hooks",
                    "locale": "fr",
                    "expires_in": 3600,
                }
                body = replaced(
                    example(described, operation.body, whole=True, **known), fitting(house, turn + round_)
                )
                if isinstance(body, dict) and "metadata" in body:
                    body["metadata"] = {"note": house.words.new(_KINDS[round_])}
                    for name in ("amount_min", "amount_max"):  # for links whose amount the payer chooses
                        body.pop(name, None)
            if operation.method != "delete":
                status, _ = await house.call(operation.method, path, body)
                accepted |= {operation.path} if status < 300 else set()
        queries = [
            item["name"]
            for item in described["paths"][operation.path][operation.method].get("parameters", ())
            if item["in"] == "query"
        ]
        for kind in list(KINDS)[turn % 4 :: 4]:
            canary = (house.secrets if kind in _CARDS else house.words).new(kind)
            body = (
                with_everywhere(example(described, operation.body, whole=True), canary)
                if operation.body
                else None
            )
            headers = {
                "idempotency-key": canary,
                "user-agent": canary,
                "referer": f"https://shop.example/?a={quote(canary)}",
            }
            asked = operation.path.format_map(dict.fromkeys(operation.parameters, quote(canary, safe="")))
            for address in {asked, path} if operation.method not in {"delete", "get"} else {asked}:
                query = urlencode(dict.fromkeys(queries, canary))
                await house.call(operation.method, f"{address}?{query}", body, headers=headers)
        stray = {
            "authorization": f"Bearer {house.secrets.new('api key')}",
            "cookie": f"afriflow_session={house.secrets.new('session')}",
        }
        assert (await house.call(operation.method, path, headers=stray))[0] in {401, 400, 415, 422}
    written = {"/api/checkout", "/api/payouts", "/api/payouts/batches", "/api/refunds", "/api/payment-links"}
    assert written <= accepted, "what is refused is kept nowhere, and proves nothing"


def page_routes(house: House) -> list[tuple[str, str]]:
    """Every route that is for people."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = build_app(house.fleet.house)
    return [
        (method, route.path_format)
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        if route.path_format.startswith(("/dashboard", "/pay/"))
        for method in sorted(handler.http_methods & {"GET", "POST"})
    ]


def filled(house: House, fields: dict[str, tuple[str, str | None]], turn: int) -> dict[str, str]:
    """Fill a form as a person would, into each field what its type asks for."""
    choose, form = fitting(house, turn), dict[str, str]()
    for place, (name, (kind, value)) in enumerate(fields.items()):
        if value is not None:
            form[name] = value
        elif kind == "password" or "secret" in name:
            form[name] = house.secrets.new("password")
        elif kind == "email":
            form[name] = house.words.new("e-mail")
        elif kind == "number":
            form[name] = "5000"
        else:
            by_name = {"tel": "phone", "url": "url", "one-time-code": "otp"}.get(kind, name)
            form[name] = choose(by_name) if by_name != "otp" else house.secrets.new("one-time code")
            choose = fitting(house, turn + place + 1)
    return form


async def ask_every_page(house: House, person: Browser, ids: dict[str, str]) -> None:
    """Open all of them, then send each form as a person would, and with canaries that do not belong there."""
    routes = page_routes(house)
    assert len(routes) > 50
    for method, path in routes:
        if method == "GET":
            await person.ask("GET", path.format_map(_Ids(house, ids)))
            await person.ask(
                "GET",
                f"{path.format_map(_Ids(house, {}))}?{urlencode({'q': house.words.new('e-mail'), 'phone': house.words.phone(), 'next': house.words.new('link')})}",
            )
    for canary in house.words.of_each_kind():  # where nothing is
        await person.ask("GET", f"/{quote(canary)}")
    for provider in ("pawapay", "paydunya"):
        await person.ask("GET", f"/dashboard/providers/new?provider={provider}")
    every = {name: ("text", None) for fields in list(person.forms.values()) for name in fields}
    for turn, (method, path) in enumerate(routes):
        if method != "POST" or path.endswith(
            ("/sign-out", "/me/second-factor/forget", "/disable", "/revoke", "/remove", "/mode")
        ):
            continue
        for action in {path.format_map(_Ids(house, ids)), path.format_map(_Ids(house, {}))}:
            fields = person.forms.get(action) or dict(list(every.items())[:40])
            await person.ask("POST", action, filled(house, fields, turn))
            for kind in list(KINDS)[turn % 6 :: 6]:
                canary = (house.secrets if kind in _CARDS else house.words).new(kind)
                form = {name: canary for name in fields if name != "form_token"}
                await person.ask("POST", action, form, **{"user-agent": canary})


class _Ids(dict[str, str]):
    """What a path names: of this world where it has one, a canary else."""

    def __init__(self, house: House, ids: dict[str, str]) -> None:
        super().__init__(ids)
        self._house = house

    def __missing__(self, name: str) -> str:
        return quote(self._house.words.new("link" if name == "token" else "provider's key"), safe="")


async def knock(house: House, ids: dict[str, str]) -> None:
    """Notifications of strangers and of providers, in every form, with everything in them; some crash."""
    accounts = await house.rows.fetch(
        "SELECT id, provider FROM provider_accounts WHERE merchant_id = $1", house.merchant
    )
    reference = await house.rows.fetchval("SELECT reference FROM attempts WHERE id = $1", ids["attempt_id"])
    for row in accounts:
        for note in ("", crashing.WORD, crashing.WORD_AT_THE_DOOR):
            held = dict(zip([*KINDS, *"abcdef"], house.secrets.of_each_kind(), strict=True))
            held |= {"otp": held.pop("one-time code"), "pin": held.pop("PIN")}
            if note:  # of an exception's message, a name is all by which these can be told
                del held["name"]
            message = " ".join(
                text for name, text in held.items() if not note or name not in {"password", "otp", "pin"}
            )
            said = {"depositId": reference, "status": "FAILED", "note": note, **held}
            said["failureReason"] = {"failureCode": "OTHER", "failureMessage": message}
            headers = {
                "authorization": f"Basic {house.secrets.new('password')}",
                "cookie": f"a={house.secrets.new('session')}",
                "x-api-key": house.secrets.new("provider's key"),
                "x-card": house.secrets.new("card in groups"),
                "signature": "sig-pp=:AAAA:",
            }
            for body, kind in (
                (json.dumps(said), "application/json"),
                (
                    urlencode(
                        {"data": json.dumps({**said, "custom_data": {"afriflow_reference": reference}})}
                    ),
                    "application/x-www-form-urlencoded",
                ),
                (message, "text/plain"),
            ):
                for address in (
                    f"{row['provider']}/{row['id']}",
                    row["provider"],
                    f"{row['provider']}/{quote(held['link'])}",
                ):
                    url = f"{house.fleet.url}/api/webhooks/{address}"
                    async with house.session.post(
                        url, data=body, headers={**headers, "content-type": kind}
                    ) as response:
                        await house.note_refusal(response)


async def crash(house: House, person: Browser) -> None:
    """Mistakes of ours while a program, a person and a job are at work."""
    for turn in range(3):
        method = {
            "type": "mobile_money",
            "operator": "orange_sn",
            "phone": house.secrets.phone(turn),
            "otp": house.secrets.new("one-time code"),
        }
        body = {"amount": 5000, "currency": "XOF", "country": "SN", "reference": f"{crashing.WORD}-{turn}"}
        body |= {
            "payment_method": method,
            "customer": {"phone": house.secrets.phone(turn), "email": house.secrets.new("e-mail")},
        }
        headers = {"idempotency-key": f"{crashing.WORD}-{house.secrets.new('session')}"}
        status, problem = await house.call("POST", "/api/checkout", body, headers=headers)
        assert (status, problem["code"]) == (500, "internal_error")
        del body["customer"], method["otp"]
        status, _ = await house.call("POST", "/api/payouts", body, headers=headers)
        assert status == 500
    email = f"{crashing.WORD}.{house.secrets.new('e-mail')}"
    form = {"email": email, "password": house.secrets.new("password")}
    status, page, _ = await person.ask(
        "POST", "/dashboard/sign-in", form, **{"user-agent": house.secrets.new("card in groups")}
    )
    house.refusals.append(page)
    assert status == 500
    assert (await person.ask("POST", "/dashboard/team", {"email": email, "role": "support"}))[0] == 500


async def be_mocked(house: House) -> list[str]:
    """A merchant whose providers and whose own server repeat whatever they are told."""
    inside = house.fleet.house
    async with inside.database.transaction() as connection:
        merchant = await make_merchant(connection, inside.ids, name="Mocked", country="SN", language="fr")
        key = await make_key(connection, inside.vault, inside.ids, merchant_id=merchant, mode=Mode.TEST)
        caller = await caller_of_merchant(connection, merchant, Mode.TEST, "a test")
        answers = {
            "pawapay": {"token": house.secrets.new("provider's token")},
            "paydunya": {
                "master_key": house.secrets.new("session"),
                "private_key": house.secrets.new("provider's key"),
                "token": house.secrets.new("session"),
            },
        }
        for provider, given in answers.items():
            await add_account(
                connection, inside.accounts, inside.ids, caller, provider, given, base_url=house.parrot.url
            )
        made = await add_endpoint(
            connection,
            inside.vault,
            inside.ids,
            merchant_id=merchant,
            mode=Mode.TEST,
            url=f"{house.parrot.url}/hooks",
            who="a test",
        )
    house.secrets.caught("api key", key)
    house.secrets.caught("webhook secret", made.secret)
    payments: list[str] = []
    for turn in range(12):
        operator = ("orange_sn", "wave_sn", "free_sn")[turn % 3]
        method = {"type": "mobile_money", "operator": operator, "phone": house.secrets.phone(turn)}
        if operator == "orange_sn":
            method["otp"] = house.secrets.new("one-time code")
        customer = {
            "name": house.words.new("name"),
            "email": house.words.new("e-mail"),
            "phone": house.secrets.phone(turn),
        }
        body = {
            "amount": 5000,
            "currency": "XOF",
            "country": "SN",
            "reference": f"mocked-{turn}",
            "payment_method": method,
            "customer": customer,
        }
        status, answer = await house.call("POST", "/api/checkout", body, key=key)
        assert status in {201, 422}, answer
        if status == 201:
            payments.append(answer["id"])
            await house.call("POST", f"/api/transactions/{answer['id']}/verify", key=key)
    return payments


async def lose_the_servers(house: House, person: Browser) -> None:
    """Redis and then PostgreSQL go while people and programs are at it."""

    async def go_on(*statuses: int) -> None:
        for turn in range(3):
            method = {"type": "mobile_money", "operator": "orange_sn", "phone": house.secrets.phone(turn)}
            body = {
                "amount": 5000,
                "currency": "XOF",
                "country": "SN",
                "reference": uuid.uuid4().hex,
                "payment_method": method,
            }
            status, answer = await house.call("POST", "/api/checkout", body)
            assert status in statuses, answer
            form = {"email": house.secrets.new("e-mail"), "password": house.secrets.new("password")}
            await person.ask("POST", "/dashboard/sign-in", form)
            url = f"{house.fleet.url}/api/webhooks/pawapay"
            async with house.session.post(url, data=house.secrets.phone(turn)) as response:
                assert response.status in {200, 503}

    os.kill(house.fleet.servers.process_ids["redis"], signal.SIGKILL)
    await go_on(201, 422, 429, 503)
    os.kill(house.fleet.servers.process_ids["postgres"], signal.SIGKILL)
    await go_on(503)
    await house.fleet.servers.start()
    await house.fleet.answers(house.session)


# ── and what is seen ────────────────────────────────────────────────────────────────────────────────────────────
async def everywhere_outside(house: House) -> dict[str, str]:
    """What leaves the house, or is read by more people than the database."""
    await house.keep_metrics()
    log = house.fleet.home / "log"
    return {
        **{path.name: path.read_text("utf-8", "replace") for path in sorted(log.iterdir())},
        "reports": b"\n".join(house.sentry.bodies).decode("utf-8", "replace"),
        "traces": b"\n".join(house.collector.bodies).decode("utf-8", "replace"),
        "metrics": "\n".join(house.metrics),
    }


async def settled(house: House, payments: list[str]) -> None:
    """Wait until the jobs have met what was prepared for them."""
    wanted = ("a mistake in _attempts", "a mistake in post")
    log = house.fleet.home / "log" / "worker.log"
    async with asyncio.timeout(40):
        while not all(word in log.read_text("utf-8", "replace") for word in wanted):
            await asyncio.sleep(0.2)
        answered = "SELECT count(*) FROM delivery_attempts WHERE status IS NOT NULL AND answer <> ''"
        while await house.rows.fetchval(answered) < 3:
            await asyncio.sleep(0.2)
    assert house.sentry.bodies
    assert house.collector.bodies
    failed = await house.rows.fetchval(
        "SELECT count(*) FROM attempts WHERE failure IS NOT NULL AND transaction_id = ANY($1)", payments
    )
    assert failed >= 3, "the reasons of failures that a provider gave"


@pytest.mark.timeout(300)  # it is one story, and a loaded machine tells it slowly
async def test_nothing_secret_is_seen_anywhere_whatever_was_asked_and_whatever_broke(
    house: House, owner: Browser, described: Any
) -> None:
    ids = await made_there(house)
    operations = operations_with_keys(described)
    assert len(operations) > 30
    await knock(house, ids)
    await ask_every_operation(house, operations, described, ids)
    await ask_every_page(house, owner, ids)
    await crash(house, owner)
    payments = await be_mocked(house)
    await settled(house, payments)
    redis = await everything_in(house.fleet.house.redis)
    await lose_the_servers(house, owner)
    await house.rows.close()
    house.rows = await asyncpg.connect(house.fleet.owner_url)
    assert len(house.secrets.texts) > 200
    assert len(house.words.texts) > 200

    found = where(await everywhere_outside(house), house.secrets, house.words)
    held = await columns(house.rows)
    found |= {
        f"{name}, words": seen for name, seen in where(held, house.words).items() if name not in MAY_STAND
    }
    # A refusal may quote the word that is wrong to whoever sent it. The other side's notebooks are the phones and the
    # providers themselves.
    kept = {
        "refusals": "\n".join(house.refusals),
        "redis": redis,
        **files_below(house.fleet.home, "simulators"),
    }
    found |= where({**held, **kept}, house.secrets)
    if found:
        pytest.fail(pformat(found, width=250))
