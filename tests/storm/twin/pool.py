"""What the product sees of the twin: a pool of connections that are used as asyncpg's are."""

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import asyncpg
from storm.twin.engine import Engine, Statement
from storm.twin.kinds import Record, Unsupported
from storm.twin.rows import Row
from storm.twin.transactions import Transaction


class Connection:
    """One session of the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._open: Transaction | None = None
        self._running: Transaction | None = None
        # None = alive; "killed": its process is no more and hears nothing; "broken": the server hung up.
        self.end: str | None = None

    def execute(self, query: str, *args: object, timeout: float | None = None) -> Any:
        return self._run(query, args, _word)

    def fetch(self, query: str, *args: object, timeout: float | None = None) -> Any:
        return self._run(query, args, _all)

    def fetchrow(self, query: str, *args: object, timeout: float | None = None) -> Any:
        return self._run(query, args, _first)

    def fetchval(self, query: str, *args: object, timeout: float | None = None) -> Any:
        return self._run(query, args, _value)

    def transaction(self) -> "Block":
        return Block(self)

    def is_fresh(self) -> bool:
        return self.end is None and self._open is None

    def is_in_transaction(self) -> bool:
        return self._open is not None

    def idles_in_transaction(self) -> bool:
        return self._open is not None and self._running is None

    async def _run(
        self, query: str, args: tuple[Any, ...], give: Callable[[Statement, int, Any], Any]
    ) -> Any:
        engine = self._engine
        if engine.turn is not None or self.end is not None:
            await self.arrive()
        transaction = self._open
        if transaction is not None and transaction.failed:
            raise asyncpg.InFailedSQLTransactionError("current transaction is aborted")
        try:
            statement = engine.statements.get(query) or engine.statement(query)
        except asyncpg.PostgresError:
            self._fail()
            raise
        p = statement.take(args)
        if transaction is None and statement.read is not None:
            rows = statement.read(engine.reader(), p)
            return give(statement, len(rows), rows)
        running = self._running = transaction or engine.begin()
        running.begin_statement()
        try:
            if statement.read is not None:
                rows = statement.read(running, p)
                count = len(rows)
            else:
                count, rows = await statement.run(running, p)
        except BaseException:
            if self.end is None:
                running.end_statement()
                if transaction is None:
                    running.rollback()
                else:
                    self._fail()
            raise
        finally:
            self._running = None
        running.end_statement()
        if transaction is None:
            running.commit()
        return give(statement, count, rows)

    def _fail(self) -> None:
        """An error ends a transaction at once: its locks are free before anybody rolls it back."""
        if self._open is not None and self.end is None:
            self._open.rollback()
            self._open.failed = True

    async def arrive(self) -> None:
        """Let others go first; then, if there is still a connection, the server does what it was sent."""
        self._must_live()
        if self._engine.turn is None:
            return
        try:
            await self._engine.turn()
        except asyncio.CancelledError:
            self._fail()
            raise
        except BaseException:
            self.cut("broken")
            raise
        if self.end == "killed":
            await asyncio.get_running_loop().create_future()
        self._must_live()

    def _must_live(self) -> None:
        if self.end is not None:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    # ── transactions ────────────────────────────────────────────────────────────────────────────────────────────
    async def begin(self) -> None:
        """Open a transaction. Raises Unsupported inside one: the product has no savepoints."""
        if self._engine.turn is not None or self.end is not None:
            await self.arrive()
        if self._open is not None:
            raise Unsupported("a savepoint")
        self._open = self._engine.begin()

    async def finish(self, *, keep: bool) -> None:
        """Commit or roll back what `begin` opened."""
        if self.end is not None and not keep:
            return  # gone with its connection
        try:
            if self._engine.turn is not None or self.end is not None:
                await self.arrive()
        finally:  # whatever kept the word from arriving: the driver gives no such connection back
            done, self._open = self._open, None
            if done is not None and (not keep or done.failed or sys.exc_info()[0] is not None):
                done.rollback()
                done = None
        if done is not None:
            done.commit()

    def cut(self, end: str) -> None:
        """End this connection, whatever it is doing: nothing of what is not committed was ever there."""
        if self.end is not None:
            return
        self.end = end
        for transaction in {self._open, self._running} - {None}:
            waits = transaction.abandon()
            if end == "broken" and waits is not None and not waits.done():
                waits.set_exception(asyncpg.ConnectionDoesNotExistError("the server hung up"))
        self._open = self._running = None


def _word(statement: Statement, count: int, _: list[Row]) -> str:
    return f"INSERT 0 {count}" if statement.word == "INSERT" else f"{statement.word} {count}"


def _all(statement: Statement, _: int, rows: list[Row]) -> list[Record]:
    return [Record(statement.names, list(row)) for row in rows]


def _first(statement: Statement, _: int, rows: list[Row]) -> Record | None:
    return Record(statement.names, list(rows[0])) if rows else None


def _value(statement: Statement, _: int, rows: list[Row]) -> Any:
    return Record(statement.names, list(rows[0]))[0] if rows else None


class Block:
    """`async with connection.transaction()`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def start(self) -> None:
        await self._connection.begin()

    async def commit(self) -> None:
        await self._connection.finish(keep=True)

    async def rollback(self) -> None:
        await self._connection.finish(keep=False)

    async def __aenter__(self) -> Self:
        await self._connection.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.finish(keep=kind is None)


