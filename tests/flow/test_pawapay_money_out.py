"""Payouts and refunds against pawaPay's simulator, over real HTTP: money leaves once, or its wallet has it back."""

import asyncio
import json
import socket
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flow.test_pawapay_provider import PERSON, TOKEN, World, keep, made, order

from afriflow.core.evidence import Failed, Missing, NotSent, Pending, Refused, Succeeded, Unclear
from afriflow.core.method import FailureCode, MethodType, PaymentMethod
from afriflow.core.money import Money
from afriflow.core.msisdn import read_sandbox_msisdn
from afriflow.core.operator import operators
from afriflow.port.money_out import PayoutOrder, Payouts, RefundOrder, Refunds
from afriflow.port.provider import Verdict
from afriflow.providers.pawapay import SPEC
from afriflow.providers.pawapay.adapter import PawaPayAdapter
from afriflow.providers.pawapay.operations import Ack
from afriflow.providers.pawapay.wire import Kind
from afriflow.simulator.handset import Action

GETS = "260763456789"
STUCK = "260763456129"
OPENING = Decimal(10_000_000)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with made() as world:
        yield world


def adapter(world: World, **config: str) -> PawaPayAdapter:
    found = world.open(**config).adapter
    assert isinstance(found, PawaPayAdapter)
    return found


def payout(
    phone: str = GETS, operator: str = "mtn_zm", amount: int = 1500, currency: str = "ZMW", **more: Any
) -> PayoutOrder:
    country = operators()[operator].country
    return PayoutOrder(
        reference=str(uuid.uuid4()),
        payout_id="pay_1",
        merchant_name="Boutique Awa",
        money=Money(amount, currency),
        method=PaymentMethod(MethodType.MOBILE_MONEY, country, operator, read_sandbox_msisdn(phone, country)),
        created_at=datetime.now(UTC),
        **more,
    )


async def paid_deposit(world: World, amount: int = 10_000) -> str:
    wanted = order(GETS, amount=amount)
    await world.initiate(wanted)
    await world.next_notification()
    return wanted.reference


def refund(payment: str, amount: int = 10_000, currency: str = "ZMW") -> RefundOrder:
    return RefundOrder(
        reference=str(uuid.uuid4()),
        refund_id="ref_1",
        money=Money(amount, currency),
        payment_reference=payment,
        payment_provider_reference=None,
        created_at=datetime.now(UTC),
    )


async def send(world: World, wanted: PayoutOrder | RefundOrder) -> Any:
    one = adapter(world)
    if isinstance(wanted, PayoutOrder):
        return (await one.payout(wanted, keep)).word
    return (await one.refund(wanted, keep)).word


async def ask(world: World, wanted: PayoutOrder | RefundOrder) -> Any:
    one = adapter(world)
    if isinstance(wanted, PayoutOrder):
        return (await one.verify_payout(wanted)).word
    return (await one.verify_refund(wanted)).word


async def told(world: World) -> Any:
    notification = await world.next_notification()
    assert (await adapter(world).authenticate(notification)).verdict is Verdict.SIGNED
    (report,) = adapter(world).handle_webhook(notification)
    assert report.reference in SPEC.identify(notification)
    return report


async def balance(world: World, country: str = "ZMB") -> Decimal:
    _, answer = await world.raw("GET", f"/v2/wallet-balances?country={country}")
    return Decimal(answer["balances"][0]["balance"])


async def book(world: World) -> list[tuple[str, str]]:
    _, entries = await world.raw("GET", "/book")
    return [(entry["why"], entry["amount"]) for entry in entries]


async def fund(world: World, amount: str, country: str = "ZMB", currency: str = "ZMW") -> None:
    await world.put("wallets", country=country, currency=currency, balance=amount)


def test_the_adapter_can_do_what_the_port_calls_money_out(world: World) -> None:
    assert isinstance(adapter(world), Payouts)
    assert isinstance(adapter(world), Refunds)


# Payouts


async def test_a_payout_leaves_the_wallet_once_and_a_signed_callback_says_so(world: World) -> None:
    wanted = payout(description="Salaire de novembre")
    assert await send(world, wanted) == Pending(None)
    assert await balance(world) == OPENING - 15
    done = await told(world)
    assert isinstance(done.word, Succeeded)
    assert (done.word.paid, done.word.reference) == (wanted.money, wanted.reference)
    assert done.word.operator_reference
    assert await ask(world, wanted) == done.word
    assert await book(world) == [("reserved", "-15")]


