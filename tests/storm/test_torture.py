"""Everything goes wrong at once, from a seed; when it is over the providers' books and ours tell the same story."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from afriflow.simulator.serve import serving
from afriflow.torture.chaos import blows
from afriflow.torture.line import CLEAR, Line, Weather
from afriflow.torture.nursery import Nursery, _strike

# One seed in the usual run; `AFRIFLOW_TORTURE_SEEDS=1,2,3 scripts/test tests/storm` for more.
SEEDS = os.environ.get("AFRIFLOW_TORTURE_SEEDS", "1").split(",")
SECONDS = 60


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", SEEDS)
async def test_after_a_torture_nobody_paid_twice_and_nothing_is_lost_or_called_failed_that_was_paid(
    tmp_path: Path, environment: Any, seed: str
) -> None:
    path = tmp_path / "result.json"
    options = [
        "--seconds",
        str(SECONDS),
        "--seed",
        seed,
        "--kill-every",
        "1",
        "--rate",
        "6",
        "--result",
        str(path),
    ]
    said = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "afriflow", "torture", *options],
        env=environment(tmp_path, AFRIFLOW_LANGUAGE="en"),
        capture_output=True,
        text=True,
        check=False,
    )
    print(said.stdout)
    assert said.returncode == 0, said.stdout[-4000:] + said.stderr[-4000:]
    result = json.loads(path.read_text())
    assert result["violations"] == []
    assert result["answered"] >= result["offered"]
    assert result["statuses"]["succeeded"] > result["offered"] / 4
    assert result["statuses"]["payout succeeded"] > 0
    assert result["statuses"]["refund succeeded"] > 0
    assert (
        result["slow"] == []
    )  # settled in 60 s, a dead worker's jobs taken over in 30 s, the API back in 3 s
    # A torture that did nothing would prove nothing.
    done = result["blows"]
    assert done["kill api"] + done["kill worker"] >= SECONDS / 3
    assert done["postgres immediate stop"] >= 2
    assert done["pause"] >= 2
    assert sum(count for name, count in done.items() if name.startswith("redis")) >= 2
    assert sum(result["lines"]["out"].values()) > 20
    assert f"--seed {seed}" in said.stdout.splitlines()[0]


def test_the_same_seed_strikes_the_same_blows() -> None:
    assert blows(7, 600, 1) == blows(7, 600, 1) != blows(8, 600, 1)
    kinds = [blow.kind for blow in blows(7, 600, 1)]
    assert 500 < kinds.count("kill") < 700
    assert all(25 < kinds.count(kind) < 80 for kind in ("postgres", "redis", "pause"))


# ── the line ────────────────────────────────────────────────────────────────────────────────────────────────────
ANSWER = b"a" * 1000


@pytest.fixture
async def line() -> AsyncIterator[tuple[Line, str, list[bytes]]]:
    """A line before a server that notes what arrives."""
    arrived: list[bytes] = []

    async def app(
        scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        arrived.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": ANSWER})

    async with serving(lambda _: app) as url:
        port = int(url.rsplit(":", 1)[1])
        opened = Line(
            lambda: asyncio.open_connection("127.0.0.1", port), random.Random(1), whole_requests=True
        )
        yield opened, f"http://127.0.0.1:{await opened.open()}", arrived
        await opened.close()


@pytest.mark.parametrize(
    ("weather", "answered", "arrives"),
    [
        (CLEAR, True, 1),
        (Weather(refuse=1), False, 0),
        (Weather(lose_answer=1), False, 1),
        (Weather(cut_answer=1), False, 1),
        (Weather(half_close=1), False, 1),
        (Weather(crawl=1), True, 1),
        (Weather(twice=1), True, 2),
        (Weather(delay_seconds=0.01), True, 1),
    ],
)
async def test_what_befalls_a_request(
    line: tuple[Line, str, list[bytes]], weather: Weather, answered: bool, arrives: int
) -> None:
    opened, url, arrived = line
    opened.weather = weather
    answer = None
    async with aiohttp.ClientSession() as session:
        try:
            async with session.post(url, data=b"pay") as response:
                answer = await response.read()
        except aiohttp.ClientError:
            pass
    assert (answer == ANSWER) is answered
    assert arrived == [b"pay"] * arrives


async def test_a_request_that_vanishes_is_never_heard_of(line: tuple[Line, str, list[bytes]]) -> None:
    opened, url, arrived = line
    opened.weather = Weather(vanish=1)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.5)) as session:
        with pytest.raises(TimeoutError):
            await session.post(url, data=b"pay")
    assert arrived == []


@pytest.mark.parametrize(
    ("weather", "arrives"), [(Weather(refuse=1), b""), (Weather(lose_answer=1), b"SELECT")]
)
async def test_a_stream_is_cut_before_or_just_after_a_piece_arrives(weather: Weather, arrives: bytes) -> None:
    heard = asyncio.Queue[bytes]()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await reader.read(-1))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    opened = Line(lambda: asyncio.open_connection("127.0.0.1", port), random.Random(1), whole_requests=False)
    reader, writer = await asyncio.open_connection("127.0.0.1", await opened.open())
    opened.weather = weather
    writer.write(b"SELECT")
    with pytest.raises(ConnectionResetError):
        await reader.read(-1)
    assert await asyncio.wait_for(heard.get(), 10) == arrives
    writer.close()
    await opened.close()
    server.close()


# ── the nursery ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
async def silence() -> AsyncIterator[dict[str, str]]:
    """A PostgreSQL that takes connections and never says a word: whoever asks it waits."""
    server = await asyncio.start_server(lambda _reader, _writer: asyncio.sleep(60), "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield {
        "DATABASE_URL": f"postgresql://x@{address}/x",
        "REDIS_URL": f"redis://{address}",
        "AFRIFLOW_SECRET_KEY": "a secret of a test, 32 bytes or more",
    }
    server.close()


async def test_a_child_is_killed_and_its_number_is_not_struck_again(
    tmp_path: Path, environment: Any, silence: dict[str, str]
) -> None:
    nursery = Nursery(environment(tmp_path))
    child = nursery.bear("work", environment(tmp_path, **silence), tmp_path / "child.log")
    assert child.poll() is None
    child.send_signal(signal.SIGKILL)
    assert await asyncio.to_thread(child.wait, 10) == -1
    child.send_signal(signal.SIGKILL)
    nursery.close()


def test_a_number_that_the_system_gave_to_somebody_else_is_never_struck() -> None:
    """Numbers come round again: who closes an hour later must not kill by those of the long dead."""
    own = subprocess.Popen([sys.executable, "-c", "raise SystemExit"])
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    living = {1: own.pid}
    while _strike(living, 1, 0):
        time.sleep(0.01)
    assert living == {}  # forgotten with its burial, whoever has its number now
    living_elsewhere = {2: stranger.pid}
    assert not _strike(living, 1, signal.SIGKILL)
    assert not _strike(living, 2, signal.SIGKILL)
    assert stranger.poll() is None
    assert _strike(living_elsewhere, 2, signal.SIGKILL)
    assert stranger.wait(10) == -signal.SIGKILL
    own.returncode = 0  # it was buried by us, and not by its own handle


async def test_whom_the_nursery_bore_dies_with_it(
    tmp_path: Path, environment: Any, silence: dict[str, str]
) -> None:
    nursery = Nursery(environment(tmp_path))
    child = nursery.bear("serve", environment(tmp_path, **silence), tmp_path / "child.log")
    assert child.poll() is None
    nursery.close()
    assert await asyncio.to_thread(child.wait, 10) == -1


def test_a_child_that_cannot_begin_says_why(tmp_path: Path, environment: Any) -> None:
    nursery = Nursery(environment(tmp_path))
    child = nursery.bear("serve", environment(tmp_path), tmp_path / "child.log")
    child.wait(20)
    nursery.close()
    assert "SettingsMissing" in (tmp_path / "child.log").read_text()
