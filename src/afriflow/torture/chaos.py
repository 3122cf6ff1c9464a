"""What goes wrong, and when: drawn from the seed before it begins, then done to the fleet come what may."""

import asyncio
import contextlib
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import msgspec

from afriflow.observe.log import logger
from afriflow.simulator.faults import Knobs
from afriflow.torture.fleet import Process
from afriflow.torture.line import CLEAR, Line, Weather
from afriflow.torture.stage import Stage

_log = logger("torture")
# The averages of the release's target: in ten minutes 40 crashes of PostgreSQL, 40 of Redis, 60 pauses.
_POSTGRES_EVERY_SECONDS = 15.0
_REDIS_EVERY_SECONDS = 15.0
_PAUSE_EVERY_SECONDS = 10.0
_WEATHER_EVERY_SECONDS = 5.0
_TICK_SECONDS = 0.2
# A process this young is still coming up; another one dies in its place.
_GROWN_UP_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Blow:
    """One thing that is done. at_seconds: since the beginning. lot: decides what the moment leaves open."""

    at_seconds: float
    kind: str
    lot: float


def blows(seed: int, seconds: float, kill_every: float) -> list[Blow]:
    """Draw everything that will be done; the same seed gives the same list."""
    chance = random.Random(f"blows {seed}")
    every = {
        "kill": kill_every,
        "pause": _PAUSE_EVERY_SECONDS,
        "postgres": _POSTGRES_EVERY_SECONDS,
        "redis": _REDIS_EVERY_SECONDS,
        "weather": _WEATHER_EVERY_SECONDS,
    }
    found: list[Blow] = []
    for kind, period in every.items():
        at = chance.uniform(0.3, 1.0) * period if period else seconds
        while at < seconds:
            found.append(Blow(at, kind, chance.random()))
            at += chance.uniform(0.5, 1.5) * period
    return sorted(found, key=lambda blow: blow.at_seconds)


