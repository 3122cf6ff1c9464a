"""Payouts through PayDunya against its simulator, over real HTTP: lost answers at each step, money sent exactly once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from flow.test_paydunya_provider import House, open_house

from afriflow.core.evidence import Failed, Missing, NotSent, Pending, Refused, Succeeded, Unclear, Word
from afriflow.core.method import FailureCode, MethodType, PaymentMethod
from afriflow.core.money import Money
from afriflow.core.msisdn import Msisdn
from afriflow.core.operator import countries, operators
from afriflow.port.balances import Balance
from afriflow.port.http import NoAnswer, NothingSent, ProviderHttp, Reply
from afriflow.port.money_out import PayoutOrder
from afriflow.port.provider import Secret, Verdict
from afriflow.providers.paydunya import SPEC
from afriflow.providers.paydunya.adapter import PayDunyaAdapter
from afriflow.providers.paydunya.simulator.payouts import BALANCE_AT_START

REFERENCE = "7a1e7c8a-1111-4222-8333-944445555666"
NUMBERS = {
    "SN": "771234567",
    "CI": "0701234567",
    "BJ": "0145234567",
    "TG": "90234567",
    "BF": "70123456",
    "ML": "72345678",
}


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


def order(operator: str = "wave_sn", national: str | None = None, **facts: Any) -> PayoutOrder:
    country = operators()[operator].country
    code = countries()[country].calling_code
    phone = Msisdn(f"+{code}{national or NUMBERS[country]}", country, code)
    plain: dict[str, Any] = {
        "reference": REFERENCE,
        "payout_id": "pay_1",
        "merchant_name": "Chez Awa",
        "money": Money(5000, "XOF"),
        "method": PaymentMethod(MethodType.MOBILE_MONEY, country, operator, phone),
        "created_at": datetime.now(UTC),
    }
    return PayoutOrder(**plain | facts)


def sent(house: House) -> list[int]:
    """What really left, by the simulator's books."""
    return [transfer["amount"] for transfer in house.seat.notebook.every("transfer")]


async def held(house: House, country: str = "SN") -> int:
    async with house.browser.get(f"{house.url}/balances") as answer:
        return (await answer.json())[country]


def kept(house: House, asked: PayoutOrder) -> PayoutOrder:
    return replace(asked, provider_reference=house.kept[-1] if house.kept else None)


async def standing(house: House, asked: PayoutOrder) -> Word:
    return (await house.open().verify_payout(kept(house, asked))).word


def paid(reference: str = REFERENCE, amount: int = 5000) -> Any:
    class Paid:
        def __eq__(self, other: object) -> bool:
            return (
                isinstance(other, Succeeded)
                and (other.paid, other.reference) == (Money(amount, "XOF"), reference)
                and bool(other.operator_reference)
            )

        __hash__ = None  # type: ignore[assignment]

    return Paid()


