"""The slow signal: what is to be expected of an account, from how its orders ended lately, and who is asked last for it."""

from datetime import UTC, datetime, timedelta

import pytest

from afriflow.core.method import OUR_OWN_WORDS, FailureCode
from afriflow.merchants.standing import Standing
from afriflow.routing import standing
from afriflow.routing.standing import Peers, Score, StandingLimits, score

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LIMITS = StandingLimits(half_life_seconds=600, prior_outcomes=10, prior_percent=95, behind_percent=20)


def a_standing(good: float, bad: float, minutes: float = 0) -> Standing:
    return Standing("initiate", "orange_sn", good, bad, NOW - timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("good", "bad", "percent"),
    [(0, 0, 95), (100, 0, 100), (0, 1, 86), (0, 2, 79), (0, 3, 73), (90, 10, 90), (0, 1000, 1)],
)
def test_few_ends_say_little_and_many_decide(good: float, bad: float, percent: int) -> None:
    assert score(a_standing(good, bad), NOW, LIMITS) == Score(percent, good + bad)


def test_evidence_fades_until_the_account_is_as_good_as_new() -> None:
    percents = [score(a_standing(0, 20, minutes), NOW, LIMITS).percent for minutes in (0, 10, 20, 40, 80)]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (32, 94)
    assert score(a_standing(0, 20, 80), NOW, LIMITS).outcomes == 0


def test_a_clock_that_went_back_makes_no_evidence_heavier() -> None:
    assert score(a_standing(0, 4, minutes=-30), NOW, LIMITS) == score(a_standing(0, 4), NOW, LIMITS)


@pytest.mark.parametrize(
    ("percents", "behind"),
    [
        ([], []),
        ([10], [False]),
        ([95, 75], [False, True]),
        ([95, 76], [False, False]),
        ([None, 75], [False, True]),
        ([None, None], [False, False]),
        ([50, 45], [False, False]),
        ([None, 20, 100], [False, True, False]),
    ],
)
def test_whoever_is_far_behind_the_best_is_asked_after_the_others(
    percents: list[int | None], behind: list[bool]
) -> None:
    scores = [None if percent is None else Score(percent, 10) for percent in percents]
    assert Peers("initiate", NOW, LIMITS).are_behind(scores) == behind


def test_only_what_tells_about_a_provider_counts() -> None:
    assert set(standing.COUNTS_AGAINST) == {"operator_unavailable", "provider_unavailable", "unspecified"}
    assert {code.value for code in FailureCode} & set(OUR_OWN_WORDS) == set()
