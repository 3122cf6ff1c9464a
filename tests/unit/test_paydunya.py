"""PayDunya's words: every documented example read as it must be, and nothing hostile ever raises or pays."""

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afriflow.core.errors import BadAccount
from afriflow.core.evidence import Failed, Missing, NotSent, Pending, Refused, Succeeded, Unclear
from afriflow.core.method import ActionType, FailureCode, MethodType, NextAction, PaymentMethod
from afriflow.core.money import Money
from afriflow.core.msisdn import Msisdn
from afriflow.core.operator import operators
from afriflow.core.transaction import Mode
from afriflow.port.factory import fill_config, secret_fields, specs
from afriflow.port.http import ProviderHttp, Reply
from afriflow.port.provider import Account, Authorization, Notification, Order, Resend, Secret, Verdict
from afriflow.providers.paydunya import SPEC, wire
from afriflow.providers.paydunya.adapter import PayDunyaAdapter, identify
from afriflow.providers.paydunya.notification import read_notification
from afriflow.providers.paydunya.operators import wallets
from afriflow.providers.paydunya.simulator.notification import encode

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
REFERENCE = "5f1e7c8a-1111-4222-8333-944445555666"
TOKEN = "test_c3jZFfFcSw"
WAVE_PAGE = "https://pay.wave.com/c/cos-1cj669hbr1350?a=200&c=XOF&m=JOE"
DJAMO_PAGE = "https://p.djamo.com/payment-link/?type=payment_confirmation&chargeId=363a0bea-7859-4cd7-a489-6d74d00c8469"
APPROVE = NextAction(ActionType.APPROVE_ON_PHONE)


def opens(url: str, scanned: str | None = None) -> NextAction:
    return NextAction(ActionType.REDIRECT, url=url, payload=scanned or url)


# What the payer has still to do after each documented answer.
TO_DO = {
    ("new-orange-money-senegal", "SN"): opens(
        "https://app.paydunya.com/recharge-orange-sn?data%5Bqrcode%5D=iVBORw0KGgoAAAANSUhEUgAAAMgAAADI"
        "&data%5Btoken%5D=2da19f97721d74b725cd0bfec625637f52a4fe8180069fdcea8e0658b319a102",
        "https://sugu.orange-sonatel.com/mp/dpBtHptARK6Br_t5k3",
    ),
    ("wave-senegal", "SN"): opens(WAVE_PAGE),
    ("wave-ci", "CI"): opens(WAVE_PAGE),
    ("djamo", "SN"): opens(DJAMO_PAGE),
    ("djamo", "CI"): opens(DJAMO_PAGE),
    ("free-money-senegal", "SN"): NextAction(ActionType.DIAL_USSD, code="#150#"),
    ("moov-burkina", "BF"): NextAction(ActionType.DIAL_USSD, code="*555*6#"),
    ("expresso-senegal", "SN"): APPROVE,
    ("mtn-ci", "CI"): APPROVE,
    ("moov-benin", "BJ"): APPROVE,
    ("mtn-benin", "BJ"): APPROVE,
    ("celtiis-cash", "BJ"): APPROVE,
    ("t-money-togo", "TG"): APPROVE,
    ("moov-togo", "TG"): APPROVE,
    ("orange-money-mali", "ML"): APPROVE,
    ("moov-mali", "ML"): APPROVE,
    ("mtn-cameroun", "CM"): APPROVE,
    # The payer gave a code before, or typed the PIN while the call lasted: nothing is left to do.
    ("orange-money-ci", "CI"): None,
    ("orange-money-burkina", "BF"): None,
    ("moov-ci", "CI"): None,
    ("wizall-money-senegal", "SN"): NextAction(ActionType.ENTER_OTP, payload="286513913"),
}
NOTATIONS = ["form", "json_in_form", "json_twice", "query_in_form", "json", "json_flat"]


class StoppedClock:
    def now(self) -> datetime:
        return NOW


