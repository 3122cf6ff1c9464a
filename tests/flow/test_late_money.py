"""Money that comes late or twice: the merchant's policy decides, what goes back goes back once, a person sees the rest."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import eventually

from afriflow.core.evidence import Evidence, Failed, Source, Succeeded
from afriflow.core.method import Failure, FailureCode
from afriflow.core.money import Money
from afriflow.core.transaction import Mode
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.api_keys import make_key
from afriflow.port.factory import specs
from afriflow.torture.fleet import Fleet

DECLINED = Failed(Failure(FailureCode.PAYER_DECLINED))


@pytest.fixture(scope="module")
async def running(
    tmp_path_factory: pytest.TempPathFactory, open_fleet: Any, session: Any
) -> AsyncIterator[Fleet]:
    async with open_fleet(tmp_path_factory.mktemp("late")) as opened:
        opened.start("api", "serve")
        opened.start("worker", "work")
        await opened.answers(session)
        yield opened


class Shop:
    """A merchant of one test's own, in front of the simulators."""

    def __init__(self, running: Fleet, merchant_id: str, merchant: Any, payer: Any) -> None:
        self.house, self.seats = running.house, running.seats
        self.id, self.merchant, self.payer = merchant_id, merchant, payer

    async def policy(self, late_success: str) -> None:
        body = {"late_success": late_success}
        kept = {**body, "payout_approval_above": {}}
        assert await self.merchant.call("PUT", "/api/policies", body) == (200, kept)
        assert await self.merchant.call("GET", "/api/policies") == (200, kept)

    async def waiting(
        self, operator: str = "orange_sn", country: str = "SN", phone: str = ""
    ) -> tuple[Any, str]:
        """A payment whose payer has the prompt on the phone."""
        phone = phone or "+22177" + str(uuid.uuid4().int)[:7]
        made = await self.merchant.pay(operator, phone, country=country)
        await self.payer.prompt(phone)
        return made, phone

    async def over(self, made: Any) -> None:
        """The session ends, as the clock would have it."""
        async with self.house.database.transaction() as connection:
            assert await self.house.recorder.end(
                connection, merchant_id=self.id, transaction_id=made["id"], cancelled=False
            )

    async def said(self, made: Any, word: Any, source: Source = Source.VERIFY, attempt: int = 0) -> Any:
        async with self.house.database.transaction() as connection:
            return await self.house.recorder.record(
                connection,
                merchant_id=self.id,
                attempt_id=made["attempts"][attempt]["id"],
                evidence=Evidence(source, word),
            )

    async def pays_the_first(self, made: Any, phone: str) -> None:
        """The payer of the first attempt approves, and its notification comes."""
        await self.payer.decide(phone, "approve")
        word = Succeeded(Money(5000, "XOF"), made["attempts"][0]["reference"])
        assert (await self.said(made, word, Source.CALLBACK)).ask

    async def refunds(self, made: Any) -> list[Any]:
        _, found = await self.merchant.call("GET", f"/api/refunds?transaction={made['id']}")
        return found["data"]

    async def refunded(self, made: Any) -> list[Any]:
        return await eventually(
            lambda: self.refunds(made),
            lambda found: bool(found) and all(item["status"] == "succeeded" for item in found),
            "the refund to succeed",
        )

    async def flagged(self, made: Any, *reasons: str) -> Any:
        return await eventually(
            lambda: self.merchant.read(made["id"]),
            lambda found: found["review_reasons"] == list(reasons),
            f"a person to be wanted for {reasons}",
        )

    async def told(self, made: Any) -> list[str]:
        _, found = await self.merchant.call("GET", f"/api/events?transaction={made['id']}&limit=50")
        return [item["type"].removeprefix("transaction.") for item in reversed(found["data"])]

    def given_back(self, made: Any) -> list[tuple[str, str]]:
        """What the provider's own books say: of which of our attempts it gave money back."""
        ours = {attempt["reference"]: str(attempt["number"]) for attempt in made["attempts"]}
        return [
            (ours[item["inside_deposit"].lower()], item["status"])
            for item in self.seats["pawapay"].notebook.every("refund")
            if item["inside_deposit"].lower() in ours
        ]


@pytest.fixture
async def shop(running: Fleet, people: Any, session: Any) -> Shop:
    house = running.house
    async with house.database.transaction() as connection:
        merchant_id = await make_merchant(connection, house.ids, name="Late", country="SN", language="en")
        key = await make_key(connection, house.vault, house.ids, merchant_id=merchant_id, mode=Mode.TEST)
        for provider, priority in (("pawapay", 1), ("paydunya", 2)):
            spec = specs()[provider]
            await house.accounts.open_account(
                connection,
                merchant_id=merchant_id,
                account_id=f"{provider}_{merchant_id[-12:]}",
                mode=Mode.TEST,
                provider=provider,
                config=spec.demo_config,
                base_url=f"{running.others_url}/simulators/{provider}"
                + urlsplit(spec.base_urls[Mode.TEST]).path,
                priority=priority,
            )
    merchant, payer = people(session, running.url, key, f"{running.others_url}/simulators/phone")
    return Shop(running, merchant_id, merchant, payer)


