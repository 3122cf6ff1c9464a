"""Mutants by the thousand, from a seed: each is refused, or says the same as the message that it was made of.

scripts/mutants --count 1000000 --seed 1
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Protocol

from mutants.message import Message, mutate
from mutants.pawapay import PawaPayAnswers, PawaPayCallbacks
from mutants.paydunya import PayDunya
from mutants.standard_webhooks import OurMessages, VerifierOfTheDocuments


class Scheme(Protocol):
    """How one kind of message proves where it comes from."""

    name: str
    covered: tuple[str, ...]

    def genuine(self, chance: random.Random) -> Message:
        """Give a message that must be accepted."""
        ...

    def special(self, chance: random.Random, message: Message) -> tuple[str, Message]:
        """Do to it what only this scheme knows: another key, algorithm, merchant or mode."""
        ...

    def same(self, message: Message, mutant: Message) -> str | None:
        """Say which documented equivalence makes a mutant the same message; None when it is another."""
        ...

    async def accepts(self, message: Message) -> bool:
        """Ask the product."""
        ...


SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (PawaPayCallbacks(), PawaPayAnswers(), PayDunya(), OurMessages(), VerifierOfTheDocuments())
}


@dataclass
class Figures:
    """What became of the mutants. accepted, faults: those that should not be, by what was done and with the message."""

    mutants: int = 0
    refused: int = 0
    same: Counter[str] = field(default_factory=Counter[str])
    accepted: list[tuple[str, Message]] = field(default_factory=list)
    faults: list[tuple[str, Message, Exception]] = field(default_factory=list)
    seconds: float = 0.0


async def hunt(scheme: Scheme, count: int, seed: int) -> Figures:
    """Make mutants until this many were none of the documented equivalences, and judge them all."""
    chance = random.Random(f"{seed} {scheme.name}")
    figures, began = Figures(), time.process_time()
    while figures.mutants < count:
        message = scheme.genuine(chance)
        assert await scheme.accepts(message), f"{scheme.name}: the genuine one was refused"
        for _ in range(50):
            how, mutant = (
                scheme.special(chance, message)
                if chance.random() < 0.25
                else mutate(chance, message, scheme.covered)
            )
            equivalence = scheme.same(message, mutant)
            try:
                accepted = await scheme.accepts(mutant)
            except Exception as error:  # noqa: BLE001 — what must never come is what is looked for
                figures.faults.append((how, mutant, error))
                accepted = False
            if equivalence is not None:
                figures.same[equivalence] += 1
                continue
            figures.mutants += 1
            figures.refused += not accepted
            if accepted:
                figures.accepted.append((how, mutant))
    figures.seconds = time.process_time() - began
    return figures


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--count", type=int, default=1_000_000, help="mutants of each scheme")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--scheme", choices=SCHEMES, action="append", help="only this one; may be repeated")
    given: Any = asked.parse_args()
    bad = 0
    for name in given.scheme or SCHEMES:
        found = asyncio.run(hunt(SCHEMES[name], given.count, given.seed))
        bad += len(found.accepted) + len(found.faults)
        print(
            f"{name}: {found.mutants} mutants, {found.refused} refused, {len(found.accepted)} accepted,"
            f" {len(found.faults)} faults, {found.seconds:.0f} s; the same message: {dict(found.same)}",
            flush=True,
        )
        for how, mutant, *error in [*found.accepted, *found.faults][:10]:
            print(f"  {how}: {mutant!r:.1500} {error}")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
