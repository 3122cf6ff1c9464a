"""The PayDunya adapter against PayDunya's simulator, over real HTTP: pages, SoftPay, lost answers, notifications."""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from afriflow.core.evidence import Failed, Missing, NotSent, Pending, Refused, Succeeded, Unclear, Word
from afriflow.core.method import ActionType, FailureCode, MethodType, PaymentMethod
from afriflow.core.money import Money
from afriflow.core.msisdn import Msisdn
from afriflow.core.operator import countries, operators
from afriflow.core.transaction import Mode
from afriflow.port.factory import PaymentFactory, fill_config
from afriflow.port.provider import Account, Answer, Notification, Order, Report, Secret, Verdict
from afriflow.port.reach import ANYWHERE, Lines, open_session
from afriflow.providers.paydunya import SPEC
from afriflow.simulator.handset import Action, Handset
from afriflow.simulator.seat import Seat, SeatSettings, open_seat
from afriflow.simulator.serve import serving

REFERENCE = "5f1e7c8a-1111-4222-8333-944445555666"
WAVE, ORANGE, ORANGE_CI, ORANGE_BF = "wave_sn", "orange_sn", "orange_ci", "orange_bf"


class TurnableClock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Inbox:
    """Our webhook, as far as this test needs it: keeps what comes and answers 200."""

    def __init__(self) -> None:
        self.received: list[Notification] = []
        self._more = asyncio.Condition()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        message = await receive()
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.received.append(
            Notification(scope["method"], scope["path"], headers, message["body"], datetime.now(UTC))
        )
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        async with self._more:
            self._more.notify_all()

    async def heard(self, count: int = 1) -> list[Notification]:
        async with asyncio.timeout(5), self._more:
            await self._more.wait_for(lambda: len(self.received) >= count)
        return self.received


class House:
    """Everything of one story. kept: the tokens that were committed."""

    def __init__(self, seat: Seat, handset: Handset, clock: TurnableClock, inbox: Inbox, url: str) -> None:
        self.seat = seat
        self.handset = handset
        self.clock = clock
        self.inbox = inbox
        self.url = url
        self.kept: list[str] = []
        self.session: aiohttp.ClientSession
        self.browser: aiohttp.ClientSession
        self.factory: PaymentFactory
        self.account: Account

    async def keep(self, token: str, _action: object = None) -> None:
        self.kept.append(token)

    def open(self, **changes: Any) -> Any:
        return self.factory.open(replace(self.account, **changes)).adapter

    async def initiate(self, asked: Order, **changes: Any) -> Answer:
        return await self.open(**changes).initiate(asked, self.keep)

    async def verify(self, asked: Order) -> Word:
        token = asked.provider_reference or (self.kept[-1] if self.kept else None)
        return (await self.open().verify(replace(asked, provider_reference=token))).word

    async def press(self, url: str, button: str) -> tuple[int, str]:
        """Open a page as a payer does and press one of its buttons."""
        async with self.browser.get(url) as page:
            assert page.status == 200
            html = await page.text()
            assert "default-src 'none'" in page.headers["content-security-policy"]
        assert f'value="{button}"' in html
        assert "<script" not in html
        assert "style=" not in html
        form = {"action": button}
        async with self.browser.post(url, data=form, allow_redirects=False) as answer:
            return answer.status, answer.headers["location"]

    async def faults(self, **knobs: float) -> None:
        async with self.browser.put(f"{self.url}/faults", json=knobs) as answer:
            assert answer.status == 200

    async def switches(self, **switches: Any) -> None:
        async with self.browser.put(f"{self.url}/switches", json=switches) as answer:
            assert answer.status == 200

    def invoices(self) -> list[dict[str, Any]]:
        return self.seat.notebook.every("invoice")


