"""What waits for a person is said again every day: an alert that nobody heard is as good as none."""

from dataclasses import dataclass

from afriflow.db.engine import Database, one
from afriflow.observe.log import page
from afriflow.reconcile import store


@dataclass(frozen=True, slots=True)
class Reminder:
    """Counts what waits and calls a person while there is anything."""

    database: Database

    async def remind(self) -> None:
        """Say what waits: orders without an answer for a day, payments to be looked at, held jobs."""
        async with self.database.connection() as connection:
            found = await one(connection, store.WAITS_FOR_PEOPLE)
        counts = {name: found[name] for name in ("unresolved", "needs_review", "held_jobs")}
        if any(counts.values()):
            page("people_are_wanted", **counts)
