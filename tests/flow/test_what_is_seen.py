"""What an operator sees of a payment: lines, reports, traces and metrics that belong together and give nobody away."""

import asyncio
import json
import re
import signal
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import asyncpg
import pytest
from listeners import Listener, listening
from phones import a_phone

from afriflow.torture.fleet import free_port

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER_SPAN = "00f067aa0ba902b7"


@dataclass
class Watched:
    """An installation that reports and traces to us."""

    facts: dict[str, Any]
    sentry: Listener
    collector: Listener
    merchant: Any
    payer: Any

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.splitlines()]

    @property
    def log(self) -> str:
        return (Path(self.facts["home"]) / "log" / "afriflow.log").read_text("utf-8")

    async def metrics(self) -> str:
        async with self.merchant.session.get(f"{self.facts['url']}/metrics") as response:
            assert response.status == 200
            return await response.text()

    async def database(self) -> Any:
        home = Path(self.facts["home"])
        note = home / "sockets"
        folder = quote(note.read_text() if note.exists() else str(home / "run"))
        return await asyncpg.connect(f"postgresql://afriflow@/afriflow?host={folder}&port=5432")


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, started: Any, people: Any, session: Any
) -> Iterator[Watched]:
    with listening() as sentry, listening() as collector:
        extra = {
            "AFRIFLOW_SENTRY_DSN": sentry.dsn,
            "AFRIFLOW_OTLP_ENDPOINT": collector.url,
            "AFRIFLOW_ENVIRONMENT": "rehearsal",
            "AFRIFLOW_METRICS_FRESH_SECONDS": "0",
        }
        with started(tmp_path_factory.mktemp("seen"), **extra) as facts:
            merchant, payer = people(session, facts["url"], facts["api_key"], facts["phone_url"])
            yield Watched(facts, sentry, collector, merchant, payer)


async def until(look: Any, what: str, seconds: float = 40) -> Any:
    """Wait until there is what is looked for."""
    for _ in range(int(seconds * 10)):
        if found := look():
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"waited {seconds} s for {what}")


async def pay(watched: Watched, **headers: str) -> str:
    """A payment that is approved on the phone, until the shop has heard of it."""
    phone = a_phone("+22177", 7)
    body = {
        "amount": 5000,
        "currency": "XOF",
        "country": "SN",
        "reference": f"seen-{uuid.uuid4().hex[:12]}",
        "payment_method": {"type": "mobile_money", "operator": "orange_sn", "phone": phone},
    }
    sent = {"idempotency-key": uuid.uuid4().hex, **headers}
    status, made = await watched.merchant.call("POST", "/api/checkout", body, headers=sent)
    assert status == 201, made
    await watched.payer.decide(phone, "approve")
    await watched.merchant.hears(made["id"], "created", "processing", "succeeded")
    assert phone[-9:] not in watched.log
    return made["id"]


async def test_one_payment_is_one_trace_from_the_callers_own_to_the_merchants_event(watched: Watched) -> None:
    payment = await pay(watched, traceparent=f"00-{TRACE}-{CALLER_SPAN}-01")

    def spans() -> list[dict[str, Any]]:
        return [span for span in watched.collector.spans if span["trace"] == TRACE]

    def told(kind: str) -> list[dict[str, Any]]:
        return [span for span in spans() if span["name"] == "tell merchant" and span["afriflow.type"] == kind]

    (last,) = await until(lambda: told("transaction.succeeded"), "the span of the merchant's event")
    await until(lambda: any(span["name"] == "POST /api/checkout" for span in spans()), "the first span")
    found = {span["id"]: span for span in spans()}
    way = [last]
    while way[-1]["parent"] in found:
        way.append(found[way[-1]["parent"]])
    names = [span["name"] for span in way]
    assert names[0] == "tell merchant"
    assert names[-1] == "POST /api/checkout"
    assert "job deliver" in names
    assert {"apply notification", "job follow"} & set(names), "who brought the news"
    assert way[-1]["parent"] == CALLER_SPAN
    assert {span["parent"] for span in found.values()} <= {CALLER_SPAN, *found}, "a span hangs in the air"
    asked = next(span for span in found.values() if span["name"] == "pawapay initiate")
    assert asked["http.response.status_code"] == 200
    assert found[asked["parent"]]["name"] == "POST /api/checkout"
    for span in (last, asked, way[-1]):
        assert span["afriflow.transaction_id"] == payment
    assert asked["afriflow.attempt_id"].startswith("att_")


