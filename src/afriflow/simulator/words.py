"""Where a provider's messages say how much and how it stands, so that faults can put something else there."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, cast

Path = tuple[str, ...]
Content = dict[str, Any]

# In no provider's documents.
UNKNOWN_WORD = "TRANSMOGRIFIED"


@dataclass(frozen=True, slots=True)
class Words:
    """Where it stands, in answers and in callbacks alike.

    amounts: all that name the money, each a path of field names, ("invoice", "total_amount"); those that a message
    has not are passed over. statuses: the first that a message has is its status.
    """

    amounts: tuple[Path, ...] = ()
    statuses: tuple[Path, ...] = ()

    def with_wrong_amount(self, content: Content) -> Content:
        """Name one unit less, in the notation that is there: the payer seems to have paid too little."""
        for path in self.amounts:
            content = _changed(content, path, _one_less)
        return content

    def with_status(self, content: Content, word: str) -> Content:
        def other(_: object) -> object:
            return word

        for path in self.statuses:
            changed = _changed(content, path, other)
            if changed is not content:
                return changed
        return content


def _changed(content: Content, path: Path, change: Callable[[object], object]) -> Content:
    """Give a copy with one value changed; the very same content when there is none."""
    name, rest = path[0], path[1:]
    if name not in content:
        return content
    value: object = content[name]
    if not rest:
        return {**content, name: change(value)}
    if not isinstance(value, dict):
        return content
    inner = cast("Content", value)
    changed = _changed(inner, rest, change)
    return content if changed is inner else {**content, name: changed}


def _one_less(amount: object) -> object:
    if isinstance(amount, int | float):
        return amount - 1
    try:
        return str(Decimal(str(amount)) - 1)
    except InvalidOperation:
        return amount