async def test_every_magic_number_for_payouts_ends_as_documented(world: World) -> None:
    await world.put("behaviour", settle_after_seconds=0)
    table = json.loads(
        files("afriflow.providers.pawapay.simulator").joinpath("sandbox.json").read_text("utf-8")
    )
    ours = {
        row["provider"]: row
        for row in json.loads(
            files("afriflow.providers.pawapay").joinpath("providers.json").read_text("utf-8")
        )["providers"]
    }
    numbers = [
        (row["provider"], number, outcome)
        for row in table["providers"]
        for number, outcome in row["payoutNumbers"].items()
    ]
    assert len(numbers) == 122
    for provider, number, outcome in numbers:
        row = ours[provider]
        amount = 100_000 if row["currency"] not in {"XOF", "XAF", "RWF", "UGX"} else 1000
        wanted = payout(number, row["operator"], amount, row["currency"])
        assert await send(world, wanted) == Pending(None), number
        if outcome == "STUCK":
            assert await ask(world, wanted) == Pending(None)
            continue
        report = await told(world)
        assert report.reference == wanted.reference
        if outcome == "COMPLETED":
            assert isinstance(report.word, Succeeded)
        else:
            assert report.word.failure.provider_code == outcome
    assert not world.inbox.notifications


async def test_a_payout_that_fails_gives_the_wallet_its_money_back(world: World) -> None:
    await send(world, payout("260763456079"))
    failed = await told(world)
    assert isinstance(failed.word, Failed)
    assert failed.word.failure.code is FailureCode.PAYER_NOT_FOUND
    assert await balance(world) == OPENING
    assert await book(world) == [("reserved", "-15"), ("released", "15")]


async def test_a_wallet_without_enough_refuses_and_keeps_what_it_has(world: World) -> None:
    await fund(world, "10")
    word = await send(world, payout())
    assert isinstance(word, Refused)
    assert word.failure.provider_code == "PAWAPAY_WALLET_OUT_OF_FUNDS"
    assert await balance(world) == 10
    await fund(world, "0", "SEN", "XOF")
    assert await send(world, payout()) != await send(world, payout(amount=500))  # each country has its own
    assert await balance(world) == 5


async def test_a_lost_answer_to_a_payout_is_unclear_and_sending_it_again_moves_nothing_more(
    world: World,
) -> None:
    await world.put("faults", lose_answer=1)
    wanted = payout()
    assert isinstance(await send(world, wanted), Unclear)
    await world.put("faults")
    await world.next_notification()
    assert isinstance(await send(world, wanted), Succeeded)
    assert isinstance(await ask(world, wanted), Succeeded)
    assert await book(world) == [("reserved", "-15")]


async def test_the_same_payout_sent_by_many_at_once_leaves_once(world: World) -> None:
    wanted = payout(STUCK)
    words = await asyncio.gather(*(send(world, wanted) for _ in range(5)))
    assert words == [Pending(None)] * 5
    assert await book(world) == [("reserved", "-15")]


async def test_a_payout_that_died_on_the_way_is_missing_and_can_be_sent_again(world: World) -> None:
    await world.put("faults", refuse_connection=1)
    wanted = payout()
    assert isinstance(await send(world, wanted), Unclear)
    assert isinstance(await ask(world, wanted), Unclear)
    await world.put("faults")
    assert await ask(world, wanted) == Missing()
    assert await send(world, wanted) == Pending(None)
    assert await book(world) == [("reserved", "-15")]


async def test_a_server_error_says_nothing_about_a_payout(world: World) -> None:
    await world.put("faults", error_500=1)
    orders = [payout(STUCK) for _ in range(8)]
    for wanted in orders:
        assert isinstance(await send(world, wanted), Unclear)
    await world.put("faults")
    words = {type(await ask(world, wanted)) for wanted in orders}
    assert words == {Pending, Missing}
    for wanted in orders:
        assert await send(world, wanted) == Pending(None)
    assert await book(world) == [("reserved", "-15")] * len(orders)


