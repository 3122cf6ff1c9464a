"""Every metric there is, on one page: what it answers, its labels, and that these stay few.

Each process counts what it does itself; Prometheus asks every process and adds up. What only PostgreSQL knows is no
counter of a process: a `Reader` sets these gauges afresh when somebody asks, the same in every process, so that one
takes their `max`. No label holds an id or anything of a payment: providers, operators, tasks, routes and words are
lists in our own code. Seconds everywhere.
"""

import platform
from collections.abc import Awaitable, Callable, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)

from afriflow import __version__

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REGISTRY = CollectorRegistry()
# Memory, open files and processor time of this process: what leaks shows here first.
ProcessCollector(registry=REGISTRY)

# Sets gauges from what is true now.
Reader = Callable[[], Awaitable[None]]

# Where an operator is not known: a card, a refund whose provider finds the way.
NO_OPERATOR = "none"

_ANSWERS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CALLS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 45)
# A payer with the phone in the hand, then our own ladder of questions.
_ORDERS = (2, 5, 10, 20, 30, 60, 120, 300, 1800, 21_600, 86_400)


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(f"afriflow_{name}", meaning, labels, registry=REGISTRY)


def _gauge(name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(f"afriflow_{name}", meaning, labels, registry=REGISTRY)


def _histogram(name: str, meaning: str, buckets: Sequence[float], *labels: str) -> Histogram:
    return Histogram(f"afriflow_{name}", meaning, labels, buckets=buckets, registry=REGISTRY)


# ── counted by each process ─────────────────────────────────────────────────────────────────────────────────────
# Do payments succeed, how long do they take, and if not, why? kind: payment, refund, payout. mode: test, live.
ORDERS_ENDED = _histogram(
    "order_seconds",
    "From an attempt, refund or payout to its end, by how it ended.",
    _ORDERS,
    *("kind", "mode", "provider", "operator", "outcome"),
)
ORDERS_FAILED = _counter(
    "order_failures", "Why they failed.", "kind", "mode", "provider", "operator", "failure"
)
# What do providers say to an order? word: of core.evidence; many `Unclear` are an outage.
ANSWERS = _counter(
    "order_answers",
    "What was said to an order that was sent.",
    *("kind", "mode", "provider", "operator", "word"),
)
# Does a provider answer, and how fast? outcome: 2xx to 5xx, no_answer, nothing_sent.
PROVIDER_CALLS = _histogram(
    "provider_call_seconds", "HTTP calls to providers.", _CALLS, "provider", "operation", "outcome"
)
BREAKER_TURNS = _counter(
    "breaker_turns", "Circuits that opened or closed.", "provider", "operation", "operator", "state"
)
NOTIFICATIONS = _counter(
    "notifications", "Providers' notifications, by the verdict on their sender.", "provider", "verdict"
)
# Do merchants hear of it? outcome: delivered, waiting (tried again), given_up.
DELIVERIES = _histogram("delivery_seconds", "Tries to tell a merchant.", _CALLS, "outcome")
# outcome: done, waits, again (failed, and tried again), held (for a person), stopped.
JOBS = _histogram("job_seconds", "Jobs that ran, schedules included.", _CALLS, "task", "outcome")
HTTP = _histogram("http_request_seconds", "Requests to us, by route.", _ANSWERS, "method", "route", "status")
PAGES = _counter("pages", "Calls for a person.", "what")

# ── read when somebody asks ─────────────────────────────────────────────────────────────────────────────────────
DATABASE_UP = _gauge("database_up", "Whether PostgreSQL answers this process.")
REDIS_UP = _gauge("redis_up", "Whether Redis answers this process. Without it payments go on, slower.")
CONNECTIONS = _gauge("database_connections", "Of this process's pool.", "state")
ORDERS_OPEN = _gauge("orders_open", "Orders whose end is not known.", "kind", "mode", "provider", "status")
ORDERS_OPEN_AGE = _gauge(
    "orders_open_age_seconds", "The oldest of them.", "kind", "mode", "provider", "status"
)
INBOX_WAITING = _gauge("inbox_waiting", "Notifications that nobody has read.", "provider")
INBOX_LAG = _gauge("inbox_lag_seconds", "The oldest of them.", "provider")
DELIVERIES_WAITING = _gauge("deliveries_waiting", "Messages that a merchant has not heard.")
DELIVERIES_AGE = _gauge("deliveries_age_seconds", "The oldest of them.")
# state: due (nobody has begun), later, running, held.
JOBS_THERE = _gauge("jobs", "Jobs in the queue.", "task", "state")
JOBS_LAG = _gauge("job_lag_seconds", "How long the oldest due job has waited for a worker.", "task")
SCHEDULES_AGE = _gauge(
    "schedule_age_seconds", "Since a schedule last began; what is old has no worker.", "schedule"
)
BREAKERS = _gauge(
    "breakers",
    "Circuits that this process knows and that are not closed.",
    *("provider", "operation", "operator", "state"),
)
VIOLATIONS = _gauge(
    "invariant_violations", "Rows that break a rule of the audit and are not put right. Must be 0.", "rule"
)
AUDIT_AGE = _gauge("audit_age_seconds", "Since the audit last ended; one is due each minute.")

Info("afriflow_build", "What runs here.", registry=REGISTRY).info(
    {"version": __version__, "python": platform.python_version()}
)


async def exposition(readers: Sequence[Reader]) -> bytes:
    """Let each reader set its gauges, and write down everything there is."""
    for read in readers:
        await read()
    return generate_latest(REGISTRY)
