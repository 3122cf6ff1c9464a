"""PostgreSQL's twin answers as PostgreSQL does: every statement of the product, random histories, and who waits for whom."""

import json
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from storm.both import Arguments, Original, Twin, outcome, statements

from afriflow.local.servers import LocalServers

CONNECTIONS = 3
# Ways through a whole table that no simulated payment takes: the keeper of the house at night, and a person.
WHOLE = {"merchants.store.SESSIONS_PRUNE", "merchants.store.ACCOUNTS_OF_ALL", "jobs.held._PRUNE"}
WHOLE |= {"merchants.store.ACCOUNTS_OF_PROVIDER", "jobs.held._HELD"}
TEXTS = statements()
# Their ORDER BY leaves ties, which PostgreSQL may give in any order.
TIES = {"ledger.store.ATTEMPTS_OF_MANY", "ledger.store.OPEN_WITHOUT_JOB"}


def is_ordered(name: str) -> bool:
    return "ORDER BY" in TEXTS[name] and name not in TIES


@pytest.fixture(scope="module")
async def original(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Original]:
    servers = LocalServers(Path(tmp_path_factory.mktemp("original")), redis=False)
    try:
        addresses = await servers.start()
        opened = Original(addresses.database_url)
        await opened.open(CONNECTIONS)
        yield opened
        await opened.close()
    finally:
        await servers.stop()


def test_every_statement_of_the_product_compiles_and_finds_its_rows_by_an_index() -> None:
    engine = Twin(1).engine
    whole = {name for name, text in TEXTS.items() if engine.statement(text).scans}
    assert len(TEXTS) > 90
    assert whole == WHOLE


def drawn(twin: Twin) -> dict[str, Arguments]:
    return {name: Arguments(text, twin.engine.statement(text).kinds) for name, text in TEXTS.items()}


def weighed(names: list[str]) -> list[int]:
    """Rows must be there before anything can happen to them."""
    return [4 if "INSERT" in name or "UPSERT" in name or "_ENQUEUE" in name else 1 for name in names]


@pytest.mark.parametrize("seed", range(4))
async def test_a_random_history_gives_the_same_answers_and_leaves_the_same_rows(
    original: Original, seed: int
) -> None:
    chance = random.Random(seed)
    twin = Twin(1)
    arguments, names = drawn(twin), sorted(TEXTS)
    await original.empty()
    for step in range(400):
        twin.now += timedelta(seconds=chance.choice([0.001, 1, 30]))
        name = chance.choices(names, weighed(names))[0]
        given = arguments[name].draw(chance)
        text = TEXTS[name]
        await original.set_time(original.connections[0], twin.now)
        ours = await outcome(twin.connections[0], text, given, ordered=is_ordered(name))
        theirs = await outcome(original.connections[0], text, given, ordered=is_ordered(name))
        assert ours == theirs, (seed, step, name, given)
    await same_rows(original, twin, seed)


async def same_rows(original: Original, twin: Twin, seed: int) -> None:
    theirs, ours = await original.contents(), twin.contents()
    assert set(theirs) == set(ours)
    for name in theirs:
        assert sorted(map(repr_of, ours[name])) == sorted(map(repr_of, theirs[name])), (seed, name)


def repr_of(row: dict[str, Any]) -> str:
    return json.dumps(row, default=str, sort_keys=True)