@asynccontextmanager
async def open_house(storage: Path | None = None) -> AsyncGenerator[House]:
    clock, inbox = TurnableClock(), Inbox()
    async with AsyncExitStack() as stack:
        hook = f"{await stack.enter_async_context(serving(lambda _: inbox))}/api/webhooks/paydunya/acc_1"
        handset = Handset(clock, random.Random(1), storage=storage)
        seats: list[Seat] = []

        def build(base_url: str) -> Seat:
            public_url = f"{base_url}/simulators/paydunya"
            settings = SeatSettings(public_url, hook, SPEC.demo_config, storage)
            seats.append(open_seat("paydunya", settings, handset, clock))
            return seats[0]

        url = f"{await stack.enter_async_context(serving(build))}/simulators/paydunya"
        house = House(seats[0], handset, clock, inbox, url)
        house.session = await stack.enter_async_context(open_session(connections_max=8, reach=ANYWHERE))
        house.browser = await stack.enter_async_context(aiohttp.ClientSession())
        house.factory = PaymentFactory(Lines(house.session, house.session), clock, timeout_seconds=5)
        house.account = account(f"{url}/sandbox-api/v1", hook)
        yield house


def account(base_url: str, hook: str) -> Account:
    config = fill_config(SPEC, "acc_1", SPEC.demo_config)
    return Account("acc_1", "mer_1", "paydunya", Mode.TEST, base_url, hook, config)


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


def order(operator: str | None, national: str = "771234567", **facts: Any) -> Order:
    country = operators()[operator].country if operator else "SN"
    code = countries()[country].calling_code
    method = (
        PaymentMethod(MethodType.MOBILE_MONEY, country, operator, Msisdn(f"+{code}{national}", country, code))
        if operator
        else PaymentMethod(MethodType.CARD, country)
    )
    plain: dict[str, Any] = {
        "reference": REFERENCE,
        "transaction_id": "txn_1",
        "merchant_name": "Chez Awa",
        "money": Money(5000, "XOF"),
        "method": method,
        "return_url": "https://pay.example/back/1",
        "cancel_url": "https://pay.example/cancel/1",
        "created_at": datetime.now(UTC),
    }
    return Order(**plain | facts)


def without_phone(asked: Order) -> Order:
    return replace(asked, method=replace(asked.method, msisdn=None))


def hosted(operator: str | None, **facts: Any) -> Order:
    """An order that takes PayDunya's page: SoftPay needs a number, the page asks for it."""
    return without_phone(order(operator, **facts))


def link_of(answer: Answer) -> str:
    assert isinstance(answer.word, Pending)
    assert answer.word.next_action is not None
    assert answer.word.next_action.type is ActionType.REDIRECT
    assert answer.word.next_action.url
    return answer.word.next_action.url


PAID = Succeeded(Money(5000, "XOF"), REFERENCE)


# The hosted page


@pytest.mark.parametrize("operator", [None, "wizall_sn", "free_sn", "moov_ml", "mtn_bj", "wave_ci"])
async def test_a_hosted_invoice_is_paid_by_the_payer_and_only_then_succeeds(
    house: House, operator: str | None
) -> None:
    asked = hosted(operator)
    answer = await house.initiate(asked)
    url = link_of(answer)
    assert url == f"{house.url}/sandbox-checkout/invoice/{answer.provider_reference}"
    assert house.kept == [answer.provider_reference]
    assert await house.verify(asked) == Pending()
    assert await house.press(url, "pay") == (302, f"https://pay.example/back/1?token={house.kept[0]}")
    assert await house.verify(asked) == PAID
    (channel,) = house.invoices()[0]["order"]["invoice"]["channels"]
    assert channel == {
        None: "card", "wizall_sn": "wizall-senegal", "free_sn": "free-money-senegal", "moov_ml": "moov-ml", "mtn_bj": "mtn-benin", "wave_ci": "wave-ci",
    }[operator]  # fmt: skip


@pytest.mark.parametrize(
    ("button", "operator", "code"),
    [
        ("cancel", "wizall_sn", FailureCode.PAYER_DECLINED),
        ("no_funds", "wizall_sn", FailureCode.UNSPECIFIED),  # reasons are documented for cards alone
        ("no_funds", None, FailureCode.INSUFFICIENT_FUNDS),
        ("fail", None, FailureCode.PAYER_DECLINED),
    ],
)
async def test_a_payer_who_does_not_pay_goes_back_and_the_attempt_fails(
    house: House, button: str, operator: str | None, code: FailureCode
) -> None:
    asked = hosted(operator)
    url = link_of(await house.initiate(asked))
    assert await house.press(url, button) == (302, f"https://pay.example/cancel/1?token={house.kept[0]}")
    word = await house.verify(asked)
    assert isinstance(word, Failed)
    assert word.failure.code is code


