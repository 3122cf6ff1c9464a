"""The client of Redis: one that never retries and never waits, since nothing that is kept there decides about money."""

from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError


class _Redis(Redis):
    """A client that says of a server that is gone what its callers listen for.

    Under uvloop a connection that died between two commands answers the next one with a RuntimeError.
    """

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            return cast("Any", await super().execute_command(*args, **options))  # pyright: ignore[reportUnknownMemberType]
        except RuntimeError as error:
            if "closed" not in str(error):
                raise
            raise RedisConnectionError(str(error)) from error


def open_redis(url: str, timeout_seconds: float) -> "Redis":
    """Make a client. timeout_seconds: past this we go on without Redis."""
    return _Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
    )
