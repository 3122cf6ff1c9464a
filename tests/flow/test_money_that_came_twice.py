"""PayDunya takes no key of ours: an invoice that we never heard of is found, and money that came twice calls a person."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from conftest import eventually
from phones import a_phone

PAYDUNYA = {"rules": [{"exclude": ["pawapay"]}]}


@pytest.fixture
async def alone(merchant: Any) -> AsyncIterator[None]:
    """PayDunya carries everything."""
    assert (await merchant.call("PUT", "/api/routing/rules", PAYDUNYA))[0] == 200
    yield
    await merchant.call("PUT", "/api/routing/rules", {"rules": []})


async def tokens(session: Any, simulator_url: str) -> list[str]:
    """List the newest invoices of PayDunya's, newest first, as its overview does."""
    async with session.get(f"{simulator_url}/") as response:
        return re.findall(r"test_[A-Za-z0-9]{10}", await response.text())


async def pay_invoice(session: Any, simulator_url: str, token: str) -> None:
    """Pay on the page of an invoice, however its address became known."""
    url = f"{simulator_url}/sandbox-checkout/invoice/{token}"
    async with session.post(url, data={"action": "pay"}, allow_redirects=False) as response:
        assert response.status == 302, await response.text()


async def reviewed(merchant: Any, transaction_id: str) -> Any:
    return await eventually(
        lambda: merchant.read(transaction_id), lambda found: found["needs_review"], "a person to be called"
    )


async def orphan_of(session: Any, simulator_url: str, known: set[str], kept: str | None) -> str:
    """Find the invoice whose creation was answered to nobody."""
    made = [token for token in await tokens(session, simulator_url) if token not in known | {kept}]
    assert made
    return made[-1]


async def test_an_invoice_that_is_paid_beside_the_kept_one_is_counted_once_and_needs_review(
    merchant: Any, payer: Any, session: Any, demo: Any, faults: Any, alone: None
) -> None:
    """The first answer is lost, a second invoice is made and paid; then somebody pays the first one."""
    seat, phone = demo["simulators"]["paydunya"]["url"], a_phone("+22177", 7)
    before = set(await tokens(session, seat))
    await faults("paydunya", lose_answer=1.0)
    made = await merchant.pay("orange_sn", phone)
    assert [attempt["status"] for attempt in made["attempts"]] == ["unknown"]
    await faults("paydunya")
    await payer.decide(phone, "approve")
    paid = await merchant.until(made["id"], "succeeded")
    kept = paid["attempts"][0]["provider_reference"]
    assert paid["needs_review"] is False
    await pay_invoice(session, seat, await orphan_of(session, seat, before, kept))
    found = await reviewed(merchant, made["id"])
    assert (found["status"], found["amount"], len(found["attempts"])) == ("succeeded", 5000, 1)
    assert found["attempts"][0]["provider_reference"] == kept
    heard = await merchant.hears(
        made["id"], "created", "processing", "requires_action", "succeeded", "needs_review"
    )
    assert heard[-1]["data"]["needs_review"] is True


async def test_money_under_another_invoice_than_the_kept_one_pays_and_needs_review(
    merchant: Any, session: Any, demo: Any, faults: Any, alone: None
) -> None:
    seat = demo["simulators"]["paydunya"]["url"]
    before = set(await tokens(session, seat))
    await faults("paydunya", lose_answer=1.0)
    made = await merchant.pay("orange_sn", a_phone("+22177", 7))
    await faults("paydunya")
    waiting = await merchant.until(made["id"], "requires_action")
    kept = waiting["attempts"][0]["provider_reference"]
    await pay_invoice(session, seat, await orphan_of(session, seat, before, kept))
    found = await reviewed(merchant, made["id"])
    assert [attempt["status"] for attempt in found["attempts"]] == ["succeeded"]
    assert found["status"] == "succeeded"


async def test_two_attempts_that_both_brought_money_count_once_and_need_review(
    merchant: Any, payer: Any, session: Any, demo: Any, alone: None
) -> None:
    """A refused charge leaves an invoice at PayDunya; the payer pays another way, and then that invoice is paid too."""
    seat, phone = demo["simulators"]["paydunya"]["url"], a_phone("+22177", 7)
    _, made = await merchant.checkout()
    given = {"payment_method": {"operator": "wave_sn", "phone": "+221331234567"}}  # a fixed line
    status, refused = await merchant.call("POST", f"/api/transactions/{made['id']}/confirm", given)
    assert (status, refused["status"]) == (200, "requires_payment_method"), refused
    given = {"payment_method": {"operator": "orange_sn", "phone": phone}}
    assert (await merchant.call("POST", f"/api/transactions/{made['id']}/confirm", given))[0] == 200
    await payer.decide(phone, "approve")
    paid = await merchant.until(made["id"], "succeeded")
    assert [attempt["status"] for attempt in paid["attempts"]] == ["failed", "succeeded"]
    await pay_invoice(session, seat, paid["attempts"][0]["provider_reference"])
    found = await reviewed(merchant, made["id"])
    assert [attempt["status"] for attempt in found["attempts"]] == ["failed", "succeeded"]
    assert (found["status"], found["refunded_amount"]) == ("succeeded", 0)
    heard = await merchant.heard(made["id"])
    assert [item["type"] for item in heard][-1] == "transaction.needs_review"


async def test_an_invoice_whose_creation_was_answered_to_nobody_is_adopted_by_what_it_says_of_us(
    tmp_path: Path, session: Any, started: Any, people: Any
) -> None:
    """No second invoice may be made here, so that only the notification can tell of the first."""
    with started(tmp_path, AFRIFLOW_RESEND_WINDOW_SECONDS="0") as house:
        merchant, _ = people(session, house["url"], house["api_key"], house["phone_url"])
        assert (await merchant.call("PUT", "/api/routing/rules", PAYDUNYA))[0] == 200
        seat = house["simulators"]["paydunya"]["url"]
        before = set(await tokens(session, seat))
        async with session.put(f"{seat}/faults", json={"lose_answer": 1.0}):
            made = await merchant.pay("orange_sn", a_phone("+22177", 7))
        async with session.put(f"{seat}/faults", json={}) as response:
            assert response.status == 200
        await asyncio.sleep(2)  # asked again meanwhile: without an id there is nothing to ask about
        waiting = await merchant.read(made["id"])
        assert waiting["attempts"][0]["provider_reference"] is None
        orphan = await orphan_of(session, seat, before, None)
        await pay_invoice(session, seat, orphan)
        paid = await merchant.until(made["id"], "succeeded")
        assert paid["attempts"][0]["provider_reference"] == orphan
        assert paid["needs_review"] is False
