"""Refunds and payouts: sent once, never more given back than came, unknown until the provider says."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from conftest import eventually
from phones import a_phone

PAYS_AT_ONCE = "+221773456789"


async def paid(merchant: Any, amount: int = 5000) -> Any:
    made = await merchant.pay("orange_sn", PAYS_AT_ONCE, amount=amount)
    return await merchant.until(made["id"], "succeeded")


async def refund(
    merchant: Any, transaction_id: str, key: str | None = None, **fields: Any
) -> tuple[int, Any]:
    body = {"transaction": transaction_id, **fields}
    return await merchant.call(
        "POST", "/api/refunds", body, headers={"idempotency-key": key or uuid.uuid4().hex}
    )


async def payout(merchant: Any, phone: str, operator: str = "orange_sn", **fields: Any) -> tuple[int, Any]:
    key = fields.pop("key", uuid.uuid4().hex)
    body = {
        "amount": 2500,
        "currency": "XOF",
        "country": "SN",
        "reference": f"salary-{uuid.uuid4().hex[:10]}",
        "payment_method": {"type": "mobile_money", "operator": operator, "phone": phone},
        "recipient": {"name": "Moussa Fall"},
        **fields,
    }
    return await merchant.call("POST", "/api/payouts", body, headers={"idempotency-key": key})


async def until_done(merchant: Any, kind: str, made: Any) -> Any:
    async def look() -> Any:
        return (await merchant.call("GET", f"/api/{kind}s/{made['id']}"))[1]

    return await eventually(look, lambda found: found["status"] != "processing", "an end")


class TestRefunds:
    async def test_a_payment_is_given_back_whole_and_the_merchant_hears_of_it(self, merchant: Any) -> None:
        payment = await paid(merchant)
        status, made = await refund(merchant, payment["id"], reason="out of stock")
        assert status == 201, made
        assert (made["amount"], made["transaction"], made["object"]) == (5000, payment["id"], "refund")
        assert (await until_done(merchant, "refund", made))["status"] == "succeeded"
        after = await merchant.read(payment["id"])
        assert (after["status"], after["refunded_amount"]) == ("refunded", 5000)
        heard = await eventually(
            lambda: merchant.heard(made["id"]), lambda heard: len(heard) >= 3, "three messages"
        )
        assert [item["type"] for item in heard] == ["refund.created", "refund.processing", "refund.succeeded"]
        assert [item["sequence"] for item in heard] == [1, 2, 3]

    async def test_parts_are_given_back_until_nothing_is_left(self, merchant: Any) -> None:
        payment = await paid(merchant)
        for amount in (2000, 3000):
            status, made = await refund(merchant, payment["id"], amount=amount)
            assert status == 201, made
            assert (await until_done(merchant, "refund", made))["status"] == "succeeded"
        status, problem = await refund(merchant, payment["id"], amount=1)
        assert (status, problem["code"], problem["remaining"]) == (422, "refund_exceeds_payment", 0)

    async def test_no_race_gives_back_more_than_came(self, merchant: Any) -> None:
        payment = await paid(merchant)
        answers = await asyncio.gather(*(refund(merchant, payment["id"], amount=1500) for _ in range(20)))
        made = [answer for status, answer in answers if status == 201]
        assert {status for status, _ in answers} <= {201, 422}
        done = [await until_done(merchant, "refund", item) for item in made]
        given_back = sum(item["amount"] for item in done if item["status"] == "succeeded")
        assert given_back <= 5000
        assert (await merchant.read(payment["id"]))["refunded_amount"] == given_back

    async def test_one_key_is_one_refund(self, merchant: Any) -> None:
        payment = await paid(merchant)
        key = uuid.uuid4().hex
        answers = await asyncio.gather(
            *(refund(merchant, payment["id"], key=key, amount=1000) for _ in range(10))
        )
        assert {status for status, _ in answers} == {201}
        assert len({made["id"] for _, made in answers}) == 1
        status, problem = await refund(merchant, payment["id"], key=key, amount=2000)
        assert (status, problem["code"]) == (422, "idempotency_key_reused")

    async def test_a_lost_answer_is_no_failure_and_no_second_refund(
        self, merchant: Any, faults: Callable[..., Any]
    ) -> None:
        payment = await paid(merchant)
        await faults("pawapay", lose_answer=1.0, lose_callback=1.0)
        status, made = await refund(merchant, payment["id"], amount=1000)
        assert (status, made["status"]) == (201, "processing")
        await faults("pawapay")
        assert (await until_done(merchant, "refund", made))["status"] == "succeeded"
        assert (await merchant.read(payment["id"]))["refunded_amount"] == 1000

    async def test_what_was_not_paid_cannot_be_given_back(self, merchant: Any) -> None:
        made = await merchant.pay("orange_sn", a_phone("+22177", 7))
        status, problem = await refund(merchant, made["id"])
        assert (status, problem["code"]) == (409, "not_refundable")
        status, problem = await refund(merchant, "txn_nobody")
        assert (status, problem["code"]) == (404, "not_found")

    async def test_a_refund_that_the_provider_cannot_do_says_what_can_be_done_instead(
        self, merchant: Any
    ) -> None:
        made = await merchant.pay("orange_ci", a_phone("+22507", 8), country="CI", otp="123456")
        await merchant.until(made["id"], "succeeded")
        status, problem = await refund(merchant, made["id"])
        assert (status, problem["code"]) == (422, "refund_not_supported")
        assert problem["instead"]["operation"] == "POST /api/payouts"
        assert problem["instead"]["operator"] == "orange_ci"


class TestPayouts:
    async def test_money_reaches_a_wallet_and_the_merchant_hears_of_it(self, merchant: Any) -> None:
        status, made = await payout(merchant, PAYS_AT_ONCE)
        assert status == 201, made
        assert made["amount_display"] == "2 500 F CFA"
        assert PAYS_AT_ONCE not in str(made)
        assert (await until_done(merchant, "payout", made))["status"] == "succeeded"
        heard = await eventually(
            lambda: merchant.heard(made["id"]), lambda heard: len(heard) >= 3, "three messages"
        )
        assert [item["type"] for item in heard] == ["payout.created", "payout.processing", "payout.succeeded"]

    async def test_a_payout_that_fails_says_why(self, merchant: Any) -> None:
        status, made = await payout(merchant, "+221773456119")  # pawaPay: UNSPECIFIED_FAILURE
        assert status == 201, made
        done = await until_done(merchant, "payout", made)
        assert (done["status"], done["failure"]["code"]) == ("failed", "unspecified")

    async def test_a_lost_answer_is_no_failure_and_money_moves_once(
        self, merchant: Any, faults: Callable[..., Any]
    ) -> None:
        await faults("pawapay", lose_answer=1.0, lose_callback=1.0)
        status, made = await payout(merchant, PAYS_AT_ONCE)
        assert (status, made["status"]) == (201, "processing")
        await faults("pawapay")
        assert (await until_done(merchant, "payout", made))["status"] == "succeeded"

    async def test_a_request_that_died_on_the_way_is_sent_again_with_the_same_id(
        self, merchant: Any, faults: Callable[..., Any]
    ) -> None:
        await faults("pawapay", refuse_connection=1.0)
        status, made = await payout(merchant, PAYS_AT_ONCE)
        assert (status, made["status"]) == (201, "processing")
        await faults("pawapay")
        assert (await until_done(merchant, "payout", made))["status"] == "succeeded"

    @pytest.mark.parametrize("fault", ["lose_answer", "refuse_connection", "error_500"])
    async def test_paydunya_pays_out_once_whatever_is_lost(
        self, merchant: Any, faults: Callable[..., Any], fault: str
    ) -> None:
        await faults("paydunya", **{fault: 1.0})
        status, made = await payout(merchant, a_phone("+22890", 6), operator="yas_tg", country="TG")
        assert (status, made["provider"]) == (201, "paydunya")
        await faults("paydunya")
        assert (await until_done(merchant, "payout", made))["status"] == "succeeded"

    async def test_a_reference_and_a_key_name_one_payout(self, merchant: Any) -> None:
        reference, key = f"rent-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
        status, first = await payout(merchant, PAYS_AT_ONCE, reference=reference, key=key)
        assert status == 201, first
        status, again = await payout(merchant, PAYS_AT_ONCE, reference=reference, key=key)
        assert (status, again["id"]) == (201, first["id"])
        status, problem = await payout(merchant, PAYS_AT_ONCE, reference=reference)
        assert (status, problem["code"], problem["transaction_id"]) == (409, "reference_taken", first["id"])

    async def test_bad_payouts_hear_everything_that_is_wrong(self, merchant: Any) -> None:
        status, problem = await payout(merchant, "+33612345678", amount=-1, currency="EUR", locale="xx")
        assert status == 422
        assert {error["pointer"] for error in problem["errors"]} == {
            "/amount",
            "/currency",
            "/locale",
            "/payment_method/phone",
        }
