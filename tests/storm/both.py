"""The same step on PostgreSQL and on its twin: what came of it, and who waits."""

import asyncio
import contextlib
import json
from datetime import datetime
from typing import Any

import asyncpg
from storm.draws import BEGIN
from storm.twin import Engine, Pool
from storm.twin.kinds import Json
from storm.twin.transactions import before

from afriflow.db.engine import Database
from afriflow.db.migrate import migrate


class Original:
    """PostgreSQL with its connections, and a time that we set."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connections: list[Any] = []
        self.pids: list[int] = []

    async def open(self) -> None:
        first = await asyncpg.connect(self.url)
        name = await first.fetchval("SELECT current_database()")
        await first.execute(
            f"""
            CREATE SCHEMA virtual;
            CREATE FUNCTION virtual.now() RETURNS timestamptz LANGUAGE sql STABLE
                AS $$ SELECT pg_catalog.current_setting('sim.now')::timestamptz $$;
            CREATE FUNCTION virtual.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
                AS $$ SELECT pg_catalog.current_setting('sim.now')::timestamptz $$;
            ALTER DATABASE {name} SET search_path = virtual, pg_catalog, public;
            ALTER DATABASE {name} SET sim.now = '{BEGIN.isoformat()}';
            ALTER DATABASE {name} SET timezone = 'UTC';
            -- Who closes a circle is to be the victim, as in the twin: only that one looks.
            ALTER DATABASE {name} SET deadlock_timeout = '1h';
            """
        )
        await first.close()
        await migrate(self.url)
        self.observer = await asyncpg.connect(self.url)
        rows = await self.observer.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('virtual', 'jobs')"
            " AND tablename <> 'alembic_version'"
        )
        self.tables = {
            row["tablename"] if row["schemaname"] == "virtual" else f"jobs.{row['tablename']}" for row in rows
        }

    async def empty(self, count: int = 1) -> None:
        """Begin anew: no rows, and so many fresh connections."""
        for connection in self.connections:
            connection.terminate()
        self.connections, self.pids = [], []
        for _ in range(count):
            connection = await asyncpg.connect(self.url)
            await Database(None)._prepare(connection)
            self.connections.append(connection)
            self.pids.append(await connection.fetchval("SELECT pg_backend_pid()"))
        await self.observer.execute(f"TRUNCATE {', '.join(self.tables)} RESTART IDENTITY")

    async def set_time(self, connection: Any, now: datetime) -> None:
        await connection.execute(f"SET sim.now = '{now.isoformat()}'")

    async def waiting(self) -> set[int]:
        found = await self.observer.fetch(
            "SELECT pid FROM unnest($1::int[]) pid WHERE cardinality(pg_blocking_pids(pid)) > 0", self.pids
        )
        return {self.pids.index(row["pid"]) for row in found}

    async def contents(self) -> dict[str, list[dict[str, Any]]]:
        connection = self.connections[0]
        return {
            name: [dict(row) for row in await connection.fetch(f"SELECT * FROM {name}")]
            for name in self.tables
        }

    async def close(self) -> None:
        for connection in [*self.connections, self.observer]:
            connection.terminate()


class Twin:
    """The twin with as many connections, and the same time."""

    def __init__(self, count: int) -> None:
        self.now = BEGIN
        self.engine = Engine(clock=lambda: self.now)
        self.pool = Pool(self.engine, count)
        self.connections = list(self.pool._all)

    def blockers(self) -> dict[int, set[Any]]:
        """Who waits and has not been told to go on, and for whose transactions."""
        running = {at: each._running for at, each in enumerate(self.connections) if each._running is not None}
        waiting = {at: each for at, each in running.items() if each._waits and not each._waits.done()}
        return {at: set(before(each)) for at, each in waiting.items()}

    def waiting(self) -> set[int]:
        return set(self.blockers())

    def contents(self) -> dict[str, list[dict[str, Any]]]:
        return {
            name: [{k: json.loads(v) if isinstance(v, Json) else v for k, v in row.items()} for row in rows]
            for name, rows in self.engine.contents().items()
        }


async def outcome(connection: Any, text: str, arguments: list[Any], *, ordered: bool, gives: bool) -> Any:
    """Run a statement and say what came of it. gives: it gives rows; ordered: in a certain order."""
    try:
        if not gives:
            return await connection.execute(text, *arguments)
        rows = [dict(row.items()) for row in await connection.fetch(text, *arguments)]
    except asyncpg.PostgresError as error:
        return type(error).__name__, getattr(error, "constraint_name", None) or ""
    except (asyncpg.DataError, asyncpg.InterfaceError) as error:
        return (type(error).__name__,)
    return rows if ordered else sorted(rows, key=repr)


def same(ours: Any, theirs: Any) -> bool:
    """Whether two outcomes are the same, down to the order of the keys in a jsonb."""
    return repr(ours) == repr(theirs)


class Meeting:
    """Several connections at once, on both sides; each step must end alike, or wait alike."""

    def __init__(self, original: Original, twin: Twin) -> None:
        self.original, self.twin = original, twin
        count = len(twin.connections)
        self.blocks: dict[int, tuple[Any, Any]] = {}
        self.count = count
        self.ours: dict[int, asyncio.Task[Any]] = {}
        self.theirs: dict[int, asyncio.Task[Any]] = {}
        self.waits = self.cancelled = 0
        self.ends: list[Any] = []

    def free(self) -> list[int]:
        return [at for at in range(self.count) if at not in self.ours]

    async def begin(self, at: int) -> None:
        ours, theirs = self.twin.connections[at].transaction(), self.original.connections[at].transaction()
        await self.original.set_time(self.original.connections[at], self.twin.now)
        await ours.start()
        await theirs.start()
        self.blocks[at] = (ours, theirs)

    async def end(self, at: int, *, keep: bool) -> None:
        for side in self.blocks.pop(at):
            await (side.commit() if keep else side.rollback())
        await self._compare()

    async def step(self, at: int, text: str, given: list[Any], *, ordered: bool) -> None:
        """Run a statement on one connection."""
        ours, theirs = self.twin.connections[at], self.original.connections[at]
        gives = bool(self.twin.engine.statement(text).names)
        self.ours[at] = asyncio.create_task(outcome(ours, text, given, ordered=ordered, gives=gives))
        await self._settle()
        if at not in self.blocks:
            await self.original.set_time(theirs, self.twin.now)
        if self.ours[at].done() and "DeadlockDetectedError" in self.ours[at].result():
            await theirs.execute("SET deadlock_timeout = '1ms'")
        self.theirs[at] = asyncio.create_task(outcome(theirs, text, given, ordered=ordered, gives=gives))
        await self._compare()
        self.waits += at in self.ours
        # Whom PostgreSQL lets go first of two who wait for the same, it does not promise.
        blockers = self.twin.blockers()
        if any(blockers[at] & blockers[other] for other in blockers if at in blockers and other != at):
            await self._cancel(at)

    async def _cancel(self, at: int) -> None:
        self.cancelled += 1
        ours, theirs = self.ours.pop(at), self.theirs.pop(at)
        ours.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ours
        await self.original.observer.execute("SELECT pg_cancel_backend($1)", self.original.pids[at])
        assert "QueryCanceledError" in await theirs
        await self._compare()

    async def _settle(self) -> None:
        for _ in range(200):
            await asyncio.sleep(0)
            if all(task.done() or at in self.twin.waiting() for at, task in self.ours.items()):
                return
        raise AssertionError("the twin neither goes on nor waits")

    async def _compare(self) -> None:
        await self._settle()
        waiting = {at for at, task in self.ours.items() if not task.done()}
        for _ in range(500):
            await asyncio.sleep(0.001)
            open_ = {at for at, task in self.theirs.items() if not task.done()}
            if open_ == waiting and (not waiting or waiting <= await self.original.waiting()):
                break
        else:
            over = {at: task.result() for at, task in self.theirs.items() if task.done()}
            raise AssertionError(f"here {waiting} wait, there {open_}; there came {over}")
        for at in sorted(set(self.ours) - waiting, reverse=True):
            ours, theirs = self.ours.pop(at).result(), self.theirs.pop(at).result()
            assert same(ours, theirs), (at, ours, theirs)
            self.ends.append(ours)
