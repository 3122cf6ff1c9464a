"""How payments went, summed up by the hour in which each was made, so that a month of a million is read at once.

An hour is never added to: when something of it changed, however late, all of it is summed up anew. So it may be done
twice, and what a crash left undone is done by the next run. Whoever reads takes the sums that stand, and counts
himself the hours that changed since: what is shown is true now, with or without a worker.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from afriflow.core.ids import first_id
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Database, one
from afriflow.ledger import tally_store as store

# A change bears the time at which its transaction began, and none lasts as long as this.
_LATE = timedelta(minutes=1)
# A run goes on from where the last one came to; after a long pause in steps, each a transaction of its own.
_STEP = timedelta(hours=6)
# An id bears the time of the machine that made it, a payment's row that of the database.
_CLOCKS_DIFFER = timedelta(minutes=10)
_HOUR = timedelta(hours=1)
# Before the first run nothing is summed up.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Sums:
    """Of payments, or of orders to one provider. ended: one way or the other. amount_minor: of those that succeeded.

    took: how many of them were paid in how long, by the classes of `TOOK_SECONDS`.
    """

    begun: int = 0
    ended: int = 0
    succeeded: int = 0
    amount_minor: int = 0
    took: list[int] = field(default_factory=lambda: [0] * (len(store.TOOK_SECONDS) + 1))

    def add(self, other: "Sums") -> None:
        self.begun += other.begun
        self.ended += other.ended
        self.succeeded += other.succeeded
        self.amount_minor += other.amount_minor
        self.took = [mine + more for mine, more in zip(self.took, other.took, strict=True)]

    @property
    def percent(self) -> int | None:
        """How many of those that ended succeeded; None while none has ended."""
        return 100 * self.succeeded // self.ended if self.ended else None

    @property
    def median_seconds(self) -> int | None:
        """How long half of the payers took at most, to about a tenth of it; None where nobody has paid."""
        wanted = sum(self.took)
        if not wanted:
            return None
        passed = 0
        for below, until, count in zip((0, *store.TOOK_SECONDS), store.TOOK_SECONDS, self.took, strict=False):
            if 2 * (passed + count) >= wanted:
                return below + (until - below) * (wanted - 2 * passed) // (2 * count)
            passed += count
        return store.TOOK_SECONDS[-1]


@dataclass(frozen=True, slots=True)
class Way:
    """One way that orders went. operator: empty = a card."""

    provider: str
    operator: str
    country: str
    currency: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class Tally:
    """How payments of a period went: all of them by hour and currency, and each way by itself."""

    hours: Sequence[tuple[datetime, str, Sums]]
    ways: Sequence[Way]


async def read_tally(
    database: Database, merchant_id: str, mode: Mode, since: datetime, until: datetime
) -> Tally:
    """Sum up the payments that were made from `since` on and before `until`, both at full hours of UTC."""
    async with database.snapshot() as connection:
        known = await connection.fetchval(store.UNTIL)
        after = known - _LATE if known else _NEVER
        rows = await connection.fetch(store.HOURS_CHANGED_OF, merchant_id, mode, after)
        changed = _by_ids([row["hour"] for row in rows if since <= row["hour"] < until])
        found = await connection.fetch(store.TALLY, merchant_id, mode, *changed, since, until)
    sums = [
        (
            row,
            Sums(row["begun"], row["ended"], row["succeeded"], int(row["amount_minor"]), list(row["took"])),
        )
        for row in found
    ]
    return Tally(
        sorted(
            ((row["hour"], row["currency"], item) for row, item in sums if row["hour"]),
            key=lambda item: item[:2],
        ),
        [
            Way(row["provider"], row["operator"], row["country"], row["currency"], item)
            for row, item in sums
            if row["hour"] is None
        ],
    )


@dataclass(frozen=True, slots=True)
class Tallier:
    """Sums up, by the clock, the hours in which something changed."""

    database: Database

    async def tally(self) -> None:
        """Go on from where the last run came to, until now."""
        async with self.database.connection() as connection:
            await connection.execute(store.UNTIL_BEGIN)
        while not await self._step():
            pass

    async def _step(self) -> bool:
        """Sum up what changed in one stretch of time; gives whether that came to now."""
        async with self.database.transaction() as connection:
            row = await one(connection, store.UNTIL_LOCK)
            until = min(row["now"], row["until"] + _STEP)
            hours: dict[tuple[str, str], list[datetime]] = defaultdict(list)
            for item in await connection.fetch(store.HOURS_CHANGED, row["until"] - _LATE, until):
                hours[item["merchant_id"], item["mode"]].append(item["hour"])
            for (merchant_id, mode), changed in hours.items():
                await _sum_up(connection, merchant_id, mode, changed)
            await connection.execute(store.UNTIL_SET, until)
        return until == row["now"]


async def _sum_up(connection: Connection, merchant_id: str, mode: str, hours: Sequence[datetime]) -> None:
    await connection.execute(store.HOURS_FORGET, merchant_id, mode, hours)
    await connection.execute(store.HOURS_SUM, merchant_id, mode, *_by_ids(hours))


def _by_ids(hours: Sequence[datetime]) -> tuple[Sequence[datetime], list[str], list[str]]:
    """Give hours with the ids between which their payments are."""
    return (
        hours,
        [first_id("txn", hour - _CLOCKS_DIFFER) for hour in hours],
        [first_id("txn", hour + _HOUR + _CLOCKS_DIFFER) for hour in hours],
    )
