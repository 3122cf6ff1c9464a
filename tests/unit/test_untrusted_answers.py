"""What a provider answers is a stranger's: too much, too slow, packed to burst or broken, it is no answer and no fault."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from afriflow.core.clock import SystemClock
from afriflow.port.http import ANSWER_BYTES_MAX, NoAnswer, ProviderHttp, Reply
from afriflow.port.reach import ANYWHERE, open_session

Write = Callable[[asyncio.StreamWriter], Awaitable[None]]
Ask = Callable[[Write | bytes], Awaitable[Reply]]
_TIMEOUT_SECONDS = 1.0


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session(connections_max=4, reach=ANYWHERE) as opened:
        yield opened


@pytest.fixture
async def ask(session: aiohttp.ClientSession) -> AsyncIterator[Ask]:
    """Asks a provider that answers with these bytes, or by writing what it likes."""
    told: list[Write | bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            said = told[-1]
            if isinstance(said, bytes):
                writer.write(said)
                await writer.drain()
            else:
                await said(writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    async def ask_it(said: Write | bytes) -> Reply:
        told.append(said)
        http = ProviderHttp(session, SystemClock(), timeout_seconds=_TIMEOUT_SECONDS)
        try:
            return await http.send("verify", "GET", url)
        finally:
            assert len(http.exchanges) == 1
            assert len(http.exchanges[0].response_body) <= 8_000

    async with server:
        yield ask_it


def said(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def test_a_flood_is_not_read_to_its_end(ask: Ask) -> None:
    written = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"a" * 65_536 + b"\r\n")
            written += 65_536
            await writer.drain()

    with pytest.raises(NoAnswer):
        await ask(flood)
    assert written < 64 * ANSWER_BYTES_MAX  # what lay in the buffers of the two machines


@pytest.mark.parametrize(("encoding", "packed"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_what_is_packed_is_unpacked_and_what_would_burst_is_no_answer(
    ask: Ask, encoding: str, packed: Callable[[bytes], bytes]
) -> None:
    small = await ask(said(packed(b'{"a": 1}'), f"content-encoding: {encoding}"))
    assert small.json_object() == {"a": 1}
    most = await ask(said(packed(b"a" * ANSWER_BYTES_MAX), f"content-encoding: {encoding}"))
    assert len(most.body) == ANSWER_BYTES_MAX
    for size in (ANSWER_BYTES_MAX + 1, 100 * 1024 * 1024):
        with pytest.raises(NoAnswer):
            await ask(said(packed(b"\x00" * size), f"content-encoding: {encoding}"))
    with pytest.raises(NoAnswer):
        await ask(said(b"no archive", f"content-encoding: {encoding}"))
    with pytest.raises(NoAnswer):
        await ask(said(b"?", "content-encoding: br"))


async def test_one_who_answers_byte_by_byte_is_not_waited_for(ask: Ask) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.05)

    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(NoAnswer):
        await ask(drip)
    assert loop.time() - began < 10 * _TIMEOUT_SECONDS


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00" * 1000,
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000 + b"\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/9.9 200 OK\r\ncontent-length: 0\r\n\r\n" + b"HTTP/1.1 200 OK\r\n" * 10,
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
    ids=range(12),
)
async def test_what_is_no_http_is_no_answer(ask: Ask, answer: bytes) -> None:
    try:
        reply = await ask(answer)
    except NoAnswer:
        return
    assert reply.body == b""  # a status without anything to believe


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 30_000 + b"1" + b"}" * 30_000,
        b"\xff\xfe\x00",
        b"",
        b"<html>",
        b'{"a": ' + b"9" * 10_000 + b"}",
        b"{} {}",
        b'"text"',
        b"[]",
        b"null",
    ],
)
async def test_a_body_that_is_no_object_is_none(ask: Ask, body: bytes) -> None:
    assert (await ask(said(body))).json_object() is None


async def test_what_no_column_holds_is_replaced_before_anybody_keeps_it(ask: Ask) -> None:
    found = (await ask(said(rb'{"a\u0000": ["\ud800", {"b": "\u0000"}]}'))).json_object()
    assert found == {"a�": ["?", {"b": "�"}]}
    json.dumps(found, ensure_ascii=False).encode()


async def test_a_retry_after_of_any_kind_is_a_number(ask: Ask) -> None:
    for text in (
        "",
        "soon",
        "-1",
        "1e9",
        "9" * 400,
        "²",
        "Thu, 99 Foo 2026 99:99:99 GMT",
        "Thu, 01 Jan 1970 00:00:00",
    ):
        reply = await ask(said(b"", f"retry-after: {text}", status="429 Too Many Requests"))
        assert reply.status == 429
