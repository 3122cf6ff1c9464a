"""Production processes: `serve` answers HTTP, `work` works jobs; as many of each as wanted, on one PostgreSQL."""

import asyncio
import signal

import uvicorn

from afriflow.app import build_app
from afriflow.assembly import Assembly, assemble
from afriflow.core.errors import SettingsMissing
from afriflow.observe.log import configure
from afriflow.preflight import refuse_unsafe
from afriflow.settings import Settings
from afriflow.worker import make_worker

# Requests in progress may finish: a call to a provider takes up to a minute, and its answer must be kept.
_GRACE_SECONDS = 65


async def serve(settings: Settings) -> None:
    """Answer HTTP until SIGTERM. Raises SettingsMissing, SchemaOld, UnsafeSettings."""
    house = await _begin(settings)
    try:
        config = uvicorn.Config(
            build_app(house),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        await uvicorn.Server(config).serve()
    finally:
        await house.close()


async def work(settings: Settings) -> None:
    """Work jobs until SIGTERM; what is running is finished first."""
    house = await _begin(settings)
    worker = make_worker(house)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, worker.stop)
    try:
        await worker.run()
    finally:
        await house.close()


async def _begin(settings: Settings) -> Assembly:
    _require(settings)
    configure(log_format=settings.log_format, sentry_dsn=settings.sentry_dsn)
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
