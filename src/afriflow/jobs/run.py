"""How jobs are worked off: PgQueuer with its defaults corrected, under a supervisor that outlives PostgreSQL."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import asyncpg
import msgspec
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.core.executors import EntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Context, Job
from pgqueuer.domain.models import Schedule as ScheduleRow

from afriflow.db.engine import dedicated_connection
from afriflow.jobs.kept import RedactedQueries
from afriflow.jobs.policy import judge
from afriflow.jobs.queue import QUEUE_SETTINGS, SCHEMA, Hold, Payload, Schedule, Task
from afriflow.jobs.seen import End, seen
from afriflow.observe.log import bound, logger, note_failure, page

_log = logger("jobs")
# A crash leaves the job picked and its `attempts` untouched. The engine's log knows: each run follows one "queued",
# except those that took over from a dead worker.
_CRASHES = f"""
SELECT count(*) FILTER (WHERE status = 'picked') - count(*) FILTER (WHERE status = 'queued') AS crashes
FROM {SCHEMA}.pgqueuer_log WHERE job_id = $1
"""
# The engine counts every new round as an attempt; one that merely waits is no failure.
_NO_FAILURE = f"UPDATE {SCHEMA}.pgqueuer SET attempts = attempts - 1 WHERE id = $1"
# After a lost connection PostgreSQL is usually back within a second.
_RESTART_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Bounds of one worker process; the reasons stand beside the settings of the same names."""

    jobs_max: int
    batch: int
    poll_seconds: float
    heartbeat_seconds: int
    crashes_max: int


class Worker:
    """Runs tasks and schedules until it is told to stop. chance: the jitter of pauses."""

    def __init__(
        self,
        database_url: str,
        tasks: Sequence[Task],
        schedules: Sequence[Schedule],
        limits: WorkerLimits,
        chance: random.Random,
    ) -> None:
        self._database_url = database_url
        self._tasks = tasks
        self._schedules = schedules
        self._limits = limits
        self._chance = chance
        self._stopping = asyncio.Event()
        self._engine: PgQueuer | None = None

    @property
    def works(self) -> bool:
        """Whether it takes jobs: it has its connection, and nobody told it to stop."""
        return self._engine is not None and not self._stopping.is_set()

    async def run(self) -> None:
        """Work until `stop`; a lost database makes it wait and begin again, never end."""
        while not self._stopping.is_set():
            try:
                await self._run_once()
            except Exception as error:  # noqa: BLE001 — whatever broke, the jobs are still there
                _log.warning("worker_restarts", reason=repr(error)[:200])
                await self._pause()

    def stop(self) -> None:
        """Finish what is running, take nothing new."""
        self._stopping.set()
        if self._engine:
            self._engine.shutdown.set()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), _RESTART_SECONDS)
        except TimeoutError:
            return

    async def _run_once(self) -> None:
        connection = await dedicated_connection(self._database_url)
        try:
            engine = self._assemble(AsyncpgDriver(connection))
            self._engine = engine
            if self._stopping.is_set():
                return
            _log.info("worker_runs", tasks=[task.name for task in self._tasks])
            await engine.run(
                dequeue_timeout=timedelta(seconds=self._limits.poll_seconds),
                batch_size=self._limits.batch,
                max_concurrent_tasks=self._limits.jobs_max,
                heartbeat_timeout=timedelta(seconds=self._limits.heartbeat_seconds),
                shutdown_on_listener_failure=True,
            )
        finally:
            self._engine = None
            connection.terminate()

    def _assemble(self, driver: AsyncpgDriver) -> PgQueuer:
        queries = RedactedQueries(
            driver,
            qbe=QueryBuilderEnvironment(settings=QUEUE_SETTINGS),
            qbq=QueryQueueBuilder(settings=QUEUE_SETTINGS),
            qbs=QuerySchedulerBuilder(settings=QUEUE_SETTINGS),
        )
        engine = PgQueuer(connection=driver, queries=queries)
        for task in self._tasks:
            engine.entrypoint(
                task.name,
                concurrency_limit=task.concurrency,
                on_failure="hold",  # the engine's default deletes what failed
                executor_factory=self._policy(task, driver),
            )(_job_function(task))
        for schedule in self._schedules:
            engine.schedule(schedule.name, schedule.cron)(_schedule_function(schedule))
        return engine

    def _policy(
        self, task: Task, driver: AsyncpgDriver
    ) -> Callable[[EntrypointExecutorParameters], EntrypointExecutor]:
        crashes_max, chance = self._limits.crashes_max, self._chance

        class Policy(EntrypointExecutor):
            async def execute(self, job: Job, context: Context) -> None:
                with seen(task.name, job.headers or {}, job_id=str(job.id)) as end:
                    try:
                        if await _crashes(driver, job) > crashes_max:
                            raise Hold("its worker died each time it ran this job")
                        await super().execute(job, context)
                    except Exception as error:
                        raise await _judged(driver, task, job, error, chance, end) from error

        return Policy