def fixture(name: str) -> Any:
    return json.loads(files("afriflow.providers.paydunya").joinpath("fixtures", name).read_text("utf-8"))


def reply(body: Any, status: int = 200) -> Reply:
    return Reply(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def order(operator: str = "wave_sn", phone: str = "+221771234567", **facts: Any) -> Order:
    country = operators()[operator].country
    msisdn = Msisdn(phone, country, phone[1:4])
    plain: dict[str, Any] = {
        "reference": REFERENCE,
        "transaction_id": "txn_1",
        "merchant_name": "Chez Awa",
        "money": Money(5000, "XOF"),
        "method": PaymentMethod(MethodType.MOBILE_MONEY, country, operator, msisdn),
        "return_url": "https://pay.example/back/1",
        "cancel_url": "https://pay.example/cancel/1",
        "created_at": NOW,
    }
    return Order(**plain | facts)


def adapter(**config: Any) -> PayDunyaAdapter:
    filled = fill_config(SPEC, "acc_1", {**SPEC.demo_config, "master_key": "mk-test", **config})
    account = Account(
        "acc_1", "mer_1", "paydunya", Mode.TEST, "http://127.0.0.1:1", "https://us.example/hook", filled
    )
    return PayDunyaAdapter(account, ProviderHttp(None, StoppedClock(), timeout_seconds=1), StoppedClock(), {})  # type: ignore[arg-type]


def notification(body: bytes, method: str = "POST") -> Notification:
    return Notification(method, "/api/webhooks/paydunya/acc_1", {}, body, NOW)


def ipn(**changes: Any) -> dict[str, Any]:
    """Give the documented notification with our reference in it."""
    content = fixture("ipn.json")["data"]
    return {**content, "custom_data": {**content["custom_data"], wire.REFERENCE_KEY: REFERENCE}, **changes}


# What it is


def test_the_factory_finds_it_by_its_folder_and_its_keys_are_sealed() -> None:
    assert specs()["paydunya"] is SPEC
    assert secret_fields(SPEC.config_type) == {"master_key", "private_key", "token"}
    assert (SPEC.idempotency, SPEC.resend, SPEC.missing_is_final_after_seconds) == (
        "C",
        Resend.BEFORE_REFERENCE,
        None,
    )
    assert SPEC.demo_config["private_key"].startswith("test_private_")
    assert SPEC.base_urls[Mode.TEST] == "https://app.paydunya.com/sandbox-api/v1"


def test_every_wallet_of_the_table_is_an_operator_that_we_know_in_that_country() -> None:
    for wallet in wallets().values():
        assert operators()[wallet.operator].country == wallet.country


def test_routes_cover_six_countries_in_xof_and_mtn_of_cameroon_with_a_code_where_one_is_asked() -> None:
    countries = {(route.country, route.currency) for route in SPEC.routes}
    assert countries == {*((name, "XOF") for name in ("SN", "CI", "BJ", "TG", "BF", "ML")), ("CM", "XAF")}
    assert {route.operator for route in SPEC.routes if route.country == "CM"} == {"mtn_cm"}
    assert all(route.minimum_minor == 200 for route in SPEC.routes)
    cards = {route.country for route in SPEC.routes if route.method is MethodType.CARD}
    assert cards == {"SN", "CI", "BJ", "TG", "BF", "ML"}
    otp = {route.operator for route in SPEC.routes if route.authorization is Authorization.OTP_FIRST}
    assert otp == {"orange_ci", "orange_bf"}
    assert all(operators()[operator or ""].otp_ussd for operator in otp)
    after = {route.operator for route in SPEC.routes if route.authorization is Authorization.OTP_AFTER}
    assert after == {"wizall_sn"}
    assert {route.operator for route in SPEC.routes if route.operator} == set(wallets())


def test_an_account_carries_what_it_was_opened_with() -> None:
    def carried(**settings: Any) -> set[str]:
        config = fill_config(SPEC, "acc_1", {**SPEC.demo_config, **settings})
        return {route.operator or "card" for route in SPEC.routes if SPEC.opens(config, route)}

    # In which currency PayDunya means an invoice for Cameroon is documented nowhere: no account offers it unasked.
    everything = {"card", *wallets()}
    assert carried() == everything - {"mtn_cm"}
    assert carried(mtn_cm=True) == everything
    assert carried(closed_operators="celtiis_bj, wave_sn") == everything - {"mtn_cm", "celtiis_bj", "wave_sn"}


@pytest.mark.parametrize(
    "settings",
    [{"closed_operators": "wave"}, {"page_operators": "wave_sn,nobody"}, {"page_operators": "djamo_sn"}],
)
def test_an_account_that_names_what_nobody_knows_is_not_opened(settings: dict[str, str]) -> None:
    with pytest.raises(BadAccount):
        fill_config(SPEC, "acc_1", {**SPEC.demo_config, **settings})


# Our order in its fields


def test_an_order_becomes_an_invoice_of_whole_francs_limited_to_one_channel() -> None:
    sent = json.loads(
        wire.invoice_of(order(description="2 sacs de riz"), "wave-senegal", "https://us.example/hook")
    )
    assert sent == {
        "invoice": {
            "total_amount": 5000,
            "description": "2 sacs de riz",
            "channels": ["wave-senegal"],
            "customer": {"phone": "771234567"},
        },
        "store": {"name": "Chez Awa"},
        "custom_data": {"afriflow_reference": REFERENCE, "afriflow_transaction": "txn_1"},
        "actions": {
            "callback_url": "https://us.example/hook",
            "return_url": "https://pay.example/back/1",
            "cancel_url": "https://pay.example/cancel/1",
        },
    }
    assert isinstance(sent["invoice"]["total_amount"], int)


@pytest.mark.parametrize("wallet", wallets().values(), ids=lambda w: w.operator)
def test_a_charge_has_exactly_the_documented_fields(wallet: Any) -> None:
    example = next(
        e for e in fixture("softpay.json")["examples"]
        if e["path"] == wallet.softpay.path and e["country"] == wallet.country
    )  # fmt: skip
    documented = example["request"]
    softpay = wallet.softpay
    calling_code = {
        "SN": "221",
        "CI": "225",
        "BJ": "229",
        "TG": "228",
        "BF": "226",
        "ML": "223",
        "CM": "237",
    }[wallet.country]
    phone = Msisdn(f"+{calling_code}{documented[softpay.phone]}", wallet.country, calling_code)
    asked = order(
        wallet.operator,
        method=PaymentMethod(MethodType.MOBILE_MONEY, wallet.country, wallet.operator, phone),
        customer_name=documented[softpay.name],
        customer_email=documented[softpay.email],
        otp=Secret(documented[softpay.otp]) if softpay.otp else None,
    )
    sent = json.loads(wire.softpay_of(asked, softpay, documented[softpay.token], ""))
    address = {
        name for name in documented if name.endswith("_address")
    }  # free text: the documents say a town
    assert sent.keys() == documented.keys()
    assert {k: v for k, v in sent.items() if k not in address} == {
        k: v for k, v in documented.items() if k not in address
    }


# Its words as our evidence


@pytest.mark.parametrize("example", fixture("create.json")["created"], ids=lambda e: e["body"]["token"])
def test_a_created_invoice_is_a_token_and_the_page_that_the_answer_names(example: Any) -> None:
    created = wire.read_created(reply(example["body"]), Mode(example["mode"]))
    assert created == wire.Created(example["body"]["token"], example["body"]["response_text"])


@pytest.mark.parametrize(
    "example", fixture("create.json")["refused"], ids=lambda e: e["body"]["response_text"][:30]
)
def test_a_refused_creation_may_be_tried_elsewhere(example: Any) -> None:
    word = wire.read_created(reply(example["body"]), Mode.LIVE)
    assert isinstance(word, Refused)
    assert (word.failure.code.value, word.elsewhere) == (example["means"], True)


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"<html>502 Bad Gateway</html>", 502),
        reply(b"<html>Page non trouv\xc3\xa9e</html>", 404),
        reply(b"<html>welcome</html>"),
        reply(b""),
        reply({"response_code": "00", "response_text": "https://app.paydunya.com/x"}),
        reply({"response_code": "00", "token": "ERtyuILouhhRHICF0HboN"}),
        reply(
            {
                "response_code": 0,
                "response_text": "https://app.paydunya.com/x",
                "token": "ERtyuILouhhRHICF0HboN",
            }
        ),
        reply({"response_code": "1001", "response_text": "x", "token": "ERtyuILouhhRHICF0HboN"}),
        reply(
            {"response_code": "00", "response_text": "https://app.paydunya.com/x", "token": "../../confirm"}
        ),
        reply({"response_code": "1001", "response_text": "Invalid Masterkey Specified"}, 500),
    ],
)
def test_an_undocumented_answer_to_create_decides_nothing(answer: Reply) -> None:
    assert isinstance(wire.read_created(answer, Mode.LIVE), Unclear)


