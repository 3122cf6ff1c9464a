"""PayDunya's words about payouts: every documented example read as it must be, and nothing hostile ever pays."""

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afriflow.core.evidence import Failed, Missing, NotSent, Pending, Refused, Succeeded, Unclear
from afriflow.core.method import MethodType, PaymentMethod
from afriflow.core.money import Money
from afriflow.core.msisdn import Msisdn
from afriflow.core.operator import countries, operators
from afriflow.core.transaction import Mode
from afriflow.port.balances import Balance
from afriflow.port.factory import fill_config
from afriflow.port.http import ProviderHttp, Reply
from afriflow.port.money_out import PayoutOrder, Payouts, Refunds
from afriflow.port.provider import Account, Notification, Report, Resend, Verdict
from afriflow.providers.paydunya import SPEC, payout_wire
from afriflow.providers.paydunya.adapter import PayDunyaAdapter, identify
from afriflow.providers.paydunya.operators import wallets
from afriflow.providers.paydunya.payout_wire import Submission
from afriflow.providers.paydunya.simulator.notification import encode
from afriflow.providers.paydunya.simulator.payouts import MODES

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
REFERENCE = "5f1e7c8a-1111-4222-8333-944445555666"
TOKEN = "hwTHAS0WvTmTaYT2zDoO"
NOTATIONS = ["form", "json_in_form", "json_twice", "query_in_form", "json", "json_flat"]
EXAMPLES: Any = json.loads(
    files("afriflow.providers.paydunya").joinpath("fixtures", "disburse.json").read_text("utf-8")
)


class StoppedClock:
    def now(self) -> datetime:
        return NOW


def reply(body: Any, status: int = 200) -> Reply:
    return Reply(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def order(operator: str = "wave_sn", national: str = "774563209", **facts: Any) -> PayoutOrder:
    country = operators()[operator].country
    code = countries()[country].calling_code
    plain: dict[str, Any] = {
        "reference": REFERENCE,
        "payout_id": "pay_1",
        "merchant_name": "Chez Awa",
        "money": Money(500, "XOF"),
        "method": PaymentMethod(
            MethodType.MOBILE_MONEY, country, operator, Msisdn(f"+{code}{national}", country, code)
        ),
        "created_at": NOW,
    }
    return PayoutOrder(**plain | facts)


def adapter(mode: Mode = Mode.TEST, base_url: str = "http://127.0.0.1:1/api/v1", **config: Any) -> Any:
    filled = fill_config(SPEC, "acc_1", {**SPEC.demo_config, "master_key": "mk-test", **config})
    account = Account("acc_1", "mer_1", "paydunya", mode, base_url, "https://us.example/hook", filled)
    return PayDunyaAdapter(account, ProviderHttp(None, StoppedClock(), timeout_seconds=1), StoppedClock(), {})  # type: ignore[arg-type]


def notification(body: bytes) -> Notification:
    return Notification("POST", "/api/webhooks/paydunya/acc_1", {}, body, NOW)


# What it is


def test_it_pays_out_and_gives_nothing_back_by_itself() -> None:
    assert isinstance(adapter(), Payouts)
    assert not isinstance(adapter(), Refunds)
    assert SPEC.payout_resend is Resend.ALWAYS


def test_payouts_go_wherever_a_withdraw_mode_is_known_and_the_simulator_knows_the_same() -> None:
    reached = {route.operator for route in SPEC.payout_routes}
    assert reached == set(wallets()) - {"wizall_sn", "moov_ml", "mtn_cm"}
    assert {(route.currency, route.minimum_minor, route.decimals) for route in SPEC.payout_routes} == {
        ("XOF", 200, 0)
    }
    ours = {wallet.withdraw: wallet.country for wallet in wallets().values() if wallet.withdraw}
    assert ours == MODES


# Our payout in its fields


def test_the_first_step_names_a_local_number_whole_francs_and_the_accounts_webhook() -> None:
    documented = EXAMPLES["get_invoice"]["request"]
    sent = json.loads(payout_wire.invoice_of(order(), "wave-senegal", documented["callback_url"]))
    assert sent == documented
    assert isinstance(sent["amount"], int)


def test_the_step_that_pays_carries_our_reference() -> None:
    assert json.loads(payout_wire.submission_of(order(), TOKEN)) == EXAMPLES["submit"]["request"]


# Its words as our evidence


@pytest.mark.parametrize("example", EXAMPLES["get_invoice"]["answers"])
def test_a_token_is_read_wherever_it_stands(example: Any) -> None:
    assert payout_wire.read_token(reply(example["body"])) == example["token"]


@pytest.mark.parametrize("example", EXAMPLES["get_invoice"]["refused"], ids=lambda e: e["means"])
def test_a_refused_first_step_moved_nothing_and_another_provider_may_pay(example: Any) -> None:
    word = payout_wire.read_token(reply(example["body"], example["status"]))
    assert isinstance(word, Refused)
    assert (word.failure.code.value, word.elsewhere) == (example["means"], True)


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"<html>502</html>", 502),
        reply(b""),
        reply({"response_code": "00"}),
        reply({"response_code": "00", "disburse_token": "../x"}),
        reply({"response_code": "00", "disburse_token": 7}),
        reply({"response_code": "00", "disburse_token": TOKEN}, 500),
        reply({"response_code": "1001", "disburse_token": TOKEN}),
        reply({"response_text": "?"}),
        reply({"response_code": True}),
    ],
)
def test_an_undocumented_first_answer_decides_nothing(answer: Reply) -> None:
    assert isinstance(payout_wire.read_token(answer), Unclear)


