"""Payouts in batches: one key, all or none, each sent once, together where the provider takes many in a call."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

from conftest import eventually
from phones import a_phone


def one(phone: str, operator: str = "orange_sn", country: str = "SN", **fields: Any) -> dict[str, Any]:
    return {
        "amount": 2500,
        "currency": "XOF",
        "country": country,
        "reference": f"salary-{uuid.uuid4().hex[:10]}",
        "payment_method": {"type": "mobile_money", "operator": operator, "phone": phone},
        **fields,
    }


def many(count: int) -> list[dict[str, Any]]:
    return [one(a_phone("+22177", 7), amount=2500 + place) for place in range(count)]


async def send(merchant: Any, payouts: list[dict[str, Any]], key: str = "") -> tuple[int, Any]:
    headers = {"idempotency-key": key or uuid.uuid4().hex}
    return await merchant.call("POST", "/api/payouts/batches", {"payouts": payouts}, headers=headers)


async def until_done(merchant: Any, made: Any) -> Any:
    async def look() -> Any:
        return (await merchant.call("GET", f"/api/payouts/batches/{made['id']}"))[1]

    return await eventually(look, lambda found: found["status"] == "done", "an end of each payout")


def apart(payouts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give each an amount of its own, small enough for many of them, by which the provider's book tells them apart."""
    base = 10_000 + uuid.uuid4().int % 40_000
    return [{**item, "amount": base + place} for place, item in enumerate(payouts)]


async def sent(session: Any, demo: Any, payouts: list[dict[str, Any]]) -> list[int]:
    """How often money went out for each of these, as pawaPay's own book says."""
    async with session.get(f"{demo['url']}/simulators/pawapay/moved") as response:
        amounts = [float(entry["amount"]) for entry in await response.json() if entry["way"] == "out"]
    return [amounts.count(item["amount"]) for item in payouts]


async def test_twenty_payouts_are_one_call_and_each_is_an_ordinary_payout(
    merchant: Any, session: Any, demo: Any
) -> None:
    payouts = apart(many(20))
    before = await sent(session, demo, payouts)
    status, made = await send(merchant, payouts)
    assert status == 201, made
    assert [item["reference"] for item in made["payouts"]] == [item["reference"] for item in payouts]
    assert {item["batch"] for item in made["payouts"]} == {made["id"]}
    done = await until_done(merchant, made)
    assert (done["succeeded"], done["processing"], done["failed"]) == (20, 0, 0)
    assert await sent(session, demo, payouts) == [times + 1 for times in before]
    first = done["payouts"][0]
    heard = await eventually(
        lambda: merchant.heard(first["id"]), lambda heard: len(heard) >= 3, "three messages"
    )
    assert [item["type"] for item in heard] == ["payout.created", "payout.processing", "payout.succeeded"]
    assert (await merchant.call("GET", f"/api/payouts/{first['id']}"))[1]["status"] == "succeeded"
    _, page = await merchant.call("GET", "/api/payouts/batches?limit=1")
    assert (page["data"][0]["id"], page["data"][0]["succeeded"]) == (made["id"], 20)


async def test_what_no_bulk_carries_goes_out_one_by_one_beside_it(merchant: Any) -> None:
    wave = [one(a_phone("+22170", 7), "expresso_sn") for _ in range(3)]
    status, made = await send(merchant, [*wave, *many(3)])
    assert status == 201, made
    assert {item["provider"] for item in made["payouts"]} == {"pawapay", "paydunya"}
    assert (await until_done(merchant, made))["succeeded"] == 6


async def test_one_key_is_one_batch_however_many_ask(merchant: Any) -> None:
    payouts, key = many(4), uuid.uuid4().hex
    answers = await asyncio.gather(*(send(merchant, payouts, key) for _ in range(6)))
    assert {status for status, _ in answers} == {201}, answers
    assert len({made["id"] for _, made in answers}) == 1
    status, problem = await send(merchant, payouts[:3], key)
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    headers = {"idempotency-key": key}
    status, problem = await merchant.call("POST", "/api/payouts", payouts[0], headers=headers)
    assert (status, problem["code"]) == (422, "idempotency_key_reused")


async def test_a_lost_answer_to_the_whole_batch_pays_everybody_once(
    merchant: Any, faults: Callable[..., Any], session: Any, demo: Any
) -> None:
    payouts = apart(many(5))
    before = await sent(session, demo, payouts)
    await faults("pawapay", lose_answer=1.0, lose_callback=1.0)
    status, made = await send(merchant, payouts)
    assert (status, made["status"], made["processing"]) == (201, "processing", 5)
    await faults("pawapay")
    done = await until_done(merchant, made)
    assert done["succeeded"] == 5
    assert await sent(session, demo, payouts) == [times + 1 for times in before]


async def test_a_batch_that_never_arrived_is_sent_again_payout_by_payout(
    merchant: Any, faults: Callable[..., Any], session: Any, demo: Any
) -> None:
    payouts = apart(many(3))
    before = await sent(session, demo, payouts)
    await faults("pawapay", refuse_connection=1.0)
    status, made = await send(merchant, payouts)
    assert (status, made["processing"]) == (201, 3), "a connection that was cut proves nothing"
    await faults("pawapay")
    done = await until_done(merchant, made)
    assert done["succeeded"] == 3
    assert await sent(session, demo, payouts) == [times + 1 for times in before]


async def test_one_wallet_that_cannot_be_paid_fails_alone(merchant: Any) -> None:
    status, made = await send(merchant, [one("+221773456119"), *many(2)])
    assert status == 201, made
    done = await until_done(merchant, made)
    assert (done["succeeded"], done["failed"]) == (2, 1)
    assert done["payouts"][0]["failure"]["code"] == "unspecified"


async def test_what_is_wrong_with_one_is_said_and_nobody_is_paid(merchant: Any) -> None:
    twice = many(2)
    twice[1]["reference"] = twice[0]["reference"]
    status, problem = await send(merchant, [*twice, one("+22177", amount=0)])
    assert (status, problem["code"]) == (422, "invalid_request")
    told = {item["pointer"]: item["code"] for item in problem["errors"]}
    assert told == {
        "/payouts/1/reference": "reference_twice",
        "/payouts/2/amount": "amount_not_positive",
        "/payouts/2/payment_method/phone": "invalid_phone",
    }
    for wrong in ([], many(21)):
        status, problem = await send(merchant, wrong)
        assert (status, problem["errors"][0]["pointer"]) == (422, "/payouts")
    known = one(a_phone("+22177", 7))
    assert (await send(merchant, [known]))[0] == 201
    fresh = many(1)
    status, problem = await send(merchant, [*fresh, known])
    assert (status, problem["code"]) == (409, "reference_taken")
    nowhere = one(a_phone("+22170", 7), "expresso_sn", amount=100)
    status, problem = await send(merchant, [*fresh, nowhere])
    assert (status, problem["code"], problem["reference"]) == (422, "no_route", nowhere["reference"])
    assert (await send(merchant, fresh))[0] == 201, "what was refused with others took no reference"


async def test_somebody_elses_batch_is_not_found(merchant: Any) -> None:
    status, problem = await merchant.call("GET", "/api/payouts/batches/bat_nobody")
    assert (status, problem["code"]) == (404, "not_found")
