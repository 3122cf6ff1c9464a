"""How adapters speak HTTP: one client, hard limits, and an exact answer to "was anything sent?".

The client keeps every exchange, redacted, for `provider_logs`; it never follows redirects, never reads more than
the limit, and never takes proxies from the environment.
"""

import contextlib
import json
import re
import ssl
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import cast

import aiohttp

from afriflow.core.clock import Clock
from afriflow.observe.log import logger
from afriflow.observe.metrics import PROVIDER_CALLS
from afriflow.observe.redact import HIDDEN, without_numbers
from afriflow.observe.trace import Kind, span

_log = logger("port")

# Answers of providers are a few kB; more is an error page or an attack.
ANSWER_BYTES_MAX = 256 * 1024
# What one log row may hold of a body; enough for every documented message.
LOGGED_CHARACTERS_MAX = 8_000

# Providers put their keys into headers of every name; better one shown too few than one too many.
_SECRET_HEADER = re.compile(r"authorization|cookie|secret|password|(^|[-_])(key|token|auth)$", re.IGNORECASE)
_SECRET_FIELD = re.compile(
    r"(^|_)(otp|otp_code|pin|password|secret|hash|cvv|card_number|authorization_code)$|^preAuthorisationCode$",
    re.IGNORECASE,
)
_LONG_NUMBER = re.compile(r"(?<![\w.-])\+?\d{9,15}(?![\w-]|\.\d)")
# What is shorter stands everywhere: a code, but no key.
_SECRET_CHARACTERS_MIN = 4
# National numbers of Togo, Burkina Faso and Mali have eight digits, as amounts and dates do: the name tells them apart.
_PHONE_FIELD = re.compile(r"phone|msisdn|alias", re.IGNORECASE)
_SHORT_NUMBER = re.compile(r"\d{6,8}")


class NothingSent(Exception):
    """The connection never stood: no byte of the request left this machine."""


class NoAnswer(Exception):
    """The request may have arrived, and no usable answer came back."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call, as it is kept for people: secrets gone, phone numbers masked."""

    operation: str
    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: str
    status: int | None
    response_body: str
    error: str | None
    started_at: datetime
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json_object(self) -> dict[str, object] | None:
        """Read the body as a JSON object; None when it is anything else, however broken."""
        parsed = self.json()
        return cast("dict[str, object]", parsed) if isinstance(parsed, dict) else None

    def json(self) -> object:
        """Read the body as JSON; None when it is none."""
        try:
            return _storable(json.loads(self.body))
        except (ValueError, RecursionError):
            return None


class ProviderHttp:
    """The client that one adapter is given for one use; `exchanges` holds what was said.

    provider: its name, for those who look on. timeout_seconds: for the whole call, where a call does not say otherwise. rest_seconds: how long the provider
    asked to be left alone (429, or 503 with a time); 0 = it did not say how long, None = it did not ask.
    """

    def __init__(
        self, session: aiohttp.ClientSession, clock: Clock, *, provider: str = "", timeout_seconds: float
    ) -> None:
        self._provider = provider
        self._session = session
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self.exchanges: list[Exchange] = []
        self.rest_seconds: float | None = None

    async def send(
        self,
        operation: str,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_seconds: float | None = None,
    ) -> Reply:
        """Send one request and read its answer.

        operation: what it is for, as it is shown in the log ("initiate", "verify", "public_keys").
        Raises NothingSent when no connection could be made, NoAnswer when one broke or was too slow.
        """
        started_at = self._clock.now()
        reply: Reply | None = None
        error: str | None = None
        outcome = "no_answer"
        try:
            with span(
                f"{self._provider} {operation}", Kind.CLIENT, provider=self._provider, operation=operation
            ) as step:
                reply = await self._exchange(method, url, headers or {}, body, timeout_seconds)
                outcome = f"{reply.status // 100}xx"
                step.tell(http__request__method=method, http__response__status_code=reply.status)
            self.rest_seconds = (
                asked_rest(reply, started_at) if self.rest_seconds is None else self.rest_seconds
            )
            return reply
        except (NothingSent, NoAnswer) as raised:
            outcome = "nothing_sent" if isinstance(raised, NothingSent) else "no_answer"
            error = f"{type(raised).__name__}: {raised}"
            raise
        finally:
            duration = self._clock.now() - started_at
            self._tell(operation, outcome, duration.total_seconds())
            sent = secrets_in(headers or {}, body)  # an answer may quote them in words of its own
            self.exchanges.append(
                Exchange(
                    operation=operation,
                    method=method,
                    url=url,
                    request_headers=redact_headers(headers or {}),
                    request_body=redact_body(body, sent),
                    status=reply.status if reply else None,
                    response_body=redact_body(reply.body, sent) if reply else "",
                    error=error,
                    started_at=started_at,
                    duration_ms=int(duration.total_seconds() * 1000),
                )
            )

    def _tell(self, operation: str, outcome: str, seconds: float) -> None:
        PROVIDER_CALLS.labels(self._provider, operation, outcome).observe(seconds)
        facts = {"provider": self._provider, "operation": operation, "outcome": outcome}
        _log.info("provider_called", **facts, duration_ms=int(seconds * 1000))

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_seconds: float | None
    ) -> Reply:
        timeout = aiohttp.ClientTimeout(total=timeout_seconds or self._timeout_seconds, connect=5)
        try:
            async with self._session.request(
                method, url, headers=headers, data=body or None, timeout=timeout, allow_redirects=False
            ) as response:
                content = await response.content.read(ANSWER_BYTES_MAX + 1)
                while len(content) <= ANSWER_BYTES_MAX and (more := await response.content.read(65_536)):
                    content += more
                names = {name.lower(): value for name, value in response.headers.items()}
                content = _unpacked(content, names.get("content-encoding", "identity"))
                if len(content) > ANSWER_BYTES_MAX:
                    raise NoAnswer("the answer is larger than we read")
                return Reply(response.status, names, content)
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            aiohttp.InvalidURL,
            ssl.SSLCertVerificationError,
        ) as error:
            raise NothingSent(type(error).__name__) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoAnswer(type(error).__name__) from error


