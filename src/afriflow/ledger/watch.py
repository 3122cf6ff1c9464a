"""Whoever looks at a page is told that something of it changed: one look a second for all listeners of a process.

Only while somebody listens. A change is known by its row and the time that the row bears. That time is the beginning
of a transaction that may commit later, so each look goes back further than any of our transactions lasts, and what an
earlier look has seen is not told again.
"""

import asyncio
from collections import defaultdict
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeAlias

from afriflow.core.clock import Clock
from afriflow.core.errors import Unavailable
from afriflow.core.transaction import Mode
from afriflow.db.engine import Database
from afriflow.ledger import watch_store as store
from afriflow.observe.log import logger, page

_log = logger("ledger")
# Our transactions take milliseconds; PostgreSQL ends one that is idle for longer than 30 s.
_BACK_SECONDS = 10.0
# A page and the database may not tell quite the same time; to be told once too often does no harm.
_SKEW = timedelta(seconds=1)

# merchant, mode, subject, time
_Change: TypeAlias = tuple[str, str, str, datetime]


class End(Enum):
    """Why a listener hears no more: for good, since nobody is signed in or newer pages took its place; or this process is going."""

    OVER = "over"
    GOING = "going"


@dataclass(eq=False, slots=True)
class Listener:
    """One page that is looked at. about: the one payment, refund or payout that it shows; None = any.

    since: when the page was made; None once what came between that and the first look was told.
    """

    merchant_id: str
    mode: Mode
    person_id: str
    about: str | None
    since: datetime | None
    called: asyncio.Event = field(default_factory=asyncio.Event)
    end: End | None = None

    def stop(self, why: End) -> None:
        self.end = why
        self.called.set()


class Watch:
    """The listeners of this process. look_seconds: between two looks. per_person_max: pages that one person keeps live."""

    def __init__(self, database: Database, clock: Clock, *, look_seconds: float, per_person_max: int) -> None:
        self._database = database
        self._clock = clock
        self._look_seconds = look_seconds
        self._per_person_max = per_person_max
        self._listeners: list[Listener] = []
        self._looking: asyncio.Task[None] | None = None
        self._is_going = False

    def listen(self, listener: Listener) -> None:
        """Begin to tell a listener; the oldest of a person who has too many is told no more."""
        if self._is_going:
            listener.stop(End.GOING)
            return
        me = (listener.merchant_id, listener.person_id)
        mine = [item for item in self._listeners if (item.merchant_id, item.person_id) == me]
        for item in mine[: max(0, len(mine) + 1 - self._per_person_max)]:
            item.stop(End.OVER)
            self._listeners.remove(item)
        self._listeners.append(listener)
        if listener.since is None or self._clock.now() - listener.since > timedelta(seconds=_BACK_SECONDS):
            listener.since = None
            listener.called.set()  # a page that was away may have missed anything
        if self._looking is None:
            # In a context of its own: what it says belongs to no request.
            self._looking = asyncio.create_task(self._look_on(), context=Context())
            self._looking.add_done_callback(self._ended)

    def leave(self, listener: Listener) -> None:
        """Tell a listener no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def close(self) -> None:
        """Let everybody go, now and from now on: this process is going, and pages look for another."""
        self._is_going = True
        self._let_go()

    def _let_go(self) -> None:
        for listener in self._listeners:
            listener.stop(End.GOING)
        self._listeners.clear()

    async def _look_on(self) -> None:
        seen, known = set[_Change](), set[str]()
        while self._listeners:
            listening = list(self._listeners)
            merchant_ids = {item.merchant_id for item in listening}
            try:
                found = await self._look(merchant_ids)
            except Unavailable:  # the next look goes as far back
                _log.warning("watch_is_blind")
            else:
                _tell(listening, found, {change for change in found - seen if change[0] in known})
                seen, known = found, merchant_ids
            await asyncio.sleep(self._look_seconds)

    async def _look(self, merchant_ids: set[str]) -> set[_Change]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(store.CHANGED, list(merchant_ids), _BACK_SECONDS)
        return {(row["merchant_id"], row["mode"], row["subject_id"], row["changed_at"]) for row in rows}

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A look that broke calls a person and lets the pages go: they come again, and it is begun anew."""
        self._looking = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            page(
                "watch_broke", error=error if isinstance(error, Exception) else None, reason=repr(error)[:300]
            )
            self._let_go()


def _tell(listeners: list[Listener], found: set[_Change], fresh: set[_Change]) -> None:
    """Call those whom a change concerns. found: all of the last seconds, for who came since the last look."""
    of_world: dict[tuple[str, str], list[Listener]] = defaultdict(list)
    for listener in listeners:
        of_world[listener.merchant_id, listener.mode.value].append(listener)
    for merchant_id, mode, subject_id, changed_at in found:
        is_fresh = (merchant_id, mode, subject_id, changed_at) in fresh
        for listener in of_world[merchant_id, mode]:
            is_missed = listener.since is not None and changed_at > listener.since - _SKEW
            if (is_fresh or is_missed) and listener.about in {None, subject_id}:
                listener.called.set()
    for listener in listeners:
        listener.since = None
