"""Production processes: `serve` answers HTTP, `work` works jobs; as many of each as wanted, on one PostgreSQL.

Either may be told to go at any moment and loses nothing: `serve` says that it is going and goes on answering until
whoever sends it requests has noticed, `work` takes no new job; then both finish what they have begun.
"""

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from litestar import Litestar

from afriflow.app import build_app, build_inward_app
from afriflow.assembly import Assembly, assemble
from afriflow.core.errors import SettingsMissing
from afriflow.observe.begin import begin
from afriflow.observe.log import logger
from afriflow.preflight import refuse_unsafe
from afriflow.settings import Settings
from afriflow.web.patience import listening
from afriflow.worker import make_worker

_log = logger("serve")
_READY = "/health/ready"
_GOING: dict[str, Any] = {
    "type": "http.response.start",
    "status": 503,
    "headers": [(b"content-type", b"application/json"), (b"connection", b"close")],
}


class Door:
    """Stands before the app: once it is `closing`, it says so, and keeps no connection open for another request."""

    def __init__(self, app: Callable[[Any, Any, Any], Any]) -> None:
        self._app = app
        self.closing = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self.closing or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] == _READY:
            await send(_GOING)
            await send({"type": "http.response.body", "body": b'{"status":"going"}'})
            return

        async def send_last(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, send_last)


class _Server(uvicorn.Server):
    """A server that leaves signals to us: its own handler would end the process before anything is put away."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def serve(settings: Settings) -> None:
    """Answer HTTP until SIGTERM; a second one ends the wait. Raises SettingsMissing, SchemaOld, UnsafeSettings."""
    house = await _begin(settings, "serve")
    try:
        app = build_app(house)
        door = Door(app)
        server = _server(door, settings.host, settings.port, settings.shutdown_seconds, settings)
        loop = asyncio.get_running_loop()

        def end() -> None:
            server.should_exit = True

        def go() -> None:
            if door.closing:
                end()
            door.closing = True
            app.state.watch.close()
            _log.info("going", still_answering_seconds=settings.shutdown_notice_seconds)
            loop.call_later(settings.shutdown_notice_seconds, end)

        _on_signal(go)
        await server.serve()
    finally:
        await house.close()


async def work(settings: Settings) -> None:
    """Work jobs until SIGTERM; what is running is finished first. Raises SettingsMissing, SchemaOld, UnsafeSettings."""
    house = await _begin(settings, "work")
    try:
        worker, stopping = make_worker(house), asyncio.Event()
        _on_signal(stopping.set)
        async with _seen(settings, build_inward_app(house, lambda: worker.work)):
            running = asyncio.create_task(worker.run())
            told = asyncio.create_task(stopping.wait())
            await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
            worker.stop()
            told.cancel()
            try:
                await asyncio.wait_for(running, settings.shutdown_seconds)
            except TimeoutError:  # others take the jobs over, as from a worker that died
                _log.warning("jobs_left", after_seconds=settings.shutdown_seconds)
    finally:
        await house.close()


@asynccontextmanager
async def _seen(settings: Settings, app: Litestar) -> AsyncGenerator[None]:
    """Answer /health and /metrics of a worker while it works, where a port is set."""
    if not settings.worker_port:
        yield
        return
    server = _server(app, settings.worker_host, settings.worker_port, 1, settings)
    serving = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _server(app: Any, host: str, port: int, grace_seconds: int, settings: Settings) -> uvicorn.Server:
    return _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=grace_seconds,
            **listening(settings),
        )
    )


def _on_signal(act: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, act)


async def _begin(settings: Settings, role: str) -> Assembly:
    _require(settings)
    begin(settings, role)
    await refuse_unsafe(settings)
    return await assemble(settings)


def _require(settings: Settings) -> None:
    """Refuse to run on defaults that only the demo may have."""
    missing = [
        name
        for name, value in {
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "AFRIFLOW_SECRET_KEY": settings.secret_key,
        }.items()
        if not value
    ]
    if missing:
        raise SettingsMissing(names=", ".join(missing))
