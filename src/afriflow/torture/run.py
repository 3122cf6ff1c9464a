"""A torture from beginning to end: everything up, people pay while a seed breaks things, then the verdict."""

import asyncio
import contextlib
import json
import platform
import shutil
import statistics
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp

from afriflow.core.errors import AfriFlowError
from afriflow.observe.log import begin_log
from afriflow.torture import store
from afriflow.torture.chaos import Chaos, struck
from afriflow.torture.people import Merchant
from afriflow.torture.stage import Stage
from afriflow.torture.verdict import Verdict, judge

# What is promised of recovery; of the API its median, since a start waits for PostgreSQL to be there.
SETTLED_SECONDS_MAX = 60.0
TAKEN_OVER_SECONDS_MAX = 30.0
API_BACK_SECONDS_MAX = 3.0
# How long it is waited for, so that what came late can be told from what never comes.
_PATIENCE_SECONDS = 150.0
# Sessions end soon, so that what was never decided is settled within the bound.
_SESSION_SECONDS = 20
_PROGRESS_SECONDS = 5.0
_SAMPLE_SECONDS = 0.5
# More at once would be a queue in our own client.
_BUYERS_MAX = 300


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for. rate: payments a second. kill_every: seconds between two kills, 0 = none."""

    seconds: float
    seed: int
    kill_every: float
    rate: float
    apis: int = 3
    workers: int = 3

    @property
    def command(self) -> str:
        """Give what a person types to do this again."""
        return (
            f"afriflow torture --seconds {self.seconds:g} --seed {self.seed} "
            f"--kill-every {self.kill_every:g} --rate {self.rate:g}"
        )


@dataclass(slots=True)
class Result:
    """What is published: what was done, what was found, how long recovery took. Times in seconds."""

    plan: Plan
    commit: str
    machine: str
    offered: int = 0
    answered: int = 0
    answers: dict[str, int] = field(default_factory=dict[str, int])
    blows: dict[str, int] = field(default_factory=dict[str, int])
    lines: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    statuses: dict[str, int] = field(default_factory=dict[str, int])
    late: int = 0
    alerts: dict[str, int] = field(default_factory=dict[str, int])
    ended_by_themselves: int = 0
    settled_seconds: float | None = None
    taken_over_seconds: float = 0.0
    api_back_seconds: list[float] = field(default_factory=list[float])
    postgres_back_seconds: list[float] = field(default_factory=list[float])
    violations: list[str] = field(default_factory=list[str])

    @property
    def api_back_median_seconds(self) -> float:
        return statistics.median(self.api_back_seconds) if self.api_back_seconds else 0.0

    @property
    def api_back_max_seconds(self) -> float:
        return max(self.api_back_seconds, default=0.0)

    @property
    def slow(self) -> list[str]:
        """Name what recovered later than is promised: no money went wrong, but somebody waited."""
        settled = self.settled_seconds
        late = {
            "settled": settled is None or settled > SETTLED_SECONDS_MAX,
            "taken_over": self.taken_over_seconds > TAKEN_OVER_SECONDS_MAX,
            "api_back": self.api_back_median_seconds > API_BACK_SECONDS_MAX,
        }
        return [name for name, is_late in late.items() if is_late]

    def public(self) -> dict[str, Any]:
        """Give it as JSON can hold it."""
        return {
            **asdict(self),
            "command": self.plan.command,
            "slow": self.slow,
            "api_back_median_seconds": self.api_back_median_seconds,
            "api_back_max_seconds": self.api_back_max_seconds,
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is, said every few seconds."""

    second: int
    payments: int
    kills: int
    postgres: int
    redis: int
    deciding: int


async def torture(plan: Plan, say: Callable[[Progress], None]) -> Result:
    """Do it, and keep the servers' data and logs only where something was found. say: hears how far it is."""
    home = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="afriflow-torture-"))
    begin_log(log_format="json", path=home / "log" / "torture.log")
    result = Result(
        plan, await asyncio.to_thread(_commit), f"{platform.machine()}, Python {platform.python_version()}"
    )
    async with contextlib.AsyncExitStack() as stack:
        stage = Stage(home, plan.seed, apis=plan.apis, workers=plan.workers)
        await stage.open(stack)
        session = await stack.enter_async_context(_session())
        for name in stage.names:
            stage.start(name)
        try:
            await _live(stage, session, plan, result, say)
        finally:
            for name in list(stage.fleet.processes):
                stage.fleet.kill(name)
    result.alerts = dict(await asyncio.to_thread(_alerts, home / "log"))
    if result.violations:
        result.violations.append(f"data and logs are kept in {home}")
    else:
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)
    return result


