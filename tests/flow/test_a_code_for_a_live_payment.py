"""A payment that is under way and waits for the payer's one-time code: given once, mended when wrong, never charged twice."""

import asyncio
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from conftest import eventually
from phones import a_phone

from afriflow.db.engine import Database
from afriflow.reconcile.audit import look_at_everything

Given = tuple[int, Any]


@pytest.fixture
async def wizall(merchant: Any) -> Any:
    """Begin a payment by Wizall, which sends its code after it was asked; gives it with the payer's phone."""
    phone = a_phone("+22177", 7)
    made = await merchant.pay("wizall_sn", phone)
    assert (made["status"], made["next_action"]["type"]) == ("requires_action", "enter_otp"), made
    assert [attempt["status"] for attempt in made["attempts"]] == ["pending"]
    return made, phone


async def sent_code(payer: Any, phone: str) -> str:
    """Read the newest code on a phone."""

    async def look() -> Any:
        async with payer.session.get(f"{payer.url}/prompts", params={"phone": phone}) as response:
            return [item["code"] for item in await response.json() if item["kind"] == "otp"]

    return (await eventually(look, bool, f"a code on {phone}"))[-1]


async def dialled_code(payer: Any, phone: str, code: str) -> str:
    async with payer.session.post(f"{payer.url}/dial", json={"phone": phone, "code": code}) as response:
        assert response.status == 201, await response.text()
        return (await response.json())["code"]


async def give(merchant: Any, transaction_id: str, code: str) -> Given:
    return await merchant.call("POST", f"/api/transactions/{transaction_id}/confirm", {"otp": code})


def kinds(found: Any) -> list[str]:
    return [event["kind"] for event in found["events"]]


# ── Wizall: the code comes after our call ───────────────────────────────────────────────────────────────────────
async def test_the_code_that_came_after_the_call_pays_and_the_merchant_hears_each_step(
    merchant: Any, payer: Any, wizall: Any
) -> None:
    made, phone = wizall
    status, given = await give(merchant, made["id"], await sent_code(payer, phone))
    assert status == 200, given
    paid = await merchant.until(made["id"], "succeeded")
    assert [attempt["status"] for attempt in paid["attempts"]] == ["succeeded"]
    assert paid["attempts"][0]["reference"] == made["attempts"][0]["reference"]
    assert (paid["needs_review"], paid["next_action"]) == (False, None)
    await merchant.hears(made["id"], "created", "processing", "requires_action", "processing", "succeeded")


async def test_a_wrong_code_is_said_clearly_leaves_the_attempt_alive_and_another_pays(
    merchant: Any, payer: Any, wizall: Any
) -> None:
    made, phone = wizall
    for wrong in ("0000", "999999x"):
        status, problem = await give(merchant, made["id"], wrong)
        assert (status, problem["code"]) == (422, "invalid_otp"), problem
        found = await merchant.read(made["id"])
        assert (found["status"], found["next_action"]) == ("requires_action", made["next_action"])
        assert [attempt["status"] for attempt in found["attempts"]] == ["pending"]
    status, _ = await give(merchant, made["id"], await sent_code(payer, phone))
    assert status == 200
    paid = await merchant.until(made["id"], "succeeded")
    assert len(paid["attempts"]) == 1
    assert Counter(kinds(paid))["CodeRefused"] == 2
    assert "0000" not in str(paid["events"])


async def test_of_many_who_give_the_code_at_once_one_gives_it(merchant: Any, payer: Any, wizall: Any) -> None:
    made, phone = wizall
    code = await sent_code(payer, phone)
    answers = await asyncio.gather(*(give(merchant, made["id"], code) for _ in range(8)))
    assert sorted(status for status, _ in answers) == [200, *[409] * 7], answers
    assert {body["code"] for status, body in answers if status == 409} == {"not_confirmable"}
    paid = await merchant.until(made["id"], "succeeded")
    assert kinds(paid).count("CodeGiven") == 1
    assert len(paid["attempts"]) == 1


async def test_a_code_whose_answer_was_lost_is_not_given_again_and_what_it_did_is_found_out(
    merchant: Any, payer: Any, faults: Any, wizall: Any
) -> None:
    made, phone = wizall
    code = await sent_code(payer, phone)
    await faults("paydunya", lose_answer=1.0, lose_callback=1.0)
    status, given = await give(merchant, made["id"], code)
    assert (status, given["status"], given["next_action"]) == (200, "processing", None)
    assert [attempt["status"] for attempt in given["attempts"]] == ["pending"]
    status, problem = await give(merchant, made["id"], code)
    assert (status, problem["code"]) == (409, "not_confirmable")
    await faults("paydunya")
    paid = await merchant.until(made["id"], "succeeded")
    assert len(paid["attempts"]) == 1


async def test_a_code_that_never_arrived_stays_unclear_and_is_never_called_a_failure(
    merchant: Any, payer: Any, faults: Any, wizall: Any
) -> None:
    made, phone = wizall
    code = await sent_code(payer, phone)
    await faults("paydunya", refuse_connection=1.0)
    _, given = await give(merchant, made["id"], code)
    assert (given["status"], given["failure"]) == ("processing", None)
    await faults("paydunya")
    await asyncio.sleep(3)
    found = await merchant.read(made["id"])
    assert [attempt["status"] for attempt in found["attempts"]] == ["pending"]
    assert found["status"] == "processing"


