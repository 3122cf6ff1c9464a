"""What a provider's simulator is: an ASGI app with state, faults, callbacks and a life between start and stop.

A provider's folder offers `simulator.build(settings, handset, clock, random) -> Seat`; `open_seat` finds it by the
provider's name. The seat can be mounted at any path of another app, or run alone under uvicorn.
"""

import asyncio
import importlib
import importlib.util
import logging
import pkgutil
import random as randomness
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import urlsplit

from afriflow.core.clock import Clock
from afriflow.simulator.answer import Answering
from afriflow.simulator.callbacks import RETRY_PAUSES_SECONDS, Callbacks
from afriflow.simulator.faults import Faults
from afriflow.simulator.handset import Action, Handset, Prompt
from afriflow.simulator.http import (
    Handler,
    Query,
    Receive,
    Request,
    Response,
    Route,
    Routes,
    Scope,
    Send,
    Work,
    json_response,
    receive_request,
    send_response,
)
from afriflow.simulator.notebook import Notebook
from afriflow.simulator.words import Words

_log = logging.getLogger("afriflow.simulator")


@dataclass(frozen=True, slots=True)
class SeatSettings:
    """Where a simulator sits and whom it knows.

    public_url: its own base URL, "http://127.0.0.1:8000/simulators/pawapay". callback_url: whom it tells.
    config: the account it serves, in the fields of the provider's config type; other credentials are refused.
    storage: the folder in which its state outlives the process, None = nowhere. seed: of all that it draws.
    """

    public_url: str
    callback_url: str
    config: Mapping[str, str] = field(default_factory=dict[str, str])
    storage: Path | None = None
    seed: int = 1