async def test_nothing_is_paid_out_at_a_closed_port(world: World) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    closed = world.open(f"http://127.0.0.1:{port}").adapter
    assert isinstance(closed, PawaPayAdapter)
    assert isinstance((await closed.payout(payout(), keep)).word, NotSent)
    assert all(isinstance(answer.word, NotSent) for answer in await closed.payout_bulk([payout(), payout()]))
    assert isinstance((await closed.verify_payout(payout())).word, Unclear)
    assert await closed.balances() is None
    assert await closed.limits() is None
    assert (await closed.resend_callback(Kind.PAYOUT, "x")).accepted is None


@pytest.mark.parametrize("change", ["amount", "phone"])
async def test_our_id_with_another_amount_or_another_phone_alarms(world: World, change: str) -> None:
    wanted = payout(STUCK)
    await send(world, wanted)
    other = replace(wanted, money=Money(99900, "ZMW")) if change == "amount" else None
    word = await send(world, other or replace(wanted, method=payout("260763456099").method))
    assert isinstance(word, Unclear)
    assert word.alert
    assert word.review
    assert await book(world) == [("reserved", "-15")]


async def test_a_payout_waits_in_the_queue_while_the_operator_is_slow_and_goes_on_by_itself(
    world: World,
) -> None:
    await world.put("behaviour", delayed_providers=["MTN_MOMO_ZMB"], settle_after_seconds=0.05)
    wanted = payout()
    assert await send(world, wanted) == Pending(None)
    _, answer = await world.raw("GET", f"/v2/payouts/{wanted.reference}")
    assert answer["data"]["status"] == "ENQUEUED"
    assert await ask(world, wanted) == Pending(None)
    await asyncio.sleep(0.3)
    assert not world.inbox.notifications
    await world.put("behaviour", settle_after_seconds=0.05)
    assert isinstance((await told(world)).word, Succeeded)


async def test_what_waits_in_the_queue_can_be_taken_back_and_nothing_else(world: World) -> None:
    await world.put("behaviour", delayed_providers=["MTN_MOMO_ZMB"])
    waiting = payout()
    await send(world, waiting)
    one = adapter(world)
    assert await one.cancel_enqueued(Kind.PAYOUT, waiting.reference) == Ack(accepted=True)
    failed = await told(world)
    assert failed.word.failure.provider_code == "MANUALLY_CANCELLED"
    assert await balance(world) == OPENING
    again = await one.cancel_enqueued(Kind.PAYOUT, waiting.reference)
    assert (again.accepted, again.code) == (False, "INVALID_STATE")
    unknown = await one.cancel_enqueued(Kind.PAYOUT, str(uuid.uuid4()))
    assert (unknown.accepted, unknown.code) == (False, "NOT_FOUND")


async def test_the_callback_of_a_payout_can_be_asked_for_again(world: World) -> None:
    wanted = payout()
    await send(world, wanted)
    first = await world.next_notification()
    assert await adapter(world).resend_callback(Kind.PAYOUT, wanted.reference) == Ack(accepted=True)
    assert (await world.next_notification()).body == first.body
    stuck = payout(STUCK)
    await send(world, stuck)
    assert (await adapter(world).resend_callback(Kind.PAYOUT, stuck.reference)).code == "INVALID_STATE"
    stranger = await adapter(world, token="wrong").resend_callback(Kind.PAYOUT, stuck.reference)
    assert (stranger.accepted, stranger.code) == (False, "AUTHENTICATION_ERROR")


async def test_many_payouts_in_one_request_stand_each_for_itself(world: World) -> None:
    known, fine = payout(STUCK), payout()
    too_much = payout(amount=2_000_001)  # refused with a null id
    wrong_phone = payout("221773456789", "mtn_zm")
    nowhere = payout("221773456789", "yas_tg", 1000, "XOF")
    await send(world, known)
    answers = await adapter(world).payout_bulk([known, fine, too_much, wrong_phone, nowhere])
    words = [answer.word for answer in answers]
    assert words[:2] == [Pending(None), Pending(None)]
    assert isinstance(words[2], Refused)
    assert words[2].failure.code is FailureCode.AMOUNT_OUT_OF_BOUNDS
    assert isinstance(words[3], Refused | NotSent)
    assert isinstance(words[4], NotSent)
    assert (await told(world)).reference == fine.reference
    assert await book(world) == [("reserved", "-15")] * 2
    with pytest.raises(ValueError, match="20"):
        await adapter(world).payout_bulk([payout()] * 21)
    status, answer = await world.raw("POST", "/v2/payouts/bulk", [{}] * 21)
    assert (status, answer["failureReason"]["failureCode"]) == (400, "INVALID_PARAMETER")


