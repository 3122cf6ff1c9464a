"""What a query gives: its row, its columns' names, its order, its aggregates."""

from sqlglot import exp
from storm.twin.expression import Compiler, Expr, Scope
from storm.twin.kinds import Unsupported, type_name

Columns = list[tuple[str, str | None, bool]]


def only(node: exp.Expression, known: set[str]) -> None:
    """Raise Unsupported when a node says anything else than what is known."""
    for name, value in node.args.items():
        if value and name not in known:
            raise Unsupported(f"{name} in {node.sql(dialect='postgres')}")


def sort_lines(keys: list[tuple[str, bool, bool]]) -> list[str]:
    """Sort `out` by the keys that stand first in each item; a NULL is greater than everything."""
    lines: list[str] = []
    for at, (_, descending, nullable) in reversed(list(enumerate(keys))):
        key = f"(item[0][{at}] is None, item[0][{at}])" if nullable else f"item[0][{at}]"
        lines.append(f"    out.sort(key=lambda item: {key}, reverse={descending})")
    return lines


def aggregates(node: exp.Expression) -> list[exp.Expression]:
    """Give the outermost aggregates of an expression."""
    kinds = (exp.Filter, exp.AggFunc)
    found = node.walk(prune=lambda each: isinstance(each, (*kinds, exp.Subquery)))
    return [each for each in found if isinstance(each, kinds)]


def aggregate(
    compiler: Compiler, node: exp.Expression, scope: Scope, name: str
) -> tuple[str, list[str], Expr]:
    """Write an aggregate as a variable: what it begins with, the steps that each row adds, and what it is."""
    kept, guard = node, ""
    if isinstance(node, exp.Filter):
        kept, guard = node.this, f"if {compiler.true(node.expression.this, scope)}: "
    if isinstance(kept, exp.Count) and isinstance(kept.this, exp.Star):
        return "0", [f"{guard or 'if True: '}{name} += 1"], Expr(name, "int8", nullable=False)
    if isinstance(kept, exp.Min | exp.Max) and not kept.expressions:
        inner = compiler.value(kept.this, scope)
        sign = "<" if isinstance(kept, exp.Min) else ">"
        value = compiler.name("v")
        test = f"{value} is not None and ({name} is None or {value} {sign} {name})"
        steps = [f"{value} = {inner.code}", f"{name} = {value} if {test} else {name}"]
        if not guard:
            return "None", steps, Expr(name, inner.type)
    raise Unsupported(node.sql())


def project(
    compiler: Compiler, nodes: list[exp.Expression], scope: Scope, wants: list[str] | None = None
) -> tuple[str, Columns]:
    """Write a list of expressions as one row."""
    codes: list[str] = []
    columns: Columns = []
    for at, node in enumerate(nodes):
        if isinstance(node, exp.Star):
            for relation in scope.relations:
                for name, (place, kind, nullable) in relation.columns.items():
                    codes.append(f"{relation.variable}[{place}]")
                    columns.append((name, kind, nullable or relation.outer))
            continue
        expr = compiler.value(node, scope, wants[at] if wants else None)
        codes.append(expr.code)
        columns.append((_name(node), expr.type, expr.nullable))
    return f"({''.join(code + ', ' for code in codes)})", columns


def _name(node: exp.Expression) -> str:
    if isinstance(node, exp.Alias | exp.Column):
        return node.alias_or_name
    if isinstance(node, exp.Paren | exp.Filter):
        return _name(node.this)
    if isinstance(node, exp.Cast):
        inner = _name(node.this)
        return inner if inner != "?column?" else type_name(node.to)
    names = {exp.Max: "max", exp.Min: "min", exp.Count: "count", exp.Case: "case"}
    names |= {exp.Coalesce: "coalesce", exp.CurrentTimestamp: "now", exp.Exists: "exists"}
    return str(node.this).lower() if isinstance(node, exp.Anonymous) else names.get(type(node), "?column?")
