"""One payment through each provider, in every way it can end and with everything that can be lost on the way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from phones import a_phone


class TestPawaPay:
    async def test_an_approved_payment_succeeds_and_the_merchant_hears_once_of_each_step(
        self, merchant: Any, payer: Any
    ) -> None:
        phone = a_phone("+22177", 7)
        made = await merchant.pay("orange_sn", phone)
        assert (made["status"], made["provider"]) == ("processing", "pawapay")
        assert made["next_action"]["type"] == "approve_on_phone"
        assert made["amount_display"] == "5 000 F CFA"
        assert phone not in str(made)
        await payer.decide(phone, "approve")
        paid = await merchant.until(made["id"], "succeeded")
        assert [attempt["status"] for attempt in paid["attempts"]] == ["succeeded"]
        assert paid["next_action"] is None
        heard = await merchant.hears(made["id"], "created", "processing", "succeeded")
        assert heard[-1]["data"]["status"] == "succeeded"

    @pytest.mark.parametrize(
        ("action", "code"), [("decline", "payer_declined"), ("no_funds", "insufficient_funds")]
    )
    async def test_a_payer_who_does_not_pay_fails_the_payment_with_the_reason(
        self, merchant: Any, payer: Any, action: str, code: str
    ) -> None:
        phone = a_phone("+22177", 7)
        made = await merchant.pay("orange_sn", phone)
        await payer.decide(phone, action)
        failed = await merchant.until(made["id"], "failed")
        assert failed["failure"]["code"] == code
        assert failed["failure"]["payer_can_retry"] is True
        await merchant.hears(made["id"], "created", "processing", "failed")

    async def test_a_lost_answer_leaves_it_unknown_until_the_provider_is_asked_and_charges_once(
        self, merchant: Any, payer: Any, faults: Callable[..., Any]
    ) -> None:
        await faults("pawapay", lose_answer=1.0)
        phone = a_phone("+22177", 7)
        made = await merchant.pay("orange_sn", phone)
        assert made["status"] == "processing"
        assert [attempt["status"] for attempt in made["attempts"]] == ["unknown"]
        await faults("pawapay")
        await payer.decide(phone, "approve")
        paid = await merchant.until(made["id"], "succeeded")
        assert len(paid["attempts"]) == 1
        await merchant.hears(made["id"], "created", "processing", "succeeded")

    async def test_a_request_that_died_on_the_way_is_sent_again_with_the_same_id(
        self, merchant: Any, payer: Any, faults: Callable[..., Any]
    ) -> None:
        await faults("pawapay", refuse_connection=1.0)
        phone = a_phone("+22177", 7)
        made = await merchant.pay("orange_sn", phone)
        assert [attempt["status"] for attempt in made["attempts"]] == ["unknown"]
        await faults("pawapay")
        await payer.decide(phone, "approve")
        paid = await merchant.until(made["id"], "succeeded")
        assert len(paid["attempts"]) == 1
        assert paid["attempts"][0]["reference"] == made["attempts"][0]["reference"]

    async def test_it_settles_though_every_callback_is_lost(
        self, merchant: Any, payer: Any, faults: Callable[..., Any]
    ) -> None:
        await faults("pawapay", lose_callback=1.0)
        phone = a_phone("+22177", 7)
        made = await merchant.pay("orange_sn", phone)
        await payer.decide(phone, "approve")
        await merchant.until(made["id"], "succeeded")
        await merchant.hears(made["id"], "created", "processing", "succeeded")

    async def test_a_callback_may_come_before_the_answer(
        self, merchant: Any, faults: Callable[..., Any]
    ) -> None:
        await faults("pawapay", callback_before_answer=1.0)
        made = await merchant.pay("orange_sn", "+221773456789")  # pays at once in pawaPay's sandbox
        await merchant.until(made["id"], "succeeded")
        heard = await merchant.heard(made["id"])
        assert [item["type"] for item in heard].count("transaction.succeeded") <= 1

    async def test_callbacks_that_come_twice_have_one_effect(
        self, merchant: Any, payer: Any, faults: Callable[..., Any]
    ) -> None:
        await faults("pawapay", duplicate_callback=1.0)
        phone = a_phone("+22177", 7)
        made = await merchant.pay("orange_sn", phone)
        await payer.decide(phone, "approve")
        await merchant.until(made["id"], "succeeded")
        await merchant.hears(made["id"], "created", "processing", "succeeded")


@pytest.fixture
async def paydunya_alone(merchant: Any) -> AsyncIterator[None]:
    """What both could carry goes to PayDunya, by the merchant's own rule."""
    status, _ = await merchant.call("PUT", "/api/routing/rules", {"rules": [{"exclude": ["pawapay"]}]})
    assert status == 200
    yield
    await merchant.call("PUT", "/api/routing/rules", {"rules": []})


