"""Real PostgreSQL under the seeded loop: one statement in flight, time and waiting as the run decides.

Statements run on a loop of their own in another thread, one after the other. A statement that waits for a lock
(PostgreSQL says for whom) sleeps in the run until a transaction ends. `now()` is the run's time: the database's
search path finds it in the schema `virtual` before PostgreSQL's own.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg

from afriflow.db.engine import Database
from afriflow.db.migrate import migrate

# Longer than any statement of ours takes that waits for nobody.
_PATIENCE_SECONDS = 0.02
_BLOCKED = "SELECT cardinality(pg_blocking_pids($1)) > 0"
_VIRTUAL_TIME = """
CREATE SCHEMA virtual;
CREATE FUNCTION virtual.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT pg_catalog.current_setting('run.now')::timestamptz $$;
CREATE FUNCTION virtual.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT pg_catalog.current_setting('run.clock')::timestamptz $$;
ALTER DATABASE {name} SET search_path = virtual, pg_catalog, public;
ALTER DATABASE {name} SET run.now = '2027-03-01 08:00+00';
ALTER DATABASE {name} SET run.clock = '2027-03-01 08:00+00';
"""


async def prepare(url: str) -> None:
    """Make an empty database run on the run's time, its tables included."""
    connection = await asyncpg.connect(url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(_VIRTUAL_TIME.format(name=name))
    await connection.close()
    await migrate(url)


class Server:
    """The thread, its loop and the connections; kept over many runs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._spare: list[Any] = []
        self._watch = self.now_do(self._connect())

    def now_do(self, work: Any) -> Any:
        """Run something on the server's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def begin(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _connect(self) -> Any:
        connection = await asyncpg.connect(self.url)
        await Database(None)._prepare(connection)
        return connection

    def close(self) -> None:
        self.now_do(self._hang_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _hang_up(self) -> None:
        for connection in [*self._spare, self._watch]:
            await connection.close()

    def borrow(self) -> Any:
        return self._spare.pop() if self._spare else self.now_do(self._connect())

    def give_back(self, connection: Any) -> None:
        self._spare.append(connection)

    def is_blocked(self, pid: int) -> bool:
        return bool(self.now_do(self._watch.fetchval(_BLOCKED, pid)))

    async def gone(self, pid: int) -> None:
        """Wait until the server has noticed that a client is gone, and rolled back what it had open."""
        while await self._watch.fetchval("SELECT true FROM pg_stat_activity WHERE pid = $1", pid):
            await asyncio.sleep(0.001)

    def empty(self) -> None:
        """Forget all rows, in one go, for the next run."""
        self.now_do(self._empty())

    async def _empty(self) -> None:
        rows = await self._watch.fetch(
            "SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname IN ('virtual', 'jobs')"
            " AND tablename <> 'alembic_version'"
        )
        await self._watch.execute(
            f"TRUNCATE {', '.join(row['name'] for row in rows)} RESTART IDENTITY CASCADE"
        )


class Waiting:
    """Who sleeps until some transaction ends, in the order in which they fell asleep."""

    def __init__(self) -> None:
        self.met = 0
        self.sleepers: list[tuple[Any, int, asyncio.Future[None]]] = []


class RealPool:
    """A pool of one process of a run. now: the run's time."""

    def __init__(self, server: Server, waiting: Waiting, now: Callable[[], datetime]) -> None:
        self._server, self._waiting, self._now = server, waiting, now
        self._open: dict[_RealConnection, None] = {}

    @asynccontextmanager
    async def acquire(self) -> AsyncGenerator["_RealConnection"]:
        connection = _RealConnection(self._server, self._waiting, self._now)
        self._open[connection] = None
        try:
            yield connection
        finally:
            if connection in self._open:
                del self._open[connection]
                connection.release()

    def hang_up_on_idle(self) -> None:
        """PostgreSQL ends transactions that are open while nothing runs in them."""
        for connection in [each for each in self._open if each.idles_in_transaction()]:
            connection.abort()
        wake(self._server, self._waiting)

    def kill(self) -> None:
        """The process is gone: PostgreSQL rolls back what it had open."""
        for connection in self._open:
            connection.abort()
        self._open.clear()
        wake(self._server, self._waiting)


class _RealConnection:
    def __init__(self, server: Server, waiting: Waiting, now: Callable[[], datetime]) -> None:
        self._server, self._waiting, self._now = server, waiting, now
        self._lower = server.borrow()
        self._pid = self._lower.get_server_pid()
        self._time: datetime | None = None
        self._in_transaction = self._running = self._gone = False

    async def execute(self, query: str, *args: object) -> str:
        return await self._run("execute", query, args)

    async def fetch(self, query: str, *args: object) -> Any:
        return await self._run("fetch", query, args)

    async def fetchrow(self, query: str, *args: object) -> Any:
        return await self._run("fetchrow", query, args)

    async def fetchval(self, query: str, *args: object) -> Any:
        return await self._run("fetchval", query, args)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        await self._run("execute", "BEGIN", ())
        self._in_transaction = True
        try:
            yield
        except BaseException:
            if self._in_transaction:
                self._in_transaction = False
                self._server.now_do(self._lower.execute("ROLLBACK"))
                wake(self._server, self._waiting)
            raise
        if self._gone:
            raise asyncpg.ConnectionDoesNotExistError("the server hung up")
        self._in_transaction = False
        self._server.now_do(self._lower.execute("COMMIT"))
        wake(self._server, self._waiting)

    async def _run(self, method: str, query: str, args: tuple[object, ...]) -> Any:
        if self._gone:
            raise asyncpg.ConnectionDoesNotExistError("the server hung up")
        self._running = True
        try:
            return await self._answer(method, query, args)
        finally:
            self._running = False

    async def _answer(self, method: str, query: str, args: tuple[object, ...]) -> Any:
        now = self._now()
        if now != self._time and not self._lower.is_in_transaction():
            self._time = now
            text = f"SET run.now = '{now.isoformat()}'; SET run.clock = '{now.isoformat()}'"
            self._server.now_do(self._lower.execute(text))
        elif "clock_timestamp()" in query:
            self._server.now_do(self._lower.execute(f"SET LOCAL run.clock = '{now.isoformat()}'"))
        running = self._server.begin(getattr(self._lower, method)(query, *args))
        while True:
            try:
                result = running.result(_PATIENCE_SECONDS)
            except TimeoutError:
                if running.done():
                    raise
                if self._server.is_blocked(self._pid):
                    sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._waiting.met += 1
                    self._waiting.sleepers.append((running, self._pid, sleeper))
                    await sleeper
            else:
                if not self._in_transaction and query != "BEGIN":
                    wake(self._server, self._waiting)
                return result

    def idles_in_transaction(self) -> bool:
        return self._in_transaction and not self._running

    def abort(self) -> None:
        """The server hangs up, or its client is gone."""
        self._in_transaction, self._gone = False, True
        self._server.now_do(self._terminate())

    async def _terminate(self) -> None:
        self._lower.terminate()
        await self._server.gone(self._pid)

    def release(self) -> None:
        if not self._gone:
            self._server.give_back(self._lower)


def wake(server: Server, waiting: Waiting) -> None:
    """After a transaction ended: wake, in order, those whose statement got through."""
    still: list[tuple[Any, int, asyncio.Future[None]]] = []
    for running, pid, sleeper in waiting.sleepers:
        while not running.done() and not server.is_blocked(pid):
            try:
                running.exception(_PATIENCE_SECONDS)
            except TimeoutError:
                continue
        if running.done():
            if not sleeper.done():
                sleeper.set_result(None)
        else:
            still.append((running, pid, sleeper))
    waiting.sleepers = still
