"""The audit finds nothing where nothing is wrong, and each rule finds the row that was broken by hand."""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from phones import a_phone
from structlog.testing import capture_logs

from afriflow.core.transaction import Mode
from afriflow.db.engine import Database
from afriflow.merchants.keys import caller_of_merchant
from afriflow.reconcile.audit import Auditor, Violation, last_report, look_at_everything
from afriflow.reconcile.rules import RULES, Reach
from afriflow.torture.fleet import Fleet

TOKEN = "a token of a test"


@dataclass
class History:
    """What happened before the audit: ids of what became of it."""

    fleet: Fleet
    ids: dict[str, str]

    @property
    def url(self) -> str:
        return self.fleet.owner_url  # a hand that breaks things is not the product's


@pytest.fixture(scope="module")
async def history(
    tmp_path_factory: pytest.TempPathFactory, spawn: Any, environment: Any, people: Any, session: Any
) -> AsyncIterator[History]:
    """Payments that were paid, declined, refunded, left open and never chosen, and a payout; then nobody works."""
    async with contextlib.AsyncExitStack() as stack:
        fleet = Fleet(tmp_path_factory.mktemp("audit"), spawn, environment)
        await fleet.open(stack)
        fleet.start("api", "serve", AFRIFLOW_METRICS_TOKEN=TOKEN, AFRIFLOW_METRICS_FRESH_SECONDS="0")
        fleet.start("worker", "work")
        await fleet.answers(session)
        merchant, payer = people(
            session, fleet.url, fleet.ready.merchant.api_key, f"{fleet.others_url}/simulators/phone"
        )
        merchant.shop_url = fleet.others_url
        ids = await live_a_little(merchant, payer)
        await be_written_about(fleet, ids)
        fleet.kill("worker")
        yield History(fleet, ids)
        fleet.kill("api")


async def live_a_little(merchant: Any, payer: Any) -> dict[str, str]:
    ids: dict[str, str] = {}
    for name, action in {"paid": "approve", "failed": "decline", "refunded": "approve"}.items():
        phone = a_phone("+22177", 7)
        ids[name] = (await merchant.pay("orange_sn", phone))["id"]
        await payer.decide(phone, action)
    ids["open"] = (await merchant.pay("orange_sn", a_phone("+22177", 7)))["id"]
    ids["by_page"] = (await merchant.pay("wizall_sn", a_phone("+22176", 7)))["id"]
    status, chosen = await merchant.checkout()
    assert status == 201
    ids["unchosen"] = chosen["id"]
    for name in ("paid", "refunded"):
        await merchant.until(ids[name], "succeeded")
    await merchant.until(ids["failed"], "failed")
    status, refund = await merchant.call(
        "POST",
        "/api/refunds",
        {"transaction": ids["refunded"], "amount": 2000},
        headers={"idempotency-key": "r"},
    )
    assert status == 201, refund
    method = {"type": "mobile_money", "operator": "orange_sn", "phone": a_phone("+22177", 7)}
    body = {"amount": 700, "currency": "XOF", "country": "SN", "reference": "p", "payment_method": method}
    status, payout = await merchant.call("POST", "/api/payouts", body, headers={"idempotency-key": "p"})
    assert status == 201, payout
    ids["refund"], ids["payout"] = refund["id"], payout["id"]
    for path, kind in (("refunds", "refund"), ("payouts", "payout")):
        for _ in range(400):
            _, found = await merchant.call("GET", f"/api/{path}/{ids[kind]}")
            if found["status"] == "succeeded":
                break
            await asyncio.sleep(0.1)
        assert found["status"] == "succeeded"
    await merchant.hears(ids["paid"], "created", "processing", "succeeded")
    return ids


