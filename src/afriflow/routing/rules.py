"""What a merchant can say about routing: rules as data, the first that fits decides."""

from typing import Annotated

import msgspec
from msgspec import Meta

Names = Annotated[tuple[str, ...], Meta(max_length=20)]


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a payment must be for a rule to fit; an absent condition fits everything. Amounts in minor units."""

    country: str | None = None
    operator: str | None = None
    currency: str | None = None
    method: str | None = None
    amount_min: int | None = None
    amount_max: int | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """prefer: providers or account ids in the order they are asked. exclude: never asked."""

    when: When = When()
    prefer: Names = ()
    exclude: Names = ()


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A merchant's rules in one mode, in order."""

    rules: Annotated[tuple[Rule, ...], Meta(max_length=100)] = ()
