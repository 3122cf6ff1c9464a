"""A merchant's endpoint for tests: a real server that keeps what it hears and answers as it is told."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PATIENCE_SECONDS = 30.0


@dataclass
class Heard:
    """One request, as it came."""

    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def message(self) -> Any:
        return json.loads(self.body)


@dataclass
class Ear:
    """A merchant's endpoint. answer: decides the status of an answer by what was heard before."""

    url: str
    answer: Callable[["Ear"], int | Awaitable[int]] = lambda _: 200
    heard: list[Heard] = field(default_factory=list)

    def types(self) -> list[str]:
        return [item.message["type"].removeprefix("transaction.") for item in self.heard]


@contextlib.asynccontextmanager
async def ears() -> AsyncIterator[Callable[..., Awaitable[Ear]]]:
    """Opens endpoints: `ear = await listen(lambda ear: 500)`."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_one(answer: Callable[[Ear], int | Awaitable[int]] = lambda _: 200) -> Ear:
            async def hear(request: web.Request) -> web.Response:
                headers = {name.lower(): value for name, value in request.headers.items()}
                ear.heard.append(Heard(headers, await request.read(), time.monotonic()))
                status = ear.answer(ear)
                status = status if isinstance(status, int) else await status
                return web.Response(status=status, text="ok", headers={"location": f"{ear.url}/elsewhere"})

            app = web.Application()
            app.router.add_route("*", "/{anything:.*}", hear)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            listening = socket.create_server(("127.0.0.1", 0))
            await web.SockSite(runner, listening).start()
            ear = Ear(f"http://127.0.0.1:{listening.getsockname()[1]}/hooks", answer)
            return ear

        yield open_one


async def until(enough: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        seen = enough()
        if seen if not isinstance(seen, Awaitable) else await seen:
            return
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s for {what}"
        await asyncio.sleep(0.05)


def genuine(secret: str, heard: Heard) -> bool:
    """Standard Webhooks, written from the specification and not from our code."""
    key = base64.b64decode(secret.split("_", 1)[1])
    signed = f"{heard.headers['webhook-id']}.{heard.headers['webhook-timestamp']}.".encode() + heard.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    fresh = abs(time.time() - int(heard.headers["webhook-timestamp"])) < 60
    return fresh and f"v1,{expected}" in heard.headers["webhook-signature"].split(" ")
