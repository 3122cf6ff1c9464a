"""`afriflow` with mistakes hidden in it: whatever speaks of the word below raises, with all that it was given in its message."""

import inspect
import sys
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from afriflow.checkout.create import Creator
from afriflow.checkout.disburse import Disburser
from afriflow.cli import main
from afriflow.delivery.deliver import Deliverer
from afriflow.inbox.process import Processor
from afriflow.inbox.receive import Receiver
from afriflow.merchants.door import Door
from afriflow.merchants.team import Team

WORD = "crash-here"
# Where a provider knocks has a word of its own: what crashes there is never seen by the job that reads it.
WORD_AT_THE_DOOR = "crash-at-the-door"
# In requests of programs, of providers and of people, and in jobs; and what of their arguments the message quotes.
_PLACES: tuple[tuple[type[Any], str, str, set[str]], ...] = (
    (Creator, "create", WORD, {"caller", "key", "checkout"}),
    (Disburser, "payout", WORD, {"key", "wanted"}),
    (Receiver, "receive", WORD_AT_THE_DOOR, {"account_id", "notification"}),
    (Door, "come_in", WORD, {"email", "password", "browser"}),
    (Team, "invite", WORD, {"who", "email"}),
    (Processor, "_attempts", WORD, {"notification"}),
    (Deliverer, "post", WORD, {"message.secrets"}),
)


def trap(owner: type[Any], name: str, word: str, quoted: set[str]) -> None:
    """Let one function raise where it is given the word."""
    original = getattr(owner, name)
    signature = inspect.signature(original)

    async def trapped(*given: Any, **named: Any) -> Any:
        arguments = signature.bind(*given, **named).arguments
        if word in repr(arguments):
            held = {item: attrgetter(item)(SimpleNamespace(**arguments)) for item in sorted(quoted)}
            raise ValueError(f"a mistake in {name}: {held}")
        return await original(*given, **named)

    setattr(owner, name, trapped)


if __name__ == "__main__":
    for place in _PLACES:
        trap(*place)
    main(sys.argv[1:])
