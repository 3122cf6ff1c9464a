"""The rules of one circuit breaker, pure: when it opens, who may probe it, and when it closes again.

The fleet shares its circuits in Redis, where `breaker.lua` keeps these same rules; a test holds the two together.
Each process also has its own, which carry on from what was last seen while Redis is away.
"""

from dataclasses import dataclass
from enum import StrEnum

# A window has this many buckets, so that it rolls and does not jump.
BUCKETS = 12
# Every probe is out; one of them will be back soon.
_PROBES_ARE_OUT_SECONDS = 1.0


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Verdict(StrEnum):
    """What a call said about who was called."""

    GOOD = "good"
    BAD = "bad"
    LOST = "lost"  # bad, and of the network: nothing usable came back
    RELEASE = "release"  # nothing at all


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """The reasons stand beside the settings of the same names (breaker_…). lease_seconds: how long a probe may take."""

    window_seconds: int
    calls_min: int
    failure_percent: int
    lost_in_a_row: int
    open_seconds: int
    open_seconds_max: int
    probes: int
    lease_seconds: int
    slow_seconds: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What a circuit answers. wait_seconds: until it may be asked again. turned: the state it has just gone into."""

    allowed: bool
    wait_seconds: float
    state: State
    rounds: int = 0
    is_probe: bool = False
    turned: State | None = None


class Circuit:
    """One circuit. Times are seconds of any clock that never goes back."""

    def __init__(self, limits: BreakerLimits) -> None:
        self._limits = limits
        self._close()

    def _close(self) -> None:
        self._open_until: float | None = None
        self._rounds = 0
        self._healed = 0
        self._lost = 0
        self._calls: dict[int, list[int]] = {}  # bucket: [good, bad]
        self._leases: dict[str, float] = {}

    def state(self, now: float) -> State:
        if self._open_until is None:
            return State.CLOSED
        return State.OPEN if now < self._open_until else State.HALF_OPEN

    def look(self, now: float) -> Seen:
        """May it be asked? Takes no probe."""
        if self._open_until is not None and now < self._open_until:
            return self._seen(now, wait_seconds=self._open_until - now)
        self._leases = {probe: until for probe, until in self._leases.items() if until > now}
        if self._open_until is not None and len(self._leases) >= self._limits.probes:
            return self._seen(now, wait_seconds=_PROBES_ARE_OUT_SECONDS)
        return self._seen(now)

    def ask(self, now: float, probe: str) -> Seen:
        """May it be asked now? Where it is unsure, an allowed call is a probe, which `tell` gives back."""
        seen = self.look(now)
        if not seen.allowed or seen.state is not State.HALF_OPEN:
            return seen
        self._leases[probe] = now + self._limits.lease_seconds
        return self._seen(now, is_probe=True)

    def tell(self, now: float, verdict: Verdict, probe: str, jitter: float) -> Seen:
        """Report how a call ended. jitter: what the next pause is multiplied by.

        While it is open, only who holds a probe is listened to: others report from before it opened.
        """
        is_mine = self._leases.pop(probe, 0.0) > now
        if verdict is Verdict.RELEASE or (self._open_until is not None and not is_mine):
            return self.look(now)
        if self._open_until is not None:
            return self._probed(now, verdict, jitter)
        bucket = self._roll(now)
        self._calls.setdefault(bucket, [0, 0])[0 if verdict is Verdict.GOOD else 1] += 1
        self._lost = self._lost + 1 if verdict is Verdict.LOST else 0
        good, bad = (sum(calls[kind] for calls in self._calls.values()) for kind in (0, 1))
        limits, calls = self._limits, good + bad
        too_many = calls >= limits.calls_min and bad * 100 >= limits.failure_percent * calls
        if verdict is not Verdict.GOOD and (self._lost >= limits.lost_in_a_row or too_many):
            return self._open(now, jitter)
        return self.look(now)

    def adopt(self, now: float, seen: Seen, probe: str = "") -> None:
        """Take over what the fleet knows; what this process has counted stays for when it is alone."""
        if seen.state is State.CLOSED:
            self._open_until, self._rounds, self._healed = None, 0, 0
            self._leases.clear()
            return
        self._open_until = now + seen.wait_seconds if seen.state is State.OPEN else now
        self._rounds = seen.rounds
        if seen.is_probe:
            self._leases[probe] = now + self._limits.lease_seconds
        else:
            self._leases.pop(probe, None)

    def _probed(self, now: float, verdict: Verdict, jitter: float) -> Seen:
        if verdict is not Verdict.GOOD:
            return self._open(now, jitter)
        self._healed += 1
        if self._healed < self._limits.probes:
            return self._seen(now)
        self._close()
        return self._seen(now, turned=State.CLOSED)

    def _open(self, now: float, jitter: float) -> Seen:
        limits, rounds, was_closed = self._limits, self._rounds, self._open_until is None
        seconds = min(limits.open_seconds_max, limits.open_seconds * 2**rounds) * jitter
        self._close()
        self._open_until, self._rounds = now + seconds, rounds + 1
        return self._seen(now, wait_seconds=seconds, turned=State.OPEN if was_closed else None)

    def _roll(self, now: float) -> int:
        bucket = int(now / self._limits.window_seconds * BUCKETS)
        self._calls = {at: calls for at, calls in self._calls.items() if bucket - at < BUCKETS}
        return bucket

    def _seen(
        self, now: float, *, wait_seconds: float = 0.0, is_probe: bool = False, turned: State | None = None
    ) -> Seen:
        return Seen(not wait_seconds, wait_seconds, self.state(now), self._rounds, is_probe, turned)
