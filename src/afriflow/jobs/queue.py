"""How work is put off: a job row written in the caller's own transaction, so that both happen or neither does."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from pgqueuer.domain.settings import DBSettings

from afriflow.db.engine import Connection
from afriflow.observe.trace import Carrier
from afriflow.observe.work import luggage

# The engine's tables live in a schema of their own; its settings come from here and never from the environment.
SCHEMA = "jobs"
QUEUE_SETTINGS = DBSettings(db_schema=SCHEMA)

# What a handler is given: the payload as it was put in.
Payload = Mapping[str, Any]
Handler = Callable[[Payload], Awaitable[None]]

_ENQUEUE = QueryQueueBuilder(settings=QUEUE_SETTINGS).build_enqueue_query("skip")
_HEADERS = f"SELECT headers FROM {SCHEMA}.pgqueuer WHERE dedupe_key = $1 AND status IN ('queued', 'picked')"
_WAKE = f"UPDATE {SCHEMA}.pgqueuer SET execute_after = now(), updated = now() WHERE dedupe_key = $1 AND status = 'queued'"


class Hold(Exception):
    """This job will never succeed: keep it, call a person, do not try again."""


class Snooze(Exception):
    """Nothing is wrong, but not now. seconds: when to look again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of job.

    pauses_seconds: waits after each failure that `jobs.policy` has no others for.
    concurrency: how many run at once in the whole fleet, 0 = no bound.
    """

    name: str
    handler: Handler
    pauses_seconds: tuple[float, ...] = (1, 5, 30, 120, 600, 3600)
    concurrency: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Work by the clock. cron: five fields, UTC. A missed tick is not made up for: handlers go by what is stored."""

    name: str
    cron: str
    handler: Callable[[], Awaitable[None]]


async def enqueue(
    connection: Connection,
    task: str,
    payload: Mapping[str, object],
    *,
    key: str,
    delay_seconds: float = 0,
    priority: int = 0,
) -> None:
    """Write a job on the caller's connection; it exists if and only if the caller's transaction commits.

    key: at most one live job has it; a second one is skipped. delay_seconds: from now.
    """
    await connection.execute(
        _ENQUEUE,
        [priority],
        [task],
        [msgspec.json.encode(payload)],
        [timedelta(seconds=delay_seconds)],
        [key],
        [luggage()],
    )


async def trace_of(connection: Connection, key: str) -> Carrier | None:
    """Give the trace that a live job carries; None when there is no such job, or it carries none."""
    headers = await connection.fetchval(_HEADERS, key)
    return traced(headers or {})


def traced(headers: Mapping[str, Any]) -> Carrier | None:
    """Read the trace out of a job's headers."""
    return headers.get("otel") or None


async def wake(connection: Connection, key: str) -> None:
    """Make a waiting job due now; does nothing when there is none."""
    await connection.execute(_WAKE, key)