async def test_the_lines_of_a_request_and_of_its_jobs_carry_its_number_and_the_ids_of_the_work(
    watched: Watched,
) -> None:
    number = f"ours-{uuid.uuid4().hex[:16]}"
    payment = await pay(watched, **{"x-request-id": number})
    mine = [line for line in watched.lines if line.get("request_id") == number]
    (request,) = [line for line in mine if line["event"] == "request"]
    assert request["route"] == "/api/checkout"
    assert (request["method"], request["status"]) == ("POST", 201)
    assert request["transaction_id"] == payment
    assert request["merchant_id"].startswith("mer_")
    assert request["duration_ms"] >= 0
    asked = next(line for line in mine if line["event"] == "provider_called")
    assert (asked["provider"], asked["outcome"], asked["transaction_id"]) == ("pawapay", "2xx", payment)
    assert asked["attempt_id"].startswith("att_")
    jobs = [line for line in mine if line["event"] == "job"]
    delivered = [line for line in jobs if line["task"] == "deliver" and line["outcome"] == "done"]
    assert len(delivered) >= 2, "the checkout's own two events"
    for line in delivered:
        assert line["transaction_id"] == payment
        assert line["job_id"].isdigit()
        assert line["delivery_id"].startswith("dlv_")


async def test_a_request_has_a_number_of_ours_where_the_caller_gave_none_that_we_can_write(
    watched: Watched,
) -> None:
    for sent in ({}, {"x-request-id": "a b"}, {"x-request-id": "x" * 100}):
        await watched.merchant.call("GET", "/api/transactions/txn_nobody", headers=sent)
        assert re.fullmatch(r"req_[0-9a-z]{26}", watched.merchant.last_headers["x-request-id"])
    await watched.merchant.call("GET", "/nowhere", headers={"x-request-id": "from-the-caller.1"})
    assert watched.merchant.last_headers["x-request-id"] == "from-the-caller.1"
    async with asyncio.timeout(10):  # a line is written once its answer has gone out
        while not (
            named := [item for item in watched.lines if item.get("request_id") == "from-the-caller.1"]
        ):
            await asyncio.sleep(0.05)
    (line,) = named
    assert (line["status"], line["refused"]) == (404, "not_found")
    asked = [item for item in watched.lines if item.get("refused") == "not_found" and "who" in item]
    assert len(asked) >= 3
    assert all(item["who"].startswith("key_") for item in asked), "a line does not say who asked"


async def test_refusals_are_nobodys_business_unknown_words_and_held_jobs_are_reported(
    watched: Watched, session: aiohttp.ClientSession
) -> None:
    before = len(watched.sentry.reports)
    for path in ("/api/transactions/txn_nobody", "/nowhere", "/pay/nobody"):
        await watched.merchant.call("GET", path)
    await watched.merchant.call("POST", "/api/checkout", {"amount": 1.5})
    await watched.merchant.call("GET", "/api/transactions", headers={"authorization": "Bearer sk_test_wrong"})
    faults = f"{watched.facts['simulators']['pawapay']['url']}/faults"
    async with session.put(faults, json={"seed": 1, "unknown_word_in_answer": 1.0}):
        phone = a_phone("+22177", 7)
        await watched.merchant.pay("orange_sn", phone)
    async with session.put(faults, json={}):
        pass
    database = await watched.database()
    await database.execute(
        "INSERT INTO jobs.pgqueuer (priority, entrypoint, payload, dedupe_key, status, headers) "
        "VALUES (0, 'deliver', 'no json', 'broken', 'queued', '{\"request_id\": \"broken-request\"}')"
    )

    def what(name: str) -> list[dict[str, Any]]:
        found = watched.sentry.reports[before:]
        return [
            report
            for report in found
            if name in {report.get("message") or "", report.get("tags", {}).get("what")}
        ]

    try:
        (held, *_) = await until(lambda: what("job_held"), "the report of a held job")
    finally:
        await database.execute("DELETE FROM jobs.pgqueuer WHERE dedupe_key = 'broken'")
        await database.close()
    assert held["contexts"]["facts"]["task"] == "deliver"
    assert held["tags"]["request_id"] == "broken-request"
    assert held["exception"]["values"][-1]["type"] == "DecodeError"
    (unknown, *_) = await until(lambda: what("payment_needs_attention"), "the report of an unknown word")
    assert unknown["contexts"]["facts"]["provider"] == "pawapay"
    assert unknown["tags"]["transaction_id"].startswith("txn_")
    for report in watched.sentry.reports:
        assert report["release"].startswith("afriflow@")
        assert report["environment"] == "rehearsal"
        assert "request" not in report
    assert {report.get("message") for report in watched.sentry.reports[before:]} <= {
        None,
        "payment_needs_attention",
    }
    assert phone[-9:].encode() not in b"".join(watched.sentry.bodies)


