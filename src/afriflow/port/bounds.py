"""What a provider tells about an account while it runs: limits, decimals, and who is open; optional for an adapter."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Bound:
    """What an account may do for one operator in one currency now, over what the provider's SPEC says in general.

    outgoing: of payouts. minimum_minor, maximum_minor, decimals: None where the provider does not tell.
    """

    outgoing: bool
    operator: str
    currency: str
    minimum_minor: int | None
    maximum_minor: int | None
    decimals: int | None
    is_open: bool


@runtime_checkable
class Bounds(Protocol):
    """An adapter whose provider tells about the account."""

    async def bounds(self) -> tuple[Bound, ...] | None:
        """Ask what the account may do now; None when the provider could not be asked."""
        ...
