"""The twin itself: the schema, the statements it has compiled, and the commits it has seen."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from operator import attrgetter
from typing import Any

import asyncpg
import sqlglot
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlglot import exp
from storm.twin import condition  # noqa: F401 — importing it is what makes conditions known
from storm.twin.checks import against, null_in
from storm.twin.expression import Compiler, Relation, Scope
from storm.twin.insert import insert
from storm.twin.kinds import Unsupported, parameters
from storm.twin.locking import locking_select
from storm.twin.result import Columns
from storm.twin.rows import Index, IndexPlan, Row, Slot, Table
from storm.twin.schema import read_schema
from storm.twin.select import prepare, subquery
from storm.twin.transactions import Transaction
from storm.twin.update import update
from storm.twin.value import CALLED

from afriflow.db.tables import metadata


@dataclass
class Statement:
    """A compiled statement. read: when it only reads, the function that gives its rows; else steps are run in turn."""

    text: str
    word: str
    names: dict[str, int]
    kinds: list[str]
    take: Callable[..., list[Any]]
    read: Callable[..., list[Row]] | None
    steps: list[tuple[str | None, Any]]
    scans: list[str]
    source: str

    async def run(self, transaction: Transaction, p: list[Any]) -> tuple[int, list[Row]]:
        """Run all steps; gives what the main one changed and gives."""
        result: tuple[int, list[Row]] = (0, [])
        transaction.ctes = {}
        for name, step in self.steps:
            if callable(step):
                rows = step(transaction, p)
                count = len(rows)
            else:
                count, rows = await step.run(transaction, p)
            if name is None:
                result = (count, rows)
            else:
                transaction.ctes[name] = rows
        return result


class Engine:
    """One database. clock: what now() and clock_timestamp() read. turn: awaited before each statement, if it is given."""

    def __init__(
        self,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        turn: Callable[[], Awaitable[None]] | None = lambda: asyncio.sleep(0),
    ) -> None:
        self.clock = clock
        self.turn = turn
        self.commits = 0
        self.keeping = 0
        self.sequences: dict[str, int] = {}
        self.statements: dict[str, Statement] = {}
        self._garbage: list[tuple[Slot, Row, list[Any]]] = []
        self._old: list[Slot] = []
        self._reader = Transaction(self)
        self.tables, self.enums = read_schema(_schema_texts())
        for table in self.tables.values():
            for plan in table.plans:
                if plan.unique:
                    condition, watched = self.condition(table, plan)
                    places = tuple(table.places[column] for column in plan.columns)
                    table.index(
                        Index(
                            plan.name,
                            places,
                            unique=True,
                            condition=condition,
                            watches=watched | frozenset(places),
                        )
                    )

    def empty(self, clock: Callable[[], datetime]) -> None:
        """Forget every row, for another run; what was compiled stays."""
        self.clock = clock
        self.commits = self.keeping = 0
        self.sequences.clear()
        self._garbage.clear()
        self._old.clear()
        for table in self.tables.values():
            table.empty()

    # ── what statements ask for ─────────────────────────────────────────────────────────────────────────────────
    def table(self, node: exp.Table) -> Table:
        name = f"{node.db}.{node.name}" if node.db and node.db != "public" else node.name
        if name not in self.tables:
            raise asyncpg.UndefinedTableError(f'relation "{name}" does not exist')
        return self.tables[name]

    def next(self, sequence: str) -> int:
        self.sequences[sequence] = number = self.sequences.get(sequence, 0) + 1
        return number

    def condition(self, table: Table, plan: IndexPlan) -> tuple[Callable[[Row], bool] | None, frozenset[int]]:
        """Give an index's condition as a function, and the columns that it looks at."""
        if plan.where is None:
            return None, frozenset()
        compiler = self._compiler()
        columns = {column.name: (at, column.type, column.nullable) for at, column in enumerate(table.columns)}
        true = compiler.true(plan.where, Scope([Relation(table.name.split(".")[-1], "r0", columns, table)]))
        compiler.lines += ["def condition(r0):", f"    return {true}"]
        watched = frozenset(table.places[column.name] for column in plan.where.find_all(exp.Column))
        return compiler.functions()["condition"], watched

    def _compiler(self) -> Compiler:
        compiler = Compiler(self)
        prepare(compiler)
        compiler.names |= CALLED | {"null_in": null_in, "against": against}
        return compiler

    # ── statements ──────────────────────────────────────────────────────────────────────────────────────────────
    def statement(self, text: str) -> Statement:
        """Give the compiled statement. Raises Unsupported, or what PostgreSQL says to a wrong one."""
        known = self.statements.get(text)
        if known is None:
            known = self.statements[text] = self._compile(text)
        return known

    def _compile(self, text: str) -> Statement:
        parsed = sqlglot.parse(text, dialect="postgres")
        if len(parsed) != 1 or parsed[0] is None:
            raise Unsupported(f"more or less than one statement: {text}")
        node = parsed[0]
        compiler = self._compiler()
        makers: list[tuple[str | None, Any, bool]] = []
        with_ = node.args.get("with_")
        if with_ is not None and with_.args.get("recursive"):
            raise Unsupported("WITH RECURSIVE")
        for each in with_.expressions if with_ is not None else []:
            makers.append((each.alias, *self._step(compiler, each.this)[:2]))
            compiler.ctes[each.alias] = self._columns
        main, reads = self._step(compiler, node)
        columns = self._columns
        makers.append((None, main, reads))
        compiler.functions()
        made = [(name, make(), reads) for name, make, reads in _in_order(makers, node)]
        numbers = range(1, max(compiler.kinds, default=0) + 1)
        if missing := [number for number in numbers if number not in compiler.kinds]:
            raise asyncpg.IndeterminateDatatypeError(
                f"could not determine data type of parameter ${missing[0]}"
            )
        return Statement(
            text,
            type(node).__name__.upper() if not isinstance(node, exp.Union) else "SELECT",
            {name: place for place, (name, _, _) in enumerate(columns)},
            [compiler.kinds[number] for number in numbers],
            parameters([compiler.kinds[number] for number in numbers], self.enums),
            made[0][1] if len(made) == 1 and made[0][2] else None,
            [(name, step) for name, step, _ in made],
            compiler.scans,
            "\n".join(compiler.lines),
        )

    def _step(self, compiler: Compiler, node: exp.Expression) -> tuple[Callable[[], Any], bool]:
        """Compile one statement of a WITH, or the main one; gives its maker and whether it only reads."""
        self._columns: Columns
        if isinstance(node, exp.Update | exp.Delete):
            make, self._columns = update(compiler, node)
        elif isinstance(node, exp.Insert):
            make, self._columns = insert(compiler, node)
        elif isinstance(node, exp.Select) and node.args.get("locks"):
            make, self._columns = locking_select(compiler, node)
        elif isinstance(node, exp.Select | exp.Union):
            function, self._columns = subquery(compiler, node, None)
            return lambda: compiler.names[function], True
        else:
            raise Unsupported(node.sql(dialect="postgres"))
        return make, False

    # ── transactions ────────────────────────────────────────────────────────────────────────────────────────────
    def begin(self) -> Transaction:
        return Transaction(self)

    def reader(self) -> Transaction:
        """Give what a statement that only reads runs in, until the next one: nobody waits in it."""
        reader = self._reader
        reader.now, reader.snapshot = self.clock(), self.commits
        return reader

    def keep_snapshot(self) -> None:
        self.keeping += 1

    def forget_snapshot(self) -> None:
        self.keeping -= 1
        if self.keeping == 0:
            for slot in self._old:
                slot.older = None
            self._old.clear()
            left, self._garbage = self._garbage, []
            for slot, row, indexes in left:
                self.leave_behind(slot, row, indexes)

    def leave_behind(self, slot: Slot, row: Row | None, indexes: list[Any]) -> None:
        """A version is nobody's any more, or will be when the last one who may read it is done."""
        if row is None:
            return
        if self.keeping:
            self._old.append(slot)
            self._garbage.append((slot, row, indexes))
            return
        for index in indexes:
            index.drop(slot, row)
        if slot.version is None and slot.writer is None:
            slot.table.slots.pop(slot, None)

    def contents(self) -> dict[str, list[dict[str, Any]]]:
        """Give everything that is committed, by table and column."""
        return {
            name: [
                dict(zip(map(attrgetter("name"), table.columns), row, strict=True)) for row in table.rows()
            ]
            for name, table in self.tables.items()
        }


