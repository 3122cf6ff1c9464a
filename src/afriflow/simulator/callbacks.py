"""How a simulated provider tells us something: real HTTP, tried again; lost, doubled, late or false as the faults say."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime

import aiohttp

from afriflow.core.clock import Clock
from afriflow.simulator.faults import Fate, Faults
from afriflow.simulator.http import Request, Response, Work, json_response
from afriflow.simulator.words import UNKNOWN_WORD, Content, Words

# The pauses between tries. pawaPay tries for 15 minutes at a spacing it does not publish; fewer and quicker here, so
# that a person who mends a server sees the next try, and a test need not wait. Providers may give their own.
RETRY_PAUSES_SECONDS = (0.5, 1, 2, 5, 10, 30, 60)
# A provider that waits longer for a merchant's answer ties up its own connections.
TIMEOUT_SECONDS = 10
# What `GET {seat}/callbacks` shows; a storm sends more than anybody reads.
LOG_ENTRIES_MAX = 1000
# How long a callback that was told to let another go first waits for one; there may be no other.
OVERTAKEN_SECONDS_MAX = 2.0

Encode = Callable[[Content], bytes]
Headers = Callable[[bytes], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Sent:
    """One try, or one that was not made. status: HTTP, None when there was no answer.

    outcome: "delivered", "refused" (answered, not with 2xx), "unreachable", "lost" (by the faults, never sent),
    "forged" (sent by somebody else).
    """

    url: str
    body: str
    attempt: int
    outcome: str
    status: int | None
    at: str


class Callbacks:
    """Sends one seat's callbacks and keeps a log of them.

    later: has work done after so many seconds (the seat's). words: where the provider's callbacks say what.
    rotate_key: has the provider sign with another key from now on, where it has any.
    """

    def __init__(
        self,
        faults: Faults,
        clock: Clock,
        later: Callable[[float, Work], None],
        retry_pauses_seconds: tuple[float, ...] = RETRY_PAUSES_SECONDS,
        words: Words | None = None,
        rotate_key: Callable[[], object] = lambda: None,
    ) -> None:
        self._faults = faults
        self._clock = clock
        self._later = later
        self._retry_pauses_seconds = retry_pauses_seconds
        self._words = words or Words()
        self._rotate_key = rotate_key
        self._session: aiohttp.ClientSession | None = None
        self._one_went = asyncio.Event()
        self.log: deque[Sent] = deque(maxlen=LOG_ENTRIES_MAX)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, url: str, content: Content, *, paid: str, encode: Encode, headers: Headers) -> None:
        """Send a callback: returns after the first try, further ones follow by themselves.

        content: what it says; encode: how that is written. paid: the word of success, for forgeries. headers: makes
        the headers for a body, anew for each try, because signatures grow old.
        """
        fate, knobs = self._faults.fate(), self._faults.knobs
        if knobs.delay_callback_seconds:
            await asyncio.sleep(knobs.delay_callback_seconds)
        if Fate.KEY_ROTATED in fate:
            self._rotate_key()
        if Fate.REORDERED in fate:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._one_went.wait(), OVERTAKEN_SECONDS_MAX)
        if Fate.FORGED in fate:
            await self._forge(url, content, paid, encode, headers)
        if Fate.WRONG_AMOUNT in fate:
            content = self._words.with_wrong_amount(content)
        if Fate.UNKNOWN_WORD in fate:
            content = self._words.with_status(content, UNKNOWN_WORD)
        body = encode(content)
        if Fate.LOST in fate:
            self._note(url, body, 1, "lost", None)
            return
        for _ in range(knobs.callback_copies if Fate.DUPLICATED in fate else 1):
            await self._try(url, body, headers, attempt=1)
        self._one_went.set()
        self._one_went.clear()

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

    async def _forge(self, url: str, content: Content, paid: str, encode: Encode, headers: Headers) -> None:
        """Say that it is paid, or less of it, with what a listener could copy: the headers of the genuine one."""
        genuine = encode(content)
        forged = encode(self._words.with_status(content, paid))
        if forged == genuine:
            forged = encode(self._words.with_wrong_amount(content))
        status = None
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self._open_session().post(
                url, data=forged, headers=headers(genuine), allow_redirects=False
            ) as response:
                status = response.status
        self._note(url, forged, 1, "forged", status)

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