async def test_a_bulk_whose_answer_is_lost_is_unclear_and_pays_nobody_twice(world: World) -> None:
    orders = [payout() for _ in range(5)]
    await world.put("faults", lose_answer=1)
    assert {type(answer.word) for answer in await adapter(world).payout_bulk(orders)} == {Unclear}
    await world.put("faults")
    for _ in orders:
        await world.next_notification()
    assert {type(answer.word) for answer in await adapter(world).payout_bulk(orders)} == {Succeeded}
    assert await balance(world) == OPENING - 75


async def test_payouts_carry_decimals_where_deposits_do_not(world: World) -> None:
    wanted = payout("254703456789", "mpesa_ke", 1050, "KES")
    assert await send(world, wanted) == Pending(None)
    assert (await told(world)).word.paid == Money(1050, "KES")


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ({"closed_providers": ["MTN_MOMO_ZMB"]}, "PROVIDER_TEMPORARILY_UNAVAILABLE"),
        ({"not_allowed": ["MTN_MOMO_ZMB"]}, "PAYOUTS_NOT_ALLOWED"),
    ],
)
async def test_a_payout_that_cannot_be_carried_is_refused(
    world: World, behaviour: dict[str, Any], code: str
) -> None:
    await world.put("behaviour", **behaviour)
    word = await send(world, payout())
    assert isinstance(word, Refused)
    assert (word.failure.provider_code, word.elsewhere) == (code, True)
    assert await balance(world) == OPENING


async def test_signed_requests_are_demanded_of_money_out_too() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    async with made({"token": TOKEN, "private_key_pem": pem}) as world:
        signer = adapter(world, private_key_pem=pem, key_id="OUR_KEY")
        assert (await signer.payout(payout(STUCK), keep)).word == Pending(None)
        assert [answer.word for answer in await signer.payout_bulk([payout(STUCK)])] == [Pending(None)]
        for word in (await send(world, payout()), await send(world, refund(str(uuid.uuid4())))):
            assert word.failure.provider_code == "HTTP_SIGNATURE_ERROR"
        (unsigned,) = await adapter(world).payout_bulk([payout()])
        assert isinstance(unsigned.word, Refused)


# Refunds


async def test_a_refund_gives_the_payment_back_once(world: World) -> None:
    wanted = refund(await paid_deposit(world))
    assert await balance(world) == OPENING + 100
    assert await send(world, wanted) == Pending(None)
    done = await told(world)
    assert isinstance(done.word, Succeeded)
    assert (done.reference, done.word.paid, done.word.reference) == (
        wanted.reference,
        wanted.money,
        wanted.reference,
    )
    assert await ask(world, wanted) == done.word
    assert await balance(world) == OPENING
    assert await send(world, wanted) == done.word  # the same again
    assert await book(world) == [("deposit", "100"), ("reserved", "-100")]
    again = await send(world, refund(wanted.payment_reference, 1))
    assert isinstance(again, Refused)
    assert again.failure.provider_code == "DEPOSIT_ALREADY_REFUNDED"


async def test_a_payment_is_given_back_in_parts_and_never_more_than_it_brought(world: World) -> None:
    deposit = await paid_deposit(world)
    for _ in range(2):
        assert await send(world, refund(deposit, 2000)) == Pending(None)
        assert isinstance((await told(world)).word, Succeeded)
    word = await send(world, refund(deposit, 6001))
    assert isinstance(word, Refused)
    assert word.failure.provider_code == "AMOUNT_TOO_LARGE"
    assert await send(world, refund(deposit, 6000)) == Pending(None)
    await told(world)
    assert await balance(world) == OPENING