@pytest.mark.parametrize(
    "url",
    [
        "http://app.paydunya.com/checkout/invoice/x",
        "https://app.paydunya.com.evil.example/x",
        "https://evilpaydunya.com/x",
        "https://paydunya.com@evil.example/x",
        "https://evil.example\\.paydunya.com/x",
        "https://app.paydunya.com /x",
        "javascript:alert(1)",
        "//app.paydunya.com/x",
        "",
    ],
)
def test_in_live_mode_no_payer_is_sent_to_a_page_that_is_not_paydunyas(url: str) -> None:
    body = {"response_code": "00", "response_text": url, "token": "ERtyuILouhhRHICF0HboN"}
    word = wire.read_created(reply(body), Mode.LIVE)
    assert isinstance(word, Unclear)
    assert word.alert


@pytest.mark.parametrize(
    "example", fixture("softpay.json")["examples"], ids=lambda e: f"{e['path']}-{e['country']}"
)
def test_a_successful_charge_is_asked_and_never_paid(example: Any) -> None:
    softpay = next(w.softpay for w in wallets().values() if w.softpay.path == example["path"])
    word = wire.read_softpay(reply(example["answer"]), softpay, Mode.LIVE)
    assert word == Pending(TO_DO[softpay.path, example["country"]])


def test_every_operator_of_the_table_has_a_documented_example() -> None:
    examples = {(e["path"], e["country"]) for e in fixture("softpay.json")["examples"]}
    assert examples == {(wallet.softpay.path, wallet.country) for wallet in wallets().values()}
    assert examples == set(TO_DO)


