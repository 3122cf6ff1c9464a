"""How we reach PostgreSQL: one asyncpg pool, transactions opened by use-cases, values encoded once."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeAlias

import asyncpg
import msgspec

from afriflow.core.errors import Fault, Unavailable

Record: TypeAlias = asyncpg.Record


class Connection(Protocol):
    """A borrowed connection, as far as stores use it (asyncpg's methods of the same names)."""

    async def execute(self, query: str, *args: object) -> str: ...
    async def fetch(self, query: str, *args: object) -> list[Record]: ...
    async def fetchrow(self, query: str, *args: object) -> Record | None: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...


# What the driver says when PostgreSQL is not there, or not there any more.
POSTGRESQL_AWAY: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection broke between two of the driver's steps
)
_AWAY = (
    *POSTGRESQL_AWAY,
    ConnectionError,
    TimeoutError,
    FileNotFoundError,  # the Unix socket of a server that is restarting
)


# Which of the lives that a database can have this is. Another server, another start of it (before which anything may
# have been put back), another database or another table of keys is another life: after a restore, however it was done,
# what was remembered of the one before is never asked for again.
_INCARNATION = """
SELECT concat_ws('.',
    extract(epoch FROM pg_postmaster_start_time()),
    (SELECT oid FROM pg_database WHERE datname = current_database()),
    pg_relation_filenode(to_regclass('idempotency_keys')))
"""


class Database:
    """The pool. Reads use `connection()`, everything that must hold together uses `transaction()`.

    incarnation: of the database that the newest connection found; what is kept elsewhere about rows is kept under it.
    """

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.incarnation = ""

    @classmethod
    async def connect(cls, url: str, *, connections_max: int, statement_timeout_seconds: float) -> "Database":
        """Open the pool. url: postgresql://…; one connection is made at once, so a wrong address fails here."""
        opened = cls(None)
        opened._pool = await asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType]
            url,
            min_size=1,
            max_size=connections_max,
            command_timeout=statement_timeout_seconds,
            max_inactive_connection_lifetime=60,
            init=opened._prepare,
            server_settings={
                "application_name": "afriflow",
                # S10: what we answer 2xx to is on disk, whatever the server's default says.
                "synchronous_commit": "on",
                "idle_in_transaction_session_timeout": "30s",
                "timezone": "UTC",
            },
        )
        return opened

    async def close(self) -> None:
        try:
            await asyncio.wait_for(self._pool.close(), timeout=5)
        except TimeoutError:
            self._pool.terminate()

    def occupancy(self) -> dict[str, int]:
        """Count the pool's connections: idle and used."""
        idle: int = self._pool.get_idle_size()
        return {"idle": idle, "used": self._pool.get_size() - idle}

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """Borrow a connection, each statement its own transaction. Raises Unavailable when PostgreSQL is away."""
        try:
            async with self._pool.acquire(timeout=5) as connection:
                yield connection
        except _AWAY as error:
            raise Unavailable(reason=type(error).__name__) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """Open a READ COMMITTED transaction; commits at the end, rolls back on any exception.

        Never call a provider or a merchant inside: a test reads the syntax tree for that.
        """
        try:
            async with self._pool.acquire(timeout=5) as connection, connection.transaction():
                yield connection
        except _AWAY as error:
            raise Unavailable(reason=type(error).__name__) from error

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator[Connection]:
        """Read one moment of the database, however many statements it takes and whoever writes meanwhile."""
        try:
            async with (
                self._pool.acquire(timeout=5) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield connection
        except _AWAY as error:
            raise Unavailable(reason=type(error).__name__) from error

    async def _prepare(self, connection: Any) -> None:
        await connection.set_type_codec("jsonb", encoder=json_text, decoder=json.loads, schema="pg_catalog")
        self.incarnation = await connection.fetchval(_INCARNATION)


async def dedicated_connection(url: str) -> Any:
    """Open a connection outside the pool, for a worker that listens on it; json stays text there."""
    return await asyncpg.connect(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        url,
        timeout=5,
        command_timeout=30,
        server_settings={"application_name": "afriflow-worker", "synchronous_commit": "on"},
    )


async def one(connection: Connection, query: str, *arguments: object) -> Record:
    """Read the row that must be there. Raises Fault when it is not."""
    row = await connection.fetchrow(query, *arguments)
    if row is None:
        raise Fault(reason="a row that must exist is missing")
    return row


def json_text(value: object) -> str:
    """Write a value as JSON for a jsonb column."""
    return msgspec.json.encode(value).decode()
