"""A line between two processes that is as bad as its weather: what networks do to requests, done on purpose.

Before HTTP it takes each request whole, so that it can lose the answer to one that arrived, or let one arrive twice;
before PostgreSQL and Redis it cuts and delays whatever streams by.
"""

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Ends]]

# Longer than any of our timeouts under torture, so that whoever waits gives up first.
_HOLD_SECONDS = 8.0
_PIECES = 8
_PIECE_PAUSE_SECONDS = 0.3
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Weather:
    """How likely each mishap is for one request, or one piece of a stream; 0 never, 1 always.

    refuse: cut before anything arrives. vanish: taken, and nothing is heard again. lose_answer: arrives, and the
    connection is reset under the answer. cut_answer: half of the answer, then a reset. half_close: half of the
    answer, then a clean end. crawl: the answer drips. twice: arrives twice. stall: the stream rests for a while.
    delay_seconds: of everything, drawn up to twice as much.
    """

    refuse: float = 0.0
    vanish: float = 0.0
    lose_answer: float = 0.0
    cut_answer: float = 0.0
    half_close: float = 0.0
    crawl: float = 0.0
    twice: float = 0.0
    stall: float = 0.0
    delay_seconds: float = 0.0


CLEAR = Weather()
_OF_REQUESTS = ("refuse", "vanish", "lose_answer", "cut_answer", "half_close", "crawl", "twice")
_OF_STREAMS = ("refuse", "lose_answer", "stall")


class Line:
    """Listens on a port of its own and passes on to where `connect` leads. struck: how often each mishap came."""

    def __init__(self, connect: Connect, chance: random.Random, *, whole_requests: bool) -> None:
        self._connect, self._chance, self._whole_requests = connect, chance, whole_requests
        self._tasks: set[asyncio.Task[None]] = set()
        self.weather = CLEAR
        self.struck: Counter[str] = Counter()

    async def open(self) -> int:
        """Listen; gives the port."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Cut everything."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _mishap(self, kinds: tuple[str, ...]) -> str | None:
        """Draw what befalls the next request or piece."""
        lot = self._chance.random()
        for kind in kinds:
            likely: float = getattr(self.weather, kind)
            if lot < likely:
                self.struck[kind] += 1
                return kind
            lot -= likely
        return None

    async def _delay(self) -> None:
        if self.weather.delay_seconds:
            await asyncio.sleep(self._chance.uniform(0, 2 * self.weather.delay_seconds))

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            if self._whole_requests:
                await self._exchange(reader, writer)
            else:
                await self._stream(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            _reset(writer)  # one end is gone, so the other goes
        except asyncio.CancelledError:
            _reset(writer)  # the line is closed; asyncio would log a task of its own that ends so
        finally:
            writer.close()

    # ── requests ────────────────────────────────────────────────────────────────────────────────────────────────
    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await _request(reader)
        mishap = self._mishap(_OF_REQUESTS)
        await self._delay()
        if mishap == "vanish":
            await asyncio.sleep(_HOLD_SECONDS)
        if mishap in {"refuse", "vanish"}:
            _reset(writer)
            return
        if mishap == "twice":
            await asyncio.gather(self._ask(request), return_exceptions=True)
        answer = await self._ask(request)
        await self._delay()
        half = answer[: len(answer) // 2]
        if mishap == "crawl":
            size = len(answer) // _PIECES + 1
            for start in range(0, len(answer), size):
                writer.write(answer[start : start + size])
                await asyncio.sleep(_PIECE_PAUSE_SECONDS)
            return
        if mishap != "lose_answer":
            writer.write(half if mishap in {"cut_answer", "half_close"} else answer)
            await writer.drain()
        if mishap in {"lose_answer", "cut_answer"}:
            _reset(writer)

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await self._connect()
        try:
            writer.write(request)
            await writer.drain()
            return await reader.read(-1)
        finally:
            writer.close()

    # ── streams ─────────────────────────────────────────────────────────────────────────────────────────────────
    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await self._connect()
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, forth, writer))
                pumps.create_task(self._pump(back, writer, writer))
        except* (OSError, EOFError):
            _reset(writer)
        finally:
            forth.close()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> None:
        while piece := await source.read(65_536):
            mishap = self._mishap(_OF_STREAMS)
            await self._delay()
            if mishap == "stall":
                await asyncio.sleep(self._chance.uniform(0.1, 2.0))
            if mishap != "refuse":
                sink.write(piece)
                await sink.drain()
            if mishap in {"refuse", "lose_answer"}:  # before it arrived, or just after
                _reset(writer)
                raise ConnectionResetError
        raise EOFError


async def _request(reader: asyncio.StreamReader) -> bytes:
    """Read one request whole, and ask that its answer be the connection's last."""
    head = await reader.readuntil(_HEAD_END)
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    body = await reader.readexactly(length)
    return head[: -len(_HEAD_END)] + b"\r\nConnection: close" + _HEAD_END + body


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a crash does: what was on its way is lost, and the other end hears of it."""
    end = writer.get_extra_info("socket")
    if end is not None and end.fileno() >= 0:
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