@pytest.mark.parametrize("example", EXAMPLES["submit"]["answers"], ids=lambda e: e["means"])
def test_a_submission_is_pending_or_to_be_asked_and_never_a_success_by_its_own_word(example: Any) -> None:
    assert payout_wire.read_submitted(reply(example["body"])) == Submission(example["means"])


@pytest.mark.parametrize("example", EXAMPLES["submit"]["refused"])
def test_a_submission_can_be_refused_for_documented_reasons_only(example: Any) -> None:
    word = payout_wire.read_submitted(reply(example["body"], example["status"]))
    assert isinstance(word, Refused)
    assert word.failure.code.value == example["means"]


@pytest.mark.parametrize("example", EXAMPLES["submit"]["unclear"])
@pytest.mark.parametrize("status", [200, 500])
def test_any_other_answer_to_a_submission_decides_nothing(example: Any, status: int) -> None:
    assert isinstance(payout_wire.read_submitted(reply(example["body"], status)), Unclear)


def test_each_status_of_check_status_is_read_as_documented() -> None:
    def word(name: str, **changes: Any) -> Any:
        return payout_wire.read_status(reply({**EXAMPLES["check_status"][name], **changes}), order(), TOKEN)

    assert word("created") == Missing()
    assert word("pending") == Pending()
    assert word("success") == Succeeded(Money(203, "XOF"), REFERENCE, "MP210921.1230.B04577")
    failed = word("failed")
    assert isinstance(failed, Failed)
    assert failed.failure.provider_message == "(text unknown)"
    for changes in (
        {"status": "sent"},
        {"status": None},
        {"token": "anotherTokenOfAnother"},
        {"disburse_id": "another"},
        {"response_code": "1001"},
        {"response_code": None},
    ):
        unclear = word("success", **changes)
        assert isinstance(unclear, Unclear)
        assert unclear.alert


def test_a_success_without_our_reference_is_ours_only_if_it_names_the_token_that_we_kept() -> None:
    body = {
        name: value for name, value in EXAMPLES["check_status"]["success"].items() if name != "disburse_id"
    }
    word = payout_wire.read_status(reply(body), order(), TOKEN)
    assert isinstance(word, Succeeded)
    assert word.reference == REFERENCE
    del body["token"]
    word = payout_wire.read_status(reply(body), order(), TOKEN)
    assert isinstance(word, Succeeded)
    assert word.reference is None