async def test_the_metrics_answer_what_an_operator_asks(watched: Watched) -> None:
    await pay(watched)
    text = await watched.metrics()

    def value(name: str, **labels: str) -> float:
        found = [
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if re.match(rf"{name}(\{{|\s)", line)
            and all(f'{label}="{wanted}"' in line for label, wanted in labels.items())
        ]
        assert found, f"{name} {labels} is not there"
        return sum(found)

    paid = {"kind": "payment", "mode": "test", "provider": "pawapay", "operator": "orange_sn"}
    assert value("afriflow_order_seconds_count", **paid, outcome="succeeded") >= 1
    assert value("afriflow_order_answers_total", **paid, word="Pending") >= 1
    assert value(
        "afriflow_provider_call_seconds_count", provider="pawapay", operation="initiate", outcome="2xx"
    )
    assert value("afriflow_notifications_total", provider="pawapay", verdict="signed") >= 1
    assert value("afriflow_delivery_seconds_count", outcome="delivered") >= 3
    assert value("afriflow_job_seconds_count", task="deliver", outcome="done") >= 3
    assert (
        value("afriflow_http_request_seconds_count", method="POST", route="/api/checkout", status="2xx") >= 1
    )
    assert value("afriflow_database_up") == 1
    assert value("afriflow_redis_up") == 1
    assert value("afriflow_schedule_age_seconds", schedule="audit") >= 0
    assert value("afriflow_build_info") == 1
    assert value("afriflow_jobs", task="expire", state="later") >= 1
    assert value("afriflow_deliveries_waiting") >= 0
    routes = set(re.findall(r'route="([^"]*)"', text))
    assert "unmatched" in routes
    assert not any("txn_" in route for route in routes)


async def test_ready_tells_on_what_it_hangs(watched: Watched) -> None:
    async with watched.merchant.session.get(f"{watched.facts['url']}/health/ready") as response:
        assert response.status == 200
        assert await response.json() == {
            "status": "ready",
            "database": "ok",
            "schema": "ok",
            "redis": "ok",
            "workers": "ok",
        }


async def test_processes_of_production_say_when_they_can_work_and_tell_only_whom_they_should(
    fleet: Any, session: aiohttp.ClientSession
) -> None:
    inward = free_port()
    fleet.start(
        "api", "serve", AFRIFLOW_SHUTDOWN_NOTICE_SECONDS="2", AFRIFLOW_METRICS_TOKEN="the token of a test"
    )
    fleet.start("worker", "work", AFRIFLOW_WORKER_PORT=str(inward))
    await fleet.answers(session)
    await fleet.answers(session, f"http://127.0.0.1:{inward}")

    async def ask(url: str, **headers: str) -> tuple[int, Any]:
        async with session.get(url, headers=headers) as response:
            is_json = "json" in response.content_type
            return response.status, await response.json() if is_json else await response.text()

    for headers in ({}, {"authorization": "Bearer another"}, {"authorization": "the token of a test "}):
        assert (await ask(f"{fleet.url}/metrics", **headers))[0] == 401
    status, text = await ask(f"{fleet.url}/metrics", authorization="Bearer the token of a test")
    assert (status, "afriflow_database_up 1.0" in text) == (200, True)
    status, text = await ask(f"http://127.0.0.1:{inward}/metrics")
    assert (status, "afriflow_database_up 1.0" in text) == (200, True)
    assert (await ask(f"http://127.0.0.1:{inward}/api/transactions"))[0] == 404

    owner = await asyncpg.connect(fleet.owner_url)
    schema = await owner.fetchval("SELECT version_num FROM alembic_version")
    for kept, status, said in (("0001", 503, "old"), ("9999", 200, "newer"), (schema, 200, "ok")):
        await owner.execute("UPDATE alembic_version SET version_num = $1", kept)
        ready = await ask(f"{fleet.url}/health/ready")
        assert (ready[0], ready[1]["schema"]) == (status, said)
    await owner.close()

    process = fleet.processes["api"]
    entered = {"email": fleet.ready.merchant.email, "password": fleet.ready.merchant.password}
    own_page = {"sec-fetch-site": "same-origin"}
    door = f"{fleet.url}/dashboard/sign-in"
    async with session.post(door, data=entered, headers=own_page, allow_redirects=False) as answer:
        cookie = answer.headers["set-cookie"].partition(";")[0]
    # A page that is looked at holds up nobody.
    page = await session.get(f"{fleet.url}/dashboard/live", headers={"cookie": cookie})
    assert page.status == 200
    process.send_signal(signal.SIGTERM)
    while (ready := await ask(f"{fleet.url}/health/ready"))[0] == 200:
        await asyncio.sleep(0.01)
    assert ready[1]["status"] == "going"
    assert (await ask(f"{fleet.url}/health/live"))[0] == 200
    async with asyncio.timeout(10):
        assert b"event: end" not in await page.content.read()  # it looks for another process
    assert await asyncio.to_thread(process.wait, 30) in {0, -signal.SIGTERM}
    fleet.processes.pop("api")
