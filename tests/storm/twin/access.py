"""Which way leads to a table's rows: an index by the equalities that a statement states, else all rows."""

from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp
from storm.twin.expression import Compiler, Relation, Scope
from storm.twin.kinds import INTEGERS
from storm.twin.rows import Index, IndexPlan, Sorted, Table

Facts = dict[str, frozenset[str] | None]
_STRICT = (exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE)


def conjuncts(node: exp.Expression | None) -> list[exp.Expression]:
    """Split a condition at its ANDs."""
    while isinstance(node, exp.Paren | exp.Where):
        node = node.this
    if node is None:
        return []
    if isinstance(node, exp.And):
        return conjuncts(node.this) + conjuncts(node.expression)
    return [node]


def facts(conditions: list[exp.Expression]) -> Facts:
    """Give what conditions say of columns: one of these texts, or (None) merely not NULL; others as their SQL."""
    found: Facts = {}
    for node in conditions:
        column = node.this if isinstance(node.this, exp.Column) else None
        options = _options(node)
        if column is not None and options is not None:
            known = found.get(column.name)
            found[column.name] = options if known is None else known & options
        elif (column is not None and isinstance(node, _STRICT)) or (
            column is not None and isinstance(node, exp.Is) and node.args.get("negate")
        ):
            found.setdefault(column.name, None)
        else:
            found[_plain(node)] = None
    return found


def _options(node: exp.Expression) -> frozenset[str] | None:
    if isinstance(node, exp.In) and not node.args.get("query"):
        nodes = node.expressions
    elif isinstance(node, exp.EQ):
        right: Any = node.expression
        while isinstance(right, exp.Any | exp.Paren):
            right = right.this
        nodes = right.expressions if isinstance(right, exp.Array) else [right]
    else:
        return None
    literals = [item.this if isinstance(item, exp.Cast) else item for item in nodes]
    if not all(isinstance(item, exp.Literal) for item in literals):
        return None
    return frozenset(item.this for item in literals)


def _plain(node: exp.Expression) -> str:
    bare = node.copy()
    for column in bare.find_all(exp.Column):
        column.set("table", None)
    return bare.sql(dialect="postgres")


def implied(where: exp.Expression | None, known: Facts) -> bool:
    """Whether an index's condition follows from what is known."""
    for name, options in facts(conjuncts(where)).items():
        if name not in known:
            return False
        if options is not None and not (known[name] is not None and known[name] <= options):
            return False
    return True


@dataclass
class Path:
    """The lines that open the loop over a table's rows, and what each row must then meet.

    ascending: the place of the column in whose order rows come, if they do.
    """

    lines: list[str]
    opened: int = 1
    also: list[str] = field(default_factory=list)
    ascending: int | None = None


