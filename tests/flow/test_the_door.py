"""Who asks too fast, too slowly, too much or packed is told so and costs the others nothing."""

import asyncio
import contextlib
import gzip
import io
import os
import signal
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from afriflow.settings import Settings
from afriflow.torture.fleet import Fleet
from afriflow.web.pace import Bucket, Pace

SLOW_SOCKETS = 200
DOOR = {
    "AFRIFLOW_REQUESTS_PER_KEY_BURST": "60",
    "AFRIFLOW_REQUESTS_PER_KEY_PER_SECOND": "0.5",
    "AFRIFLOW_REQUESTS_PER_NETWORK_BURST": "20",
    "AFRIFLOW_REQUESTS_PER_NETWORK_PER_SECOND": "0.1",
    "AFRIFLOW_NOTIFICATIONS_PER_NETWORK_BURST": "40",
    "AFRIFLOW_NOTIFICATIONS_PER_NETWORK_PER_SECOND": "0.1",
    "AFRIFLOW_REQUEST_HEAD_SECONDS": "4",
    "AFRIFLOW_REQUEST_BODY_SECONDS": "4",
}


@pytest.fixture(scope="module")
async def guarded(
    tmp_path_factory: pytest.TempPathFactory, open_fleet: Any, session: Any
) -> AsyncIterator[Fleet]:
    async with open_fleet(tmp_path_factory.mktemp("door")) as opened:
        opened.start("api", "serve", **DOOR)
        await opened.answers(session)
        yield opened


@pytest.fixture
def merchant(guarded: Fleet, people: Any, session: Any) -> Any:
    return people(session, guarded.url, guarded.ready.merchant.api_key, "")[0]


