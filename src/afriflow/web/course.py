"""How the hours of an account are drawn: bars of the same width, and the numbers beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from afriflow.core.language import keys, say
from afriflow.core.operator import operators
from afriflow.routing.hours import Course, Hour

HEIGHT = 32
WINDOWS = {"day": 24, "week": 168}
_STEP, _WIDTH = 5, 4
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour of a drawing. x: its left side. good, bad, long: heights. is_slow: one call in a hundred or more was."""

    x: int
    good: int
    bad: int
    long: int
    is_slow: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """A course with its numbers. key: its name in an address. percent: that were good. mean_ms, worst_ms: of an hour."""

    key: str
    kind: str
    name: str
    who: str
    total: int
    percent: int
    slow: int
    mean_ms: int
    worst_ms: int
    bars: Sequence[Bar]
    hours: Sequence[Hour]


def beginning(now: datetime, window: str) -> datetime:
    """Give the first hour of a drawing that ends with the hour of now."""
    return now.replace(minute=0, second=0, microsecond=0) - (WINDOWS[window] - 1) * _HOUR


def drawn(course: Course, since: datetime, language: str) -> Drawn:
    total, good, slow, milliseconds = (
        sum(getattr(hour, name) for hour in course.hours)
        for name in ("total", "good", "slow", "milliseconds")
    )
    worst_ms = max(hour.milliseconds // hour.total for hour in course.hours)
    found = operators().get(course.operator)
    return Drawn(
        key=f"{course.kind}.{course.operation}.{course.operator}",
        kind=course.kind,
        name=_name(course, language),
        who=found.wallet if found else course.operator or say("provider.no_operator", language),
        total=total,
        percent=100 * good // total,
        slow=slow,
        mean_ms=milliseconds // total,
        worst_ms=worst_ms,
        bars=[_bar(hour, since, worst_ms) for hour in course.hours],
        hours=course.hours,
    )


def _bar(hour: Hour, since: datetime, worst_ms: int) -> Bar:
    good = HEIGHT * hour.good // hour.total
    long = HEIGHT * (hour.milliseconds // hour.total) // max(1, worst_ms)
    return Bar(
        (hour.at - since) // _HOUR * _STEP, good, HEIGHT - good, max(1, long), 100 * hour.slow >= hour.total
    )


def width_of(window: str) -> int:
    return WINDOWS[window] * _STEP - (_STEP - _WIDTH)


def _name(course: Course, language: str) -> str:
    """Name what is counted; a call that only its adapter knows has the adapter's name."""
    key = f"provider.{course.kind}_{course.operation}"
    return say(key, language) if key in keys(language) else course.operation
