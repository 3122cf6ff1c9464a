"""How a SELECT becomes a Python function: one loop inside the other, in the order in which its tables are named."""

from dataclasses import dataclass

from sqlglot import exp
from storm.twin.access import Path, Search, conjuncts
from storm.twin.expression import Compiler, Relation, Scope
from storm.twin.kinds import Unsupported
from storm.twin.result import Columns, aggregate, aggregates, only, project, sort_lines
from storm.twin.rows import see

_KNOWN = {"expressions", "from_", "joins", "where", "order", "limit", "locks", "with_", "kind"}
_SUBQUERIES = (exp.Subquery, exp.Exists, exp.Select)


@dataclass
class _Join:
    relation: Relation
    on: list[exp.Expression]


class Select:
    """One SELECT, without what is around it."""

    def __init__(
        self, compiler: Compiler, node: exp.Select, parent: Scope | None, wants: list[str] | None = None
    ) -> None:
        only(node, _KNOWN)
        self.compiler, self.node, self.wants = compiler, node, wants
        self.scope = Scope([], parent)
        self.where = conjuncts(node.args.get("where"))
        self.joins: list[_Join] = []
        source = node.args.get("from_")
        if source is not None:
            self._join(source.this, None)
        for join in node.args.get("joins") or []:
            self._join(join.this, join)
        self.parameters = ["S", "p", *(parent.variables() if parent else [])]

    # ── what is read ────────────────────────────────────────────────────────────────────────────────────────────
    def _join(self, source: exp.Expression, join: exp.Join | None) -> None:
        relation = self._relation(source)
        on: list[exp.Expression] = []
        if join is not None:
            only(join, {"this", "on", "using", "side", "kind"})
            if join.side not in {"", "LEFT"} or join.kind not in {"", "INNER", "OUTER", "CROSS"}:
                raise Unsupported(join.sql())
            relation.outer = join.side == "LEFT"
            on = conjuncts(join.args.get("on"))
            for name in join.args.get("using") or []:
                mine = exp.column(name.copy(), table=relation.alias)
                left = next(each for each in self.scope.relations if name.name in each.columns)
                on.append(exp.EQ(this=mine, expression=exp.column(name.copy(), table=left.alias)))
        self.scope.relations.append(relation)
        if relation.outer:
            self.joins.append(_Join(relation, on))
        else:
            self.joins.append(_Join(relation, []))
            self.where = on + self.where

    def _relation(self, source: exp.Expression) -> Relation:
        variable = self.compiler.name("r")
        if isinstance(source, exp.Table):
            only(source, {"this", "db", "alias"})
            alias = source.alias or source.name
            if not source.db and source.name in self.compiler.ctes:
                columns = self.compiler.ctes[source.name]
                return _listed(alias, variable, columns, f"S.ctes[{source.name!r}]")
            table = self.compiler.engine.table(source)
            columns = {c.name: (at, c.type, c.nullable) for at, c in enumerate(table.columns)}
            return Relation(alias, variable, columns, table)
        if isinstance(source, exp.Subquery):
            function, columns = subquery(self.compiler, source.this, self.scope.parent)
            above = self.scope.parent.variables() if self.scope.parent else []
            return _listed(source.alias, variable, columns, f"{function}({', '.join(['S', 'p', *above])})")
        if isinstance(source, exp.Unnest):
            return self._unnest(source, variable)
        raise Unsupported(source.sql())

    def _unnest(self, source: exp.Unnest, variable: str) -> Relation:
        lists = [self.compiler.value(item, Scope([], self.scope.parent)) for item in source.expressions]
        kinds = [str(expr.type) for expr in lists]
        if not all(kind.endswith("[]") for kind in kinds):
            raise Unsupported(source.sql())
        names = [name.name for name in source.args["alias"].args["columns"]]
        columns: Columns = [(name, kind[:-2], True) for name, kind in zip(names, kinds, strict=False)]
        rows = f"list(zip_longest({', '.join(f'{expr.code} or ()' for expr in lists)}))"
        ordinal = source.args.get("offset")
        if ordinal is not None:
            columns.append((ordinal.name, "int8", False))
            rows = f"[(*row, at) for at, row in enumerate({rows}, 1)]"
        return _listed(source.alias, variable, columns, rows)

    def _level(self, node: exp.Expression) -> int:
        """Give the loop from which on all that a condition names is known."""
        if any(node.find_all(*_SUBQUERIES)):
            return len(self.joins) - 1
        level = 0
        for column in node.find_all(exp.Column):
            owner = self.scope.owner(column)
            if owner in self.scope.relations:
                level = max(level, self.scope.relations.index(owner))
        return level

    # ── loops ───────────────────────────────────────────────────────────────────────────────────────────────────
    def nest(self, first: str | None = None) -> tuple[list[str], str, Path | None]:
        """Give the lines of all loops, the indent inside them, and the way to the first table."""
        lines: list[str] = []
        indent, way = "    ", None
        if not self.joins:
            lines.append(f"{indent}for _ in (0,):")
            indent += "    "
            lines += [
                f"{indent}if not {self.compiler.true(node, self.scope)}: continue" for node in self.where
            ]
        for level, join in enumerate(self.joins):
            variable = join.relation.variable
            mine = [node for node in self.where if self._level(node) == level]
            usable = join.on if join.relation.outer else [n for n in self.where if self._level(n) <= level]
            opened, inside, path = self._loop(join.relation, usable, indent, first)
            way = way or path
            if join.relation.outer:
                found = self.compiler.name("m")
                lines.append(f"{indent}{found} = []")
                lines += opened
                lines += [
                    f"{inside}if not {self.compiler.true(node, self.scope)}: continue" for node in join.on
                ]
                lines.append(f"{inside}{found}.append({variable})")
                lines.append(f"{indent}for {variable} in {found} or ({self.nulls(join.relation)},):")
                indent += "    "
            else:
                lines += opened
                indent = inside
            lines += [f"{indent}if not {self.compiler.true(node, self.scope)}: continue" for node in mine]
        return lines, indent, way

    def _loop(
        self, relation: Relation, usable: list[exp.Expression], indent: str, first: str | None
    ) -> tuple[list[str], str, Path | None]:
        if relation.table is None:
            return [f"{indent}for {relation.variable} in {relation.function}:"], indent + "    ", None
        simple = [node for node in usable if not any(node.find_all(*_SUBQUERIES))]
        path = Search(self.compiler, self.scope, relation, simple).path(first)
        opened = []
        for at, line in enumerate(path.lines):
            opened.append(indent + "    " * min(at, path.opened - 1) + line)
        inside = indent + "    " * path.opened
        row, slot = relation.variable, relation.variable.replace("r", "s")
        seen = (
            f"{slot}.version if {slot}.writer is None and {slot}.committed <= S.snapshot else see({slot}, S)"
        )
        opened += [f"{inside}{row} = {seen}", f"{inside}if {row} is None: continue"]
        opened += [f"{inside}if not {also}: continue" for also in path.also]
        return opened, inside, path

    def nulls(self, relation: Relation) -> str:
        return self.compiler.bind("n", (None,) * len(relation.columns))

    # ── what is given ───────────────────────────────────────────────────────────────────────────────────────────
    def projection(self) -> tuple[str, Columns]:
        """Give the code of one row of the result, and its columns."""
        return project(self.compiler, self.node.expressions, self.scope, self.wants)

    def order(self) -> list[tuple[str, bool, bool]]:
        """Give each key by which rows are ordered: code, descending, may be NULL."""
        keys: list[tuple[str, bool, bool]] = []
        order = self.node.args.get("order")
        for item in order.expressions if order is not None else []:
            descending = bool(item.args.get("desc"))
            if bool(item.args.get("nulls_first")) is not descending:
                raise Unsupported(item.sql(dialect="postgres"))
            if isinstance(item.this, exp.Literal):
                raise Unsupported(f"ORDER BY {item.sql()}")
            expr = self.compiler.value(item.this, self.scope)
            if expr.type == "jsonb" or expr.type in self.compiler.engine.enums:
                raise Unsupported(f"ORDER BY {item.sql()} of type {expr.type}")
            keys.append((expr.code, descending, expr.nullable))
        return keys

    def limit(self) -> str | None:
        node = self.node.args.get("limit")
        return self.compiler.value(node.expression, Scope([]), "int8").code if node is not None else None

    def function(self) -> tuple[str, Columns]:
        """Write the function that gives all rows of the result."""
        if self.node.args.get("locks"):
            raise Unsupported("FOR UPDATE inside another statement")
        if any(aggregates(node) for node in self.node.expressions):
            return self._aggregate()
        row, columns = self.projection()
        keys, limit = self.order(), self.limit()
        lines, indent, _ = self.nest()
        sorting = f"(({''.join(code + ', ' for code, _, _ in keys)}), {row})" if keys else row
        lines.append(f"{indent}out.append({sorting})")
        lines += sort_lines(keys)
        if keys:
            lines.append("    out = [item[1] for item in out]")
        return self._write(lines, limit, columns)

    def _write(self, lines: list[str], limit: str | None, columns: Columns) -> tuple[str, Columns]:
        name = self.compiler.name("q")
        end = f"    return out[:{limit}]" if limit else "    return out"
        self.compiler.lines += [f"def {name}({', '.join(self.parameters)}):", "    out = []", *lines, end]
        return name, columns

    def _aggregate(self) -> tuple[str, Columns]:
        found = [each for node in self.node.expressions for each in aggregates(node)]
        if self.node.args.get("order") or self.node.args.get("limit"):
            raise Unsupported(self.node.sql())
        lowest = None
        if len(found) == len(self.joins) == 1 and isinstance(found[0], exp.Min):
            lowest = found[0].this.name if isinstance(found[0].this, exp.Column) else None
        begin, steps = [], []
        for node in found:
            name = self.compiler.name("a")
            start, step, expr = aggregate(self.compiler, node, self.scope, name)
            begin.append(f"    {name} = {start}")
            steps += step
            self.scope.aggregates[id(node)] = expr
        lines, indent, way = self.nest(lowest)
        lines = begin + lines + [indent + step for step in steps]
        if (
            lowest is not None
            and way is not None
            and way.ascending == self.scope.relations[0].columns[lowest][0]
        ):
            lines.append(f"{indent}break")
        row, columns = self.projection()
        return self._write([*lines, f"    out.append({row})"], None, columns)


