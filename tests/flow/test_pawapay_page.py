"""Accounts that are set to pawaPay's own page: opened under our id, paid there, or over without a word."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest
from conftest import eventually
from flow.test_pawapay_provider import SUCCEEDS, World, keep, made, order

from afriflow.core.evidence import Failed, Missing, NotSent, Pending, Refused, Succeeded, Unclear
from afriflow.core.method import ActionType, FailureCode
from afriflow.core.transaction import Mode
from afriflow.port.factory import specs
from afriflow.port.http import Reply
from afriflow.providers.pawapay import wire
from afriflow.providers.pawapay.page import PAGE_IS_OVER_AFTER, PAGE_LIFE
from afriflow.simulator.handset import Action

PHONE = "+260 76 345 6001"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with made() as world:
        yield world


def paged(world: World, **config: str) -> Any:
    return world.open(payment_page="yes", **config)


async def opened(world: World, wanted: Any) -> str:
    word = (await paged(world).adapter.initiate(wanted, keep)).word
    assert isinstance(word, Pending)
    assert word.next_action is not None
    assert word.next_action.type is ActionType.REDIRECT
    assert word.next_action.expires_at is not None
    left = word.next_action.expires_at - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= PAGE_LIFE
    return str(word.next_action.url)


async def test_the_payer_pays_on_pawapays_page_and_it_is_a_deposit_like_any_other(world: World) -> None:
    wanted = order(description="2 sacs de riz", language="fr")
    url = await opened(world, wanted)
    adapter = paged(world).adapter
    assert (await adapter.verify(wanted)).word == Missing()
    assert not world.handset.prompts()
    async with world.session.get(url) as response:
        text = await response.text()
        assert all(shown in text for shown in ("2 sacs de riz", "15", "260763456001"))
    async with world.session.post(url, data={"phone": PHONE}):
        pass
    assert isinstance((await adapter.verify(wanted)).word, Pending)
    await world.decide(Action.APPROVE)
    async with world.session.get(url, allow_redirects=False) as response:
        assert response.headers["location"] == f"{wanted.return_url}?depositId={wanted.reference}"
    (report,) = adapter.handle_webhook(await world.next_notification())
    assert isinstance(report.word, Succeeded)
    assert (report.word.paid, report.reference) == (wanted.money, wanted.reference)
    assert (await adapter.verify(wanted)).word == report.word


async def test_what_is_asked_has_the_documented_fields_and_no_other(world: World) -> None:
    page = paged(world)
    await page.adapter.initiate(order(), keep)
    sent = json.loads(page.http.exchanges[0].request_body)
    documented = json.loads(
        files("afriflow.providers.pawapay")
        .joinpath("fixtures", "paymentpage-request.json")
        .read_text("utf-8")
    )["body"]
    assert set(sent) == set(documented)
    assert (sent["country"], sent["language"], sent["reason"]) == ("ZMB", "EN", "Boutique Awa")


async def test_a_page_that_nobody_uses_is_over_only_when_nobody_can_have_used_it(world: World) -> None:
    wanted = order()
    await opened(world, wanted)
    adapter, now = paged(world).adapter, datetime.now(UTC)
    for age in (timedelta(), PAGE_LIFE, PAGE_IS_OVER_AFTER - timedelta(minutes=1)):
        assert (await adapter.verify(replace(wanted, last_sent_at=now - age))).word == Missing()
    late = replace(wanted, last_sent_at=now - PAGE_IS_OVER_AFTER - timedelta(seconds=1))
    over = (await adapter.verify(late)).word
    assert isinstance(over, Failed)
    assert over.failure.code is FailureCode.PAYER_TIMEOUT
    assert (await world.open().adapter.verify(late)).word == Missing()


async def test_a_page_used_in_its_last_second_is_found(world: World) -> None:
    wanted = order()
    url = await opened(world, wanted)
    async with world.session.post(url, data={"phone": PHONE}):
        pass
    late = replace(wanted, last_sent_at=datetime.now(UTC) - timedelta(days=1))
    assert isinstance((await paged(world).adapter.verify(late)).word, Pending)


async def test_a_lost_answer_is_open_and_the_same_page_again_takes_one_payment(world: World) -> None:
    await world.put("faults", lose_answer=1)
    wanted = order(SUCCEEDS)
    assert isinstance((await paged(world).adapter.initiate(wanted, keep)).word, Unclear)
    await world.put("faults")
    assert (await paged(world).adapter.verify(wanted)).word == Missing()
    first, second = await opened(world, wanted), await opened(world, wanted)
    for url in (first, second):
        async with world.session.post(url, data={"phone": f"+{SUCCEEDS}"}, allow_redirects=False):
            pass
    await world.next_notification()
    assert [entry["why"] for entry in (await world.raw("GET", "/book"))[1]] == ["deposit"]


async def test_codes_and_wallets_with_a_page_go_their_own_way(world: World) -> None:
    await world.put("behaviour", settle_after_seconds=0.05, authorization_url_after_seconds=0.05)
    page = paged(world)
    await page.adapter.initiate(order("+221770000001", "wave_sn", 99, "XOF"), keep)
    assert page.http.exchanges[0].url.endswith("/v2/deposits")
    word = (await page.adapter.initiate(order("+22607000000", "orange_bf", 5000, "XOF"), keep)).word
    assert isinstance(word, Unclear)  # the code is missing, as without the page


async def test_what_refuses_a_page_is_a_refusal_and_a_closed_port_is_nothing_sent(world: World) -> None:
    word = (await paged(world, token="wrong").adapter.initiate(order(), keep)).word
    assert isinstance(word, Refused)
    nowhere = world.open("http://127.0.0.1:1", payment_page="yes")
    assert isinstance((await nowhere.adapter.initiate(order(), keep)).word, NotSent)


@pytest.mark.parametrize(
    ("http", "body", "kind"),
    [
        (200, {"redirectUrl": "https://sandbox.paywith.pawapay.io/?token=OPAQUE"}, Pending),
        (200, {"redirectUrl": "javascript:alert(1)"}, Unclear),
        (200, {"redirectUrl": None}, Unclear),
        (200, {"status": "ACCEPTED"}, Unclear),
        (200, {"status": "DUPLICATE_IGNORED"}, type(None)),
        (200, {"status": "REJECTED", "failureReason": {"failureCode": "INVALID_AMOUNT"}}, Refused),
        (200, {"status": "REJECTED", "failureReason": {"failureCode": "NEW_CODE"}}, Unclear),
        (400, {"status": "REJECTED", "failureReason": {"failureCode": "MISSING_PARAMETER"}}, Refused),
        (500, {"redirectUrl": "https://sandbox.paywith.pawapay.io/?token=OPAQUE"}, Unclear),
        (200, [], Unclear),
    ],
)
def test_each_answer_to_a_request_for_a_page_is_read(http: int, body: object, kind: type) -> None:
    word = wire.page_word(Reply(http, {}, json.dumps(body).encode()), datetime.now(UTC))
    assert type(word) is kind


# The whole way


@pytest.fixture
async def shop(fleet: Any, session: Any, people: Any) -> Any:
    """A merchant whose account at pawaPay is set to the page."""
    async with fleet.house.database.transaction() as connection:
        ready = fleet.ready.merchant
        (contract,) = [
            item
            for item in await fleet.house.accounts.contracts(
                connection, fleet.ready.caller.merchant_id, Mode.TEST
            )
            if item.account.provider == "pawapay"
        ]
        await fleet.house.accounts.open_account(
            connection,
            merchant_id=fleet.ready.caller.merchant_id,
            account_id=contract.account.id,
            mode=Mode.TEST,
            provider="pawapay",
            config={**specs()["pawapay"].demo_config, "payment_page": "yes"},
            base_url=contract.account.base_url,
            priority=contract.priority,
        )
    fleet.start("api", "serve")
    await fleet.answers(session)
    merchant, _ = people(session, fleet.url, ready.api_key, f"{fleet.others_url}/simulators/phone")
    return merchant


async def test_a_payment_on_pawapays_page_is_paid_or_ends_when_nobody_can_pay_it_any_more(
    shop: Any, fleet: Any, session: Any
) -> None:
    paid, left = [await shop.pay("mtn_zm", SUCCEEDS, "ZM", amount=1500, currency="ZMW") for _ in range(2)]
    assert (paid["status"], paid["next_action"]["type"]) == ("requires_action", "redirect")
    async with session.post(paid["next_action"]["url"], data={"phone": f"+{SUCCEEDS}"}):
        pass
    # Back on our page, with what pawaPay puts behind the address.
    reference = paid["attempts"][0]["reference"]
    async with session.get(f"{paid['checkout_url']}/return?depositId={reference}") as response:
        assert response.status == 200
    async with fleet.house.database.connection() as connection:
        await connection.execute(
            "UPDATE attempts SET last_sent_at = now() - interval '29 minutes' WHERE transaction_id = $1",
            left["id"],
        )
    _, seen = await shop.call("POST", f"/api/transactions/{left['id']}/verify")
    assert seen["status"] == "requires_action"
    async with fleet.house.database.connection() as connection:
        await connection.execute(
            "UPDATE attempts SET last_sent_at = now() - interval '31 minutes' WHERE transaction_id = $1",
            left["id"],
        )
    _, seen = await shop.call("POST", f"/api/transactions/{left['id']}/verify")
    assert (seen["status"], seen["failure"]["code"]) == ("failed", "payer_timeout")
    asked = await eventually(
        lambda: shop.call("POST", f"/api/transactions/{paid['id']}/verify"),
        lambda told: told[1]["status"] != "processing",
        "to be paid",
    )
    assert (asked[1]["status"], asked[1]["attempts"][0]["status"]) == ("succeeded", "succeeded")