def asked_rest(reply: Reply, now: datetime) -> float | None:
    """Read how long an answer asks to be left alone: Retry-After in seconds or as a date (RFC 9110, 10.2.3)."""
    text = reply.headers.get("retry-after", "").strip()
    if reply.status != HTTPStatus.TOO_MANY_REQUESTS and not (
        reply.status == HTTPStatus.SERVICE_UNAVAILABLE and text
    ):
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a zone
        return 0.0


def _unpacked(content: bytes, encoding: str) -> bytes:
    """Unpack an answer that was packed though we asked for none that is, and no further than we read.

    Raises NoAnswer.
    """
    if encoding.lower() == "identity":
        return content
    if encoding.lower() not in {"gzip", "x-gzip", "deflate"}:
        raise NoAnswer("the answer is packed in a way that we do not know")
    try:
        # 32: zlib looks for itself which of the two it is.
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(content, ANSWER_BYTES_MAX + 1)
    except zlib.error as error:
        raise NoAnswer("the answer cannot be unpacked") from error


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: HIDDEN if _SECRET_HEADER.search(name) else value for name, value in headers.items()}


def secrets_in(headers: Mapping[str, str], body: bytes) -> frozenset[str]:
    """Gather what of a request nobody may read: values of secret headers and fields, and short phone numbers."""
    found = {
        value.split()[-1] for name, value in headers.items() if _SECRET_HEADER.search(name) and value.strip()
    }
    with contextlib.suppress(ValueError, RecursionError):
        _redact(json.loads(body), found)
    return frozenset(value for value in found if len(value) >= _SECRET_CHARACTERS_MIN)


def redact_body(body: bytes, secrets: Iterable[str] = ()) -> str:
    """Write a body as it may be kept: secrets replaced, card and phone numbers masked, cut to what a log row holds.

    secrets: what is hidden wherever it stands.
    """
    text = body.decode("utf-8", "replace")
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    try:
        text = json.dumps(_redact(json.loads(text), set()), ensure_ascii=False)
    except (ValueError, RecursionError):
        text = re.sub(r"((?:%5B|\[)hash(?:%5D|\])=)[0-9a-fA-F]+", r"\1•••", text)
    return _text(without_numbers(_LONG_NUMBER.sub(_mask_number, text))[:LOGGED_CHARACTERS_MAX])


def _storable(value: object) -> object:
    """Replace what no text column and no UTF-8 can hold: NUL and lone surrogates, which JSON can escape."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {_text(name): _storable(item) for name, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_storable(item) for item in cast("list[object]", value)]
    return value


def _text(text: str) -> str:
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()


def _redact(value: object, hidden: set[str]) -> object:
    """Replace what has a secret's name. hidden: takes what was replaced."""
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {name: _redact_field(name, item, hidden) for name, item in fields.items()}
    if isinstance(value, list):
        return [_redact(item, hidden) for item in cast("list[object]", value)]
    return value


def _redact_field(name: str, value: object, hidden: set[str]) -> object:
    if _SECRET_FIELD.search(name) or (_PHONE_FIELD.search(name) and _SHORT_NUMBER.fullmatch(str(value))):
        hidden.add(str(value))
        return HIDDEN
    return _redact(value, hidden)


def _mask_number(match: re.Match[str]) -> str:
    text = match.group()
    return f"{text[:5]}•••{text[-4:]}"