async def be_written_about(fleet: Fleet, ids: dict[str, str]) -> None:
    """People note something of each, and settle what was put before them: that changes no state."""
    async with fleet.house.database.transaction() as connection:
        caller = await caller_of_merchant(connection, fleet.ready.merchant.merchant_id, Mode.TEST, "a person")
        flag = "UPDATE disbursements SET needs_review = true WHERE merchant_id = $1 AND id = $2"
        await connection.execute(flag, caller.merchant_id, ids["refund"])
    await fleet.house.resolver.review_out(caller, ids["refund"], "looked at")
    for name in ("paid", "failed", "payout", "refund"):
        await fleet.house.resolver.note(caller, ids[name], "the customer called")


@pytest.fixture
async def connection(history: History) -> AsyncIterator[Any]:
    """A connection whose work is undone after the test."""
    opened = await asyncpg.connect(history.url)
    undo = opened.transaction()
    await undo.start()
    yield opened
    await undo.rollback()
    await opened.close()


COPY = """
CREATE TEMP TABLE copy AS SELECT * FROM attempts WHERE transaction_id = '{paid}';
UPDATE copy SET id = 'att_copy', number = {number}, reference = 'other', status = '{status}';
DROP INDEX uq_attempts_one_live;
INSERT INTO attempts SELECT * FROM copy
"""
# For each rule what a hand could do to break it, and whose row is then found. Braces name what the history made.
BREAKS: dict[str, list[tuple[str, str]]] = {
    "one_live_attempt": [("paid", COPY.replace("{number}", "2").replace("{status}", "pending"))],
    "one_id_one_body": [
        ("paid", "UPDATE attempts SET amount_minor = 4999 WHERE transaction_id = '{paid}'"),
        ("open", "UPDATE attempts SET account_id = 'another' WHERE transaction_id = '{open}'"),
        ("payout", "UPDATE payment_methods SET msisdn_index = '\\x00' WHERE id = (SELECT payment_method_id FROM disbursements WHERE id = '{payout}')"),
        ("refund", "UPDATE attempts SET reference = 'other' WHERE transaction_id = '{refunded}'"),
    ],
    "reference_leads_back": [
        ("paid", "DELETE FROM provider_references r USING attempts a WHERE r.reference = a.reference AND a.transaction_id = '{paid}'"),
        ("payout", "UPDATE provider_references SET order_id = 'another' WHERE order_id = '{payout}'"),
    ],
    "ended_on_evidence": [
        ("open", "UPDATE attempts SET status = 'failed' WHERE transaction_id = '{open}'"),
        ("paid", "UPDATE transaction_events SET source = 'timeout' WHERE subject_id = '{paid}' AND kind = 'Succeeded'"),
        ("failed", "UPDATE transaction_events SET kind = 'Unclear' WHERE subject_id = '{failed}' AND kind = 'Failed'"),
        ("payout", "DELETE FROM transaction_events WHERE subject_id = '{payout}' AND kind <> 'Created'"),
    ],
    "session_ended_in_story": [
        ("unchosen", "UPDATE transactions SET status = 'expired' WHERE id = '{unchosen}'"),
        ("open", "UPDATE transactions SET status = 'cancelled' WHERE id = '{open}'"),
    ],
    "order_as_told": [
        ("failed", "UPDATE attempts SET status = 'never_received' WHERE transaction_id = '{failed}'"),
        ("refund", "UPDATE disbursements SET status = 'pending' WHERE id = '{refund}'"),
    ],
    "transaction_as_told": [("open", "UPDATE transactions SET status = 'failed' WHERE id = '{open}'")],
    "nothing_live_in_failed": [
        ("open", "UPDATE transactions SET status = 'failed' WHERE id = '{open}'"),
        ("open", "UPDATE transactions SET status = 'requires_payment_method' WHERE id = '{open}'"),
    ],
    "next_only_after_end": [
        ("paid", COPY.replace("{number}", "2").replace("{status}", "failed")),
        ("paid", "UPDATE attempts SET number = 2 WHERE transaction_id = '{paid}'"),
    ],
    "success_stays": [
        ("paid", "UPDATE transactions SET status = 'failed' WHERE id = '{paid}'"),
        ("payout", "UPDATE disbursements SET status = 'failed' WHERE id = '{payout}'"),
    ],
    "paid_by_one_attempt": [
        ("open", "UPDATE transactions SET status = 'succeeded' WHERE id = '{open}'"),
        ("failed", "UPDATE attempts SET status = 'succeeded' WHERE transaction_id = '{failed}'"),
    ],
    "paid_exactly": [
        ("paid", "UPDATE transactions SET amount_minor = 6000 WHERE id = '{paid}'"),
        ("paid", """UPDATE transaction_events SET facts = jsonb_set(facts, '{{paid,amount_minor}}', '1') WHERE subject_id = '{paid}' AND kind = 'Succeeded'"""),
        ("refunded", """UPDATE transaction_events SET facts = facts || '{{"reference": "x"}}' WHERE subject_id = '{refunded}' AND kind = 'Succeeded'"""),
    ],
    "refunds_add_up": [
        ("paid", "UPDATE transactions SET refund_reserved_minor = 1 WHERE id = '{paid}'"),
        ("refunded", "UPDATE transactions SET refunded_minor = 0 WHERE id = '{refunded}'"),
        ("refunded", "UPDATE disbursements SET amount_minor = 9000 WHERE id = '{refund}'"),
        ("refunded", "UPDATE disbursements SET currency = 'XAF' WHERE id = '{refund}'"),
    ],
    "key_names_one": [
        ("paid", "DELETE FROM idempotency_keys WHERE object_id = '{paid}'"),
        ("paid", "UPDATE transactions SET idempotency_key = (SELECT idempotency_key FROM transactions WHERE id = '{open}') WHERE id = '{paid}'"),
    ],
    "key_leads_somewhere": [("paid", "DELETE FROM transactions WHERE id = '{paid}'"), ("payout", "DELETE FROM disbursements WHERE id = '{payout}'")],
    "callback_once": [("paid", "UPDATE transaction_events SET source = 'callback' WHERE subject_id = '{paid}' AND attempt_id IS NOT NULL; DELETE FROM webhook_events WHERE transaction_id = '{paid}'")],
    "story_gapless": [
        ("paid", "DELETE FROM transaction_events WHERE subject_id = '{paid}' AND position = 1"),
        ("refund", "UPDATE transaction_events SET position = 99 WHERE subject_id = '{refund}' AND position = 1"),
    ],
    "modes_never_meet": [
        ("paid", "UPDATE attempts SET mode = 'live' WHERE transaction_id = '{paid}'"),
        ("payout", "UPDATE provider_accounts SET mode = 'live'"),
    ],
    "nobody_asked_too_late": [("paid", "UPDATE attempts SET last_sent_at = now() + interval '8 days' WHERE transaction_id = '{paid}'")],
    "open_is_followed": [
        ("open", "DELETE FROM jobs.pgqueuer WHERE entrypoint = 'follow'"),
        ("payout", "UPDATE disbursements SET status = 'unknown' WHERE id = '{payout}'; DELETE FROM jobs.pgqueuer WHERE dedupe_key = 'follow:{payout}'"),
        ("open", "UPDATE jobs.pgqueuer SET status = 'failed', updated = now() - interval '1 hour' WHERE entrypoint = 'follow'"),
    ],
    "session_will_end": [("unchosen", "DELETE FROM jobs.pgqueuer WHERE entrypoint = 'expire'")],
    "processing_has_attempt": [("failed", "UPDATE transactions SET status = 'processing' WHERE id = '{failed}'")],
    "notification_will_be_read": [("notification", "UPDATE webhook_events SET status = 'received' WHERE id = '{notification}'")],
    "events_gapless": [
        ("paid", "DELETE FROM events WHERE subject_id = '{paid}' AND sequence = 2"),
        ("payout", "UPDATE disbursements SET sequence = 7 WHERE id = '{payout}'"),
        ("account", "UPDATE provider_accounts SET sequence = sequence + 1"),
    ],
    "end_is_told": [
        ("paid", "UPDATE events SET type = 'transaction.failed' WHERE subject_id = '{paid}' AND sequence = 3"),
        ("refund", "DELETE FROM events WHERE subject_id = '{refund}'"),
    ],
    "event_for_every_endpoint": [
        ("paid", "UPDATE webhook_endpoints SET hears_since = hears_since - interval '1 day'; DELETE FROM deliveries WHERE subject_id = '{paid}' AND sequence = 3"),
    ],
    "delivery_will_come": [("paid", "UPDATE deliveries SET status = 'waiting' WHERE subject_id = '{paid}'")],
}  # fmt: skip
CASES = [(rule, whose, how) for rule, cases in BREAKS.items() for whose, how in cases]


