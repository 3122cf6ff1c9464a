"""What every test may ask for: the real thing, started as a user starts it, and people who use it."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import asyncpg
import pytest
from desk import Desk, opened
from ears import ears

from afriflow.db.migrate import migrate
from afriflow.local.servers import LocalServers
from afriflow.merchants.unlock import open_vault
from afriflow.merchants.vault import Vault
from afriflow.settings import Settings
from afriflow.torture.fleet import Fleet

SOURCE = Path(__file__).parents[1] / "src"
# A payment takes about a second here; a loaded machine takes longer. Waiting is not measuring.
PATIENCE_SECONDS = 40.0

# Nothing of the person who runs the tests may leak into them.
for _name in list(os.environ):
    if _name.startswith("AFRIFLOW_") and _name != "AFRIFLOW_CHROMIUM":
        del os.environ[_name]
for _name in ("DATABASE_URL", "REDIS_URL", "SENTRY_DSN"):
    os.environ.pop(_name, None)

# Ladders in seconds instead of hours; the rungs' order and meaning are the same.
QUICK = {
    "AFRIFLOW_FOLLOW_LADDER_SECONDS": "1,2,3,4,6,8,10,15,20,30,45,60",
    "AFRIFLOW_SESSION_SECONDS_MIN": "2",
    "AFRIFLOW_SEND_LEASE_SECONDS": "12",
    "AFRIFLOW_PROVIDER_TIMEOUT_SECONDS": "5",
    "AFRIFLOW_DELIVERY_LADDER_SECONDS": "1,1,1,2,2,2,5,5,5,5,10,10",
    # Tests that guess share one machine with all others.
    "AFRIFLOW_SIGN_IN_FAILURES_PER_NETWORK_MAX": "1000000",
    "AFRIFLOW_REPLAY_BATCH": "3",
    "AFRIFLOW_WORKER_POLL_SECONDS": "0.5",
    "AFRIFLOW_WORKER_HEARTBEAT_SECONDS": "4",
    # All tests ask with one key.
    "AFRIFLOW_REQUESTS_PER_KEY_BURST": "1000000",
    # Faults that a test injects are not an outage for the next test.
    "AFRIFLOW_BREAKER_CALLS_MIN": "1000000",
    "AFRIFLOW_BREAKER_LOST_IN_A_ROW": "1000000",
}


def environment(home: Path, **extra: str) -> dict[str, str]:
    """The environment of a process of ours: little, and only what is meant."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(SOURCE), "AFRIFLOW_HOME": str(home), **extra}


def quick_environment(home: Path, **extra: str) -> dict[str, str]:
    """The same with ladders in seconds."""
    return environment(home, **{**QUICK, **extra})


