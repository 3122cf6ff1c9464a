"""Hunts planted bugs: each in a forked process of its own, seed after seed, until the simulation sees it.

python -m storm.hunt [--jobs 2] [--seeds 40] [part of a name ...]
"""

import argparse
import importlib
import os
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from storm.planted import BUGS, Bug, plant

# What both the product and the simulation stand on, imported once before forking; nothing of ours.
_LIBRARIES = (
    *(
        "aiohttp",
        "argon2",
        "asyncpg",
        "babel",
        "cryptography",
        "http_message_signatures",
        "jinja2",
        "litestar",
    ),
    *(
        "lupa.lua51",
        "msgspec",
        "pgqueuer",
        "phonenumbers",
        "redis.asyncio",
        "segno",
        "sentry_sdk",
        "sqlalchemy",
    ),
    *("sqlalchemy.ext.asyncio", "sqlglot", "structlog", "litestar.plugins.jinja", "uvicorn"),
)


@dataclass(frozen=True, slots=True)
class Catch:
    """What became of one bug. seed: at which it was seen, None when it never was. how: the first thing seen."""

    name: str
    seed: int | None
    how: str
    seconds: float


def hunt(bugs: tuple[Bug, ...], *, seeds: int, jobs: int) -> Iterator[Catch]:
    """Hunt all bugs; gives what became of each, in their order."""
    for library in _LIBRARIES:
        importlib.import_module(library)
    if any(name.startswith("afriflow") for name in sys.modules):
        raise RuntimeError("the product is imported already: a bug planted now would not be in it")
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda bug: _in_a_child(bug, seeds), bugs)


def _in_a_child(bug: Bug, seeds: int) -> Catch:
    begun = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            found = _search(bug, seeds)
            os.write(writing, msgspec.json.encode(found))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    seed, how = msgspec.json.decode(said) if said else (None, "the hunter died")
    return Catch(bug.name, seed, how, time.monotonic() - begun)


def _search(bug: Bug, seeds: int) -> tuple[int | None, str]:
    plant(bug)
    run: Any = importlib.import_module("storm.run")
    ground: Any = importlib.import_module("storm.ground")
    swarm: Any = importlib.import_module("storm.swarm")
    for seed in range(1, seeds + 1):
        try:
            drawn = swarm.draw(random.Random(f"hunt {seed}"))
            happened = run.run(run.Plan(seed, swarm=replace(drawn, **bug.faults)), ground.twin)
        except Exception as error:  # noqa: BLE001 — whatever breaks, it is seen
            return seed, repr(error)[:200]
        if happened.violations:
            return seed, happened.violations[0]
    return None, f"never seen in {seeds} seeds"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--json", action="store_true", help="a line of JSON for each")
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    bugs = tuple(bug for bug in BUGS if not asked.names or any(part in bug.name for part in asked.names))
    missed = 0
    for catch in hunt(bugs, seeds=asked.seeds, jobs=asked.jobs):
        missed += catch.seed is None
        line = f"{catch.seed or '—':>4} {catch.seconds:6.1f} s  {catch.name}: {catch.how}"
        sys.stdout.write((msgspec.json.encode(catch).decode() if asked.json else line) + "\n")
        sys.stdout.flush()
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