def _in_order(
    makers: list[tuple[str | None, Any, bool]], node: exp.Expression
) -> list[tuple[str | None, Any, bool]]:
    """Order the parts as PostgreSQL runs them: what the main statement reads, it itself, then unread changes."""
    with_ = node.args.get("with_")
    if with_ is None:
        return makers
    bodies = {each.alias: each.this for each in with_.expressions}
    main = node.copy()
    main.set("with_", None)
    read: set[str] = set()
    waiting = [main]
    while waiting:
        for table in waiting.pop().find_all(exp.Table):
            if not table.db and table.name in bodies and table.name not in read:
                read.add(table.name)
                waiting.append(bodies[table.name])
    before = [item for item in makers if item[0] in read]
    after = [item for item in makers if item[0] is not None and item[0] not in read and not item[2]]
    return [*before, makers[-1], *after]


def _schema_texts() -> list[str]:
    dialect = postgresql.dialect()
    texts: list[str] = []
    for table in metadata.sorted_tables:
        texts.append(str(CreateTable(table).compile(dialect=dialect)))
        ordered = sorted(table.indexes, key=lambda index: str(index.name))
        texts += [str(CreateIndex(index).compile(dialect=dialect)) for index in ordered]
    versions = files("afriflow.db.migrations").joinpath("versions")
    return [
        *texts,
        *(
            item.read_text("utf-8")
            for item in sorted(versions.iterdir(), key=str)
            if item.name.endswith(".sql")
        ),
    ]
