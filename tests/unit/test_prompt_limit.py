"""How long a phone is left alone after it was asked to pay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afriflow.checkout.prompt_limit import PromptLimits

LIMITS = PromptLimits(
    live_seconds=120, per_ten_minutes_max=3, per_day_max=10, pauses_seconds=(0, 60, 300, 900), in_test=True
)


@pytest.mark.parametrize(
    ("ages", "open_", "seconds"),
    [
        ([], False, 0),
        ([5], True, 115),  # it still stands on the phone
        ([5], False, 0),  # declined at once: another try at once
        ([130], True, 0),  # nobody answered, and it is gone
        ([5, 100], False, 55),
        ([70, 170], False, 0),
        ([400, 500, 590], False, 10),  # three in ten minutes: until the first of them is older
        ([310, 500, 700], False, 0),
        ([100, 1000, 2000, 3000], False, 800),
        ([4000, *range(5000, 85_000, 10_000), 86_000], False, 400),  # ten in a day
    ],
)
def test_a_phone_is_left_alone_as_long_as_the_rules_say(
    ages: list[float], open_: bool, seconds: float
) -> None:
    assert LIMITS.wait_seconds(ages, open_=open_) == seconds


@given(st.lists(st.floats(0, 86_400), max_size=10), st.booleans())
def test_who_waits_as_long_as_told_is_admitted_and_not_before(ages: list[float], open_: bool) -> None:
    ages.sort()
    wait = LIMITS.wait_seconds(ages, open_=open_)
    assert 0 <= wait <= 86_400
    assert LIMITS.wait_seconds([age + wait for age in ages], open_=open_) == pytest.approx(0, abs=1e-6)