async def pays_late(shop: Shop) -> Any:
    made, phone = await shop.waiting()
    await shop.over(made)
    await shop.payer.decide(phone, "approve")
    return await shop.merchant.until(made["id"], "succeeded", "refunded")


async def twice_paid(shop: Shop) -> Any:
    """The first attempt was held for failed, the second one paid, and then the first payer's money came as well."""
    status, made = await shop.merchant.checkout()
    assert status == 201, made
    first, second = ("+22177" + str(uuid.uuid4().int)[:7] for _ in range(2))
    path = f"/api/transactions/{made['id']}/confirm"
    for phone in (first, second):
        method = {"type": "mobile_money", "operator": "orange_sn", "phone": phone}
        status, made = await shop.merchant.call("POST", path, {"payment_method": method})
        assert status == 200, made
        await shop.payer.prompt(phone)
        if phone == first:
            await shop.said(made, DECLINED)
    await shop.payer.decide(second, "approve")
    await shop.merchant.until(made["id"], "succeeded")
    await shop.pays_the_first(made, first)
    return made


class TestLate:
    async def test_without_a_policy_it_is_held_for_a_person(self, shop: Shop) -> None:
        paid = await pays_late(shop)
        assert (paid["late"], paid["needs_review"], paid["review_reasons"]) == (True, True, ["late"])
        assert await shop.told(paid) == ["created", "processing", "expired", "succeeded", "needs_review"]
        assert await shop.refunds(paid) == []

    async def test_a_merchant_who_accepts_it_has_a_plain_success(self, shop: Shop) -> None:
        await shop.policy("accept")
        paid = await pays_late(shop)
        assert (paid["late"], paid["needs_review"]) == (True, False)
        assert await shop.told(paid) == ["created", "processing", "expired", "succeeded"]

    async def test_it_goes_back_once_by_itself_where_the_merchant_wants_that(self, shop: Shop) -> None:
        await shop.policy("auto_refund")
        paid = await pays_late(shop)
        refund = (await shop.refunded(paid))[0]
        assert (refund["amount"], refund["cause"]) == (paid["amount"], "late")
        assert refund["reason"] == "The payment came after its time was over"
        payload = {"merchant_id": shop.id, "attempt_id": paid["attempts"][0]["id"], "cause": "late"}
        await asyncio.gather(*(shop.house.giver_back.give_back(payload) for _ in range(5)))
        after = await shop.merchant.read(paid["id"])
        assert (after["status"], after["late"], after["needs_review"]) == ("refunded", True, False)
        assert shop.given_back(after) == [("1", "COMPLETED")]
        assert len(await shop.refunds(paid)) == 1

    async def test_ten_jobs_at_once_give_back_once(self, shop: Shop) -> None:
        paid = await pays_late(shop)
        payload = {"merchant_id": shop.id, "attempt_id": paid["attempts"][0]["id"], "cause": "late"}
        await asyncio.gather(*(shop.house.giver_back.give_back(payload) for _ in range(10)))
        await shop.refunded(paid)
        assert shop.given_back(paid) == [("1", "COMPLETED")]

    async def test_what_the_merchant_gave_back_first_is_not_given_back_again(self, shop: Shop) -> None:
        paid = await pays_late(shop)
        body = {"transaction": paid["id"], "amount": 2000}
        status, _ = await shop.merchant.call(
            "POST", "/api/refunds", body, headers={"idempotency-key": uuid.uuid4().hex}
        )
        assert status == 201
        await shop.refunded(paid)
        payload = {"merchant_id": shop.id, "attempt_id": paid["attempts"][0]["id"], "cause": "late"}
        await shop.house.giver_back.give_back(payload)
        assert sorted(item["amount"] for item in await shop.refunded(paid)) == [2000, 3000]

    async def test_a_provider_that_cannot_give_back_calls_a_person(self, shop: Shop) -> None:
        await shop.policy("auto_refund")
        async with shop.house.database.transaction() as connection:
            await shop.house.accounts.pause(
                connection,
                merchant_id=shop.id,
                mode=Mode.TEST,
                account_id=f"pawapay_{shop.id[-12:]}",
                who="a test",
                why="the other one is wanted",
            )
        made, phone = await shop.waiting("yas_tg", "TG", "+22890" + str(uuid.uuid4().int)[:6])
        await shop.over(made)
        await shop.payer.decide(phone, "approve")
        paid = await shop.flagged(made, "refund")
        assert (paid["status"], paid["late"]) == ("succeeded", True)
        assert await shop.refunds(made) == []
        assert (await shop.told(made))[-2:] == ["succeeded", "needs_review"]

    async def test_a_refund_that_fails_calls_a_person(self, shop: Shop, running: Fleet, session: Any) -> None:
        await shop.policy("accept")
        paid = await pays_late(shop)
        # Somebody gave it back at the provider, so that the provider refuses ours.
        body = {"refundId": str(uuid.uuid4()), "depositId": paid["attempts"][0]["reference"]}
        url = f"{running.others_url}/simulators/pawapay/v2/refunds"
        token = {"authorization": f"Bearer {specs()['pawapay'].demo_config['token']}"}
        async with session.post(url, json=body, headers=token) as response:
            assert (await response.json())["status"] == "ACCEPTED"
        payload = {"merchant_id": shop.id, "attempt_id": paid["attempts"][0]["id"], "cause": "late"}
        await shop.house.giver_back.give_back(payload)
        found = await shop.flagged(paid, "refund")
        assert (found["status"], found["refunded_amount"]) == ("succeeded", 0)
        assert [item["status"] for item in await shop.refunds(paid)] == ["failed"]