def spawn(command: str, env: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    """Run one of our commands in a process of its own."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        return subprocess.Popen(
            [sys.executable, "-W", "error::ResourceWarning", "-m", "afriflow", command],
            env=env,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )


def wait_for_file(path: Path, process: "subprocess.Popen[bytes]", log: Path, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"{path.name} never came:\n{log.read_text()[-4000:]}")
        time.sleep(0.05)


@contextlib.contextmanager
def started(home: Path, **extra: str) -> Iterator[dict[str, Any]]:
    """`afriflow start` in a home of its own; gives what ready.json says."""
    log = home / "start.log"
    process = spawn("start", environment(home, AFRIFLOW_PORT="0", **QUICK, **extra), log)
    try:
        wait_for_file(home / "ready.json", process, log)
        yield {**json.loads((home / "ready.json").read_text()), "home": str(home), "pid": process.pid}
    finally:
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert code == 0, log.read_text()[-4000:]


@pytest.fixture(scope="session", name="spawn")
def give_spawn() -> Any:
    return spawn


@pytest.fixture(scope="session", name="environment")
def give_environment() -> Any:
    return quick_environment


@pytest.fixture(scope="session", name="started")
def give_started() -> Any:
    return started


@pytest.fixture(scope="session", name="people")
def give_people() -> Any:
    """Makes a merchant and a payer for an installation of a test's own."""
    return lambda session, url, api_key, phone_url: (
        Merchant(session, url, api_key),
        Payer(session, phone_url),
    )


@pytest.fixture(scope="session")
async def database_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A PostgreSQL with our newest schema and nothing in it, as its owner; whoever writes there cleans up."""
    servers = LocalServers(tmp_path_factory.mktemp("database"), redis=False)
    try:
        addresses = await servers.start()
        await migrate(addresses.database_url)
        yield addresses.database_url
    finally:
        await servers.stop()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The real thing, shared by all tests of a run that leave it as they found it."""
    with started(tmp_path_factory.mktemp("demo")) as facts:
        yield facts


@pytest.fixture(scope="session")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """A dashboard without a merchant, for tests that bring their own people."""
    async with opened(tmp_path_factory.mktemp("desk")) as made:
        yield made


@dataclass
class Merchant:
    """A merchant's server: speaks the API, and reads what its shop was told."""

    session: aiohttp.ClientSession
    url: str
    api_key: str
    shop_url: str = ""

    async def call(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **how: Any
    ) -> tuple[int, Any]:
        sent = {"authorization": f"Bearer {self.api_key}", **(headers or {})}
        if body is not None and "data" not in how:
            how["json"] = body
        async with self.session.request(method, self.url + path, headers=sent, **how) as response:
            text = await response.text()
            self.last_headers = response.headers
            return response.status, json.loads(text) if text.startswith(("{", "[")) else text

    async def checkout(self, *, key: str | None = None, **fields: Any) -> tuple[int, Any]:
        body = {
            "amount": 5000,
            "currency": "XOF",
            "country": "SN",
            "reference": f"order-{uuid.uuid4().hex[:12]}",
            **fields,
        }
        return await self.call(
            "POST", "/api/checkout", body, headers={"idempotency-key": key or uuid.uuid4().hex}
        )

    async def pay(self, operator: str, phone: str, country: str = "SN", **fields: Any) -> Any:
        """Create a payment by mobile money that must be accepted."""
        method = {"type": "mobile_money", "operator": operator, "phone": phone}
        if otp := fields.pop("otp", None):
            method["otp"] = otp
        status, made = await self.checkout(country=country, payment_method=method, **fields)
        assert status == 201, made
        return made

    async def read(self, transaction_id: str) -> Any:
        status, found = await self.call("GET", f"/api/transactions/{transaction_id}")
        assert status == 200, found
        return found

    async def until(self, transaction_id: str, *statuses: str, seconds: float = PATIENCE_SECONDS) -> Any:
        """Wait until the transaction is in one of these states."""
        return await eventually(
            lambda: self.read(transaction_id),
            lambda found: found["status"] in statuses,
            f"to be {statuses}",
            seconds,
        )

    async def heard(self, transaction_id: str) -> list[Any]:
        """What the shop was told of a transaction, in the order in which it heard."""
        async with self.session.get((self.shop_url or self.url) + "/simulators/shop/webhooks") as response:
            found = await response.json()
        return [item for item in found["data"] if item["data"]["id"] == transaction_id]

    async def hears(self, transaction_id: str, *types: str) -> list[Any]:
        """Wait until the shop has heard all these, then make sure that it heard each once and in order."""
        wanted = [f"transaction.{type_}" for type_ in types]
        await eventually(
            lambda: self.heard(transaction_id),
            lambda heard: {item["type"] for item in heard} >= set(wanted),
            f"the shop to hear {wanted}",
        )
        await asyncio.sleep(0.5)  # a second copy would come now
        heard = await self.heard(transaction_id)
        assert [item["type"] for item in heard] == wanted
        assert [item["sequence"] for item in heard] == list(range(1, len(wanted) + 1))
        return heard

    async def heard_in_order(self, transaction_id: str, *types: str) -> list[Any]:
        """Wait until the shop has heard all these; copies may come after a kill, gaps and disorder may not."""
        wanted = [f"transaction.{type_}" for type_ in types]
        heard = await eventually(
            lambda: self.heard(transaction_id),
            lambda heard: {item["type"] for item in heard} >= set(wanted),
            f"the shop to hear {wanted}",
        )
        assert list(dict.fromkeys(item["sequence"] for item in heard)) == list(range(1, len(wanted) + 1))
        assert list(dict.fromkeys(item["type"] for item in heard)) == wanted
        assert len({item["id"] for item in heard}) == len(wanted)
        return heard


@dataclass
class Payer:
    """A person with a phone: sees prompts and decides."""

    session: aiohttp.ClientSession
    url: str

    async def prompt(self, phone: str, seconds: float = PATIENCE_SECONDS) -> Any:
        """Wait for the prompt on this phone."""

        async def look() -> Any:
            async with self.session.get(f"{self.url}/prompts", params={"phone": phone}) as response:
                found = await response.json()
            waiting = [item for item in found if item["state"] == "waiting"]
            return waiting[-1] if waiting else None

        return await eventually(look, bool, f"a prompt on {phone}", seconds)

    async def decide(self, phone: str, action: str) -> None:
        prompt = await self.prompt(phone)
        async with self.session.post(
            f"{self.url}/prompts/{prompt['id']}", json={"action": action}
        ) as response:
            assert response.status == 200, await response.text()


async def eventually(
    look: Callable[[], Any], enough: Callable[[Any], bool], what: str, seconds: float = PATIENCE_SECONDS
) -> Any:
    """Look again and again until it is so; fails with what was seen last."""
    deadline = time.monotonic() + seconds
    while True:
        seen = await look()
        if enough(seen):
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}, last seen: {seen}")
        await asyncio.sleep(0.1)


