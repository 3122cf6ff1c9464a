"""The schema goes from the first step to the newest while payments are written: nothing they do fails or waits long."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from afriflow.db.migrate import migrate

FIRST, ROWS = "0006", 20_000
WAIT_SECONDS_MAX = 5.0  # the lock_timeout of a migration, and what a payer does not notice
_FILL = """
INSERT INTO transactions (merchant_id, id, mode, status, amount_minor, currency, country, reference, customer,
    payer_chooses, language, metadata, idempotency_key, token, expires_at)
SELECT 'mer_1', 'txn_' || n, 'test', 'processing', 5000, 'XOF', 'SN', 'r' || n, '{}', false, 'fr', '{}', 'k' || n,
    't' || n, now() FROM generate_series($1::int, $2::int) n
"""
_LOG = """
INSERT INTO provider_logs (merchant_id, id, mode, account_id, transaction_id, operation, method, url, request_headers,
    request_body, response_body, duration_ms)
SELECT 'mer_1', 'log_' || n, 'test', 'p_1', 'txn_' || n, 'initiate', 'POST', 'https://p', '{}', '', '', 1
FROM generate_series($1::int, $2::int) n
"""


@pytest.fixture
async def url(database_url: str) -> AsyncIterator[str]:
    """A database of its own, on the schema of an earlier release."""
    owner = await asyncpg.connect(database_url)
    await owner.execute("CREATE DATABASE earlier")
    earlier = database_url.replace("/afriflow?", "/earlier?")
    await migrate(earlier, FIRST)
    yield earlier
    await owner.execute("DROP DATABASE earlier WITH (FORCE)")
    await owner.close()


async def test_payments_go_on_while_the_schema_changes(url: str) -> None:
    filler = await asyncpg.connect(url)
    for fill in (_FILL, _LOG):
        await filler.execute(fill, 1, ROWS)
    done, longest, migrating = 0, 0.0, True

    async def pay(lane: int) -> None:
        nonlocal done, longest
        connection: Any = await asyncpg.connect(url)
        number = 1_000_000 * lane
        while migrating:
            number += 1
            begun = time.monotonic()
            async with connection.transaction():
                for fill in (_FILL, _LOG):
                    await connection.execute(fill, number, number)
                await connection.execute(
                    "UPDATE transactions SET status = 'succeeded', updated_at = now() WHERE merchant_id = 'mer_1' AND id = $1",
                    f"txn_{number}",
                )
            longest = max(longest, time.monotonic() - begun)
            done += 1
        await connection.close()

    paying = [asyncio.create_task(pay(lane)) for lane in (1, 2)]
    while done < 20:
        await asyncio.sleep(0.01)
        assert not [task for task in paying if task.done()]
    before = done
    await migrate(url)
    migrating = False
    await asyncio.gather(*paying)
    assert done > before, "nobody paid meanwhile"
    assert longest < WAIT_SECONDS_MAX
    assert await filler.fetchval("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0
    assert await filler.fetchval("SELECT count(*) FROM transactions") == ROWS + done
    await filler.close()
