"""The pawaPay adapter against pawaPay's simulator, over real HTTP: what is said is heard, what is lost stays open."""

import asyncio
import json
import random
import socket
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from afriflow.core.clock import SystemClock
from afriflow.core.evidence import Failed, Missing, NotSent, Pending, Refused, Succeeded, Unclear
from afriflow.core.method import ActionType, FailureCode, MethodType, NextAction, PaymentMethod
from afriflow.core.money import Money
from afriflow.core.msisdn import read_sandbox_msisdn
from afriflow.core.operator import operators
from afriflow.core.transaction import Mode
from afriflow.port.factory import OpenProvider, PaymentFactory, fill_config
from afriflow.port.provider import Account, Answer, Notification, Order, Secret, Verdict
from afriflow.port.reach import ANYWHERE, Lines, open_session
from afriflow.providers.pawapay import SPEC
from afriflow.simulator.handset import Action, Handset
from afriflow.simulator.seat import Seat, SeatSettings, open_seat
from afriflow.simulator.serve import serving

TOKEN = SPEC.demo_config["token"]
PERSON = "+260 76 345 6001"  # no magic number: waits for its person
SUCCEEDS = "260763456789"
STUCK = "260763456129"


class Inbox:
    """Our webhook: keeps what comes as the adapter is given it."""

    def __init__(self) -> None:
        self.notifications: list[Notification] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        message = await receive()
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.notifications.append(
            Notification(scope["method"], scope["path"], headers, message["body"], datetime.now(UTC))
        )
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


