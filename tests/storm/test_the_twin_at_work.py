"""What the twin does where the order is told: locks that meet, second looks, and processes that die."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from storm.twin import Engine, Pool, Unsupported

from afriflow.core.errors import Unavailable
from afriflow.db.engine import Database
from afriflow.delivery import store as delivery
from afriflow.ledger import store as ledger

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENDPOINT = ("m1", "w1", "test", "https://shop.example", b"sealed", "", None)


@pytest.fixture
def engine() -> Engine:
    return Engine(clock=lambda: NOW)


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def endpoints(engine: Engine) -> list[Any]:
    async with Database(Pool(engine)).connection() as connection:
        return await connection.fetch(delivery.ENDPOINTS, "m1", "test")


async def test_what_a_killed_process_had_not_committed_never_was_and_its_tasks_hear_nothing(
    engine: Engine,
) -> None:
    pool, other = Pool(engine), Pool(engine)
    begun = asyncio.Event()

    async def dies() -> None:
        async with Database(pool).transaction() as connection:
            await connection.execute(delivery.ENDPOINT_INSERT, *ENDPOINT)
            begun.set()
            while True:
                await connection.fetch(delivery.ENDPOINTS, "m1", "test")

    async def waits() -> str:
        async with Database(other).transaction() as connection:
            return await connection.execute(delivery.ENDPOINT_INSERT, *ENDPOINT)

    dying = asyncio.create_task(dies())
    await begun.wait()
    waiting = asyncio.create_task(waits())
    await turns()
    assert not waiting.done()
    assert await endpoints(engine) == []
    pool.kill()
    assert await waiting == "INSERT 0 1"
    await turns()
    assert not dying.done()
    dying.cancel()
    assert [row["id"] for row in await endpoints(engine)] == ["w1"]


async def test_who_is_killed_or_cancelled_while_waiting_leaves_the_row_to_the_next(engine: Engine) -> None:
    pools = [Pool(engine) for _ in range(4)]
    await add_endpoint(engine)
    order: list[int] = []
    held = asyncio.Event()

    async def disables(at: int) -> None:
        async with Database(pools[at]).transaction() as connection:
            await connection.execute(delivery.ENDPOINT_DISABLE, *ENDPOINT[0:1], "test", "w1", str(at))
            order.append(at)
            await held.wait()

    tasks = []
    for at in range(4):
        tasks.append(asyncio.create_task(disables(at)))
        await turns()
    assert order == [0]
    pools[1].kill()
    tasks[2].cancel()
    held.set()
    await tasks[0]
    await tasks[3]
    assert order == [0, 3]
    assert [row["disabled_why"] for row in await endpoints(engine)] == ["0"]
    tasks[1].cancel()


async def add_endpoint(engine: Engine) -> None:
    async with Database(Pool(engine)).connection() as connection:
        await connection.execute(delivery.ENDPOINT_INSERT, *ENDPOINT)


async def test_a_broken_connection_is_an_unavailable_database_and_the_next_one_works(engine: Engine) -> None:
    first, second = Pool(engine, 1), Pool(engine, 1)
    await add_endpoint(engine)
    async with Database(first).transaction() as holds:
        await holds.execute(delivery.ENDPOINT_DISABLE, "m1", "test", "w1", "first")

        async def waits() -> None:
            async with Database(second).transaction() as connection:
                await connection.execute(delivery.ENDPOINT_DISABLE, "m1", "test", "w1", "second")

        waiting = asyncio.create_task(waits())
        await turns()
        second.break_connections()
        with pytest.raises(Unavailable):
            await waiting
    async with Database(second).connection() as connection:
        row = await connection.fetchrow(delivery.ENDPOINT, "m1", "test", "w1")
    assert row is not None
    assert row["disabled_why"] == "first"


async def test_a_turn_that_fails_is_a_connection_that_was_lost_before_the_statement_arrived() -> None:
    lost = False

    async def turn() -> None:
        if lost:
            raise ConnectionResetError

    engine = Engine(clock=lambda: NOW, turn=turn)
    pool = Pool(engine, 1)

    async def inserts() -> None:
        nonlocal lost
        async with Database(pool).transaction() as connection:
            await connection.execute(delivery.ENDPOINT_INSERT, *ENDPOINT)
            lost = True  # before COMMIT arrives

    with pytest.raises(Unavailable):
        await inserts()
    lost = False
    assert await endpoints(engine) == []


async def test_more_than_the_pool_has_wait_in_order_and_only_so_long(engine: Engine) -> None:
    pool = Pool(engine, 1)
    async with pool.acquire():
        with pytest.raises(TimeoutError):
            await pool.acquire(timeout=0)
        waiting = asyncio.create_task(pool.borrow(None))
        await turns()
        assert not waiting.done()
    assert await (await waiting).fetchval("SELECT true") is True


async def test_what_is_given_out_is_never_what_is_kept(engine: Engine) -> None:
    kept = {"customer": ["a"]}
    async with Database(Pool(engine)).connection() as connection:
        await connection.execute(
            ledger.STORY_APPEND, "m1", "t1", 1, "test", None, "Created", "merchant", kept
        )
        kept["customer"].append("b")
        (row,) = await connection.fetch(ledger.STORY, "m1", "t1")
        assert row["facts"] == {"customer": ["a"]}
        row["facts"]["customer"].clear()
        (again,) = await connection.fetch(ledger.STORY, "m1", "t1")
        assert dict(again)["facts"] == {"customer": ["a"]}


@pytest.mark.parametrize(
    "text",
    [
        "SELECT status, count(*) FROM transactions GROUP BY status",
        "SELECT DISTINCT status FROM transactions",
        "SELECT customer ->> 'name' FROM transactions",
        "SELECT id FROM transactions ORDER BY id OFFSET 1",
        "SELECT lower(id) FROM transactions",
        "SELECT sum(amount_minor) FROM transactions",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT n FROM t",
        "SELECT id FROM transactions WHERE amount_minor = 'much'",
        "SELECT pg_advisory_xact_lock(1)",
        "LOCK TABLE transactions",
    ],
)
async def test_what_it_does_not_know_it_says(engine: Engine, text: str) -> None:
    async with Pool(engine).acquire() as connection:
        with pytest.raises(Unsupported):
            await connection.execute(text)


async def test_a_transaction_inside_another_is_not_known(engine: Engine) -> None:
    async with Pool(engine).acquire() as connection, connection.transaction():
        with pytest.raises(Unsupported):
            await connection.transaction().start()
