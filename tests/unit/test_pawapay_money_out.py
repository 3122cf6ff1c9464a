"""pawaPay's payouts, refunds and toolkit without a network: every status and code, every documented example, both ways."""

import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest

from afriflow.core.evidence import Failed, Missing, Pending, Refused, Succeeded, Unclear
from afriflow.core.method import ActionType, FailureCode, MethodType, NextAction, PaymentMethod
from afriflow.core.money import Money
from afriflow.core.msisdn import Msisdn
from afriflow.port.balances import Balance
from afriflow.port.http import Reply
from afriflow.port.money_out import PayoutOrder, RefundOrder
from afriflow.port.provider import Notification, Secret
from afriflow.providers.pawapay import SPEC, requests, tables, toolkit, wire
from afriflow.providers.pawapay.config import PawaPayConfig
from afriflow.providers.pawapay.simulator import forms
from afriflow.providers.pawapay.simulator.behaviour import Behaviour
from afriflow.providers.pawapay.simulator.rules import check_business
from afriflow.providers.pawapay.simulator.sandbox import rails
from afriflow.providers.pawapay.tables import Side
from afriflow.providers.pawapay.wire import Kind

FIXTURES = files("afriflow.providers.pawapay").joinpath("fixtures")
CONFIG = PawaPayConfig(Secret("token"))
PAYOUT_ID = "0b0f7c2e-5d0c-4c63-9f0e-6f1f6a3c9d11"
REFUND_ID = "5d9a1c77-0b5f-4a53-8a55-0e0d6a6b7c22"
MONEY_OUT = (Kind.PAYOUT, Kind.REFUND)


def fixture(name: str) -> Any:
    return json.loads(FIXTURES.joinpath(f"{name}.json").read_text("utf-8"))


def reply(http: int, body: object) -> Reply:
    return Reply(http, {}, json.dumps(body).encode())


def documented(name: str) -> Reply:
    example = fixture(name)
    return reply(example["http"], example["body"])


def callback(body: object) -> Notification:
    return Notification("POST", "/hooks", {}, json.dumps(body).encode(), datetime(2026, 11, 22, tzinfo=UTC))


def payout(operator: str = "mtn_zm", digits: str = "260763456789", **more: Any) -> PayoutOrder:
    facts: dict[str, Any] = {
        "reference": PAYOUT_ID,
        "payout_id": "pay_1",
        "merchant_name": "Boutique Awa",
        "money": Money(1500, "ZMW"),
        "method": PaymentMethod(MethodType.MOBILE_MONEY, "ZM", operator, Msisdn(f"+{digits}", "ZM", "260")),
        "created_at": datetime(2026, 11, 22, tzinfo=UTC),
    }
    return PayoutOrder(**{**facts, **more})


def refund(minor: int = 500) -> RefundOrder:
    created_at = datetime(2026, 11, 22, tzinfo=UTC)
    return RefundOrder(REFUND_ID, "ref_1", Money(minor, "ZMW"), PAYOUT_ID, None, created_at)


# Every documented example, from either side


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("deposit-request-min", forms.DEPOSIT),
        ("deposit-request-full", forms.DEPOSIT),
        ("deposit-request-preauth", forms.DEPOSIT),
        ("deposit-request-redirect", forms.DEPOSIT),
        ("payout-request", forms.PAYOUT),
        ("refund-request-full", forms.REFUND),
        ("refund-request-partial", forms.REFUND),
        ("paymentpage-request", forms.PAYMENT_PAGE),
    ],
)
def test_the_simulator_takes_every_documented_request_and_no_field_more(name: str, form: forms.Form) -> None:
    body = fixture(name)["body"]
    assert forms.check_form(body, form) == body
    if form.party is not None:
        kind = form.id_field.removesuffix("Id")
        assert check_business(body, Behaviour(), kind).provider in str(body)
    with pytest.raises(forms.RejectedError) as refused:
        forms.check_form({**body, "surprise": 1}, form)
    assert (refused.value.http, refused.value.code) == (400, "UNSUPPORTED_PARAMETER")