class World:
    """A merchant's account at pawaPay, pawaPay itself, the payer's phone and our inbox."""

    def __init__(
        self, seat: Seat, handset: Handset, inbox: Inbox, callback_url: str, session: aiohttp.ClientSession
    ) -> None:
        self.seat = seat
        self.handset = handset
        self.inbox = inbox
        self.callback_url = callback_url
        self.base_url = seat.settings.public_url
        self.session = session
        self.factory = PaymentFactory(Lines(session, session), SystemClock(), timeout_seconds=5)

    def open(self, base_url: str | None = None, **config: str) -> OpenProvider:
        values = {"token": TOKEN, **config}
        account = Account(
            id=json.dumps(values),
            merchant_id="mer_1",
            provider="pawapay",
            mode=Mode.TEST,
            base_url=base_url or self.base_url,
            callback_url=self.callback_url,
            config=fill_config(SPEC, "acc_1", values),
        )
        return self.factory.open(account)

    async def put(self, what: str, **values: Any) -> None:
        async with self.session.put(f"{self.base_url}/{what}", json=values) as response:
            assert response.status == 200, await response.text()

    async def initiate(self, order: Order) -> Any:
        return (await self.open().adapter.initiate(order, keep)).word

    async def verify(self, order: Order) -> Any:
        return (await self.open().adapter.verify(order)).word

    async def decide(self, action: Action) -> None:
        (prompt,) = [prompt for prompt in self.handset.prompts() if prompt.can_be_decided]
        await self.handset.decide(prompt.id, action)

    async def next_notification(self) -> Notification:
        async with asyncio.timeout(5):
            while not self.inbox.notifications:
                await asyncio.sleep(0.01)
        return self.inbox.notifications.pop(0)

    async def raw(
        self, method: str, path: str, body: Any = None, token: str | None = TOKEN
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        async with self.session.request(method, self.base_url + path, data=data, headers=headers) as response:
            return response.status, await response.json()


async def keep(provider_reference: str, next_action: NextAction | None = None) -> None:
    raise AssertionError("pawaPay's id is ours: there is nothing to keep")


@asynccontextmanager
async def made(config: dict[str, str] | None = None, storage: Path | None = None) -> AsyncGenerator[World]:
    async with AsyncExitStack() as stack:
        inbox = Inbox()
        callback_url = (
            await stack.enter_async_context(serving(lambda _: inbox)) + "/api/webhooks/pawapay/acc_1"
        )
        handset = Handset(SystemClock(), random.Random(1), storage=storage)
        stack.push_async_callback(handset.close)
        seats: list[Seat] = []

        def build(base_url: str) -> Seat:
            settings = SeatSettings(
                f"{base_url}/simulators/pawapay", callback_url, config or {"token": TOKEN}, storage
            )
            seats.append(open_seat("pawapay", settings, handset, SystemClock()))
            return seats[0]

        await stack.enter_async_context(serving(build))
        session = open_session(connections_max=10, reach=ANYWHERE)
        stack.push_async_callback(session.close)
        world = World(seats[0], handset, inbox, callback_url, session)
        await world.put("behaviour", settle_after_seconds=0.05)
        yield world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with made() as world:
        yield world


def order(
    phone: str = PERSON, operator: str = "mtn_zm", amount: int = 1500, currency: str = "ZMW", **more: Any
) -> Order:
    country = operators()[operator].country
    msisdn = read_sandbox_msisdn(phone, country)
    assert msisdn is not None
    return Order(
        reference=str(uuid.uuid4()),
        transaction_id="txn_1",
        merchant_name="Boutique Awa",
        money=Money(amount, currency),
        method=PaymentMethod(MethodType.MOBILE_MONEY, country, operator, msisdn),
        return_url="https://shop.example/r",
        cancel_url="https://shop.example/c",
        created_at=datetime.now(UTC),
        **more,
    )


async def judged(world: World, notification: Notification, **config: str) -> Verdict:
    return (await world.open(**config).adapter.authenticate(notification)).verdict


# The payer decides


async def test_a_payer_who_approves_brings_the_money_and_a_signed_callback_says_so(world: World) -> None:
    wanted = order()
    word = await world.initiate(wanted)
    assert isinstance(word, Pending)
    assert word.next_action is not None
    assert word.next_action.type is ActionType.APPROVE_ON_PHONE
    (prompt,) = world.handset.prompts()
    assert (prompt.amount, prompt.currency, prompt.phone) == ("15", "ZMW", "260763456001")
    assert isinstance(await world.verify(wanted), Pending)
    await world.decide(Action.APPROVE)
    told = await world.next_notification()
    assert await judged(world, told) is Verdict.SIGNED
    assert SPEC.identify(told) == (wanted.reference,)
    (report,) = world.open().adapter.handle_webhook(told)
    assert isinstance(report.word, Succeeded)
    assert (report.word.paid, report.word.reference) == (wanted.money, wanted.reference)
    assert json.loads(told.body)["amount"] == "15.0000"
    assert await world.verify(wanted) == report.word


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (Action.DECLINE, FailureCode.PAYER_DECLINED),
        (Action.WRONG_PIN, FailureCode.PAYER_DECLINED),
        (Action.NO_FUNDS, FailureCode.INSUFFICIENT_FUNDS),
    ],
)
async def test_a_payer_who_does_not_pay_is_a_failure_with_its_reason(
    world: World, action: Action, code: FailureCode
) -> None:
    wanted = order()
    await world.initiate(wanted)
    await world.decide(action)
    (report,) = world.open().adapter.handle_webhook(await world.next_notification())
    assert isinstance(report.word, Failed)
    assert report.word.failure.code is code
    assert await world.verify(wanted) == report.word


async def test_a_prompt_that_nobody_answers_expires(world: World) -> None:
    await world.put("behaviour", prompt_expires_after_seconds=0.2)
    wanted = order()
    await world.initiate(wanted)
    await world.decide(Action.IGNORE)
    (report,) = world.open().adapter.handle_webhook(await world.next_notification())
    assert isinstance(report.word, Failed)
    assert world.handset.prompts()[0].state == "expired"


async def test_a_payer_with_a_code_from_the_operator_pays_without_a_prompt(world: World) -> None:
    sent = world.handset.send_code(phone="+22607000000", provider="")
    assert sent.code is not None
    wanted = order("+22607000000", "orange_bf", 5000, "XOF", otp=Secret(sent.code))
    assert await world.initiate(wanted) == Pending(None)
    (report,) = world.open().adapter.handle_webhook(await world.next_notification())
    assert isinstance(report.word, Succeeded)
    again = order("+22607000000", "orange_bf", 5000, "XOF", otp=Secret(sent.code))
    await world.initiate(again)
    (report,) = world.open().adapter.handle_webhook(await world.next_notification())
    assert isinstance(report.word, Failed)


