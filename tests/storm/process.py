"""A process of ours in a simulated run: the production stations behind gates at which it can be killed or stalled.

Everything that leaves a process (a statement, a commit, a call) passes its gate before it takes effect and before
its answer is read. A killed process gets no further than its next gate, and nothing that it still does has any
effect outside; its open database transactions are rolled back, as PostgreSQL does for a client that is gone.
"""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Protocol

import asyncpg
from storm.trace import Trace

from afriflow.delivery import store as delivery
from afriflow.inbox import store as inbox
from afriflow.jobs import queue
from afriflow.ledger import store as ledger
from afriflow.merchants import vault_store as vault

# What makes a job due sooner than a sleeping worker thinks.
_WAKES_WORKERS = frozenset({queue._ENQUEUE, queue._WAKE})
# What a witness wants to see, and the bell.
WATCHED = _WAKES_WORKERS | {
    ledger.ATTEMPT_INSERT,
    ledger.ATTEMPT_CHANGE,
    ledger.DISBURSEMENT_INSERT,
    ledger.DISBURSEMENT_CHANGE,
    ledger.TRANSACTION_CHANGE,
    delivery.EVENT_INSERT,
    inbox.EVENT_INSERT,
    inbox.EVENT_HANDLED,
    ledger.TRANSACTION_INSERT,
    ledger.PAYMENT.resend,
    ledger.OUT.resend,
    ledger.PAYMENT.landed,
    ledger.OUT.landed,
    vault.DATA_KEY_INSERT,
}


# As `db/engine.py` sets it: a transaction that is open and idle so long is rolled back by PostgreSQL.
IDLE_IN_TRANSACTION_SECONDS = 30.0


class Killed(asyncio.CancelledError):
    """This process is dead; what still runs in it is only unwinding."""


class Faults(Protocol):
    """Draws whether a fault strikes now."""

    def strikes(self, fault: str) -> bool: ...


# A statement, its arguments, its result and when it ran.
Write = tuple[str, tuple[Any, ...], Any, float]


class Witness(Protocol):
    """Is shown every commit."""

    def committed(self, writes: list[Write]) -> None: ...


class Gate:
    """Where one process meets the outside. crash_at: boundaries (counted over the run) at which it dies."""

    def __init__(self, name: str, trace: Trace, faults: Faults, crash_at: frozenset[int]) -> None:
        self.name, self.trace, self.crash_at = name, trace, crash_at
        self._faults = faults
        self.dead = False
        self._goes = asyncio.Event()
        self._goes.set()

    @types.coroutine
    def pass_through(self, label: str) -> Generator[Any, Any, None]:
        """Note what wants to pass; let others go first; die or wait here if it is to be.

        One boundary stands for two moments: dying before this takes effect, and after the one before it has.
        """
        if self.dead:
            raise Killed
        if self.trace.note(self.name, label) in self.crash_at or self._faults.strikes("die"):
            self.on_crash()
        elif self._faults.strikes("stall"):
            self.on_stall()
        yield
        if not self._goes.is_set():
            yield from self._goes.wait().__await__()
        if self.dead:
            raise Killed

    @property
    def goes(self) -> bool:
        """Whether the process lives and does not stand still."""
        return not self.dead and self._goes.is_set()

    def check(self) -> None:
        if self.dead:
            raise Killed

    def on_crash(self) -> None:
        """Set by the process."""

    def on_stall(self) -> None:
        """Set by whoever knows how long."""

    async def stall(self, seconds: float, hang_up: Callable[[], None]) -> None:
        """Stop as SIGSTOP does, and go on as if nothing had been. hang_up: what PostgreSQL does to who idles too long."""
        self._goes.clear()
        left = seconds
        while left > 0:
            pause = min(left, IDLE_IN_TRANSACTION_SECONDS)
            await asyncio.sleep(pause)
            left -= pause
            if pause == IDLE_IN_TRANSACTION_SECONDS:
                hang_up()
        self._goes.set()