def test_maintenance_while_asking_calls_nobody() -> None:
    word = payout_wire.read_status(reply({"response_code": "5000"}), order(), TOKEN)
    assert isinstance(word, Unclear)
    assert not word.alert
    assert isinstance(payout_wire.read_status(reply(b"<html>", 502), order(), TOKEN), Unclear)


@pytest.mark.parametrize("amount", [None, "", "5 000", "203.5", [], True, "1e3", float("nan")])
def test_an_amount_that_is_no_exact_amount_is_none(amount: Any) -> None:
    word = payout_wire.word_of({"status": "success", "amount": amount})
    assert isinstance(word, Succeeded)
    assert word.paid is None


def test_balances_are_read_per_country() -> None:
    assert payout_wire.read_balances(reply(EXAMPLES["balance"]["body"])) == (
        Balance("SN", "XOF", Decimal(1000)),
        Balance("CI", "XOF", Decimal(250000)),
    )
    for body in ({"success": False, "Balance SN": "1 XOF"}, [], {"success": "true"}):
        assert payout_wire.read_balances(reply(body)) is None
    odd = {"success": True, "Balance SN": "1000", "Balance CI": 7, "Balance": "1 XOF", "Balance TG": "1 EURO"}
    assert payout_wire.read_balances(reply(odd)) == ()


# What never leaves


async def kept_nothing(_token: str, _action: object = None) -> None:
    raise AssertionError("a token where nothing may be sent")


@pytest.mark.parametrize(
    ("mode", "base_url", "config", "asked", "why"),
    [
        (Mode.TEST, SPEC.base_urls[Mode.TEST], {}, order(), "payouts_have_no_test_mode"),
        (Mode.TEST, SPEC.base_urls[Mode.LIVE], {}, order(), "payouts_have_no_test_mode"),
        (Mode.TEST, "http://x/api/v1", {"private_key": "live_private_x"}, order(), "keys_of_other_mode"),
        (Mode.LIVE, SPEC.base_urls[Mode.LIVE], {}, order(), "keys_of_other_mode"),
        (Mode.TEST, "http://x/pay", {}, order(), "no_payout_address"),
        (Mode.TEST, "http://x/api/v1", {}, order("wizall_sn"), "no_withdraw_mode"),
        (Mode.TEST, "http://x/api/v1", {}, order("moov_ml", "62345678"), "no_withdraw_mode"),
        (Mode.TEST, "http://x/api/v1", {}, order(money=Money(500, "XAF")), "currency"),
        (
            Mode.TEST,
            "http://x/api/v1",
            {"mtn_cm": True},
            order("mtn_cm", "670000000", money=Money(500, "XAF")),
            "currency",
        ),
    ],
)
async def test_what_cannot_be_paid_out_here_is_not_sent_and_says_why(
    mode: Mode, base_url: str, config: dict[str, Any], asked: PayoutOrder, why: str
) -> None:
    answer = await adapter(mode, base_url, **config).payout(asked, kept_nothing)
    assert isinstance(answer.word, NotSent)
    assert answer.word.failure.provider_code == why


async def test_a_wallet_without_a_number_gets_nothing() -> None:
    asked = order()
    asked = replace(asked, method=replace(asked.method, msisdn=None))
    answer = await adapter().payout(asked, kept_nothing)
    assert isinstance(answer.word, NotSent)