async def named(connection: Any, history: History) -> dict[str, str]:
    notification = await connection.fetchval("SELECT id FROM webhook_events WHERE status = 'handled' LIMIT 1")
    account = await connection.fetchval("SELECT id FROM provider_accounts LIMIT 1")
    return {**history.ids, "notification": notification, "account": account}


async def test_a_database_where_nothing_is_wrong_passes_every_rule(history: History, connection: Any) -> None:
    found = await look_at_everything(connection)
    assert [violation for violations in found.values() for violation in violations] == []
    assert set(found) == set(RULES)


async def test_the_story_that_is_audited_has_something_of_everything(connection: Any) -> None:
    for table in (
        "transactions",
        "attempts",
        "disbursements",
        "events",
        "deliveries",
        "webhook_events",
        "idempotency_keys",
    ):
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") > 0, table  # noqa: S608


def test_each_rule_is_broken_by_somebody_here() -> None:
    assert set(BREAKS) == {rule.name for rule in RULES}


@pytest.mark.parametrize(("rule", "whose", "how"), CASES)
async def test_what_a_hand_breaks_is_found(
    history: History, connection: Any, rule: str, whose: str, how: str
) -> None:
    ids = await named(connection, history)
    for statement in how.format(**ids).split(";"):
        await connection.execute(statement)
    found = {item.name: violations for item, violations in (await look_at_everything(connection)).items()}
    assert ids[whose] in {violation.subject_id for violation in found[rule]}
    assert all(violation.detail for violation in found[rule])


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.reach is not Reach.EVERYTHING], ids=lambda rule: rule.name
)
async def test_the_look_each_minute_reads_no_table_of_payments_from_end_to_end(
    connection: Any, rule: Any
) -> None:
    await connection.execute("SET LOCAL enable_seqscan = off")
    window = "'2026-01-01', '2026-01-02', ARRAY['mer'], ARRAY['txn']" if rule.reach is Reach.CHANGED else ""
    values = [*filter(None, [window]), "100"]
    types = "timestamptz, timestamptz, text[], text[], bigint" if window else "bigint"
    await connection.execute(f"PREPARE looked ({types}) AS {rule.query}")
    plan = await connection.fetch(f"EXPLAIN EXECUTE looked ({', '.join(values)})")
    read_whole = {found[1] for (line,) in plan if (found := re.search(r"Seq Scan on (\w+)", line))} - {
        "pgqueuer",
        "webhook_endpoints",
        "provider_accounts",
    }
    assert read_whole == set(), "\n".join(line for (line,) in plan)