async def test_a_full_refund_without_an_amount_gives_back_what_is_left(world: World) -> None:
    """As the guide writes it; the adapter always names the amount."""
    deposit = await paid_deposit(world)
    await send(world, refund(deposit, 4000))
    await told(world)
    body = {"refundId": str(uuid.uuid4()), "depositId": deposit}
    assert (await world.raw("POST", "/v2/refunds", {**body, "amount": "1"}))[0] == 400
    assert (await world.raw("POST", "/v2/refunds", body))[1]["status"] == "ACCEPTED"
    assert (await told(world)).word.paid == Money(6000, "ZMW")


async def test_one_refund_at_a_time_and_none_of_what_is_not_paid(world: World) -> None:
    deposit = await paid_deposit(world)
    await world.put("behaviour", delayed_providers=["MTN_MOMO_ZMB"])
    assert await send(world, refund(deposit, 1000)) == Pending(None)
    codes = [
        (await send(world, wanted)).failure.provider_code
        for wanted in (refund(deposit, 1000), refund(str(uuid.uuid4())))
    ]
    unpaid = order(PERSON)
    await world.put("behaviour")
    await world.initiate(unpaid)
    codes.append((await send(world, refund(unpaid.reference, 100))).failure.provider_code)
    assert codes == ["REFUND_IN_PROGRESS", "NOT_FOUND", "INVALID_STATE"]


async def test_two_refunds_at_the_same_moment_give_back_only_one(world: World) -> None:
    deposit = await paid_deposit(world)
    words = await asyncio.gather(*(send(world, refund(deposit)) for _ in range(5)))
    assert sorted(type(word).__name__ for word in words) == ["Pending"] + ["Refused"] * 4
    await told(world)
    assert await book(world) == [("deposit", "100"), ("reserved", "-100")]


async def test_a_refund_that_fails_may_be_tried_again_with_a_new_id(world: World) -> None:
    wanted = order(PERSON, amount=10_000)
    await world.initiate(wanted)
    await world.decide(Action.APPROVE)
    await world.next_notification()
    await world.put("behaviour", money_out_ends="RECIPIENT_NOT_FOUND", settle_after_seconds=0.05)
    await send(world, refund(wanted.reference))
    failed = await told(world)
    assert failed.word.failure.code is FailureCode.PAYER_NOT_FOUND
    await world.put("behaviour", settle_after_seconds=0.05)
    assert await send(world, refund(wanted.reference)) == Pending(None)
    assert isinstance((await told(world)).word, Succeeded)
    assert await balance(world) == OPENING


async def test_a_lost_answer_to_a_refund_gives_back_once(world: World) -> None:
    wanted = refund(await paid_deposit(world))
    await world.put("faults", lose_answer=1, duplicate_callback=1)
    assert isinstance(await send(world, wanted), Unclear)
    await world.put("faults", duplicate_callback=1)
    first, second = await told(world), await told(world)
    assert first == second
    assert isinstance(await send(world, wanted), Succeeded)
    assert await balance(world) == OPENING


async def test_an_empty_wallet_refunds_nothing(world: World) -> None:
    deposit = await paid_deposit(world)
    await fund(world, "99.99")
    word = await send(world, refund(deposit))
    assert isinstance(word, Refused)
    assert word.failure.provider_code == "PAWAPAY_WALLET_OUT_OF_FUNDS"
    await fund(world, "100")
    assert await send(world, refund(deposit)) == Pending(None)


async def test_a_refund_in_the_queue_can_be_taken_back(world: World) -> None:
    deposit = await paid_deposit(world)
    await world.put("behaviour", delayed_providers=["MTN_MOMO_ZMB"])
    wanted = refund(deposit)
    await send(world, wanted)
    assert await adapter(world).cancel_enqueued("refund", wanted.reference) == Ack(accepted=True)
    assert (await told(world)).word.failure.provider_code == "MANUALLY_CANCELLED"
    assert await adapter(world).resend_callback(Kind.REFUND, wanted.reference) == Ack(accepted=True)


# What the account can do