async def test_where_payouts_answer_is_beside_the_accounts_address_or_a_setting() -> None:
    asked: list[str] = []

    class Recording(ProviderHttp):
        async def send(self, operation: str, method: str, url: str, **_: Any) -> Reply:
            asked.append(url)
            return reply(EXAMPLES["balance"]["body"])

    def at(base_url: str, **config: Any) -> PayDunyaAdapter:
        filled = fill_config(SPEC, "acc_1", {**SPEC.demo_config, **config})
        account = Account(
            "acc_1", "mer_1", "paydunya", Mode.TEST, base_url, "https://us.example/hook", filled
        )
        return PayDunyaAdapter(
            account, Recording(None, StoppedClock(), timeout_seconds=1), StoppedClock(), {}
        )  # type: ignore[arg-type]

    for base_url in (SPEC.base_urls[Mode.LIVE], SPEC.base_urls[Mode.TEST], "http://x/sim/sandbox-api/v1/"):
        assert await at(base_url).balances()
    assert await at("http://x/pay", disburse_base_url="http://y/v2/").balances()
    assert await at("http://x/pay").balances() is None
    assert asked == [
        "https://app.paydunya.com/api/v2/disburse/check-balance",
        "https://app.paydunya.com/api/v2/disburse/check-balance",
        "http://x/sim/api/v2/disburse/check-balance",
        "http://y/v2/disburse/check-balance",
    ]


async def test_without_a_token_a_payout_was_never_sent_and_may_be_sent_again() -> None:
    assert (await adapter().verify_payout(order())).word == Missing()


# Its callback


@pytest.mark.parametrize("notation", NOTATIONS)
async def test_the_callback_in_every_encoding_names_our_payout_and_is_a_hint(notation: str) -> None:
    received = notification(encode(EXAMPLES["callback"], notation)[0])
    assert (await adapter().authenticate(received)).verdict is Verdict.HINT
    word = Succeeded(Money(203, "XOF"), REFERENCE, "MP210921.1230.B04577")
    assert adapter().handle_webhook(received) == (Report(word, REFERENCE, TOKEN),)
    assert identify(received) == (REFERENCE, TOKEN)


async def test_the_callback_percent_encoded_once_more_is_read_too() -> None:
    inner = json.dumps(EXAMPLES["callback"]).replace("{", "%7B").replace('"', "%22")
    received = notification(b"data=" + inner.encode().replace(b"%", b"%25"))
    assert identify(received) == (REFERENCE, TOKEN)


async def test_a_callback_without_the_hash_is_forged() -> None:
    content = {**EXAMPLES["callback"], "hash": hashlib.sha512(b"another").hexdigest()}
    assert (
        await adapter().authenticate(notification(encode(content, "json_in_form")[0]))
    ).verdict is Verdict.FORGED


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["00", "success", TOKEN]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    "response_code", "status", "token", "disburse_token", "withdraw_mode", "amount", "updated_at", "disburse_id",
    "transaction_id", "disburse_tx_id", "hash", "data", "response_text", "success", "Balance SN", "description",
]  # fmt: skip
CONTENT = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=10)


@settings(max_examples=400, deadline=None)
@given(CONTENT, st.integers(100, 599))
def test_no_answer_makes_the_reader_raise_or_see_money_that_was_not_confirmed(
    body: dict[str, Any], status: int
) -> None:
    answer = Reply(status, {}, json.dumps(body).encode())
    payout_wire.read_token(answer)
    payout_wire.read_submitted(answer)
    payout_wire.read_balances(answer)
    word = payout_wire.read_status(answer, order(), TOKEN)
    if isinstance(word, Succeeded | Failed):
        assert 200 <= status < 300
        assert body["response_code"] in ("00", ["00"])
        assert (
            body.get("token", TOKEN) == TOKEN
            or not isinstance(body["token"], str)
            or not body["token"].strip()
        )


@settings(max_examples=300, deadline=None)
@given(CONTENT, st.sampled_from(NOTATIONS))
def test_no_callback_makes_the_inbox_raise_or_passes_without_the_hash(
    content: dict[str, Any], notation: str
) -> None:
    content.pop("hash", None)
    try:
        body = encode(content, notation)[0]
    except UnicodeEncodeError:  # half characters cannot be sent but as JSON escapes
        body = json.dumps(content).encode()
    received = notification(body)
    assert asyncio.run(adapter().authenticate(received)).verdict in {Verdict.FORGED, Verdict.PROBE}
    for report in adapter().handle_webhook(received):
        assert report.reference or report.provider_reference
        assert "\\x00" not in repr(report)
        repr(report).encode()
    identify(received)