def test_the_code_that_a_push_names_itself_is_believed_before_ours() -> None:
    body = {"success": True, "message": "Tapez *999*1# pour payer."}
    word = wire.read_softpay(reply(body), wallets()["moov_bf"].softpay, Mode.LIVE)
    assert word == Pending(NextAction(ActionType.DIAL_USSD, code="*999*1#"))
    body = {"success": True, "message": "Opération réussie"}
    word = wire.read_softpay(reply(body), wallets()["free_sn"].softpay, Mode.LIVE)
    assert word == Pending(NextAction(ActionType.DIAL_USSD, code="#150#"))


@pytest.mark.parametrize(
    ("operator", "body"),
    [
        ("wave_sn", {"success": True}),
        ("wizall_sn", {"success": True}),
        ("wizall_sn", {"success": True, "data": []}),
        ("wizall_sn", {"success": True, "data": {"TransactionID": "../x"}}),
    ],
)
def test_an_answer_that_leaves_the_payer_with_nothing_to_do_calls_a_person(operator: str, body: Any) -> None:
    word = wire.read_softpay(reply(body), wallets()[operator].softpay, Mode.LIVE)
    assert isinstance(word, Unclear)
    assert word.alert


def test_the_second_step_has_exactly_the_documented_fields() -> None:
    documented = fixture("softpay.json")["second_step"]["request"]
    asked = order("wizall_sn", f"+221{documented['phone_number']}")
    sent = wire.code_after_of(asked, documented["authorization_code"], documented["transaction_id"])
    assert json.loads(sent) == documented


