"""Codes from an app are those of RFC 6238, and what people type is read as they mean it."""

from datetime import UTC, datetime

import pytest

from afriflow.merchants.second_factor import only_digits
from afriflow.merchants.totp import app_link, code_at, find_step, in_base32, step_at

SECRET = b"12345678901234567890"  # RFC 6238, appendix B
# Time in seconds and the last six of the eight digits that appendix B gives for SHA-1.
VECTORS = {
    59: "287082",
    1111111109: "081804",
    1111111111: "050471",
    1234567890: "005924",
    2000000000: "279037",
    20000000000: "353130",
}


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_the_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert code_at(SECRET, step_at(now)) == code
    assert find_step(SECRET, code, now) == seconds // 30


@pytest.mark.parametrize(
    ("late_steps", "counts"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_code_counts_one_step_early_and_one_step_late(late_steps: int, counts: bool) -> None:
    now = datetime.fromtimestamp(1234567890, UTC)
    step = step_at(now) - late_steps
    assert find_step(SECRET, code_at(SECRET, step), now) == (step if counts else None)


@pytest.mark.parametrize("text", ["", "1234567", "٠٠٥٩٢٤", "５９２４", "abcdef", "5924"])
def test_what_is_no_code_counts_for_none(text: str) -> None:
    assert find_step(SECRET, text, datetime.fromtimestamp(1234567890, UTC)) is None


def test_a_code_may_be_typed_as_apps_show_it() -> None:
    assert only_digits(" 005 924\t") == "005924"


def test_apps_are_told_secret_account_and_issuer() -> None:
    assert in_base32(SECRET) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert app_link(SECRET, "awa+x@a.test") == (
        "otpauth://totp/AfriFlow:awa%2Bx%40a.test?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=AfriFlow"
    )
