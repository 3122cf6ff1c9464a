"""Nobody is plagued with prompts: one phone is asked a few times and no more, whoever asks, with Redis or without."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from afriflow.checkout.prompt_limit import PromptLimit
from afriflow.core.errors import TooManyPrompts
from afriflow.core.method import Authorization, MethodType, PaymentMethod
from afriflow.core.msisdn import Msisdn
from afriflow.core.transaction import Mode
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.prompts import put_prompts_unlimited
from afriflow.torture.fleet import Fleet

LIMITED = {"AFRIFLOW_PROMPT_LIMITS_IN_TEST": "true", "AFRIFLOW_PROMPT_PAUSES_SECONDS": "0,0,0"}


@pytest.fixture(scope="module")
async def limited(
    tmp_path_factory: pytest.TempPathFactory, open_fleet: Any, session: Any
) -> AsyncIterator[Fleet]:
    async with open_fleet(tmp_path_factory.mktemp("prompts")) as opened:
        opened.start("api", "serve", **LIMITED)
        opened.start("worker", "work", **LIMITED)
        await opened.answers(session)
        yield opened


@pytest.fixture
def merchant(limited: Fleet, people: Any, session: Any) -> Any:
    return people(session, limited.url, limited.ready.merchant.api_key, "")[0]


def a_phone() -> str:
    return "+22177" + str(uuid.uuid4().int)[:7]


async def ask(merchant: Any, phone: str, **fields: Any) -> tuple[int, Any]:
    method = {"type": "mobile_money", "operator": fields.pop("operator", "orange_sn"), "phone": phone}
    return await merchant.checkout(payment_method=method, **fields)


async def test_a_second_prompt_waits_until_the_first_is_gone_and_nothing_of_it_is_kept(
    limited: Fleet, merchant: Any
) -> None:
    phone, key, reference = a_phone(), uuid.uuid4().hex, uuid.uuid4().hex
    status, first = await ask(merchant, phone)
    assert status == 201, first
    status, problem = await ask(merchant, phone, key=key, reference=reference)
    assert (status, problem["code"]) == (429, "too_many_prompts")
    assert 100 < int(merchant.last_headers["retry-after"]) <= 121
    _, found = await merchant.call("GET", f"/api/transactions?reference={reference}")
    assert found["data"] == []
    assert len(limited.handset.prompts(phone.removeprefix("+"))) == 1
    # Neither the key nor the reference is used up.
    await age(limited, 130)
    status, second = await ask(merchant, phone, key=key, reference=reference)
    assert status == 201, second
    assert len(limited.handset.prompts(phone.removeprefix("+"))) == 2


async def test_a_payer_who_chooses_on_the_page_is_told_to_wait_in_words(
    limited: Fleet, merchant: Any, session: Any
) -> None:
    phone = a_phone()
    await ask(merchant, phone)
    _, made = await merchant.checkout()
    method = {"type": "mobile_money", "operator": "orange_sn", "phone": phone}
    status, problem = await merchant.call(
        "POST", f"/api/transactions/{made['id']}/confirm", {"payment_method": method}
    )
    assert (status, problem["code"]) == (429, "too_many_prompts")
    form = {"method": "orange_sn", "phone": phone}
    headers = {"origin": limited.url, "accept-language": "en"}
    async with session.post(made["checkout_url"], data=form, headers=headers) as answer:
        assert answer.status == 422
        assert "has just been asked to pay" in await answer.text()
    assert (await merchant.read(made["id"]))["status"] == "requires_payment_method"


async def test_where_no_phone_rings_nobody_is_limited(merchant: Any) -> None:
    phone = a_phone()
    for _ in range(5):
        status, made = await ask(merchant, phone, operator="wave_sn")
        assert status == 201, made


class _Choice:
    """What routing decided, as far as it is looked at."""

    def __init__(self, authorization: Authorization) -> None:
        self.candidates = [
            type("Candidate", (), {"route": type("Route", (), {"authorization": authorization})})
        ]


async def tries(
    limited: Fleet, count: int, phone: str, merchants: list[str], *, mode: Mode = Mode.LIVE
) -> int:
    """Try to ask a phone this often at once, each in a transaction of its own; gives how often it was."""
    limits = replace(limited.house.creator.prompt_limit.limits, pauses_seconds=(0, 60))
    limit = PromptLimit(limited.house.vault, limits)
    method = PaymentMethod(MethodType.MOBILE_MONEY, "SN", "orange_sn", Msisdn(phone, "SN", 221))
    choice: Any = _Choice(Authorization.APPROVE_ON_PHONE)

    async def one(number: int) -> bool:
        row: Any = {
            "merchant_id": merchants[number % len(merchants)],
            "id": f"txn_{uuid.uuid4().hex}",
            "mode": mode,
        }
        try:
            async with limited.house.database.transaction() as connection:
                await limit.admit(connection, row, method, choice)
        except TooManyPrompts as error:
            return int(str(error.facts["retry_after_seconds"])) <= 0
        return True

    return sum(await asyncio.gather(*(one(number) for number in range(count))))


async def make_merchants(limited: Fleet, count: int) -> list[str]:
    house = limited.house
    async with house.database.transaction() as connection:
        return [
            await make_merchant(connection, house.ids, name=f"M{number}", country="SN", language="fr")
            for number in range(count)
        ]


async def age(limited: Fleet, seconds: int) -> None:
    """Let time go by for all prompts."""
    async with limited.house.database.connection() as connection:
        await connection.execute(
            "UPDATE prompts SET asked_at = asked_at - make_interval(secs => $1)", float(seconds)
        )


async def test_of_a_thousand_tries_by_two_merchants_in_a_day_ten_ring_and_three_in_ten_minutes(
    limited: Fleet,
) -> None:
    merchants, phone = await make_merchants(limited, 2), a_phone()
    rung: list[int] = []
    for _ in range(50):
        rung.append(await tries(limited, 20, phone, merchants))
        await age(limited, 60)
    assert rung[0] == 2  # after the second one comes a pause
    assert sum(rung) == 10
    for first in range(len(rung)):
        assert sum(rung[first : first + 10]) <= 3
    await age(limited, 86_400)
    assert await tries(limited, 1, phone, merchants) == 1


async def test_test_and_live_are_counted_apart_and_so_are_phones(limited: Fleet) -> None:
    merchants, phone = await make_merchants(limited, 1), a_phone()
    assert await tries(limited, 5, phone, merchants) == 2
    assert await tries(limited, 5, a_phone(), merchants) == 2
    assert await tries(limited, 5, phone, merchants, mode=Mode.TEST) == 5  # off where it was not asked for


async def test_a_merchant_whose_limits_were_lifted_may_and_the_others_still_not(limited: Fleet) -> None:
    (free, bound), phone = await make_merchants(limited, 2), a_phone()
    async with limited.house.database.transaction() as connection:
        await put_prompts_unlimited(connection, free, unlimited=True, who="terminal:test")
    assert await tries(limited, 20, phone, [free]) == 20
    assert await tries(limited, 20, phone, [bound]) == 0
    async with limited.house.database.transaction() as connection:
        await put_prompts_unlimited(connection, free, unlimited=False, who="terminal:test")
    assert await tries(limited, 20, phone, [free]) == 0


async def test_without_redis_it_is_counted_all_the_same_across_merchants(
    limited: Fleet, merchant: Any
) -> None:
    os.kill(limited.servers.process_ids["redis"], signal.SIGKILL)
    phone = a_phone()
    answers = await asyncio.gather(*(ask(merchant, phone) for _ in range(8)))
    assert sorted(status for status, _ in answers) == [201] + [429] * 7
    assert len(limited.handset.prompts(phone.removeprefix("+"))) == 1
    assert await tries(limited, 200, a_phone(), await make_merchants(limited, 4)) == 2