class Seat:
    """The common half of every provider's simulator; the provider's half adds its routes.

    server_error: what the provider answers when it breaks. words: where its answers and callbacks say how much and
    how it stands; without them none of these can be false.
    """

    def __init__(
        self,
        name: str,
        settings: SeatSettings,
        clock: Clock,
        random: randomness.Random,
        *,
        server_error: Response,
        words: Words | None = None,
        retry_pauses_seconds: tuple[float, ...] = RETRY_PAUSES_SECONDS,
    ) -> None:
        self.name = name
        self.settings = settings
        self.clock = clock
        self.random = random
        self.notebook = Notebook(settings.storage / f"{name}.sqlite3" if settings.storage else None)
        self.faults = Faults(self.notebook)
        self.callbacks = Callbacks(
            self.faults, clock, self.later, retry_pauses_seconds, words or Words(), self._rotate_keys
        )
        self._answering = Answering(self.faults, words or Words(), server_error, name, clock, self.later)
        self._base_path = urlsplit(settings.public_url).path.rstrip("/")
        self._routes = Routes()
        self._tasks: set[asyncio.Task[None]] = set()
        self._start_hooks: list[Callable[[], None]] = []
        self._rotation_hooks: list[Callable[[], None]] = []
        self._routes.add("GET", "/faults", self.faults.show)
        self._routes.add("PUT", "/faults", self.faults.set)
        self._routes.add("GET", "/callbacks", self.callbacks.show)
        self._routes.add("POST", "/rotate-key", self._rotate)
        self._routes.add("GET", "/moved", self._show_moved)

    def api(self, method: str, path: str, handler: Handler) -> None:
        """Add a route of the provider's API; faults strike here."""
        self._routes.add(method, path, handler, faulty=True)

    def query(self, method: str, path: str, handler: Handler, query: Query) -> None:
        """Add a route of the provider's API that tells how an order stands; more faults can strike here."""
        self._routes.add(method, path, handler, faulty=True, query=query)

    def page(self, method: str, path: str, handler: Handler) -> None:
        """Add a route for people or tests (hosted pages, control); faults never strike here."""
        self._routes.add(method, path, handler)

    def on_start(self, hook: Callable[[], None]) -> None:
        """Have something done at each start: take up again what a restart interrupted."""
        self._start_hooks.append(hook)

    def on_rotation(self, hook: Callable[[], None]) -> None:
        """Have something done when the provider is to sign with another key; without a hook it has no keys."""
        self._rotation_hooks.append(hook)

    def on_decision(self, handset: Handset, hook: Callable[[Prompt, Action], Awaitable[None]]) -> None:
        """Hear what payers decide on the phone; late where the faults say so."""

        async def heard(prompt: Prompt, action: Action) -> None:
            async def work() -> None:
                await hook(prompt, action)

            seconds = self.faults.settlement_seconds()
            if seconds:
                self.later(seconds, work)
            else:
                await work()

        handset.on_decision(self.name, heard)

    def moved(self, way: str, order: str, amount: str, said: str = "") -> None:
        """Write down that money moved, once for each order and way, for whoever asks whether it did so twice.

        way: "in", "out", or "back". said: what the merchant said with the order, its own reference above all.
        """
        entry = {"way": way, "order": order, "amount": amount, "said": said}
        self.notebook.put_new("moved", f"{way} {order}", entry)

    def later(self, seconds: float, work: Work) -> None:
        """Have work done in so many seconds, while the seat lives. What it raises is logged."""
        task = asyncio.get_running_loop().create_task(self._do_later(seconds, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def start(self) -> None:
        for hook in self._start_hooks:
            hook()

    async def stop(self) -> None:
        """Drop all that was to be done later, close the connections and the notebook; for good."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.callbacks.close()
        self.notebook.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            found = await receive_request(self._routes, scope, receive, self._base_path)
            if isinstance(found, Response):
                await send_response(found, send)
                return
            await self._answer(*found, send)

    async def _answer(self, route: Route, request: Request, send: Send) -> None:
        try:
            if route.faulty:
                await self._answering.answer(route, request, send)
            else:
                await send_response(await self._answering.handle(route, request), send)
        finally:  # also when the caller has gone meanwhile: what was ordered happens
            self._answering.set_going(request)

    async def _show_moved(self, request: Request) -> Response:  # noqa: ARG002 - a handler
        return json_response(200, self.notebook.every("moved"))

    def _rotate_keys(self) -> bool:
        for hook in self._rotation_hooks:
            hook()
        return bool(self._rotation_hooks)

    async def _rotate(self, request: Request) -> Response:  # noqa: ARG002 - a handler
        if self._rotate_keys():
            return json_response(200, {"rotated": True})
        return json_response(404, {"error": "no_keys", "detail": f"{self.name} signs nothing"})

    async def _do_later(self, seconds: float, work: Work) -> None:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception:  # noqa: BLE001 - nobody awaits this task; the log is where it can be seen
            _log.exception("%s: work that was left for later", self.name)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Follow the life of the server when the seat runs alone (ASGI lifespan)."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


Build = Callable[[SeatSettings, Handset, Clock, randomness.Random], Seat]


def simulated_providers() -> list[str]:
    """Name the providers that have a simulator: each folder of `afriflow.providers` with one, each entry point."""
    home = importlib.import_module("afriflow.providers")
    folders = [
        module.name
        for module in pkgutil.iter_modules(home.__path__)
        if importlib.util.find_spec(f"afriflow.providers.{module.name}.simulator")
    ]
    return sorted({*folders, *(found.name for found in entry_points(group="afriflow.simulators"))})


def endings_of(provider: str) -> Mapping[str, str]:
    """Give what the ends of phone numbers decide, by words of the kit; empty where they decide nothing."""
    name = f"afriflow.providers.{provider}.simulator"
    return getattr(importlib.import_module(name), "ENDINGS", {}) if importlib.util.find_spec(name) else {}


def open_seat(provider: str, settings: SeatSettings, handset: Handset, clock: Clock) -> Seat:
    """Build the simulator of a provider, found by its name. Raises KeyError when there is none."""
    build: Build
    for found in entry_points(group="afriflow.simulators"):
        if found.name == provider:
            build = found.load()
            break
    else:
        if provider not in simulated_providers():
            raise KeyError(provider)
        build = importlib.import_module(f"afriflow.providers.{provider}.simulator").build
    return build(settings, handset, clock, randomness.Random(f"{provider} {settings.seed}"))
