"""How long and how much we listen before a request is whole: who sends slowly, or headers without end, is not waited for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from afriflow.settings import Settings

# More than any client sends: a session, a signature and what proxies add have 4 kB and 30 headers.
_HEAD_BYTES_MAX = 16 * 1024
_HEADERS_MAX = 100
_LATE = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def listening(settings: Settings) -> dict[str, Any]:
    """Give uvicorn's options for a server that strangers reach."""
    return {
        "http": patient_protocol(
            head_seconds=settings.request_head_seconds, body_seconds=settings.request_body_seconds
        ),
        "forwarded_allow_ips": list(settings.proxy_networks),
        "server_header": False,
    }


def patient_protocol(*, head_seconds: float, body_seconds: float) -> type[asyncio.Protocol]:
    """Make the protocol that a server speaks.

    head_seconds: from the connection, or the first byte of a further request, to the end of the headers.
    body_seconds: from there to the end of the body.
    """
    limits = {"head_seconds": head_seconds, "body_seconds": body_seconds}
    return type("PatientProtocol", (_Patient,), limits)


class _Patient(HttpToolsProtocol):
    """uvicorn's protocol, which waits for ever and takes as many headers as come, with bounds."""

    head_seconds: float
    body_seconds: float
    _timer: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_at_most(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:  # all of it was head, and there is more to come
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES_MAX:
                self._refuse(_LONG)

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._wait_at_most(self.head_seconds)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._wait_at_most(self.body_seconds)
        written = sum(len(name) + len(value) for name, value in self.headers) + len(self.url)
        if written > _HEAD_BYTES_MAX or len(self.headers) > _HEADERS_MAX:
            self.app = _too_long
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._wait_no_more()
        super().on_message_complete()

    def _wait_at_most(self, seconds: float) -> None:
        self._wait_no_more()
        self._timer = self.loop.call_later(seconds, self._refuse, _LATE)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, answer: bytes) -> None:
        """Say why, where nothing was said yet, and hang up; never while an earlier request is still being answered."""
        if self.transport.is_closing():
            return
        cycle = cast("RequestResponseCycle | None", self.cycle)  # uvicorn has none before the first request
        answering = cycle is not None and not cycle.response_complete
        if answering and self._in_head:
            self._wait_at_most(self.head_seconds)
            return
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(answer)
        self.transport.close()


async def _too_long(_scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """Answer a request whose headers are too many or too long, and hang up."""
    headers = [(b"content-length", b"0"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 431, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
