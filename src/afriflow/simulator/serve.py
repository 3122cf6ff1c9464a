"""How a simulator, or any app, stands alone on a port of its own: for tests, and for trying an adapter by hand."""

import asyncio
import random
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from afriflow.core.clock import SystemClock
from afriflow.simulator.handset import Handset
from afriflow.simulator.http import Receive, Response, Scope, Send, send_response
from afriflow.simulator.phone import Phone
from afriflow.simulator.seat import Seat, SeatSettings, open_seat

# Where the phone lies beside a provider that stands alone; no provider has such a path.
PHONE_PATH = "/simulators/phone"
# Whoever gave no address for notifications still finds them in the list; somebody must take them meanwhile.
NOWHERE_PATH = "/simulators/nowhere"
# A server that has not started by then never will: it only binds a socket that is bound already.
START_SECONDS_MAX = 10
# How long a stopping server waits for callers that hold a connection open; longer only slows tests.
GOODBYE_SECONDS = 1


class QuietServer(uvicorn.Server):
    """A server among others in one process: it leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def serving(build: Callable[[str], Any], host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str]:
    """Serve an ASGI app and give its base URL.

    build: makes the app, given the base URL at which it will be reached, without slash at the end.
    port: 0 = any free one. Raises OSError when it is taken.
    """
    # With its protocol named, or asyncio leaves Nagle's algorithm on: 44 ms an answer instead of 1 (measured).
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()  # now, since two may be bound to one port as long as neither listens
        base_url = f"http://{host}:{listener.getsockname()[1]}"
        # "critical": uvicorn calls a connection that a fault tore off an error of the app.
        config = uvicorn.Config(
            build(base_url), log_level="critical", timeout_graceful_shutdown=GOODBYE_SECONDS
        )
        server = QuietServer(config)
        running = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn offers no event
                    await asyncio.sleep(0.005)
            yield base_url
        finally:
            server.should_exit = True
            await running


@asynccontextmanager
async def standing_alone(
    provider: str, config: Mapping[str, str], *, port: int = 0, callback_url: str | None = None
) -> AsyncGenerator[str]:
    """Serve a provider's simulator and the virtual phone, for people who need nothing else, and give its base URL.

    config: the account it serves. callback_url: whom it tells, None = nobody. Raises KeyError for a provider without
    a simulator, OSError when the port is taken.
    """
    clock = SystemClock()
    handset = Handset(clock, random.Random())

    def build(base_url: str) -> Any:
        settings = SeatSettings(base_url, callback_url or f"{base_url}{NOWHERE_PATH}", config)
        seat = open_seat(provider, settings, handset, clock)
        return _beside(seat, Phone(handset, f"{base_url}{PHONE_PATH}"))

    try:
        async with serving(build, port=port) as base_url:
            yield base_url
    finally:
        await handset.close()


async def until_stopped() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _beside(seat: Seat, phone: Phone) -> Any:
    """Put the phone under its path, and everything else, the beginning and the end included, before the provider."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith(PHONE_PATH):
            await phone(scope, receive, send)
        elif path == NOWHERE_PATH:
            await send_response(Response(200), send)
        else:
            await seat(scope, receive, send)

    return app