async def _live(
    stage: Stage, session: aiohttp.ClientSession, plan: Plan, result: Result, say: Callable[[Progress], None]
) -> None:
    for door in stage.doors:
        await stage.fleet.answers(session, door)
    merchant = Merchant(session, stage.doors, stage.fleet.ready.merchant.api_key, plan.seed, _SESSION_SECONDS)
    chaos = Chaos(stage, session, plan.seed, plan.seconds, plan.kill_every)
    over = asyncio.Event()
    watching = asyncio.create_task(_watch(stage, result, over))
    telling = asyncio.create_task(_tell(merchant, chaos, stage, say, over))
    buying = asyncio.create_task(_buy(merchant, plan, result))
    refunding = asyncio.create_task(_refund(merchant, stage))
    await chaos.rage()
    verdict = await _after(stage, merchant, buying)
    over.set()
    refunding.cancel()
    await asyncio.gather(watching, telling)
    with contextlib.suppress(asyncio.CancelledError):
        await refunding
    result.answered, result.answers = len(merchant.made), dict(merchant.answers)
    result.blows, result.lines = dict(chaos.done), struck(stage.lines)
    result.statuses, result.late = dict(verdict.statuses), verdict.late
    result.settled_seconds = verdict.settled_seconds
    result.api_back_seconds = chaos.api_back_seconds
    result.postgres_back_seconds = chaos.postgres_back_seconds
    result.ended_by_themselves = stage.ended_by_themselves
    result.violations = [*verdict.violations, *(name for name in chaos.done if name.startswith("failed"))]


async def _after(stage: Stage, merchant: Merchant, buying: "asyncio.Task[None]") -> Verdict:
    """Let the last buyers be answered while it settles, then judge."""
    judging = asyncio.create_task(judge(stage, merchant, _PATIENCE_SECONDS))
    try:
        await asyncio.wait_for(buying, SETTLED_SECONDS_MAX)
    except TimeoutError:
        merchant.broken_promises.append("some requests were never answered")
    return await judging


async def _buy(merchant: Merchant, plan: Plan, result: Result) -> None:
    """Offer payments at a steady rate, whatever becomes of the earlier ones."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    buyers: set[asyncio.Task[None]] = set()
    while loop.time() - begun < plan.seconds:
        if loop.time() - begun >= result.offered / plan.rate and len(buyers) < _BUYERS_MAX:
            task = loop.create_task(merchant.order(result.offered))
            result.offered += 1
            buyers.add(task)
            task.add_done_callback(buyers.discard)
        else:
            await asyncio.sleep(0.01)
    await asyncio.gather(*buyers)


async def _refund(merchant: Merchant, stage: Stage) -> None:
    """Give some of what was paid back as soon as it is heard of, until it is stopped."""
    async with asyncio.TaskGroup() as refunds:
        while True:
            refunds.create_task(merchant.give_back(await stage.ears.paid.get()))


async def _watch(stage: Stage, result: Result, over: asyncio.Event) -> None:
    """Note how long the job of a dead worker waits for a living one."""
    while not over.is_set():
        with contextlib.suppress(AfriFlowError):
            async with stage.fleet.house.database.connection() as connection:
                age = await connection.fetchval(store.OLDEST_HEARTBEAT)
            result.taken_over_seconds = max(result.taken_over_seconds, round(float(age or 0), 1))
        await asyncio.sleep(_SAMPLE_SECONDS)


async def _tell(
    merchant: Merchant, chaos: Chaos, stage: Stage, say: Callable[[Progress], None], over: asyncio.Event
) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while not over.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _PROGRESS_SECONDS)
        done = chaos.done
        say(
            Progress(
                round(loop.time() - begun),
                len(merchant.made),
                done["kill api"] + done["kill worker"],
                done["postgres immediate stop"],
                sum(count for name, count in done.items() if name.startswith("redis")),
                stage.payers.deciding,
            )
        )


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(trust_env=False, connector=aiohttp.TCPConnector(limit=0))


def _alerts(logs: Path) -> Counter[str]:
    """Count by kind how often a person would have been called."""
    found: Counter[str] = Counter()
    for path in logs.glob("*.log"):
        for line in path.read_text(errors="replace").splitlines():
            if '"page": true' in line:
                with contextlib.suppress(ValueError):
                    found[json.loads(line)["event"]] += 1
    return found


def _commit() -> str:
    """Name what was tortured: the commit of a checkout, else the version."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
    with contextlib.suppress(OSError):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.strip()
    return version("afriflow")
