"""What becomes of a job whose handler raised: one table, by the class of what was raised; the first row that fits.

A wait is no failure and uses up no try. A failure is tried again after the row's pauses (else the task's own), ±20 %,
and is held for a person when they are used up. What waiting cannot change is held at once.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg
import msgspec

from afriflow.core.errors import Fault, ProviderBusy, Refusal, Unavailable
from afriflow.db.engine import POSTGRESQL_AWAY
from afriflow.jobs.queue import Hold, Snooze

# Jobs that failed together must not come again together.
_JITTER = (0.8, 1.2)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. waits: no try is used up. pauses_seconds: None = the task's own; empty = held at once."""

    classes: tuple[type[Exception], ...]
    why: str
    waits: bool = False
    pauses_seconds: tuple[float, ...] | None = None


RULES = (
    Rule((Snooze,), "nothing is wrong, but not now; the handler says when", waits=True),
    Rule((ProviderBusy,), "the provider has enough to do; it says when", waits=True),
    Rule((Unavailable, *POSTGRESQL_AWAY), "our own database is away: no job is to blame", waits=True),
    Rule((Hold,), "the handler knows that it will never succeed", pauses_seconds=()),
    Rule((Refusal,), "what is refused now is refused tomorrow", pauses_seconds=()),
    Rule((msgspec.ValidationError, msgspec.DecodeError), "a payload does not mend itself", pauses_seconds=()),
    Rule(
        (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError),
        "somebody else went first; it is over in a moment",
        pauses_seconds=(0.2, 1, 5, 30, 120),
    ),
    Rule((Fault,), "a person is called, and may mend it within the hour", pauses_seconds=(60, 600, 3600)),
    Rule(
        (TypeError, LookupError, AttributeError, ValueError, AssertionError),
        "most likely a mistake of ours: a release mends it, and trying often does not",
        pauses_seconds=(30, 600, 3600),
    ),
    Rule((Exception,), "the network, a provider, a merchant: most of it passes"),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """again_in_seconds: None = held for a person. waits: it did not fail."""

    again_in_seconds: float | None
    waits: bool = False


def judge(error: Exception, tries: int, pauses_seconds: tuple[float, ...], chance: random.Random) -> Verdict:
    """Decide what becomes of a job. tries: failures before this one. pauses_seconds: the task's own."""
    rule = next(rule for rule in RULES if isinstance(error, rule.classes))
    if rule.waits:
        return Verdict(_asked(error), waits=True)
    pauses = pauses_seconds if rule.pauses_seconds is None else rule.pauses_seconds
    if tries >= len(pauses):
        return Verdict(None)
    return Verdict(pauses[tries] * chance.uniform(*_JITTER))


# When our own database is away: it is usually back within a second.
_AWAY_SECONDS = 2.0


def _asked(error: Exception) -> float:
    """Read how long a wait is."""
    if isinstance(error, Snooze):
        return error.seconds
    facts: Mapping[str, object] = error.facts if isinstance(error, ProviderBusy) else {}
    seconds = facts.get("retry_after_seconds", _AWAY_SECONDS)
    return float(seconds) if isinstance(seconds, int | float) else _AWAY_SECONDS
