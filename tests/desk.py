"""A dashboard for tests of people: one process of ours under TLS as far as it knows, and browsers that read its forms."""

import asyncio
import contextlib
import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import uvicorn
from argon2 import PasswordHasher
from litestar import Litestar

from afriflow.app import build_app
from afriflow.assembly import Assembly, assemble
from afriflow.core.permission import Role
from afriflow.db.migrate import migrate
from afriflow.demo.listen import listen
from afriflow.local.servers import LocalServers
from afriflow.merchants import password
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.team import add_person
from afriflow.settings import Settings
from afriflow.simulator.serve import QuietServer

PUBLIC_URL = "https://pay.example"
PASSWORD = "quatre baobabs sous la pluie"
_AGE = {
    "seen_at": "UPDATE dashboard_sessions SET seen_at = seen_at - $1::interval",
    "proven_at": "UPDATE dashboard_sessions SET proven_at = proven_at - $1::interval",
    "expires_at": "UPDATE dashboard_sessions SET expires_at = expires_at - $1::interval",
}
_FIELD = re.compile(r'<input\b[^>]*\bname="form_token"[^>]*\bvalue="([^"]*)"')


class TestClock:
    """Time for codes; the database keeps its own."""

    __test__ = False

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Answer:
    status: int
    headers: Any
    text: str

    @property
    def location(self) -> str:
        return self.headers.get("location", "")

    @property
    def words(self) -> str:
        return html.unescape(self.text)


@dataclass
class Visitor:
    """A browser as far as forms and cookies go; follows no redirect by itself."""

    desk: "Desk"
    session: aiohttp.ClientSession
    cookies: dict[str, str] = field(default_factory=dict)
    url: str = ""
    page: str = ""
    form_token: str = ""
    email: str = ""

    async def get(self, path: str) -> Answer:
        return await self._ask("GET", path)

    async def post(self, path: str, /, *, headers: dict[str, str] | None = None, **form: str) -> Answer:
        """Send a form of the last page that had one."""
        form.setdefault("form_token", self.form_token)
        return await self._ask("POST", path, data=form, headers=headers or {"origin": PUBLIC_URL})

    async def sign_in(self, email: str, password: str = PASSWORD) -> Answer:
        return await self.post("/dashboard/sign-in", email=email, password=password)

    async def _ask(self, method: str, path: str, **how: Any) -> Answer:
        sent = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        how["headers"] = {"accept-language": "en", **how.pop("headers", {}), **sent}
        async with self.session.request(
            method, (self.url or self.desk.url) + path, allow_redirects=False, **how
        ) as response:
            for header in response.headers.getall("set-cookie", ()):
                for name, morsel in SimpleCookie(header).items():
                    self.cookies[name] = morsel.value
            text = await response.text()
            if response.headers.get("content-type", "").startswith("text/html"):
                self.page = text
                self.form_token = (_FIELD.findall(text) or [self.form_token])[0]
            return Answer(response.status, response.headers, text)


@dataclass
class Desk:
    """The process, its database and its time."""

    app: Litestar
    house: Assembly
    clock: TestClock
    url: str
    session: aiohttp.ClientSession
    rows: Any

    def visitor(self) -> Visitor:
        return Visitor(self, self.session)

    async def merchant(self, name: str = "Boutique Sandaga") -> str:
        async with self.house.database.transaction() as connection:
            return await make_merchant(connection, self.house.ids, name=name, country="SN", language="en")

    async def person(self, merchant_id: str, role: Role = Role.OWNER) -> str:
        """Add somebody with PASSWORD; gives the address."""
        email = f"{role}.{self.house.ids.new('x')[-8:]}@sandaga.test"
        async with self.house.database.transaction() as connection:
            await add_person(
                connection, self.house.ids, merchant_id=merchant_id, email=email, password=PASSWORD, role=role
            )
        return email

    async def come_in(self, role: Role = Role.OWNER, merchant_id: str | None = None) -> Visitor:
        """Give somebody of a new merchant who has signed in."""
        visitor = self.visitor()
        visitor.email = await self.person(merchant_id or await self.merchant(), role)
        assert (await visitor.sign_in(visitor.email)).location == "/dashboard"
        return visitor

    async def let_age(self, column: str, minutes: int) -> None:
        """Move a time of every session so far into the past."""
        await self.rows.execute(_AGE[column], timedelta(minutes=minutes))

    async def deeds(self, merchant_id: str) -> list[tuple[str, str]]:
        """What the audit log holds: action and who."""
        rows = await self.rows.fetch(
            "SELECT action, who FROM audit_log WHERE merchant_id = $1 ORDER BY sequence", merchant_id
        )
        return [(row["action"], row["who"]) for row in rows]

    async def merchant_of(self, email: str) -> str:
        return await self.rows.fetchval("SELECT merchant_id FROM people WHERE email = $1", email)

    async def id_of(self, email: str) -> str:
        return await self.rows.fetchval("SELECT id FROM people WHERE email = $1", email)


@contextlib.asynccontextmanager
async def opened(home: Path) -> AsyncIterator[Desk]:
    """Bring it up, without Redis, and with hashing that costs little: another test holds what it costs."""
    async with contextlib.AsyncExitStack() as stack:
        kept = password._hasher, password._NOBODY
        password._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        password._NOBODY = password._hasher.hash("nobody's")
        stack.callback(lambda: setattr(password, "_hasher", kept[0]))
        stack.callback(lambda: setattr(password, "_NOBODY", kept[1]))
        servers = LocalServers(home, redis=False)
        stack.push_async_callback(servers.stop)
        addresses = await servers.start()
        await migrate(addresses.database_url)
        socket = listen("127.0.0.1", 0, strict=True)
        stack.callback(socket.close)
        settings = Settings(
            home=home,
            public_url=PUBLIC_URL,
            database_url=addresses.database_url,
            redis_url="redis://127.0.0.1:1",
            secret_key="a secret of a test, 32 bytes or more",
            sign_in_failures_per_network_max=1_000,
        )
        clock = TestClock()
        house = await assemble(settings, clock=clock)
        stack.push_async_callback(house.close)
        app = build_app(house)
        config = uvicorn.Config(app, log_config=None, access_log=False)
        server = QuietServer(config)
        serving = asyncio.create_task(server.serve(sockets=[socket]))

        async def end() -> None:
            app.state.watch.close()
            server.should_exit = True
            await serving

        stack.push_async_callback(end)
        while not server.started:
            await asyncio.sleep(0.02)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
        )
        rows = await asyncpg.connect(addresses.database_url)
        stack.push_async_callback(rows.close)
        yield Desk(app, house, clock, f"http://127.0.0.1:{socket.getsockname()[1]}", session, rows)
