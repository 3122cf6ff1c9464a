"""When a condition is true and when it is false; with a NULL in it, it is often neither."""

from typing import Any

from sqlglot import exp
from storm.twin.expression import CONDITIONS, Compiler, Scope
from storm.twin.kinds import Unsupported

_SIGNS = {exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


def _both(self: Compiler, node: exp.And | exp.Or, scope: Scope, wanted: bool) -> str:
    word = "and" if isinstance(node, exp.And) is wanted else "or"
    write = self.true if wanted else self.false
    return f"({write(node.this, scope)} {word} {write(node.expression, scope)})"


def _negation(self: Compiler, node: exp.Not, scope: Scope, wanted: bool) -> str:
    return self.false(node.this, scope) if wanted else self.true(node.this, scope)


def _comparison(self: Compiler, node: exp.Binary, scope: Scope, wanted: bool) -> str:
    if isinstance(node.expression, exp.Any):
        return _any(self, node, scope, wanted)
    sign = {exp.EQ: "==", exp.NEQ: "!="}.get(type(node)) or _SIGNS[type(node)]
    if not wanted:
        sign = _OPPOSITE[sign]
    one, two = self.pair(node.this, node.expression, scope)
    if "jsonb" in {one.type, two.type}:
        raise Unsupported(f"{node.sql()}: a comparison of jsonb")
    if sign == "==" and not (one.nullable and two.nullable):
        return f"({one.code} == {two.code})"
    return self.guarded([one, two], lambda a, b: f"({a} {sign} {b})", "False")


def _any(self: Compiler, node: exp.Binary, scope: Scope, wanted: bool) -> str:
    """Write x = ANY(an array)."""
    inner = node.expression.this
    while isinstance(inner, exp.Paren):
        inner = inner.this
    if not isinstance(node, exp.EQ):
        raise Unsupported(node.sql())
    if isinstance(inner, exp.Array):
        return _listed(self, node.this, inner.expressions, scope, wanted=wanted)
    one = self.value(node.this, scope)
    two = self.value(inner, scope, f"{one.type}[]" if one.type else None)
    if one.type is None or two.type != f"{one.type}[]":
        raise Unsupported(f"{node.sql()}: {one.type} of {two.type}")
    if wanted:
        return self.guarded([one, two], lambda a, b: f"({a} in {b})", "False")
    return self.guarded(
        [one, two], lambda a, b: f"(not {b} or ({a} not in {b} and None not in {b}))", "False"
    )


def _listed(self: Compiler, item: Any, options: list[Any], scope: Scope, *, wanted: bool) -> str:
    one = self.value(item, scope)
    if one.type is None:
        one = self.value(item, scope, "text")
    made = [self.value(option, scope, one.type) for option in options]
    if any(option.nullable or option.type not in {one.type, None} for option in made):
        raise Unsupported(f"{item.sql()} IN ({', '.join(option.sql() for option in options)})")
    codes = f"({', '.join(option.code for option in made)},)"
    if wanted:  # None is none of them
        return f"({one.code} in {codes})"
    return self.guarded([one], lambda a: f"({a} not in {codes})", "False")


def _membership(self: Compiler, node: exp.In, scope: Scope, wanted: bool) -> str:
    query = node.args.get("query")
    if query is None:
        return _listed(self, node.this, node.expressions, scope, wanted=wanted)
    one = self.value(node.this, scope)
    function, columns = self.subquery(self, query.this, scope)
    if columns[0][1] != one.type or (columns[0][2] and not wanted):
        raise Unsupported(node.sql())
    rows = f"[row[0] for row in {function}({', '.join(['S', 'p', *scope.variables()])})]"
    if wanted:
        return self.guarded([one], lambda a: f"({a} in {rows})", "False")
    return self.guarded([one], lambda a: f"({a} not in {rows})", "False")


def _null(self: Compiler, node: exp.Is, scope: Scope, wanted: bool) -> str:
    if node.args.get("negate"):
        wanted = not wanted
    if isinstance(node.expression, exp.Null):
        return f"({self.value(node.this, scope).code} {'is' if wanted else 'is not'} None)"
    if isinstance(node.expression, exp.Boolean):
        right = self.true if node.expression.this else self.false
        return right(node.this, scope) if wanted else f"(not {right(node.this, scope)})"
    raise Unsupported(node.sql())


def _between(self: Compiler, node: exp.Between, scope: Scope, wanted: bool) -> str:
    low = exp.GTE(this=node.this.copy(), expression=node.args["low"].copy())
    high = exp.LTE(this=node.this.copy(), expression=node.args["high"].copy())
    return _both(self, exp.And(this=low, expression=high), scope, wanted)


def _existence(self: Compiler, node: exp.Exists, scope: Scope, wanted: bool) -> str:
    function, _ = self.subquery(self, node.this, scope)
    call = f"{function}({', '.join(['S', 'p', *scope.variables()])})"
    return f"(len({call}) > 0)" if wanted else f"(not {call})"


def _distinct(self: Compiler, node: exp.NullSafeNEQ, scope: Scope, wanted: bool) -> str:
    one, two = self.pair(node.this, node.expression, scope)
    return f"({one.code} {'!=' if wanted is isinstance(node, exp.NullSafeNEQ) else '=='} {two.code})"


CONDITIONS.update(
    {
        exp.And: _both,
        exp.Or: _both,
        exp.Not: _negation,
        exp.Paren: lambda self, node, scope, wanted: (self.true if wanted else self.false)(node.this, scope),
        exp.EQ: _comparison,
        exp.NEQ: _comparison,
        exp.LT: _comparison,
        exp.LTE: _comparison,
        exp.GT: _comparison,
        exp.GTE: _comparison,
        exp.In: _membership,
        exp.Is: _null,
        exp.Between: _between,
        exp.Exists: _existence,
        exp.NullSafeEQ: _distinct,
        exp.NullSafeNEQ: _distinct,
    }
)
