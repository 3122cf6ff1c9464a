"""Where it happens: a fleet of several API and worker processes, with a line of bad weather wherever they are joined."""

import asyncio
import contextlib
import itertools
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, unquote, urlsplit

from redis.exceptions import RedisError

from afriflow.local import postgres as local_postgres
from afriflow.local.servers import Addresses
from afriflow.torture.fleet import Fleet, free_port
from afriflow.torture.line import Connect, Ends, Line
from afriflow.torture.nursery import Nursery
from afriflow.torture.people import Ears, Payers

# Ladders of seconds in place of hours; the rungs' order and meaning are the same.
_SETTINGS = {
    # Rarer with age as in production, or the orders of ten minutes ago would be all that is ever asked for.
    "AFRIFLOW_FOLLOW_LADDER_SECONDS": "1,2,3,4,6,8,10,15,20,30,40,60,90,120,180,240,300,420,600",
    "AFRIFLOW_SEND_LEASE_SECONDS": "12",
    "AFRIFLOW_PROVIDER_TIMEOUT_SECONDS": "5",
    "AFRIFLOW_IDEMPOTENCY_LEASE_SECONDS": "15",
    "AFRIFLOW_DELIVERY_LADDER_SECONDS": "1,1,1,2,2,2,5,5,5,5,5,5",
    "AFRIFLOW_DELIVERY_TIMEOUT_SECONDS": "5",
    "AFRIFLOW_WORKER_POLL_SECONDS": "0.5",
    "AFRIFLOW_WORKER_HEARTBEAT_SECONDS": "4",
    # Six processes on one small server, which takes a hundred connections.
    "AFRIFLOW_DATABASE_CONNECTIONS_MAX": "12",
    # Every process dies here every few seconds: a job is not poisoned for having been at hand.
    "AFRIFLOW_WORKER_CRASHES_MAX": "1000",
    "AFRIFLOW_BREAKER_OPEN_SECONDS": "1",
    "AFRIFLOW_BREAKER_OPEN_SECONDS_MAX": "4",
    "AFRIFLOW_SESSION_SECONDS_MIN": "5",
}
# A process that fails at once is not begun again a hundred times a second.
_RESTART_SECONDS = 0.5
_KEPT = ("PATH", "LANG", "TMPDIR", "PYTHONPATH")


