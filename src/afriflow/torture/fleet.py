"""A fleet as production runs it: API and workers as processes of their own, killed and started at will."""

import asyncio
import contextlib
import itertools
import os
import random
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import uvicorn
from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from afriflow.assembly import assemble
from afriflow.core.clock import SystemClock
from afriflow.db.grants import APPLICATION, as_role, grant
from afriflow.db.migrate import migrate
from afriflow.demo.merchant import account_id, ready_merchant
from afriflow.demo.shop import Shop
from afriflow.local.servers import Addresses, LocalServers
from afriflow.port.factory import specs
from afriflow.settings import Settings
from afriflow.simulator.handset import Handset
from afriflow.simulator.phone import Phone
from afriflow.simulator.seat import Seat, SeatSettings, open_seat, simulated_providers
from afriflow.simulator.serve import QuietServer

_SECRET = "a secret of a test, 32 bytes or more"  # noqa: S105 — it guards simulated money alone
_WAIT_SECONDS = 30
# Below the ports from which systems give to outgoing connections: a process that is killed must find its own again.
_FIRST_PORT, _PORTS = 20_000, 12_000
_next_port = itertools.count(os.getpid() * 41)


class Process(Protocol):
    """A process of ours, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def send_signal(self, sig: int) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...


# Runs `afriflow COMMAND` with an environment, its words going to a file.
Spawn = Callable[[str, dict[str, str], Path], Process]
# Makes the environment of a process: of a home, with further variables.
Environment = Callable[..., dict[str, str]]


def free_port() -> int:
    """Find a port that nobody listens on now, and that no outgoing connection will be given meanwhile."""
    for _ in range(_PORTS):
        port = _FIRST_PORT + next(_next_port) % _PORTS
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


class Fleet:
    """PostgreSQL, Redis, the other side and the shop in this process; `serve` and `work` as processes.

    seen_url, others_seen_url: how the others reach us and we them, where something stands between.
    """

    def __init__(
        self,
        home: Path,
        spawn: Spawn,
        environment: Environment,
        *,
        handset: Handset | None = None,
        shop: type[Shop] = Shop,
    ) -> None:
        self.home = home
        self.port, self.others_port = free_port(), free_port()
        self.url = self.seen_url = f"http://127.0.0.1:{self.port}"
        self.others_url = self.others_seen_url = f"http://127.0.0.1:{self.others_port}"
        self.servers = LocalServers(home)
        self.processes: dict[str, Process] = {}
        self.seats: dict[str, Seat] = {}
        self.handset = handset or Handset(SystemClock(), random.Random(1))
        self._shop_type = shop
        self._spawn, self._environment = spawn, environment

    async def open(self, stack: contextlib.AsyncExitStack) -> None:
        """Bring up the servers, the schema and the other side; processes come with `start`."""
        stack.push_async_callback(self.servers.stop)
        addresses = await self.servers.start()
        await migrate(addresses.database_url)
        await grant(addresses.database_url, APPLICATION, make=True)
        self.owner_url = addresses.database_url
        addresses = replace(addresses, database_url=as_role(addresses.database_url, APPLICATION))
        self.settings = Settings(
            home=self.home,
            public_url=self.seen_url,
            port=self.port,
            database_url=addresses.database_url,
            redis_url=addresses.redis_url,
            secret_key=_SECRET,
            allow_private_addresses=True,
        )
        self.house = await assemble(self.settings)
        stack.push_async_callback(self.house.close)
        self.seen = await self.front(addresses, stack)
        await self._open_others(stack)

    async def front(self, addresses: Addresses, stack: contextlib.AsyncExitStack) -> Addresses:  # noqa: ARG002
        """Give the addresses under which our processes see the servers."""
        return addresses

    async def _open_others(self, stack: contextlib.AsyncExitStack) -> None:
        """Seat the providers, the phone and the shop on a server that no kill touches."""
        names = simulated_providers()
        self.ready = await ready_merchant(self.house, self.home, names, others_url=self.others_seen_url)
        self.shop = self._shop_type(SystemClock(), lambda: self.ready.webhook_secret, 300)
        stack.push_async_callback(self.handset.close)
        mounts: list[Any] = []
        for name in names:
            callback_url = f"{self.seen_url}/api/webhooks/{name}/{account_id(self.ready.merchant, name)}"
            settings = SeatSettings(
                f"{self.others_url}/simulators/{name}", callback_url, specs()[name].demo_config
            )
            seat = open_seat(name, settings, self.handset, SystemClock())
            self.seats[name] = seat
            await seat.start()
            stack.push_async_callback(seat.stop)
            mounts.append(mounted(f"/simulators/{name}", seat))
        mounts.append(
            mounted("/simulators/phone", Phone(self.handset, f"{self.others_url}/simulators/phone"))
        )
        app = Litestar([*mounts, *self.shop.handlers()], logging_config=None, openapi_config=None)
        server = QuietServer(
            uvicorn.Config(
                app, port=self.others_port, log_config=None, access_log=False, timeout_graceful_shutdown=1
            )
        )
        serving = asyncio.create_task(server.serve())

        async def end() -> None:
            server.should_exit = True
            await serving

        stack.push_async_callback(end)
        while not server.started:  # noqa: ASYNC110 — uvicorn offers no event
            await asyncio.sleep(0.02)

    def start(self, name: str, command: str, **extra: str) -> None:
        """Run `afriflow serve` or `afriflow work` under a name."""
        variables = {
            "DATABASE_URL": self.seen.database_url,
            "REDIS_URL": self.seen.redis_url,
            "AFRIFLOW_SECRET_KEY": self.settings.secret_key,
            "AFRIFLOW_PORT": str(self.port),
            "AFRIFLOW_PUBLIC_URL": self.seen_url,
            "AFRIFLOW_REQUESTS_PER_KEY_BURST": "1000000",  # one key for a whole crowd
            "AFRIFLOW_ALLOW_PRIVATE_ADDRESSES": "true",
            **extra,
        }
        env = self._environment(self.home, **variables)
        self.processes[name] = self._spawn(command, env, self.home / "log" / f"{name}.log")

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """End a process the hard way."""
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait(_WAIT_SECONDS)

    async def answers(self, session: aiohttp.ClientSession, url: str | None = None) -> None:
        """Wait until the API says that it is ready. Raises TimeoutError."""
        async with asyncio.timeout(_WAIT_SECONDS):
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{url or self.url}/health/ready") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.05)


def mounted(path: str, other: Any) -> Any:
    """Give a handler that passes everything below a path on to another app."""

    @asgi(path, is_mount=True, copy_scope=True)
    async def forward(scope: Scope, receive: Receive, send: Send) -> None:
        await other(scope, receive, send)

    return forward