@pytest.mark.parametrize("reference_shapes", [False, True], ids=["guides", "reference"])
async def test_the_limits_of_the_account_are_read_in_either_shape(
    world: World, reference_shapes: bool
) -> None:
    await world.put("behaviour", reference_shapes=reference_shapes, closed_providers=["MTN_MOMO_ZMB"])
    one = adapter(world)
    limits = await one.limits()
    assert limits is not None
    assert len(limits) == 3 * len(SPEC.routes)
    found = {(item.operator, item.currency, item.kind): item for item in limits}
    mtn = found["mtn_zm", "ZMW", Kind.PAYOUT]
    assert (mtn.minimum, mtn.maximum, mtn.decimals, mtn.status) == (Decimal(1), Decimal(20000), 2, "CLOSED")
    assert (mtn.country, mtn.callback_url) == ("ZM", world.callback_url)
    for route in SPEC.routes:
        assert found[str(route.operator), route.currency, Kind.DEPOSIT].decimals == route.decimals
    for route in SPEC.payout_routes:
        assert found[str(route.operator), route.currency, Kind.PAYOUT].decimals == route.decimals
    available = await one.availability()
    assert available is not None
    assert available["MTN_MOMO_ZMB", Kind.DEPOSIT] == "CLOSED"
    assert available["WAVE_SEN", Kind.PAYOUT] == "OPERATIONAL"


async def test_the_configuration_is_kept_for_minutes_and_outlives_an_outage(world: World) -> None:
    opened = [world.open() for _ in range(5)]
    found = await asyncio.gather(
        *(one.adapter.configuration() for one in opened if isinstance(one.adapter, PawaPayAdapter))
    )
    assert sum(len(one.http.exchanges) for one in opened) == 1
    assert {item.company for item in found if item} == {"AfriFlow Demo"}
    assert found[0] is not None
    assert (found[0].signed_requests_only, found[0].signed_callbacks) == (False, True)
    memory = world.factory._memories[opened[0].account.id]
    memory["configuration"] = (found[0], datetime(2020, 1, 1, tzinfo=UTC))
    memory["configuration_tried_at"] = datetime(2020, 1, 1, tzinfo=UTC)
    await world.put("faults", refuse_connection=1)
    assert await adapter(world).configuration() == found[0]


async def test_the_wallets_tell_what_they_hold(world: World) -> None:
    await fund(world, "21798.03")
    balances = await adapter(world).balances()
    assert balances is not None
    (zambia,) = [item for item in balances if item.country == "ZM"]
    assert (zambia.currency, zambia.amount, zambia.wallet) == ("ZMW", Decimal("21798.03"), None)
    assert await adapter(world, token="wrong").balances() is None


async def test_money_that_was_under_way_goes_on_after_pawapay_restarts(tmp_path: Path) -> None:
    going, waiting = payout(), payout("260973456789", "airtel_zm")
    async with made(storage=tmp_path) as world:
        await world.put("behaviour", settle_after_seconds=0.3, delayed_providers=["AIRTEL_OAPI_ZMB"])
        await send(world, going)
        await send(world, waiting)
    async with made(storage=tmp_path) as world:
        assert (await told(world)).reference in {going.reference, waiting.reference}
        assert (await told(world)).reference in {going.reference, waiting.reference}
        assert isinstance(await ask(world, going), Succeeded)
        assert isinstance(await ask(world, waiting), Succeeded)
        assert await balance(world) == OPENING - 30


async def test_in_a_storm_of_faults_every_payout_leaves_its_wallet_exactly_once(world: World) -> None:
    """Sent again and again, as the safe procedure allows, until pawaPay says how each one ended."""
    await world.put("behaviour", settle_after_seconds=0)
    await world.put(
        "faults",
        seed=7,
        lose_answer=0.3,
        error_500=0.3,
        refuse_connection=0.2,
        duplicate_callback=0.3,
        lose_callback=0.3,
    )
    orders = [payout(GETS if number % 2 else "260763456079") for number in range(40)]

    async def settle(wanted: PayoutOrder) -> None:
        word = await send(world, wanted)
        while not isinstance(word, Succeeded | Failed):
            assert isinstance(word, Pending | Unclear | Missing)
            assert not (isinstance(word, Unclear) and word.alert)
            await asyncio.sleep(0.01)
            word = await ask(world, wanted)
            if isinstance(word, Missing):
                word = await send(world, wanted)

    async with asyncio.timeout(60):
        for batch in range(0, len(orders), 8):
            await asyncio.gather(*(settle(wanted) for wanted in orders[batch : batch + 8]))
    await world.put("faults")
    moves = await book(world)
    assert (moves.count(("reserved", "-15")), moves.count(("released", "15"))) == (40, 20)
    assert await balance(world) == OPENING - 20 * 15