async def test_an_invoice_that_nobody_pays_is_cancelled_after_a_day_and_that_is_a_timeout(
    house: House,
) -> None:
    asked = hosted("wizall_sn")
    url = link_of(await house.initiate(asked))
    house.clock.ahead = timedelta(hours=23, minutes=59)
    assert await house.verify(asked) == Pending()
    house.clock.ahead = timedelta(hours=24, seconds=1)
    word = await house.verify(asked)
    assert isinstance(word, Failed)
    assert word.failure.code is FailureCode.PAYER_TIMEOUT
    async with house.browser.get(url) as page:
        assert 'name="action"' not in await page.text()


async def test_an_ended_invoice_stays_as_it_ended(house: House) -> None:
    asked = hosted("wizall_sn")
    url = link_of(await house.initiate(asked))
    await house.press(url, "pay")
    async with house.browser.post(url, data={"action": "cancel"}, allow_redirects=False) as answer:
        assert answer.headers["location"].startswith("https://pay.example/back/1")
    assert await house.verify(asked) == PAID


# SoftPay


@pytest.mark.parametrize("operator", [WAVE, ORANGE])
async def test_wave_and_orange_of_senegal_open_the_wallet_and_the_page_pays(
    house: House, operator: str
) -> None:
    asked = order(operator, customer_name="Awa Diop", customer_email="awa@example.test")
    answer = await house.initiate(asked)
    url = link_of(answer)
    assert "/wallet/" in url
    assert await house.verify(asked) == Pending()
    status, back = await house.press(url, "pay")
    assert (status, back) == (302, f"https://pay.example/back/1?token={house.kept[0]}")
    assert await house.verify(asked) == PAID
    (invoice,) = house.invoices()
    assert invoice["payer"] == {"name": "Awa Diop", "phone": "771234567", "email": "awa@example.test"}
    assert [prompt.state.value for prompt in house.handset.prompts()] == ["approved"]


async def test_the_prompt_on_the_phone_pays_as_well(house: House) -> None:
    asked = order(ORANGE)
    answer = await house.initiate(asked)
    (prompt,) = house.handset.prompts("+221771234567")
    assert (prompt.provider, prompt.order, prompt.amount, prompt.link) == (
        "paydunya",
        answer.provider_reference,
        "5000",
        link_of(answer),
    )
    await house.handset.decide(prompt.id, Action.APPROVE)
    assert await house.verify(asked) == PAID


@pytest.mark.parametrize(
    ("action", "code"),
    [(Action.DECLINE, FailureCode.PAYER_DECLINED), (Action.NO_FUNDS, FailureCode.UNSPECIFIED)],
)
async def test_a_no_on_the_phone_fails_the_attempt(house: House, action: Action, code: FailureCode) -> None:
    asked = order(WAVE)
    await house.initiate(asked)
    (prompt,) = house.handset.prompts()
    await house.handset.decide(prompt.id, action)
    word = await house.verify(asked)
    assert isinstance(word, Failed)
    assert word.failure.code is code


@pytest.mark.parametrize(("operator", "national"), [(ORANGE_CI, "0707123456"), (ORANGE_BF, "70123456")])
async def test_a_right_code_is_charged_at_once_but_only_confirm_says_paid(
    house: House, operator: str, national: str
) -> None:
    asked = order(operator, national, otp=Secret("8562"))
    answer = await house.initiate(asked)
    assert answer.word == Pending()
    assert await house.verify(asked) == PAID


@pytest.mark.parametrize("code", ["0000", "12", "abcdef"])
async def test_a_wrong_code_is_refused_for_good_and_no_other_provider_would_do_better(
    house: House, code: str
) -> None:
    asked = order(ORANGE_CI, "0707123456", otp=Secret(code))
    answer = await house.initiate(asked)
    assert isinstance(answer.word, Refused)
    assert (answer.word.failure.code, answer.word.elsewhere) == (FailureCode.INVALID_OTP, False)
    assert await house.verify(asked) == Pending()


