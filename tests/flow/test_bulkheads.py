"""A provider that hangs or asks for rest: the others go on, payers go elsewhere, questions come later."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from aiohttp import web

from afriflow.assembly import Assembly, assemble
from afriflow.checkout.request import CheckoutRequest, read_checkout
from afriflow.core.errors import ProviderBusy
from afriflow.core.transaction import Mode
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.keys import Caller
from afriflow.port.factory import specs
from afriflow.torture.fleet import Fleet

HANG_SECONDS = 3.0


@pytest.fixture(scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory, open_fleet: Any) -> AsyncIterator[Fleet]:
    """Servers and the other side; what pays is assembled in this process."""
    async with open_fleet(tmp_path_factory.mktemp("bulkheads")) as opened:
        yield opened


@pytest.fixture
async def house(ground: Fleet) -> AsyncIterator[Assembly]:
    settings = replace(
        ground.settings,
        provider_orders_max=2,
        provider_order_wait_seconds=0.2,
        provider_questions_max=2,
        provider_question_wait_seconds=0.2,
        provider_timeout_seconds=HANG_SECONDS,
        redis_timeout_seconds=5.0,
        breaker_lost_in_a_row=1000,
        breaker_calls_min=1000,
    )
    opened = await assemble(settings)
    yield opened
    await opened.close()


class Odd:
    """A provider that does what a test wants of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hangs = False
        self.over = asyncio.Event()
        self.status, self.headers = 429, {"Retry-After": "40"}

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path}")
        if self.hangs:
            await self.over.wait()
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture
async def odd() -> AsyncIterator[tuple[Odd, str]]:
    provider, app = Odd(), web.Application()
    app.router.add_route("*", "/{anything:.*}", provider.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield provider, f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
    provider.over.set()
    await runner.cleanup()


@pytest.fixture
async def caller(ground: Fleet, house: Assembly, odd: tuple[Odd, str]) -> Caller:
    """A merchant whose first account is the odd one, and whose second is well."""
    async with house.database.transaction() as connection:
        merchant_id = await make_merchant(connection, house.ids, name="B", country="SN", language="en")
        for priority, (provider, at) in enumerate(
            (("pawapay", odd[1]), ("paydunya", f"{ground.others_url}/simulators/paydunya"))
        ):
            spec = specs()[provider]
            await house.accounts.open_account(
                connection,
                merchant_id=merchant_id,
                account_id=f"{provider}_{merchant_id[-10:]}",
                mode=Mode.TEST,
                provider=provider,
                config=spec.demo_config,
                base_url=at + urlsplit(spec.base_urls[Mode.TEST]).path,
                priority=priority,
            )
    return Caller(merchant_id, "B", Mode.TEST, "SN", "en", "a test")


async def pay(house: Assembly, caller: Caller) -> Any:
    phone = "+22177" + str(uuid.uuid4().int)[:7]
    body = {
        "amount": 5000, "currency": "XOF", "country": "SN", "reference": uuid.uuid4().hex,
        "payment_method": {"type": "mobile_money", "operator": "orange_sn", "phone": phone},
    }  # fmt: skip
    request = msgspec.convert(body, CheckoutRequest)
    checkout = read_checkout(request, caller.mode, caller.language, house.checkout_limits)
    return msgspec.json.decode((await house.creator.create(caller, uuid.uuid4().hex, checkout)).body)


def attempts(made: Any) -> list[tuple[str, str]]:
    return [(attempt["provider"], attempt["status"]) for attempt in made["attempts"]]


async def rungs(house: Assembly, caller: Caller, made: Any, count: int) -> list[int]:
    """Follow an attempt so often; gives how long each that found no place was told to wait."""
    async with house.database.connection() as connection:
        query = "SELECT * FROM attempts WHERE merchant_id = $1 AND transaction_id = $2"
        attempt = await connection.fetchrow(query, caller.merchant_id, made["id"])
    waits: list[int] = []
    for _ in range(count):
        try:
            assert attempt is not None
            await house.follower.check(attempt)
        except ProviderBusy as busy:
            waits.append(int(str(busy.facts["retry_after_seconds"])))
    return waits


async def test_a_hanging_provider_holds_its_own_places_and_the_other_payers_go_elsewhere(
    house: Assembly, caller: Caller, odd: tuple[Odd, str]
) -> None:
    provider, _ = odd
    provider.hangs = True

    async def timed() -> tuple[float, Any]:
        begun = time.monotonic()
        made = await pay(house, caller)
        return time.monotonic() - begun, made

    found = await asyncio.gather(*(timed() for _ in range(8)))
    stuck = [made for _, made in found if attempts(made) == [("pawapay", "unknown")]]
    elsewhere = [
        seconds
        for seconds, made in found
        if attempts(made) == [("pawapay", "not_sent"), ("paydunya", "pending")]
    ]
    assert (len(stuck), len(elsewhere)) == (2, 6), [attempts(made) for _, made in found]
    assert len(provider.asked) == 2
    assert max(elsewhere) < HANG_SECONDS, "they did not wait for those who hang"


async def test_questions_to_a_provider_that_asks_for_rest_come_later(
    house: Assembly, caller: Caller, odd: tuple[Odd, str]
) -> None:
    provider, _ = odd
    provider.status = 500
    made = await pay(house, caller)
    assert attempts(made) == [("pawapay", "unknown")]
    provider.asked.clear()
    provider.status = 429
    waits = await rungs(house, caller, made, 6)
    assert len([path for path in provider.asked if path.startswith("GET")]) == 1
    assert len(waits) == 5
    assert all(38 <= wait <= 60 for wait in waits), waits
    assert attempts(await pay(house, caller)) == [("pawapay", "unknown")], (
        "payers are not made to wait for polls"
    )


async def test_payers_of_a_provider_that_asks_for_rest_go_elsewhere_with_nothing_sent(
    house: Assembly, caller: Caller, odd: tuple[Odd, str]
) -> None:
    provider, _ = odd
    first = await pay(house, caller)
    assert attempts(first) == [("pawapay", "unknown")], "a 429 to an order is no proof that it was not taken"
    asked = len(provider.asked)
    for _ in range(3):
        assert attempts(await pay(house, caller)) == [("pawapay", "not_sent"), ("paydunya", "pending")]
    assert len(provider.asked) == asked
    seen = await house.health.look(f"pawapay_{caller.merchant_id[-10:]}", "initiate", ["orange_sn"])
    assert all(item.allowed for item in seen.values()), "who asks us to be slower is well"
