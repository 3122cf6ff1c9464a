"""What goes wrong in one run, drawn from its seed: each run has its own faults, each of its own strength.

A fixed mild mixture of everything hides bugs that need one fault strong and another absent; so each fault is
there or not by lot, and its strength is drawn log-uniformly.
"""

import math
import random
from dataclasses import dataclass, fields


def _fault(low: float, high: float, present: float = 0.5) -> tuple[float, float, float]:
    return low, high, present


@dataclass(frozen=True, slots=True)
class Swarm:
    """Probabilities of one event each, unless the name ends in a unit. (low, high, how often it is there at all)."""

    # A call to a provider.
    refuse_connection: float = _fault(0.01, 0.2)  # type: ignore[assignment]
    lose_request: float = _fault(0.01, 0.10)  # type: ignore[assignment]
    lose_answer: float = _fault(0.01, 0.3)  # type: ignore[assignment]
    hang: float = _fault(0.005, 0.05)  # type: ignore[assignment]
    arrive_late: float = _fault(0.005, 0.2)  # type: ignore[assignment]
    error_before: float = _fault(0.01, 0.10)  # type: ignore[assignment]
    error_after: float = _fault(0.01, 0.10)  # type: ignore[assignment]
    garbage: float = _fault(0.01, 0.05)  # type: ignore[assignment]
    unknown_word: float = _fault(0.005, 0.02)  # type: ignore[assignment]
    too_many: float = _fault(0.01, 0.05)  # type: ignore[assignment]
    query_dead: float = _fault(0.3, 1.0, 0.3)  # type: ignore[assignment]
    # What becomes of an order.
    refused: float = _fault(0.01, 0.3)  # type: ignore[assignment]
    hidden: float = _fault(0.02, 0.3)  # type: ignore[assignment]
    settle_late: float = _fault(0.01, 0.1)  # type: ignore[assignment]
    take_back: float = _fault(0.01, 0.1, 0.3)  # type: ignore[assignment]
    wrong_amount: float = _fault(0.005, 0.1, 0.3)  # type: ignore[assignment]
    # A notification.
    lose_callback: float = _fault(0.05, 1.0)  # type: ignore[assignment]
    double_callback: float = _fault(0.05, 0.5)  # type: ignore[assignment]
    forge_callback: float = _fault(0.01, 0.3)  # type: ignore[assignment]
    callback_delay_seconds: float = _fault(0.5, 300.0)  # type: ignore[assignment]
    # Our own machines.
    database_lost_before: float = _fault(0.0005, 0.01)  # type: ignore[assignment]
    database_lost_after: float = _fault(0.0005, 0.01)  # type: ignore[assignment]
    die: float = _fault(0.0005, 0.02, 0.7)  # type: ignore[assignment]
    stall: float = _fault(0.0002, 0.01, 0.4)  # type: ignore[assignment]
    redis_lost: float = _fault(0.05, 1.0)  # type: ignore[assignment]
    redis_flush_pause_seconds: float = _fault(5.0, 100.0, 0.3)  # type: ignore[assignment]
    clock_skew_seconds: float = _fault(1.0, 300.0, 0.3)  # type: ignore[assignment]
    # The merchant's side.
    shop_deaf: float = _fault(0.02, 0.5)  # type: ignore[assignment]
    shop_forgets_to_answer: float = _fault(0.01, 0.2)  # type: ignore[assignment]


CALM = Swarm(**{field.name: 0.0 for field in fields(Swarm)})


def draw(chance: random.Random) -> Swarm:
    """Draw which faults there are in this run, and how strong."""
    drawn: dict[str, float] = {}
    for field in fields(Swarm):
        low, high, present = field.default  # type: ignore[misc]
        strength = math.exp(chance.uniform(math.log(low), math.log(high)))
        drawn[field.name] = strength if chance.random() < present else 0.0
    return Swarm(**drawn)
