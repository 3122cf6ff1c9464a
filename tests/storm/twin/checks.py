"""What a table refuses: NULLs, rows against a CHECK, and keys that another row has or may have."""

from typing import Any

import asyncpg
from sqlglot import exp
from storm.twin.expression import Compiler, Relation, Scope
from storm.twin.rows import Index, Row, Slot, Table
from storm.twin.transactions import Transaction


def write_checks(compiler: Compiler, table: Table, changed: set[str] | None) -> str:
    """Write the function that refuses a row; changed: the columns that may be wrong, None = all."""
    name, row = compiler.name("check"), compiler.name("r")
    lines = [f"def {name}({row}):"]
    for place, column in enumerate(table.columns):
        if not column.nullable and (changed is None or column.name in changed):
            lines.append(f"    if {row}[{place}] is None: raise null_in({table.name!r}, {column.name!r})")
    columns = {column.name: (at, column.type, column.nullable) for at, column in enumerate(table.columns)}
    scope = Scope([Relation(table.name, row, columns, table)])
    for constraint, node in sorted(table.checks.items()):
        if changed is None or any(column.name in changed for column in node.find_all(exp.Column)):
            false = compiler.false(node, scope)
            lines.append(f"    if {false}: raise against({table.name!r}, {constraint!r})")
    compiler.lines += [*lines, "    return None"]
    return name


def null_in(table: str, column: str) -> asyncpg.NotNullViolationError:
    error = asyncpg.NotNullViolationError(
        f'null value in column "{column}" of relation "{table.rsplit(".", maxsplit=1)[-1]}" violates not-null constraint'
    )
    error.column_name = column
    return error


def against(table: str, constraint: str) -> asyncpg.CheckViolationError:
    error = asyncpg.CheckViolationError(
        f'new row for relation "{table.rsplit(".", maxsplit=1)[-1]}" violates check constraint "{constraint}"'
    )
    error.constraint_name = constraint
    return error


def conflict(index: Any, key: Any, mine: Slot | None, writer: Transaction) -> Slot | Transaction | None:
    """Give the row that has this key, or whose end must be waited for to know; None when the key is free."""
    for slot in index.buckets.get(key, ()):
        if slot is mine:
            continue
        if slot.writer is None:
            if slot.version is not None and index.key(slot.version) == key:
                return slot
        elif slot.writer is writer:
            if slot.pending is not None and index.key(slot.pending) == key:
                return slot
        elif slot.older is None or any(row and index.key(row) == key for row in (slot.version, slot.pending)):
            return (
                slot.writer
            )  # it stands under this key, if only for a step that its transaction has left behind
    return None


def taken(table: Table, index: Index) -> asyncpg.UniqueViolationError:
    error = asyncpg.UniqueViolationError(f'duplicate key value violates unique constraint "{index.name}"')
    error.constraint_name, error.table_name = index.name, table.name.split(".")[-1]
    return error


async def free(
    writer: Transaction, table: Table, unique: list[Any], row: Row, mine: Slot | None, arbiters: list[Any]
) -> Slot | None:
    """Wait until all keys of a row are free; gives the row that an arbiter found in the way.

    Raises UniqueViolationError.
    """
    while True:
        for index in unique:
            key = index.key(row)
            found = conflict(index, key, mine, writer) if key is not None else None
            if found is None:
                continue
            if isinstance(found, Transaction):
                await writer.wait_for(found)
                break
            if index in arbiters:
                return found
            raise taken(table, index)
        else:
            return None