async def test_a_code_that_cannot_be_one_is_not_sent_and_a_missing_one_decides_nothing(world: World) -> None:
    word = await world.initiate(order("+22607000000", "orange_bf", 5000, "XOF", otp=Secret("12 34")))
    assert isinstance(word, NotSent)
    assert word.failure.code is FailureCode.INVALID_OTP
    assert isinstance(await world.initiate(order("+22607000000", "orange_bf", 5000, "XOF")), Unclear)


def magic() -> list[tuple[str, str, str]]:
    table = json.loads(
        files("afriflow.providers.pawapay.simulator").joinpath("sandbox.json").read_text("utf-8")
    )
    return [
        (row["provider"], number, outcome)
        for row in table["providers"]
        for number, outcome in row["numbers"].items()
    ]


async def test_every_magic_number_of_the_sandbox_ends_as_documented(world: World) -> None:
    await world.put("behaviour", settle_after_seconds=0)
    routes = {
        row["provider"]: row
        for row in json.loads(
            files("afriflow.providers.pawapay").joinpath("providers.json").read_text("utf-8")
        )["providers"]
    }
    for provider, number, outcome in magic():
        row = routes[provider]
        amount = 100000 if row["currency"] not in {"XOF", "XAF", "RWF", "UGX"} else 1000
        wanted = order(number, row["operator"], amount, row["currency"], otp=Secret("123456"))
        assert isinstance(await world.initiate(wanted), Pending), number
        if outcome == "STUCK":
            assert isinstance(await world.verify(wanted), Pending)
            continue
        told = json.loads((await world.next_notification()).body)
        assert told["depositId"] == wanted.reference
        assert told.get("failureReason", {}).get("failureCode", told["status"]) == outcome
    assert not world.inbox.notifications


# What goes wrong


async def test_a_lost_answer_is_unclear_and_asking_finds_the_order(world: World) -> None:
    await world.put("faults", lose_answer=1)
    wanted = order(SUCCEEDS)
    assert isinstance(await world.initiate(wanted), Unclear)
    await world.put("faults")
    await world.next_notification()
    assert isinstance(await world.verify(wanted), Succeeded)


async def test_a_connection_that_dies_first_is_unclear_and_the_same_order_can_be_sent_again(
    world: World,
) -> None:
    await world.put("faults", refuse_connection=1)
    wanted = order(SUCCEEDS)
    assert isinstance(await world.initiate(wanted), Unclear)
    assert isinstance(await world.verify(wanted), Unclear)
    await world.put("faults")
    assert await world.verify(wanted) == Missing()
    assert isinstance(await world.initiate(wanted), Pending)


async def test_a_server_error_is_unclear_whether_the_order_was_taken_or_not(world: World) -> None:
    await world.put("faults", error_500=1)
    orders = [order(STUCK) for _ in range(8)]
    for wanted in orders:
        assert isinstance(await world.initiate(wanted), Unclear)
    await world.put("faults")
    words = {type(await world.verify(wanted)) for wanted in orders}
    assert words == {Pending, Missing}


async def test_nothing_is_sent_to_a_closed_port(world: World) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    opened = world.open(f"http://127.0.0.1:{port}")
    word = (await opened.adapter.initiate(order(), keep)).word
    assert isinstance(word, NotSent)
    assert word.failure.code is FailureCode.PROVIDER_UNAVAILABLE
    assert isinstance((await opened.adapter.verify(order())).word, Unclear)


async def test_the_same_order_again_is_answered_with_how_it_stands(world: World) -> None:
    wanted = order(SUCCEEDS)
    await world.initiate(wanted)
    await world.next_notification()
    opened = world.open()
    word = (await opened.adapter.initiate(wanted, keep)).word
    assert isinstance(word, Succeeded)
    assert [exchange.operation for exchange in opened.http.exchanges] == ["initiate", "verify"]
    assert "DUPLICATE_IGNORED" in opened.http.exchanges[0].response_body