def environment(home: Path, **extra: str) -> dict[str, str]:
    """Give the environment of a process: little, and only what is meant."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "HOME": str(home), "AFRIFLOW_HOME": str(home), **_SETTINGS, **extra}


class Stage:
    """The fleet, its lines, and who of it lives, sleeps or has just been born.

    lines: `out` to the providers and the shop, `in` from the providers, `postgres`, `redis`. asleep: processes that
    are stopped and will go on.
    """

    def __init__(self, home: Path, seed: int, *, apis: int, workers: int) -> None:
        self.names = {f"api {number}": "serve" for number in range(1, apis + 1)}
        self.names |= {f"worker {number}": "work" for number in range(1, workers + 1)}
        self._ports = {name: free_port() for name in self.names if name.startswith("api")}
        self.doors = [self.door(name) for name in self._ports]
        self.lines: dict[str, Line] = {}
        self.asleep: set[str] = set()
        self.ended_by_themselves = 0
        self._seed = seed
        self._born: dict[str, float] = {}
        self._restarting = asyncio.Lock()
        self._nursery = Nursery(environment(home))
        self.payers = Payers(seed)
        self.fleet = _Joined(home, self._nursery.bear, environment, handset=self.payers, shop=Ears)
        self.fleet.join = self._join

    async def open(self, stack: contextlib.AsyncExitStack) -> None:
        """Bring up everything but the processes."""
        stack.callback(self._nursery.close)
        out = await self._join("out", stack, _to_port(lambda: [self.fleet.others_port]), whole_requests=True)
        into = await self._join(
            "in", stack, _to_port(lambda: list(self._ports.values())), whole_requests=True
        )
        self.fleet.others_seen_url = f"http://127.0.0.1:{out}"
        self.fleet.seen_url = f"http://127.0.0.1:{into}"
        await self.fleet.open(stack)

    async def _join(
        self, name: str, stack: contextlib.AsyncExitStack, connect: Connect, *, whole_requests: bool
    ) -> int:
        line = Line(connect, random.Random(f"{name} {self._seed}"), whole_requests=whole_requests)
        self.lines[name] = line
        port = await line.open()
        stack.push_async_callback(line.close)
        return port

    @property
    def ears(self) -> Ears:
        """What the merchant's server heard."""
        return cast("Ears", self.fleet.shop)

    def door(self, name: str) -> str:
        """Give the base URL of an API process."""
        return f"http://127.0.0.1:{self._ports[name]}"

    def start(self, name: str) -> None:
        """Let a process be born, or born again."""
        port = {"AFRIFLOW_PORT": str(self._ports[name])} if name in self._ports else {}
        self.fleet.start(name, self.names[name], **port)
        self.asleep.discard(name)
        self._born[name] = asyncio.get_running_loop().time()

    def raise_the_dead(self) -> None:
        """Start again what ended by itself, as whoever runs a service does: without PostgreSQL none can begin."""
        for name, process in list(self.fleet.processes.items()):
            if process.poll() is not None and self._age_seconds(name) > _RESTART_SECONDS:
                self.ended_by_themselves += 1
                self.start(name)

    def grown_up(self, seconds: float) -> list[str]:
        """Name the processes that have lived so long, in order."""
        return sorted(
            name
            for name, process in self.fleet.processes.items()
            if process.poll() is None and self._age_seconds(name) >= seconds
        )

    def _age_seconds(self, name: str) -> float:
        return asyncio.get_running_loop().time() - self._born[name]

    def strike(self, server: str, number: int) -> bool:
        """Send a signal to PostgreSQL or Redis; False when it is down already."""
        pid = self.fleet.servers.process_ids.get(server)
        if pid is None:
            return False
        os.kill(pid, number)
        return True

    async def servers_up(self) -> None:
        """Bring up whichever server is down."""
        async with self._restarting:
            await self.fleet.servers.start()

    async def flush_redis(self) -> None:
        """Make Redis forget everything, if it is there."""
        with contextlib.suppress(RedisError, OSError):
            await self.fleet.house.redis.flushall()  # pyright: ignore[reportUnknownMemberType]


class _Joined(Fleet):
    """The fleet, whose joints to PostgreSQL and Redis are lines, too."""

    join: Callable[..., Awaitable[int]]

    async def front(self, addresses: Addresses, stack: contextlib.AsyncExitStack) -> Addresses:
        user = urlsplit(addresses.database_url).username
        postgres = (
            Path(parse_qs(urlsplit(addresses.database_url).query)["host"][0]) / local_postgres.SOCKET_NAME
        )
        redis = Path(unquote(urlsplit(addresses.redis_url).path))
        ports = [
            await self.join(name, stack, _to_socket(path), whole_requests=False)
            for name, path in (("postgres", postgres), ("redis", redis))
        ]
        return Addresses(
            f"postgresql://{user}@127.0.0.1:{ports[0]}/afriflow", f"redis://127.0.0.1:{ports[1]}"
        )


def _to_socket(path: Path) -> Connect:
    async def connect() -> Ends:
        return await asyncio.open_unix_connection(path)

    return connect


def _to_port(ports: Callable[[], list[int]]) -> Connect:
    """Lead to whichever of these answers, a different one first each time, as a balancer does."""
    turn = itertools.count()

    async def connect() -> Ends:
        candidates = ports()
        first = next(turn)
        for step in range(len(candidates) - 1):
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(
                    "127.0.0.1", candidates[(first + step) % len(candidates)]
                )
        return await asyncio.open_connection("127.0.0.1", candidates[(first - 1) % len(candidates)])

    return connect