def test_without_a_channel_the_invoice_names_none() -> None:
    sent = json.loads(wire.invoice_of(order("djamo_sn"), None, "https://us.example/hook"))
    assert "channels" not in sent["invoice"]


def test_an_amount_is_read_in_the_currency_that_was_asked_in() -> None:
    body = {"status": "completed", "invoice": {"total_amount": "5000"}}
    assert wire.word_of(body, expired=False, currency="XAF") == Succeeded(Money(5000, "XAF"), None)


def test_the_qr_code_of_orange_senegal_holds_the_address_that_still_works() -> None:
    example = fixture("softpay.json")["examples"][0]
    softpay = wallets()["orange_sn"].softpay
    word = wire.read_softpay(reply(example["answer"]), softpay, Mode.LIVE)
    assert isinstance(word, Pending)
    assert word.next_action is not None
    assert word.next_action.payload == "https://sugu.orange-sonatel.com/mp/dpBtHptARK6Br_t5k3"


@pytest.mark.parametrize("example", fixture("softpay.json")["refusals"], ids=lambda e: str(e["means"][0]))
def test_a_charge_refused_before_processing_is_refused(example: Any) -> None:
    softpay = wallets()["orange_ci"].softpay
    word = wire.read_softpay(reply(example["body"], example["status"]), softpay, Mode.LIVE)
    assert isinstance(word, Refused)
    assert [word.failure.code.value, word.elsewhere] == example["means"]


@pytest.mark.parametrize(
    "example", fixture("softpay.json")["unclear"], ids=lambda e: e["body"]["message"][:30]
)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_any_other_failure_of_a_charge_decides_nothing(example: Any, status: int) -> None:
    softpay = wallets()["moov_ci"].softpay
    assert isinstance(wire.read_softpay(reply(example["body"], status), softpay, Mode.LIVE), Unclear)


def test_a_refusal_in_a_server_error_decides_nothing() -> None:
    softpay = wallets()["orange_ci"].softpay
    body = {"success": False, "message": "Invalid or expired OTP code!"}
    assert isinstance(wire.read_softpay(reply(body, 500), softpay, Mode.LIVE), Unclear)


def test_a_sandbox_payment_is_paid_in_full_and_names_our_reference() -> None:
    word = wire.read_confirm(
        reply(fixture("confirm.json")["sandbox_completed"]), TOKEN, Mode.TEST, expired=False
    )
    assert word == Succeeded(Money(50000, "XOF"), REFERENCE)


def test_fees_that_the_payer_bears_are_not_part_of_what_was_paid() -> None:
    body = fixture("confirm.json")["live_completed"]
    word = wire.read_confirm(reply(body), "ERtyuILouhhRHICF0HboN", Mode.LIVE, expired=False)
    assert word == Succeeded(Money(5000, "XOF"), REFERENCE, "T_4ABCDEFGHI")


def test_an_unknown_token_is_missing_and_a_pending_one_pending() -> None:
    examples = fixture("confirm.json")
    assert wire.read_confirm(reply(examples["not_found"]), TOKEN, Mode.TEST, expired=False) == Missing()
    assert wire.read_confirm(reply(examples["pending"]), TOKEN, Mode.TEST, expired=True) == Pending()


