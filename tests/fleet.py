"""A fleet as production runs it: API and workers as processes of their own, killed and started at will."""

import asyncio
import contextlib
import random
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from afriflow.assembly import assemble
from afriflow.core.clock import SystemClock
from afriflow.db.migrate import migrate
from afriflow.demo.merchant import account_id, ready_merchant
from afriflow.demo.run import QuietServer
from afriflow.demo.shop import Shop
from afriflow.local.servers import LocalServers
from afriflow.port.factory import specs
from afriflow.settings import Settings
from afriflow.simulator.handset import Handset
from afriflow.simulator.phone import Phone
from afriflow.simulator.seat import SeatSettings, open_seat, simulated_providers


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Fleet:
    """PostgreSQL, Redis, the other side and the shop in this process; `serve` and `work` as processes."""

    def __init__(self, home: Path, make_process: Any, make_environment: Any) -> None:
        self.home = home
        self.port, self.others_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.others_url = f"http://127.0.0.1:{self.others_port}"
        self.servers = LocalServers(home)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._spawn, self._environment = make_process, make_environment

    async def open(self, stack: contextlib.AsyncExitStack) -> None:
        stack.push_async_callback(self.servers.stop)
        addresses = await self.servers.start()
        await migrate(addresses.database_url)
        self.settings = Settings(
            home=self.home,
            public_url=self.url,
            port=self.port,
            database_url=addresses.database_url,
            redis_url=addresses.redis_url,
            secret_key="a secret of a test, 32 bytes or more",
            allow_private_webhook_targets=True,
        )
        self.house = await assemble(self.settings)
        stack.push_async_callback(self.house.close)
        await self._open_others(stack)

    async def _open_others(self, stack: contextlib.AsyncExitStack) -> None:
        """Seat the providers, the phone and the shop on a server that no kill touches."""
        names = simulated_providers()
        self.ready = await ready_merchant(self.house, self.home, names, others_url=self.others_url)
        shop = Shop(SystemClock(), lambda: self.ready.webhook_secret, 300)
        handset = Handset(SystemClock(), random.Random(1))
        stack.push_async_callback(handset.close)
        mounts: list[Any] = []
        self.seats: dict[str, Any] = {}
        for name in names:
            callback_url = f"{self.url}/api/webhooks/{name}/{account_id(self.ready.merchant, name)}"
            settings = SeatSettings(
                f"{self.others_url}/simulators/{name}", callback_url, specs()[name].demo_config
            )
            seat = open_seat(name, settings, handset, SystemClock())
            self.seats[name] = seat
            await seat.start()
            stack.push_async_callback(seat.stop)
            mounts.append(mounted(f"/simulators/{name}", seat))
        mounts.append(mounted("/simulators/phone", Phone(handset, f"{self.others_url}/simulators/phone")))
        app = Litestar([*mounts, *shop.handlers()], logging_config=None, openapi_config=None)
        server = QuietServer(uvicorn.Config(app, port=self.others_port, log_config=None, access_log=False))
        serving = asyncio.create_task(server.serve())

        async def end() -> None:
            server.should_exit = True
            await serving

        stack.push_async_callback(end)
        while not server.started:
            await asyncio.sleep(0.02)

    def start(self, name: str, command: str, **extra: str) -> None:
        """Run `afriflow serve` or `afriflow work` under a name."""
        env = self._environment(
            self.home,
            DATABASE_URL=self.settings.database_url,
            REDIS_URL=self.settings.redis_url,
            AFRIFLOW_SECRET_KEY=self.settings.secret_key,
            AFRIFLOW_PORT=str(self.port),
            AFRIFLOW_PUBLIC_URL=self.url,
            AFRIFLOW_ALLOW_PRIVATE_WEBHOOK_TARGETS="true",
            **extra,
        )
        self.processes[name] = self._spawn(command, env, self.home / "log" / f"{name}.log")

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait(30)

    async def answers(self, session: aiohttp.ClientSession) -> None:
        """Wait until the API says that it is ready."""
        for _ in range(400):
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{self.url}/health/ready") as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.05)
        raise AssertionError((self.home / "log" / "api.log").read_text()[-3000:])


def mounted(path: str, other: Any) -> Any:
    @asgi(path, is_mount=True, copy_scope=True)
    async def forward(scope: Scope, receive: Receive, send: Send) -> None:
        await other(scope, receive, send)

    return forward
