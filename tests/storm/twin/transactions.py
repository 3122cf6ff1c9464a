"""What happens when several want the same row: versions, locks, waiting, deadlocks, commit and rollback."""

import asyncio
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg
from storm.twin.rows import Index, Row, Slot, Sorted, see

if TYPE_CHECKING:
    from storm.twin.engine import Engine


class Transaction:
    """One READ COMMITTED transaction, and at any time at most one statement of it.

    now: when it began. snapshot: the commits that its running statement sees. command: number of that statement.
    """

    __slots__ = (
        "_changes",
        "_held",
        "_keeps",
        "_leavers",
        "_waits",
        "command",
        "ctes",
        "engine",
        "failed",
        "now",
        "snapshot",
        "waits_for",
    )

    def __init__(self, engine: "Engine") -> None:
        self.engine = engine
        self.now: datetime = engine.clock()
        self.snapshot = engine.commits
        self.command = 0
        self.ctes: dict[str, list[Row]] = {}
        self.failed = False
        # Each change with what it replaced, for going back; each lock, for giving it away.
        self._changes: list[tuple[Any, ...]] = []
        self._held: list[Slot] = []
        self._leavers: list[asyncio.Future[None]] | None = None
        self._keeps = False
        self._waits: asyncio.Future[None] | None = None
        self.waits_for: Slot | Transaction | None = None

    def clock(self) -> datetime:
        return self.engine.clock()

    def begin_statement(self) -> None:
        self.command += 1
        self.snapshot = self.engine.commits

    def end_statement(self) -> None:
        if self._keeps:
            self._keeps = False
            self.engine.forget_snapshot()

    # ── locks ───────────────────────────────────────────────────────────────────────────────────────────────────
    async def lock(self, slot: Slot) -> None:
        """Take a row for oneself until the transaction ends. Raises DeadlockDetectedError."""
        if slot.holder is self:
            return
        if slot.holder is None:
            slot.holder = self
            self._held.append(slot)
            return
        if slot.queue is None:
            slot.queue = deque()
        place = (self, asyncio.get_running_loop().create_future())
        slot.queue.append(place)
        try:
            await self._wait(slot, place[1])
        finally:  # handed over, whoever did that has written it down as held
            if place in slot.queue:
                slot.queue.remove(place)

    def abandon(self) -> "asyncio.Future[None] | None":
        """Roll back in the middle of whatever it is; gives what its statement waits for, if it waits."""
        what, waits = self.waits_for, self._waits
        if isinstance(what, Slot) and what.queue:
            what.queue = deque(place for place in what.queue if place[0] is not self)
        self.waits_for = None
        self.rollback()
        self.end_statement()
        return waits

    async def wait_for(self, other: "Transaction") -> None:
        """Wait until another transaction has ended. Raises DeadlockDetectedError."""
        future = asyncio.get_running_loop().create_future()
        if other._leavers is None:
            other._leavers = []
        other._leavers.append(future)
        await self._wait(other, future)

    async def _wait(self, what: "Slot | Transaction", future: "asyncio.Future[None]") -> None:
        if not self._keeps:
            self._keeps = True
            self.engine.keep_snapshot()
        self.waits_for, self._waits = what, future
        try:
            if self._closes_a_circle():
                raise asyncpg.DeadlockDetectedError("deadlock detected")
            await future
        finally:
            self.waits_for = self._waits = None

    def _closes_a_circle(self) -> bool:
        seen: set[Transaction] = set()
        stack = list(before(self))
        while stack:
            other = stack.pop()
            if other is self:
                return True
            if other not in seen:
                seen.add(other)
                stack.extend(before(other))
        return False

    # ── changes ─────────────────────────────────────────────────────────────────────────────────────────────────
    def write(self, slot: Slot, row: Row | None, indexes: list[Index | Sorted]) -> None:
        """Give a row that this transaction holds another content; None deletes it."""
        self._changes.append((slot, slot.writer, slot.pending, slot.before, slot.command, indexes))
        if slot.writer is not self or slot.command != self.command:
            slot.before = see(slot, self)
            slot.command = self.command
        slot.writer = self
        slot.pending = row
        if row is not None:
            for index in indexes:
                index.add(slot, row)

    def create(self, slot: Slot, row: Row) -> None:
        """Put a new row into its table, and not yet into its indexes."""
        slot.holder = slot.writer = self
        slot.pending, slot.command = row, self.command
        self._held.append(slot)
        slot.table.slots[slot] = None
        self._changes.append((slot, None, None, None, 0, slot.table.indexes))

    def commit(self) -> None:
        engine = self.engine
        engine.commits += 1
        for slot, _, replaced, _, _, indexes in self._changes:
            old = slot.version
            if slot.writer is self:
                if engine.keeping:
                    slot.older = (slot.committed, old, slot.older)
                slot.version, slot.pending, slot.before, slot.writer = slot.pending, None, None, None
                slot.committed = engine.commits
                engine.leave_behind(slot, old, indexes)
            if replaced is not None:
                engine.leave_behind(slot, replaced, indexes)
        self._changes.clear()
        self._leave()

    def rollback(self) -> None:
        """Undo everything."""
        while self._changes:
            slot, writer, pending, before, command, indexes = self._changes.pop()
            undone = slot.pending
            slot.writer, slot.pending, slot.before, slot.command = writer, pending, before, command
            if undone is not None:
                for index in indexes:
                    index.drop(slot, undone)
            never_was = slot.version is None and writer is None and slot.older is None
            if never_was:
                slot.table.slots.pop(slot, None)
        self._leave()

    def _leave(self) -> None:
        """Hand each lock to who waited longest, and tell who waits for the end of this transaction."""
        while self._held:
            slot = self._held.pop()
            slot.holder = None
            while slot.queue:
                follower, future = slot.queue.popleft()
                if not future.done():
                    slot.holder = follower
                    follower.waits_for = None  # though its statement has still to be woken
                    follower._held.append(slot)
                    future.set_result(None)
                    break
        if self._leavers:
            for future in self._leavers:
                if not future.done():
                    future.set_result(None)
            self._leavers = None


def before(transaction: Transaction) -> Iterator[Transaction]:
    """Whom a transaction waits for."""
    what = transaction.waits_for
    if isinstance(what, Transaction):
        yield what
    elif what is not None:
        if what.holder is not None:
            yield what.holder
        for other, _ in what.queue or ():
            if other is transaction:
                return
            yield other