class Wire(ProviderHttp):
    """Loses what a test says: `lost` after it arrived, `stopped` on its way, `unreachable` before it left."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.lost: set[str] = set()
        self.stopped: set[str] = set()
        self.unreachable: set[str] = set()

    async def send(self, operation: str, method: str, url: str, **request: Any) -> Reply:
        if operation in self.unreachable:
            raise NothingSent("ConnectionRefused")
        if operation in self.stopped:
            raise NoAnswer("Timeout")
        reply = await super().send(operation, method, url, **request)
        if operation in self.lost:
            raise NoAnswer("ServerDisconnected")
        return reply


def wired(house: House) -> tuple[PayDunyaAdapter, Wire]:
    wire = Wire(house.session, house.clock, timeout_seconds=5)
    return PayDunyaAdapter(house.account, wire, house.clock, {}), wire


# The ordinary way


@pytest.mark.parametrize("operator", sorted({route.operator or "" for route in SPEC.payout_routes}))
async def test_every_wallet_with_a_withdraw_mode_is_paid_once(house: House, operator: str) -> None:
    national = {"moov_ci": "0101234567", "mtn_ci": "0501234567"}.get(operator)
    asked = order(operator, national)
    country = operators()[operator].country
    answer = await house.open().payout(asked, house.keep)
    assert answer.word == paid()
    assert answer.provider_reference == house.kept[0]
    assert sent(house) == [5000]
    assert await held(house, country) == BALANCE_AT_START - 5000
    assert await standing(house, asked) == paid()


async def test_a_slow_wallet_is_pending_and_then_paid(house: House) -> None:
    asked = order(national="771234010")
    answer = await house.open().payout(asked, house.keep)
    assert answer.word == Pending()
    assert sent(house) == []
    assert await standing(house, asked) == Pending()
    again = await house.open().payout(kept(house, asked), house.keep)
    assert again.word == Pending()
    assert len(house.kept) == 1
    assert await held(house) == BALANCE_AT_START - 5000


async def test_a_payout_that_fails_says_so_and_the_money_is_back(house: House) -> None:
    asked = order(national="771234001")
    assert (await house.open().payout(asked, house.keep)).word == Pending()
    _probe, _callback = await house.inbox.heard(2)
    assert isinstance(await standing(house, asked), Failed)
    assert isinstance((await house.open().payout(kept(house, asked), house.keep)).word, Failed)
    assert sent(house) == []
    assert await held(house) == BALANCE_AT_START


async def test_success_without_a_status_is_asked_for_before_it_is_believed(house: House) -> None:
    opened = house.factory.open(house.account)
    adapter: Any = opened.adapter
    answer = await adapter.payout(order(national="771234011"), house.keep)
    assert answer.word == paid()
    assert [exchange.operation for exchange in opened.http.exchanges] == ["payout", "submit", "verify_payout"]
    assert not any(secret in repr(opened.http.exchanges) for secret in SPEC.demo_config.values())


async def test_a_success_that_nobody_can_confirm_is_still_pending(house: House) -> None:
    adapter, wire = wired(house)
    wire.lost = {"verify_payout"}
    assert (await adapter.payout(order(), house.keep)).word == Pending()
    assert await standing(house, order()) == paid()


async def test_check_status_that_repeats_no_reference_is_about_our_token_all_the_same(house: House) -> None:
    await house.switches(status_hides_id=True)
    assert (await house.open().payout(order(), house.keep)).word == paid()


async def test_the_balances_of_the_countries_are_told(house: House) -> None:
    async with house.browser.put(f"{house.url}/balances", json={"SN": 700}) as answer:
        assert answer.status == 200
    balances = await house.open().balances()
    assert Balance("SN", "XOF", Decimal(700)) in balances
    assert Balance("CI", "XOF", Decimal(BALANCE_AT_START)) in balances
    await house.faults(lose_answer=1)
    assert await house.open().balances() is None


# Lost answers


async def test_a_lost_first_answer_moved_nothing_and_the_step_is_repeated(house: House) -> None:
    asked = order()
    adapter, wire = wired(house)
    wire.lost = {"payout"}
    answer = await adapter.payout(asked, house.keep)
    assert isinstance(answer.word, Unclear)
    assert (answer.provider_reference, house.kept) == (None, [])
    assert (await adapter.verify_payout(asked)).word == Missing()
    wire.lost = set()
    assert (await adapter.payout(asked, house.keep)).word == paid()
    assert sent(house) == [5000]
    assert [payout["status"] for payout in house.seat.notebook.every("payout")] == ["created", "success"]


async def test_a_crash_before_the_token_is_kept_leaves_nothing_that_could_be_sent(house: House) -> None:
    async def dying(_token: str, _action: object = None) -> None:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        await house.open().payout(order(), dying)
    assert sent(house) == []
    assert (await house.open().payout(order(), house.keep)).word == paid()
    assert sent(house) == [5000]


async def test_a_submission_that_was_lost_on_its_way_is_repeated_under_the_same_token(house: House) -> None:
    asked = order()
    adapter, wire = wired(house)
    wire.stopped = {"submit"}
    answer = await adapter.payout(asked, house.keep)
    assert isinstance(answer.word, Unclear)
    assert answer.provider_reference == house.kept[0]
    assert await standing(house, asked) == Missing()
    wire.stopped = set()
    assert (await adapter.payout(kept(house, asked), house.keep)).word == paid()
    assert sent(house) == [5000]
    assert len(house.kept) == 1


async def test_a_submission_whose_answer_was_lost_is_not_repeated(house: House) -> None:
    asked = order()
    adapter, wire = wired(house)
    wire.lost = {"submit"}
    assert isinstance((await adapter.payout(asked, house.keep)).word, Unclear)
    assert await standing(house, asked) == paid()
    assert (await adapter.payout(kept(house, asked), house.keep)).word == paid()
    assert sent(house) == [5000]


async def test_a_submission_that_comes_twice_pays_once(house: House) -> None:
    """The first one was slower than our patience; the second is refused, and asking tells the truth."""
    asked = order()
    adapter, wire = wired(house)
    wire.lost = {"submit"}
    await adapter.payout(asked, house.keep)
    wire.lost = set()

    # What check-status said a moment before the first submission arrived.
    real = adapter._disburse._standing
    answers: list[Word] = [Missing()]

    async def once_missing(order: PayoutOrder, token: str) -> Word:
        return answers.pop() if answers else await real(order, token)

    adapter._disburse._standing = once_missing  # type: ignore[method-assign]
    assert (await adapter.payout(kept(house, asked), house.keep)).word == paid()
    assert sent(house) == [5000]


async def test_while_nothing_can_be_asked_nothing_is_sent(house: House) -> None:
    asked = order()
    adapter, wire = wired(house)
    wire.stopped = {"submit"}
    await adapter.payout(asked, house.keep)
    wire.stopped, wire.lost = set(), {"verify_payout"}
    assert isinstance((await adapter.payout(kept(house, asked), house.keep)).word, Unclear)
    assert sent(house) == []


@pytest.mark.parametrize("end", ["007", "008"])
async def test_an_error_page_in_place_of_the_answer_may_hide_a_payment(house: House, end: str) -> None:
    asked = order(national=f"771234{end}")
    assert isinstance((await house.open().payout(asked, house.keep)).word, Unclear)
    assert await standing(house, asked) == paid()
    assert sent(house) == [5000]


async def test_maintenance_puts_a_payout_off_and_the_same_token_is_sent_later(house: House) -> None:
    asked = order(national="771234012")
    assert isinstance((await house.open().payout(asked, house.keep)).word, Unclear)
    assert await standing(house, asked) == Missing()
    assert (await house.open().payout(kept(house, asked), house.keep)).word == paid()
    assert len(house.kept) == 1
    assert sent(house) == [5000]


async def test_a_submission_that_never_left_is_not_sent_but_only_the_first_time(house: House) -> None:
    asked = order()
    adapter, wire = wired(house)
    wire.unreachable = {"submit"}
    answer = await adapter.payout(asked, house.keep)
    assert isinstance(answer.word, NotSent)
    assert answer.provider_reference == house.kept[0]
    answer = await adapter.payout(kept(house, asked), house.keep)
    assert isinstance(answer.word, Unclear)
    assert sent(house) == []


async def test_a_closed_port_means_that_nothing_was_sent(house: House) -> None:
    answer = await house.open(base_url="http://127.0.0.1:9/api/v1").payout(order(), house.keep)
    assert isinstance(answer.word, NotSent)
    assert answer.word.failure.code is FailureCode.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize("seed", range(3))
async def test_in_a_storm_of_faults_every_payout_ends_and_its_money_left_exactly_once(
    house: House, seed: int
) -> None:
    """Follows up as the ledger does: ask, send again what is missing, believe only what was asked."""
    await house.faults(seed=seed, lose_answer=0.3, error_500=0.3, refuse_connection=0.2)
    succeeded: set[str] = set()

    async def one(number: int) -> None:
        reference = f"7a1e7c8a-1111-4222-8333-9444455{number:05d}"
        tokens: list[str] = []

        async def keep(token: str, _action: object = None) -> None:
            tokens.append(token)

        asked = order(reference=reference, money=Money(1000 + number, "XOF"))
        adapter = house.open()
        word = (await adapter.payout(asked, keep)).word
        while not isinstance(word, Succeeded | Failed | Refused | NotSent):
            asked = replace(asked, provider_reference=tokens[-1] if tokens else None)
            word = (await adapter.verify_payout(asked)).word
            if isinstance(word, Missing):
                again = (await adapter.payout(asked, keep)).word
                word = again if isinstance(again, Succeeded | Failed) else Unclear("sent again")
        assert word == paid(reference, 1000 + number)
        assert len(tokens) == 1
        succeeded.add(reference)

    async with asyncio.timeout(60):
        await asyncio.gather(*(one(number) for number in range(20)))
    assert sorted(sent(house)) == [1000 + number for number in range(20)]
    assert len(succeeded) == 20
    assert await held(house) == BALANCE_AT_START - sum(sent(house))


# Refusals


async def test_a_webhook_that_does_not_answer_blocks_the_payout(house: House) -> None:
    answer = await house.open(callback_url="http://127.0.0.1:9/hook").payout(order(), house.keep)
    assert isinstance(answer.word, Refused)
    failure = answer.word.failure
    assert (failure.provider_code, failure.provider_message) == ("4002", "the callback is not accessible")
    assert (house.kept, sent(house)) == ([], [])


async def test_the_probe_of_the_webhook_is_a_probe_for_us_and_comes_before_the_answer(house: House) -> None:
    await house.open().payout(order(national="771234003"), house.keep)
    (received,) = house.inbox.received
    assert received.body == b"data="
    assert (await house.open().authenticate(received)).verdict is Verdict.PROBE
    assert SPEC.identify(received) == ()


async def test_too_little_on_the_account_is_refused_and_another_provider_may_pay(house: House) -> None:
    async with house.browser.put(f"{house.url}/balances", json={"SN": 4999}) as answer:
        assert answer.status == 200
    refused = await house.open().payout(order(), house.keep)
    assert isinstance(refused.word, Refused)
    assert refused.word.elsewhere
    assert refused.word.failure.provider_message is not None
    assert refused.word.failure.provider_message.startswith("You don't have enough funds")
    assert sent(house) == []
    assert await held(house) == 4999


async def test_a_refusal_that_nobody_can_check_is_no_refusal(house: House) -> None:
    async with house.browser.put(f"{house.url}/balances", json={"SN": 0}) as answer:
        assert answer.status == 200
    adapter, wire = wired(house)
    wire.lost = {"verify_payout"}
    assert isinstance((await adapter.payout(order(), house.keep)).word, Unclear)


async def test_a_reference_that_was_sent_under_another_token_calls_a_person(house: House) -> None:
    """As after a restored backup: our books forgot a payout that PayDunya made."""
    assert (await house.open().payout(order(), house.keep)).word == paid()
    answer = await house.open().payout(order(), house.keep)
    assert isinstance(answer.word, Unclear)
    assert answer.word.alert
    assert sent(house) == [5000]


@pytest.mark.parametrize(
    ("switches", "config", "code"),
    [
        ({"disburse_not_enabled": True}, {}, "401"),
        ({"disburse_wants_live_keys": True}, {}, "1001"),
        ({}, {"master_key": Secret("another")}, "1001"),
        ({}, {"token": Secret("another")}, "1001"),
    ],
)
async def test_an_account_that_may_not_pay_out_is_refused_in_the_documented_words(
    house: House, switches: dict[str, bool], config: dict[str, Any], code: str
) -> None:
    await house.switches(**switches)
    changed = replace(house.account.config, **config)
    answer = await house.open(config=changed).payout(order(), house.keep)
    assert isinstance(answer.word, Refused)
    assert answer.word.failure.provider_code == code
    assert house.kept == []


async def test_less_than_the_minimum_is_refused_as_an_amount(house: House) -> None:
    answer = await house.open().payout(order(money=Money(199, "XOF")), house.keep)
    assert isinstance(answer.word, Refused)
    assert answer.word.failure.code is FailureCode.AMOUNT_OUT_OF_BOUNDS


async def test_a_token_that_paydunya_does_not_know_calls_a_person_and_sends_nothing(house: House) -> None:
    asked = order(provider_reference="AAAAAAAAAAAAAAAAAAAA")
    for answer in (await house.open().payout(asked, house.keep), await house.open().verify_payout(asked)):
        assert isinstance(answer.word, Unclear)
        assert answer.word.alert
    assert sent(house) == []


# Callbacks


@pytest.mark.parametrize(("end", "count"), [("567", 1), ("004", 0), ("005", 2), ("006", 1)])
async def test_a_payout_is_notified_as_its_number_says(house: House, end: str, count: int) -> None:
    await house.open().payout(order(national=f"771234{end}"), house.keep)
    await house.inbox.heard(1 + count)
    await asyncio.sleep(0.3)
    callbacks = house.inbox.received[1:]
    assert len(callbacks) == count
    for received in callbacks:
        assert received.body.startswith(b"data=%7B%22hash%22")
        assert (await house.open().authenticate(received)).verdict is Verdict.HINT
        (report,) = house.open().handle_webhook(received)
        assert (report.word, report.reference) == (paid(), REFERENCE)
        assert set(SPEC.identify(received)) == {REFERENCE, house.kept[0]}


# The simulator itself


async def test_the_simulator_takes_exact_fields_and_integers_only(house: House) -> None:
    keys = {
        "PAYDUNYA-MASTER-KEY": SPEC.demo_config["master_key"],
        "PAYDUNYA-PRIVATE-KEY": SPEC.demo_config["private_key"],
        "PAYDUNYA-TOKEN": SPEC.demo_config["token"],
    }
    right = {
        "account_alias": "771234567",
        "amount": 500,
        "withdraw_mode": "wave-senegal",
        "callback_url": house.account.callback_url,
    }
    url = f"{house.url}/api/v2/disburse"

    async def say(path: str, body: Any) -> Any:
        async with house.browser.post(f"{url}/{path}", json=body, headers=keys) as answer:
            return await answer.json()

    for wrong, code in (
        ({"amount": "500"}, "4001"),
        ({"amount": 500.0}, "4001"),
        ({"amount": True}, "4001"),
        ({"amount": 199}, "4003"),
        ({"account_alias": "+221771234567"}, "4001"),
        ({"withdraw_mode": "wave"}, "1001"),
        ({"callback_url": "nowhere"}, "4002"),
        ({"callback_url": f"{house.url}/nowhere"}, "4002"),
        ({"color": "blue"}, "4001"),
    ):
        assert (await say("get-invoice", {**right, **wrong}))["response_code"] == code, wrong
    first = await say("get-invoice", {**right, "disburse_id": "A"})
    assert (await say("get-invoice", {**right, "disburse_id": "A"}))[
        "response_text"
    ] == "disburse_id already used"
    second = await say("get-invoice", right)
    stolen = {"disburse_invoice": second["disburse_token"], "disburse_id": "A"}
    assert (await say("submit-invoice", stolen))["response_text"] == "disburse_id already used"
    sending = {"disburse_invoice": first["disburse_token"]}
    assert (await say("submit-invoice", sending))["status"] == "success"
    assert (await say("submit-invoice", sending))["response_code"] == "5000"
    unnamed = {"disburse_invoice": second["disburse_token"]}
    assert (await say("submit-invoice", unnamed))["status"] == "success"
    assert (await say("submit-invoice", unnamed))["status"] == "success"
    for path in ("submit-invoice", "check-status"):
        assert (await say(path, {"disburse_invoice": "nothing"}))["response_code"] == "4004"
    assert sent(house) == [500, 500]
    async with house.browser.get(f"{url}/check-balance/any", headers=keys) as answer:
        assert (await answer.json())["Balance SN"] == f"{BALANCE_AT_START - 1000} XOF"
    async with house.browser.put(f"{house.url}/balances", json={"SN": -1}) as answer:
        assert answer.status == 400


async def test_the_simulator_ends_after_a_restart_what_was_on_its_way(tmp_path: Path) -> None:
    asked = order(national="771234001")
    async with open_house(tmp_path) as house:
        assert (await house.open().payout(asked, house.keep)).word == Pending()
        asked = kept(house, asked)
    async with open_house(tmp_path) as house:
        await house.seat.start()
        await asyncio.sleep(1)
        assert isinstance((await house.open().verify_payout(asked)).word, Failed)
        assert await held(house) == BALANCE_AT_START
