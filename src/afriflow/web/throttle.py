"""How often a password may be tried: counted per e-mail address in Redis, in this process while Redis is away."""

import hashlib
import time

from redis.asyncio import Redis
from redis.exceptions import RedisError

from afriflow.observe.log import logger

_log = logger("web")
# Past this the oldest are forgotten: a list of made-up addresses may not fill the memory.
_ADDRESSES_MAX = 10_000


class Throttle:
    """Counts tries before they are made, so that many at once count too."""

    def __init__(self, redis: "Redis", *, tries_max: int, window_seconds: int) -> None:
        self._redis = redis
        self._tries_max = tries_max
        self._window_seconds = window_seconds
        self._here: dict[str, tuple[int, float]] = {}  # count, end of the window by the monotonic clock

    async def admit(self, address: str) -> bool:
        """Count a try; False when there were too many in this window."""
        key = _key(address)
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(key, 0, ex=self._window_seconds, nx=True)
                pipeline.incr(key)
                count = int((await pipeline.execute())[-1])
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("redis_away", reason=type(error).__name__)
            count = self._count_here(key)
        return count <= self._tries_max

    async def forget(self, address: str) -> None:
        """A password was right: earlier slips count no more."""
        key = _key(address)
        self._here.pop(key, None)
        try:
            await self._redis.delete(key)
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("redis_away", reason=type(error).__name__)

    def _count_here(self, key: str) -> int:
        now = time.monotonic()
        count, end = self._here.pop(key, (0, 0.0))
        if end <= now:
            count, end = 0, now + self._window_seconds
        if len(self._here) >= _ADDRESSES_MAX:
            del self._here[next(iter(self._here))]
        self._here[key] = (count + 1, end)
        return count + 1


def _key(address: str) -> str:
    digest = hashlib.sha256(address.strip().lower().encode()).hexdigest()[:32]
    return f"afriflow:sign_in:{{{digest}}}"