async def say(fleet: Fleet, sent: bytes, *, seconds: float = 30.0, pause: float = 0.0) -> bytes:
    """Send bytes as they are; gives all that is answered until the other side hangs up."""
    parts = urlsplit(fleet.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(sent)
        with contextlib.suppress(OSError):
            await writer.drain()
        await asyncio.sleep(pause)
        async with asyncio.timeout(seconds):
            try:
                return await reader.read(-1)
            except OSError:
                return b""
    finally:
        writer.close()


def request(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: x", *headers, "", ""]).encode()


async def statuses(session: Any, url: str, count: int, **how: Any) -> list[int]:
    found: list[int] = []
    for _ in range(count):
        async with session.request(how.get("method", "GET"), url, headers=how.get("headers")) as answer:
            found.append(answer.status)
    return found


class TestTooFast:
    async def test_a_key_is_told_how_much_is_left_and_when_to_come_back(
        self, guarded: Fleet, merchant: Any
    ) -> None:
        left: list[int] = []
        for _ in range(70):
            status, problem = await merchant.call("GET", "/api/refunds?limit=1")
            assert merchant.last_headers["ratelimit-limit"] == "60"
            left.append(int(merchant.last_headers["ratelimit-remaining"]))
            if status != 200:
                break
        assert (status, problem["code"]) == (429, "too_many_requests")
        assert left == sorted(left, reverse=True)
        assert left[-1] == 0
        assert 1 <= int(merchant.last_headers["retry-after"]) <= 2
        assert 0 < int(merchant.last_headers["ratelimit-reset"]) <= 121
        assert merchant.last_headers["content-type"] == "application/problem+json"

    async def test_a_network_has_a_bucket_of_its_own_and_a_reader_gets_a_page(
        self, guarded: Fleet, session: Any
    ) -> None:
        for first, second in (("41.82.0.1", "41.82.0.2"), ("2001:4860::1", "2001:4860:0:1::1")):
            headers = {"x-forwarded-for": first}
            url = f"{guarded.url}/dashboard/sign-in"
            assert await statuses(session, url, 25, headers=headers) == [200] * 20 + [429] * 5
            async with session.get(url, headers={**headers, "accept-language": "en"}) as answer:
                assert "Too many requests came from your network" in await answer.text()
            assert await statuses(session, url, 2, headers={"x-forwarded-for": second}) == [200] * 2
        # The rest of an IPv6 /64 is the same house.
        assert await statuses(session, url, 1, headers={"x-forwarded-for": "2001:4860::2"}) == [429]

    async def test_notifications_have_their_own_and_health_none(self, guarded: Fleet, session: Any) -> None:
        headers = {"x-forwarded-for": "41.82.7.7"}
        url = f"{guarded.url}/api/webhooks/paydunya"
        found = await statuses(session, url, 45, headers=headers, method="HEAD")
        assert found == [200] * 40 + [429] * 5
        assert await statuses(session, f"{guarded.url}/health/live", 60, headers=headers) == [200] * 60
        assert await statuses(session, f"{guarded.url}/dashboard/sign-in", 1, headers=headers) == [200]

    async def test_redis_and_a_process_alone_count_alike(self, guarded: Fleet) -> None:
        pace, bucket = Pace(guarded.house.redis, Settings()), Bucket(per_second=0.001, burst=7)
        shared = [await pace.take("alike", bucket) for _ in range(9)]
        alone = [pace._take_here("alike", bucket, 1000.0) for _ in range(9)]
        assert (
            [level.admitted for level in shared]
            == [level.admitted for level in alone]
            == [True] * 7 + [False] * 2
        )
        assert [level.remaining for level in shared] == [level.remaining for level in alone]
        assert shared[-1].retry_after_seconds == pytest.approx(alone[-1].retry_after_seconds, abs=5)
        later = pace._take_here("alike", bucket, 3000.1)
        assert (later.admitted, later.remaining) == (True, 1)


class TestTooSlow:
    async def test_two_hundred_slow_sockets_are_hung_up_on_and_nobody_else_waits(
        self, guarded: Fleet, session: Any
    ) -> None:
        async def healthy(count: int) -> list[float]:
            taken: list[float] = []
            for _ in range(count):
                began = time.monotonic()
                async with session.get(f"{guarded.url}/health/ready") as answer:
                    assert answer.status == 200
                taken.append(time.monotonic() - began)
            return taken

        async def slow(number: int) -> tuple[bytes, float]:
            began = time.monotonic()
            parts = urlsplit(guarded.url)
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            kinds = (
                request("/health/live")[:-2],  # headers that never end, one byte at a time
                request(
                    "/api/checkout", "content-type: application/json", "content-length: 5000", method="POST"
                ),
                b"",  # nothing at all
            )
            try:
                writer.write(kinds[number % 3])
                while not reader.at_eof():
                    if number % 3 < 2:
                        writer.write(b"a")
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.5):
                            return await reader.read(-1), time.monotonic() - began
                return b"", time.monotonic() - began
            except OSError:
                return b"", time.monotonic() - began
            finally:
                writer.close()

        await healthy(10)
        calm = await healthy(150)
        slow_ones = [asyncio.create_task(slow(number)) for number in range(SLOW_SOCKETS)]
        await asyncio.sleep(0.3)
        pressed = await healthy(150)
        ends = await asyncio.gather(*slow_ones)
        assert max(seconds for _, seconds in ends) < 20
        assert sum(b" 408 " in answer or b" 401 " in answer for answer, _ in ends) > SLOW_SOCKETS / 2
        p99 = [statistics.quantiles(taken, n=100)[98] for taken in (calm, pressed)]
        assert p99[1] < max(1.0, 4 * p99[0]), f"{p99[0]:.3f} s, beside slow ones {p99[1]:.3f} s"

    async def test_who_hangs_up_in_the_middle_of_a_body_calls_no_person(self, guarded: Fleet) -> None:
        log = guarded.home / "log" / "api.log"
        before = log.read_text().count('"page"')
        parts = urlsplit(guarded.url)
        for path in ("/api/webhooks/pawapay", "/dashboard/sign-in"):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
            form = "content-type: application/x-www-form-urlencoded"
            writer.write(
                request(path, form, f"origin: {guarded.url}", "content-length: 500", method="POST") + b"a=b"
            )
            await writer.drain()
            writer.close()
        await asyncio.sleep(1.0)
        assert "unforeseen" not in log.read_text()
        assert log.read_text().count('"page"') == before


class TestTooMuch:
    @pytest.mark.parametrize(
        "headers",
        [
            [f"x-{number}: y" for number in range(150)],
            ["x: " + "a" * 20_000],
            ["x: " + "a" * 900_000],
            [f"x-{number}: {'b' * 300}" for number in range(80)],
            ["cookie: " + "; ".join(f"c{number}=1" for number in range(5000))],
        ],
        ids=range(5),
    )
    async def test_headers_without_end_are_refused(self, guarded: Fleet, headers: list[str]) -> None:
        answer = await say(guarded, request("/health/live", *headers))
        assert answer.startswith(b"HTTP/1.1 431 ") or answer == b""  # hung up on while it still wrote

    async def test_a_long_address_is_refused(self, guarded: Fleet) -> None:
        assert b" 431 " in (await say(guarded, request("/health/live?" + "a" * 20_000)))[:20]

    @pytest.mark.parametrize(
        "headers",
        [
            ("content-length: 5", "transfer-encoding: chunked"),
            ("content-length: 5", "content-length: 6"),
            ("transfer-encoding: chunked, identity",),
            ("content-length: +5",),
        ],
        ids=range(4),
    )
    async def test_a_request_whose_end_is_in_doubt_is_not_read(
        self, guarded: Fleet, headers: tuple[str, ...]
    ) -> None:
        sent = request("/api/checkout", *headers).replace(b"GET", b"POST", 1) + b"0\r\n\r\n"
        answer = await say(guarded, sent + request("/health/live"))
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1") == 1, "what came after it was taken for a request"

    async def test_headers_as_they_come_through_a_proxy_are_read(self, guarded: Fleet) -> None:
        headers = [f"x-proxy-{number}: {'v' * 100}" for number in range(60)]
        answer = await say(guarded, request("/health/live", *headers, "connection: close"))
        assert answer.startswith(b"HTTP/1.1 200 ")

    @pytest.mark.parametrize(
        ("path", "size", "status"),
        [
            ("/api/checkout", 64 * 1024 + 1, 413),
            ("/api/checkout", 5_000_000, 413),
            ("/api/webhooks/pawapay", 256 * 1024 + 1, 413),
            ("/api/webhooks/pawapay", 256 * 1024, 200),
        ],
    )
    async def test_a_body_is_read_as_far_as_it_may_go(
        self, guarded: Fleet, session: Any, people: Any, path: str, size: int, status: int
    ) -> None:
        key = guarded.ready.merchant.api_key

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, size, 16_384):
                yield b" " * min(16_384, size - start)

        for body in (io.BytesIO(b" " * size), chunks()):  # announced, and as it comes
            headers = {
                "content-type": "application/json",
                "authorization": f"Bearer {key}",
                "idempotency-key": "k",
                "connection": "close",
            }
            with contextlib.suppress(OSError, aiohttp.ClientError):  # hung up on while it still wrote
                async with session.post(guarded.url + path, data=body, headers=headers) as answer:
                    assert answer.status in {status, 429}

    async def test_a_packed_body_stays_packed(self, guarded: Fleet, session: Any) -> None:
        bomb = gzip.compress(b" " * 50_000_000)
        assert len(bomb) < 64 * 1024
        headers = {
            "content-type": "application/json",
            "content-encoding": "gzip",
            "authorization": f"Bearer {guarded.ready.merchant.api_key}",
            "idempotency-key": "packed",
        }
        memory = _memory(guarded)
        async with session.post(f"{guarded.url}/api/checkout", data=bomb, headers=headers) as answer:
            assert answer.status in {415, 429}
        async with session.post(f"{guarded.url}/api/webhooks/pawapay", data=bomb, headers=headers) as answer:
            assert answer.status == 200  # kept as it came, and read as nothing
        assert _memory(guarded) - memory < 50 * 1024 * 1024

    async def test_a_page_of_a_list_has_a_bound(self, demo: Any, people: Any, session: Any) -> None:
        merchant, _ = people(session, demo["url"], demo["api_key"], demo["phone_url"])
        for path in ("transactions", "events", "refunds", "payouts", "payment-links"):
            status, found = await merchant.call("GET", f"/api/{path}?limit=1000000")
            assert status in {200, 404}, path
            if status == 200:
                assert len(found["data"]) <= 100


async def test_without_redis_the_limits_hold_all_the_same(guarded: Fleet, session: Any) -> None:
    os.kill(guarded.servers.process_ids["redis"], signal.SIGKILL)
    headers = {"x-forwarded-for": "41.82.99.99"}
    url = f"{guarded.url}/dashboard/sign-in"
    assert await statuses(session, url, 25, headers=headers) == [200] * 20 + [429] * 5


def _memory(fleet: Fleet) -> int:
    """Give the API process's resident memory in bytes."""
    seen = Path(f"/proc/{fleet.processes['api'].pid}/statm").read_text(encoding="ascii")
    return int(seen.split()[1]) * os.sysconf("SC_PAGE_SIZE")
