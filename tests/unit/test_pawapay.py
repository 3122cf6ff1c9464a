"""pawaPay without a network: every documented status and code, every documented example, and who signed what."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest

from afriflow.core.errors import BadAccount
from afriflow.core.evidence import Failed, Missing, Pending, Refused, Succeeded, Unclear
from afriflow.core.method import ActionType, FailureCode, MethodType, NextAction, PaymentMethod
from afriflow.core.money import Money
from afriflow.core.msisdn import Msisdn
from afriflow.core.operator import countries, operators
from afriflow.core.transaction import Mode
from afriflow.port.factory import fill_config
from afriflow.port.http import Reply
from afriflow.port.provider import Authorization, Notification, Order, Resend, Secret
from afriflow.providers.pawapay import SPEC, caller, money_out, requests, tables, wire
from afriflow.providers.pawapay.config import PawaPayConfig
from afriflow.providers.pawapay.simulator.behaviour import Behaviour
from afriflow.providers.pawapay.simulator.forms import check_form
from afriflow.providers.pawapay.simulator.rules import check_business
from afriflow.providers.pawapay.simulator.sandbox import rails
from afriflow.providers.pawapay.wire import Kind

FIXTURES = files("afriflow.providers.pawapay").joinpath("fixtures")
CONFIG = PawaPayConfig(Secret("token"))
DEPOSIT_ID = "0b0f7c2e-5d0c-4c63-9f0e-6f1f6a3c9d11"


def fixture(name: str) -> dict[str, Any]:
    return json.loads(FIXTURES.joinpath(f"{name}.json").read_text("utf-8"))


def reply(http: int, body: object) -> Reply:
    return Reply(http, {}, json.dumps(body).encode())


def documented(name: str) -> Reply:
    example = fixture(name)
    return reply(example["http"], example["body"])


def order(operator: str = "mtn_zm", digits: str = "260763456789", **more: Any) -> Order:
    known = operators()[operator]
    calling_code = countries()[known.country].calling_code
    facts: dict[str, Any] = {
        "reference": DEPOSIT_ID,
        "transaction_id": "txn_1",
        "merchant_name": "Café d'Awa & fils de Dakar (SARL)",
        "money": Money(1500, "ZMW"),
        "method": PaymentMethod(
            MethodType.MOBILE_MONEY,
            known.country,
            operator,
            Msisdn(f"+{digits}", known.country, calling_code),
        ),
        "return_url": "https://shop.example/r",
        "cancel_url": "https://shop.example/c",
        "created_at": datetime(2026, 11, 22, tzinfo=UTC),
    }
    return Order(**{**facts, **more})


MTN_ZMB = next(provider for provider in tables.providers() if provider.provider == "MTN_MOMO_ZMB")
ORANGE_BFA = next(provider for provider in tables.providers() if provider.provider == "ORANGE_BFA")


def notification(body: object, headers: Mapping[str, str] | None = None) -> Notification:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Notification("POST", "/hooks", headers or {}, raw, datetime(2026, 11, 22, tzinfo=UTC))


# What pawaPay is


def test_every_provider_of_pawapay_is_an_operator_of_ours_in_a_currency_of_its_country() -> None:
    assert len({provider.provider for provider in tables.providers()}) == 42
    for provider in tables.providers():
        assert operators()[provider.operator].country == provider.country
        assert provider.currency in countries()[provider.country].currencies
        assert provider.auth_type in tables.AUTHORIZATIONS


def test_no_two_providers_carry_the_same_operator_and_currency() -> None:
    keys = [(provider.operator, provider.currency) for provider in tables.providers()]
    assert len(keys) == len(set(keys))


def test_every_provider_is_a_route_and_says_how_its_payers_approve() -> None:
    assert len({route.operator for route in SPEC.routes}) == 42
    by_way = {
        way: {route.operator for route in SPEC.routes if route.authorization is way} for way in Authorization
    }
    assert by_way[Authorization.OTP_FIRST] == {"orange_bf"}
    assert by_way[Authorization.REDIRECT] == {"wave_sn", "wave_ci"}


def test_payouts_may_carry_other_decimals_than_deposits() -> None:
    deposits = {(route.operator, route.currency): route.decimals for route in SPEC.routes}
    payouts = {(route.operator, route.currency): route.decimals for route in SPEC.payout_routes}
    assert deposits.keys() == payouts.keys()
    assert {key for key in deposits if deposits[key] != payouts[key]} == {
        ("mpesa_ke", "KES"),
        ("emola_mz", "MZN"),
    }
    assert SPEC.payout_resend is Resend.ALWAYS


def test_the_simulator_knows_the_same_providers_from_its_own_table() -> None:
    ours = {
        (provider.provider, countries()[provider.country].alpha3, provider.currency, provider.decimals)
        for provider in tables.providers()
    }
    theirs = {
        (rail.provider, rail.country, currency, 0 if decimals == "NONE" else 2)
        for rail in rails().values()
        for currency, decimals in rail.currencies.items()
    }
    assert ours == theirs


def test_what_is_documented_in_numbers_and_addresses_stands_so_in_the_code() -> None:
    assert SPEC.base_urls == {
        Mode.TEST: "https://api.sandbox.pawapay.io",
        Mode.LIVE: "https://api.pawapay.io",
    }
    assert (SPEC.idempotency, SPEC.resend, SPEC.payout_resend) == ("A", Resend.ALWAYS, Resend.ALWAYS)
    assert SPEC.missing_is_final_after_seconds == 15 * 60
    assert money_out.BULK_MAX == 20
    assert 5 <= caller.INITIATE_TIMEOUT_SECONDS <= 10
    assert 3 <= caller.STATUS_TIMEOUT_SECONDS <= 5


def test_the_demo_account_can_be_opened() -> None:
    config = fill_config(SPEC, "acc_1", SPEC.demo_config)
    assert isinstance(config, PawaPayConfig)
    assert not config.callbacks_must_be_signed


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"token": ""}, "token"),
        ({"token": "a\r\nX-Evil: 1"}, "token"),
        ({"token": "t", "signed_callbacks": "maybe"}, "signed_callbacks"),
        ({"token": "t", "ecdsa_encoding": "pem"}, "ecdsa_encoding"),
        ({"token": "t", "customer_message": "né"}, "customer_message"),
        ({"token": "t", "private_key_pem": "x"}, "key_id"),
        ({"token": "t", "private_key_pem": "x", "key_id": "MY_KEY"}, "private_key_pem"),
        ({"token": "t", "private_key_pem": "x", "key_id": 'a"b'}, "key_id"),
        ({"token": "t", "tokn": "t"}, "unknown"),
    ],
)
def test_an_account_that_cannot_work_is_refused_with_the_reason(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadAccount) as raised:
        fill_config(SPEC, "acc_1", values)
    assert reason in raised.value.facts["reason"]


@pytest.mark.parametrize(
    ("value", "required"),
    [("required", True), (True, True), ("Yes", True), ("optional", False), (False, False), ("", False)],
)
def test_signed_callbacks_are_required_in_any_spelling_of_yes(value: str | bool, required: bool) -> None:
    assert PawaPayConfig(Secret("t"), signed_callbacks=value).callbacks_must_be_signed is required


# Ours to theirs


def test_a_request_has_the_documented_fields_and_no_other() -> None:
    body = json.loads(requests.deposit_body(order(), MTN_ZMB, CONFIG))
    assert body == {
        "depositId": DEPOSIT_ID,
        "amount": "15",
        "currency": "ZMW",
        "payer": {
            "type": "MMO",
            "accountDetails": {"phoneNumber": "260763456789", "provider": "MTN_MOMO_ZMB"},
        },
        "metadata": [{"transaction": "txn_1"}],
        "customerMessage": "Cafe dAwa fils de Daka",
    }
    documented_fields = set(fixture("deposit-request-full")["body"])
    assert set(body) <= documented_fields


def test_every_route_writes_a_request_that_the_simulator_of_pawapay_takes() -> None:
    for route in SPEC.routes:
        assert route.operator is not None
        provider = next(
            p for p in tables.providers() if (p.operator, p.currency) == (route.operator, route.currency)
        )
        prefix = countries()[route.country].calling_code
        wanted = order(
            route.operator,
            f"{prefix}700000000",
            money=Money(
                1000 * 100 if route.currency not in {"XOF", "XAF", "RWF", "UGX"} else 1000, route.currency
            ),
            otp=Secret("123456"),
        )
        assert tables.provider_for(wanted.method, wanted.money.currency) == provider
        request = check_form(json.loads(requests.deposit_body(wanted, provider, CONFIG)))
        assert check_business(request, Behaviour()).provider == provider.provider


def test_a_one_time_code_is_sent_where_the_payer_has_one_and_nowhere_else() -> None:
    money = Money(5000, "XOF")
    preauth = order("orange_bf", "22607345678", money=money, otp=Secret("367025"))
    assert json.loads(requests.deposit_body(preauth, ORANGE_BFA, CONFIG))["preAuthorisationCode"] == "367025"
    assert b"preAuthorisationCode" not in requests.deposit_body(order(otp=Secret("367025")), MTN_ZMB, CONFIG)


def test_numbers_of_benin_lose_their_01_only_where_the_account_says_so() -> None:
    provider = next(provider for provider in tables.providers() if provider.provider == "MTN_MOMO_BEN")
    benin = order("mtn_bj", "2290151345789", money=Money(500, "XOF"))
    long = json.loads(requests.deposit_body(benin, provider, CONFIG))
    short = json.loads(requests.deposit_body(benin, provider, replace(CONFIG, benin_short_numbers="yes")))
    assert long["payer"]["accountDetails"]["phoneNumber"] == "2290151345789"
    assert short["payer"]["accountDetails"]["phoneNumber"] == "22951345789"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Awa", None),
        ("Élan Côtier", "Elan Cotier"),
        ("愛", None),
        ("x" * 40, "x" * 22),
        ("A&B - C", "A B C"),
        ("", None),
    ],
)
def test_a_merchants_name_becomes_a_message_that_pawapay_takes(name: str, message: str | None) -> None:
    assert requests.customer_message(name) == message


# Theirs to ours: initiation


def test_an_accepted_deposit_waits_for_the_payers_pin() -> None:
    word = wire.initiation_word(documented("deposit-response-accepted"), MTN_ZMB)
    assert isinstance(word, Pending)
    assert word.next_action is not None
    assert (word.next_action.type, word.next_action.expires_at) == (ActionType.APPROVE_ON_PHONE, None)
    assert wire.initiation_word(documented("deposit-response-accepted"), ORANGE_BFA) == Pending(None)


def test_a_duplicate_is_no_word_by_itself() -> None:
    assert wire.initiation_word(documented("deposit-response-duplicate"), MTN_ZMB) is None


@pytest.mark.parametrize(
    ("name", "code", "elsewhere"),
    [
        ("deposit-response-rejected", FailureCode.INVALID_PHONE, False),
        ("deposit-response-rejected-noid", FailureCode.AMOUNT_OUT_OF_BOUNDS, True),
        ("any-response-400", FailureCode.PROVIDER_REJECTED, True),
        ("any-response-401", FailureCode.PROVIDER_REJECTED, True),
        ("any-response-403", FailureCode.PROVIDER_REJECTED, True),
    ],
)
def test_a_documented_refusal_is_a_refusal(name: str, code: FailureCode, elsewhere: bool) -> None:
    word = wire.initiation_word(documented(name), MTN_ZMB)
    assert isinstance(word, Refused)
    assert (word.failure.code, word.elsewhere) == (code, elsewhere)
    assert word.failure.provider_code == fixture(name)["body"]["failureReason"]["failureCode"]
    assert word.failure.provider_message


ROWS = json.loads(files("afriflow.providers.pawapay").joinpath("failures.json").read_text("utf-8"))["codes"]


def test_all_43_documented_failure_codes_are_known() -> None:
    assert len(ROWS) == 43
    assert len({(row["code"], *row["phases"]) for row in ROWS}) == 43
    for row in ROWS:
        for phase in row["phases"]:
            known = tables.failures(phase)[row["code"]]
            assert known.failure is not None or row["code"] == "UNKNOWN_ERROR"


@pytest.mark.parametrize("row", [row for row in ROWS if row["http"]], ids=lambda row: row["code"])
def test_each_code_of_initiation_is_a_refusal_with_the_status_it_is_documented_with(
    row: dict[str, Any],
) -> None:
    for http in row["http"]:
        body = {"depositId": None, "status": "REJECTED", "failureReason": {"failureCode": row["code"]}}
        word = wire.initiation_word(reply(http, body), MTN_ZMB)
        if row["code"] == "UNKNOWN_ERROR":
            assert isinstance(word, Unclear)
        else:
            assert isinstance(word, Refused)
            assert word.failure.code == row["failure"]
            assert word.elsewhere is row["elsewhere"]


@pytest.mark.parametrize(
    "row", [row for row in ROWS if "processing" in row["phases"]], ids=lambda row: row["code"]
)
def test_each_code_of_processing_is_a_failure_in_our_words(row: dict[str, Any]) -> None:
    deposit = {"depositId": DEPOSIT_ID, "status": "FAILED", "failureReason": {"failureCode": row["code"]}}
    word = wire.operation_word(deposit, Kind.DEPOSIT, asked_for=DEPOSIT_ID, provider=MTN_ZMB)
    assert isinstance(word, Failed)
    assert word.failure.code == row["failure"]
    assert word.failure.provider_code == row["code"]


def test_what_the_payer_did_is_never_the_providers_fault() -> None:
    for code in (
        "PAYMENT_NOT_APPROVED",
        "INSUFFICIENT_BALANCE",
        "PAYER_NOT_FOUND",
        "PAYER_LIMIT_REACHED",
        "WALLET_LIMIT_REACHED",
        "PAYMENT_IN_PROGRESS",
        "TRANSACTION_ALREADY_IN_PROCESS",
    ):
        known = tables.failures("processing")[code]
        assert known.failure is not None
        assert not known.failure.is_providers_fault
        assert not known.elsewhere


REASON = {"failureReason": {"failureCode": "INVALID_AMOUNT", "failureMessage": "x"}}


@pytest.mark.parametrize(
    ("http", "body", "alert"),
    [
        (500, fixture("any-response-500")["body"], False),
        (500, {"status": "REJECTED", **REASON}, False),
        (502, "<html>Bad Gateway</html>", False),
        (200, "<html>", False),
        (200, [], False),
        (200, {}, False),
        (200, {"status": None}, False),
        (200, {"status": "ALMOST"}, True),
        (200, {"status": "COMPLETED"}, True),
        (200, {"status": ["ACCEPTED"]}, True),
        (200, {"status": "REJECTED"}, True),
        (200, {"status": "REJECTED", "failureReason": {"failureCode": "BRAND_NEW"}}, True),
        (200, {"status": "REJECTED", "failureReason": {"failureCode": "UNKNOWN_ERROR"}}, False),
        (400, {"status": "ACCEPTED"}, True),
        (403, {"failureReason": {"failureCode": "INVALID_PARAMETER"}}, False),
        (400, "no JSON", False),
        (404, {"status": "REJECTED", **REASON}, False),
        (409, {"status": "DUPLICATE_IGNORED"}, False),
        (429, {"status": "REJECTED", **REASON}, False),
        (302, {}, False),
        (204, None, False),
    ],
)
def test_what_is_no_documented_answer_to_an_initiation_decides_nothing(
    http: int, body: object, alert: bool
) -> None:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    word = wire.initiation_word(Reply(http, {}, raw), MTN_ZMB)
    assert isinstance(word, Unclear)
    assert word.alert is alert


# Theirs to ours: status and callback


def read(name: str) -> Any:
    deposit = wire.found(documented(name), Kind.DEPOSIT, DEPOSIT_ID)
    return (
        wire.operation_word(deposit, Kind.DEPOSIT, asked_for=DEPOSIT_ID, provider=MTN_ZMB)
        if isinstance(deposit, Mapping)
        else deposit
    )


def test_a_completed_deposit_names_the_money_the_id_and_the_operators_number() -> None:
    assert read("deposit-status-completed") == Succeeded(Money(1500, "ZMW"), DEPOSIT_ID, "12356789")


def test_a_failed_deposit_names_why() -> None:
    word = read("deposit-status-failed")
    assert isinstance(word, Failed)
    assert word.failure.code is FailureCode.PAYER_DECLINED


@pytest.mark.parametrize("name", ["deposit-status-accepted", "deposit-status-processing"])
def test_a_deposit_under_way_still_waits_for_the_pin(name: str) -> None:
    word = read(name)
    assert isinstance(word, Pending)
    assert word.next_action is not None


def test_nothing_is_left_to_do_for_the_payer_while_pawapay_reconciles() -> None:
    assert read("deposit-status-in-reconciliation") == Pending(None)


def test_a_deposit_that_is_not_found_is_missing() -> None:
    assert read("any-status-notfound") == Missing()


def test_a_deposit_printed_bare_as_in_the_guide_is_read_too() -> None:
    bare = fixture("deposit-status-completed")["body"]["data"]
    deposit = wire.found(reply(200, bare), Kind.DEPOSIT, DEPOSIT_ID)
    assert isinstance(deposit, Mapping)
    assert isinstance(wire.operation_word(deposit, Kind.DEPOSIT, asked_for=None, provider=None), Succeeded)


@pytest.mark.parametrize("status", sorted(wire.STATUSES))
def test_every_status_in_the_table_is_read(status: str) -> None:
    deposit = {"depositId": DEPOSIT_ID, "status": status, "amount": "15.00", "currency": "ZMW"}
    word = wire.operation_word(deposit, Kind.DEPOSIT, asked_for=DEPOSIT_ID, provider=MTN_ZMB)
    assert type(word) is wire.STATUSES[status]


@pytest.mark.parametrize("status", ["NEEDS_ATTENTION", "completed", "", None, 1, ["COMPLETED"], {"a": 1}])
def test_a_status_that_is_not_in_the_table_alarms_and_decides_nothing(status: object) -> None:
    word = wire.operation_word(
        {"depositId": DEPOSIT_ID, "status": status}, Kind.DEPOSIT, asked_for=None, provider=None
    )
    assert isinstance(word, Unclear)
    assert word.alert


@pytest.mark.parametrize(
    ("http", "body", "alert"),
    [
        (500, fixture("any-response-500")["body"], False),
        (502, "<html>", False),
        (404, {"status": "NOT_FOUND"}, False),
        (429, {"status": "NOT_FOUND"}, False),
        (401, {"failureReason": {"failureCode": "AUTHENTICATION_ERROR"}}, True),
        (200, [], False),
        (200, {"status": "FOUND"}, True),
        (200, {"status": "FOUND", "data": []}, True),
        (200, {"status": "COMPLETED"}, True),
        (200, {"status": ["NOT_FOUND"]}, True),
    ],
)
def test_what_is_no_documented_answer_to_a_status_check_decides_nothing(
    http: int, body: object, alert: bool
) -> None:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    word = wire.found(Reply(http, {}, raw), Kind.DEPOSIT, DEPOSIT_ID)
    assert isinstance(word, Unclear)
    assert word.alert is alert


def test_an_answer_about_another_deposit_decides_nothing_and_alarms() -> None:
    other = fixture("deposit-status-failed")["body"]
    assert isinstance(wire.found(reply(200, other), Kind.DEPOSIT, DEPOSIT_ID.upper()), Mapping)
    for body in (other, other["data"]):
        word = wire.found(reply(200, body), Kind.DEPOSIT, "5d9a1c77-0b5f-4a53-8a55-0e0d6a6b7c22")
        assert isinstance(word, Unclear)
        assert word.alert


@pytest.mark.parametrize(
    ("amount", "currency", "paid"),
    [
        ("15.0000", "ZMW", Money(1500, "ZMW")),
        ("15", "ZMW", Money(1500, "ZMW")),
        (15.5, "ZMW", Money(1550, "ZMW")),
        ("1000.0000", "XOF", Money(1000, "XOF")),
        ("1000.5000", "XOF", None),
        ("15.001", "ZMW", None),
        ("15,00", "ZMW", None),
        (None, "ZMW", None),
        ("15", None, None),
        ("15", "zmw", None),
        (True, "ZMW", None),
        ({"value": 15}, "ZMW", None),
        ("NaN", "ZMW", None),
    ],
)
def test_an_amount_is_read_exactly_or_not_at_all(
    amount: object, currency: object, paid: Money | None
) -> None:
    assert wire.money_of({"amount": amount, "currency": currency}) == paid


@pytest.mark.parametrize(
    ("named", "reference"),
    [
        ({}, "asked"),
        ({"depositId": None}, "asked"),
        ({"depositId": "other"}, "other"),
        ({"depositId": 7}, "7"),
    ],
)
def test_a_success_names_the_id_that_pawapay_says_and_ours_only_where_it_says_none(
    named: dict[str, Any], reference: str
) -> None:
    word = wire.operation_word(
        {"status": "COMPLETED", **named}, Kind.DEPOSIT, asked_for="asked", provider=None
    )
    assert isinstance(word, Succeeded)
    assert word.reference == reference


def test_a_callback_is_a_report_about_its_deposit() -> None:
    completed = notification(fixture("deposit-callback-completed")["body"])
    assert wire.identify(completed) == (DEPOSIT_ID,)
    (report,) = wire.callback_reports(completed)
    assert report.reference == DEPOSIT_ID
    assert report.word == Succeeded(Money(1500, "ZMW"), DEPOSIT_ID, "12356789")
    (report,) = wire.callback_reports(notification(fixture("deposit-callback-failed")["body"]))
    assert isinstance(report.word, Failed)
    assert report.word.failure.code is FailureCode.INSUFFICIENT_FUNDS
    (report,) = wire.callback_reports(notification(fixture("deposit-callback-redirect")["body"]))
    assert report.word == Pending(NextAction(ActionType.REDIRECT, url="https://provider.example/auth/abc"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b'{"depositId": 1}',
        b'{"payoutId": null, "depositId": "d"}',
        b'{"checkoutId": "c", "deposit": {}}',
        b'{"remittanceId": "r", "status": "COMPLETED"}',
        b'{"statementId": "s", "status": "COMPLETED"}',
        b"[" * 100_000,
    ],
)
def test_a_callback_that_speaks_of_nothing_of_ours_is_no_report(body: bytes) -> None:
    assert wire.callback_reports(notification(body)) == ()


def test_a_callback_of_a_general_failure_is_asked_about_before_it_is_believed() -> None:
    told = {
        **fixture("deposit-callback-failed")["body"],
        "failureReason": {"failureCode": "UNKNOWN_ERROR", "failureMessage": "x"},
    }
    (report,) = wire.callback_reports(notification(json.dumps(told).encode()))
    assert isinstance(report.word, Unclear)
    assert not report.word.alert
    assert isinstance(wire.operation_word(told, Kind.DEPOSIT, asked_for=DEPOSIT_ID), Failed)


def test_a_callback_of_another_kind_still_says_whose_it_is() -> None:
    assert wire.identify(notification({"refundId": "r", "depositId": "d"})) == ("d", "r")
    assert wire.identify(notification({"payoutId": "p"})) == ("p",)
    assert wire.identify(notification(b"\xff")) == ()


def test_nobodys_words_can_break_the_translation() -> None:
    """Thousands of mutated answers: no exception, and no success out of what was none."""
    chance = random.Random(20261122)
    examples = [
        fixture(name)["body"]
        for name in (
            "deposit-status-completed",
            "deposit-callback-completed",
            "deposit-response-rejected",
            "deposit-status-failed",
        )
    ]
    junk: list[Any] = [
        None,
        True,
        0,
        -1,
        1e308,
        "",
        "COMPLETED",
        "FOUND",
        [],
        {},
        "é" * 50,
        ["COMPLETED"],
        {"failureCode": 1},
    ]

    def mutate(value: Any) -> Any:
        if isinstance(value, dict) and value and chance.random() < 0.8:
            name = chance.choice(list(value))
            changed = {**value, name: mutate(value[name])}
            if chance.random() < 0.2:
                changed.pop(name)
            return changed
        return chance.choice(junk)

    for _ in range(4000):
        body = json.dumps(mutate(chance.choice(examples))).encode()
        answer = Reply(
            chance.choice([200, 200, 400, 401, 403, 500]), {}, body[: chance.choice([None, None, 40])]
        )
        wire.initiation_word(answer, MTN_ZMB)
        deposit = wire.found(answer, Kind.DEPOSIT, DEPOSIT_ID)
        if isinstance(deposit, Mapping):
            word = wire.operation_word(deposit, Kind.DEPOSIT, asked_for=DEPOSIT_ID, provider=MTN_ZMB)
            assert not isinstance(word, Succeeded) or deposit["status"] == "COMPLETED"
        wire.callback_reports(notification(body))
        wire.identify(notification(body))
