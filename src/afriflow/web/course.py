"""How the hours of an account are drawn: bars of the same width, and the numbers beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from afriflow.core.language import keys, say
from afriflow.core.operator import operators
from afriflow.routing.hours import Course, Hour
from afriflow.web.chart import Chart, draw

WINDOWS = {"day": 24, "week": 168}
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A course with its numbers. key: its name in an address. percent: that were good. mean_ms, worst_ms: of an hour.

    shares: how much of each hour was good. latency: how long it took, in red where one call in a hundred or more was slow.
    """

    key: str
    kind: str
    name: str
    who: str
    total: int
    percent: int
    slow: int
    mean_ms: int
    worst_ms: int
    shares: Chart
    latency: Chart
    hours: Sequence[Hour]


def beginning(now: datetime, window: str) -> datetime:
    """Give the first hour of a drawing that ends with the hour of now."""
    return now.replace(minute=0, second=0, microsecond=0) - (WINDOWS[window] - 1) * _HOUR


def drawn(course: Course, since: datetime, window: str, language: str) -> Drawn:
    total, good, slow, milliseconds = (
        sum(getattr(hour, name) for hour in course.hours)
        for name in ("total", "good", "slow", "milliseconds")
    )
    by_place = {(hour.at - since) // _HOUR: hour for hour in course.hours}
    places = [by_place.get(place) for place in range(WINDOWS[window])]
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
        worst_ms=max(_mean_ms(hour) for hour in course.hours),
        shares=draw([_share(hour) if hour else [] for hour in places]),
        latency=draw([[(_pace(hour), max(1, _mean_ms(hour)))] if hour else [] for hour in places]),
        hours=course.hours,
    )


def _share(hour: Hour) -> list[tuple[str, int]]:
    good = 100 * hour.good // hour.total
    return [("good", good), ("bad", 100 - good)]


def _pace(hour: Hour) -> str:
    return "bad" if 100 * hour.slow >= hour.total else "calm"


def _mean_ms(hour: Hour) -> int:
    return hour.milliseconds // hour.total


def _name(course: Course, language: str) -> str:
    """Name what is counted; a call that only its adapter knows has the adapter's name."""
    key = f"provider.{course.kind}_{course.operation}"
    return say(key, language) if key in keys(language) else course.operation
