"""The slow signal beside the circuits: how orders ended lately decides who is asked first, and never whether.

What a payer did (declined, no money, a wrong code) tells nothing of the provider and counts nowhere, and neither does
what we ended ourselves. Of an account that nobody is sent to any more the evidence fades, until it is tried again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from afriflow.core.method import OUR_OWN_WORDS, FailureCode
from afriflow.db.engine import Database
from afriflow.merchants.accounts import Contract
from afriflow.merchants.standing import Standing
from afriflow.routing import store
from afriflow.settings import Settings

# After so many half-lives an end weighs 6 % of itself: it is not looked for any more.
_HALF_LIVES = 4
COUNTS_AGAINST = tuple(code.value for code in FailureCode if code.is_providers_fault)


@dataclass(frozen=True, slots=True)
class StandingLimits:
    """The reasons stand beside the settings of the same names (standing_…)."""

    half_life_seconds: int
    prior_outcomes: int
    prior_percent: int
    behind_percent: int


def standing_limits(settings: Settings) -> StandingLimits:
    return StandingLimits(
        settings.standing_half_life_seconds,
        settings.standing_prior_outcomes,
        settings.standing_prior_percent,
        settings.standing_behind_percent,
    )


@dataclass(frozen=True, slots=True)
class Score:
    """What an account is expected to do. percent: of orders that end well. outcomes: how many ends speak for it."""

    percent: int
    outcomes: int


@dataclass(frozen=True, slots=True)
class Peers:
    """How accounts are compared: in which operation, at which time, by which limits."""

    operation: str
    now: datetime
    limits: StandingLimits

    def score(self, contract: Contract, operator: str | None) -> Score | None:
        """Say what is to be expected of an account for one operator; None where nothing is known of it."""
        for standing in contract.standings:
            if (standing.operation, standing.operator) == (self.operation, operator):
                found = score(standing, self.now, self.limits)
                return found if found.outcomes else None
        return None

    def are_behind(self, found: Sequence[Score | None]) -> list[bool]:
        """Say of each whether it does so much worse than the best of them that it is asked after the others.

        An account of which nothing is known is taken for what is granted to every one.
        """
        known = [self.limits.prior_percent if item is None else item.percent for item in found]
        best = max(known, default=0)
        return [percent + self.limits.behind_percent <= best for percent in known]


@dataclass(frozen=True, slots=True)
class Weigher:
    """Measures, by the clock, how orders ended lately; the truth it measures is in the ledger's own rows."""

    database: Database
    limits: StandingLimits

    async def weigh(self) -> None:
        """Measure every account that has had an end in the time that counts."""
        half_life = self.limits.half_life_seconds
        async with self.database.connection() as connection:
            await connection.execute(
                store.STANDINGS_MEASURE,
                _HALF_LIVES * half_life,
                half_life,
                COUNTS_AGAINST,
                OUR_OWN_WORDS,
            )


def score(standing: Standing, now: datetime, limits: StandingLimits) -> Score:
    """Say what is to be expected: the evidence, faded since it was measured, beside what is taken for granted."""
    age_seconds = max(0.0, (now - standing.measured_at).total_seconds())
    fade = 0.5 ** (age_seconds / limits.half_life_seconds)
    good, ends = standing.good * fade, (standing.good + standing.bad) * fade
    expected = (100 * good + limits.prior_percent * limits.prior_outcomes) / (ends + limits.prior_outcomes)
    return Score(round(expected), round(ends))