@pytest.fixture
async def listen() -> AsyncIterator[Any]:
    """Opens endpoints of one test's own: `ear = await listen(lambda ear: 500)`."""
    async with ears() as open_one:
        yield open_one


@pytest.fixture(scope="session")
def rows_url(demo: dict[str, Any]) -> str:
    """Where the demo's own database is."""
    home = Path(demo["home"])
    note = home / "sockets"
    folder = note.read_text() if note.exists() else str(home / "run")
    return f"postgresql://afriflow@/afriflow?host={quote(folder)}&port=5432"


@pytest.fixture(scope="session")
async def rows(rows_url: str) -> AsyncIterator[Any]:
    """The demo's own database, to see what was kept."""
    opened = await asyncpg.connect(rows_url)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def vault(demo: dict[str, Any]) -> Vault:
    """What the demo seals and hashes with."""
    return open_vault(Settings(home=Path(demo["home"])))


@pytest.fixture(scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(trust_env=False) as opened:
        yield opened


@pytest.fixture(scope="session")
def merchant(demo: dict[str, Any], session: aiohttp.ClientSession) -> Merchant:
    return Merchant(session, demo["url"], demo["api_key"])


@pytest.fixture(scope="session")
def payer(demo: dict[str, Any], session: aiohttp.ClientSession) -> Payer:
    return Payer(session, demo["phone_url"])


@pytest.fixture
async def faults(demo: dict[str, Any], session: aiohttp.ClientSession) -> AsyncIterator[Callable[..., Any]]:
    """Sets a simulator's faults for one test: `await faults("pawapay", lose_answer=1.0)`."""
    touched: set[str] = set()

    async def put(provider: str, **knobs: Any) -> None:
        touched.add(provider)
        url = f"{demo['simulators'][provider]['url']}/faults"
        async with session.put(url, json={"seed": 1, **knobs}) as response:
            assert response.status == 200, await response.text()

    yield put
    for provider in touched:
        await put(provider)


@contextlib.asynccontextmanager
async def fleet_at(home: Path) -> AsyncIterator[Fleet]:
    """Servers, schema and the other side in a home of their own; whoever opens it starts the processes it wants."""
    async with contextlib.AsyncExitStack() as stack:
        opened = Fleet(home, spawn, quick_environment)
        await opened.open(stack)
        try:
            yield opened
        finally:
            for name in list(opened.processes):
                opened.kill(name)


@pytest.fixture(scope="session", name="open_fleet")
def give_open_fleet() -> Any:
    return fleet_at


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    """A fleet of one test's own."""
    async with fleet_at(tmp_path) as opened:
        yield opened
