"""How often passwords and codes may be tried: counted in Redis, or in this process while Redis is away.

Two counts: one for each account, whoever tries, and one for each network, whatever accounts it tries. Without Redis
every process counts for itself, and nobody is let through uncounted.
"""

import hashlib
import ipaddress
import time

from redis.asyncio import Redis
from redis.exceptions import RedisError

from afriflow.observe.log import logger

_log = logger("web")
# Past this the oldest are forgotten: a list of made-up addresses may not fill the memory.
_COUNTS_MAX = 10_000
# Whoever has one IPv6 address has all of its /64 (RFC 6177 gives homes no less).
_IPV6_PREFIX = 64


class Throttle:
    """Counts tries before they are made, so that many at once count too."""

    def __init__(
        self, redis: "Redis", *, tries_max: int, tries_per_network_max: int, window_seconds: int
    ) -> None:
        self._redis = redis
        self._tries_max = tries_max
        self._tries_per_network_max = tries_per_network_max
        self._window_seconds = window_seconds
        self._here: dict[str, tuple[int, float]] = {}  # count, end of the window by the monotonic clock

    async def admit_account(self, email: str) -> bool:
        """Count a try for an account; False when there were too many in this window."""
        return await self._count(_account(email)) <= self._tries_max

    async def admit_network(self, address: str) -> bool:
        """Count a try from a network; False when there were too many in this window."""
        return await self._count(_key("network", network_of(address))) <= self._tries_per_network_max

    async def forget_account(self, email: str) -> None:
        """A password or code was right: earlier slips count no more."""
        key = _account(email)
        self._here.pop(key, None)
        try:
            await self._redis.delete(key)
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("redis_away", reason=type(error).__name__)

    async def give_back_network(self, address: str) -> None:
        """The try was no failure: an office where everybody signs in at nine has done nothing wrong."""
        key = _key("network", network_of(address))
        if key in self._here:
            count, end = self._here[key]
            self._here[key] = (count - 1, end)
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(key, 1, ex=self._window_seconds, nx=True)
                pipeline.decr(key)
                await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("redis_away", reason=type(error).__name__)

    async def _count(self, key: str) -> int:
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(key, 0, ex=self._window_seconds, nx=True)
                pipeline.incr(key)
                return int((await pipeline.execute())[-1])
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("redis_away", reason=type(error).__name__)
            return self._count_here(key)

    def _count_here(self, key: str) -> int:
        now = time.monotonic()
        count, end = self._here.pop(key, (0, 0.0))
        if end <= now:
            count, end = 0, now + self._window_seconds
        if len(self._here) >= _COUNTS_MAX:
            del self._here[next(iter(self._here))]
        self._here[key] = (count + 1, end)
        return count + 1


def _account(email: str) -> str:
    return _key("account", email.strip().lower())


def network_of(address: str) -> str:
    """Name a network: an IPv4 address, the /64 of an IPv6 one, and whatever has no address together."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return str(ipaddress.ip_network((ip, _IPV6_PREFIX), strict=False))
        ip = ip.ipv4_mapped
    return str(ip)


def _key(kind: str, subject: str) -> str:
    digest = hashlib.sha256(subject.encode()).hexdigest()[:32]
    return f"afriflow:sign_in:{{{kind}:{digest}}}"
