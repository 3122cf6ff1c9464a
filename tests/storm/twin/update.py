"""UPDATE and DELETE: rows as the statement's snapshot has them, each taken first and then looked at again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlglot import exp
from storm.twin.checks import free, write_checks
from storm.twin.expression import Compiler, Scope
from storm.twin.locking import Candidates, candidates
from storm.twin.result import Columns, only, project
from storm.twin.rows import Row, Slot, Table
from storm.twin.select import Select
from storm.twin.transactions import Transaction


@dataclass
class Update:
    """An UPDATE or, without `assign`, a DELETE. tables' rows are gone through as the statement's snapshot has them."""

    table: Table
    found: Candidates
    assign: Callable[..., Row] | None
    check: Callable[[Row], None] | None
    changed: frozenset[int] | None
    returning: Callable[..., Row] | None

    async def run(self, writer: Transaction, p: list[Any]) -> tuple[int, list[Row]]:
        count, out = 0, []
        for slots, found in self.found.find(writer, p):
            # A row that may not be is refused before anything is waited for.
            row = self._assigned(writer, p, found)
            rows, slot = await self.found.hold(writer, p, slots, found), slots[0]
            if rows is None or (slot.writer is writer and slot.command == writer.command):
                continue  # it is no longer meant, or this very statement has changed it already
            if rows is not found:
                row = self._assigned(writer, p, rows)
            await self._write(writer, slot, rows[0], row)
            count += 1
            if self.returning is not None:
                out.append(self.returning(writer, p, rows[0] if row is None else row))
        return count, out

    def _assigned(self, writer: Transaction, p: list[Any], rows: tuple[Row, ...]) -> Row | None:
        if self.assign is None or self.check is None:
            return None
        row = self.assign(writer, p, *rows)
        self.check(row)
        return row

    async def _write(self, writer: Transaction, slot: Slot, old: Row, new: Row | None) -> None:
        indexes = self.table.touched(self.changed)
        if new is not None:
            unique = [index for index in indexes if index.unique and index.key(new) != index.key(old)]
            if unique:
                await free(writer, self.table, unique, new, slot, [])
        writer.write(slot, new, indexes)


def update(compiler: Compiler, node: exp.Update | exp.Delete) -> tuple[Callable[[], Update], Columns]:
    """Compile an UPDATE or DELETE; gives how to make it once the functions are there."""
    only(node, {"this", "expressions", "where", "returning", "with_"})
    query = exp.select("1").from_(node.this.copy())
    if node.args.get("where"):
        query.set("where", node.args["where"].copy())
    select = Select(compiler, query, None)
    scope, relation = select.scope, select.scope.relations[0]
    table: Table = relation.table
    assign = check = None
    changed: set[str] = set()
    if isinstance(node, exp.Update):
        row, changed = sets(compiler, table, node.expressions, scope, relation.variable)
        assign, check = compiler.name("set"), write_checks(compiler, table, changed)
        compiler.lines += [f"def {assign}(S, p, {relation.variable}):", f"    return {row}"]
    found = candidates(compiler, select, [0], skips=False)
    returning, columns = returning_row(compiler, node, scope)
    places = frozenset(table.places[name] for name in changed) if changed else None

    def make() -> Update:
        f = compiler.names.get
        return Update(table, found(), f(assign), f(check), places, f(returning))

    return make, columns


def sets(
    compiler: Compiler, table: Table, nodes: list[exp.Expression], scope: Scope, row: str
) -> tuple[str, set[str]]:
    """Write the new row of an UPDATE; gives it with the names of what it sets."""
    codes = [f"{row}[{place}]" for place in range(len(table.columns))]
    changed: set[str] = set()
    for node in nodes:
        column = node.this.name
        place = table.places[column]
        codes[place] = compiler.assigned(node.expression, scope, table.columns[place].type)
        changed.add(column)
    return f"({', '.join(codes)},)", changed


def returning_row(compiler: Compiler, node: exp.Expression, scope: Scope) -> tuple[str | None, Columns]:
    returning = node.args.get("returning")
    if returning is None:
        return None, []
    row, columns = project(compiler, returning.expressions, scope)
    name = compiler.name("give")
    around = f"S, p, {scope.relations[0].variable}"
    compiler.lines += [f"def {name}({around}):", f"    return {row}"]
    return name, columns