async def test_our_id_with_another_amount_alarms(world: World) -> None:
    wanted = order(STUCK)
    await world.initiate(wanted)
    word = await world.initiate(replace(wanted, money=Money(99900, "ZMW")))
    assert isinstance(word, Unclear)
    assert word.alert
    assert word.review


async def test_a_callback_may_come_before_the_answer_and_twice_and_late(world: World) -> None:
    await world.put("faults", callback_before_answer=1, duplicate_callback=1)
    await world.initiate(order(SUCCEEDS))
    first, second = world.inbox.notifications
    assert first.body == second.body
    assert await judged(world, second) is Verdict.SIGNED


async def test_a_prompt_that_approves_itself_may_do_so_before_the_answer(world: World) -> None:
    world.handset.auto_approve_after_seconds = 30
    await world.put("faults", callback_before_answer=1)
    await world.initiate(order())
    (told,) = world.inbox.notifications
    assert json.loads(told.body)["status"] == "COMPLETED"


async def test_an_unknown_word_of_pawapay_alarms_and_decides_nothing(world: World) -> None:
    await world.put(
        "behaviour",
        settle_after_seconds=0,
        words={"COMPLETED": "SETTLED", "PAYMENT_NOT_APPROVED": "NEW_CODE"},
    )
    wanted = order(SUCCEEDS)
    await world.initiate(wanted)
    (report,) = world.open().adapter.handle_webhook(await world.next_notification())
    assert isinstance(report.word, Unclear)
    assert report.word.alert
    refused = order("260763456039")
    await world.initiate(refused)
    (report,) = world.open().adapter.handle_webhook(await world.next_notification())
    assert isinstance(report.word, Failed)
    assert report.word.failure.code is FailureCode.UNSPECIFIED


# Refusals


@pytest.mark.parametrize(
    ("wanted", "code", "elsewhere"),
    [
        (order("+260763456001", amount=2_000_001), FailureCode.AMOUNT_OUT_OF_BOUNDS, True),
        (order("+2290151000000", "mtn_bj", 50, "XOF"), FailureCode.AMOUNT_OUT_OF_BOUNDS, True),
        (order("+254703456001", "mpesa_ke", 150, "KES"), FailureCode.PROVIDER_REJECTED, True),
    ],
)
async def test_what_pawapay_refuses_leaves_no_order_and_says_whether_another_may_do_better(
    world: World, wanted: Order, code: FailureCode, elsewhere: bool
) -> None:
    word = await world.initiate(wanted)
    assert isinstance(word, Refused)
    assert (word.failure.code, word.elsewhere) == (code, elsewhere)
    assert await world.verify(wanted) == Missing()
    assert not world.handset.prompts()


async def test_a_closed_operator_and_a_wrong_token_are_refusals_that_another_provider_may_mend(
    world: World,
) -> None:
    await world.put("behaviour", closed_providers=["MTN_MOMO_ZMB"], wrong_token_http=403)
    word = await world.initiate(order())
    assert isinstance(word, Refused)
    assert (word.failure.code, word.elsewhere) == (FailureCode.OPERATOR_UNAVAILABLE, True)
    stranger = world.open(token="wrong")
    word = (await stranger.adapter.initiate(order(), keep)).word
    assert isinstance(word, Refused)
    assert word.failure.provider_code == "AUTHENTICATION_ERROR"
    word = (await stranger.adapter.verify(order())).word
    assert isinstance(word, Unclear)
    assert word.alert


# Who signed


async def test_a_tampered_callback_is_forged_and_an_unsigned_one_a_hint_unless_signatures_are_required(
    world: World,
) -> None:
    await world.initiate(order(SUCCEEDS))
    told = await world.next_notification()
    assert await judged(world, told) is Verdict.SIGNED
    assert await judged(world, told, signed_callbacks="required") is Verdict.SIGNED
    more = replace(told, body=told.body.replace(b"15.0000", b"95.0000"))
    assert await judged(world, more) is Verdict.FORGED
    half = replace(told, headers={name: value for name, value in told.headers.items() if name != "signature"})
    assert await judged(world, half) is Verdict.FORGED
    bare = replace(told, headers={"content-type": "application/json"})
    assert await judged(world, bare) is Verdict.HINT
    assert await judged(world, bare, signed_callbacks="required") is Verdict.FORGED


