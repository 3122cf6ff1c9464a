"""What is measured: one registry per process, in which each station declares its own, in Prometheus' text format.

What only PostgreSQL knows is no counter of a process: a `Reader` sets it afresh each time somebody asks.
"""

from collections.abc import Awaitable, Callable, Sequence

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_REGISTRY = CollectorRegistry()
# Memory, open files and processor time of this process: what leaks shows here first.
ProcessCollector(registry=_REGISTRY)

# Sets gauges from what is true now.
Reader = Callable[[], Awaitable[None]]


def gauge(name: str, meaning: str, *labels: str) -> Gauge:
    """Declare a number that goes up and down. name: `afriflow_…`, unit last; declared once, where a module begins."""
    return Gauge(name, meaning, labels, registry=_REGISTRY)


async def exposition(readers: Sequence[Reader]) -> bytes:
    """Let each reader set its gauges, and write down everything there is."""
    for read in readers:
        await read()
    return generate_latest(_REGISTRY)
