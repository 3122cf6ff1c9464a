"""Amounts are integers of minor units: what providers write is read exactly or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afriflow.core.money import AMOUNT_MINOR_MAX, EXPONENTS, Money, parse_money, read_amount


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("5000", "XOF", 5000),
        (5000, "XOF", 5000),
        ("1000.0000", "XOF", 1000),
        (" 15 ", "XOF", 15),
        ("10.5", "GHS", 1050),
        ("10.50", "GHS", 1050),
        (10.5, "GHS", 1050),
        (0.1, "GHS", 10),
        ("0.01", "GHS", 1),
        ("0", "XOF", 0),
        ("-5", "XOF", -5),
        ("999999999999999999", "XOF", 999_999_999_999_999_999),
    ],
)
def test_an_exact_amount_is_read(amount: object, currency: str, minor: int) -> None:
    assert parse_money(amount, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("10.5", "XOF"),  # half a franc
        ("10.555", "GHS"),
        (0.1 + 0.2, "GHS"),  # 0.30000000000000004
        ("1e3", "XOF"),
        (1e20, "XOF"),
        (float("nan"), "XOF"),
        (float("inf"), "XOF"),
        ("NaN", "XOF"),
        ("", "XOF"),
        ("1 000", "XOF"),
        ("1,000", "XOF"),
        ("+5", "XOF"),
        (".5", "GHS"),
        ("5.", "GHS"),
        ("٥٠٠", "XOF"),  # digits, but not ASCII's
        ("1" * 19, "XOF"),
        (True, "XOF"),
        (None, "XOF"),
        ([5], "XOF"),
        (b"5", "XOF"),
        ("5", "XXX"),
        ("5", "xof"),
        ("5", ""),
    ],
)
def test_what_is_no_exact_amount_is_none(amount: object, currency: str) -> None:
    assert parse_money(amount, currency) is None


@given(st.integers(0, AMOUNT_MINOR_MAX), st.sampled_from(sorted(EXPONENTS)))
def test_what_we_write_we_read_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert parse_money(money.text(), currency) == money
    assert parse_money(f"{money.decimal:f}", currency) == money


@given(
    st.one_of(st.text(), st.floats(), st.integers(), st.binary(), st.none()),
    st.sampled_from(sorted(EXPONENTS)),
)
def test_whatever_a_provider_sends_reading_it_never_raises(amount: object, currency: str) -> None:
    found = parse_money(amount, currency)
    assert found is None or found.currency == currency


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (5000, "XOF", "5000"),
        (100, "UGX", "100"),
        (5000, "GHS", "50"),
        (1050, "GHS", "10.5"),
        (1055, "GHS", "10.55"),
        (5, "GHS", "0.05"),
        (AMOUNT_MINOR_MAX, "GHS", "10000000000"),
    ],
)
def test_an_amount_is_written_without_trailing_zeros_and_without_an_exponent(
    minor: int, currency: str, text: str
) -> None:
    assert Money(minor, currency).text() == text


@pytest.mark.parametrize(
    ("minor", "currency", "decimals", "fits"),
    [
        (5000, "XOF", 0, True),
        (5000, "GHS", 0, True),  # 50 cedis
        (5050, "GHS", 0, False),
        (5050, "GHS", 1, True),
        (5055, "GHS", 1, False),
        (5055, "GHS", 2, True),
        (1, "XOF", 2, True),
    ],
)
def test_a_party_with_fewer_decimals_carries_only_what_it_can_carry_exactly(
    minor: int, currency: str, decimals: int, *, fits: bool
) -> None:
    assert Money(minor, currency).fits(decimals) is fits


@pytest.mark.parametrize(
    ("currency", "exponent"),
    [("XOF", 0), ("XAF", 0), ("UGX", 0), ("RWF", 0), ("GNF", 0), ("GHS", 2), ("KES", 2)],
)
def test_currencies_have_the_minor_units_of_iso_4217(currency: str, exponent: int) -> None:
    assert EXPONENTS[currency] == exponent


@pytest.mark.parametrize(
    ("written", "currency", "minor"),
    [
        ("5000", "XOF", 5000),
        ("5 000", "XOF", 5000),
        ("5\N{NARROW NO-BREAK SPACE}000 F CFA", "XOF", 5000),
        ("F CFA 1,250,000", "XOF", 1_250_000),
        ("5.000", "GHS", 500_000),
        ("12,50", "GHS", 1250),
        ("GHS 1,000.5", "GHS", 100_050),
        ("5000,00", "XOF", 5000),
        (" 7 ", "XOF", 7),
    ],
)
def test_an_amount_is_read_as_people_write_it(written: str, currency: str, minor: int) -> None:
    assert read_amount(written, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    "written", ["", "F CFA", "-5", "5,5", "5 00", "1e3", "5000 please now", "5..000", "٥٠٠٠", "5 000 000x0"]
)
def test_what_is_no_amount_of_whole_francs_is_not_guessed(written: str) -> None:
    assert read_amount(written, "XOF") is None