async def test_a_callback_that_pawapay_signed_long_ago_is_a_reason_to_ask_and_no_proof(world: World) -> None:
    await world.initiate(order(SUCCEEDS))
    told = await world.next_notification()
    late = replace(told, received_at=datetime(2030, 1, 1, tzinfo=UTC))
    assert await judged(world, late, signed_callbacks="required") is Verdict.HINT
    more = replace(late, body=told.body.replace(b"15.0000", b"95.0000"))
    assert await judged(world, more, signed_callbacks="required") is Verdict.FORGED


async def test_public_keys_are_fetched_once_for_a_burst_and_again_for_a_new_key(world: World) -> None:
    await world.initiate(order(SUCCEEDS))
    told = await world.next_notification()
    opened = [world.open() for _ in range(10)]
    verdicts = await asyncio.gather(*(one.adapter.authenticate(told) for one in opened))
    assert {found.verdict for found in verdicts} == {Verdict.SIGNED}
    assert sum(len(one.http.exchanges) for one in opened) == 1
    memory = world.factory._memories[opened[0].account.id]
    ids = ["HTTP_EC_P256_KEY:1"]
    for number in (2, 3):
        ids.append(f"HTTP_EC_P256_KEY:{number}")
        async with world.session.post(f"{world.base_url}/rotate-key") as response:
            assert response.status == 200
        async with world.session.get(f"{world.base_url}/v2/public-key/http") as response:
            assert [key["id"] for key in await response.json()] == ids
    await world.initiate(order(SUCCEEDS))
    told = await world.next_notification()
    # An unknown key is asked for at once, however young the others,
    assert await judged(world, told) is Verdict.SIGNED
    stranger = replace(
        told,
        headers={
            **told.headers,
            "signature-input": told.headers["signature-input"].replace("KEY:3", "KEY:9"),
        },
    )
    asked_at = memory["public_keys_doubted_at"]
    assert await judged(world, stranger) is Verdict.HINT  # it may be genuine, and we may not ask
    assert memory["public_keys_doubted_at"] == asked_at  # and then not again for a minute
    memory["public_keys_doubted_at"] = datetime(2020, 1, 1, tzinfo=UTC)
    assert await judged(world, stranger) is Verdict.FORGED
    assert memory["public_keys_doubted_at"] > asked_at


async def test_a_forger_cannot_have_a_callback_ignored_by_making_us_ask_for_keys_before_they_change(
    world: World,
) -> None:
    await world.initiate(order(SUCCEEDS))
    told = await world.next_notification()
    assert await judged(world, told, signed_callbacks="required") is Verdict.SIGNED
    unknown = told.headers["signature-input"].replace("KEY:1", "KEY:9")
    forged = replace(told, headers={**told.headers, "signature-input": unknown})
    assert (
        await judged(world, forged, signed_callbacks="required") is Verdict.FORGED
    )  # and the keys were asked for now
    async with world.session.post(f"{world.base_url}/rotate-key") as response:
        assert response.status == 200
    await world.initiate(order(SUCCEEDS))
    genuine = await world.next_notification()
    assert await judged(world, genuine, signed_callbacks="required") is Verdict.HINT
    memory = world.factory._memories[world.open(signed_callbacks="required").account.id]
    memory["public_keys_doubted_at"] = datetime(2020, 1, 1, tzinfo=UTC)
    assert await judged(world, genuine, signed_callbacks="required") is Verdict.SIGNED


async def test_a_signed_callback_is_a_hint_while_the_keys_cannot_be_had(world: World) -> None:
    await world.initiate(order(SUCCEEDS))
    told = await world.next_notification()
    await world.put("faults", refuse_connection=1)
    assert await judged(world, told) is Verdict.HINT