async def test_the_payers_page_takes_the_code_and_says_when_it_is_wrong(
    merchant: Any, payer: Any, session: Any
) -> None:
    phone = a_phone("+22177", 7)
    _, made = await merchant.checkout()
    url = made["checkout_url"]
    async with session.post(url, data={"method": "wizall_sn", "phone": phone}) as response:
        page = await response.text()
    assert 'name="otp"' in page, page
    assert "?choose=1" not in page
    async with session.post(url, data={"otp": "000 000"}) as response:
        assert response.status == 422
        page = await response.text()
    assert re.search(r'id="wrong-otp" role="alert">(Le code est faux|The code is wrong)', page), page
    async with session.post(url, data={"otp": await sent_code(payer, phone)}) as response:
        assert response.status == 200
    paid = await merchant.until(made["id"], "succeeded")
    assert len(paid["attempts"]) == 1


async def test_a_code_is_taken_only_while_one_is_waited_for(merchant: Any, payer: Any) -> None:
    phone = a_phone("+22177", 7)
    waiting = await merchant.pay("orange_sn", phone)
    status, problem = await give(merchant, waiting["id"], "123456")
    assert (status, problem["code"]) == (409, "not_confirmable")
    await payer.decide(phone, "approve")
    await merchant.until(waiting["id"], "succeeded")


# ── a code whose request died on the way ────────────────────────────────────────────────────────────────────────
@pytest.fixture
async def at_pawapay(merchant: Any) -> Any:
    """Whoever needs a code first pays through a provider that knows an order by our id."""
    rules = [{"exclude": ["paydunya"]}]
    assert (await merchant.call("PUT", "/api/routing/rules", {"rules": rules}))[0] == 200
    yield
    await merchant.call("PUT", "/api/routing/rules", {"rules": []})


async def lost(merchant: Any, payer: Any, faults: Any) -> tuple[Any, str]:
    """Give a code in a request that dies on the way; then the provider answers again."""
    phone = a_phone("+22674", 6)
    made = await merchant.pay("orange_bf", phone, "BF")
    assert made["next_action"]["type"] == "enter_otp"
    code = await dialled_code(payer, phone, made["next_action"]["code"])
    await faults("pawapay", refuse_connection=1.0)
    status, given = await give(merchant, made["id"], code)
    assert (status, given["attempts"][0]["status"]) == (200, "unknown"), given
    await faults("pawapay")
    return given, phone


async def test_a_code_that_died_on_the_way_is_asked_for_again_and_pays_under_the_same_id(
    merchant: Any, payer: Any, faults: Any, at_pawapay: None
) -> None:
    given, phone = await lost(merchant, payer, faults)
    asked = await merchant.until(given["id"], "requires_action")
    assert asked["next_action"]["type"] == "enter_otp"
    assert asked["next_action"]["code"].startswith("*144*4*6*5000#")
    assert [attempt["status"] for attempt in asked["attempts"]] == ["unknown"]
    code = await dialled_code(payer, phone, asked["next_action"]["code"])
    answers = await asyncio.gather(*(give(merchant, given["id"], code) for _ in range(4)))
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409], answers
    paid = await merchant.until(given["id"], "succeeded")
    assert [attempt["reference"] for attempt in paid["attempts"]] == [given["attempts"][0]["reference"]]
    assert kinds(paid).count("CodeWanted") == 1
    assert paid["needs_review"] is False


async def test_a_code_that_arrived_though_its_answer_was_lost_is_never_asked_for_again(
    merchant: Any, payer: Any, faults: Any, at_pawapay: None
) -> None:
    phone = a_phone("+22674", 6)
    made = await merchant.pay("orange_bf", phone, "BF")
    code = await dialled_code(payer, phone, made["next_action"]["code"])
    await faults("pawapay", lose_answer=1.0, lose_callback=1.0)
    await give(merchant, made["id"], code)
    await asyncio.sleep(1.5)
    await faults("pawapay")
    paid = await merchant.until(made["id"], "succeeded")
    assert "CodeWanted" not in kinds(paid)


async def test_a_new_code_that_is_lost_as_well_may_be_followed_by_a_third(
    merchant: Any, payer: Any, faults: Any, at_pawapay: None
) -> None:
    given, phone = await lost(merchant, payer, faults)
    asked = await merchant.until(given["id"], "requires_action")
    await faults("pawapay", error_500=1.0)
    code = await dialled_code(payer, phone, asked["next_action"]["code"])
    status, problem = await give(merchant, given["id"], code)
    assert (status, problem["code"]) == (503, "code_not_passed_on"), problem
    assert (await merchant.read(given["id"]))["status"] == "requires_action"
    await faults("pawapay")
    code = await dialled_code(payer, phone, asked["next_action"]["code"])
    assert (await give(merchant, given["id"], code))[0] == 200
    paid = await merchant.until(given["id"], "succeeded")
    assert len(paid["attempts"]) == 1


async def test_the_audit_finds_nothing_wrong_in_what_was_told_here(demo: dict[str, Any]) -> None:
    """Each turn to the payer stands in the story, and every state is the one that was told last."""
    home = Path(demo["home"])
    note = home / "sockets"
    folder = quote(note.read_text() if note.exists() else str(home / "run"))
    url = f"postgresql://afriflow@/afriflow?host={folder}&port=5432"
    database = await Database.connect(url, connections_max=2, statement_timeout_seconds=10)
    try:
        async with database.connection() as connection:
            found = await look_at_everything(connection)
    finally:
        await database.close()
    assert [violation for violations in found.values() for violation in violations] == []
