"""The order in which everything comes up and goes down again, losing nothing."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvicorn
from litestar import asgi
from litestar.types import Receive, Scope, Send

from afriflow.app import build_app
from afriflow.assembly import Assembly, assemble
from afriflow.core.clock import SystemClock
from afriflow.db.grants import APPLICATION, as_role, grant
from afriflow.db.migrate import migrate
from afriflow.demo.listen import listen
from afriflow.demo.merchant import Ready, account_id, ready_merchant, simulator_url, write_private
from afriflow.demo.shop import Shop
from afriflow.local.servers import LocalServers
from afriflow.observe.begin import begin
from afriflow.observe.log import logger
from afriflow.port.factory import specs
from afriflow.preflight import refuse_unsafe
from afriflow.settings import Settings
from afriflow.simulator.handset import Handset
from afriflow.simulator.phone import Phone
from afriflow.simulator.seat import Seat, SeatSettings, open_seat, simulated_providers
from afriflow.simulator.serve import QuietServer
from afriflow.web.patience import listening
from afriflow.worker import make_worker

_log = logger("demo")
# What is still being answered when the end comes may finish; a browser's open line may not hold us up.
_GRACE_SECONDS = 5
# The first payment completes in about a second; a machine under load may take longer.
_FIRST_PAYMENT_SECONDS = 10.0


@asynccontextmanager
async def running(settings: Settings) -> AsyncGenerator[dict[str, Any]]:
    """Bring everything up, give what `ready.json` holds, and take everything down in order at the end."""
    home = Path(settings.home)
    home.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        settings = await _with_servers(stack, settings)
        socket = listen(settings.host, settings.port, strict="AFRIFLOW_PORT" in os.environ)
        stack.callback(socket.close)
        settings = replace(
            settings, port=socket.getsockname()[1], allow_private_addresses=True, metrics_open=True
        )
        await refuse_unsafe(settings)
        house = await assemble(settings)
        stack.push_async_callback(house.close)
        providers = simulated_providers()
        ready = await ready_merchant(house, home, sorted(providers, key=_priority))
        shop = Shop(SystemClock(), lambda: ready.webhook_secret, settings.signature_tolerance_seconds)
        storage = home / "simulators"
        storage.mkdir(exist_ok=True)
        handset = Handset(SystemClock(), random.Random(), storage=storage)
        stack.push_async_callback(handset.close)
        seats = [_seat(house, ready, provider, handset, storage) for provider in providers]
        phone = Phone(handset, f"{settings.base_url}/simulators/phone")
        mounts = [_mount(f"/simulators/{seat.name}", seat) for seat in seats]
        app = build_app(house, others=[*mounts, _mount("/simulators/phone", phone), *shop.handlers()])
        for seat in seats:
            await seat.start()
            stack.push_async_callback(seat.stop)
        worker = make_worker(house)
        working = asyncio.create_task(worker.run())
        stack.push_async_callback(_ended, working, worker.stop)
        server = QuietServer(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                **listening(settings),
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[socket]))

        def go() -> None:
            app.state.watch.close()
            server.should_exit = True

        stack.push_async_callback(_ended, serving, go)
        while not server.started:
            if serving.done():
                await serving
                raise RuntimeError("the HTTP server ended before it began")
            await asyncio.sleep(0.02)
        await house.refresher.refresh()  # a first look; the schedule goes on from here
        facts = _facts(house, ready, providers)
        facts["first_payment"] = await _first_payment(house, ready)
        path = home / "ready.json"
        write_private(path, msgspec.json.format(msgspec.json.encode(facts)))
        stack.callback(path.unlink, missing_ok=True)
        yield facts


async def start(settings: Settings, say: Any) -> None:
    """Run until Ctrl-C or SIGTERM. say: is given the facts when all is up."""
    begin(settings, "start", path=Path(settings.home) / "log" / "afriflow.log")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(settings) as facts:
        say(facts)
        await stop.wait()


async def _with_servers(stack: AsyncExitStack, settings: Settings) -> Settings:
    """Bring our own PostgreSQL and Redis for whichever has no address, and the schema to its newest."""
    servers = LocalServers(
        Path(settings.home), postgres=not settings.database_url, redis=not settings.redis_url
    )
    stack.push_async_callback(servers.stop)
    addresses = await servers.start()
    await migrate(settings.database_url or addresses.database_url)
    if addresses.database_url:
        await grant(addresses.database_url, APPLICATION, make=True)
        addresses = replace(addresses, database_url=as_role(addresses.database_url, APPLICATION))
    return replace(
        settings,
        database_url=settings.database_url or addresses.database_url,
        redis_url=settings.redis_url or addresses.redis_url,
    )


async def _ended(task: "asyncio.Task[None]", stop: Any) -> None:
    stop()
    await task


def _priority(provider: str) -> tuple[int, str]:
    """Ask first whoever tells for certain what became of an order."""
    return "ABC".index(specs()[provider].idempotency), provider


def _seat(house: Assembly, ready: Ready, provider: str, handset: Handset, storage: Path) -> Seat:
    callback_url = f"{house.settings.base_url}/api/webhooks/{provider}/{account_id(ready.merchant, provider)}"
    settings = SeatSettings(
        simulator_url(house.settings.base_url, provider), callback_url, specs()[provider].demo_config, storage
    )
    return open_seat(provider, settings, handset, house.clock)


def _mount(path: str, other: Any) -> Any:
    @asgi(path, is_mount=True, copy_scope=True)
    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        await other(scope, receive, send)

    return mounted


def _facts(house: Assembly, ready: Ready, providers: list[str]) -> dict[str, Any]:
    base_url = house.settings.base_url
    return {
        "url": base_url,
        "api_key": ready.merchant.api_key,
        "dashboard_url": f"{base_url}/dashboard",
        "dashboard_user": ready.merchant.email,
        "dashboard_password": ready.merchant.password,
        "webhook_secret": ready.webhook_secret,
        "phone_url": f"{base_url}/simulators/phone",
        "database_url": house.settings.database_url,
        "redis_url": house.settings.redis_url,
        "simulators": {
            name: {"url": simulator_url(base_url, name), **specs()[name].demo_config} for name in providers
        },
    }


async def _first_payment(house: Assembly, ready: Ready) -> str | None:
    """Send one payment through the front door, so that there is something to see; only into an empty shop."""
    headers = {"authorization": f"Bearer {ready.merchant.api_key}", "idempotency-key": "first-payment"}
    body = {
        "amount": 5000,
        "currency": "XOF",
        "country": "SN",
        "reference": "first-payment",
        "description": "2 sacs de riz",
        "customer": {"name": "Awa Diop", "phone": "+221773456789"},
        # The number that pawaPay's sandbox lets pay at once.
        "payment_method": {"type": "mobile_money", "operator": "orange_sn", "phone": "+221773456789"},
    }
    async with aiohttp.ClientSession(headers=headers, trust_env=False) as session:
        async with session.post(f"{house.settings.base_url}/api/checkout", json=body) as response:
            made = await response.json()
        if response.status != 201:
            _log.error("first_payment_refused", answer=made)
            return None
        url = f"{house.settings.base_url}/api/transactions/{made['id']}"
        for _ in range(int(_FIRST_PAYMENT_SECONDS / 0.2)):
            async with session.get(url) as response:
                status = (await response.json())["status"]
            if status not in {"processing", "requires_action"}:
                break
            await asyncio.sleep(0.2)
    return made["id"]
