"""Phone numbers in any form that people write, and never more of them shown than needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afriflow.core.msisdn import Msisdn, mask, read_msisdn, read_sandbox_msisdn
from afriflow.core.operator import countries


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("+221771234567", "SN", "+221771234567"),
        ("77 123 45 67", "SN", "+221771234567"),
        ("77-123-45-67", "SN", "+221771234567"),
        ("77.123.45.67", "SN", "+221771234567"),
        ("(77) 123 45 67", "SN", "+221771234567"),
        ("00221 77 123 45 67", "SN", "+221771234567"),
        ("221771234567", "SN", "+221771234567"),
        ("  +221 77 123 45 67  ", "SN", "+221771234567"),
        ("0241234567", "GH", "+233241234567"),  # a trunk zero
        ("0712345678", "KE", "+254712345678"),
        # Benin since 2024-11-30: 01 in front of the old eight digits.
        ("0197000000", "BJ", "+2290197000000"),
        ("97000000", "BJ", "+2290197000000"),
        ("+22997000000", "BJ", "+2290197000000"),
        ("0022997000000", "BJ", "+2290197000000"),
        # Côte d'Ivoire since 2021-01-31: the old prefix says which operator, and so which two digits come in front.
        ("0707080910", "CI", "+2250707080910"),
        ("07080910", "CI", "+2250707080910"),
        ("+225 07 08 09 10", "CI", "+2250707080910"),
        ("05060708", "CI", "+2250505060708"),
        ("01020304", "CI", "+2250101020304"),
        ("47080910", "CI", "+2250747080910"),
        # libphonenumber keeps Gabon's trunk zero; the wallets do not.
        ("074123456", "GA", "+24174123456"),
        ("+241 74 12 34 56", "GA", "+24174123456"),
    ],
)
def test_a_number_is_read_however_it_is_written(text: str, country: str, e164: str) -> None:
    found = read_msisdn(text, country)
    assert found is not None
    assert (found.e164, found.country) == (e164, country)


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("+225070809101", "SN"),
        ("+2250707080910", "SN"),  # of another country
        ("+22177123456", "SN"),  # a digit short
        ("+2217712345678", "SN"),
        ("", "SN"),
        ("77", "SN"),
        ("sept sept un", "SN"),
        ("+221771234567x12", "SN"),
        ("7" * 33, "SN"),
        ("٧٧١٢٣٤٥٦٧٠", "XX"),
        ("771234567", "XX"),
        ("771234567", ""),
        ("+33612345678", "SN"),
    ],
)
def test_what_is_no_number_of_the_country_is_none(text: str, country: str) -> None:
    assert read_msisdn(text, country) is None


@given(st.text(max_size=40), st.sampled_from([*countries(), "XX", ""]))
def test_whatever_is_typed_reading_it_never_raises_and_gives_digits(text: str, country: str) -> None:
    for read in (read_msisdn, read_sandbox_msisdn):
        found = read(text, country)
        if found is not None:
            assert found.e164.startswith("+")
            assert found.digits.isascii()
            assert found.digits.isdigit()
            assert 8 <= len(found.digits) <= 15


def test_a_number_read_twice_is_the_same() -> None:
    for text, country in [
        ("97000000", "BJ"),
        ("07080910", "CI"),
        ("77 123 45 67", "SN"),
        ("074123456", "GA"),
    ]:
        once = read_msisdn(text, country)
        assert once is not None
        assert read_msisdn(once.e164, country) == once


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [("22951345789", "BJ", "+22951345789"), ("258100000000", "MZ", "+258100000000")],
)
def test_magic_numbers_of_a_sandbox_pass_in_test_mode_alone(text: str, country: str, e164: str) -> None:
    found = read_sandbox_msisdn(text, country)
    assert found is not None
    assert found.e164.startswith(e164[:4])
    if read_msisdn(text, country) is None:
        assert found.e164 == e164


@pytest.mark.parametrize("text", ["+2250707080910", "22177", "+221 77 abc", "", "+"])
def test_test_mode_does_not_let_everything_pass(text: str) -> None:
    assert read_sandbox_msisdn(text, "SN") is None


def test_parts_of_a_number() -> None:
    number = Msisdn("+221771234567", "SN", "221")
    assert number.digits == "221771234567"
    assert number.national == "771234567"
    assert number.masked == "+22177•••4567"


def test_a_number_shows_itself_masked_wherever_it_is_printed() -> None:
    number = Msisdn("+221771234567", "SN", "221")
    for text in (repr(number), str(number), f"{number}", repr([number]), repr({"phone": number})):
        assert "771234567" not in text
        assert "123" not in text


@pytest.mark.parametrize("text", ["", "+", "12345", "+22177123"])
def test_a_mask_of_something_short_shows_nothing(text: str) -> None:
    assert mask(text) == "•••"
