"""One key, one payment, for ever: a hundred at once, with another body, with another key, with Redis emptied."""

import asyncio
import json
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis


def a_phone() -> str:
    return "+22177" + str(uuid.uuid4().int)[:7]


def a_body(phone: str | None = None, **fields: Any) -> dict[str, Any]:
    method = {"payment_method": {"type": "mobile_money", "operator": "orange_sn", "phone": phone}}
    reference = f"same-{uuid.uuid4().hex[:12]}"
    body = {"amount": 5000, "currency": "XOF", "country": "SN", "reference": reference}
    return {**body, **(method if phone else {}), **fields}


@pytest.fixture
async def crowd(demo: dict[str, Any]) -> Any:
    """Sends checkouts with connections of its own, all at once; gives status, headers and the very bytes."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(trust_env=False, connector=connector) as session:

        async def one(key: str, body: Any) -> tuple[int, Any, bytes]:
            headers = {"authorization": f"Bearer {demo['api_key']}", "idempotency-key": key}
            async with session.post(f"{demo['url']}/api/checkout", json=body, headers=headers) as response:
                return response.status, response.headers, await response.read()

        async def ask(*requests: tuple[str, Any]) -> list[tuple[int, Any, bytes]]:
            return await asyncio.gather(*(one(key, body) for key, body in requests))

        yield ask


@pytest.fixture
async def redis(demo: dict[str, Any]) -> Any:
    home = Path(demo["home"])
    note = home / "sockets"
    folder = Path(note.read_text()) if note.exists() else home / "run"
    async with Redis(unix_socket_path=str(folder / "valkey.sock")) as opened:
        yield opened


async def prompts(session: Any, demo: Any, phone: str) -> list[Any]:
    async with session.get(f"{demo['phone_url']}/prompts", params={"phone": phone}) as response:
        return await response.json()


async def test_a_hundred_requests_at_once_with_one_key_make_one_payment(
    demo: Any, crowd: Any, merchant: Any, payer: Any, session: Any
) -> None:
    phone, key = a_phone(), uuid.uuid4().hex
    answers = await crowd(*[(key, a_body(phone, reference=f"race-{key}"))] * 100)
    assert Counter(status for status, _, _ in answers) == {201: 100}
    assert len({body for _, _, body in answers}) == 1
    replayed = Counter(headers.get("idempotent-replayed") for _, headers, _ in answers)
    assert replayed == {None: 1, "true": 99}
    made = json.loads(answers[0][2])
    assert [attempt["number"] for attempt in made["attempts"]] == [1]
    _, found = await merchant.call("GET", f"/api/transactions?reference=race-{key}")
    assert [item["id"] for item in found["data"]] == [made["id"]]
    await payer.decide(phone, "approve")
    await merchant.until(made["id"], "succeeded")
    assert len(await prompts(session, demo, phone)) == 1
    await merchant.hears(made["id"], "created", "processing", "succeeded")


async def test_two_bodies_that_race_for_one_key_create_one_payment_and_the_others_hear_why(
    crowd: Any, merchant: Any
) -> None:
    for _ in range(3):
        key = uuid.uuid4().hex
        bodies = [a_body(reference=f"one-{key}"), a_body(reference=f"two-{key}", amount=6000)]
        answers = await crowd(*[(key, bodies[number % 2]) for number in range(100)])
        statuses = Counter(status for status, _, _ in answers)
        assert statuses == {201: 50, 422: 50}
        refused = [json.loads(body) for status, _, body in answers if status == 422]
        assert {problem["code"] for problem in refused} == {"idempotency_key_reused"}
        assert len({json.loads(body)["id"] for status, _, body in answers if status == 201}) == 1
        created = 0
        for name in ("one", "two"):
            _, found = await merchant.call("GET", f"/api/transactions?reference={name}-{key}")
            created += len(found["data"])
        assert created == 1


async def test_bodies_that_differ_under_the_same_reference_are_told_of_the_key(crowd: Any) -> None:
    key, reference = uuid.uuid4().hex, f"both-{uuid.uuid4().hex[:8]}"
    bodies = [a_body(reference=reference), a_body(reference=reference, amount=6000)]
    answers = await crowd(*[(key, bodies[number % 2]) for number in range(20)])
    codes = Counter(json.loads(body).get("code", "created") for _, _, body in answers)
    assert codes == {"created": 10, "idempotency_key_reused": 10}


async def test_a_key_outlives_redis(crowd: Any, merchant: Any, payer: Any, redis: Any) -> None:
    phone, key = a_phone(), uuid.uuid4().hex
    body = a_body(phone)
    [(status, _, first)] = await crowd((key, body))
    assert status == 201
    assert await redis.exists(*await redis.keys("*")), (
        "nothing was in Redis, so that emptying it proves nothing"
    )
    await redis.flushall()
    [(status, headers, again)] = await crowd((key, body))
    assert (status, headers["idempotent-replayed"], again) == (201, "true", first)
    [(status, _, other)] = await crowd((key, {**body, "amount": 1}))
    assert (status, json.loads(other)["code"]) == (422, "idempotency_key_reused")
    await payer.decide(phone, "approve")
    paid = await merchant.until(json.loads(first)["id"], "succeeded")
    assert len(paid["attempts"]) == 1


async def test_a_race_is_decided_though_redis_is_emptied_all_the_while(crowd: Any, redis: Any) -> None:
    over = asyncio.Event()

    async def empty() -> None:
        while not over.is_set():
            await redis.flushall()
            await asyncio.sleep(0)

    emptying = asyncio.create_task(empty())
    try:
        for _ in range(5):
            key, body = uuid.uuid4().hex, a_body()
            answers = await crowd(*[(key, body)] * 20)
            assert {status for status, _, _ in answers} == {201}
            assert len({body for _, _, body in answers}) == 1
    finally:
        over.set()
        await emptying


async def test_two_keys_for_one_reference_make_one_payment_and_the_other_is_told_which(crowd: Any) -> None:
    body = a_body()
    answers = await crowd(*[(uuid.uuid4().hex, body) for _ in range(20)])
    assert Counter(status for status, _, _ in answers) == {201: 1, 409: 19}
    [made] = [json.loads(content) for status, _, content in answers if status == 201]
    refused = [json.loads(content) for status, _, content in answers if status == 409]
    assert {problem["code"] for problem in refused} == {"reference_taken"}
    assert {problem["transaction_id"] for problem in refused} == {made["id"]}
    # A refusal binds nothing: its key is still free for another order.
    free = uuid.uuid4().hex
    assert (await crowd((free, body)))[0][0] == 409
    assert (await crowd((free, a_body())))[0][0] == 201


async def test_a_key_is_the_same_quoted_and_bare(crowd: Any) -> None:
    key, body = uuid.uuid4().hex, a_body()
    [(_, first_headers, first)] = await crowd((key, body))
    [(status, headers, again)] = await crowd((f'"{key}"', body))
    assert "idempotent-replayed" not in first_headers
    assert (status, headers["idempotent-replayed"], again) == (201, "true", first)


async def test_the_same_request_is_the_same_however_its_json_is_written(
    demo: Any, crowd: Any, session: Any
) -> None:
    key, body = uuid.uuid4().hex, a_body(metadata={"b": 1, "a": "x"})
    [(_, _, first)] = await crowd((key, body))
    turned = {name: body[name] for name in reversed(body)} | {"metadata": {"a": "x", "b": 1}}
    headers = {"authorization": f"Bearer {demo['api_key']}", "idempotency-key": key}
    headers["content-type"] = "application/json; charset=utf-8"
    text = json.dumps(turned, indent=3)
    async with session.post(f"{demo['url']}/api/checkout", data=text, headers=headers) as response:
        assert (response.status, await response.read()) == (201, first)


async def test_a_refused_request_binds_no_key(crowd: Any) -> None:
    key, body = uuid.uuid4().hex, a_body()
    assert (await crowd((key, {**body, "currency": "EUR"})))[0][0] == 422
    assert (await crowd((key, body)))[0][0] == 201


async def test_the_first_answer_is_given_again_though_the_payment_has_moved_on(
    crowd: Any, merchant: Any, payer: Any
) -> None:
    phone, key = a_phone(), uuid.uuid4().hex
    body = a_body(phone)
    [(_, _, first)] = await crowd((key, body))
    await payer.decide(phone, "approve")
    await merchant.until(json.loads(first)["id"], "succeeded")
    [(status, _, again)] = await crowd((key, body))
    assert (status, again) == (201, first)
