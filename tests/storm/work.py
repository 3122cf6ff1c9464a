"""A worker of a simulated run: takes due jobs from the real queue table and runs the product's own tasks.

It stands in for the queue's engine and keeps its promises: at least once, one live job a key, a dead worker's jobs
taken over after the heartbeat, pauses with jitter, held when the tries are used up.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from storm.process import Process

from afriflow.assembly import Assembly
from afriflow.core.clock import Clock
from afriflow.core.errors import Unavailable
from afriflow.jobs.policy import judge
from afriflow.jobs.queue import Task
from afriflow.worker import tasks

DUE = """
SELECT id FROM jobs.pgqueuer WHERE status = 'queued' AND execute_after <= now() ORDER BY priority DESC, id
"""
NEXT_DUE = "SELECT min(execute_after) FROM jobs.pgqueuer WHERE status = 'queued' AND execute_after > now()"
CLAIM = """
UPDATE jobs.pgqueuer SET status = 'picked', updated = now()
WHERE id = $1 AND status = 'queued' RETURNING id, entrypoint, payload, attempts
"""
DONE = "DELETE FROM jobs.pgqueuer WHERE id = $1"
AGAIN = """
UPDATE jobs.pgqueuer SET status = 'queued', attempts = $2, execute_after = now() + make_interval(secs => $3), updated = now() WHERE id = $1
"""
HELD = "UPDATE jobs.pgqueuer SET status = 'failed', updated = now() WHERE id = $1"
# Whose heartbeat is old: taken, and at work with nobody who still beats.
STALE = """
SELECT id FROM jobs.pgqueuer WHERE status = 'picked' AND updated <= now() - make_interval(secs => $1)
"""
TAKE_OVER = """
UPDATE jobs.pgqueuer SET status = 'queued', updated = now()
WHERE id = ANY($1::bigint[]) AND status = 'picked' AND updated <= now() - make_interval(secs => $2)
"""
JOBS_AT_ONCE = 6


class Queue:
    """Names due jobs to workers that have nothing to do, each to one of them. pool: its own way to the database.

    Whoever dies with a name in its hand leaves the job where it is: the next look finds it again.
    """

    def __init__(self, pool: Any, clock: Clock) -> None:
        self._pool, self._clock = pool, clock
        self._bell = asyncio.Event()
        self._bell.set()
        self._due: deque[int] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def ring(self) -> None:
        """Say that something may have become due."""
        self._bell.set()

    async def next(self) -> int:
        """Wait until there is a job that is due."""
        while not self._due:
            await self._bell.wait()
            if not self._due and self._bell.is_set():  # nobody has looked since it rang
                await self._look()
        return self._due.popleft()

    async def _look(self) -> None:
        self._bell.clear()
        async with self._pool.acquire() as connection:
            self._due = deque(row["id"] for row in await connection.fetch(DUE))
            following = await connection.fetchval(NEXT_DUE)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if following is not None:
            wait = (following - self._clock.now()).total_seconds()
            self._timer = asyncio.get_running_loop().call_later(max(0.05, wait), self.ring)


class Worker:
    """Works one process's share of the queue until the process dies. lost: told when it let go of a job unawares."""

    def __init__(
        self,
        process: Process,
        house: Assembly,
        queue: Queue,
        chance: random.Random,
        lost: Callable[["Worker"], None],
    ) -> None:
        self.running: list[int] = []  # whose heartbeat this worker keeps; twice, what is at work here twice
        self._process, self._house, self._queue, self._chance = process, house, queue, chance
        self._lost = lost
        self._tasks: dict[str, Task] = {task.name: task for lane in tasks(house) for task in lane}
        self._free = asyncio.Semaphore(JOBS_AT_ONCE)

    @property
    def beats(self) -> bool:
        """Whether its heart beats just now."""
        return self._process.gate.goes

    async def run(self) -> None:
        """Take jobs as long as the process lives."""
        self._queue.ring()
        while True:
            await self._free.acquire()
            try:
                job = await self._claim()
            except Unavailable:
                self._free.release()
                self._lost(self)
                await asyncio.sleep(1.0)
                self._queue.ring()
                continue
            self.running.append(job["id"])
            self._process.spawn(self._work(job))

    async def _claim(self) -> Any:
        """Wait for a job that is due, and take it."""
        while True:
            job_id = await self._queue.next()
            async with self._house.database.connection() as connection:
                job = await connection.fetchrow(CLAIM, job_id)
            if job is not None:
                return job

    async def _work(self, job: Any) -> None:
        try:
            await self._attempt(job)
        except Unavailable:
            self._lost(self)
        finally:
            self.running.remove(job["id"])
            self._free.release()

    async def _attempt(self, job: Any) -> None:
        task = self._tasks[job["entrypoint"]]
        try:
            await task.handler(msgspec.json.decode(bytes(job["payload"]), type=dict[str, Any]))
        except Exception as error:  # noqa: BLE001 — the product's own table judges it
            verdict = judge(error, job["attempts"], task.pauses_seconds, self._chance)
            if verdict.again_in_seconds is None:
                await self._settle(HELD, job["id"])
                return
            tries = job["attempts"] + (not verdict.waits)
            await self._settle(AGAIN, job["id"], tries, float(verdict.again_in_seconds))
        else:
            await self._settle(DONE, job["id"])

    async def _settle(self, query: str, job_id: int, *args: object) -> None:
        async with self._house.database.connection() as connection:
            await connection.execute(query, job_id, *args)
        self._queue.ring()