async def pay_by_card(merchant: Any) -> Any:
    """What is always paid on the provider's own page."""
    status, made = await merchant.checkout(country="SN", payment_method={"type": "card"})
    assert status == 201, made
    return made


@pytest.mark.usefixtures("paydunya_alone")
class TestPayDunya:
    async def test_a_hosted_invoice_is_paid_on_the_providers_page(self, merchant: Any, session: Any) -> None:
        made = await pay_by_card(merchant)
        assert (made["status"], made["provider"]) == ("requires_action", "paydunya")
        assert made["next_action"]["type"] == "redirect"
        await decide_on_page(session, made["next_action"]["url"], "pay")
        paid = await merchant.until(made["id"], "succeeded")
        assert paid["attempts"][0]["provider_reference"]
        await merchant.hears(made["id"], "created", "processing", "requires_action", "succeeded")

    async def test_a_wave_payment_is_approved_in_the_wallet(self, merchant: Any, payer: Any) -> None:
        phone = a_phone("+22177", 7)
        made = await merchant.pay("wave_sn", phone)
        assert (made["status"], made["next_action"]["type"]) == ("requires_action", "redirect")
        await payer.decide(phone, "approve")
        await merchant.until(made["id"], "succeeded")

    async def test_an_operator_that_wants_a_code_first_is_not_asked_before_there_is_one(
        self, merchant: Any
    ) -> None:
        made = await merchant.pay("orange_ci", a_phone("+22507", 8), country="CI")
        assert (made["status"], made["attempts"]) == ("requires_action", [])
        assert made["next_action"]["type"] == "enter_otp"
        assert made["next_action"]["code"] == "#144*82#"
        status, after = await merchant.call(
            "POST", f"/api/transactions/{made['id']}/confirm", {"otp": "123456"}
        )
        assert status == 200, after
        assert after["provider"] == "paydunya"
        await merchant.until(made["id"], "succeeded")
        status, again = await merchant.call(
            "POST", f"/api/transactions/{made['id']}/confirm", {"otp": "123456"}
        )
        assert (status, again["code"]) == (409, "not_confirmable")

    async def test_a_wrong_code_fails_with_a_reason_that_the_payer_understands(self, merchant: Any) -> None:
        made = await merchant.pay("orange_ci", a_phone("+22507", 8), country="CI", otp="0000")
        assert made["provider"] == "paydunya"
        failed = await merchant.until(made["id"], "failed")
        assert failed["failure"]["code"] == "invalid_otp"

    @pytest.mark.parametrize("button", ["cancel", "fail"])
    async def test_an_invoice_that_is_not_paid_fails(self, merchant: Any, session: Any, button: str) -> None:
        made = await pay_by_card(merchant)
        await decide_on_page(session, made["next_action"]["url"], button)
        await merchant.until(made["id"], "failed")

    async def test_a_lost_answer_settles_with_one_payable_invoice(
        self, merchant: Any, session: Any, faults: Callable[..., Any]
    ) -> None:
        await faults("paydunya", lose_answer=1.0)
        made = await pay_by_card(merchant)
        assert [attempt["status"] for attempt in made["attempts"]] == ["unknown"]
        await faults("paydunya")
        waiting = await merchant.until(made["id"], "requires_action")
        await decide_on_page(session, waiting["next_action"]["url"], "pay")
        paid = await merchant.until(made["id"], "succeeded")
        assert len(paid["attempts"]) == 1

    async def test_it_settles_though_every_notification_is_lost(
        self, merchant: Any, payer: Any, faults: Callable[..., Any]
    ) -> None:
        await faults("paydunya", lose_callback=1.0)
        phone = a_phone("+22177", 7)
        made = await merchant.pay("wave_sn", phone)
        await payer.decide(phone, "approve")
        await merchant.until(made["id"], "succeeded")

    async def test_a_notification_may_come_before_the_answer_and_twice(
        self, merchant: Any, faults: Callable[..., Any]
    ) -> None:
        await faults("paydunya", callback_before_answer=1.0, duplicate_callback=1.0)
        made = await merchant.pay("orange_ci", a_phone("+22507", 8), country="CI", otp="123456")
        await merchant.until(made["id"], "succeeded")
        await asyncio.sleep(1)
        heard = [item["type"] for item in await merchant.heard(made["id"])]
        assert heard.count("transaction.succeeded") <= 1


async def decide_on_page(session: Any, url: str, button: str) -> None:
    """Press a button of the provider's own page, as a browser without JavaScript does."""
    async with session.get(url) as response:
        assert response.status == 200, await response.text()
    async with session.post(url, data={"action": button}, allow_redirects=False) as response:
        assert response.status in {200, 302, 303}, await response.text()
