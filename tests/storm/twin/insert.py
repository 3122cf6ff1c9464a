"""INSERT: complete rows, put where their keys are free, or settled as ON CONFLICT says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlglot import exp
from storm.twin.access import conjuncts, facts, implied
from storm.twin.checks import conflict, free, taken, write_checks
from storm.twin.expression import Compiler, Relation, Scope
from storm.twin.kinds import Unsupported
from storm.twin.result import Columns, only
from storm.twin.rows import Row, Table
from storm.twin.select import subquery
from storm.twin.transactions import Transaction
from storm.twin.update import returning_row, sets


@dataclass
class Insert:
    """An INSERT. source: gives complete rows. settle: what ON CONFLICT makes of (the old row, the new one)."""

    table: Table
    source: Callable[..., list[Row]]
    check: Callable[[Row], None]
    arbiters: list[Any]
    settle: Callable[..., Row | None] | None
    settle_check: Callable[[Row], None] | None
    changed: frozenset[int]
    returning: Callable[..., Row] | None

    async def run(self, writer: Transaction, p: list[Any]) -> tuple[int, list[Row]]:
        count, out = 0, []
        for row in self.source(writer, p):
            self.check(row)
            written = await self._put(writer, p, row)
            if written is not None:
                count += 1
                if self.returning is not None:
                    out.append(self.returning(writer, p, written))
        return count, out

    async def _put(self, writer: Transaction, p: list[Any], row: Row) -> Row | None:
        while True:
            there = await free(writer, self.table, self.arbiters, row, None, self.arbiters)
            if there is None:
                if await self._enter(writer, row):
                    return row
                continue
            if self.settle is None:
                return None
            if there.writer is writer and there.command == writer.command:
                raise asyncpg.CardinalityViolationError(
                    "ON CONFLICT DO UPDATE command cannot affect row a second time"
                )
            before = there.committed
            await writer.lock(there)
            old = there.pending if there.writer is writer else there.version
            if there.committed != before or old is None:
                continue  # it became another one while we waited
            new = self.settle(writer, p, old, row)
            if new is None:
                return None
            if self.settle_check is not None:
                self.settle_check(new)
            indexes = self.table.touched(self.changed)
            moved = [index for index in indexes if index.unique and index.key(new) != index.key(old)]
            if moved:
                await free(writer, self.table, moved, new, there, [])
            writer.write(there, new, indexes)
            return new

    async def _enter(self, writer: Transaction, row: Row) -> bool:
        """Put a row into one index after the other, as PostgreSQL does: who wants its first key already waits.

        Gives False, and takes the row back, when an arbiter has another one by now.
        """
        slot = self.table.slot()
        writer.create(slot, row)
        for index in self.table.indexes:
            key = index.key(row) if index.unique else None
            while key is not None and (found := conflict(index, key, slot, writer)) is not None:
                if isinstance(found, Transaction):
                    await writer.wait_for(found)
                elif index in self.arbiters:
                    writer.write(slot, None, self.table.indexes)
                    return False
                else:
                    raise taken(self.table, index)
            index.add(slot, row)
        return True


def insert(compiler: Compiler, node: exp.Insert) -> tuple[Callable[[], Insert], Columns]:
    """Compile an INSERT; gives how to make it once the functions are there."""
    only(node, {"this", "expression", "conflict", "returning", "with_"})
    if not isinstance(node.this, exp.Schema):
        raise Unsupported("INSERT without a list of columns")
    table: Table = compiler.engine.table(node.this.this)
    names = [name.name for name in node.this.expressions]
    source = _source(compiler, node, table, names)
    check = write_checks(compiler, table, None)
    variable, excluded = compiler.name("r"), compiler.name("r")
    columns = {column.name: (at, column.type, column.nullable) for at, column in enumerate(table.columns)}
    alias = node.this.this.alias or node.this.this.name
    scope = Scope([Relation(alias, variable, columns, table)])
    returning, given = returning_row(compiler, node, scope)
    arbiters, settle, changed = _conflict(
        compiler, node, table, Scope([*scope.relations, Relation("excluded", excluded, columns, table)])
    )
    settle_check = write_checks(compiler, table, changed) if settle else None
    places = frozenset(table.places[name] for name in changed)

    def make() -> Insert:
        f = compiler.names.get
        return Insert(table, f(source), f(check), arbiters, f(settle), f(settle_check), places, f(returning))

    return make, given


def _source(compiler: Compiler, node: exp.Insert, table: Table, names: list[str]) -> str:
    """Write the function that gives complete rows: what was given, and defaults for the rest."""
    kinds = [table.columns[table.places[name]].type for name in names]
    body = node.expression
    function = compiler.name("rows")
    if isinstance(body, exp.Values):
        rows = []
        for item in body.expressions:
            if len(item.expressions) != len(names):
                raise Unsupported("INSERT has more or fewer expressions than columns")
            pairs = zip(item.expressions, kinds, strict=True)
            rows.append(_full(table, names, [compiler.assigned(e, Scope([]), k) for e, k in pairs], compiler))
        compiler.lines += [f"def {function}(S, p):", f"    return [{', '.join(rows)}]"]
        return function
    inner, columns = subquery(compiler, body, None, kinds)
    for (name, kind, _), want in zip(columns, kinds, strict=True):
        if kind not in {None, want} and not (str(kind)[:3] == want[:3] == "int"):
            raise Unsupported(f"{name} of type {kind} for {want}")
    codes = [
        f"fit(x[{at}], {kind!r})" if kind[:3] == "int" and kind != "interval" else f"x[{at}]"
        for at, kind in enumerate(kinds)
    ]
    row = _full(table, names, codes, compiler)
    compiler.lines += [f"def {function}(S, p):", f"    return [{row} for x in {inner}(S, p)]"]
    return function


def _full(table: Table, names: list[str], codes: list[str], compiler: Compiler) -> str:
    given = dict(zip(names, codes, strict=True))
    row: list[str] = []
    for column in table.columns:
        if column.name in given:
            row.append(given[column.name])
        elif column.sequence is not None:
            row.append(f"S.engine.next({column.sequence!r})")
        elif column.default is not None:
            row.append(compiler.assigned(column.default, Scope([]), column.type))
        else:
            row.append("None")
    return f"({', '.join(row)},)"


def _conflict(
    compiler: Compiler, node: exp.Insert, table: Table, scope: Scope
) -> tuple[list[Any], str | None, set[str]]:
    """Give the indexes whose conflicts are settled, and the function that settles them by an update."""
    said = node.args.get("conflict")
    if said is None:
        return [], None, set()
    only(said, {"action", "conflict_keys", "index_predicate", "expressions", "where"})
    keys = {item.this.name for item in said.args.get("conflict_keys") or []}
    known = facts(conjuncts(said.args.get("index_predicate")))
    chosen = [
        plan
        for plan in table.plans
        if plan.unique and (not keys or (set(plan.columns) == keys and implied(plan.where, known)))
    ]
    if not chosen:
        raise asyncpg.InvalidColumnReferenceError(
            "no unique constraint matches the ON CONFLICT specification"
        )
    arbiters = [index for index in table.indexes if index.name in {plan.name for plan in chosen}]
    if said.args["action"].name == "DO NOTHING":
        return arbiters, None, set()
    old = scope.relations[0].variable
    row, changed = sets(compiler, table, said.expressions, scope, old)
    function = compiler.name("settle")
    lines = [f"def {function}(S, p, {', '.join(scope.variables())}):"]
    if said.args.get("where"):
        lines.append(f"    if not {compiler.true(said.args['where'].this, scope)}: return None")
    compiler.lines += [*lines, f"    return {row}"]
    return arbiters, function, changed
