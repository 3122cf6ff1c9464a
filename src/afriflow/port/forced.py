"""What a person has decided about one circuit of an account for a time: asked whatever happens, or not at all."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Forced:
    """A circuit that is held open or closed until a time, whatever it learns meanwhile.

    operation: initiate or disburse. operator: None = the account's own circuit. is_open: not asked; else asked.
    """

    operation: str
    operator: str | None
    is_open: bool
    until: datetime
    by: str
    why: str
