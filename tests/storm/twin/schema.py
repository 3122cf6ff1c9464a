"""The schema, read from the text that makes it: tables, defaults, checks, indexes and enums."""

import logging
from typing import Any

import sqlglot
from sqlglot import exp
from storm.twin.kinds import Unsupported, type_name
from storm.twin.rows import Column, IndexPlan, Table


def read_schema(texts: list[str]) -> tuple[dict[str, Table], dict[str, tuple[str, ...]]]:
    """Read DDL. Gives tables by name (with their schema's, unless it is public), and the labels of enums."""
    tables: dict[str, Table] = {}
    enums: dict[str, tuple[str, ...]] = {}
    log = logging.getLogger("sqlglot")
    level, log.level = log.level, logging.ERROR  # a trigger's body is none of our business
    try:
        nodes = [node for text in texts for node in sqlglot.parse(text, dialect="postgres") if node]
    finally:
        log.level = level
    for node in nodes:
        match node.args.get("kind"):
            case "TABLE":
                table = _table(node)
                tables[table.name] = table
            case "INDEX":
                _index(node.this, bool(node.args.get("unique")), tables)
            case "TYPE":
                labels = (
                    tuple(item.name for item in node.expression.find_all(exp.Literal))
                    if node.expression
                    else ()
                )
                enums[node.this.name] = labels or tuple(item.name for item in node.find_all(exp.Literal))
            case "SCHEMA" | "TRIGGER" | None:  # the trigger only says that there is work
                continue
            case kind:
                raise Unsupported(f"CREATE {kind}")
    return tables, enums


def _full_name(node: exp.Table) -> str:
    return f"{node.db}.{node.name}" if node.db else node.name


def _table(node: exp.Create) -> Table:
    name = _full_name(node.this.this)
    columns: list[Column] = []
    checks: dict[str, exp.Expression] = {}
    keys: list[tuple[str | None, tuple[str, ...], bool]] = []
    for item in node.this.expressions:
        if isinstance(item, exp.ColumnDef):
            column, is_key = _column(name, item)
            columns.append(column)
            if is_key:
                keys.append((None, (item.name,), True))
            continue
        label = item.name if isinstance(item, exp.Constraint) else None
        for said in item.expressions if isinstance(item, exp.Constraint) else [item]:
            if isinstance(said, exp.CheckColumnConstraint):
                checks[str(label)] = said.this
            elif isinstance(said, exp.PrimaryKey):
                keys.append((label, tuple(each.name for each in said.expressions), True))
            elif isinstance(said, exp.UniqueColumnConstraint):
                keys.append((label, tuple(each.name for each in said.this.expressions), False))
            else:
                raise Unsupported(said.sql())
    primary = {column for _, names, is_primary in keys if is_primary for column in names}
    columns = [
        Column(c.name, c.type, c.nullable and c.name not in primary, c.default, c.sequence) for c in columns
    ]
    table = Table(name, columns, checks)
    # The order in which the migrations make them, which is the one in which PostgreSQL complains.
    for label, names, is_primary in sorted(keys, key=lambda key: (not key[2], key[0] or "")):
        short = name.split(".")[-1]
        made = label or (f"{short}_pkey" if is_primary else f"{short}_{'_'.join(names)}_key")
        table.plans.append(IndexPlan(made, names, unique=True, where=None))
    return table


def _column(table: str, node: exp.ColumnDef) -> tuple[Column, bool]:
    nullable, default, sequence, is_key = True, None, None, False
    if node.args["kind"].this is exp.DataType.Type.BIGSERIAL:
        sequence = f"{table}.{node.name}"
    for constraint in node.args.get("constraints") or []:
        kind: Any = constraint.args["kind"]
        if isinstance(kind, exp.NotNullColumnConstraint):
            nullable = bool(kind.args.get("allow_null"))
        elif isinstance(kind, exp.DefaultColumnConstraint):
            default = kind.this
        elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
            is_key = True
        elif isinstance(kind, exp.GeneratedAsIdentityColumnConstraint):
            sequence = f"{table}.{node.name}"
        else:
            raise Unsupported(constraint.sql())
    return Column(node.name, type_name(node.args["kind"]), nullable, default, sequence), is_key


def _index(node: exp.Index, unique: bool, tables: dict[str, Table]) -> None:
    table = tables[_full_name(node.args["table"])]
    parameters = node.args["params"]
    columns = [item.this for item in parameters.args["columns"]]
    if not all(isinstance(column, exp.Column) for column in columns):
        # An index over an expression is only for the queue's own statistics; nothing of ours writes there.
        if unique:
            table.plans.clear()
        return
    where = parameters.args.get("where")
    names = tuple(column.name for column in columns)
    table.plans.append(IndexPlan(node.name, names, unique, where.this if where else None))
