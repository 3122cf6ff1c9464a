"""How an account has done lately for an operator: the ends of its orders, each the lighter the longer it is ago."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What weighed for an account and what against it when it was last measured.

    operation: initiate or disburse. operator: None for a card. good, bad: weights of ends, 1 = one end just now.
    """

    operation: str
    operator: str | None
    good: float
    bad: float
    measured_at: datetime
