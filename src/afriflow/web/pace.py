"""How fast somebody may ask: a bucket for each API key and one for each network, in Redis, here while Redis is away.

A bucket that is empty says when to come back (`Retry-After`); every answer to a key says how full it is. This machine's
own addresses have no bucket: behind a proxy that does not tell whom it speaks for, one would be everybody's.
"""

import ipaddress
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from redis.asyncio import Redis
from redis.exceptions import RedisError

from afriflow.core.errors import TooManyRequests
from afriflow.observe.log import logger
from afriflow.settings import Settings
from afriflow.web.throttle import network_of

_log = logger("web")
# Past this the oldest buckets are forgotten: made-up addresses may not fill the memory.
_BUCKETS_MAX = 10_000
# After Redis failed it is not asked for so long: a hanging one would cost every request its timeout.
_AWAY_SECONDS = 1.0
_NOTIFICATIONS = "/api/webhooks/"
# What tells whether we live is asked by machines of ours, and simulators are no part of the product.
_UNLIMITED = ("/health/", "/metrics", "/static/", "/simulators/")


@dataclass(frozen=True, slots=True)
class Bucket:
    """per_second: how fast it fills. burst: how much it holds."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Level:
    """What one request found. remaining: requests that are left. reset_seconds: until it is full again."""

    admitted: bool
    limit: int
    remaining: int
    reset_seconds: float
    retry_after_seconds: float

    def headers(self) -> Iterable[tuple[bytes, bytes]]:
        yield b"ratelimit-limit", str(self.limit).encode()
        yield b"ratelimit-remaining", str(self.remaining).encode()
        yield b"ratelimit-reset", str(math.ceil(self.reset_seconds)).encode()


class Pace:
    """The buckets of this process and, through Redis, of the fleet."""

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        self._redis = redis
        self._script = files("afriflow.web").joinpath("bucket.lua").read_text("utf-8")
        self.of_key = Bucket(settings.requests_per_key_per_second, settings.requests_per_key_burst)
        self.of_network = Bucket(
            settings.requests_per_network_per_second, settings.requests_per_network_burst
        )
        self.of_notifications = Bucket(
            settings.notifications_per_network_per_second, settings.notifications_per_network_burst
        )
        self._here: dict[str, float] = {}  # when each bucket will be full, by the monotonic clock
        self._redis_away_until = 0.0

    async def take(self, name: str, bucket: Bucket) -> Level:
        """Take one request out of a bucket."""
        now = time.monotonic()
        if now >= self._redis_away_until:
            try:
                take = self._redis.register_script(self._script)  # pyright: ignore[reportUnknownMemberType]
                answer: list[int] = await take(
                    keys=[f"afriflow:pace:{{{name}}}"], args=[bucket.per_second, bucket.burst]
                )
                return _level(bucket, admitted=bool(answer[0]), ahead_seconds=answer[1] / 1_000_000)
            except (RedisError, OSError, TimeoutError) as error:
                self._redis_away_until = now + _AWAY_SECONDS
                _log.warning("redis_away", reason=type(error).__name__)
        return self._take_here(name, bucket, now)

    def _take_here(self, name: str, bucket: Bucket, now: float) -> Level:
        """By the rules of `bucket.lua`."""
        full_at = max(self._here.pop(name, now), now)
        after = full_at + 1 / bucket.per_second
        admitted = after - now <= bucket.burst / bucket.per_second
        if len(self._here) >= _BUCKETS_MAX:
            del self._here[next(iter(self._here))]
        self._here[name] = after if admitted else full_at
        return _level(bucket, admitted=admitted, ahead_seconds=self._here[name] - now)


async def require_network_pace(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard of everything: nobody asks faster than one network may. Raises TooManyRequests."""
    path = connection.url.path
    address = connection.client.host if connection.client else ""
    if path.startswith(_UNLIMITED) or _is_our_own(address):
        return
    pace: Pace = connection.app.state.pace
    if path.startswith(_NOTIFICATIONS):
        level = await pace.take(f"notifications:{network_of(address)}", pace.of_notifications)
    else:
        level = await pace.take(f"network:{network_of(address)}", pace.of_network)
    _hold(level)


async def require_key_pace(connection: ASGIConnection[Any, Any, Any, Any], key_id: str) -> None:
    """Let a key ask as fast as one may, and tell in the answer how much is left. Raises TooManyRequests."""
    pace: Pace = connection.app.state.pace
    level = await pace.take(f"key:{key_id}", pace.of_key)
    connection.scope["state"]["pace"] = level
    _hold(level)


def _hold(level: Level) -> None:
    if not level.admitted:
        raise TooManyRequests(retry_after_seconds=math.ceil(level.retry_after_seconds))


def _level(bucket: Bucket, *, admitted: bool, ahead_seconds: float) -> Level:
    """Say how full a bucket is. ahead_seconds: until it is full."""
    free = bucket.burst - ahead_seconds * bucket.per_second
    wait = 0.0 if admitted else (1 - free) / bucket.per_second
    return Level(admitted, bucket.burst, max(0, math.floor(free + 1e-6)), ahead_seconds, wait)


def _is_our_own(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return not address  # a Unix socket: the proxy on this machine
