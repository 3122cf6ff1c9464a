"""What an adapter finds out about its own account before any payment; optional for an adapter.

What holds for every provider (do the keys work, does the clock agree, is our address reached) `doctor` asks itself;
here stands what only the provider knows: switches of its dashboard, addresses it has noted, who is open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, or could not be. code: of its sentence under [doctor], which says what to mend."""

    code: str
    good: bool
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    looked_at: bool = True


@runtime_checkable
class Examines(Protocol):
    """An adapter whose provider tells how the account is set up."""

    async def examine(self) -> list[Finding]:
        """Look at the account as the provider has it; moves no money, never raises for network or provider."""
        ...
