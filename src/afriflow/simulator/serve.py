"""How a simulator, or any app, stands alone on a port of its own: for tests, and for trying an adapter by hand."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

# A server that has not started by then never will: it only binds a socket that is bound already.
START_SECONDS_MAX = 10
# How long a stopping server waits for callers that hold a connection open; longer only slows tests.
GOODBYE_SECONDS = 1


class _Server(uvicorn.Server):
    """A server among others in one process: it leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def serving(build: Callable[[str], Any], host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str]:
    """Serve an ASGI app and give its base URL.

    build: makes the app, given the base URL at which it will be reached, without slash at the end.
    port: 0 = any free one.
    """
    # With its protocol named, or asyncio leaves Nagle's algorithm on: 44 ms an answer instead of 1 (measured).
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        base_url = f"http://{host}:{listener.getsockname()[1]}"
        # "critical": uvicorn calls a connection that a fault tore off an error of the app.
        config = uvicorn.Config(
            build(base_url), log_level="critical", timeout_graceful_shutdown=GOODBYE_SECONDS
        )
        server = _Server(config)
        running = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn offers no event
                    await asyncio.sleep(0.005)
            yield base_url
        finally:
            server.should_exit = True
            await running
