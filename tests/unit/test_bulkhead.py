"""A provider account has so many places and no more; who is turned away has sent nothing and knows when to come again."""

import asyncio
import random
import time
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from afriflow.checkout.bulkhead import BulkheadLimits, Bulkheads, Errand
from afriflow.core.errors import ProviderBusy
from afriflow.port.http import Reply, asked_rest

LIMITS = BulkheadLimits(
    orders_max=2,
    questions_max=1,
    order_wait_seconds=0.05,
    question_wait_seconds=0.05,
    rest_seconds=5,
    rest_seconds_max=300,
)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def bulkheads(**changes: Any) -> Bulkheads:
    return Bulkheads(replace(LIMITS, **changes), random.Random(1))


def after_a_call(rest_seconds: float | None) -> Any:
    return SimpleNamespace(http=SimpleNamespace(rest_seconds=rest_seconds), account=SimpleNamespace(id="a"))


async def hold(places: Bulkheads, errand: Errand, over: asyncio.Event, account_id: str = "a") -> None:
    async with places.place(account_id, errand):
        await over.wait()


async def test_a_hanging_account_holds_its_own_places_and_no_others() -> None:
    places, over = bulkheads(), asyncio.Event()
    holding = [asyncio.create_task(hold(places, Errand.ORDER, over)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ProviderBusy) as turned_away:
        await hold(places, Errand.ORDER, over)
    assert turned_away.value.facts["retry_after_seconds"] >= 5
    async with places.place("a", Errand.QUESTION), places.place("b", Errand.ORDER):
        pass
    over.set()
    await asyncio.gather(*holding)
    async with places.place("a", Errand.ORDER), places.place("a", Errand.ORDER):
        pass


async def test_who_waits_a_moment_gets_the_place_that_becomes_free() -> None:
    places, over = bulkheads(order_wait_seconds=30.0), asyncio.Event()
    holding = [asyncio.create_task(hold(places, Errand.ORDER, over)) for _ in range(5)]
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in holding)
    over.set()
    await asyncio.gather(*holding)


async def test_a_place_comes_back_from_whoever_failed_or_was_cancelled() -> None:
    places, never = bulkheads(questions_max=1), asyncio.Event()
    for _ in range(3):
        with pytest.raises(RuntimeError):
            async with places.place("a", Errand.QUESTION):
                raise RuntimeError
        holding = asyncio.create_task(hold(places, Errand.QUESTION, never))
        await asyncio.sleep(0)
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
    async with places.place("a", Errand.QUESTION):
        pass


async def test_an_account_that_asked_for_rest_gets_it_for_that_errand() -> None:
    places = bulkheads()
    assert not places.heed(after_a_call(None), Errand.QUESTION)
    assert places.heed(after_a_call(30.0), Errand.QUESTION)
    with pytest.raises(ProviderBusy) as turned_away:
        await hold(places, Errand.QUESTION, asyncio.Event())
    assert 30 <= turned_away.value.facts["retry_after_seconds"] <= 45, "spread, so that not all come at once"
    async with places.place("a", Errand.ORDER), places.place("b", Errand.QUESTION):
        pass


async def test_a_rest_that_is_short_is_waited_for() -> None:
    places, loop = bulkheads(order_wait_seconds=10.0), asyncio.get_running_loop()
    before = loop.time()
    places.heed(after_a_call(0.05), Errand.ORDER)
    async with places.place("a", Errand.ORDER):
        # A loop's timer is right to within its clock's resolution, and never early by more.
        assert loop.time() - before >= 0.05 - 2 * time.get_clock_info("monotonic").resolution


@pytest.mark.parametrize(("asked", "left"), [(0.0, 5), (10_000.0, 300)])
async def test_a_rest_without_a_time_has_one_and_none_is_endless(asked: float, left: int) -> None:
    places = bulkheads()
    places.heed(after_a_call(asked), Errand.ORDER)
    with pytest.raises(ProviderBusy) as turned_away:
        await hold(places, Errand.ORDER, asyncio.Event())
    assert left <= turned_away.value.facts["retry_after_seconds"] <= left * 1.5 + 1


@pytest.mark.parametrize(
    ("status", "text", "seconds"),
    [
        (429, "", 0.0),
        (429, "17", 17.0),
        (429, "Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        (429, "Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        (429, "Sun, 22 Nov 2026 12:00:30", 0.0),
        (429, "soon", 0.0),
        (429, "-5", 0.0),
        (429, "1.5", 0.0),
        (429, "9" * 5000, 999_999_999.0),
        (429, "١٧", 0.0),
        (503, "20", 20.0),
        (503, "", None),
        (200, "20", None),
        (500, "20", None),
    ],
)
def test_a_rest_is_read_from_the_answer(status: int, text: str, seconds: float | None) -> None:
    headers = {"retry-after": text} if text else {}
    assert asked_rest(Reply(status, headers, b""), NOON) == seconds
