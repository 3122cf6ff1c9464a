"""What a provider tells about an account while it runs: limits, decimals, who is open, how payers approve; optional for an adapter."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from afriflow.core.method import Authorization, Guide


@dataclass(frozen=True, slots=True)
class Bound:
    """What an account may do for one operator in one currency now, over what the provider's SPEC says in general.

    outgoing: of payouts. minimum_minor, maximum_minor, decimals, authorization, guide: None where the provider does
    not tell.
    """

    outgoing: bool
    operator: str
    currency: str
    minimum_minor: int | None
    maximum_minor: int | None
    decimals: int | None
    is_open: bool
    authorization: Authorization | None = None
    guide: Guide | None = None


@runtime_checkable
class Bounds(Protocol):
    """An adapter whose provider tells about the account."""

    async def bounds(self) -> tuple[Bound, ...] | None:
        """Ask what the account may do now; None when the provider could not be asked."""
        ...
