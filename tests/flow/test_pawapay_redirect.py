"""Wallets with a page of their own, against pawaPay's simulator: the payer is sent there, decides, and comes back."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from flow.test_pawapay_provider import World, keep, made, order

from afriflow.core.evidence import Failed, Pending, Succeeded, Unclear
from afriflow.core.method import ActionType, FailureCode
from afriflow.port.provider import Order, Verdict
from afriflow.providers.pawapay import SPEC, adapter
from afriflow.simulator.handset import Action, PromptKind

BOTH_WALLETS = pytest.mark.parametrize(
    ("operator", "phone"), [("wave_sn", "+221770000001"), ("wave_ci", "+2250700000001")]
)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with made() as world:
        await world.put("behaviour", settle_after_seconds=0.05, authorization_url_after_seconds=0.05)
        yield world


def wave(operator: str = "wave_sn", phone: str = "+221770000001") -> Order:
    return order(phone, operator, 99, "XOF")


async def press(world: World, url: str, button: str) -> str:
    async with world.session.get(url) as response:
        assert response.status == 200
        assert "99" in await response.text()
        assert "form-action 'self' https://shop.example" in response.headers["content-security-policy"]
    async with world.session.post(url, data={"action": button}, allow_redirects=False) as response:
        assert response.status == 303
        return response.headers["location"]


async def told(world: World) -> Any:
    notification = await world.next_notification()
    assert (await world.open().adapter.authenticate(notification)).verdict is Verdict.SIGNED
    (report,) = world.open().adapter.handle_webhook(notification)
    return report


@BOTH_WALLETS
async def test_the_payer_is_sent_to_the_wallets_page_at_once_and_pays_there(
    world: World, operator: str, phone: str
) -> None:
    wanted = wave(operator, phone)
    word = await world.initiate(wanted)
    assert isinstance(word, Pending)
    assert word.next_action is not None
    assert word.next_action.type is ActionType.REDIRECT
    url = str(word.next_action.url)
    assert url.startswith(world.base_url)
    assert await world.verify(wanted) == word
    page = await told(world)
    assert (page.reference, page.word) == (wanted.reference, word)
    assert await press(world, url, "pay") == wanted.return_url
    paid = await told(world)
    assert isinstance(paid.word, Succeeded)
    assert (paid.word.paid, paid.reference) == (wanted.money, wanted.reference)
    assert await world.verify(wanted) == paid.word


@pytest.mark.parametrize(
    ("button", "code"),
    [("decline", FailureCode.PAYER_DECLINED), ("no_funds", FailureCode.INSUFFICIENT_FUNDS)],
)
async def test_a_payer_who_does_not_pay_in_the_wallet_comes_back_to_the_other_address(
    world: World, button: str, code: FailureCode
) -> None:
    wanted = wave()
    word = await world.initiate(wanted)
    await world.next_notification()
    assert await press(world, word.next_action.url, button) == wanted.cancel_url
    failed = await told(world)
    assert isinstance(failed.word, Failed)
    assert failed.word.failure.code is code


async def test_the_wallet_on_the_phone_approves_as_the_page_does(world: World) -> None:
    wanted = wave()
    word = await world.initiate(wanted)
    (prompt,) = world.handset.prompts()
    assert (prompt.kind, prompt.link) == (PromptKind.REDIRECT, word.next_action.url)
    await world.decide(Action.APPROVE)
    assert isinstance(await world.verify(wanted), Succeeded)
    async with world.session.get(word.next_action.url) as response:
        assert wanted.return_url in await response.text()


async def test_an_address_that_comes_late_is_brought_by_the_callback(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PAGE_PAUSES_SECONDS", (0.01,))
    await world.put("behaviour", authorization_url_after_seconds=0.3)
    wanted = wave()
    assert await world.initiate(wanted) == Pending(None)
    late = await told(world)
    assert isinstance(late.word, Pending)
    assert late.word.next_action.type is ActionType.REDIRECT
    assert await world.verify(wanted) == late.word


async def test_whoever_asks_for_the_page_does_not_wait_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PAGE_PAUSES_SECONDS", (60.0,))
    monkeypatch.setattr(adapter, "PAGE_PATIENCE_SECONDS", 0.1)
    assert await world.initiate(wave()) == Pending(None)


async def test_while_the_page_is_asked_for_nothing_that_goes_wrong_takes_the_acceptance_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PAGE_PAUSES_SECONDS", (0.05, 0.05))
    await world.put("behaviour", authorization_url_after_seconds=60, words={"PROCESSING": "NEW_WORD"})
    assert await world.initiate(wave()) == Pending(None)


async def test_a_lost_answer_is_found_again_and_the_same_order_sent_again_shows_the_page(
    world: World,
) -> None:
    await world.put("faults", lose_answer=1)
    wanted = wave()
    assert isinstance(await world.initiate(wanted), Unclear)
    await world.put("faults")
    await world.next_notification()
    word = await world.verify(wanted)
    assert word.next_action.type is ActionType.REDIRECT
    assert await world.initiate(wanted) == word
    assert len(world.handset.prompts()) == 1


async def test_the_money_may_come_before_the_answer(world: World) -> None:
    world.handset.auto_approve_after_seconds = 0
    await world.put("faults", callback_before_answer=1)
    wanted = wave()
    await world.initiate(wanted)
    async with asyncio.timeout(5):
        while not isinstance(await world.verify(wanted), Succeeded):
            await asyncio.sleep(0.02)
    assert [json.loads(one.body)["status"] for one in world.inbox.notifications] == [
        "PROCESSING",
        "COMPLETED",
    ]


async def test_a_page_that_nobody_opens_expires(world: World) -> None:
    await world.put("behaviour", prompt_expires_after_seconds=1, authorization_url_after_seconds=0.05)
    wanted = wave()
    word = await world.initiate(wanted)
    await world.next_notification()
    assert isinstance((await told(world)).word, Failed)
    async with world.session.post(
        word.next_action.url, data={"action": "pay"}, allow_redirects=False
    ) as response:
        assert response.headers["location"] == wanted.cancel_url
    assert isinstance(await world.verify(wanted), Failed)


async def test_the_addresses_belong_to_wallets_with_a_page_and_to_no_other(world: World) -> None:
    opened = world.open()
    await opened.adapter.initiate(wave(), keep)
    sent = json.loads(opened.http.exchanges[0].request_body)
    assert (sent["successfulUrl"], sent["failedUrl"]) == ("https://shop.example/r", "https://shop.example/c")
    ordinary = world.open()
    await ordinary.adapter.initiate(order("260763456789"), keep)
    assert "successfulUrl" not in json.loads(ordinary.http.exchanges[0].request_body)
    body = {
        "depositId": "0b0f7c2e-5d0c-4c63-9f0e-6f1f6a3c9d12",
        "amount": "99",
        "currency": "XOF",
        "payer": {"type": "MMO", "accountDetails": {"phoneNumber": "221770000001", "provider": "WAVE_SEN"}},
    }
    for urls in ({}, {"successfulUrl": "https://x.example"}, {"failedUrl": "https://x.example"}):
        status, answer = await world.raw("POST", "/v2/deposits", {**body, **urls})
        assert (status, answer["failureReason"]["failureCode"]) == (400, "MISSING_PARAMETER")


# pawaPay's payment page by itself


async def session_of(world: World, **more: Any) -> tuple[dict[str, Any], str]:
    body = {"depositId": order().reference, "returnUrl": "https://shop.example/back", **more}
    status, answer = await world.raw("POST", "/v2/paymentpage", body)
    assert (status, set(answer)) == (200, {"redirectUrl"})
    return body, answer["redirectUrl"]


async def test_the_payment_page_makes_its_deposit_when_the_payer_pays_and_not_before(world: World) -> None:
    body, url = await session_of(
        world, amountDetails={"amount": "15", "currency": "ZMW"}, country="ZMB", phoneNumber="260763456001"
    )
    path = f"/v2/deposits/{body['depositId']}"
    assert await world.raw("GET", path) == (200, {"status": "NOT_FOUND"})
    async with world.session.get(url) as response:
        assert "260763456001" in await response.text()
    async with world.session.post(url, data={"phone": "12"}) as response:
        assert "INVALID_PHONE_NUMBER" in await response.text()
    async with world.session.post(url, data={"phone": "+260 76 345 6001"}) as response:
        assert 'http-equiv="refresh"' in await response.text()
    assert (await world.raw("GET", path))[1]["data"]["status"] == "PROCESSING"
    await world.decide(Action.APPROVE)
    async with world.session.get(url, allow_redirects=False) as response:
        assert response.headers["location"] == f"{body['returnUrl']}?depositId={body['depositId']}"
    assert json.loads((await world.next_notification()).body)["status"] == "COMPLETED"


async def test_a_payment_page_that_nobody_uses_ends_without_a_word(world: World) -> None:
    body, url = await session_of(world)
    await world.put("behaviour", payment_page_seconds=0)
    async with world.session.post(url, data={"phone": "260763456001"}) as response:
        assert "no longer valid" in await response.text()
    assert await world.raw("GET", f"/v2/deposits/{body['depositId']}") == (200, {"status": "NOT_FOUND"})
    assert not world.inbox.notifications
    async with world.session.get(url.split("?")[0] + "?token=unknown") as response:
        assert response.status == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"msisdn": "260763456789"}, "UNSUPPORTED_PARAMETER"),
        ({"amount": "15"}, "UNSUPPORTED_PARAMETER"),
        ({"amountDetails": {"amount": "15", "currency": "ZMW"}}, "MISSING_PARAMETER"),
        ({"language": "PT"}, "INVALID_PARAMETER"),
        ({"reason": "x" * 51}, "INVALID_PARAMETER"),
        ({"returnUrl": "shop"}, "INVALID_PARAMETER"),
    ],
)
async def test_a_payment_page_in_another_form_is_refused(
    world: World, change: dict[str, Any], code: str
) -> None:
    body = {"depositId": order().reference, "returnUrl": "https://shop.example/back", **change}
    status, answer = await world.raw("POST", "/v2/paymentpage", body)
    assert (status, answer["status"], answer["failureReason"]["failureCode"]) == (400, "REJECTED", code)


def test_all_that_redirects_is_declared_as_a_route() -> None:
    assert {route.country for route in SPEC.routes if route.operator in {"wave_sn", "wave_ci"}} == {
        "SN",
        "CI",
    }