@pytest.mark.parametrize(
    ("name", "kind", "word"),
    [
        ("payout-status-enqueued", Kind.PAYOUT, Pending(None)),
        ("any-status-notfound", Kind.REFUND, Missing()),
        (
            "deposit-status-redirect-waiting",
            Kind.DEPOSIT,
            Pending(None),
        ),
        (
            "deposit-status-redirect-ready",
            Kind.DEPOSIT,
            Pending(NextAction(ActionType.REDIRECT, url="https://provider.example/auth/abc")),
        ),
    ],
)
def test_every_documented_status_is_read(name: str, kind: Kind, word: object) -> None:
    found = wire.found(documented(name), kind, PAYOUT_ID)
    assert word == (found if isinstance(found, Missing) else wire.operation_word(found, kind, asked_for="x"))


@pytest.mark.parametrize("name", ["payout-response-accepted", "refund-response-accepted"])
def test_money_out_that_is_accepted_waits_for_nobody(name: str) -> None:
    assert wire.initiation_word(documented(name), None) == Pending(None)


def test_the_documented_callbacks_of_money_out_are_read() -> None:
    (done,) = wire.callback_reports(callback(fixture("payout-callback-completed")["body"]))
    assert done.reference == PAYOUT_ID
    assert done.word == Succeeded(Money(1500, "ZMW"), PAYOUT_ID, "abc")
    (cancelled,) = wire.callback_reports(callback(fixture("payout-callback-cancelled")["body"]))
    assert isinstance(cancelled.word, Failed)
    assert cancelled.word.failure.provider_code == "MANUALLY_CANCELLED"
    (given_back,) = wire.callback_reports(callback(fixture("refund-callback-completed")["body"]))
    assert (given_back.reference, given_back.word) == (
        REFUND_ID,
        Succeeded(Money(500, "ZMW"), REFUND_ID, None),
    )


def test_a_callback_about_a_refund_is_not_one_about_its_deposit() -> None:
    body = {**fixture("refund-callback-completed")["body"], "depositId": PAYOUT_ID}
    (report,) = wire.callback_reports(callback(body))
    assert report.reference == REFUND_ID
    assert wire.identify(callback(body)) == (PAYOUT_ID, REFUND_ID)


def test_the_guides_refusal_of_a_refund_in_the_words_of_v1_is_read() -> None:
    word = wire.initiation_word(documented("refund-response-rejected-guide"), None)
    assert isinstance(word, Refused)
    assert word.failure.provider_code == "REFUND_IN_PROGRESS"
    assert word.failure.provider_message


def test_every_fixture_names_its_page_and_the_day_it_was_read() -> None:
    for entry in FIXTURES.iterdir():
        example = json.loads(entry.read_text("utf-8"))
        if entry.name != "signatures.json":
            assert example["page"].startswith("https://docs.pawapay.io/v2/"), entry.name
            assert datetime.fromisoformat(example["read_on"])


# Ours to theirs


def test_a_payout_has_the_documented_fields_and_no_other() -> None:
    provider = tables.provider_for(payout().method, "ZMW")
    assert provider is not None
    body = json.loads(requests.payout_body(payout(description="Salaire de décembre n° 12"), provider, CONFIG))
    assert body == {
        "payoutId": PAYOUT_ID,
        "amount": "15",
        "currency": "ZMW",
        "recipient": {
            "type": "MMO",
            "accountDetails": {"phoneNumber": "260763456789", "provider": "MTN_MOMO_ZMB"},
        },
        "metadata": [{"payout": "pay_1"}],
        "customerMessage": "Salaire de decembre n",
    }
    assert set(body) <= set(fixture("payout-request")["body"])
    assert forms.check_form(body, forms.PAYOUT)


def test_a_refund_always_names_its_amount() -> None:
    body = json.loads(requests.refund_body(refund()))
    assert body == {
        "refundId": REFUND_ID,
        "depositId": PAYOUT_ID,
        "amount": "5",
        "currency": "ZMW",
        "metadata": [{"refund": "ref_1"}],
    }
    assert set(body) <= set(fixture("refund-request-partial")["body"])