@pytest.mark.parametrize(
    ("status", "expired", "code"),
    [
        ("cancelled", False, FailureCode.PAYER_DECLINED),
        ("canceled", False, FailureCode.PAYER_DECLINED),
        ("cancelled", True, FailureCode.PAYER_TIMEOUT),
        ("failed", False, FailureCode.UNSPECIFIED),
        ("fail", True, FailureCode.UNSPECIFIED),
    ],
)
def test_a_final_no_says_why_as_far_as_it_can_be_known(status: str, expired: bool, code: FailureCode) -> None:
    body = {**fixture("confirm.json")["pending"], "status": status}
    word = wire.read_confirm(reply(body), TOKEN, Mode.TEST, expired=expired)
    assert isinstance(word, Failed)
    assert word.failure.code is code


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("Solde insuffisant", FailureCode.INSUFFICIENT_FUNDS),
        ("Insufficient funds", FailureCode.INSUFFICIENT_FUNDS),
        ("Plafond atteint", FailureCode.PAYER_LIMIT_REACHED),
        ("Délai dépassé", FailureCode.PAYER_TIMEOUT),
        ("Card expired", FailureCode.PAYER_TIMEOUT),
        ("3DS", FailureCode.UNSPECIFIED),
    ],
)
def test_the_reason_of_a_failed_card_is_read_where_it_says_something(reason: str, code: FailureCode) -> None:
    word = wire.word_of({"status": "failed", "fail_reason": reason}, expired=False)
    assert isinstance(word, Failed)
    assert (word.failure.code, word.failure.provider_message) == (code, reason)


def test_the_documented_card_failure_is_the_payers_bank() -> None:
    word = wire.word_of(fixture("confirm.json")["card_failed"], expired=False)
    assert isinstance(word, Failed)
    assert word.failure.code is FailureCode.PAYER_DECLINED


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "settled"},
        {"status": None},
        {"status": "COMPLETED?"},
        {"mode": "live"},
        {"mode": ["test"]},
        {"invoice": {"token": "test_another01", "total_amount": 50000}},
        {"response_code": "1001", "response_text": "Invalid Masterkey Specified"},
        {"response_code": "42"},
        {"response_code": None},
    ],
)
def test_what_does_not_fit_calls_a_person_and_decides_nothing(changes: dict[str, Any]) -> None:
    body = {**fixture("confirm.json")["sandbox_completed"], **changes}
    word = wire.read_confirm(reply(body), TOKEN, Mode.TEST, expired=False)
    assert isinstance(word, Unclear)
    assert word.alert


@pytest.mark.parametrize("amount", [None, "", "5 000", "1e3", "12.5", [], {}, True, "٥", -1.5, float("inf")])
def test_an_amount_that_is_no_exact_amount_is_none(amount: Any) -> None:
    word = wire.word_of({"status": "completed", "invoice": {"total_amount": amount}}, expired=False)
    assert word == Succeeded(None, None)


def test_a_master_key_hashes_as_documented() -> None:
    example = fixture("ipn.json")
    assert hashlib.sha512(example["master_key"].encode()).hexdigest() == example["hash"]


# Its notifications


@pytest.mark.parametrize("notation", NOTATIONS)
async def test_every_encoding_of_a_notification_says_the_same_and_is_a_hint(notation: str) -> None:
    body, _ = encode(ipn(), notation)
    received = notification(body)
    assert (await adapter().authenticate(received)).verdict is Verdict.HINT
    (report,) = adapter().handle_webhook(received)
    assert (report.reference, report.provider_reference) == (REFERENCE, "test_jkEdPY8SuG")
    assert report.word == Succeeded(Money(42300, "XOF"), REFERENCE)
    assert identify(received) == (REFERENCE, "test_jkEdPY8SuG")


def test_the_documented_form_has_percent_encoded_brackets_and_reads_back_whole() -> None:
    body, content_type = encode(ipn(), "form")
    assert b"data%5Binvoice%5D%5Btoken%5D=test_jkEdPY8SuG" in body
    assert content_type == "application/x-www-form-urlencoded"
    assert read_notification(body) == ipn()