async def test_a_code_from_the_phone_is_used_up(house: House) -> None:
    sent = house.handset.send_code(phone="+2250707123456", provider="", text="{code}")
    assert sent.code is not None
    asked = order(ORANGE_CI, "0707123456", otp=Secret(sent.code))
    await house.initiate(asked)
    assert [prompt.state.value for prompt in house.handset.prompts()] == ["used"]


async def test_without_a_code_the_hosted_page_asks_for_it_itself(house: House) -> None:
    answer = await house.initiate(order(ORANGE_CI, "0707123456"))
    assert "/sandbox-checkout/invoice/" in link_of(answer)


async def test_a_number_that_softpay_does_not_know_is_refused(house: House) -> None:
    answer = await house.initiate(order(WAVE, "331234567"))
    assert isinstance(answer.word, Refused)
    assert (answer.word.failure.code, answer.word.elsewhere) == (FailureCode.INVALID_PHONE, False)


@pytest.mark.parametrize(("operator", "national"), [(ORANGE_CI, "0707123456"), (ORANGE_BF, "70123456")])
async def test_the_code_the_keys_and_the_number_never_stand_in_the_log_of_exchanges(
    house: House, operator: str, national: str
) -> None:
    opened = house.factory.open(house.account)
    await opened.adapter.initiate(order(operator, national, otp=Secret("856291")), house.keep)
    written = repr(opened.http.exchanges)
    for secret in ("856291", national, *SPEC.demo_config.values()):
        assert secret not in written
    assert [exchange.operation for exchange in opened.http.exchanges] == ["create", "charge"]


# What gets lost


async def test_a_lost_answer_to_create_leaves_an_invoice_that_nobody_can_pay_and_may_be_repeated(
    house: House,
) -> None:
    asked = hosted("wizall_sn")
    await house.faults(lose_answer=1)
    opened = house.factory.open(house.account)
    answer = await opened.adapter.initiate(asked, house.keep)
    assert isinstance(answer.word, Unclear)
    assert answer.provider_reference is None
    assert house.kept == []
    (orphan,) = house.invoices()
    assert orphan["token"] not in repr(opened.http.exchanges)
    assert isinstance(await house.verify(asked), Unclear)

    await house.faults()
    again = await house.initiate(asked)
    await house.press(link_of(again), "pay")
    assert await house.verify(asked) == PAID
    assert [invoice["status"] for invoice in house.invoices()] == ["pending", "completed"]


async def test_once_a_token_is_kept_nothing_is_created_or_charged_again(house: House) -> None:
    asked = order(WAVE)
    first = await house.initiate(asked)
    again = await house.initiate(replace(asked, provider_reference=first.provider_reference))
    assert again == Answer(Pending(), first.provider_reference)
    assert len(house.invoices()) == 1
    assert len(house.handset.prompts()) == 1


async def test_a_lost_answer_to_a_charge_is_settled_by_asking(house: House) -> None:
    asked = order(ORANGE_CI, "0707123456", otp=Secret("8562"))

    async def keep_then_break(token: str) -> None:
        await house.keep(token)
        await house.faults(lose_answer=1)

    answer = await house.open().initiate(asked, keep_then_break)
    assert isinstance(answer.word, Unclear)
    assert answer.provider_reference == house.kept[0]
    await house.faults()
    assert await house.verify(asked) == PAID


async def test_a_broken_connection_while_asking_says_nothing(house: House) -> None:
    asked = order(WAVE)
    await house.initiate(asked)
    await house.faults(refuse_connection=1)
    assert isinstance(await house.verify(asked), Unclear)


async def test_a_refusal_that_nobody_can_check_is_no_refusal(house: House) -> None:
    asked = order(ORANGE_CI, "0707123456", otp=Secret("0000"))

    class OnlyCharges(type(house.open())):  # type: ignore[misc]
        async def verify(self, order: Order) -> Answer:
            return Answer(Unclear("confirm: no answer"), order.provider_reference)

    opened = house.factory.open(house.account)
    adapter = OnlyCharges(house.account, opened.http, house.clock, {})
    assert isinstance((await adapter.initiate(asked, house.keep)).word, Unclear)


