"""Exchanges past their time are forgotten, in batches, by the role that may remove nothing else; what is open stays whole."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from afriflow.core.clock import SystemClock
from afriflow.db.engine import Database
from afriflow.db.grants import APPLICATION, FORGETTING, as_role, grant
from afriflow.merchants.audit_log import Wanted, entries
from afriflow.reconcile.forget import Forgetter, Retention

OLD, YOUNG = "500 days", "60 days"
KEPT = Retention(provider_logs_days=400, notifications_days=400, delivery_answers_days=90, batch=2)
# How each payment stands, and whether its history may go.
PAYMENTS = {
    "paid": ("succeeded", False, False, "succeeded", True),
    "failed": ("failed", False, False, "failed", True),
    "waiting": ("processing", False, False, "pending", False),
    "reviewed": ("succeeded", True, False, "succeeded", False),
    "unresolved": ("expired", False, True, "pending", False),
    "followed": ("expired", False, False, "unknown", False),
    "refunding": ("succeeded", False, False, "succeeded", False),
}


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[Any]:
    """The owner of the tables; what he put there goes after the test."""
    opened = await asyncpg.connect(database_url)
    yield opened
    for table in (
        *("provider_logs", "webhook_events", "delivery_attempts", "deliveries", "attempts"),
        *("transactions", "disbursements"),
    ):
        await opened.execute(f"DELETE FROM {table} WHERE merchant_id = 'mer_old'")  # noqa: S608
    await opened.close()


@pytest.fixture
async def forgetter(database_url: str) -> AsyncIterator[Forgetter]:
    """As a worker has it: under the role of the product."""
    await grant(database_url, APPLICATION, make=True)
    database = await Database.connect(
        as_role(database_url, APPLICATION), connections_max=2, statement_timeout_seconds=10
    )
    yield Forgetter(database, SystemClock(), KEPT)
    await database.close()


async def remember(owner: Any, name: str, age: str) -> None:
    """A payment of the catalogue with an exchange, a notification and an answered delivery of this age."""
    status, review, unresolved, attempt, _ = PAYMENTS[name]
    await owner.execute(
        """INSERT INTO transactions (merchant_id, id, mode, status, amount_minor, currency, country, reference, customer,
            payer_chooses, language, metadata, idempotency_key, token, expires_at, needs_review, unresolved)
        VALUES ('mer_old', $1, 'test', $2, 5000, 'XOF', 'SN', $1, '{}', false, 'fr', '{}', $1, $1, now(), $3, $4)
        ON CONFLICT DO NOTHING""",
        name, status, review, unresolved,
    )  # fmt: skip
    await owner.execute(
        """INSERT INTO attempts (merchant_id, id, mode, transaction_id, number, provider, account_id, reference, status,
            amount_minor, currency, payment_method_id, body_hash)
        VALUES ('mer_old', 'att_' || $1, 'test', $1, 1, 'p', 'p_1', $1, $2, 5000, 'XOF', 'pm', '') ON CONFLICT DO NOTHING""",
        name, attempt,
    )  # fmt: skip
    if name == "refunding":
        await owner.execute(
            """INSERT INTO disbursements (merchant_id, id, mode, kind, status, amount_minor, currency, country, transaction_id,
                payment_method_id, metadata, language, provider, account_id, reference, body_hash)
            VALUES ('mer_old', 'ref_1', 'test', 'refund', 'unknown', 5000, 'XOF', 'SN', $1, 'pm', '{}', 'fr', 'p', 'p_1', 'ref_1', '')
            ON CONFLICT DO NOTHING""",
            name,
        )
    made = datetime.now(UTC) - timedelta(days=int(age.split(maxsplit=1)[0]))
    await owner.execute(
        """INSERT INTO provider_logs (merchant_id, id, mode, account_id, transaction_id, operation, method, url,
            request_headers, request_body, response_body, duration_ms, created_at)
        VALUES ('mer_old', $1 || $2, 'test', 'p_1', $1, 'initiate', 'POST', 'https://p', '{}', 'phone', 'paid', 1, $3)""",
        name, age, made,
    )  # fmt: skip
    await owner.execute(
        """INSERT INTO webhook_events (merchant_id, id, provider, method, path, headers, body, verdict, verdict_reason,
            status, transaction_id, received_at)
        VALUES ('mer_old', $1 || $2, 'p', 'POST', '/', '{"a": "b"}', 'body', 'signed', '', 'handled', $1, $3)""",
        name, age, made,
    )  # fmt: skip
    await owner.execute(
        """WITH d AS (INSERT INTO deliveries (merchant_id, id, mode, event_id, endpoint_id, subject_id, sequence, status)
            VALUES ('mer_old', $1 || $2, 'test', 'evt', 'wep', $1, 1, CASE WHEN $1 = 'waiting' THEN 'waiting' ELSE 'delivered' END))
        INSERT INTO delivery_attempts (merchant_id, delivery_id, number, answer, duration_ms, created_at)
        VALUES ('mer_old', $1 || $2, 1, 'thanks', 1, $3)""",
        name, age, made,
    )  # fmt: skip


async def left(owner: Any, query: str) -> set[str]:
    return {row[0] for row in await owner.fetch(query)}


async def test_what_is_old_goes_and_what_is_young_or_open_stays(owner: Any, forgetter: Forgetter) -> None:
    for name in PAYMENTS:
        await remember(owner, name, OLD)
        await remember(owner, name, YOUNG)
    await forgetter.forget()
    kept = {name for name, (*_, may_go) in PAYMENTS.items() if not may_go}
    expected = {f"{name}{YOUNG}" for name in PAYMENTS} | {f"{name}{OLD}" for name in kept}
    assert await left(owner, "SELECT id FROM provider_logs WHERE merchant_id = 'mer_old'") == expected
    bodies = "SELECT id FROM webhook_events WHERE merchant_id = 'mer_old' AND body <> '' AND headers <> '{}'"
    assert await left(owner, bodies) == expected
    rows = await owner.fetchval("SELECT count(*) FROM webhook_events WHERE merchant_id = 'mer_old'")
    assert rows == 2 * len(PAYMENTS), "that it came stays"
    answers = await left(owner, "SELECT delivery_id FROM delivery_attempts WHERE merchant_id = 'mer_old'")
    assert answers == {f"{name}{YOUNG}" for name in PAYMENTS} | {f"waiting{OLD}"}
    told = await entries(owner, "", Wanted(action="history.forgotten"), 3)
    assert {entry.subject: entry.details["count"] for entry in told} == {
        "provider_logs": 2,
        "notifications": 2,
        "delivery_answers": len(PAYMENTS) - 1,
    }
    before = len(await entries(owner, "", Wanted(action="history.forgotten"), 100))
    await forgetter.forget()
    assert len(await entries(owner, "", Wanted(action="history.forgotten"), 100)) == before, "nothing to tell"


async def test_no_setting_makes_the_database_forget_what_is_young(forgetter: Forgetter) -> None:
    async with forgetter.database.connection() as connection:
        for name in FORGETTING:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"SELECT {name}(now() - interval '29 days', 10)")