class Borrowing:
    """`async with pool.acquire()`, or `await pool.acquire()`."""

    def __init__(self, pool: "Pool", timeout: float | None) -> None:
        self._pool, self._timeout = pool, timeout
        self._connection: Connection | None = None

    async def _borrow(self) -> Connection:
        self._connection = await self._pool.borrow(self._timeout)
        return self._connection

    def __await__(self) -> Any:
        return self._borrow().__await__()

    async def __aenter__(self) -> Connection:
        self._connection = self._pool.take() or await self._pool.borrow(self._timeout)
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None and not self._pool.put_back(self._connection):
            await self._pool.release(self._connection)


class Pool:
    """The connections of one process."""

    def __init__(self, engine: Engine, size: int = 10) -> None:
        self._engine = engine
        self._idle = [Connection(engine) for _ in range(size)]
        self._all = dict.fromkeys(self._idle)
        self._queue: deque[asyncio.Future[None]] = deque()
        self._end: str | None = None

    def acquire(self, *, timeout: float | None = None) -> Borrowing:
        return Borrowing(self, timeout)

    def take(self) -> Connection | None:
        """Give a connection where one is to be had without waiting."""
        return self._idle.pop() if self._end is None and self._idle and not self._queue else None

    def put_back(self, connection: Connection) -> bool:
        """Take one back that is as it was given, and nobody waits for."""
        if self._end is None and not self._queue and connection.is_fresh() and connection in self._all:
            self._idle.append(connection)
            return True
        return False

    async def borrow(self, timeout: float | None) -> Connection:
        if self._end == "killed":
            await asyncio.get_running_loop().create_future()
        if self._end is not None:
            raise asyncpg.InterfaceError("pool is closed")
        if (ready := self.take()) is not None:
            return ready
        place = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout(timeout):
                await place
        except BaseException:
            if place in self._queue:
                self._queue.remove(place)
            elif place.done() and not place.cancelled():
                self._hand_on(place.result())
            raise
        return place.result()

    def _hand_on(self, connection: Connection) -> None:
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(connection)
                return
        self._idle.append(connection)

    async def release(self, connection: Connection) -> None:
        if self._end is not None or connection not in self._all:
            return
        if connection.end is not None:
            del self._all[connection]
            connection = Connection(self._engine)
            self._all[connection] = None
        elif connection.is_in_transaction():
            await connection.finish(keep=False)
        self._hand_on(connection)

    async def close(self) -> None:
        self._end = self._end or "closed"
        for connection in self._all:
            connection.cut("broken")

    def terminate(self) -> None:
        self._end = self._end or "closed"
        for connection in self._all:
            connection.cut("broken")

    def kill(self) -> None:
        """The process is no more: what it had not committed never was, and nothing here ever answers it again."""
        self._end = "killed"
        for connection in self._all:
            connection.cut("killed")

    def hang_up_on_idle(self) -> None:
        """PostgreSQL ends transactions that are open while nothing runs in them."""
        for connection in list(self._all):
            if connection.idles_in_transaction():
                connection.cut("broken")

    def break_connections(self) -> None:
        """PostgreSQL hangs up on this process: running statements fail, new connections are to be had at once."""
        for connection in list(self._all):
            connection.cut("broken")
        idle, self._idle = self._idle, []
        for connection in idle:
            del self._all[connection]
            fresh = Connection(self._engine)
            self._all[fresh] = None
            self._idle.append(fresh)
