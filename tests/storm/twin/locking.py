"""Reading rows to hold them: candidates by the statement's snapshot, then the lock, then a second look."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlglot import exp
from storm.twin.expression import Compiler
from storm.twin.kinds import Unsupported
from storm.twin.result import Columns, sort_lines
from storm.twin.rows import Row, Slot
from storm.twin.select import Select
from storm.twin.transactions import Transaction

Found = tuple[tuple[Slot, ...], tuple[Row, ...]]


@dataclass
class Candidates:
    """find: rows of all tables that match, in order, with the slots to lock. places: which rows those slots hold.

    recheck: what the rows of all tables are when these are looked at again (PostgreSQL's EvalPlanQual): a table
    that is not locked stands as it was first read, so a row that it would match only now is not found.
    """

    find: Callable[..., list[Found]]
    recheck: Callable[..., tuple[Row, ...] | None]
    places: list[int]
    skips: bool

    async def hold(
        self, reader: Transaction, p: list[Any], slots: tuple[Slot, ...], found: tuple[Row, ...]
    ) -> tuple[Row, ...] | None:
        """Lock a candidate and look again if it has changed; None when it is no longer one, or is skipped."""
        if self.skips and any(slot.holder not in {None, reader} for slot in slots):
            return None
        rows: tuple[Row, ...] | None = found
        for slot, place in zip(slots, self.places, strict=True):
            if slot.holder is not reader:
                await reader.lock(slot)
            if rows is None or slot.committed <= reader.snapshot or slot.writer is reader:
                continue
            rows = (*rows[:place], slot.version, *rows[place + 1 :]) if slot.version else None
        if rows is None or rows is found:
            return rows
        return self.recheck(reader, p, *rows)


def candidates(
    compiler: Compiler, select: Select, places: list[int], *, skips: bool
) -> Callable[[], Candidates]:
    """Write what finds the candidates of a SELECT and looks at them again."""
    variables = [join.relation.variable for join in select.joins]
    slots = [variables[place].replace("r", "s") for place in places]
    keys = select.order()
    lines, indent, _ = select.nest()
    sorting = "".join(code + ", " for code, _, _ in keys)
    rows = "".join(variable + ", " for variable in variables)
    found = f"(({sorting}), ({', '.join(slots)},), ({rows}))"
    find, again = compiler.name("find"), compiler.name("again")
    second = [f"def {again}(S, p, {', '.join(variables)}):"]
    for join in select.joins:
        if join.relation.outer:
            test = " and ".join(compiler.true(node, select.scope) for node in join.on) or "True"
            second.append(f"    if not ({test}): {join.relation.variable} = {select.nulls(join.relation)}")
    second += [f"    if not {compiler.true(node, select.scope)}: return None" for node in select.where]
    first = [f"def {find}(S, p):", "    out = []", *lines, f"{indent}out.append({found})", *sort_lines(keys)]
    compiler.lines += [*first, "    return [item[1:] for item in out]", *second, f"    return ({rows})"]
    return lambda: Candidates(compiler.names[find], compiler.names[again], places, skips)


@dataclass
class LockingSelect:
    """A SELECT … FOR UPDATE. give: the row of the result."""

    found: Candidates
    give: Callable[..., Row]
    limit: Callable[..., int | None]

    async def run(self, reader: Transaction, p: list[Any]) -> tuple[int, list[Row]]:
        out: list[Row] = []
        limit = self.limit(p)
        if limit == 0:
            return 0, out
        for slots, found in self.found.find(reader, p):
            rows = await self.found.hold(reader, p, slots, found)
            if rows is None:
                continue
            out.append(self.give(reader, p, *rows))
            if len(out) == limit:
                break
        return len(out), out


def locking_select(compiler: Compiler, node: exp.Select) -> tuple[Callable[[], LockingSelect], Columns]:
    """Compile a SELECT … FOR UPDATE [OF …] [SKIP LOCKED]."""
    (lock,) = node.args["locks"]
    if not lock.args.get("update") or lock.args.get("key") or lock.args.get("wait") is True:
        raise Unsupported(lock.sql())
    select = Select(compiler, node, None)
    wanted = {table.name for table in lock.expressions}
    places: list[int] = []
    for at, join in enumerate(select.joins):
        if not wanted or join.relation.alias in wanted:
            if join.relation.table is None or join.relation.outer:
                raise Unsupported("FOR UPDATE of what may be NULL or is no table")
            places.append(at)
    row, columns = select.projection()
    limit = select.limit()
    found = candidates(compiler, select, places, skips=lock.args.get("wait") is False)
    give, most = compiler.name("give"), compiler.name("limit")
    variables = ", ".join(join.relation.variable for join in select.joins)
    compiler.lines += [f"def {give}(S, p, {variables}):", f"    return {row}"]
    compiler.lines += [f"def {most}(p):", f"    return {limit}"]
    return lambda: LockingSelect(found(), compiler.names[give], compiler.names[most]), columns
