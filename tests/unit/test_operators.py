"""The table of countries and operators: complete in itself, and a hint for a phone number."""

import re

import phonenumbers
import pytest

from afriflow.core.money import EXPONENTS
from afriflow.core.msisdn import Msisdn, read_msisdn
from afriflow.core.operator import countries, operators, predict_operator
from afriflow.port.factory import specs


def predicted(e164: str, country: str) -> str | None:
    found = predict_operator(Msisdn(e164, country, countries()[country].calling_code))
    return found.id if found else None


@pytest.mark.parametrize(
    ("text", "country", "operator"),
    [
        ("771234567", "SN", "orange_sn"),
        ("781234567", "SN", "orange_sn"),
        ("761234567", "SN", "free_sn"),
        ("701234567", "SN", "expresso_sn"),
        ("0707080910", "CI", "orange_ci"),
        ("07080910", "CI", "orange_ci"),
        ("0505060708", "CI", "mtn_ci"),
        ("0101020304", "CI", "moov_ci"),
        ("97000000", "BJ", "mtn_bj"),
    ],
)
def test_a_prefix_speaks_for_an_operator(text: str, country: str, operator: str) -> None:
    number = read_msisdn(text, country)
    assert number is not None
    assert predicted(number.e164, country) == operator


def test_a_number_without_a_known_prefix_predicts_nobody() -> None:
    assert predicted("+221331234567", "SN") is None  # a fixed line
    assert predict_operator(Msisdn("+33612345678", "FR", "33")) is None


def test_the_longest_prefix_wins() -> None:
    seen = 0
    for country in countries().values():
        prefixes = {prefix: operator.id for operator in country.operators for prefix in operator.prefixes}
        for prefix, operator_id in prefixes.items():
            longer = [other for other in prefixes if other != prefix and other.startswith(prefix)]
            digits = prefix.ljust(15, "0")
            expected = max((p for p in prefixes if digits.startswith(p)), key=len)
            assert predicted(f"+{digits}", country.alpha2) == prefixes[expected], (prefix, operator_id)
            seen += bool(longer)
    assert seen > 0, "no prefix lies within another: this test proves nothing"


def test_no_prefix_speaks_for_two_operators() -> None:
    for country in countries().values():
        prefixes = [prefix for operator in country.operators for prefix in operator.prefixes]
        assert len(prefixes) == len(set(prefixes)), country.alpha2


def test_the_table_is_complete_in_itself() -> None:
    for alpha2, country in countries().items():
        assert re.fullmatch(r"[A-Z]{2}", alpha2)
        assert re.fullmatch(r"[A-Z]{3}", country.alpha3)
        assert country.currencies
        assert set(country.currencies) <= set(EXPONENTS), alpha2
        assert country.calling_code == str(phonenumbers.country_code_for_region(alpha2))
        assert country.operators, alpha2
        for operator in country.operators:
            assert operator.country == alpha2
            assert re.fullmatch(rf"[a-z0-9_]+_{alpha2.lower()}", operator.id), operator.id
            assert operator.wallet
            assert all(prefix.startswith(country.calling_code) for prefix in operator.prefixes), operator.id
    assert len(operators()) == sum(len(country.operators) for country in countries().values())


def test_every_route_of_every_provider_names_what_the_table_knows() -> None:
    for spec in specs().values():
        assert spec.routes
        for route in spec.routes:
            country = countries()[route.country]
            assert route.currency in country.currencies, route
            assert route.operator is None or operators()[route.operator].country == route.country, route