def test_plain_brackets_and_list_indices_are_read_too() -> None:
    body = b"data[hash]=x&data[invoice][token]=test_abcdefghij&data[list][]=a&data[list][]=b&data[n][0]=c"
    assert read_notification(body) == {
        "hash": "x",
        "invoice": {"token": "test_abcdefghij"},
        "list": {"0": "a", "1": "b"},
        "n": {"0": "c"},
    }


@pytest.mark.parametrize("body", [b"", b"data=", b"data", b" \r\n"])
async def test_an_empty_body_is_a_probe(body: bytes) -> None:
    assert (await adapter().authenticate(notification(body))).verdict is Verdict.PROBE
    assert adapter().handle_webhook(notification(body)) == ()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_get_is_a_probe(method: str) -> None:
    assert (await adapter().authenticate(notification(b"", method))).verdict is Verdict.PROBE


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("wrong", [None, "", "0" * 128, "é" * 128, [], {"a": "b"}])
async def test_a_missing_or_other_hash_is_forged(notation: str, wrong: Any) -> None:
    body, _ = encode(ipn(hash=wrong), notation)
    assert (await adapter().authenticate(notification(body))).verdict is Verdict.FORGED


async def test_the_hash_is_compared_to_the_letter() -> None:
    body, _ = encode(ipn(hash=fixture("ipn.json")["hash"].upper()), "form")
    assert (await adapter().authenticate(notification(body))).verdict is Verdict.FORGED


@pytest.mark.parametrize(
    "body",
    [
        b"data[hash]=a&data[hash]=b",
        b"data[a]=1&data[a][b]=2",
        b"data[a][b]=1&data[a]=2",
        b"data[__proto__][x]=1",
        b"data[Constructor]=1",
        b'{"data":{"__proto__":{"a":1}}}',
        b'{"data":{"hash":"a","hash":"b"}}',
        b'{"data":{"a":NaN}}',
        b"data" + b"[a]" * 9 + b"=1",
        b'{"data":' + b'{"a":' * 9 + b"1" + b"}" * 10,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"&".join(b"data[a%d]=1" % number for number in range(1001)),
        b"data[x]=" + b"a" * 300_000,
        b"[]=1",
        b"data[a=1",
        b"a]b[c=1",
        b"just text",
        b"data=%2522%257B",
        b'"' * 50,
        b"data=" + quote_plus(quote_plus(quote_plus(quote_plus('{"hash":"a"}')))).encode(),
        b"data=7",
        b'{"data":[1]}',
        b"\xff\xfe\x00",
    ],
)
async def test_a_hostile_or_ambiguous_body_is_not_read_at_all(body: bytes) -> None:
    assert read_notification(body) is None
    assert (await adapter().authenticate(notification(body))).verdict is Verdict.FORGED
    assert adapter().handle_webhook(notification(body)) == ()
    assert identify(notification(body)) == ()


def test_a_notification_without_any_id_reports_nothing() -> None:
    assert adapter().handle_webhook(notification(b"data[status]=completed")) == ()


# Whatever comes

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.just("00")
    | st.just("completed"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = [
    "response_code", "response_text", "token", "status", "mode", "invoice", "custom_data", "success", "message",
    "errors", "url", "other_url", "total_amount", "total_amount_without_fees", "hash", "data", "maxit_url",
    "provider_reference", "fail_reason", wire.REFERENCE_KEY,
]  # fmt: skip
ANSWERS = st.dictionaries(
    st.sampled_from(NAMES), JSON | st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6), max_size=9
)


