"""What people did stays as it was written: whoever changes, removes, inserts or cuts off is found, and where."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from afriflow.db.migrate import migrate
from afriflow.local.servers import LocalServers
from afriflow.merchants.audit_log import Head, Wanted, entries, hash_of, heads, verify, write


@pytest.fixture(scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    servers = LocalServers(tmp_path_factory.mktemp("audit_log"), redis=False)
    try:
        addresses = await servers.start()
        await migrate(addresses.database_url)
        yield addresses.database_url
    finally:
        await servers.stop()


@pytest.fixture
async def connection(url: str) -> AsyncIterator[Any]:
    """A superuser's connection to a chain of six entries and one of two, all undone after the test."""
    opened = await asyncpg.connect(url)
    undo = opened.transaction()
    await undo.start()
    for number in range(1, 7):
        await act(opened, "mer_a", number)
    for number in range(1, 3):
        await act(opened, "mer_b", number)
    yield opened
    await undo.rollback()
    await opened.close()


async def act(connection: Any, merchant_id: str, number: int) -> None:
    await write(
        connection,
        merchant_id=merchant_id,
        who="aminata@boutique.test" if number % 2 else "key_1",
        action="account.paused" if number % 3 else "policy.changed",
        subject=f"acc_{number}",
        details={"reason": f"maintenance n° {number}", "mode": "test"},
    )


async def found(connection: Any, **anchors: Head) -> dict[str, tuple[int | None, str | None]]:
    return {
        verdict.head.merchant_id: (verdict.broken_at, verdict.why)
        for verdict in await verify(connection, anchors)
    }


WHOLE = (None, None)


async def test_a_chain_that_nobody_touched_is_whole(connection: Any) -> None:
    assert await found(connection) == {"mer_a": WHOLE, "mer_b": WHOLE}


@pytest.mark.parametrize(
    ("tampering", "broken_at", "why"),
    [
        ("UPDATE audit_log SET who = 'nobody' WHERE merchant_id = 'mer_a' AND sequence = 3", 3, "changed"),
        ("UPDATE audit_log SET at = at + interval '1 microsecond' WHERE merchant_id = 'mer_a' AND sequence = 2", 2, "changed"),
        ("UPDATE audit_log SET details = '{}' WHERE merchant_id = 'mer_a' AND sequence = 6", 6, "changed"),
        ("DELETE FROM audit_log WHERE merchant_id = 'mer_a' AND sequence = 4", 4, "gap"),
        ("DELETE FROM audit_log WHERE merchant_id = 'mer_a' AND sequence = 1", 1, "gap"),
        ("DELETE FROM audit_log WHERE merchant_id = 'mer_a' AND sequence > 4", 5, "cut_off"),
        ("DELETE FROM audit_log WHERE merchant_id = 'mer_a'", 1, "cut_off"),
        ("DELETE FROM audit_heads WHERE merchant_id = 'mer_a'", 1, "ahead"),
        ("UPDATE audit_heads SET sequence = 4 WHERE merchant_id = 'mer_a'", 5, "ahead"),
        ("UPDATE audit_log SET previous_hash = '\\x00' WHERE merchant_id = 'mer_a' AND sequence = 5", 5, "changed"),
    ],
)  # fmt: skip
async def test_what_a_superuser_tampered_with_is_found_where_it_begins(
    connection: Any, tampering: str, broken_at: int, why: str
) -> None:
    await connection.execute(tampering)
    assert await found(connection) == {"mer_a": (broken_at, why), "mer_b": WHOLE}


async def test_an_entry_that_is_rewritten_with_its_hash_no_longer_links(connection: Any) -> None:
    other = await connection.fetchrow("SELECT * FROM audit_log WHERE merchant_id = 'mer_a' AND sequence = 3")
    forged = [*tuple(other)[:3], "nobody", *tuple(other)[4:8]]
    await connection.execute(
        "UPDATE audit_log SET who = 'nobody', hash = $1 WHERE merchant_id = 'mer_a' AND sequence = 3",
        hash_of(*forged),
    )
    assert await found(connection) == {"mer_a": (4, "unlinked"), "mer_b": WHOLE}


async def test_an_end_that_was_cut_off_with_its_head_contradicts_an_anchor(connection: Any) -> None:
    anchors = {head.merchant_id: head for head in await heads(connection)}
    await connection.execute("DELETE FROM audit_log WHERE merchant_id = 'mer_a' AND sequence > 4")
    await connection.execute(
        """UPDATE audit_heads h SET sequence = l.sequence, hash = l.hash FROM audit_log l
        WHERE h.merchant_id = 'mer_a' AND l.merchant_id = 'mer_a' AND l.sequence = 4"""
    )
    assert await found(connection) == {"mer_a": WHOLE, "mer_b": WHOLE}
    assert await found(connection, **anchors) == {"mer_a": (5, "cut_off"), "mer_b": WHOLE}
    for number in range(5, 9):
        await act(connection, "mer_a", number + 1)
    assert await found(connection, **anchors) == {"mer_a": (6, "not_as_anchored"), "mer_b": WHOLE}


async def test_a_whole_chain_that_vanished_contradicts_an_anchor(connection: Any) -> None:
    anchors = {head.merchant_id: head for head in await heads(connection)}
    await connection.execute("DELETE FROM audit_log WHERE merchant_id = 'mer_a'")
    await connection.execute("DELETE FROM audit_heads WHERE merchant_id = 'mer_a'")
    assert await found(connection, **anchors) == {"mer_a": (1, "cut_off"), "mer_b": WHOLE}


async def test_a_list_is_narrowed_and_paged_by_sequence(connection: Any) -> None:
    async def numbers(limit: int = 10, **wanted: Any) -> list[int]:
        return [item.sequence for item in await entries(connection, "mer_a", Wanted(**wanted), limit)]

    assert await numbers() == [6, 5, 4, 3, 2, 1]
    assert await numbers(limit=2, before=5) == [4, 3]
    assert await numbers(who="key_1") == [6, 4, 2]
    assert await numbers(who="key_1", action="policy.changed") == [6]
    assert await numbers(subject="acc_2") == [2]
    first = (await entries(connection, "mer_a", Wanted(before=2), 1))[0]
    assert await numbers(since=first.at) == [6, 5, 4, 3, 2, 1]
    assert await numbers(until=first.at) == []
    assert first.details == {"reason": "maintenance n° 1", "mode": "test"}


async def test_many_writers_at_once_make_one_chain_and_what_is_undone_leaves_no_gap(url: str) -> None:
    pool: Any = await asyncpg.create_pool(url, min_size=8, max_size=8)

    async def one_of_many(number: int) -> None:
        async with pool.acquire() as borrowed:
            undone = borrowed.transaction()
            await undone.start()
            await act(borrowed, "mer_many", number)
            await (undone.rollback() if number % 5 == 0 else undone.commit())

    await asyncio.gather(*(one_of_many(number) for number in range(1, 41)))
    async with pool.acquire() as borrowed:
        (verdict,) = [v for v in await verify(borrowed) if v.head.merchant_id == "mer_many"]
        times = [item.at for item in await entries(borrowed, "mer_many", Wanted(), 100)]
    await pool.close()
    assert (verdict.why, verdict.head.sequence) == (None, 32)
    assert times == sorted(times, reverse=True)