class Process:
    """One process: its gate, its tasks, and whatever was put together in it."""

    def __init__(
        self,
        name: str,
        trace: Trace,
        pool: Any,
        faults: Faults,
        witness: Witness,
        ring: Callable[[], None],
        crash_at: frozenset[int],
    ) -> None:
        self.gate = Gate(name, trace, faults, crash_at)
        self.gate.on_crash = self.kill  # type: ignore[method-assign]
        self.pool = _Pool(self.gate, pool, faults, witness, ring)
        self._tasks: dict[asyncio.Task[Any], None] = {}  # in order: a set's is by address

    def on_death(self) -> None:
        """Set by whoever wants to know."""

    @property
    def dead(self) -> bool:
        return self.gate.dead

    def spawn(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Run something in this process; it ends with it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    def kill(self) -> None:
        """SIGKILL."""
        if self.gate.dead:
            return
        self.gate.dead = True
        self.pool.lower.kill()
        self.on_death()
        here = asyncio.current_task()
        for task in list(self._tasks):
            if task is not here:
                task.cancel()


class _Pool:
    """asyncpg's pool as `Database` uses it, through the gate and before the witness. ring: tells of new work."""

    def __init__(
        self, gate: Gate, lower: Any, faults: Faults, witness: Witness, ring: Callable[[], None]
    ) -> None:
        self.gate, self.lower, self.faults, self.witness, self.ring = gate, lower, faults, witness, ring

    def acquire(self, *, timeout: float | None = None) -> "_Borrowed":
        return _Borrowed(self)

    async def close(self) -> None: ...


class _Borrowed:
    def __init__(self, pool: _Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> "_Connection":
        self._pool.gate.check()
        self._lower = self._pool.lower.acquire()
        return _Connection(self._pool, await self._lower.__aenter__())

    def __aexit__(self, *raised: object) -> Any:
        return self._lower.__aexit__(*raised)


class _Connection:
    """A connection through the gate. What it wrote is shown to the witness, and rings the bell, with the commit."""

    def __init__(self, pool: _Pool, lower: Any) -> None:
        self._pool, self._lower = pool, lower
        self._writes: list[Write] | None = None

    def execute(self, query: str, *args: object) -> Any:
        return self._run(self._lower.execute, query, args)

    def fetch(self, query: str, *args: object) -> Any:
        return self._run(self._lower.fetch, query, args)

    def fetchrow(self, query: str, *args: object) -> Any:
        return self._run(self._lower.fetchrow, query, args)

    def fetchval(self, query: str, *args: object) -> Any:
        return self._run(self._lower.fetchval, query, args)

    def transaction(self) -> "_Transaction":
        return _Transaction(self)

    async def _run(self, method: Any, query: str, args: tuple[object, ...]) -> Any:
        pool = self._pool
        strikes = pool.faults.strikes
        await pool.gate.pass_through(query)
        if strikes("database_lost_before"):
            raise asyncpg.ConnectionDoesNotExistError("lost")
        result = await method(query, *args)
        if pool.gate.dead:
            raise Killed
        if query in WATCHED and result not in {None, "UPDATE 0", "INSERT 0 0"}:
            write = (query, args, result, asyncio.get_running_loop().time())
            if self._writes is None:
                self.show([write])
            else:
                self._writes.append(write)
        if strikes("database_lost_after"):
            raise asyncpg.ConnectionDoesNotExistError("lost")
        return result

    def begin(self) -> None:
        self._writes = []

    def show(self, writes: list[Write]) -> None:
        """What has just become true."""
        self._pool.witness.committed(writes)
        if any(write[0] in _WAKES_WORKERS for write in writes):
            self._pool.ring()

    async def commit(self) -> None:
        await self._pool.gate.pass_through("COMMIT")
        if self._pool.faults.strikes("database_lost_before"):
            raise asyncpg.ConnectionDoesNotExistError("lost before the commit")

    def committed(self) -> None:
        writes, self._writes = self._writes or [], None
        self.show(writes)
        if self._pool.faults.strikes("database_lost_after"):
            raise asyncpg.ConnectionDoesNotExistError("lost after the commit")

    def rolled_back(self) -> None:
        self._writes = None

    @property
    def lower(self) -> Any:
        return self._lower


class _Transaction:
    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._lower = connection.lower.transaction()

    async def __aenter__(self) -> None:
        await self._lower.__aenter__()
        self._connection.begin()

    async def __aexit__(self, *raised: object) -> None:
        if raised[0] is None:
            try:
                await self._connection.commit()
            except BaseException as error:
                raised = (type(error), error, error.__traceback__)
                self._connection.rolled_back()
                await self._lower.__aexit__(*raised)
                raise
            await self._lower.__aexit__(*raised)
            self._connection.committed()
        else:
            self._connection.rolled_back()
            await self._lower.__aexit__(*raised)