async def test_a_closed_port_means_that_nothing_was_sent(house: House) -> None:
    answer = await house.initiate(order(WAVE), base_url="http://127.0.0.1:9/sandbox-api/v1")
    assert isinstance(answer.word, NotSent)
    assert answer.word.failure.code is FailureCode.PROVIDER_UNAVAILABLE
    assert house.kept == []


async def test_a_charge_that_never_left_means_that_no_money_can_come(house: House) -> None:
    config = replace(house.account.config, softpay_base_url="http://127.0.0.1:9/api/v1")
    answer = await house.initiate(order(WAVE), config=config)
    assert isinstance(answer.word, NotSent)
    assert answer.provider_reference == house.kept[0]


async def test_server_errors_decide_nothing(house: House) -> None:
    await house.faults(error_500=1)
    assert isinstance((await house.initiate(order(WAVE))).word, Unclear)
    assert house.kept == []


@pytest.mark.parametrize("end", ["007", "008"])
async def test_a_charge_that_answers_with_an_error_page_may_have_been_paid(house: House, end: str) -> None:
    asked = order(WAVE, f"771234{end}")
    assert isinstance((await house.initiate(asked)).word, Unclear)
    assert await house.verify(asked) == PAID


async def test_softpay_that_does_not_exist_decides_nothing(house: House) -> None:
    await house.switches(sandbox_has_no_softpay=True)
    asked = order(WAVE)
    assert isinstance((await house.initiate(asked)).word, Unclear)
    assert await house.verify(asked) == Pending()


# Keys and modes


async def test_wrong_keys_are_refused_in_the_documented_words(house: House) -> None:
    config = replace(house.account.config, master_key=Secret("another"))
    answer = await house.initiate(order(WAVE), config=config)
    assert isinstance(answer.word, Refused)
    assert answer.word.failure.provider_message == "Invalid Masterkey Specified"
    config = replace(house.account.config, token=Secret("another"))
    answer = await house.initiate(order(WAVE), config=config)
    assert isinstance(answer.word, Refused)
    assert answer.word.failure.provider_message == "TEST Private Key and Token combination is invalid"


async def test_test_keys_at_the_live_address_are_refused(house: House) -> None:
    answer = await house.initiate(order(WAVE), base_url=f"{house.url}/api/v1")
    assert isinstance(answer.word, Refused)
    assert answer.word.failure.provider_message == "LIVE Private Key and Token combination is invalid"


async def test_too_little_is_refused_as_an_amount(house: House) -> None:
    answer = await house.initiate(order(WAVE, money=Money(199, "XOF")))
    assert isinstance(answer.word, Refused)
    assert answer.word.failure.code is FailureCode.AMOUNT_OUT_OF_BOUNDS


async def test_a_token_that_paydunya_does_not_know_is_missing(house: House) -> None:
    assert await house.verify(order(WAVE, provider_reference="test_0000000000")) == Missing()


async def test_fees_that_the_payer_bears_do_not_change_what_was_paid(house: House) -> None:
    await house.switches(payer_bears_fees=True)
    asked = order(ORANGE_CI, "0707123456", otp=Secret("8562"))
    await house.initiate(asked)
    assert await house.verify(asked) == PAID
    (received,) = await house.inbox.heard()
    assert b"total_amount%5D=5100" in received.body
    assert b"total_amount_without_fees%5D=5000" in received.body


# Notifications