@dataclass(slots=True)
class Chaos:
    """Does the blows. done: how many of each kind. api_back_seconds: from each death of an API to its next answer."""

    stage: Stage
    session: aiohttp.ClientSession
    seed: int
    seconds: float
    kill_every: float
    done: Counter[str] = field(default_factory=Counter[str])
    api_back_seconds: list[float] = field(default_factory=list[float])
    postgres_back_seconds: list[float] = field(default_factory=list[float])
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"])
    _postgres_falls: int = 0

    async def rage(self) -> None:
        """Do everything in its time, then make everything whole again."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        deeds: dict[str, Callable[[Blow], Awaitable[None]]] = {
            "kill": self._kill,
            "pause": self._pause,
            "postgres": self._crash_postgres,
            "redis": self._harm_redis,
            "weather": self._turn_weather,
        }
        for blow in blows(self.seed, self.seconds, self.kill_every):
            await self._until(begun + blow.at_seconds)
            # Beside each other: what takes long must not hold up the next.
            task = loop.create_task(self._do(deeds[blow.kind], blow))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await self._until(begun + self.seconds)
        await self._make_whole()

    async def _until(self, moment: float) -> None:
        loop = asyncio.get_running_loop()
        while (left := moment - loop.time()) > 0:
            await asyncio.sleep(min(left, _TICK_SECONDS))
            self.stage.raise_the_dead()

    async def _do(self, deed: Callable[[Blow], Awaitable[None]], blow: Blow) -> None:
        try:
            await deed(blow)
        except Exception as error:  # noqa: BLE001 — said at the end, where the run fails for it
            _log.exception("blow_failed", kind=blow.kind)
            self.done[f"failed {blow.kind}: {error!r}"[:200]] += 1

    async def _make_whole(self) -> None:
        for line in self.stage.lines.values():
            line.weather = CLEAR
        for seat in self.stage.fleet.seats.values():
            seat.faults.turn(Knobs(seed=self.seed))
        await asyncio.gather(*self._tasks)
        await self.stage.servers_up()
        self.stage.raise_the_dead()

    def _victim(self, lot: float, *, awake: bool = False) -> tuple[str, Process] | None:
        grown = self.stage.grown_up(_GROWN_UP_SECONDS)
        candidates = [name for name in grown if not (awake and name in self.stage.asleep)]
        if not candidates:
            return None
        name = candidates[int(lot * len(candidates))]
        return name, self.stage.fleet.processes[name]

    async def _kill(self, blow: Blow) -> None:
        found = self._victim(blow.lot)
        if found is None:
            self.done["kill without a victim"] += 1
            return
        name, _ = found
        self.stage.fleet.kill(name)
        self.stage.start(name)
        self.done["kill api" if name.startswith("api") else "kill worker"] += 1
        if name.startswith("api"):
            await self._time_api(name)

    async def _time_api(self, name: str) -> None:
        """Say how long a door was shut, unless PostgreSQL fell meanwhile, which has a figure of its own."""
        loop = asyncio.get_running_loop()
        begun, falls = loop.time(), self._postgres_falls
        process = self.stage.fleet.processes.get(name)
        while self.stage.fleet.processes.get(name) is process and loop.time() - begun < 30:
            if await self._answers(self.stage.door(name), "/health/live"):
                if falls == self._postgres_falls:
                    self.api_back_seconds.append(round(loop.time() - begun, 3))
                return
            await asyncio.sleep(0.05)

    async def _answers(self, url: str, path: str) -> bool:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self.session.get(url + path, timeout=aiohttp.ClientTimeout(total=1)) as response:
                return response.status == 200
        return False

    async def _pause(self, blow: Blow) -> None:
        found = self._victim(blow.lot, awake=True)
        if found is None:
            return
        name, process = found
        process.send_signal(signal.SIGSTOP)
        self.stage.asleep.add(name)
        self.done["pause"] += 1
        await asyncio.sleep(1 + 7 * blow.lot)
        process.send_signal(signal.SIGCONT)
        self.stage.asleep.discard(name)

    async def _crash_postgres(self, blow: Blow) -> None:
        """The immediate stop: no goodbye, and recovery from the log at the next start. Or the kill of one backend."""
        self._postgres_falls += 1
        loop = asyncio.get_running_loop()
        if not self.stage.strike("postgres", signal.SIGQUIT):
            return
        self.done["postgres immediate stop"] += 1
        await asyncio.sleep(2 * blow.lot)
        await self.stage.servers_up()
        begun = loop.time()
        while loop.time() - begun < 30:
            if any([await self._answers(url, "/health/ready") for url in self.stage.doors]):
                self.postgres_back_seconds.append(round(loop.time() - begun, 3))
                break
            await asyncio.sleep(0.05)
        self._postgres_falls += 1

    async def _harm_redis(self, blow: Blow) -> None:
        if blow.lot < 0.4:
            await self.stage.flush_redis()
            self.done["redis flush"] += 1
        elif blow.lot < 0.8:
            self.stage.strike("redis", signal.SIGKILL)
            self.done["redis kill"] += 1
            await asyncio.sleep(3 * blow.lot)
            await self.stage.servers_up()
        else:
            line = self.stage.lines["redis"]
            line.weather = Weather(stall=1.0)
            self.done["redis hang"] += 1
            await asyncio.sleep(2)
            line.weather = CLEAR

    async def _turn_weather(self, blow: Blow) -> None:
        """Other mishaps on every line and at every provider: some off, the others drawn over orders of magnitude."""
        chance = random.Random(blow.lot)
        for name, line in self.stage.lines.items():
            if name != "redis":
                line.weather = _weather(chance, requests=name != "postgres")
        for seat in self.stage.fleet.seats.values():
            knobs = {name: _strength(chance, most) for name, most in _KNOBS.items()}
            seat.faults.turn(
                msgspec.convert(
                    {
                        "seed": chance.randrange(10**6),
                        "late_arrival_seconds": 5,
                        "slow_answer_seconds": 3,
                        **knobs,
                    },
                    Knobs,
                )
            )


# What providers do wrong, and how often at most. Nothing here lies about money: who is told a false amount must
# call a person, and waiting for one is no recovery.
_KNOBS = {
    "refuse_connection": 0.1,
    "too_many_requests": 0.05,
    "late_arrival": 0.05,
    "error_500": 0.1,
    "html_502": 0.1,
    "broken_json": 0.1,
    "empty_answer": 0.1,
    "lose_answer": 0.2,
    "slow_answer": 0.1,
    "dead_query": 0.5,
    "callback_before_answer": 0.1,
    "lose_callback": 1.0,
    "duplicate_callback": 0.5,
    "reorder_callback": 0.3,
    "forge_callback": 0.02,
}


def _strength(chance: random.Random, most: float) -> float:
    """Off in half of the cases, else somewhere between a hundredth of the most and the most."""
    return 0.0 if chance.random() < 0.5 else most * 10 ** chance.uniform(-2, 0)


def _weather(chance: random.Random, *, requests: bool) -> Weather:
    if not requests:  # a stream of PostgreSQL's has thousands of pieces
        return Weather(
            refuse=_strength(chance, 0.002),
            lose_answer=_strength(chance, 0.002),
            stall=_strength(chance, 0.002),
            delay_seconds=_strength(chance, 0.002),
        )
    most = {
        "refuse": 0.1,
        "vanish": 0.05,
        "lose_answer": 0.2,
        "cut_answer": 0.1,
        "half_close": 0.05,
        "crawl": 0.05,
        "twice": 0.2,
        "delay_seconds": 0.2,
    }
    return Weather(**{name: _strength(chance, value) for name, value in most.items()})


def struck(lines: dict[str, Line]) -> dict[str, dict[str, int]]:
    """Count what befell each line."""
    return {name: dict(sorted(line.struck.items())) for name, line in lines.items()}
