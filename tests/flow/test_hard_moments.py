"""Processes die, workers vanish, Redis goes: each payment still settles once and its merchant hears once."""

import asyncio
import os
import signal
import uuid
from pathlib import Path
from typing import Any

import pytest
from conftest import eventually
from phones import a_phone


@pytest.fixture
async def people_of_the_fleet(fleet: Any, people: Any, session: Any) -> Any:
    merchant, payer = people(
        session, fleet.url, fleet.ready.merchant.api_key, f"{fleet.others_url}/simulators/phone"
    )
    merchant.shop_url = fleet.others_url
    return merchant, payer


async def test_a_worker_killed_in_the_middle_of_its_jobs_loses_none(
    fleet: Any, people_of_the_fleet: Any, session: Any
) -> None:
    merchant, payer = people_of_the_fleet
    fleet.start("api", "serve")
    await fleet.answers(session)
    fleet.start("worker", "work")
    phones = [a_phone("+22177", 7) for _ in range(8)]
    made = [await merchant.pay("orange_sn", phone) for phone in phones]
    for phone in phones[:4]:
        await payer.decide(phone, "approve")
    fleet.kill("worker", signal.SIGKILL)
    for phone in phones[4:]:
        await payer.decide(phone, "approve")
    fleet.start("worker", "work")
    for item in made:
        paid = await merchant.until(item["id"], "succeeded")
        assert len(paid["attempts"]) == 1
    for item in made:
        # At least once, in order, and each word with a number of its own.
        await asyncio.sleep(0)
        heard = await merchant.heard_in_order(item["id"], "created", "processing", "succeeded")
        assert heard


async def test_an_api_killed_while_the_provider_answers_is_settled_by_the_workers(
    fleet: Any, people_of_the_fleet: Any, session: Any
) -> None:
    merchant, payer = people_of_the_fleet
    fleet.start("api", "serve")
    await fleet.answers(session)
    key, phone = uuid.uuid4().hex, a_phone("+22177", 7)
    method = {"type": "mobile_money", "operator": "orange_sn", "phone": phone}
    fields = {"reference": f"killed-{key}", "payment_method": method}
    asking = asyncio.create_task(merchant.checkout(key=key, **fields))
    # The prompt is on the phone: the intent is committed, the provider has it, our answer may be on its way.
    await payer.prompt(phone)
    fleet.kill("api", signal.SIGKILL)
    await asyncio.gather(asking, return_exceptions=True)
    fleet.start("api", "serve")
    fleet.start("worker", "work")
    await fleet.answers(session)
    await payer.decide(phone, "approve")
    status, again = await merchant.checkout(key=key, **fields)
    while status == 409:  # the first request counts as alive until its lease is over
        await asyncio.sleep(1)
        status, again = await merchant.checkout(key=key, **fields)
    assert status == 201, again
    paid = await merchant.until(again["id"], "succeeded")
    assert len(paid["attempts"]) == 1
    await merchant.heard_in_order(again["id"], "created", "processing", "succeeded")


async def test_payments_go_through_with_redis_killed_and_keys_still_name_one_payment(
    fleet: Any, people_of_the_fleet: Any, session: Any
) -> None:
    merchant, payer = people_of_the_fleet
    fleet.start("api", "serve")
    fleet.start("worker", "work")
    await fleet.answers(session)
    os.kill(fleet.servers.process_ids["redis"], signal.SIGKILL)
    phone, key = a_phone("+22177", 7), uuid.uuid4().hex
    method = {"type": "mobile_money", "operator": "orange_sn", "phone": phone}
    fields = {"reference": f"no-redis-{key}", "payment_method": method}
    answers = await asyncio.gather(*(merchant.checkout(key=key, **fields) for _ in range(10)))
    assert {status for status, _ in answers} == {201}
    assert len({made["id"] for _, made in answers}) == 1
    await payer.decide(phone, "approve")
    await merchant.until(answers[0][1]["id"], "succeeded")


async def the_worker_runs(fleet: Any) -> bool:
    """A process that finds no PostgreSQL when it starts ends and is started again by whoever started it."""
    log = fleet.home / "log" / "worker.log"
    return log.exists() and "worker_runs" in log.read_text()


async def test_postgresql_killed_means_503_and_then_everything_goes_on(
    fleet: Any, people_of_the_fleet: Any, session: Any
) -> None:
    merchant, payer = people_of_the_fleet
    fleet.start("api", "serve")
    fleet.start("worker", "work")
    await fleet.answers(session)
    await eventually(lambda: the_worker_runs(fleet), bool, "the worker to run")
    phone = a_phone("+22177", 7)
    made = await merchant.pay("orange_sn", phone)
    os.kill(fleet.servers.process_ids["postgres"], signal.SIGKILL)
    status, problem = await merchant.checkout()
    assert (status, problem["code"]) == (503, "temporarily_unavailable")
    assert merchant.last_headers["retry-after"], merchant.last_headers
    await fleet.servers.start()
    await payer.decide(phone, "approve")
    await fleet.answers(session)
    paid = await merchant.until(made["id"], "succeeded")
    assert len(paid["attempts"]) == 1


async def test_a_second_start_finds_its_data_and_settles_what_was_open(
    tmp_path: Path, started: Any, people: Any, session: Any
) -> None:
    with started(tmp_path) as facts:
        merchant, _ = people(session, facts["url"], facts["api_key"], facts["phone_url"])
        phone = a_phone("+22177", 7)
        made = await merchant.pay("orange_sn", phone)
    assert not (tmp_path / "ready.json").exists()
    with started(tmp_path) as facts:
        merchant, payer = people(session, facts["url"], facts["api_key"], facts["phone_url"])
        assert (await merchant.read(made["id"]))["status"] == "processing"
        await payer.decide(phone, "approve")
        await merchant.until(made["id"], "succeeded")