def test_every_payout_route_writes_a_request_that_the_simulator_takes_to_its_last_decimal() -> None:
    for route in SPEC.payout_routes:
        rail = next(
            rails()[known.provider]
            for known in tables.providers()
            if (known.operator, known.currency) == (route.operator, route.currency)
        )
        cents = 100_050 if route.decimals == 2 and route.currency not in {"XAF", "UGX"} else 100_000
        method = PaymentMethod(
            MethodType.MOBILE_MONEY,
            route.country,
            route.operator,
            Msisdn(f"+{rail.prefix}700000000", route.country, rail.prefix),
        )
        wanted = payout(method=method, money=Money(cents, route.currency))
        provider = tables.provider_for(method, route.currency)
        assert provider is not None
        request = forms.check_form(json.loads(requests.payout_body(wanted, provider, CONFIG)), forms.PAYOUT)
        assert check_business(request, Behaviour(), "payout") == rail


# Theirs to ours


@pytest.mark.parametrize("kind", MONEY_OUT)
@pytest.mark.parametrize("status", sorted(wire.STATUSES))
def test_every_status_of_money_out_is_read_and_asks_nothing_of_anybody(kind: Kind, status: str) -> None:
    found = {kind.id_field: "x", "status": status, "amount": "15.00", "currency": "ZMW"}
    word = wire.operation_word(found, kind, asked_for="x")
    assert type(word) is wire.STATUSES[status]
    if isinstance(word, Pending):
        assert word.next_action is None
    assert wire.found(reply(200, found), kind, "X") == found  # bare, as the guides print


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("status", ["NEEDS_ATTENTION", "completed", "", None, 1, ["COMPLETED"]])
def test_a_status_nobody_documents_alarms_and_decides_nothing(kind: Kind, status: object) -> None:
    word = wire.operation_word({kind.id_field: "x", "status": status}, kind, asked_for="x")
    assert isinstance(word, Unclear)
    assert word.alert


SIDES = {
    Side.PAYER: {
        "INVALID_PHONE_NUMBER", "PAYMENT_NOT_APPROVED", "INSUFFICIENT_BALANCE", "PAYMENT_IN_PROGRESS",
        "TRANSACTION_ALREADY_IN_PROCESS", "PAYER_NOT_FOUND", "PAYER_LIMIT_REACHED", "RECIPIENT_NOT_FOUND",
        "RECIPIENT_LIMIT_REACHED", "WALLET_LIMIT_REACHED",
    },
    Side.OPERATOR: {"PROVIDER_TEMPORARILY_UNAVAILABLE", "UNSPECIFIED_FAILURE"},
    Side.UNKNOWN: {"UNKNOWN_ERROR"},
}  # fmt: skip


def test_every_failure_code_says_whose_matter_it_is() -> None:
    found: dict[Side, set[str]] = {side: set() for side in Side}
    for phase in ("initiation", "processing"):
        for code, known in tables.failures(phase).items():
            found[known.side].add(code)
    for side, codes in SIDES.items():
        assert found[side] == codes
    assert len(found[Side.MERCHANT]) == 29
    assert {"PAWAPAY_WALLET_OUT_OF_FUNDS", "MANUALLY_CANCELLED", "REFUND_IN_PROGRESS"} < found[Side.MERCHANT]


def test_only_what_is_the_operators_matter_or_nobodys_speaks_of_a_providers_health() -> None:
    for phase in ("initiation", "processing"):
        for code, known in tables.failures(phase).items():
            if known.failure is not None and known.failure.is_providers_fault:
                assert known.side in {Side.OPERATOR, Side.UNKNOWN}, code


