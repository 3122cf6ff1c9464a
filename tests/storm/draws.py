"""Every statement of the product, and parameters for it that make histories meet."""

import dataclasses
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

from sqlglot import exp, parse_one
from storm.work import DUE, NEXT_DUE

from afriflow.checkout import store as checkout_store
from afriflow.delivery import store as delivery_store
from afriflow.inbox import store as inbox_store
from afriflow.jobs import held, queue, run
from afriflow.ledger import store as ledger_store
from afriflow.merchants import store as merchants_store
from afriflow.merchants import vault_store
from afriflow.reconcile import store as reconcile_store
from afriflow.routing import store as routing_store

# The moment at which every history begins.
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MODULES = [
    *(
        checkout_store,
        delivery_store,
        inbox_store,
        ledger_store,
        merchants_store,
        vault_store,
        reconcile_store,
        routing_store,
    ),
    *(queue, held, run),
]
# The audit's clock and counts are for a live database; a simulation looks at the twin's rows itself, and forgets
# nothing. How orders ended
# lately is measured by the clock of a worker, and a simulation's accounts have no standing.
NEVER = {
    *(
        f"reconcile.store.{name}"
        for name in (
            *("AUDIT_WINDOW", "AUDIT_BEGIN", "AUDIT_AGE", "VIOLATIONS_PER_RULE"),
            *("FORGET_PROVIDER_LOGS", "FORGET_NOTIFICATIONS", "FORGET_DELIVERY_ANSWERS"),
        )
    ),
    "routing.store.STANDINGS_MEASURE",
}
# What a simulated worker asks of the queue, in the place of the engine's own statements.
WORKER = {
    "worker.next": (
        "SELECT id, entrypoint, payload, attempts FROM jobs.pgqueuer WHERE status = 'queued'"
        " AND execute_after <= now() ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED"
    ),
    "worker.due": DUE,
    "worker.next_due": NEXT_DUE,
    "worker.pick": "UPDATE jobs.pgqueuer SET status = 'picked', updated = now() WHERE id = $1",
    "worker.done": "DELETE FROM jobs.pgqueuer WHERE id = $1",
    "worker.later": (
        "UPDATE jobs.pgqueuer SET status = 'queued', attempts = attempts + 1, execute_after = now() + $2::interval"
        " WHERE id = $1"
    ),
    "worker.fails": "UPDATE jobs.pgqueuer SET status = 'failed' WHERE id = $1",
    "worker.log": "INSERT INTO jobs.pgqueuer_log (job_id, status, priority, entrypoint) VALUES ($1, 'picked', 0, 't')",
}
_IDS = ["x1", "x2", "x3"]
_POOLS: dict[str, list[Any]] = {
    "merchant_id": ["m1"] * 10 + ["m2", ""],
    "mode": ["test", "test", "live"],
    "amount_minor": [500, 1000, 1000, 1000, 0],
    "refund_reserved_minor": [1, 400, 1000],
    "refunded_minor": [1, 400],
    "country": ["SN", "TG"],
    "sends": [0, 1, 2],
    "sequence": [1, 2, 3],
    "position": [1, 2, 3, 4],
    "number": [1, 2, 3],
    "tries": [0, 1],
    "kind": ["refund", "payout", "payment"],
    "facts": [{}, {"zz": 1, "b": [None, 1.5, "é"], "abc": {"é": 1, "y": 2}}],
    "dedupe_key": ["follow:x1", "follow:x2", "k1", "k2"],
    "entrypoint": ["follow", "deliver"],
}
_STATUSES = {
    "transactions": ["requires_action", "processing", "processing", "succeeded", "failed", "wrong"],
    "attempts": ["unknown", "unknown", "pending", "succeeded", "failed", "wrong"],
    "disbursements": ["unknown", "pending", "succeeded", "failed", "wrong"],
    "webhook_events": ["received", "handled", "unmatched"],
    "deliveries": ["waiting", "waiting", "delivered"],
    "provider_logs": [200, None],
    "delivery_attempts": [200, 500, None],
}


def statements() -> dict[str, str]:
    """Every statement that a simulation may run, by where it stands."""
    found = dict(item for module in MODULES for item in _statements_of(module))
    return {name: text for name, text in found.items() if name not in NEVER} | WORKER


def others() -> dict[str, str]:
    """The statements that it never runs."""
    found = dict(item for module in MODULES for item in _statements_of(module))
    return {name: found[name] for name in NEVER}


