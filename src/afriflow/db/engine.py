"""How we reach PostgreSQL: one asyncpg pool, transactions opened by use-cases, values encoded once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, cast

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from afriflow.core.errors import Unavailable

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
Record: TypeAlias = asyncpg.Record

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    ConnectionError,
    TimeoutError,
    FileNotFoundError,  # the Unix socket of a server that is restarting
)


class Database:
    """The pool. Reads use `connection()`, everything that must hold together uses `transaction()`."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    @classmethod
    async def connect(cls, url: str, *, connections_max: int, statement_timeout_seconds: float) -> "Database":
        """Open the pool. url: postgresql://…; one connection is made at once, so a wrong address fails here."""
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=connections_max,
            command_timeout=statement_timeout_seconds,
            max_inactive_connection_lifetime=60,
            init=_prepare,
            server_settings={
                "application_name": "afriflow",
                # S10: what we answer 2xx to is on disk, whatever the server's default says.
                "synchronous_commit": "on",
                "idle_in_transaction_session_timeout": "30s",
                "timezone": "UTC",
            },
        )
        return cls(pool)

    async def close(self) -> None:
        try:
            await asyncio.wait_for(self._pool.close(), timeout=5)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrow a connection, each statement its own transaction. Raises Unavailable when PostgreSQL is away."""
        try:
            async with self._pool.acquire(timeout=5) as connection:
                yield cast("Connection", connection)
        except _AWAY as error:
            raise Unavailable(reason=type(error).__name__) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Open a READ COMMITTED transaction; commits at the end, rolls back on any exception.

        Never call a provider or a merchant inside: a test reads the syntax tree for that.
        """
        async with self.connection() as connection, connection.transaction():
            yield connection


def json_text(value: object) -> str:
    """Write a value as JSON for a jsonb column."""
    return msgspec.json.encode(value).decode()


async def _prepare(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=json_text, decoder=json.loads, schema="pg_catalog")