@pytest.mark.parametrize("kind", MONEY_OUT)
@pytest.mark.parametrize("code", sorted(tables.failures("processing")))
def test_each_code_of_processing_is_a_failure_of_money_out_too(kind: Kind, code: str) -> None:
    found = {kind.id_field: "x", "status": "FAILED", "failureReason": {"failureCode": code}}
    word = wire.operation_word(found, kind, asked_for="x")
    assert isinstance(word, Failed)
    assert (word.failure.code, word.failure.provider_code) == (
        tables.failures("processing")[code].failure,
        code,
    )


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("RECIPIENT_NOT_FOUND", FailureCode.PAYER_NOT_FOUND),
        ("RECIPIENT_LIMIT_REACHED", FailureCode.PAYER_LIMIT_REACHED),
        ("WALLET_LIMIT_REACHED", FailureCode.PAYER_LIMIT_REACHED),
        ("PAWAPAY_WALLET_OUT_OF_FUNDS", FailureCode.PROVIDER_REJECTED),
        ("SOMETHING_NEW", FailureCode.UNSPECIFIED),
    ],
)
def test_the_recipients_side_has_the_words_of_the_payers(code: str, ours: FailureCode) -> None:
    found = {"payoutId": "x", "status": "FAILED", "failureReason": {"failureCode": code}}
    word = wire.operation_word(found, Kind.PAYOUT, asked_for="x")
    assert isinstance(word, Failed)
    assert word.failure.code is ours


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//provider.example",
        "https://",
        "",
        7,
        None,
        "https://[",
        "https://x.example/" + "a" * 2048,
    ],
)
def test_a_payer_is_sent_to_no_address_that_is_none(url: object) -> None:
    found = {"depositId": "x", "status": "PROCESSING", "authorizationUrl": url}
    assert wire.operation_word(found, Kind.DEPOSIT, asked_for="x") == Pending(None)


@pytest.mark.parametrize("status", ["IN_RECONCILIATION", "ENQUEUED"])
def test_nobody_is_sent_to_a_page_once_pawapay_reconciles(status: str) -> None:
    found = {"depositId": "x", "status": status, "authorizationUrl": "https://provider.example"}
    assert wire.operation_word(found, Kind.DEPOSIT, asked_for="x") == Pending(None)


def test_the_phone_is_found_even_as_the_reference_misspells_it() -> None:
    assert wire.phone_of({"payer": {"accountDetails": {"phoneNUmber": "260"}}}) == "260"
    assert wire.phone_of({"recipient": {"accountDetails": {"phoneNumber": "221"}}}) == "221"
    for odd in ({}, {"payer": 1}, {"recipient": {"accountDetails": []}}, {"payer": {"accountDetails": {}}}):
        assert wire.phone_of(odd) is None


# Many at once


def bulk(*items: Any, http: int = 200) -> list[Any]:
    return wire.bulk_words(reply(http, list(items)), ["a", "b"])


ACCEPTED = {"status": "ACCEPTED"}
REJECTED = {"status": "REJECTED", "failureReason": {"failureCode": "AMOUNT_OUT_OF_BOUNDS"}}


def test_the_documented_answer_to_a_bulk_is_read_item_by_item() -> None:
    accepted, rejected = wire.bulk_words(documented("payout-bulk-response"), [PAYOUT_ID, REFUND_ID])
    assert accepted == Pending(None)
    assert isinstance(rejected, Refused)
    again = wire.bulk_words(documented("payout-bulk-response"), [REFUND_ID, PAYOUT_ID])
    assert again == [rejected, accepted]


def test_items_of_a_bulk_are_found_by_id_and_refusals_without_one_only_where_nothing_else_is_left() -> None:
    first, second = bulk({"payoutId": "b", **ACCEPTED}, {"payoutId": None, **REJECTED})
    assert isinstance(first, Refused)
    assert second == Pending(None)
    assert all(isinstance(word, Refused) for word in bulk({"payoutId": None, **REJECTED}, REJECTED))
    assert bulk({"payoutId": "a", "status": "DUPLICATE_IGNORED"}, {"payoutId": "b", **ACCEPTED})[0] is None


@pytest.mark.parametrize(
    "items",
    [
        [ACCEPTED, REJECTED],
        [{"payoutId": "z", **ACCEPTED}, {"payoutId": None, **REJECTED}],
        [REJECTED],
        [],
        [1, None],
    ],
)
def test_an_item_that_cannot_be_told_from_another_decides_nothing(items: list[Any]) -> None:
    for word in bulk(*items):
        assert isinstance(word, Unclear)
        assert word.alert


def test_a_bulk_refused_as_a_whole_is_refused_only_by_those_who_keep_the_door() -> None:
    body = {"failureReason": {"failureCode": "AUTHENTICATION_ERROR"}}
    assert all(isinstance(word, Refused) for word in wire.bulk_words(reply(401, body), ["a", "b"]))
    body = {"status": "REJECTED", "failureReason": {"failureCode": "INVALID_INPUT"}}
    for http in (400, 429, 500, 502):
        assert all(isinstance(word, Unclear) for word in wire.bulk_words(reply(http, body), ["a", "b"]))
    assert all(isinstance(word, Unclear) for word in wire.bulk_words(reply(200, body), ["a", "b"]))