@pytest.mark.parametrize(
    "notation", ["form", "json_in_form", "json_twice", "query_in_form", "json", "json_flat"]
)
async def test_a_notification_arrives_and_is_a_hint_whatever_its_encoding(
    house: House, notation: str
) -> None:
    await house.switches(notification=notation)
    asked = hosted("wizall_sn")
    url = link_of(await house.initiate(asked))
    await house.press(url, "pay")
    (received,) = await house.inbox.heard()
    adapter = house.open()
    assert (await adapter.authenticate(received)).verdict is Verdict.HINT
    assert adapter.handle_webhook(received) == (Report(PAID, REFERENCE, house.kept[0]),)
    assert set(SPEC.identify(received)) == {REFERENCE, house.kept[0]}
    if notation == "form":
        assert received.headers["content-type"] == "application/x-www-form-urlencoded"
        assert received.body.startswith(
            b"data%5Bresponse_code%5D=00&data%5Bresponse_text%5D=Transaction+Found"
        )
        assert b"taxes" not in received.body


async def test_a_forged_notification_is_told_apart(house: House) -> None:
    url = link_of(await house.initiate(hosted("wizall_sn")))
    await house.press(url, "pay")
    (received,) = await house.inbox.heard()
    adapter = house.open()
    tampered = re.sub(rb"(hash%5D=)[0-9a-f]", rb"\1x", received.body)
    assert (await adapter.authenticate(replace(received, body=tampered))).verdict is Verdict.FORGED
    without = re.sub(rb"data%5Bhash%5D=[0-9a-f]+&", b"", received.body)
    assert (await adapter.authenticate(replace(received, body=without))).verdict is Verdict.FORGED


@pytest.mark.parametrize(("end", "count"), [("004", 0), ("005", 2), ("006", 1)])
async def test_magic_numbers_lose_double_or_hasten_the_notification(
    house: House, end: str, count: int
) -> None:
    asked = order(WAVE, f"771234{end}")
    await house.initiate(asked)
    if end == "006":
        assert len(house.inbox.received) == 1
    assert await house.verify(asked) == PAID
    await asyncio.sleep(0.4)
    assert len(house.inbox.received) == count


@pytest.mark.parametrize(("end", "status"), [("001", "cancelled"), ("002", "failed")])
async def test_magic_numbers_decide_for_the_payer(house: House, end: str, status: str) -> None:
    asked = order(ORANGE, f"771234{end}")
    assert isinstance((await house.initiate(asked)).word, Pending)
    assert await house.verify(asked) == Pending()
    (received,) = await house.inbox.heard()
    assert f"data%5Bstatus%5D={status}".encode() in received.body
    assert isinstance(await house.verify(asked), Failed)


async def test_a_stuck_payment_stays_pending_and_shows_on_no_phone(house: House) -> None:
    asked = order(ORANGE, "771234003")
    await house.initiate(asked)
    assert house.handset.prompts() == []
    assert await house.verify(asked) == Pending()


# The simulator itself


async def test_the_simulator_takes_the_exact_field_names_and_no_other(house: House) -> None:
    answer = await house.initiate(without_phone(order("moov_ci", "0101234567")))
    keys = {
        "PAYDUNYA-MASTER-KEY": SPEC.demo_config["master_key"],
        "PAYDUNYA-PRIVATE-KEY": SPEC.demo_config["private_key"],
        "PAYDUNYA-TOKEN": SPEC.demo_config["token"],
    }
    right = {
        "moov_ci_customer_fullname": "Awa",
        "moov_ci_email": "",
        "moov_ci_phone_number": "0101234567",
        "payment_token": answer.provider_reference,
    }
    wrong: list[tuple[dict[str, Any], str]] = [
        ({**right, "customer_name": "Awa"}, "Votre requete est malformée"),
        (
            {name: value for name, value in right.items() if name != "moov_ci_email"},
            "Votre requete est malformée",
        ),
        ({**right, "moov_ci_phone_number": "+2250101234567"}, "numéro valide de la Côte d'Ivoire"),
        ({**right, "payment_token": "test_0000000000"}, "inexistant"),
    ]
    url = f"{house.url}/sandbox-api/v1/softpay/moov-ci"
    for body, text in wrong:
        async with house.browser.post(url, json=body, headers=keys) as refused:
            said = await refused.json()
            assert (refused.status, said["success"]) == (200, False)
            assert text in said["message"]
    house.handset.auto_approve_after_seconds = 0.1  # Moov answers when the payer is through
    async with house.browser.post(url, json=right, headers=keys) as taken:
        assert (await taken.json())["success"] is True
    (prompt,) = house.handset.prompts("2250101234567")
    await house.handset.decide(prompt.id, Action.APPROVE)
    async with house.browser.post(url, json=right, headers=keys) as late:
        assert (await late.json())["success"] is False