@pytest.fixture
async def auditor(history: History) -> AsyncIterator[Auditor]:
    database = await Database.connect(history.url, connections_max=2, statement_timeout_seconds=30)
    yield Auditor(database)
    await database.close()


async def change_paid(auditor: Auditor, history: History, change: str) -> None:
    async with auditor.database.transaction() as connection:
        await connection.execute(f"UPDATE transactions SET {change} WHERE id = $1", history.ids["paid"])  # noqa: S608


async def metrics(history: History, session: Any) -> dict[str, float]:
    said = {"authorization": f"Bearer {TOKEN}"}
    async with session.get(f"{history.fleet.url}/metrics", headers=said) as response:
        assert response.status == 200
        assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = (await response.text()).splitlines()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    }


async def test_what_is_broken_calls_a_person_once_and_stays_in_the_metric_until_it_is_whole(
    history: History, auditor: Auditor, session: Any
) -> None:
    name = 'afriflow_invariant_violations{rule="events_gapless"}'
    ids = history.ids
    await auditor.look()
    before = await metrics(history, session)
    assert {key for key in before if key.startswith("afriflow_invariant")} == {
        f'afriflow_invariant_violations{{rule="{rule.name}"}}' for rule in RULES
    }
    assert sum(value for key, value in before.items() if key.startswith("afriflow_invariant")) == 0
    assert 0 <= before["afriflow_audit_age_seconds"] < 60

    async def write(change: str) -> None:
        await change_paid(auditor, history, change)

    await write("sequence = sequence + 1, updated_at = now()")
    with capture_logs() as logs:
        await auditor.look()
    pages = [entry for entry in logs if entry.get("page")]
    assert [(entry["event"], entry["rule"], entry["subject_id"]) for entry in pages] == [
        ("invariant_violated", "events_gapless", ids["paid"])
    ]
    assert (await metrics(history, session))[name] == 1
    # Long ago by now: the window has gone on, and it is looked at again all the same.
    await write("updated_at = now() - interval '1 day'")
    with capture_logs() as logs:
        await auditor.look()
    assert [entry for entry in logs if entry.get("page")] == []
    assert (await metrics(history, session))[name] == 1
    await write("sequence = sequence - 1")
    await auditor.look()
    assert (await metrics(history, session))[name] == 0


