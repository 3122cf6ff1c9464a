"""Every place at which a process can die: one payment's way, cut short at each boundary, and at pairs of them.

A scenario is a seed with a single payment and a drawn mixture of faults. It is played once to the end to count the
boundaries at which something leaves a process; then again and again, dying at one of them, or at two.
"""

import itertools
import random
from collections.abc import Iterator

from storm.run import Ground, Plan, run
from storm.swarm import CALM, Swarm, draw

# Scenarios: half of them without any other fault, so that the crash itself is what is seen.
SCENARIOS = 40


def schedules(ground: Ground, number: int) -> Iterator[Plan]:
    """Give so many crash schedules, spread over all scenarios; the same for the same number."""
    chance = random.Random(f"crashes {number}")
    each = -(-number // SCENARIOS)
    plans: list[Plan] = []
    for scenario in range(SCENARIOS):
        plain = Plan(10_000 + scenario, payments=1, swarm=_faults(scenario))
        boundaries = run(plain, ground).boundaries
        places = [frozenset({place}) for place in range(_FIRST, boundaries + 1)]
        pairs = [
            frozenset({place, place + chance.randrange(1, 60)})
            for place in itertools.islice(itertools.cycle(range(_FIRST, boundaries + 1)), each)
        ]
        chosen = chance.sample(places, min(each * 2 // 3, len(places)))
        chosen += chance.sample(pairs, each - len(chosen))
        plans += [Plan(plain.seed, payments=1, swarm=plain.swarm, crash_at=crash_at) for crash_at in chosen]
    return iter(plans[:number])


# The boundaries before are the furnishing of the house.
_FIRST = 12


def _faults(scenario: int) -> Swarm:
    if scenario % 2 == 0:
        return CALM
    drawn = draw(random.Random(f"scenario {scenario}"))
    # The crash is the schedule's: nobody else is killed or stalled.
    return Swarm(
        **{
            name: getattr(drawn, name) if name not in {"die", "stall"} else 0.0
            for name in Swarm.__dataclass_fields__
        }
    )