def _listed(alias: str, variable: str, columns: Columns, code: str) -> Relation:
    places = {name: (at, kind, nullable) for at, (name, kind, nullable) in enumerate(columns)}
    return Relation(alias, variable, places, function=code)


def subquery(
    compiler: Compiler, node: exp.Expression, scope: Scope | None, wants: list[str] | None = None
) -> tuple[str, Columns]:
    """Write a query as a function of the statement, the parameters and the rows around it."""
    if isinstance(node, exp.Union):
        only(node, {"this", "expression", "distinct", "with_"})
        if node.args.get("distinct"):
            raise Unsupported("UNION without ALL")
        one, columns = subquery(compiler, node.this, scope, wants)
        two, _ = subquery(compiler, node.expression, scope, wants)
        name = compiler.name("q")
        around = ", ".join(["S", "p", *(scope.variables() if scope else [])])
        compiler.lines += [f"def {name}({around}):", f"    return {one}({around}) + {two}({around})"]
        return name, columns
    if not isinstance(node, exp.Select):
        raise Unsupported(node.sql())
    return Select(compiler, node, scope, wants).function()


def prepare(compiler: Compiler) -> None:
    """Tell a compiler what SELECTs need."""
    from itertools import zip_longest

    compiler.subquery = subquery
    compiler.names |= {"see": see, "zip_longest": zip_longest}