async def test_after_an_outage_the_missed_time_is_made_up_for_in_pieces(auditor: Auditor) -> None:
    async def hours_behind() -> float:
        async with auditor.database.connection() as connection:
            behind = await connection.fetchval("SELECT now() - looked_until FROM audits")
            return behind.total_seconds() / 3600

    await auditor.look()
    async with auditor.database.transaction() as connection:
        await connection.execute("UPDATE audits SET looked_until = looked_until - interval '90 minutes'")
    await auditor.look()
    assert 0.4 < await hours_behind() < 0.6
    await auditor.look()
    assert await hours_behind() < 0.1


async def test_a_look_that_was_overtaken_says_nothing(auditor: Auditor) -> None:
    await auditor.look()
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    stale: Any = {"looked_until": long_ago, "until": long_ago}
    assert not await auditor._keep(stale, [Violation("one_live_attempt", "mer", "txn", "")], set())
    async with auditor.database.connection() as connection:
        assert sum((await last_report(connection)).violations.values()) == 0


def afriflow(history: History, environment: Any, *arguments: str, language: str = "en") -> Any:
    env = environment(history.fleet.home, DATABASE_URL=history.url, AFRIFLOW_LANGUAGE=language)
    command = [sys.executable, "-m", "afriflow", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "All 27 rules hold."), ("fr", "Les 27 règles sont respectées.")]
)
async def test_the_command_says_that_all_is_well(
    history: History, environment: Any, language: str, sentence: str
) -> None:
    said = await asyncio.to_thread(afriflow, history, environment, "audit", language=language)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines()[-1] == sentence
    assert said.stdout.count("✓") == len(RULES)


async def test_the_command_ends_with_1_and_names_what_is_broken(
    history: History, environment: Any, auditor: Auditor
) -> None:
    paid = history.ids["paid"]
    await change_paid(auditor, history, "story_length = story_length + 1")
    try:
        said = await asyncio.to_thread(afriflow, history, environment, "audit")
        machine = await asyncio.to_thread(afriflow, history, environment, "audit", "--json")
    finally:
        await change_paid(auditor, history, "story_length = story_length - 1")
    assert said.returncode == machine.returncode == 1
    assert paid in said.stdout
    found = json.loads(machine.stdout)
    assert found["violations"] == 1
    [broken] = [rule for rule in found["rules"] if rule["violations"]]
    assert (broken["rule"], broken["promise"]) == ("story_gapless", "S12")
    assert broken["violations"][0]["subject_id"] == paid
