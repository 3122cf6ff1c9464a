"""Whatever arrives is read or refused: no bytes raise what nobody foresaw, and no garbage is a word that ends a payment."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afriflow.checkout.request import CheckoutRequest
from afriflow.core.errors import InvalidRequest, MalformedBody
from afriflow.core.evidence import Failed, Refused, Succeeded
from afriflow.core.money import EXPONENTS, Money, parse_money, read_amount
from afriflow.core.msisdn import read_msisdn, read_sandbox_msisdn
from afriflow.core.operator import countries
from afriflow.core.transaction import Mode
from afriflow.port.factory import fill_config, specs
from afriflow.port.provider import Account, Notification, Spec
from afriflow.web.strict import read_body

OFTEN = settings(max_examples=400, deadline=None, derandomize=True)
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

# JSON as nobody means it, with the names and words that providers use among others.
_NAMES = st.sampled_from(
    [
        "status",
        "data",
        "depositId",
        "payoutId",
        "refundId",
        "amount",
        "currency",
        "invoice",
        "token",
        "hash",
        "custom_data",
        "reference",
        "response_code",
        "failureReason",
        "failureCode",
        "requestedAmount",
        "mode",
        "payer",
        "accountDetails",
        "phoneNumber",
        "provider",
        "disburse_id",
        "transaction_id",
        "total_amount",
    ]
)
_WORDS = st.sampled_from(
    ["COMPLETED", "completed", "FAILED", "ACCEPTED", "FOUND", "00", "success", "XOF", "5000"]
)
_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12) | _WORDS
)
JSON = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.text(max_size=6), inner, max_size=6)
    ),
    max_leaves=20,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))


@OFTEN
@given(
    text=st.text(max_size=40) | st.from_regex(r"[+0-9 ().-]{0,24}", fullmatch=True),
    country=st.sampled_from(sorted(countries())),
)
def test_a_phone_number_is_read_or_is_none(text: str, country: str) -> None:
    for read in (read_msisdn, read_sandbox_msisdn):
        found = read(text, country)
        assert found is None or (
            found.e164[0] == "+" and found.e164[1:].isascii() and found.e164[1:].isdigit()
        )


@OFTEN
@given(
    text=st.text(max_size=30) | st.from_regex(r"-?[0-9]{0,20}(\.[0-9]{0,6})?", fullmatch=True),
    currency=st.sampled_from(sorted(EXPONENTS)),
)
def test_an_amount_is_exact_or_is_none(text: str, currency: str) -> None:
    for found in (read_amount(text, currency), parse_money(text, currency)):
        assert found is None or (isinstance(found.amount_minor, int) and found.currency == currency)


@OFTEN
@given(amount=JSON, currency=st.sampled_from(sorted(EXPONENTS)))
def test_what_a_provider_calls_an_amount_is_one_or_is_none(amount: Any, currency: str) -> None:
    found = parse_money(amount, currency)
    assert found is None or isinstance(found, Money)


@OFTEN
@given(body=BODIES)
def test_a_body_is_what_was_asked_for_or_is_refused_with_a_reason(body: bytes) -> None:
    try:
        read = read_body(body, CheckoutRequest, depth_max=20)
    except (MalformedBody, InvalidRequest):
        return
    assert msgspec.json.decode(body, type=CheckoutRequest) == read


def an_account(spec: Spec) -> Account:
    config = fill_config(spec, "acc_1", dict(spec.demo_config or {}))
    return Account(
        "acc_1", "mer_1", spec.name, Mode.TEST, "https://provider.test", "https://us.test/hook", config
    )


@pytest.mark.parametrize("provider", sorted(specs()))
def test_no_notification_of_garbage_raises_or_ends_a_payment(provider: str) -> None:
    spec = specs()[provider]
    adapter = spec.adapter(an_account(spec), None, None, {})  # type: ignore[arg-type] — reading needs nobody

    @OFTEN
    @given(body=BODIES, kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""]))
    def read(body: bytes, kind: str) -> None:
        notification = Notification("POST", "/hook", {"content-type": kind}, body, NOW)
        for reference in spec.identify(notification):
            assert isinstance(reference, str)
        for report in adapter.handle_webhook(notification):
            assert report.reference or report.provider_reference, "a word about nothing"
            if isinstance(report.word, Succeeded):
                doubt = report.word.doubt(Money(5_001, "XOF"), "8a57a1d0-6751-4c19-aa64-0c566a708c72")
                assert doubt is not None, "garbage is never our money under our reference"
            if isinstance(report.word, Failed | Refused):
                assert report.word.failure.provider_code or b"FAIL" in body.upper() or b"fail" in body

    read()
