"""Whether what must hold does hold: the rules asked of a live database, and nothing in it changed by the asking."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from afriflow.db.engine import Connection, Database, Record, one
from afriflow.observe.log import logger, page
from afriflow.reconcile import store
from afriflow.reconcile.rules import RULES, Reach, Rule

_log = logger("reconcile")
# PostgreSQL's own beginning and end of time are no Python dates; no row of ours is older or younger than these.
_EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
# A person needs a few to see the pattern; the rest would only be as many again.
_FOUND_MAX = 100
# After an outage the missed time is made up for in pieces, each cheap, one a minute.
_WINDOW_SECONDS = 3600.0
# `updated_at` is when a transaction began. It is committed within this time, or PostgreSQL has ended it.
_STILL_OPEN_SECONDS = 120.0
# Rule, merchant and subject.
_Key: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Violation:
    """A row that breaks a rule. subject_id: the transaction, refund, payout or notification. detail: what is wrong."""

    rule: str
    merchant_id: str
    subject_id: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What the last looks found. age_seconds: since the last one ended, None before the first."""

    age_seconds: float | None
    violations: dict[str, int]


async def look_at_everything(connection: Connection) -> dict[Rule, list[Violation]]:
    """Ask every rule of the whole database. The connection can only read from now on."""
    await connection.execute(store.ONLY_READ)
    return {rule: await _broken(connection, rule, _EVER, ()) for rule in RULES}


async def last_report(connection: Connection) -> Report:
    """Say what the looks by the clock have found that is not put right."""
    age: object = await connection.fetchval(store.AUDIT_AGE)
    found = {row["rule"]: row["count"] for row in await connection.fetch(store.VIOLATIONS_PER_RULE)}
    return Report(
        None if age is None else float(str(age)), {rule.name: found.get(rule.name, 0) for rule in RULES}
    )


@dataclass(frozen=True, slots=True)
class Auditor:
    """Looks every minute at what changed and at all that is open, and calls a person once for each violation."""

    database: Database

    async def look(self) -> None:
        """Look on from where the last look ended. What was broken stays so until it is seen whole."""
        async with self.database.connection() as connection:
            await connection.execute(store.AUDIT_BEGIN)
            row = await one(connection, store.AUDIT_WINDOW, _STILL_OPEN_SECONDS, _WINDOW_SECONDS)
            known = {_key(item) for item in await connection.fetch(store.VIOLATIONS_OPEN)}
            found: dict[_Key, Violation] = {}
            unsure: set[str] = set()
            for rule in RULES:
                if rule.reach is Reach.EVERYTHING:
                    continue
                before = [
                    (merchant_id, subject_id) for name, merchant_id, subject_id in known if name == rule.name
                ]
                broken = await _broken(connection, rule, (row["since"], row["until"]), before)
                found |= {(item.rule, item.merchant_id, item.subject_id): item for item in broken}
                if len(broken) >= _FOUND_MAX:  # there may be more, and what was known may be among them
                    unsure.add(rule.name)
        gone = {key for key in known - set(found) if key[0] not in unsure}
        if await self._keep(row, list(found.values()), gone):
            for key in set(found) - known:
                page("invariant_violated", rule=key[0], subject_id=key[2], detail=found[key].detail)
            _log.info("audited", found=len(found), gone=len(gone))

    async def _keep(self, window: Record, found: Sequence[Violation], gone: set[_Key]) -> bool:
        """Write down what was found; False when another look overtook this one, which then has nothing to say."""
        async with self.database.transaction() as connection:
            done = await connection.execute(store.AUDIT_DONE, window["looked_until"], window["until"])
            if done == "UPDATE 0":
                return False
            for item in found:
                await connection.execute(
                    store.VIOLATION_FOUND, item.merchant_id, item.rule, item.subject_id, item.detail
                )
            for rule, merchant_id, subject_id in gone:
                await connection.execute(store.VIOLATION_GONE, merchant_id, rule, subject_id)
        return True


def _key(row: Record) -> _Key:
    return row["rule"], row["merchant_id"], row["subject_id"]


async def _broken(
    connection: Connection,
    rule: Rule,
    window: tuple[datetime, datetime],
    known: Sequence[tuple[str, str]],
) -> list[Violation]:
    arguments: tuple[object, ...] = (_FOUND_MAX,)
    if rule.reach is Reach.CHANGED:
        merchants, subjects = [merchant for merchant, _ in known], [subject for _, subject in known]
        arguments = (*window, merchants, subjects, _FOUND_MAX)
    rows = await connection.fetch(rule.query, *arguments)
    return [Violation(rule.name, row["merchant_id"], row["subject_id"], row["detail"]) for row in rows]
