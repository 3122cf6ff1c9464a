"""PostgreSQL's twin answers as PostgreSQL does: every statement of the product, random histories, and who waits for whom."""

import json
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from storm.both import Meeting, Original, Twin, outcome, same
from storm.draws import BEGIN, Arguments, others, statements
from storm.twin import Unsupported

from afriflow.delivery import store as delivery
from afriflow.ledger import store as ledger
from afriflow.local.servers import LocalServers

CONNECTIONS = 3
# Ways through a whole table that no simulated payment takes: the keeper of the house at night, and persons.
WHOLE = (
    *("merchants.", "reconcile.", "jobs.held.", "ledger.store.TRANSACTION_OWNER"),
    "ledger.store.DISBURSEMENT_OWNER",
)
TEXTS = statements()
# Their ORDER BY leaves ties, which PostgreSQL may give in any order.
TIES = {"ledger.store.ATTEMPTS_OF_MANY", "ledger.store.OPEN_WITHOUT_JOB"}

# Where connections meet; in all tables at once they would hardly ever.
PLACES = [
    {"transactions", "payment_methods", "attempts"},
    {"pgqueuer", "deliveries", "idempotency_keys"},
    {"disbursements", "transactions", "provider_references"},
    {"webhook_events", "payment_methods", "pgqueuer"},
]


def is_ordered(name: str) -> bool:
    return "ORDER BY" in TEXTS[name] and name not in TIES


@pytest.fixture(scope="module")
async def original(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Original]:
    servers = LocalServers(Path(tmp_path_factory.mktemp("original")), redis=False)
    try:
        addresses = await servers.start()
        opened = Original(addresses.database_url)
        await opened.open()
        yield opened
        await opened.close()
    finally:
        await servers.stop()


def test_every_statement_of_the_product_compiles_and_finds_its_rows_by_an_index() -> None:
    engine = Twin(1).engine
    whole = {name for name, text in TEXTS.items() if engine.statement(text).scans}
    assert len(TEXTS) > 90
    for text in others().values():
        with pytest.raises(Unsupported):
            engine.statement(text)
    assert {name for name in whole if not name.startswith(WHOLE)} == set()


def drawn(twin: Twin, *, narrow: bool) -> dict[str, Arguments]:
    return {
        name: Arguments(text, twin.engine.statement(text).kinds, narrow=narrow)
        for name, text in TEXTS.items()
    }


def weighed(names: list[str]) -> list[int]:
    """Rows must be there before anything can happen to them."""
    return [4 if is_inserting(name) else 1 for name in names]


@pytest.mark.parametrize("seed", range(4))
async def test_a_random_history_gives_the_same_answers_and_leaves_the_same_rows(
    original: Original, seed: int
) -> None:
    chance = random.Random(seed)
    twin = Twin(1)
    arguments, names = drawn(twin, narrow=False), sorted(TEXTS)
    await original.empty()
    for step in range(250):
        twin.now += timedelta(seconds=chance.choice([0.001, 1, 30]))
        name = chance.choices(names, weighed(names))[0]
        given = arguments[name].draw(chance)
        text = TEXTS[name]
        await original.set_time(original.connections[0], twin.now)
        how = {"ordered": is_ordered(name), "gives": bool(twin.engine.statement(text).names)}
        ours = await outcome(twin.connections[0], text, given, **how)
        theirs = await outcome(original.connections[0], text, given, **how)
        assert same(ours, theirs), (seed, step, name, given, ours, theirs)
    await same_rows(original, twin, seed)


@pytest.mark.parametrize("seed", range(4))
async def test_connections_that_meet_wait_for_each_other_and_go_on_alike(
    original: Original, seed: int
) -> None:
    chance = random.Random(1000 + seed)
    twin = Twin(CONNECTIONS)
    arguments, place = drawn(twin, narrow=True), PLACES[seed % len(PLACES)]
    names = sorted(name for name in TEXTS if arguments[name].table in place)
    await original.empty(CONNECTIONS)
    meeting = Meeting(original, twin)
    step = 0
    while step < 300 or meeting.waits < 4:
        step += 1
        twin.now += timedelta(seconds=chance.choice([0.001, 1, 30]))
        # First there must be rows; then who changes them meets others who do.
        inserts = 4 if step < 100 else 1
        weights = [1 if is_reading(name) else inserts if is_inserting(name) else 4 for name in names]
        at = chance.choice(meeting.free()) if step >= 100 else 0
        dice = chance.random()
        done: Any = None
        try:
            if step >= 100 and at not in meeting.blocks and dice < 0.8:
                await meeting.begin(at)
            elif at in meeting.blocks and dice < 0.15:
                await meeting.end(at, keep=chance.random() < 0.7)
            else:
                name = chance.choices(names, weights)[0]
                given = arguments[name].draw(chance)
                done = (name, given)
                await meeting.step(at, TEXTS[name], given, ordered=is_ordered(name))
        except AssertionError as error:
            raise AssertionError((seed, step, at, done)) from error
    while meeting.blocks:
        await meeting.end(next(at for at in meeting.free() if at in meeting.blocks), keep=True)
    await same_rows(original, twin, seed)


