"""Everything goes wrong at once, from a seed; when it is over the providers' books and ours tell the same story."""

import asyncio
import os
import random
import signal
from collections import Counter
from typing import Any

import aiohttp
import pytest

# One seed in the usual run; `AFRIFLOW_STORM_SEEDS=1,2,3 scripts/test tests/storm` for more.
SEEDS = [int(seed) for seed in os.environ.get("AFRIFLOW_STORM_SEEDS", "1").split(",")]
PAYMENTS = 48
# The shortest session there is: what was never decided ends here.
SESSION_SECONDS = 60
FAULTS = {
    "lose_answer": 0.2,
    "error_500": 0.1,
    "refuse_connection": 0.1,
    "lose_callback": 0.3,
    "duplicate_callback": 0.3,
    "callback_before_answer": 0.1,
    "delay_callback_seconds": 0.5,
}
# A prompt and a redirect of pawaPay's, PayDunya's own page, and a push of PayDunya's.
WAYS = [
    ("orange_sn", "SN", "+22177", 7),
    ("wave_sn", "SN", "+22178", 7),
    ("wizall_sn", "SN", "+22176", 7),
    ("yas_tg", "TG", "+22890", 6),
]
FINAL = {"succeeded", "failed", "expired", "cancelled"}


async def insist(merchant: Any, fields: dict[str, Any], key: str) -> Any:
    """Ask as a good client does: the same key and body until there is an answer."""
    while True:
        try:
            status, made = await merchant.checkout(key=key, **fields)
        except aiohttp.ClientError:
            await asyncio.sleep(0.3)
            continue
        if status == 201:
            return made
        assert status in {409, 503}, made
        await asyncio.sleep(0.5)


async def pay(merchant: Any, payer: Any, session: Any, chance: random.Random, number: int) -> str:
    """One payment from the wish to the payer's decision; gives the transaction's id."""
    operator, country, prefix, digits = WAYS[number % len(WAYS)]
    phone = prefix + f"{number:0{digits - 3}d}" + "555"  # no magic ending
    method = {"type": "mobile_money", "operator": operator, "phone": phone}
    fields = {"reference": f"storm-{number}", "country": country, "payment_method": method}
    made = await insist(merchant, {**fields, "expires_in": SESSION_SECONDS}, f"storm-{number}")
    wants_to_pay = chance.random() < 0.75
    for _ in range(int(SESSION_SECONDS / 0.5)):
        if await decide(merchant, payer, session, made["id"], phone, wants_to_pay):
            break
        await asyncio.sleep(0.5)
    return made["id"]


async def decide(
    merchant: Any, payer: Any, session: Any, transaction_id: str, phone: str, wants_to_pay: bool
) -> bool:
    """Decide wherever the payer is asked: on the phone, or on the provider's page."""
    try:
        async with session.get(f"{payer.url}/prompts", params={"phone": phone}) as response:
            waiting = [item for item in await response.json() if item["state"] == "waiting"]
        for prompt in waiting:
            action = {"action": "approve" if wants_to_pay else "decline"}
            async with session.post(f"{payer.url}/prompts/{prompt['id']}", json=action) as response:
                assert response.status == 200
        if waiting:
            return True
        status, found = await merchant.call("GET", f"/api/transactions/{transaction_id}")
        if status != 200:
            return False
        action = found["next_action"]
        if action and action["type"] == "redirect" and found["payment_method"]["operator"] == "wizall_sn":
            data = {"action": "pay" if wants_to_pay else "cancel"}
            async with session.post(action["url"], data=data, allow_redirects=False) as response:
                return response.status < 400
        return found["status"] in FINAL
    except aiohttp.ClientError:
        return False


async def kills(fleet: Any, chance: random.Random, over: asyncio.Event) -> int:
    """Kill a worker or the API every few seconds, and start another."""
    count = 0
    while not over.is_set():
        await asyncio.sleep(chance.uniform(2, 5))
        name = chance.choice(["worker 1", "worker 2", "api"])
        fleet.kill(name, signal.SIGKILL)
        fleet.start(name, "serve" if name == "api" else "work")
        count += 1
    return count


def money_taken(fleet: Any) -> Counter[str]:
    """Count, by our attempts' references, how often the providers' own books say that money came."""
    taken: Counter[str] = Counter()
    for deposit in fleet.seats["pawapay"].notebook.every("deposit"):
        taken[deposit["depositId"].lower()] += deposit["status"] == "COMPLETED"
    for invoice in fleet.seats["paydunya"].notebook.every("invoice"):
        for value in invoice["order"]["custom_data"].values():
            taken[str(value)] += invoice["status"] == "completed"
    return taken


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", SEEDS)
async def test_after_a_storm_nobody_paid_twice_and_nothing_is_lost_or_called_failed_that_was_paid(
    fleet: Any, people: Any, session: Any, seed: int
) -> None:
    chance = random.Random(seed)
    merchant, payer = people(
        session, fleet.url, fleet.ready.merchant.api_key, f"{fleet.others_url}/simulators/phone"
    )
    merchant.shop_url = fleet.others_url
    for name in ("worker 1", "worker 2"):
        fleet.start(name, "work")
    fleet.start("api", "serve")
    await fleet.answers(session)
    for provider in fleet.seats:
        async with session.put(
            f"{fleet.others_url}/simulators/{provider}/faults", json={"seed": seed, **FAULTS}
        ) as response:
            assert response.status == 200
    over = asyncio.Event()
    killing = asyncio.create_task(kills(fleet, chance, over))
    made = await asyncio.gather(
        *(pay(merchant, payer, session, random.Random(seed * 1000 + n), n) for n in range(PAYMENTS))
    )
    over.set()
    killed = await killing
    for provider in fleet.seats:
        async with session.put(f"{fleet.others_url}/simulators/{provider}/faults", json={}) as response:
            assert response.status == 200
    await fleet.answers(session)
    assert len(set(made)) == PAYMENTS
    ends = Counter[str]()
    for transaction_id in made:
        found = await merchant.until(transaction_id, *FINAL, seconds=120)
        ends[found["status"]] += 1
        taken = money_taken(fleet)
        paid = sum(taken[attempt["reference"]] for attempt in found["attempts"])
        assert paid == (1 if found["status"] == "succeeded" else 0), (seed, found)
        live = [a for a in found["attempts"] if a["status"] in {"unknown", "pending", "succeeded"}]
        assert len(live) <= 1, (seed, found)
        await whole_story_told(merchant, transaction_id, found["status"])
    print(f"seed {seed}: {dict(ends)}, {killed} kills")
    assert ends["succeeded"] > PAYMENTS / 4
    assert await held_jobs_of(fleet) == []


async def whole_story_told(merchant: Any, transaction_id: str, status: str) -> None:
    """The shop heard every number from 1 on, in order of first hearing, the last being the end."""
    heard: list[Any] = []
    for _ in range(600):
        heard = await merchant.heard(transaction_id)
        if heard and any(item["type"] == f"transaction.{status}" for item in heard):
            break
        await asyncio.sleep(0.1)
    numbers = list(dict.fromkeys(item["sequence"] for item in heard))
    assert numbers == list(range(1, len(numbers) + 1)), heard
    assert heard[-1]["data"]["status"] == status


async def held_jobs_of(fleet: Any) -> list[Any]:
    async with fleet.house.database.connection() as connection:
        return await connection.fetch("SELECT entrypoint FROM jobs.pgqueuer WHERE status = 'failed'")
