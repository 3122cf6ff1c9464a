"""Every SoftPay operator against the simulator: who approves how, what the payer is told, and what is never sent."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from flow.test_paydunya_provider import PAID, REFERENCE, House, link_of, open_house, order, without_phone

from afriflow.core.evidence import Failed, NotSent, Pending, Refused, Succeeded, Unclear
from afriflow.core.method import ActionType, FailureCode, MethodType, NextAction, PaymentMethod
from afriflow.core.money import Money
from afriflow.core.msisdn import Msisdn
from afriflow.port.code_after import TakesCode
from afriflow.port.provider import Answer, Order, Secret
from afriflow.providers.paydunya import SPEC
from afriflow.simulator.handset import Action

APPROVE = NextAction(ActionType.APPROVE_ON_PHONE)
PUSHED = {
    "free_sn": ("761234567", NextAction(ActionType.DIAL_USSD, code="#150#")),
    "expresso_sn": ("701234567", APPROVE),
    "mtn_ci": ("0501234567", APPROVE),
    "moov_bf": ("51234567", NextAction(ActionType.DIAL_USSD, code="*555*6#")),
    "moov_bj": ("0145234567", APPROVE),
    "mtn_bj": ("0142234567", APPROVE),
    "celtiis_bj": ("0128234567", APPROVE),
    "yas_tg": ("90234567", APPROVE),
    "moov_tg": ("96234567", APPROVE),
    "orange_ml": ("72345678", APPROVE),
    "moov_ml": ("62345678", APPROVE),
}
OPENED = {
    "orange_sn": "771234567",
    "wave_sn": "771234567",
    "wave_ci": "0701234567",
    "djamo_sn": "771234567",
    "djamo_ci": "0701234567",
}


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


def in_cameroon(**facts: Any) -> Order:
    """An order of MTN Cameroon, in its own currency."""
    phone = Msisdn("+237670000000", "CM", "237")
    method = PaymentMethod(MethodType.MOBILE_MONEY, "CM", "mtn_cm", phone)
    plain = order("wave_sn", method=method, money=Money(5000, "XAF"))
    return replace(plain, created_at=datetime.now(UTC), **facts)


def test_all_operators_of_softpay_have_a_story_here() -> None:
    told = {*PUSHED, *OPENED, "moov_ci", "orange_ci", "orange_bf", "wizall_sn", "mtn_cm"}
    assert told == {route.operator for route in SPEC.routes if route.operator}


@pytest.mark.parametrize("operator", PUSHED)
async def test_a_pushed_payment_is_approved_on_the_phone_and_nowhere_else(
    house: House, operator: str
) -> None:
    national, action = PUSHED[operator]
    asked = order(operator, national)
    answer = await house.initiate(asked)
    assert answer == Answer(Pending(action), house.kept[0])
    assert await house.verify(asked) == Pending()
    (prompt,) = house.handset.prompts()
    assert prompt.phone.endswith(national)
    await house.handset.decide(prompt.id, Action.APPROVE)
    assert await house.verify(asked) == PAID
    assert [invoice["status"] for invoice in house.invoices()] == ["completed"]


@pytest.mark.parametrize("operator", OPENED)
async def test_a_redirected_payment_opens_the_wallet_and_the_qr_code_leads_there_too(
    house: House, operator: str
) -> None:
    asked = order(operator, OPENED[operator])
    answer = await house.initiate(asked)
    url = link_of(answer)
    assert isinstance(answer.word, Pending)
    assert answer.word.next_action is not None
    scanned = answer.word.next_action.payload
    assert scanned == (f"{url}?app=maxit" if operator == "orange_sn" else url)
    await house.press(url, "pay")
    assert await house.verify(asked) == PAID


@pytest.mark.parametrize("operator", ["djamo_sn", "celtiis_bj"])
async def test_without_a_channel_to_limit_it_to_nobody_is_sent_to_the_hosted_page(
    house: House, operator: str
) -> None:
    asked = order(operator, "0128234567" if operator == "celtiis_bj" else "771234567")
    unknown = replace(asked, method=replace(asked.method, msisdn=None))
    answer = await house.initiate(unknown)
    assert isinstance(answer.word, NotSent)
    assert answer.word.failure.provider_code == "no_channel"
    assert house.invoices() == []


# Moov of Côte d'Ivoire holds the call open


class Told:
    """Keeps what `keep` was told, and does something at that moment."""

    def __init__(self, house: House, then: Any = None) -> None:
        self.house = house
        self.then = then
        self.actions: list[object] = []

    async def __call__(self, token: str, action: object = None) -> None:
        self.actions.append(action)
        await self.house.keep(token)
        if self.then is not None:
            await self.then()


async def test_moov_ci_says_approve_before_the_call_that_waits_for_the_payer(house: House) -> None:
    asked = order("moov_ci", "0101234567")
    told = Told(house)
    charging = asyncio.create_task(house.open().initiate(asked, told))
    while not house.handset.prompts():
        await asyncio.sleep(0.01)
    assert told.actions == [APPROVE]
    assert not charging.done()
    await house.handset.decide(house.handset.prompts()[0].id, Action.APPROVE)
    assert await charging == Answer(Pending(), house.kept[0])
    assert await house.verify(asked) == PAID


async def test_moov_ci_that_nobody_answers_is_not_called_failed_while_it_can_still_be_paid(
    house: House,
) -> None:
    await house.switches(held_seconds=0.2)
    asked = order("moov_ci", "0101234567")
    answer = await house.initiate(asked)
    assert isinstance(answer.word, Unclear)
    assert "Vous avez dépassé le délai" in answer.word.reason
    assert await house.verify(asked) == Pending()
    assert [prompt.state.value for prompt in house.handset.prompts()] == ["expired"]


async def test_moov_ci_that_is_declined_is_settled_by_asking(house: House) -> None:
    asked = order("moov_ci", "0101234001")
    assert isinstance((await house.initiate(asked)).word, Unclear)
    word = await house.verify(asked)
    assert isinstance(word, Failed)
    assert word.failure.code is FailureCode.PAYER_DECLINED


async def test_a_waiting_payer_of_a_charge_that_never_left_hears_no_and_another_provider_may_try(
    house: House,
) -> None:
    """The attempt is pending since the phone was announced: "not sent" could not end it any more."""
    config = replace(house.account.config, softpay_base_url="http://127.0.0.1:9/api/v1")
    answer = await house.initiate(order("moov_ci", "0101234567"), config=config)
    assert isinstance(answer.word, Refused)
    assert (answer.word.failure.code, answer.word.elsewhere) == (FailureCode.PROVIDER_UNAVAILABLE, True)


# MTN Cameroon: a switch


async def test_cameroon_is_off_until_the_account_says_otherwise(house: House) -> None:
    answer = await house.initiate(in_cameroon())
    assert isinstance(answer.word, NotSent)
    assert answer.word.failure.provider_code == "not_opened"
    assert house.invoices() == []


async def test_cameroon_switched_on_is_paid_in_its_own_currency(house: House) -> None:
    config = replace(house.account.config, mtn_cm=True)
    asked = in_cameroon()
    assert (await house.initiate(asked, config=config)).word == Pending(APPROVE)
    (prompt,) = house.handset.prompts("+237670000000")
    assert prompt.currency == "XAF"
    await house.handset.decide(prompt.id, Action.APPROVE)
    assert await house.verify(asked) == Succeeded(Money(5000, "XAF"), REFERENCE)


async def test_a_wallet_is_never_asked_for_another_currency_than_its_own(house: House) -> None:
    config = replace(house.account.config, mtn_cm=True)
    for asked in (in_cameroon(money=Money(5000, "XOF")), order("wave_sn", money=Money(5000, "XAF"))):
        answer = await house.initiate(asked, config=config)
        assert isinstance(answer.word, NotSent)
        assert answer.word.failure.provider_code == "currency"


# Wizall: a code that comes after our call


async def started(house: House, asked: Order) -> tuple[Order, str, NextAction]:
    """Have the code sent; gives the order as it is kept, the code on the phone, and what asks for it."""
    answer = await house.initiate(asked)
    assert isinstance(answer.word, Pending)
    action = answer.word.next_action
    assert action is not None
    assert action.type is ActionType.ENTER_OTP
    (prompt,) = house.handset.prompts()
    assert prompt.code is not None
    return replace(asked, provider_reference=house.kept[0]), prompt.code, action


async def give(house: House, asked: Order, code: str, action: NextAction) -> Answer:
    return await house.open().give_code(replace(asked, otp=Secret(code)), action)


async def test_the_code_that_wizall_sends_is_given_in_a_second_step_and_only_confirm_says_paid(
    house: House,
) -> None:
    assert isinstance(house.open(), TakesCode)
    asked, code, action = await started(house, order("wizall_sn"))
    assert await house.verify(asked) == Pending()
    assert await give(house, asked, code, action) == Answer(Pending(), house.kept[0])
    assert await house.verify(asked) == PAID
    assert [prompt.state.value for prompt in house.handset.prompts()] == ["used"]
    again = await give(house, asked, code, action)
    assert isinstance(again.word, Unclear)
    assert [invoice["status"] for invoice in house.invoices()] == ["completed"]


@pytest.mark.parametrize("wrong", ["0000", "123456", "abc"])
async def test_a_code_that_wizall_did_not_send_is_refused_and_the_right_one_still_pays(
    house: House, wrong: str
) -> None:
    asked, code, action = await started(house, order("wizall_sn"))
    answer = await give(house, asked, wrong, action)
    assert isinstance(answer.word, Refused)
    assert answer.word.failure.code is FailureCode.INVALID_OTP
    await give(house, asked, code, action)
    assert await house.verify(asked) == PAID


async def test_a_lost_answer_to_the_second_step_is_settled_by_asking(house: House) -> None:
    asked, code, action = await started(house, order("wizall_sn"))
    await house.faults(lose_answer=1)
    assert isinstance((await give(house, asked, code, action)).word, Unclear)
    await house.faults()
    assert await house.verify(asked) == PAID


async def test_a_second_step_that_never_left_says_so(house: House) -> None:
    asked, code, action = await started(house, order("wizall_sn"))
    config = replace(house.account.config, softpay_base_url="http://127.0.0.1:9/api/v1")
    answer = await house.open(config=config).give_code(replace(asked, otp=Secret(code)), action)
    assert isinstance(answer.word, NotSent)
    assert await house.verify(asked) == Pending()


async def test_the_second_step_never_stands_in_the_log_with_its_code_or_number(house: House) -> None:
    asked, code, action = await started(house, order("wizall_sn"))
    opened = house.factory.open(house.account)
    adapter: Any = opened.adapter
    await adapter.give_code(replace(asked, otp=Secret(code)), action)
    written = repr(opened.http.exchanges)
    assert code not in written
    assert "771234567" not in written


async def test_where_wizall_sends_no_code_the_page_of_the_same_invoice_takes_its_place(house: House) -> None:
    """Asking for a code moves no money: an unclear or refused first step leaves an invoice that can be paid."""
    asked = order("wizall_sn")

    async def keep_then_break(token: str, _action: object = None) -> None:
        await house.keep(token)
        await house.faults(lose_answer=1)

    answer = await house.open().initiate(asked, keep_then_break)
    await house.faults()
    url = link_of(answer)
    assert url == f"{house.url}/sandbox-checkout/invoice/{house.kept[0]}"
    await house.press(url, "pay")
    assert await house.verify(asked) == PAID
    assert [invoice["status"] for invoice in house.invoices()] == ["completed"]


async def test_an_account_may_send_an_operators_payers_to_the_page(house: House) -> None:
    config = replace(house.account.config, page_operators="wizall_sn, wave_sn")
    for operator in ("wizall_sn", "wave_sn"):
        assert "/sandbox-checkout/invoice/" in link_of(await house.initiate(order(operator), config=config))
    assert house.handset.prompts() == []


async def test_a_code_is_taken_by_wizall_alone_and_only_after_the_first_step(house: House) -> None:
    action = NextAction(ActionType.ENTER_OTP, payload="286513913")
    for asked in (order("wave_sn", provider_reference="test_0000000000"), order("wizall_sn")):
        assert isinstance((await give(house, asked, "461050", action)).word, Unclear)
    assert house.invoices() == []


# What a third-party client may send


KEYS = {
    "PAYDUNYA-MASTER-KEY": SPEC.demo_config["master_key"],
    "PAYDUNYA-PRIVATE-KEY": SPEC.demo_config["private_key"],
    "PAYDUNYA-TOKEN": SPEC.demo_config["token"],
}


async def posted(house: House, path: str, body: dict[str, Any]) -> dict[str, Any]:
    url = f"{house.url}/sandbox-api/v1/softpay/{path}"
    async with house.browser.post(url, json=body, headers=KEYS) as answer:
        return await answer.json() if answer.content_type == "application/json" else {"html": answer.status}


@pytest.mark.parametrize("phone_field", ["phone_phone", "phone_number"])
async def test_the_sandboxs_own_charge_pays_with_a_customers_password(house: House, phone_field: str) -> None:
    """The document names it under both names; integrators found an HTML 404 in its place, which is a switch."""
    asked = without_phone(order("wizall_sn"))
    token = (await house.initiate(asked)).provider_reference or ""
    body = {
        phone_field: "771234567",
        "customer_email": "a@example.test",
        "password": "x",
        "invoice_token": token,
    }
    path = "checkout/make-payment"
    assert (await posted(house, path, {**body, "more": "x"}))["success"] is False
    await house.switches(sandbox_has_no_softpay=True)
    assert await posted(house, path, body) == {"html": 404}
    await house.switches()
    assert await posted(house, path, body) == {"success": True, "message": "Paiement effectué avec succès."}
    assert await house.verify(asked) == PAID
    assert (await posted(house, path, body))["success"] is False


async def test_the_older_form_of_orange_senegal_is_taken_too(house: House) -> None:
    asked = without_phone(order("orange_sn"))
    path = "new-orange-money-senegal"
    plain = {"customer_name": "Awa", "customer_email": "", "phone_number": "771234567"}
    for more, told in (
        ({"api_type": "QRCODE"}, "url"),
        ({"api_type": "OTPCODE", "authorization_code": "461050"}, "message"),
    ):
        token = (await house.initiate(asked)).provider_reference or ""
        said = await posted(house, path, {**plain, **more, "invoice_token": token})
        assert (said["success"], told in said) == (True, True)
    assert await house.verify(asked) == PAID
    token = (await house.initiate(asked)).provider_reference or ""
    assert (await posted(house, path, {**plain, "otp": "1", "invoice_token": token}))["success"] is False