ALGORITHMS = ("ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-v1_5-sha256", "rsa-pss-sha512")
HOW = pytest.mark.parametrize(
    ("algorithm", "encoding"),
    [*((name, "der") for name in ALGORITHMS), ("ecdsa-p256-sha256", "raw"), ("ecdsa-p384-sha384", "raw")],
)


@HOW
async def test_whatever_pawapay_signs_with_its_callbacks_and_answers_are_verified(
    world: World, algorithm: str, encoding: str
) -> None:
    await world.put(
        "behaviour", settle_after_seconds=0, signing_algorithm=algorithm, signature_encoding=encoding
    )
    opened = world.open(signed_answers="required")
    wanted = order(SUCCEEDS)
    assert isinstance((await opened.adapter.initiate(wanted, keep)).word, Pending)
    told = await world.next_notification()
    assert f'alg="{algorithm}"' in told.headers["signature-input"]
    assert await judged(world, told, signed_callbacks="required") is Verdict.SIGNED
    assert isinstance((await opened.adapter.verify(wanted)).word, Succeeded)
    assert [one.operation for one in opened.http.exchanges] == ["initiate", "public_keys", "verify"]


@pytest.mark.parametrize("how", ["never", "falsely"])
async def test_an_answer_that_is_not_signed_as_the_account_demands_is_none_and_alarms(
    world: World, how: str
) -> None:
    await world.put("behaviour", settle_after_seconds=0, signed_answers=how)
    strict, wanted = world.open(signed_answers="required"), order(SUCCEEDS)
    refused = order("+260763456001", amount=2_000_001)
    for said in (
        await strict.adapter.initiate(wanted, keep),
        await strict.adapter.initiate(refused, keep),
        await strict.adapter.verify(wanted),
        await strict.adapter.verify(refused),
    ):
        assert isinstance(said.word, Unclear)
        assert said.word.alert
    stranger = world.open(signed_answers="required", token="wrong")
    assert isinstance((await stranger.adapter.initiate(order(), keep)).word, Unclear)
    tolerant = await world.open(signed_answers="optional").adapter.verify(wanted)
    assert isinstance(tolerant.word, Succeeded if how == "never" else Unclear)
    assert isinstance(await world.verify(wanted), Succeeded)


async def test_an_answer_signed_with_a_new_key_makes_the_keys_be_fetched_again(world: World) -> None:
    opened = world.open(signed_answers="required")
    await opened.adapter.verify(order())
    async with world.session.post(f"{world.base_url}/rotate-key"):
        pass
    assert await opened.adapter.verify(order()) == Answer(Missing())
    assert await opened.adapter.verify(order()) == Answer(Missing())
    asked = [one.operation for one in opened.http.exchanges]
    assert asked == ["verify", "public_keys", "verify", "public_keys", "verify"]


async def test_an_answer_whose_key_cannot_be_had_is_none_where_signatures_are_required(world: World) -> None:
    for wanted, word in (("required", Unclear), ("optional", Missing)):
        opened = world.open(signed_answers=wanted)
        memory = world.factory._memories[opened.account.id]
        memory["public_keys_tried_at"] = memory["public_keys_doubted_at"] = datetime.now(UTC)
        assert isinstance((await opened.adapter.verify(order())).word, word)


async def test_what_a_gateway_says_alarms_nobody_and_decides_nothing(world: World) -> None:
    await world.put("faults", error_500=1)
    word = (await world.open(signed_answers="required").adapter.verify(order())).word
    assert isinstance(word, Unclear)
    assert not word.alert


def a_key(algorithm: str) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    if algorithm.startswith("rsa"):
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1() if "p256" in algorithm else ec.SECP384R1())