def _statements_of(module: ModuleType) -> Iterator[tuple[str, str]]:
    short = module.__name__.removeprefix("afriflow.")
    for name, value in vars(module).items():
        if isinstance(value, str) and value.lstrip().startswith(
            ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
        ):
            yield f"{short}.{name}", value
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            for part in dataclasses.fields(value):
                if isinstance(text := getattr(value, part.name), str):
                    yield f"{short}.{name}.{part.name}", text


class Arguments:
    """Draws plausible parameters of a statement, so few that they often meet; narrow: fewer still."""

    def __init__(self, text: str, kinds: list[str], *, narrow: bool) -> None:
        self.narrow = narrow
        tree = parse_one(text, dialect="postgres")
        self.kinds = kinds
        self.columns = [""] * len(kinds)
        for node in tree.find_all(exp.Parameter):
            number = int(node.this.name) - 1
            self.columns[number] = self.columns[number] or _column(node)
        own = {each.alias for each in tree.find_all(exp.CTE)}
        self.table = next((each.name for each in tree.find_all(exp.Table) if each.name not in own), "")
        if isinstance(tree, exp.Update | exp.Delete):
            self.table = tree.this.name

    def draw(self, chance: random.Random) -> list[Any]:
        pairs = zip(self.columns, self.kinds, strict=True)
        # Rows that one statement changes have no order between them, so where it matters there is one.
        many = 1 if self.narrow or "int8[]" in self.kinds else chance.randint(1, 2)
        return [self._draw(chance, column, kind, many) for column, kind in pairs]

    def named(self, **values: Any) -> list[Any]:
        """Give parameters by the columns, or else the types, that they meet; the rest is of no matter."""
        matterless = {
            "text": "x1",
            "bool": False,
            "bytea": b"",
            "jsonb": {},
            "timestamptz": BEGIN,
            "float8": 60.0,
        }
        pairs = zip(self.columns, self.kinds, strict=True)
        return [values.get(c, values.get(k, matterless.get(k, 1))) for c, k in pairs]

    def _draw(self, chance: random.Random, column: str, kind: str, many: int) -> Any:
        if kind == "jsonb[]":
            return [None] * many  # the driver takes a list inside for another dimension
        if kind.endswith("[]"):
            return [self._draw(chance, column, kind[:-2], many) for _ in range(many)]
        if column == "status" and self.table in _STATUSES:
            return chance.choice(_STATUSES[self.table])
        if column in _POOLS and kind in {"text", "int2", "int4", "int8", "jsonb"}:
            return self._of(chance, _POOLS[column])
        draws = {
            "text": lambda: self._of(chance, _IDS),
            "bytea": lambda: chance.choice([b"", b"\x00\xff", b"b"]),
            "bool": lambda: chance.random() < 0.5,
            "jsonb": lambda: chance.choice([{}, {"zz": 1, "é": True, "abc": [{}]}, ["v"], "text", 1.5]),
            "timestamptz": lambda: BEGIN + timedelta(seconds=chance.randint(-50, 400)),
            "interval": lambda: timedelta(seconds=chance.choice([0, 0, 5])),
            "float8": lambda: chance.choice([0.0, 5.0, 60.0, 0.1]),
        }
        return draws[kind]() if kind in draws else chance.randint(1, 4)

    def _of(self, chance: random.Random, pool: list[Any]) -> Any:
        return chance.choice(pool[: (len(pool) + 1) // 2] if self.narrow else pool)


# A parameter inside these becomes, or is compared with, what they are part of.
_SEEN_THROUGH = (exp.Paren, exp.Cast, exp.Any, exp.Add, exp.Sub, exp.Coalesce, exp.If, exp.Case)


def _column(node: exp.Parameter) -> str:
    """Give the column that a parameter meets."""
    above = node.parent
    while isinstance(above, _SEEN_THROUGH):
        if isinstance(above, exp.Coalesce | exp.Add | exp.Sub) and (near := above.find(exp.Column)):
            return near.name
        above = above.parent
    if isinstance(above, exp.Tuple) and isinstance(insert := above.parent.parent, exp.Insert):
        return insert.this.expressions[above.expressions.index(node)].name
    if isinstance(above, exp.EQ | exp.GT | exp.LT | exp.In) and (near := above.find(exp.Column)):
        return near.name
    if isinstance(above, exp.Unnest):
        names = above.args["alias"].args["columns"]
        return names[[item.this for item in above.expressions].index(node)].name
    return ""
