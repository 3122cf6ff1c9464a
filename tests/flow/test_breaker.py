"""The fleet's breaker on the real Redis: the script keeps the rules of the pure one, and no herd gets past a hung one."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from afriflow.core.evidence import Pending, Unclear
from afriflow.local.servers import LocalServers
from afriflow.routing.circuit import BreakerLimits, Circuit, State, Verdict
from afriflow.routing.health import Health

LIMITS = BreakerLimits(
    window_seconds=60,
    calls_min=4,
    failure_percent=50,
    lost_in_a_row=3,
    open_seconds=15,
    open_seconds_max=60,
    probes=2,
    lease_seconds=30,
    slow_seconds=20.0,
)
DEAD, WELL = Unclear("no answer"), Pending()
_STATES = (State.CLOSED, State.OPEN, State.HALF_OPEN)
_TURNS = (None, State.OPEN, State.CLOSED)


@pytest.fixture(scope="module")
async def redis_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    servers = LocalServers(tmp_path_factory.mktemp("breaker"))
    try:
        yield (await servers.start()).redis_url
    finally:
        await servers.stop()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    async with Redis.from_url(redis_url) as opened:
        await opened.flushall()
        yield opened


def with_a_clock_of_the_test(script: str) -> str:
    """The script as it is, but for where it reads the time."""
    theirs = "local t = redis.call('TIME')\nlocal now = tonumber(t[1]) + tonumber(t[2]) / 1000000"
    assert theirs in script
    return script.replace(theirs, "local now = tonumber(ARGV[#ARGV])")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["look", "ask", "ask", "good", "bad", "lost", "lost", "release"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from([0.0, 0.5, 3.0, 14.0, 16.0, 31.0, 70.0]),
        st.sampled_from([0.8, 1.0, 1.2]),
    ),
    max_size=40,
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(steps=STEPS)
async def test_the_script_keeps_the_rules_of_the_circuit(redis: Any, steps: list[Any]) -> None:
    text = files("afriflow.routing").joinpath("breaker.lua").read_text("utf-8")
    script = redis.register_script(with_a_clock_of_the_test(text))
    await redis.delete("circuit")
    circuit, now = Circuit(LIMITS), 1_000_000.0
    numbers = (60, 4, 50, 3, 15, 60, 2, 30)
    for verb, probe, pause, jitter in steps:
        now += pause
        match verb:
            case "look":
                expected = circuit.look(now)
            case "ask":
                expected = circuit.ask(now, probe)
            case _:
                expected = circuit.tell(now, Verdict(verb), probe, jitter)
        answers = await script(keys=["circuit"], args=[probe, *numbers, jitter, verb, now])
        allowed, wait, state, rounds, is_probe, turned = answers[0]
        found = (bool(allowed), _STATES[state], rounds, bool(is_probe), _TURNS[turned])
        said = (expected.allowed, expected.state, expected.rounds, expected.is_probe, expected.turned)
        assert found == said, (verb, now)
        assert wait / 1000 == pytest.approx(expected.wait_seconds, abs=0.01)


class Hung:
    """Takes connections and never says a word, as a Redis does whose machine swaps."""

    async def __aenter__(self) -> str:
        self._held: list[asyncio.StreamWriter] = []
        self._server = await asyncio.start_server(self._hold, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"redis://127.0.0.1:{port}"

    async def _hold(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._held.append(writer)

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._held:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def client(url: str) -> Any:
    """As the assembly makes it."""
    return Redis.from_url(url, socket_timeout=0.05, socket_connect_timeout=0.05, retry=Retry(NoBackoff(), 0))


def quick(**changes: Any) -> BreakerLimits:
    numbers = {"window_seconds": 60, "calls_min": 10, "failure_percent": 50, "lost_in_a_row": 5}
    numbers |= {"open_seconds": 1, "open_seconds_max": 1, "probes": 3, "lease_seconds": 30}
    return BreakerLimits(**{**numbers, "slow_seconds": 20.0, **changes})


async def herd(health: Health, callers: int) -> int:
    """So many payments at once to a dead provider; gives how many reached it."""
    reached = 0

    async def pay() -> None:
        nonlocal reached
        await health.look("acc", "initiate", ["orange_sn"])
        permission = await health.ask("acc", "initiate", "orange_sn")
        if permission.allowed:
            reached += 1
            await asyncio.sleep(0.3)
            await health.tell(permission, DEAD, seconds=0.3)

    await asyncio.gather(*(pay() for _ in range(callers)))
    return reached


async def broken(health: Health, times: int = 5) -> None:
    for _ in range(times):
        permission = await health.ask("acc", "initiate", "orange_sn")
        await health.tell(permission, DEAD, seconds=0.1)


class TestWithoutRedis:
    async def test_of_a_herd_that_meets_a_hung_redis_three_reach_the_dead_provider(self) -> None:
        async with Hung() as url, client(url) as hung:
            health = Health(hung, quick(), random.Random(1))
            await broken(health)
            assert not (await health.ask("acc", "initiate", "orange_sn")).allowed
            await asyncio.sleep(1.3)
            assert await herd(health, 100) == 3

    async def test_a_circuit_that_redis_told_to_be_open_stays_so_when_redis_hangs(
        self, redis: Any, redis_url: str
    ) -> None:
        other = Health(redis, quick(), random.Random(2))
        await broken(other)
        async with client(redis_url) as well, Hung() as url, client(url) as hung:
            health = Health(well, quick(), random.Random(3))
            assert not (await health.look("acc", "initiate", ["orange_sn"]))[None].allowed
            health._script = hung.register_script("return {}")
            assert not (await health.ask("acc", "initiate", "orange_sn")).allowed
            await asyncio.sleep(1.3)
            assert await herd(health, 100) == 3

    async def test_alone_it_opens_and_heals_by_the_same_rules(self) -> None:
        async with client("redis://127.0.0.1:1") as nobody:
            health = Health(nobody, quick(), random.Random(4))
            await broken(health)
            assert not (await health.ask("acc", "initiate", "orange_sn")).allowed
            assert not (await health.look("acc", "initiate", []))[None].allowed
            await asyncio.sleep(1.3)
            for _ in range(3):
                permission = await health.ask("acc", "initiate", "orange_sn")
                assert permission.allowed
                assert await health.tell(permission, WELL, seconds=0.1) == [], "it speaks for itself alone"
            assert (await health.look("acc", "initiate", []))[None].state is State.CLOSED


class TestInTheFleet:
    async def test_what_one_process_learns_all_know_and_one_of_them_tells(self, redis: Any) -> None:
        one, other = (Health(redis, quick(), random.Random(n)) for n in (5, 6))
        turns: list[Any] = []
        for health in (one, other, one, other, one):
            permission = await health.ask("acc", "initiate", "orange_sn")
            turns += await health.tell(permission, DEAD, seconds=0.1)
        assert [(turn.operator, turn.state) for turn in turns] == [
            (None, State.OPEN),
            ("orange_sn", State.OPEN),
        ]
        assert not (await other.ask("acc", "initiate", "wave_sn")).allowed, "the network is everybody's"
        assert (await other.ask("acc", "disburse", "wave_sn")).allowed
        assert (await other.ask("another", "initiate", "orange_sn")).allowed

    async def test_of_a_herd_in_the_whole_fleet_three_are_let_through(self, redis: Any) -> None:
        fleet = [Health(redis, quick(), random.Random(n)) for n in range(4)]
        await broken(fleet[0])
        await asyncio.sleep(1.3)
        assert sum(await asyncio.gather(*(herd(health, 25) for health in fleet))) == 3

    async def test_one_operator_that_is_down_leaves_the_others_open(self, redis: Any) -> None:
        health = Health(redis, quick(lost_in_a_row=1000), random.Random(7))
        for _ in range(12):
            for operator, word in (("orange_sn", DEAD), ("wave_sn", WELL), ("free_sn", WELL)):
                permission = await health.ask("acc", "initiate", operator)
                if permission.allowed:
                    await health.tell(permission, word, seconds=0.1)
        seen = await health.look("acc", "initiate", ["orange_sn", "wave_sn", "free_sn"])
        assert {name: item.allowed for name, item in seen.items()} == {
            None: True,
            "orange_sn": False,
            "wave_sn": True,
            "free_sn": True,
        }

    async def test_answers_that_come_too_late_open_it_too(self, redis: Any) -> None:
        health = Health(redis, quick(), random.Random(8))
        for _ in range(10):
            permission = await health.ask("acc", "initiate", "orange_sn")
            await health.tell(permission, WELL, seconds=20.1)
        assert not (await health.ask("acc", "initiate", "orange_sn")).allowed

    async def test_after_a_flush_it_begins_anew(self, redis: Any) -> None:
        health = Health(redis, quick(open_seconds=1), random.Random(9))
        await broken(health)
        await redis.flushall()
        await asyncio.sleep(1.3)
        assert (await health.ask("acc", "initiate", "orange_sn")).allowed
        assert (await health.look("acc", "initiate", []))[None].state is State.CLOSED

    async def test_a_circuit_remembers_one_window_and_no_more(self, redis: Any) -> None:
        health = Health(redis, quick(window_seconds=1), random.Random(10))
        for _ in range(25):
            permission = await health.ask("acc", "initiate", "orange_sn")
            await health.tell(permission, WELL, seconds=0.1)
            await asyncio.sleep(0.1)
        assert await redis.hlen("afriflow:breaker:{acc}:initiate:*") <= 13
