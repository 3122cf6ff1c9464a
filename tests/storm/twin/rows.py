"""How rows are kept: their committed and pending versions, and the ways to find them."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlglot import exp

if TYPE_CHECKING:
    from asyncio import Future

    from storm.twin.transactions import Transaction

Row = tuple[Any, ...]


class Slot:
    """One row through its life.

    version: as committed at `number_committed`, None = not there. older: what stood there before, while somebody
    still reads it. pending: what `writer` has made of it (None = deleted); before: what `writer` saw there when
    its statement `command` began. holder: who may change it; queue: who waits for that, first come first served.
    """

    __slots__ = (
        "before",
        "command",
        "committed",
        "holder",
        "number",
        "older",
        "pending",
        "queue",
        "table",
        "version",
        "writer",
    )

    def __init__(self, table: "Table", number: int) -> None:
        self.table = table
        self.number = number
        self.version: Row | None = None
        self.committed = 0
        self.older: Any = None
        self.pending: Row | None = None
        self.before: Row | None = None
        self.command = 0
        self.writer: Transaction | None = None
        self.holder: Transaction | None = None
        self.queue: deque[tuple[Transaction, Future[None]]] | None = None

    def versions(self) -> Iterator[Row]:
        """Every version that somebody may still look at."""
        found = [self.version, self.pending, self.before] if self.writer else [self.version]
        older = self.older
        while older is not None:
            found.append(older[1])
            older = older[2]
        return (row for row in found if row is not None)


def see(slot: Slot, reader: "Transaction") -> Row | None:
    """Give the row as a statement sees it: its transaction's earlier work, else what was committed when it began."""
    if slot.writer is reader:
        return slot.before if slot.command == reader.command else slot.pending
    if slot.committed <= reader.snapshot:
        return slot.version
    older = slot.older
    while older is not None and older[0] > reader.snapshot:
        older = older[2]
    return None if older is None else older[1]


def newest(slot: Slot, reader: "Transaction") -> Row | None:
    """Give the row as whoever holds it must take it."""
    return slot.pending if slot.writer is reader else slot.version


@dataclass(eq=False)
class Index:
    """Finds rows by equality of columns; without columns, all rows of which its condition is true."""

    name: str
    places: tuple[int, ...]
    unique: bool = False
    condition: Callable[[Row], bool] | None = None
    watches: frozenset[int] = frozenset()
    buckets: dict[Any, dict[Slot, None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._take = itemgetter(*self.places) if self.places else None
        self._single = len(self.places) == 1

    def empty(self) -> None:
        self.buckets.clear()

    def key(self, row: Row) -> Any:
        """Give a row's key; None when it does not stand in this index, or has a NULL, which equals nothing."""
        if self.condition is not None and not self.condition(row):
            return None
        if self._take is None:
            return ()
        key = self._take(row)
        return key if self._single or None not in key else None

    def add(self, slot: Slot, row: Row) -> None:
        key = self.key(row)
        if key is not None:
            bucket = self.buckets.get(key)
            if bucket is None:
                self.buckets[key] = {slot: None}
            else:
                bucket[slot] = None

    def drop(self, slot: Slot, row: Row) -> None:
        """Forget a version, unless another one of this row has the same key."""
        key = self.key(row)
        if key is None:
            return
        if slot.writer is None and slot.older is None:  # mostly
            if slot.version is not None and self.key(slot.version) == key:
                return
        elif any(self.key(other) == key for other in slot.versions()):
            return
        bucket = self.buckets.get(key)
        if bucket is not None:
            bucket.pop(slot, None)
            if not bucket:
                del self.buckets[key]


@dataclass(eq=False)
class Sorted:
    """Finds rows in the order of one column, among those of which its condition is true.

    A row may stand in it more than once, under each of its versions: compare the value with what is seen.
    """

    name: str
    place: int
    condition: Callable[[Row], bool] | None
    watches: frozenset[int]
    entries: list[tuple[Any, int, Slot]] = field(default_factory=list)
    unique: bool = False

    def empty(self) -> None:
        self.entries.clear()

    def _entry(self, slot: Slot, row: Row) -> tuple[Any, int, Slot] | None:
        if self.condition is not None and not self.condition(row):
            return None
        return None if row[self.place] is None else (row[self.place], slot.number, slot)

    def add(self, slot: Slot, row: Row) -> None:
        entry = self._entry(slot, row)
        if entry is not None:
            at = bisect_left(self.entries, entry[:2])
            if at == len(self.entries) or self.entries[at][:2] != entry[:2]:
                insort(self.entries, entry)

    def drop(self, slot: Slot, row: Row) -> None:
        entry = self._entry(slot, row)
        if entry is None or any(self._entry(slot, other) == entry for other in slot.versions()):
            return
        at = bisect_left(self.entries, entry[:2])
        if at < len(self.entries) and self.entries[at][:2] == entry[:2]:
            del self.entries[at]


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    nullable: bool
    default: exp.Expression | None = None
    sequence: str | None = None


@dataclass(frozen=True)
class IndexPlan:
    """An index as the schema has it; where: its condition."""

    name: str
    columns: tuple[str, ...]
    unique: bool
    where: exp.Expression | None


class Table:
    """Columns, constraints and rows."""

    def __init__(self, name: str, columns: list[Column], checks: dict[str, exp.Expression]) -> None:
        self.name = name
        self.columns = columns
        self.checks = checks
        self.places = {column.name: place for place, column in enumerate(columns)}
        self.plans: list[IndexPlan] = []
        self.indexes: list[Index | Sorted] = []
        self.slots: dict[Slot, None] = {}
        self.count = 0

    def empty(self) -> None:
        self.slots.clear()
        self.count = 0
        for index in self.indexes:
            index.empty()

    def slot(self) -> Slot:
        self.count += 1
        return Slot(self, self.count)

    def index(self, made: Index | Sorted) -> Any:
        """Give the index that does what this one would, or take this one in."""
        for known in self.indexes:
            if known.name == made.name:
                return known
        for slot in self.slots:
            for row in slot.versions():
                made.add(slot, row)
        self.indexes.append(made)
        return made

    def touched(self, places: frozenset[int] | None) -> list[Index | Sorted]:
        """Give the indexes that a change of these columns may move a row in; None = any column."""
        return [index for index in self.indexes if places is None or index.watches & places]

    def rows(self) -> list[Row]:
        """Everything that is committed."""
        return [slot.version for slot in self.slots if slot.version is not None]
