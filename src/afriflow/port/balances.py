"""What lies on an account at its provider, for people to see; optional for an adapter."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Balance:
    """What one wallet holds.

    country: alpha-2. amount: in units of the currency, with as many decimals as the provider told. wallet: the
    provider's own name of it, None where there is one for the whole country.
    """

    country: str
    currency: str
    amount: Decimal
    wallet: str | None = None


@runtime_checkable
class Balances(Protocol):
    """An adapter whose provider tells what an account holds."""

    async def balances(self) -> tuple[Balance, ...] | None:
        """Ask; moves no money. None when the provider could not be asked or understood; never raises for it."""
        ...
