"""The queue as we use it: one fate with its transaction, waiting is no failure, nothing that failed disappears."""

import asyncio
import random
import uuid
from typing import Any

import pytest

from afriflow.core.errors import Unavailable
from afriflow.jobs.held import held_jobs, release_jobs
from afriflow.jobs.queue import Hold, Snooze, Task, enqueue, wake
from afriflow.jobs.run import Worker, WorkerLimits

LIMITS = WorkerLimits(jobs_max=10, batch=2, poll_seconds=0.1, heartbeat_seconds=2, crashes_max=2)


async def work_until(fleet: Any, tasks: list[Task], done: asyncio.Event, seconds: float = 20) -> None:
    worker = Worker(fleet.settings.database_url, tasks, [], LIMITS, random.Random(1))
    working = asyncio.create_task(worker.run())
    try:
        await asyncio.wait_for(done.wait(), seconds)
    finally:
        worker.stop()
        await working


async def held(fleet: Any, name: str) -> list[Any]:
    async with fleet.house.database.connection() as connection:
        return [row for row in await held_jobs(connection, 100) if row["task"] == name]


async def test_a_job_exists_only_if_its_transaction_commits(fleet: Any) -> None:
    ran: list[int] = []
    done = asyncio.Event()

    async def note(payload: Any) -> None:
        ran.append(payload["number"])
        done.set()

    async def enqueue_and_fail() -> None:
        async with fleet.house.database.transaction() as connection:
            await enqueue(connection, "note", {"number": 1}, key="one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await enqueue_and_fail()
    async with fleet.house.database.transaction() as connection:
        await enqueue(connection, "note", {"number": 2}, key="two")
        await enqueue(connection, "note", {"number": 3}, key="two")
    await work_until(fleet, [Task("note", note)], done)
    assert ran == [2]


async def test_waiting_many_times_does_not_use_up_the_tries(fleet: Any) -> None:
    rounds: list[str] = []
    done = asyncio.Event()

    async def wait_then_stumble_once(_: Any) -> None:
        if len(rounds) < 5:
            rounds.append("waited")
            raise Snooze(0.01)
        if len(rounds) == 5:
            rounds.append("stumbled")
            raise RuntimeError("once")
        done.set()

    async with fleet.house.database.transaction() as connection:
        await enqueue(connection, "patient", {}, key=uuid.uuid4().hex)
    await work_until(fleet, [Task("patient", wait_then_stumble_once, pauses_seconds=(0,))], done)
    assert rounds == ["waited"] * 5 + ["stumbled"]
    assert await held(fleet, "patient") == []


async def test_while_the_database_is_away_no_job_uses_up_its_tries(fleet: Any) -> None:
    rounds: list[bool] = []
    done = asyncio.Event()

    async def reach_for_it(_: Any) -> None:
        rounds.append(True)
        if len(rounds) < 3:
            raise Unavailable(reason="ConnectionResetError")
        done.set()

    async with fleet.house.database.transaction() as connection:
        await enqueue(connection, "reaching", {}, key=uuid.uuid4().hex)
    await work_until(fleet, [Task("reaching", reach_for_it, pauses_seconds=())], done)
    assert await held(fleet, "reaching") == []


async def test_a_wait_whose_count_was_lost_with_the_connection_does_not_put_the_job_off_for_an_hour(
    fleet: Any,
) -> None:
    rounds: list[bool] = []
    done = asyncio.Event()

    async def stumble_once(_: Any) -> None:
        rounds.append(True)
        if len(rounds) == 1:
            raise RuntimeError("once")
        done.set()

    async with fleet.house.database.transaction() as connection:
        await enqueue(connection, "miscounted", {}, key="miscounted")
        # What is left when the connection breaks between the two steps of a wait.
        await connection.execute("UPDATE jobs.pgqueuer SET attempts = -1 WHERE dedupe_key = 'miscounted'")
    await work_until(fleet, [Task("miscounted", stumble_once, pauses_seconds=(0, 3600))], done)


async def test_a_job_that_keeps_failing_is_held_and_runs_again_when_released(fleet: Any) -> None:
    tries: list[bool] = []
    failed, succeeded = asyncio.Event(), asyncio.Event()

    async def fail_twice(_: Any) -> None:
        tries.append(True)
        if len(tries) <= 2:
            if len(tries) == 2:
                failed.set()
            raise RuntimeError("no")
        succeeded.set()

    task = Task("stubborn", fail_twice, pauses_seconds=(0,))
    async with fleet.house.database.transaction() as connection:
        await enqueue(connection, "stubborn", {}, key=uuid.uuid4().hex)
    await work_until(fleet, [task], failed)
    (kept,) = await held(fleet, "stubborn")
    async with fleet.house.database.transaction() as connection:
        await release_jobs(connection, [kept["id"]])
    await work_until(fleet, [task], succeeded)
    assert await held(fleet, "stubborn") == []


async def test_a_job_that_can_never_succeed_is_held_at_once(fleet: Any) -> None:
    seen = asyncio.Event()

    async def never(_: Any) -> None:
        seen.set()
        raise Hold("never")

    async with fleet.house.database.transaction() as connection:
        await enqueue(connection, "never", {}, key=uuid.uuid4().hex)
    await work_until(fleet, [Task("never", never)], seen)
    assert len(await held(fleet, "never")) == 1


async def test_a_job_that_kills_its_workers_is_held_and_the_others_go_on(fleet: Any) -> None:
    async with fleet.house.database.transaction() as connection:
        await enqueue(connection, "poison", {}, key="poison")
    async with fleet.house.database.connection() as connection:
        # What three dead workers leave: the job picked each time, its heartbeat old, its attempts untouched.
        job_id = await connection.fetchval("SELECT id FROM jobs.pgqueuer WHERE dedupe_key = 'poison'")
        for _ in range(3):
            await connection.execute(
                "INSERT INTO jobs.pgqueuer_log (job_id, status, priority, entrypoint) VALUES ($1, 'picked', 0, 'poison')",
                job_id,
            )
        await connection.execute(
            "UPDATE jobs.pgqueuer SET status = 'picked', heartbeat = now() - interval '1 minute' WHERE id = $1",
            job_id,
        )
    ran = asyncio.Event()
    done = asyncio.Event()

    async def poison(_: Any) -> None:
        ran.set()

    async def other(_: Any) -> None:
        for _ in range(100):
            if await held(fleet, "poison"):
                break
            await asyncio.sleep(0.05)
        done.set()

    async with fleet.house.database.transaction() as connection:
        await enqueue(connection, "other", {}, key="other")
    await work_until(fleet, [Task("poison", poison), Task("other", other)], done)
    assert not ran.is_set()
    assert len(await held(fleet, "poison")) == 1


async def test_a_waiting_job_can_be_woken(fleet: Any) -> None:
    done = asyncio.Event()

    async def late(_: Any) -> None:
        done.set()

    async with fleet.house.database.transaction() as connection:
        await enqueue(connection, "late", {}, key="late", delay_seconds=3600)
        await wake(connection, "late")
    await work_until(fleet, [Task("late", late)], done)
