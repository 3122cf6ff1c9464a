"""How each kind of value is written: columns, parameters, arithmetic, functions, alternatives."""

from datetime import timedelta
from typing import Any

import asyncpg
from sqlglot import exp
from storm.twin.expression import VALUES, Compiler, Expr, Scope
from storm.twin.kinds import INTEGERS, Unsupported, type_name

_TEXTS = {"text"}


def _literal(_: Compiler, node: exp.Literal, __: Scope, want: str | None) -> Expr:
    if not node.is_string:
        if not node.this.isdigit():
            raise Unsupported(f"the number {node.this}")
        return Expr(node.this, "int4" if int(node.this) < 1 << 31 else "int8", nullable=False)
    if want in INTEGERS and node.this.isdigit():
        return Expr(node.this, want, nullable=False)
    if want not in {"timestamptz", "interval", "jsonb", "bool", "bytea", "float8", *INTEGERS}:
        return Expr(repr(node.this), want, nullable=False)  # text, or a label of an enum
    raise Unsupported(f"the literal {node.sql()} as {want}")


def _parameter(self: Compiler, node: exp.Parameter, _: Scope, want: str | None) -> Expr:
    number = int(node.this.name)
    if want is not None:
        self.kinds.setdefault(number, want)
    return Expr(f"p[{number - 1}]", self.kinds.get(number))


def _cast(self: Compiler, node: exp.Cast, scope: Scope, _: str | None) -> Expr:
    kind = type_name(node.to)
    inner = node.this
    if isinstance(inner, exp.Literal | exp.Null):
        return Expr(self.value(inner, scope, kind).code, kind, nullable=isinstance(inner, exp.Null))
    expr = self.value(inner, scope, kind)
    widens = expr.type in INTEGERS and kind in INTEGERS and INTEGERS[kind] >= INTEGERS[expr.type]
    if expr.type != kind and not widens:
        raise Unsupported(f"{node.sql()}: {expr.type} as {kind}")
    return Expr(expr.code, kind, expr.nullable)


def _arithmetic(self: Compiler, node: exp.Binary, scope: Scope, _: str | None) -> Expr:
    sign = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}[type(node)]
    one, two = self.value(node.this, scope), self.value(node.expression, scope)
    for bare, other in ((one, two), (two, one)):
        if bare.type is None and other.type not in INTEGERS:
            raise Unsupported(f"{node.sql()}: which type?")
    one = self.value(node.this, scope, two.type)
    two = self.value(node.expression, scope, one.type)
    kinds = (one.type, two.type)
    if set(kinds) <= set(INTEGERS):
        kind = max(kinds, key=lambda each: INTEGERS[str(each)])
    elif kinds in {("timestamptz", "interval"), ("interval", "timestamptz")} and sign != "*":
        kind = "timestamptz"
    elif kinds == ("timestamptz", "timestamptz") and sign == "-":
        kind = "interval"
    else:
        raise Unsupported(f"{node.sql()}: {kinds}")
    code = self.guarded([one, two], lambda a, b: f"({a} {sign} {b})", "None")
    return Expr(code, kind, one.nullable or two.nullable)


def _concatenation(self: Compiler, node: exp.DPipe, scope: Scope, _: str | None) -> Expr:
    one, two = self.value(node.this, scope, "text"), self.value(node.expression, scope, "text")
    if {one.type, two.type} != _TEXTS:
        raise Unsupported(f"{node.sql()}: {one.type} || {two.type}")
    code = self.guarded([one, two], lambda a, b: f"({a} + {b})", "None")
    return Expr(code, "text", one.nullable or two.nullable)


def _together(self: Compiler, nodes: list[exp.Expression], scope: Scope, want: str | None) -> list[Expr]:
    """Write alternatives that are all of one type."""
    kinds = [self.value(node, scope).type for node in nodes]
    kind = next((kind for kind in kinds if kind), want)
    made = [self.value(node, scope, kind) for node in nodes]
    if any(expr.type not in {None, kind} for expr in made):
        raise Unsupported(f"{[node.sql() for node in nodes]}: {kinds}")
    return [Expr(expr.code, kind, expr.nullable) for expr in made]