@settings(max_examples=400, deadline=None)
@given(ANSWERS, st.integers(100, 599), st.sampled_from([Mode.TEST, Mode.LIVE]))
def test_no_answer_makes_the_reader_raise_or_see_money_that_was_not_confirmed(
    body: dict[str, Any], status: int, mode: Mode
) -> None:
    answer = Reply(status, {}, json.dumps(body).encode())
    softpay = wallets()["orange_sn"].softpay
    assert not isinstance(wire.read_created(answer, mode), Succeeded | Failed)
    assert not isinstance(wire.read_softpay(answer, softpay, mode), Succeeded | Failed)
    word = wire.read_confirm(answer, TOKEN, mode, expired=False)
    if isinstance(word, Succeeded):
        assert body["response_code"] == "00" or body["response_code"] == ["00"]
        assert str(body["status"]).strip().lower() == "completed"


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=400) | ANSWERS.map(lambda body: json.dumps(body).encode()))
def test_no_body_makes_the_inbox_raise_or_passes_without_the_hash(body: bytes) -> None:
    received = notification(body)
    verdict = asyncio.run(adapter().authenticate(received)).verdict
    assert verdict in {Verdict.FORGED, Verdict.PROBE}
    for report in adapter().handle_webhook(received):
        assert report.reference or report.provider_reference
    identify(received)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.text(alphabet="data[]%5BD_é\x00", max_size=12), st.text(max_size=8)), max_size=12)
)
def test_no_form_makes_the_reader_raise(pairs: list[tuple[str, str]]) -> None:
    read_notification("&".join(f"{name}={value}" for name, value in pairs).encode("utf-8", "replace"))


@settings(max_examples=100, deadline=None)
@given(ANSWERS.map(lambda body: {**body, "data": body}), st.sampled_from(NOTATIONS))
def test_text_that_no_database_holds_never_leaves_the_reader(content: dict[str, Any], notation: str) -> None:
    body = encode_anything(content, notation)
    for report in adapter().handle_webhook(notification(body)):
        text = f"{report!r}"
        text.encode()
        assert "\\x00" not in text


def encode_anything(content: dict[str, Any], notation: str) -> bytes:
    try:
        return encode(content, notation)[0]
    except UnicodeEncodeError:  # half characters cannot be sent but as JSON escapes
        return json.dumps(content).encode()


# What never leaves


async def test_keys_of_the_other_mode_send_nothing() -> None:
    async def keep(_token: str, _action: object = None) -> None:
        raise AssertionError

    ours = adapter(private_key="live_private_x")
    answer = await ours.initiate(order(), keep)
    assert isinstance(answer.word, NotSent)
    assert answer.word.failure.provider_code == "keys_of_other_mode"


async def test_without_a_token_there_is_nothing_to_ask() -> None:
    assert isinstance((await adapter().verify(order())).word, Unclear)


async def test_at_paydunyas_own_sandbox_softpay_does_not_exist_and_the_hosted_page_serves() -> None:
    sent: list[str] = []

    class Recording(ProviderHttp):
        async def send(self, operation: str, method: str, url: str, **_: Any) -> Reply:
            sent.append(url)
            return reply(fixture("create.json")["created"][1]["body"])

    async with aiohttp.ClientSession() as session:
        http = Recording(session, StoppedClock(), timeout_seconds=1)
        config = fill_config(SPEC, "acc_1", SPEC.demo_config)
        account = Account(
            "acc_1", "mer_1", "paydunya", Mode.TEST, SPEC.base_urls[Mode.TEST], "https://u/h", config
        )
        kept: list[str] = []

        async def keep(token: str, _action: object = None) -> None:
            kept.append(token)

        answer = await PayDunyaAdapter(account, http, StoppedClock(), {}).initiate(order(), keep)
    assert isinstance(answer.word, Pending)
    assert answer.word.next_action is not None
    assert answer.word.next_action.url == "https://app.paydunya.com/sandbox-checkout/invoice/test_6BaZCm7FXS"
    assert kept == ["test_6BaZCm7FXS"]
    assert sent == ["https://app.paydunya.com/sandbox-api/v1/checkout-invoice/create"]


def test_an_invoice_is_expired_after_the_hours_of_the_account() -> None:
    made = replace(order(), created_at=NOW - timedelta(hours=24))
    assert wire.is_expired(made.created_at, NOW, 24)
    assert not wire.is_expired(made.created_at, NOW - timedelta(seconds=1), 24)