def is_inserting(name: str) -> bool:
    return "INSERT INTO" in TEXTS[name]


def is_reading(name: str) -> bool:
    return TEXTS[name].lstrip().startswith("SELECT") and "FOR UPDATE" not in TEXTS[name]


async def same_rows(original: Original, twin: Twin, seed: int) -> None:
    theirs, ours = await original.contents(), twin.contents()
    assert set(theirs) == set(ours)
    for name in theirs:
        assert sorted(map(repr_of, ours[name])) == sorted(map(repr_of, theirs[name])), (seed, name)


def repr_of(row: dict[str, Any]) -> str:
    return json.dumps(row, default=str, sort_keys=True)


@pytest.fixture
async def meeting(original: Original) -> Meeting:
    await original.empty(CONNECTIONS)
    return Meeting(original, Twin(CONNECTIONS))


async def told(meeting: Meeting, *steps: tuple[int, str, dict[str, Any]]) -> None:
    """Let connections run statements, of one merchant's payment unless said otherwise."""
    for at, text, values in steps:
        arguments = Arguments(text, meeting.twin.engine.statement(text).kinds, narrow=True)
        known = {"merchant_id": "m1", "mode": "test", "amount_minor": 500, "timestamptz": SOON, **values}
        await meeting.step(at, text, arguments.named(**known), ordered=True)


SOON = BEGIN + timedelta(hours=1)
OPEN = {"status": "processing", "payment_method_id": None}


async def test_who_closes_a_circle_is_refused(meeting: Meeting) -> None:
    for name in ("x1", "x2"):
        await told(meeting, (0, ledger.TRANSACTION_INSERT, {"id": name, "reference": name, **OPEN}))
    await meeting.begin(0)
    await meeting.begin(1)
    await told(
        meeting,
        (0, ledger.REFUND_LEFT, {"id": "x1"}),
        (1, ledger.REFUND_LEFT, {"id": "x2"}),
        (0, ledger.REFUND_LEFT, {"id": "x2"}),
    )
    assert meeting.free() == [1, 2]
    await told(meeting, (1, ledger.REFUND_LEFT, {"id": "x1"}))
    assert meeting.ends[-2:] == [("DeadlockDetectedError", ""), [{"?column?": 500}]]


async def test_the_second_look_at_a_locked_row_keeps_what_was_read_beside_it(meeting: Meeting) -> None:
    """PostgreSQL's EvalPlanQual: the lock brings the newest transaction, but never a method that it has only now."""
    await told(meeting, (0, ledger.METHOD_UPSERT, {}), (0, ledger.TRANSACTION_INSERT, OPEN))
    await meeting.begin(0)
    await told(
        meeting, (0, ledger.TRANSACTION_CHOOSE, {"status": "processing"}), (1, ledger.TRANSACTION_LOCK, {})
    )
    assert meeting.free() == [0, 2]
    await meeting.end(0, keep=True)
    assert meeting.ends[-1][0]["payment_method_id"] == "x1"
    assert meeting.ends[-1][0]["method_type"] is None


async def test_the_second_look_at_a_locked_row_sees_other_tables_as_they_were(meeting: Meeting) -> None:
    """A payment that ends while its attempt is waited for is still open to the statement that waits."""
    over = {"float8": -5.0}
    await told(meeting, (0, ledger.TRANSACTION_INSERT, OPEN), (0, ledger.ATTEMPT_INSERT, over))
    await meeting.begin(0)
    await told(
        meeting,
        (0, ledger.PAYMENT.checked, {}),
        (0, ledger.TRANSACTION_CHANGE, {"status": "expired"}),
        (1, ledger.PAYMENT.resend, {"sends": 1, **over}),
    )
    assert meeting.free() == [0, 2]
    await meeting.end(0, keep=True)
    assert meeting.ends[-1] == [{"sends": 2}]
    await told(meeting, (1, ledger.PAYMENT.resend, {"sends": 2, **over}))
    assert meeting.ends[-1] == []


async def test_two_who_promise_back_the_same_money_are_one_too_many(meeting: Meeting) -> None:
    paid, much = {"status": "succeeded"}, {"refund_reserved_minor": 300}
    await told(meeting, (0, ledger.TRANSACTION_INSERT, OPEN), (0, ledger.TRANSACTION_CHANGE, paid))
    await meeting.begin(0)
    await told(meeting, (0, ledger.REFUND_RESERVE, much), (1, ledger.REFUND_RESERVE, much))
    await meeting.end(0, keep=True)
    assert meeting.ends[-2:] == ["UPDATE 1", "UPDATE 0"]


async def test_two_tries_of_one_delivery_at_once_are_numbered_one_after_the_other(meeting: Meeting) -> None:
    """The second part of the statement sees what the first one held and changed, and not what it began with."""
    tried = {"status": "waiting", "int2": 500}
    await told(meeting, (0, delivery.DELIVERY_INSERT, {}))
    await meeting.begin(0)
    await told(meeting, (0, delivery.DELIVERY_TRIED, tried), (1, delivery.DELIVERY_TRIED, tried))
    await meeting.end(0, keep=True)
    assert meeting.ends[-1] == "INSERT 0 1"
