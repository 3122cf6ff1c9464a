"""One order paid twice by mistake looks like two: the second one says so, and goes through all the same."""

import asyncio
import uuid
from typing import Any


def a_phone() -> str:
    return "+22177" + str(uuid.uuid4().int)[:7]


def warned(made: Any) -> list[tuple[str, str]]:
    return [(item["code"], item["transaction"]) for item in made["warnings"]]


async def test_the_same_phone_and_amount_is_warned_about_and_never_refused(merchant: Any) -> None:
    phone = a_phone()
    first = await merchant.pay("orange_sn", phone)
    assert first["warnings"] == []
    second = await merchant.pay("orange_sn", phone)
    assert (second["status"], warned(second)) == ("processing", [("same_phone_and_amount", first["id"])])
    assert (
        second["warnings"][0]["message"]
        == f"Le même téléphone paie le même montant dans {first['id']} : peut-être deux fois la même commande."
    )
    found = await merchant.read(second["id"])
    assert warned(found) == warned(second)
    story = [(item["kind"], item["facts"].get("other")) for item in found["events"]]
    assert story[:2] == [("Created", None), ("LookAlike", first["id"])]
    heard = (await merchant.hears(second["id"], "created", "processing"))[0]["data"]
    assert warned(heard) == warned(second)


async def test_another_amount_phone_or_operator_is_another_payment_but_the_phone_counts(
    merchant: Any,
) -> None:
    phone = a_phone()
    first = await merchant.pay("orange_sn", phone)
    assert (await merchant.pay("orange_sn", phone, amount=5001))["warnings"] == []
    assert (await merchant.pay("orange_sn", a_phone()))["warnings"] == []
    assert warned(await merchant.pay("wave_sn", phone)) == [("same_phone_and_amount", first["id"])]


async def test_who_tries_again_after_a_failure_is_not_warned_about(merchant: Any, payer: Any) -> None:
    phone = a_phone()
    first = await merchant.pay("orange_sn", phone)
    await payer.decide(phone, "decline")
    await merchant.until(first["id"], "failed")
    assert (await merchant.pay("orange_sn", phone))["warnings"] == []


async def test_a_payer_who_chooses_on_the_page_is_warned_about_too(merchant: Any) -> None:
    phone = a_phone()
    first = await merchant.pay("orange_sn", phone)
    _, made = await merchant.checkout()
    assert made["warnings"] == []
    method = {"type": "mobile_money", "operator": "orange_sn", "phone": phone}
    status, confirmed = await merchant.call(
        "POST", f"/api/transactions/{made['id']}/confirm", {"payment_method": method}
    )
    assert (status, warned(confirmed)) == (200, [("same_phone_and_amount", first["id"])])


async def test_of_two_tabs_at_once_one_is_warned_about(merchant: Any) -> None:
    for _ in range(5):
        phone = a_phone()
        both = await asyncio.gather(*(merchant.pay("orange_sn", phone) for _ in range(2)))
        assert sorted(len(made["warnings"]) for made in both) == [0, 1]