@dataclass(frozen=True, slots=True)
class Lanes:
    """Workers beside each other in one process: a backlog in one lane holds up no other."""

    workers: Sequence[Worker]

    async def run(self) -> None:
        """Work until `stop`."""
        await asyncio.gather(*(worker.run() for worker in self.workers))

    @property
    def work(self) -> bool:
        """Whether every lane takes jobs."""
        return all(worker.works for worker in self.workers)

    def stop(self) -> None:
        """Finish what is running, take nothing new."""
        for worker in self.workers:
            worker.stop()


async def _judged(
    driver: AsyncpgDriver, task: Task, job: Job, error: Exception, chance: random.Random, end: End
) -> Exception:
    """Turn what a handler raised into what the engine understands: again later, or held. end: is told which."""
    # Below zero where a wait was not counted and the engine's own count was then lost with the connection.
    tries = max(0, job.attempts)
    verdict = judge(error, tries, task.pauses_seconds, chance)
    facts = {"task": task.name, "attempts": tries, "reason": repr(error)[:300]}
    end.again_in_seconds = verdict.again_in_seconds
    if verdict.again_in_seconds is None:
        end.outcome = "held"
        page("job_held", error=error, **facts)
        return error
    if verdict.waits:
        end.outcome = "waits"
        await _forget_try(driver, job)
    else:
        end.outcome = "again"
        note_failure("job_failed", error, again_in_seconds=round(verdict.again_in_seconds, 1), **facts)
    return RetryRequested(timedelta(seconds=verdict.again_in_seconds), repr(error)[:200])


async def _forget_try(driver: AsyncpgDriver, job: Job) -> None:
    """Have a job that waits counted as if it had not run now."""
    try:
        await driver.execute(_NO_FAILURE, job.id)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        _log.warning("wait_counted_as_failure", job_id=int(job.id), reason=repr(error)[:200])


async def _crashes(driver: AsyncpgDriver, job: Job) -> int:
    rows = await driver.fetch(_CRASHES, job.id)
    return cast("int", rows[0]["crashes"])


def _job_function(task: Task) -> Callable[[Job], Awaitable[None]]:
    async def run(job: Job) -> None:
        payload: Payload = msgspec.json.decode(job.payload or b"{}", type=dict[str, Any])
        with bound(**{name: value for name, value in payload.items() if name.endswith("_id")}):
            await task.handler(payload)

    return run


def _schedule_function(schedule: Schedule) -> Callable[[ScheduleRow], Awaitable[None]]:
    async def run(_: ScheduleRow) -> None:
        with seen(schedule.name, {}) as end:
            try:
                await schedule.handler()
            except Exception as error:
                end.outcome = "again"
                page("schedule_failed", error=error, schedule=schedule.name, reason=repr(error)[:300])
                raise

    return run