class TestTwice:
    async def test_a_second_payment_goes_before_a_person(self, shop: Shop) -> None:
        made = await twice_paid(shop)
        found = await shop.flagged(made, "overpaid")
        assert [attempt["status"] for attempt in found["attempts"]] == ["failed", "succeeded"]
        assert await shop.refunds(made) == []

    async def test_and_goes_back_once_where_the_merchant_wants_that(self, shop: Shop) -> None:
        await shop.policy("auto_refund")
        made = await twice_paid(shop)
        refund = (await shop.refunded(made))[0]
        assert (refund["amount"], refund["cause"]) == (5000, "overpaid")
        payload = {"merchant_id": shop.id, "attempt_id": made["attempts"][0]["id"], "cause": "overpaid"}
        await asyncio.gather(*(shop.house.giver_back.give_back(payload) for _ in range(5)))
        found = await shop.flagged(made, "overpaid")
        assert (found["status"], found["refunded_amount"]) == ("succeeded", 0), "the payment itself stays"
        assert shop.given_back(found) == [("1", "COMPLETED")]

    async def test_a_surplus_is_the_payment_when_the_other_attempt_brings_nothing(self, shop: Shop) -> None:
        status, made = await shop.merchant.checkout()
        assert status == 201
        path = f"/api/transactions/{made['id']}/confirm"
        first, second = ("+22177" + str(uuid.uuid4().int)[:7] for _ in range(2))
        for phone in (first, second):
            method = {"type": "mobile_money", "operator": "orange_sn", "phone": phone}
            _, made = await shop.merchant.call("POST", path, {"payment_method": method})
            await shop.payer.prompt(phone)
            if phone == first:
                await shop.said(made, DECLINED)
        await shop.pays_the_first(made, first)
        found = await shop.flagged(made, "overpaid")
        assert (found["status"], [item["status"] for item in found["attempts"]]) == (
            "processing",
            ["failed", "pending"],
        )
        await shop.payer.decide(second, "decline")
        paid = await shop.merchant.until(made["id"], "succeeded")
        assert [item["status"] for item in paid["attempts"]] == ["succeeded", "failed"]


class TestContradictions:
    async def test_failed_after_succeeded_keeps_the_success_asks_and_calls_a_person(self, shop: Shop) -> None:
        made, phone = await shop.waiting()
        await shop.payer.decide(phone, "approve")
        paid = await shop.merchant.until(made["id"], "succeeded")

        async def asked() -> Any:
            async with shop.house.database.connection() as connection:
                query = "SELECT checks FROM attempts WHERE merchant_id = $1 AND transaction_id = $2"
                return await connection.fetchval(query, shop.id, made["id"])

        before = await asked()
        for _ in range(2):
            assert (await shop.said(paid, DECLINED, Source.CALLBACK)).ask
        await eventually(asked, lambda checks: checks > before, "the provider to be asked")
        found = await shop.flagged(made, "reversal")
        assert (found["status"], found["attempts"][0]["status"]) == ("succeeded", "succeeded")
        assert (await shop.told(made)).count("needs_review") == 1

    async def test_a_notification_alone_makes_no_success_of_what_had_failed(self, shop: Shop) -> None:
        made, _ = await shop.waiting()
        await shop.said(made, DECLINED)
        word = Succeeded(Money(5000, "XOF"), made["attempts"][0]["reference"])
        step = await shop.said(made, word, Source.CALLBACK)
        assert (step.changed, step.ask) == (False, True)
        async with shop.house.database.connection() as connection:
            query = (
                "SELECT count(*) FROM attempts WHERE merchant_id = $1 AND transaction_id = $2 AND checks > 0"
            )

            async def asked() -> Any:
                return await connection.fetchval(query, shop.id, made["id"])

            await eventually(asked, bool, "the provider to be asked, who still waits for its payer")
        assert (await shop.merchant.read(made["id"]))["status"] == "failed"