# The toolkit


def test_the_configuration_is_read_in_both_printed_shapes() -> None:
    guide = toolkit.configuration_in(documented("activeconf-response"))
    listed = toolkit.configuration_in(documented("activeconf-response-list"))
    assert guide is not None
    assert listed is not None
    assert (guide.company, guide.signed_requests_only, guide.signed_callbacks) == ("Acme", False, True)
    assert (listed.signed_requests_only, listed.signed_callbacks) == (True, False)
    assert [item.kind for item in guide.limits] == [Kind.DEPOSIT, Kind.PAYOUT, Kind.REFUND]
    for item in (*guide.limits, *listed.limits):
        assert (item.operator, item.country, item.currency) == ("mtn_zm", "ZM", "ZMW")
        assert (item.minimum, item.maximum, item.decimals) == (Decimal(1), Decimal(20000), 2)
    assert guide.limits[1].callback_url == "https://merchant.example/cb/payout"
    assert [item.status for item in listed.limits] == ["OPERATIONAL", ""]


@pytest.mark.parametrize("name", ["availability-response", "availability-response-map"])
def test_availability_is_read_in_both_printed_shapes(name: str) -> None:
    assert toolkit.availability_in(documented(name)) == {
        ("VODAFONE_GHA", Kind.DEPOSIT): "OPERATIONAL",
        ("VODAFONE_GHA", Kind.PAYOUT): "DELAYED",
    }


@pytest.mark.parametrize("field", ["phoneNumber", "msisdn"])
def test_whose_number_it_is_is_read_in_both_printed_shapes(field: str) -> None:
    body = json.loads(FIXTURES.joinpath("predict-response.json").read_text("utf-8"))["body"]
    body[field] = body.pop("phoneNumber")
    assert toolkit.predicted_in(reply(200, body)) == toolkit.Predicted("mtn_zm", "260763456789")
    assert toolkit.predicted_in(reply(200, {**body, "provider": "NEW"})) == toolkit.Predicted(
        None, "260763456789"
    )
    assert toolkit.predicted_in(None) is None
    assert toolkit.predicted_in(reply(200, {"failureReason": {}})) is None


def test_balances_are_decimals_of_a_country_or_of_one_provider() -> None:
    assert toolkit.balances_in(documented("walletbalances-response")) == (
        Balance("ZM", "ZMW", Decimal("21798.03"), None),
    )
    rows = [
        {"country": "XYZ", "balance": 5, "currency": "XYZ", "provider": "P"},
        {"balance": "NaN"},
        {"balance": True},
        1,
    ]
    assert toolkit.balances_in(reply(200, {"balances": rows})) == (Balance("XYZ", "XYZ", Decimal(5), "P"),)


def test_nobodys_toolkit_can_break_the_translation() -> None:
    """Thousands of mutated answers: no exception."""
    chance = random.Random(20261122)
    names = (
        "activeconf-response",
        "activeconf-response-list",
        "availability-response",
        "walletbalances-response",
    )
    examples = [
        fixture(name)["body"] for name in (*names, "availability-response-map", "payout-bulk-response")
    ]
    junk: list[Any] = [None, True, 0, 1e308, "", "NONE", "PAYOUT", [], {}, [[]], {"operationType": []}, ["x"]]

    def mutate(value: Any) -> Any:
        if isinstance(value, dict) and value and chance.random() < 0.9:
            name = chance.choice(list(value))
            return {**value, name: mutate(value[name])}
        if isinstance(value, list) and value and chance.random() < 0.9:
            return [*value[:-1], mutate(value[-1])]
        return chance.choice(junk)

    for _ in range(4000):
        answer = reply(200, mutate(chance.choice(examples)))
        toolkit.configuration_in(answer)
        toolkit.availability_in(answer)
        toolkit.balances_in(answer)
        wire.bulk_words(answer, [PAYOUT_ID, REFUND_ID])
    for read in (toolkit.configuration_in, toolkit.availability_in, toolkit.balances_in):
        assert read(None) is None
        assert read(Reply(200, {}, b"<html>")) is None
