"""What time it is: one protocol, so that tests and simulation can turn the hands."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time, always timezone-aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock; the only place in the product that reads it."""

    def now(self) -> datetime:
        return datetime.now(UTC)