def _coalesce(self: Compiler, node: exp.Coalesce, scope: Scope, want: str | None) -> Expr:
    made = _together(self, [node.this, *node.expressions], scope, want)
    code = made[-1].code
    for expr in reversed(made[:-1]):
        first, again = self.atom(expr)
        code = f"({again} if {first} is not None else {code})"
    return Expr(code, made[0].type, all(expr.nullable for expr in made))


def _case(self: Compiler, node: exp.Case, scope: Scope, want: str | None) -> Expr:
    if node.this is not None:
        raise Unsupported(node.sql())
    branches = node.args["ifs"]
    ends = [branch.args["true"] for branch in branches] + [node.args.get("default") or exp.Null()]
    made = _together(self, ends, scope, want)
    code = made[-1].code
    for branch, expr in reversed(list(zip(branches, made[:-1], strict=True))):
        code = f"({expr.code} if {self.true(branch.this, scope)} else {code})"
    return Expr(code, made[0].type, any(expr.nullable for expr in made))


def _make_interval(self: Compiler, node: exp.MakeInterval, scope: Scope, _: str | None) -> Expr:
    given = [value for value in node.args.values() if value is not None]
    if len(given) != 1:
        raise Unsupported(node.sql())
    unit = {"secs": ("seconds", "float8"), "days": ("days", "int4"), "hours": ("hours", "int4")}
    name, kind = unit[given[0].this.name]
    expr = self.value(given[0].expression, scope, kind)
    code = self.guarded([expr], lambda amount: f"timedelta({name}={amount})", "None")
    return Expr(code, "interval", expr.nullable)


def _function(self: Compiler, node: exp.Anonymous, scope: Scope, _: str | None) -> Expr:
    match str(node.this).lower(), node.expressions:
        case "clock_timestamp", []:
            return Expr("S.clock()", "timestamptz", nullable=False)
        case "pg_get_serial_sequence", [table, column]:
            return Expr(repr(f"{table.name}.{column.name}"), "text", nullable=False)
        case "nextval", [sequence]:
            return Expr(f"S.engine.next({self.value(sequence, scope, 'text').code})", "int8", nullable=False)
    raise Unsupported(node.sql())


def _subquery(self: Compiler, node: exp.Subquery, scope: Scope, want: str | None) -> Expr:
    inner = node.this
    if not inner.args.get("from_") and len(inner.expressions) == 1:
        return self.value(inner.expressions[0], scope, want)
    function, columns = self.subquery(self, inner, scope)
    return Expr(f"scalar({function}({', '.join(['S', 'p', *scope.variables()])}))", columns[0][1])


VALUES |= {
    exp.Column: lambda self, node, scope, want: scope.find(node),
    exp.Literal: _literal,
    exp.Null: lambda self, node, scope, want: Expr("None", want),
    exp.Boolean: lambda self, node, scope, want: Expr(str(node.this), "bool", nullable=False),
    exp.Paren: lambda self, node, scope, want: self.value(node.this, scope, want),
    exp.Alias: lambda self, node, scope, want: self.value(node.this, scope, want),
    exp.Parameter: _parameter,
    exp.Cast: _cast,
    exp.Add: _arithmetic,
    exp.Sub: _arithmetic,
    exp.Mul: _arithmetic,
    exp.DPipe: _concatenation,
    exp.Coalesce: _coalesce,
    exp.Case: _case,
    exp.MakeInterval: _make_interval,
    exp.CurrentTimestamp: lambda self, node, scope, want: Expr("S.now", "timestamptz", nullable=False),
    exp.Anonymous: _function,
    exp.Subquery: _subquery,
}


def _scalar(rows: list[tuple[Any, ...]]) -> Any:
    if len(rows) > 1:
        raise asyncpg.CardinalityViolationError("more than one row returned by a subquery")
    return rows[0][0] if rows else None


def _each(values: list[Any] | None) -> list[Any]:
    """Give the keys of an = ANY, in the order in which an index gives them."""
    return sorted({value for value in values or () if value is not None})


# What the written text calls.
CALLED = {"timedelta": timedelta, "scalar": _scalar, "each": _each}