@dataclass
class Search:
    """Finds the way for one relation. usable: conditions on it whose other side is known by then."""

    compiler: Compiler
    scope: Scope
    relation: Relation
    usable: list[exp.Expression]

    def path(self, first: str | None = None) -> Path:
        """first: the column whose lowest value is wanted."""
        table: Table = self.relation.table
        equal, many = self._equalities()
        known = facts(self.usable)
        best: tuple[int, IndexPlan] | None = None
        for plan in table.plans:
            if not implied(plan.where, known):
                continue
            length = 0
            for column in plan.columns:
                if column not in equal and column not in many:
                    break
                length += 1
            score = length * 2 + (plan.unique and length == len(plan.columns)) + (plan.where is not None)
            if (length or plan.where is not None) and (best is None or score > best[0]):
                best = (score, plan)
        if best is None:
            return self._whole()
        plan = best[1]
        prefix = list(plan.columns)
        for at, column in enumerate(plan.columns):
            if column not in equal and column not in many:
                prefix = prefix[:at]
                break
        if not prefix:
            return self._ordered(plan, first) or self._hash(plan, [], {}, {})
        return self._hash(plan, prefix, equal, many)

    def _hash(self, plan: IndexPlan, prefix: list[str], equal: Any, many: Any) -> Path:
        table: Table = self.relation.table
        whole = len(prefix) == len(plan.columns)
        name = plan.name if whole and plan.unique else f"{plan.name}:{len(prefix)}"
        index = table.index(self._make(table, plan, name, prefix))
        get = self.compiler.bind("ix", index.buckets.get)
        lines: list[str] = []
        keys: list[str] = []
        also: list[str] = []
        for column in prefix:
            place, kind, _ = self.relation.columns[column]
            if column in equal:
                keys.append(self.compiler.value(equal[column], self.scope, kind).code)
                continue
            values = self.compiler.value(many[column], self.scope, f"{kind}[]").code
            item = self.compiler.name("k")
            lines.append(f"for {item} in each({values}):")
            keys.append(item)
            # A row stands under the key of each of its versions.
            also.append(f"{self.relation.variable}[{place}] == {item}")
        key = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
        slot = self.relation.variable.replace("r", "s")
        lines.append(f"for {slot} in {get}({key}, ()):")
        return Path(lines, len(lines), also)

    def _make(self, table: Table, plan: IndexPlan, name: str, prefix: list[str]) -> Index:
        condition, watched = self.compiler.engine.condition(table, plan)
        places = tuple(table.places[column] for column in prefix)
        return Index(name, places, name == plan.name and plan.unique, condition, watched | frozenset(places))

    def _ordered(self, plan: IndexPlan, first: str | None) -> Path | None:
        """Go along a column that has an upper bound, or whose lowest value is wanted."""
        table: Table = self.relation.table
        bound = next((node for node in self.usable if self._is_upper_bound(node)), None)
        column = first or (bound.this.name if bound is not None else None)
        if column is None:
            return None
        condition, watched = self.compiler.engine.condition(table, plan)
        place = table.places[column]
        made = Sorted(f"{plan.name}>{column}", place, condition, watched | {place})
        entries = self.compiler.bind("ix", table.index(made).entries)
        variable = self.relation.variable
        slot, value = variable.replace("r", "s"), self.compiler.name("v")
        lines = [f"for {value}, _, {slot} in {entries}:"]
        if bound is not None and bound.this.name == column:
            limit = self.compiler.value(bound.expression, self.scope, table.columns[place].type)
            sign = ">" if isinstance(bound, exp.LTE) else ">="
            lines.append(f"    if {limit.code} is None or {value} {sign} {limit.code}: break")
        return Path(lines, 1, [f"{variable}[{place}] == {value}"], ascending=place)

    def _is_upper_bound(self, node: exp.Expression) -> bool:
        return (
            isinstance(node, exp.LT | exp.LTE)
            and self._own(node.this)
            and not self._mentions(node.expression)
        )

    def _whole(self) -> Path:
        table: Table = self.relation.table
        self.compiler.scans.append(table.name)
        slots = self.compiler.bind("all", table.slots)
        return Path([f"for {self.relation.variable.replace('r', 's')} in {slots}:"])

    def _own(self, node: exp.Expression) -> bool:
        if not isinstance(node, exp.Column) or node.name not in self.relation.columns:
            return False
        return self.scope.owner(node) is self.relation

    def _mentions(self, node: exp.Expression) -> bool:
        return any(self._own(column) for column in node.find_all(exp.Column))

    def _equalities(self) -> tuple[dict[str, Any], dict[str, Any]]:
        equal: dict[str, Any] = {}
        many: dict[str, Any] = {}
        for node in self.usable:
            if not isinstance(node, exp.EQ):
                continue
            for one, two in ((node.this, node.expression), (node.expression, node.this)):
                if not self._own(one) or self._mentions(two):
                    continue
                if isinstance(two, exp.Any):
                    inner = two.this
                    while isinstance(inner, exp.Paren):
                        inner = inner.this
                    if not isinstance(inner, exp.Array):
                        many.setdefault(one.name, inner)
                elif self._comparable(one, two):
                    equal.setdefault(one.name, two)
        return equal, many

    def _comparable(self, one: exp.Expression, two: exp.Expression) -> bool:
        mine = self.relation.columns[one.name][1]
        other = self.compiler.value(two, self.scope, mine).type
        return other == mine or {mine, other} <= set(INTEGERS)