@HOW
async def test_an_account_that_takes_signed_requests_only_is_served_by_one_that_signs(
    algorithm: str, encoding: str
) -> None:
    key = a_key(algorithm)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    async with made({"token": TOKEN, "private_key_pem": pem}) as world:
        rsa_algorithm = {"rsa_algorithm": algorithm} if algorithm.startswith("rsa") else {}
        signer = world.open(private_key_pem=pem, key_id="OUR_KEY", ecdsa_encoding=encoding, **rsa_algorithm)
        assert isinstance((await signer.adapter.initiate(order(STUCK), keep)).word, Pending)
        unsigned = await world.initiate(order(STUCK))
        assert isinstance(unsigned, Refused)
        assert unsigned.failure.provider_code == "HTTP_SIGNATURE_ERROR"


# pawaPay by itself


@pytest.mark.parametrize(
    ("change", "http", "code"),
    [
        ({"surprise": 1}, 400, "UNSUPPORTED_PARAMETER"),
        ({"successfulUrl": "https://x.example"}, 400, "UNSUPPORTED_PARAMETER"),
        ({"amount": None}, 400, "INVALID_PARAMETER"),
        ({"amount": "15.0"}, 400, "INVALID_PARAMETER"),
        ({"amount": "015"}, 400, "INVALID_PARAMETER"),
        ({"amount": 15}, 400, "INVALID_PARAMETER"),
        ({"depositId": "1"}, 400, "INVALID_PARAMETER"),
        ({"customerMessage": "a!"}, 400, "INVALID_PARAMETER"),
        ({"metadata": [{"key": "a", "value": "b"}]}, 400, "DUPLICATE_METADATA_FIELD"),
        ({"metadata": [{"a": 1}, {"a": 2}]}, 400, "DUPLICATE_METADATA_FIELD"),
        ({"currency": "XOF"}, 200, "INVALID_CURRENCY"),
        (
            {"payer": {"type": "MMO", "accountDetails": {"phoneNumber": "260763456001", "provider": "X"}}},
            200,
            "INVALID_PROVIDER",
        ),
        (
            {
                "payer": {
                    "type": "MMO",
                    "accountDetails": {"phoneNumber": "221773456001", "provider": "MTN_MOMO_ZMB"},
                }
            },
            200,
            "INVALID_PHONE_NUMBER",
        ),
        (
            {
                "payer": {
                    "type": "MMO",
                    "accountDetails": {"phoneNumber": "+26076345601", "provider": "MTN_MOMO_ZMB"},
                }
            },
            400,
            "INVALID_PARAMETER",
        ),
        (
            {
                "payer": {
                    "type": "MMO",
                    "accountDetails": {"phoneNumber": "221773456001", "provider": "WAVE_SEN"},
                },
                "currency": "XOF",
            },
            400,
            "MISSING_PARAMETER",
        ),
    ],
)
async def test_the_simulator_refuses_what_pawapay_documents_that_it_refuses(
    world: World, change: dict[str, Any], http: int, code: str
) -> None:
    fixture = files("afriflow.providers.pawapay").joinpath("fixtures", "deposit-request-full.json")
    body = json.loads(fixture.read_text("utf-8"))["body"]
    status, answer = await world.raw("POST", "/v2/deposits", {**body, **change})
    assert (status, answer["status"], answer["failureReason"]["failureCode"]) == (http, "REJECTED", code)


async def test_the_simulator_takes_the_documented_requests_and_answers_in_the_documented_shapes(
    world: World,
) -> None:
    def fixture(name: str) -> Any:
        home = files("afriflow.providers.pawapay").joinpath("fixtures", f"{name}.json")
        return json.loads(home.read_text("utf-8"))["body"]

    await world.put("behaviour", settle_after_seconds=0)
    wanted = fixture("deposit-request-full")
    status, answer = await world.raw("POST", "/v2/deposits", wanted)
    assert (status, set(answer)) == (200, set(fixture("deposit-response-accepted")))
    told = await world.next_notification()
    assert set(json.loads(told.body)) == set(fixture("deposit-callback-completed"))
    assert json.loads(told.body)["metadata"] == fixture("deposit-callback-completed")["metadata"]
    status, answer = await world.raw("GET", f"/v2/deposits/{wanted['depositId']}")
    assert set(answer["data"]) == set(fixture("deposit-status-completed")["data"])
    status, answer = await world.raw("POST", "/v2/deposits", wanted)
    assert set(answer) == set(fixture("deposit-response-duplicate"))
    status, answer = await world.raw("POST", "/v2/deposits", wanted, token=None)
    assert (status, answer["failureReason"]["failureCode"]) == (401, "NO_AUTHENTICATION")
    assert set(answer) == set(fixture("any-response-401"))
    status, answer = await world.raw("GET", "/v2/deposits/x", token="wrong")
    assert (status, set(answer)) == (401, {"failureReason"})
    assert (await world.raw("POST", "/v2/deposits", b"{"))[1]["failureReason"][
        "failureCode"
    ] == "INVALID_INPUT"
    status, answer = await world.raw("GET", "/v2/public-key/http", token=None)
    assert [set(key) for key in answer] == [set(fixture("publickeys-response")[0])]