async def test_json_is_read_without_a_content_type_and_amounts_in_every_form_that_clients_send(
    house: House,
) -> None:
    """The PHP client and the WooCommerce plugin post JSON with cURL's default type, the Python one sends floats."""
    keys = {
        "PAYDUNYA-MASTER-KEY": SPEC.demo_config["master_key"],
        "PAYDUNYA-PRIVATE-KEY": SPEC.demo_config["private_key"],
        "PAYDUNYA-TOKEN": SPEC.demo_config["token"],
        "content-type": "application/x-www-form-urlencoded",
    }
    url = f"{house.url}/sandbox-api/v1/checkout-invoice/create"
    for amount, code in (
        ("6000.0", "00"), ('"6000"', "00"), ("6000", "00"), ("6e3", "00"), ("6000.5", "4001"), ("true", "4001"),
        ("NaN", "4001"), ("1e999", "4001"), ('"Infinity"', "4001"), ("null", "4001"), ("199", "4003"), ("-6000", "4003"),
    ):  # fmt: skip
        body = f'{{"invoice": {{"total_amount": {amount}}}, "store": {{"name": "Chez Awa"}}}}'
        async with house.browser.post(url, data=body, headers=keys) as answer:
            assert (await answer.json())["response_code"] == code, amount
    assert {invoice["amount"] for invoice in house.invoices()} == {6000}


async def test_confirm_answers_a_post_only_where_it_is_switched_so(house: House) -> None:
    """The Python client posts when it confirms with the object that it created with."""
    token = (await house.initiate(hosted("wizall_sn"))).provider_reference
    url = f"{house.url}/sandbox-api/v1/checkout-invoice/confirm/{token}"
    keys = {
        "PAYDUNYA-MASTER-KEY": SPEC.demo_config["master_key"],
        "PAYDUNYA-PRIVATE-KEY": SPEC.demo_config["private_key"],
        "PAYDUNYA-TOKEN": SPEC.demo_config["token"],
    }
    async with house.browser.post(url, json={}, headers=keys) as answer:
        assert answer.status == 404
    await house.switches(confirm_by_post=True)
    async with house.browser.post(url, json={}, headers=keys) as answer:
        assert (await answer.json())["status"] == "pending"


async def test_the_simulator_remembers_after_a_restart_and_takes_up_what_was_due(tmp_path: Path) -> None:
    asked = order(ORANGE, "771234001")
    async with open_house(tmp_path) as house:
        token = (await house.initiate(asked)).provider_reference
        await house.initiate(hosted("wizall_sn"))
    async with open_house(tmp_path) as house:
        assert len(house.invoices()) == 2
        await house.initiate(hosted("wizall_sn"))
        assert len({invoice["token"] for invoice in house.invoices()}) == 3
        asked = replace(asked, provider_reference=token)
        assert isinstance(await house.verify(asked), Pending)
        await asyncio.sleep(1)
        assert isinstance(await house.verify(asked), Failed)


@pytest.mark.parametrize(
    ("language", "word"), [("fr-SN,fr", "Dernières factures"), ("en", "Latest invoices")]
)
async def test_the_overview_lists_invoices_and_magic_numbers(house: House, language: str, word: str) -> None:
    answer = await house.initiate(hosted("wizall_sn", merchant_name="<b>Chez Awa</b>"))
    async with house.browser.get(f"{house.url}/", headers={"accept-language": language}) as page:
        html = await page.text()
    assert word in html
    assert answer.provider_reference is not None
    assert answer.provider_reference in html
    assert "&lt;b&gt;Chez Awa" in html
    assert all(f"…{end:03d}" in html for end in range(1, 11))
    async with house.browser.get(f"{house.url}/paydunya.css") as style:
        assert style.content_type == "text/css"
    async with house.browser.get(f"{house.url}/checkout/invoice/nothing") as nothing:
        assert nothing.status == 404
