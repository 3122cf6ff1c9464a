"""How an SQL expression becomes Python: text of a Python expression over rows, parameters and the statement.

In the text, `S` is the transaction with its running statement, `p` the parameters, `r0`, `r1`, … rows. SQL knows
three truths and Python two, so a condition is written as "it is true" or as "it is false", whichever is asked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import asyncpg
from sqlglot import exp
from storm.twin.kinds import INTEGERS, Unsupported, fit

_ATOM = re.compile(r"\w+(\[\d+\])?|S\.now")


class Expr(NamedTuple):
    """code: Python. type: None while it is not known (a bare literal, NULL or parameter)."""

    code: str
    type: str | None
    nullable: bool = True


# How each kind of node is written, as a value and as a condition; value.py and condition.py fill these.
VALUES: dict[type, Callable[..., Expr]] = {}
CONDITIONS: dict[type, Callable[..., str]] = {}


@dataclass
class Relation:
    """What a FROM names: its row variable, and where each column stands in it."""

    alias: str
    variable: str
    columns: dict[str, tuple[int, str | None, bool]]
    table: Any = None
    function: str | None = None
    outer: bool = False


@dataclass
class Scope:
    """What names mean at one place."""

    relations: list[Relation]
    parent: "Scope | None" = None
    aggregates: dict[int, Expr] = field(default_factory=dict)

    def owner(self, column: exp.Column) -> Relation:
        """Give the relation that a column belongs to, from the inside out."""
        for relation in self.relations:
            if (not column.table or relation.alias == column.table) and column.name in relation.columns:
                return relation
        if self.parent is None:
            raise asyncpg.UndefinedColumnError(f"column {column.sql()} does not exist")
        return self.parent.owner(column)

    def find(self, column: exp.Column) -> Expr:
        relation = self.owner(column)
        place, kind, nullable = relation.columns[column.name]
        return Expr(f"{relation.variable}[{place}]", kind, nullable or relation.outer)

    def variables(self) -> list[str]:
        above = self.parent.variables() if self.parent else []
        return above + [relation.variable for relation in self.relations]


class Compiler:
    """What the parts of one statement share. kinds: types of parameters. lines: Python functions written so far."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.kinds: dict[int, str] = {}
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"fit": fit}
        self.ctes: dict[str, list[tuple[str, str | None, bool]]] = {}
        self.subquery: Callable[..., tuple[str, list[tuple[str, str | None, bool]]]] | None = None
        self.scans: list[str] = []
        self._count = 0

    def name(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def bind(self, prefix: str, thing: Any) -> str:
        name = self.name(prefix)
        self.names[name] = thing
        return name

    def functions(self) -> dict[str, Any]:
        """Compile what was written; gives all by name."""
        exec("\n".join(self.lines), self.names)  # noqa: S102 — our own text, made from the product's statements
        return self.names

    # ── values ──────────────────────────────────────────────────────────────────────────────────────────────────
    def value(self, node: exp.Expression, scope: Scope, want: str | None = None) -> Expr:
        """Write an expression. want: the type that its place gives to a bare parameter or literal."""
        ready = scope.aggregates.get(id(node))
        if ready is not None:
            return ready
        write = VALUES.get(type(node))
        if write is not None:
            return write(self, node, scope, want)
        if type(node) in CONDITIONS:
            true, false = self.true(node, scope), self.false(node, scope)
            return Expr(f"(True if {true} else False if {false} else None)", "bool")
        raise Unsupported(f"{type(node).__name__}: {node.sql(dialect='postgres')}")

    def assigned(self, node: exp.Expression, scope: Scope, kind: str) -> str:
        """Write an expression as the content of a column of this type."""
        expr = self.value(node, scope, kind)
        if expr.type in {None, kind}:
            return expr.code
        if expr.type in INTEGERS and kind in INTEGERS:
            narrower = INTEGERS[kind] < INTEGERS[expr.type]
            return f"fit({expr.code}, {kind!r})" if narrower else expr.code
        raise Unsupported(f"{node.sql()} of type {expr.type} for {kind}")

    def atom(self, expr: Expr) -> tuple[str, str]:
        """Give code that may stand first, and code that may be repeated after it."""
        if _ATOM.fullmatch(expr.code):
            return expr.code, expr.code
        name = self.name("t")
        return f"({name} := {expr.code})", name

    def pair(self, left: exp.Expression, right: exp.Expression, scope: Scope) -> tuple[Expr, Expr]:
        """Write two sides that must be of one type."""
        one = self.value(left, scope)
        two = self.value(right, scope, one.type)
        if one.type is None:
            if two.type is None and not (one.code == "None" or two.code == "None"):
                two = self.value(right, scope, "text")
            one = self.value(left, scope, two.type)
        if one.type and two.type and one.type != two.type and not {one.type, two.type} <= set(INTEGERS):
            raise Unsupported(f"{left.sql()} with {right.sql()}: {one.type} with {two.type}")
        return one, two

    def guarded(self, sides: list[Expr], combine: Callable[..., str], otherwise: str) -> str:
        """Write a combination that is something else when any side is NULL."""
        tests: list[str] = []
        names: list[str] = []
        for side in sides:
            first, again = self.atom(side) if side.nullable else (side.code, side.code)
            if side.nullable:
                tests.append(f"{first} is None")
            names.append(again)
        if not tests:
            return combine(*names)
        # Every test stands, so that every name is bound.
        if len(tests) > 1 and any(":=" in test for test in tests):
            test = " | ".join(f"({test})" for test in tests)
        else:
            test = " or ".join(tests)
        return f"({otherwise} if {test} else {combine(*names)})"

    # ── truth ───────────────────────────────────────────────────────────────────────────────────────────────────
    def true(self, node: exp.Expression, scope: Scope) -> str:
        """Write "this condition is true"."""
        return self._condition(node, scope, wanted=True)

    def false(self, node: exp.Expression, scope: Scope) -> str:
        """Write "this condition is false", which is not "it is not true"."""
        return self._condition(node, scope, wanted=False)

    def _condition(self, node: exp.Expression, scope: Scope, *, wanted: bool) -> str:
        if isinstance(node, exp.Boolean):
            return str(node.this is wanted)
        write = CONDITIONS.get(type(node))
        if write is not None:
            return write(self, node, scope, wanted)
        expr = self.value(node, scope, "bool")
        if expr.type not in {"bool", None}:
            raise Unsupported(f"{node.sql()} as a condition")
        return f"({expr.code} is {wanted})"