async def test_a_callback_can_be_asked_for_again_once_the_deposit_has_ended(world: World) -> None:
    wanted = order(SUCCEEDS)
    path = f"/v2/deposits/resend-callback/{wanted.reference}"
    assert (await world.raw("POST", path))[1]["failureReason"]["failureCode"] == "NOT_FOUND"
    await world.initiate(wanted)
    first = await world.next_notification()
    assert await world.raw("POST", path) == (200, {"depositId": wanted.reference, "status": "ACCEPTED"})
    second = await world.next_notification()
    assert second.body == first.body
    stuck = order(STUCK)
    await world.initiate(stuck)
    _, answer = await world.raw("POST", f"/v2/deposits/resend-callback/{stuck.reference}")
    assert answer["failureReason"]["failureCode"] == "INVALID_STATE"


async def test_the_toolkit_tells_what_the_account_can_do(world: World) -> None:
    await world.put("behaviour", closed_providers=["MTN_MOMO_ZMB"])
    _, configuration = await world.raw("GET", "/v2/active-conf?country=ZMB&operationType=DEPOSIT")
    (country,) = configuration["countries"]
    mtn = next(found for found in country["providers"] if found["provider"] == "MTN_MOMO_ZMB")
    deposit = mtn["currencies"][0]["operationTypes"]["DEPOSIT"]
    assert (deposit["minAmount"], deposit["maxAmount"], deposit["decimalsInAmount"]) == (
        "1",
        "20000",
        "TWO_PLACES",
    )
    assert deposit["callbackUrl"] == world.callback_url
    _, available = await world.raw("GET", "/v2/availability?country=ZMB")
    statuses = {
        found["provider"]: found["operationTypes"][0]["status"] for found in available[0]["providers"]
    }
    assert statuses == {
        "AIRTEL_OAPI_ZMB": "OPERATIONAL",
        "MTN_MOMO_ZMB": "CLOSED",
        "ZAMTEL_ZMB": "OPERATIONAL",
    }
    assert await world.raw("POST", "/v2/predict-provider", {"phoneNumber": "+260 763-456789"}) == (
        200,
        {"country": "ZMB", "provider": "MTN_MOMO_ZMB", "phoneNumber": "260763456789"},
    )
    status, answer = await world.raw("POST", "/v2/predict-provider", {"phoneNumber": "12"})
    assert (status, answer["failureReason"]["failureCode"]) == (400, "INVALID_PARAMETER")


async def test_what_was_under_way_goes_on_after_pawapay_restarts(tmp_path: Path) -> None:
    wanted, magical = order(), order(SUCCEEDS)
    async with made(storage=tmp_path) as world:
        await world.put("behaviour", settle_after_seconds=60)
        await world.initiate(wanted)
        await world.initiate(magical)
        _, keys = await world.raw("GET", "/v2/public-key/http")
    async with made(storage=tmp_path) as world:
        assert await world.raw("GET", "/v2/public-key/http") == (200, keys)
        assert isinstance(await world.verify(magical), Pending)
        await world.decide(Action.APPROVE)
        await world.next_notification()
        assert isinstance(await world.verify(wanted), Succeeded)
        assert (await world.raw("POST", "/v2/deposits", {}))[0] == 400
