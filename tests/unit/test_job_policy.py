"""What becomes of a job that raised: the table is read from the top, waits cost no try, pauses are spread and end."""

import random
from typing import Any

import asyncpg
import msgspec
import pytest

from afriflow.core.errors import BadAccount, NotFound, ProviderBusy, Unavailable
from afriflow.jobs.policy import RULES, judge
from afriflow.jobs.queue import Hold, Snooze

OWN = (1, 5, 30)


def verdicts(error: Exception) -> list[float | None]:
    """What is said of the first failure, the second one, … until it is held."""
    found: list[float | None] = []
    for tries in range(20):
        verdict = judge(error, tries, OWN, random.Random(1))
        assert not verdict.waits
        found.append(verdict.again_in_seconds)
        if verdict.again_in_seconds is None:
            break
    return found


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Snooze(17.0), 17.0),
        (ProviderBusy(retry_after_seconds=40), 40.0),
        (Unavailable(), 2.0),
        (asyncpg.InterfaceError("connection is closed"), 2.0),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle of operation"), 2.0),
    ],
)
def test_a_wait_is_as_long_as_was_asked_and_costs_no_try_however_often(
    error: Exception, seconds: float
) -> None:
    for tries in (0, 3, 1000):
        verdict = judge(error, tries, OWN, random.Random(tries))
        assert (verdict.again_in_seconds, verdict.waits) == (seconds, True)


@pytest.mark.parametrize(
    "error", [Hold("never"), NotFound(id="x"), msgspec.ValidationError("no"), msgspec.DecodeError("no")]
)
def test_what_waiting_cannot_change_is_held_at_once(error: Exception) -> None:
    assert verdicts(error) == [None]


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (asyncpg.DeadlockDetectedError("x"), (0.2, 1, 5, 30, 120)),
        (asyncpg.SerializationError("x"), (0.2, 1, 5, 30, 120)),
        (BadAccount(account_id="a", reason="b"), (60, 600, 3600)),
        (KeyError("x"), (30, 600, 3600)),
        (TypeError("x"), (30, 600, 3600)),
        (OSError("x"), OWN),
        (TimeoutError(), OWN),
        (RuntimeError("x"), OWN),
    ],
)
def test_each_class_has_its_own_pauses_and_then_a_person(error: Exception, pauses: Any) -> None:
    found = verdicts(error)
    assert len(found) == len(pauses) + 1
    for again, pause in zip(found, pauses, strict=False):
        assert again is not None
        assert pause * 0.8 <= again <= pause * 1.2


def test_jobs_that_failed_together_do_not_come_again_together() -> None:
    chance = random.Random(7)
    assert len({judge(OSError(), 2, OWN, chance).again_in_seconds for _ in range(50)}) == 50
    assert judge(OSError(), 2, OWN, random.Random(7)) == judge(OSError(), 2, OWN, random.Random(7))


def test_the_last_row_takes_whatever_no_other_does_and_no_row_hides_another() -> None:
    assert RULES[-1].classes == (Exception,)
    seen: list[type[Exception]] = []
    for rule in RULES:
        for kind in rule.classes:
            assert not any(issubclass(kind, earlier) for earlier in seen), f"{kind} is never reached"
        seen += rule.classes
    assert all(rule.why for rule in RULES)
