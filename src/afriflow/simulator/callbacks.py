"""How a simulated provider tells us something: real HTTP, lost, doubled and late as the faults say, tried again."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

import aiohttp

from afriflow.core.clock import Clock
from afriflow.simulator.faults import Faults
from afriflow.simulator.http import Request, Response, Work, json_response

# The pauses between tries. pawaPay tries for 15 minutes at a spacing it does not publish; fewer and quicker here, so
# that a person who mends a server sees the next try, and a test need not wait. Providers may give their own.
RETRY_PAUSES_SECONDS = (0.5, 1, 2, 5, 10, 30, 60)
# A provider that waits longer for a merchant's answer ties up its own connections.
TIMEOUT_SECONDS = 10
# What `GET {seat}/callbacks` shows; a storm sends more than anybody reads.
LOG_ENTRIES_MAX = 1000

Headers = Callable[[bytes], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Sent:
    """One try, or one that was not made. status: HTTP, None when there was no answer.

    outcome: "delivered", "refused" (answered, not with 2xx), "unreachable", "lost" (by the faults, never sent).
    """

    url: str
    body: str
    attempt: int
    outcome: str
    status: int | None
    at: str


class Callbacks:
    """Sends one seat's callbacks and keeps a log of them.

    later: has work done after so many seconds (the seat's).
    """

    def __init__(
        self,
        faults: Faults,
        clock: Clock,
        later: Callable[[float, Work], None],
        retry_pauses_seconds: tuple[float, ...] = RETRY_PAUSES_SECONDS,
    ) -> None:
        self._faults = faults
        self._clock = clock
        self._later = later
        self._retry_pauses_seconds = retry_pauses_seconds
        self._session: aiohttp.ClientSession | None = None
        self.log: deque[Sent] = deque(maxlen=LOG_ENTRIES_MAX)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, url: str, body: bytes, headers: Headers) -> None:
        """Send a callback: returns after the first try, further ones follow by themselves.

        headers: makes the headers for a body, anew for each try, because signatures grow old.
        """
        fate = self._faults.fate()
        if fate.delay_seconds:
            await asyncio.sleep(fate.delay_seconds)
        if fate.lost:
            self._note(url, body, 1, "lost", None)
            return
        for _ in range(2 if fate.duplicated else 1):
            await self._try(url, body, headers, attempt=1)

    async def show(self, request: Request) -> Response:  # noqa: ARG002 - a handler
        return json_response(200, [asdict(sent) for sent in self.log])

    async def _try(self, url: str, body: bytes, headers: Headers, *, attempt: int) -> None:
        status = None
        try:
            async with self._open_session().post(
                url, data=body, headers=headers(body), allow_redirects=False
            ) as response:
                await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            self._note(url, body, attempt, "unreachable", None)
        else:
            delivered = 200 <= status < 300
            self._note(url, body, attempt, "delivered" if delivered else "refused", status)
            if delivered:
                return
        if attempt <= len(self._retry_pauses_seconds):
            pause = self._retry_pauses_seconds[attempt - 1]
            self._later(pause, lambda: self._try(url, body, headers, attempt=attempt + 1))

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)
        return self._session

    def _note(self, url: str, body: bytes, attempt: int, outcome: str, status: int | None) -> None:
        self.log.append(
            Sent(url, body.decode("utf-8", "replace"), attempt, outcome, status, _rfc3339(self._clock.now()))
        )


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
