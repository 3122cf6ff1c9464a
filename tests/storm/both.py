"""The same step on PostgreSQL and on its twin: what a statement is given, what came of it, who waits."""

import asyncio
import dataclasses
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import asyncpg
from sqlglot import exp, parse_one
from storm.twin import Engine, Pool, Record
from storm.twin.kinds import Json

from afriflow.checkout import store as checkout_store
from afriflow.db.engine import _prepare
from afriflow.db.migrate import migrate
from afriflow.delivery import store as delivery_store
from afriflow.inbox import store as inbox_store
from afriflow.jobs import held, queue, run
from afriflow.ledger import store as ledger_store
from afriflow.merchants import store as merchants_store
from afriflow.routing import store as routing_store

MODULES = [
    *(checkout_store, delivery_store, inbox_store, ledger_store, merchants_store, routing_store),
    *(queue, held, run),
]
# What a simulated worker asks of the queue, in the place of the engine's own statements.
WORKER = {
    "worker.next": (
        "SELECT id, entrypoint, payload, attempts FROM jobs.pgqueuer WHERE status = 'queued'"
        " AND execute_after <= now() ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED"
    ),
    "worker.due": "SELECT min(execute_after) FROM jobs.pgqueuer WHERE status = 'queued'",
    "worker.pick": "UPDATE jobs.pgqueuer SET status = 'picked', updated = now() WHERE id = $1",
    "worker.done": "DELETE FROM jobs.pgqueuer WHERE id = $1",
    "worker.later": (
        "UPDATE jobs.pgqueuer SET status = 'queued', attempts = attempts + 1, execute_after = now() + $2::interval"
        " WHERE id = $1"
    ),
    "worker.fails": "UPDATE jobs.pgqueuer SET status = 'failed' WHERE id = $1",
    "worker.log": "INSERT INTO jobs.pgqueuer_log (job_id, status, priority, entrypoint) VALUES ($1, 'picked', 0, 't')",
}
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_IDS = ["x1", "x2", "x3"]
_POOLS: dict[str, list[Any]] = {
    "merchant_id": ["m1", "m1", "m1", "m2", ""],
    "mode": ["test", "test", "live"],
    "amount_minor": [1, 500, 1000, 0],
    "refund_reserved_minor": [1, 400, 1000],
    "refunded_minor": [1, 400],
    "country": ["SN", "TG"],
    "sends": [0, 1, 2],
    "sequence": [1, 2, 3],
    "position": [1, 2, 3, 4],
    "number": [1, 2, 3],
    "tries": [0, 1],
    "kind": ["refund", "payout", "payment"],
    "facts": [{}, {"b": 1, "a": [None, 1.5, "é"], "long": {"z": 1, "y": 2}}],
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
    """Every statement of the product, by where it stands."""
    return dict(item for module in MODULES for item in _statements_of(module)) | WORKER


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
    """Draws plausible parameters of a statement, so few that they often meet."""

    def __init__(self, text: str, kinds: list[str]) -> None:
        tree = parse_one(text, dialect="postgres")
        self.kinds = kinds
        self.columns = [""] * len(kinds)
        for node in tree.find_all(exp.Parameter):
            number = int(node.this.name) - 1
            self.columns[number] = self.columns[number] or _column(node)
        table = tree.find(exp.Table)
        self.table = table.name if table is not None else ""
        if isinstance(tree, exp.Update | exp.Delete):
            self.table = tree.this.name

    def draw(self, chance: random.Random) -> list[Any]:
        pairs = zip(self.columns, self.kinds, strict=True)
        many = chance.randint(1, 2)
        return [self._draw(chance, column, kind, many) for column, kind in pairs]

    def _draw(self, chance: random.Random, column: str, kind: str, many: int) -> Any:
        if kind == "jsonb[]":
            return [None] * many  # the driver takes a list inside for another dimension
        if kind.endswith("[]"):
            return [self._draw(chance, column, kind[:-2], many) for _ in range(many)]
        if column == "status" and self.table in _STATUSES:
            return chance.choice(_STATUSES[self.table])
        if column in _POOLS and kind in {"text", "int2", "int4", "int8", "jsonb"}:
            return chance.choice(_POOLS[column])
        draws = {
            "text": lambda: chance.choice(_IDS),
            "bytea": lambda: chance.choice([b"", b"\x00\xff", b"b"]),
            "bool": lambda: chance.random() < 0.5,
            "jsonb": lambda: chance.choice([{}, {"k": 1}, ["v"], "text", 1.5]),
            "timestamptz": lambda: BEGIN + timedelta(seconds=chance.randint(-50, 400)),
            "interval": lambda: timedelta(seconds=chance.choice([0, 0, 5])),
            "float8": lambda: chance.choice([0.0, 5.0, 60.0, 0.1]),
        }
        return draws[kind]() if kind in draws else chance.randint(1, 4)


def _column(node: exp.Parameter) -> str:
    """Give the column that a parameter meets."""
    above = node.parent
    while isinstance(above, exp.Paren | exp.Cast | exp.Any | exp.Add | exp.Sub | exp.Coalesce):
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


class Original:
    """PostgreSQL with its connections, and a time that we set."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connections: list[Any] = []

    async def open(self, count: int) -> None:
        first = await asyncpg.connect(self.url)
        name = await first.fetchval("SELECT current_database()")
        await first.execute(
            f"""
            CREATE SCHEMA virtual;
            CREATE FUNCTION virtual.now() RETURNS timestamptz LANGUAGE sql STABLE
                AS $$ SELECT pg_catalog.current_setting('sim.now')::timestamptz $$;
            ALTER DATABASE {name} SET search_path = virtual, pg_catalog, public;
            ALTER DATABASE {name} SET sim.now = '{BEGIN.isoformat()}';
            ALTER DATABASE {name} SET timezone = 'UTC';
            -- Who closes a circle is to be the victim, as in the twin: only that one looks.
            ALTER DATABASE {name} SET deadlock_timeout = '1h';
            """
        )
        await first.close()
        await migrate(self.url)
        self.observer = await asyncpg.connect(self.url)
        self.pids: list[int] = []
        for _ in range(count):
            connection = await asyncpg.connect(self.url)
            await _prepare(connection)
            self.connections.append(connection)
            self.pids.append(await connection.fetchval("SELECT pg_backend_pid()"))
        rows = await self.observer.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('virtual', 'jobs')"
            " AND tablename <> 'alembic_version'"
        )
        self.tables = {
            row["tablename"] if row["schemaname"] == "virtual" else f"jobs.{row['tablename']}" for row in rows
        }

    async def empty(self) -> None:
        await self.observer.execute(f"TRUNCATE {', '.join(self.tables)} RESTART IDENTITY")

    async def set_time(self, connection: Any, now: datetime) -> None:
        await connection.execute(f"SET sim.now = '{now.isoformat()}'")

    async def waiting(self) -> set[int]:
        found = await self.observer.fetch(
            "SELECT pid FROM unnest($1::int[]) pid WHERE cardinality(pg_blocking_pids(pid)) > 0", self.pids
        )
        return {self.pids.index(row["pid"]) for row in found}

    async def contents(self) -> dict[str, list[dict[str, Any]]]:
        connection = self.connections[0]
        return {
            name: [dict(row) for row in await connection.fetch(f"SELECT * FROM {name}")]
            for name in self.tables
        }

    async def close(self) -> None:
        for connection in [*self.connections, self.observer]:
            connection.terminate()


class Twin:
    """The twin with as many connections, and the same time."""

    def __init__(self, count: int) -> None:
        self.now = BEGIN
        self.engine = Engine(clock=lambda: self.now)
        self.pool = Pool(self.engine, count)
        self.connections = list(self.pool._all)

    def waiting(self) -> set[int]:
        return {
            at
            for at, connection in enumerate(self.connections)
            if connection._running is not None and connection._running.waits_for is not None
        }

    def contents(self) -> dict[str, list[dict[str, Any]]]:
        return {
            name: [{k: json.loads(v) if isinstance(v, Json) else v for k, v in row.items()} for row in rows]
            for name, rows in self.engine.contents().items()
        }


async def outcome(connection: Any, text: str, arguments: list[Any], *, ordered: bool) -> Any:
    """Run a statement; gives what came of it so that it can be compared."""
    try:
        rows = await connection.fetch(text, *arguments)
    except asyncpg.PostgresError as error:
        return type(error).__name__, getattr(error, "constraint_name", None) or ""
    except (asyncpg.DataError, asyncpg.InterfaceError) as error:
        return (type(error).__name__,)
    plain = [_plain(row) for row in rows]
    return plain if ordered else sorted(plain, key=repr)


def _plain(row: Record | asyncpg.Record) -> dict[str, Any]:
    return dict(row.items())


async def settled(tasks: dict[int, asyncio.Task[Any]], twin: Twin) -> None:
    """Let the twin go on until everybody is done or waits."""
    for _ in range(200):
        await asyncio.sleep(0)
        if all(task.done() or at in twin.waiting() for at, task in tasks.items()):
            return
    raise AssertionError("the twin neither goes on nor waits")
