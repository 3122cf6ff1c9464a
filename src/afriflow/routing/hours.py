"""How each account has done, hour by hour: counted by the clock from what was said and how orders ended, read by people.

Of a call it counts whether an answer came that says something (no 5xx, no 429) and how long it took; of an order
whether it ended well, where its end tells of the provider. Pages read these counts and never the exchanges themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from afriflow.core.method import OUR_OWN_WORDS
from afriflow.db.engine import Connection, Database, Record, one
from afriflow.routing import hours_store as store
from afriflow.routing.standing import COUNTS_AGAINST
from afriflow.settings import Settings

# So much at once, where the worker was away for long: a statement has its time.
_STEP = timedelta(hours=6)
# Pages look back a week; this is read anew when nothing was counted for longer.
_BACK_DAYS = 8


@dataclass(frozen=True, slots=True)
class Hour:
    """total: calls, or orders that ended. good: of these. slow: calls above the limit. milliseconds: of all together."""

    at: datetime
    total: int
    good: int
    slow: int
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Course:
    """The hours of one kind ("call", "order"), operation and operator (empty: of none), oldest first."""

    kind: str
    operation: str
    operator: str
    hours: Sequence[Hour]


@dataclass(frozen=True, slots=True)
class Hours:
    """Counts. slow_seconds: from when on an answer is as good as none. days: how long counts are kept."""

    database: Database
    slow_seconds: float
    days: int

    async def measure(self) -> None:
        """Count what has happened since the last time, of all merchants."""
        async with self.database.connection() as connection:
            row = await one(connection, store.BEGIN, _BACK_DAYS)
            begin, now = row["begin"], row["now"]
            while begin < now:
                arguments = (begin, begin + _STEP, int(self.slow_seconds * 1000))
                await connection.execute(store.MEASURE, *arguments, COUNTS_AGAINST, OUR_OWN_WORDS)
                begin += _STEP
            await connection.execute(store.FORGET, self.days)


def put_hours(database: Database, settings: Settings) -> Hours:
    return Hours(database, settings.breaker_slow_seconds, settings.account_hours_days)


async def courses_of(
    connection: Connection, merchant_id: str, account_id: str, since: datetime
) -> list[Course]:
    """Give how an account has done since a time, orders before calls."""
    rows = await connection.fetch(store.HOURS, merchant_id, account_id, since)
    grouped: dict[tuple[str, str, str], list[Record]] = {}
    for row in rows:
        grouped.setdefault((row["kind"], row["operation"], row["operator"]), []).append(row)
    return [
        Course(
            *key,
            [
                Hour(row["hour"], *(row[name] for name in ("total", "good", "slow", "milliseconds")))
                for row in found
            ],
        )
        for key, found in grouped.items()
    ]
