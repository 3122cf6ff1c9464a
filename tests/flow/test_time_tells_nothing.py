"""Whether time tells what answers do not: that an id is another merchant's, or that an address has an account.

Both ways are taken in a drawn order, so that whatever slows the machine slows both, and compared by Welch's t, as
dudect does (Reparaz et al., 2017): beyond 4.5 they are told apart. A thousand in the tests; scripts/timing for more.
"""

import os
import random
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import fmean, quantiles, variance
from typing import Any

import pytest

from afriflow.core.clock import SystemClock
from afriflow.core.errors import Unauthenticated
from afriflow.core.ids import Ids
from afriflow.core.permission import Role
from afriflow.core.transaction import Mode
from afriflow.db.engine import Database
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.api_keys import make_key
from afriflow.merchants.people import put_people
from afriflow.merchants.sessions import Browser
from afriflow.merchants.team import add_person
from afriflow.settings import Settings

COUNT = int(os.environ.get("TIMINGS", "1000"))
# A password is hashed each time, which takes as long as a hundred questions.
SIGN_INS = max(10, COUNT // 100)
TOLD_APART = 4.5
IDS = Ids(SystemClock())

# What takes one of the two ways, and does not mind which.
Way = Callable[[], Awaitable[None]]


async def t_of(one: Way, other: Way, count: int) -> float:
    """Give Welch's t of two ways, each taken about half of `count` times; the slowest tenth is the machine's."""
    chance = random.Random(17)
    for way in (one, other) * 5:  # what is warm stays out of it
        await way()
    taken: tuple[list[int], list[int]] = ([], [])
    for _ in range(count):
        which = chance.random() < 0.5
        began = time.perf_counter_ns()
        await (other if which else one)()
        taken[which].append(time.perf_counter_ns() - began)
    slow = quantiles([*taken[0], *taken[1]], n=10)[-1]
    left, right = ([value for value in values if value <= slow] for values in taken)
    spread = variance(left) / len(left) + variance(right) / len(right)
    t = (fmean(left) - fmean(right)) / spread**0.5
    sys.stdout.write(f"{count} times: {fmean(left) / 1e6:.3f} and {fmean(right) / 1e6:.3f} ms, t = {t:.2f}\n")
    return t


async def test_the_measure_itself_tells_what_takes_twice_as_long() -> None:
    def lasting(milliseconds: int) -> Way:
        async def last() -> None:
            end = time.perf_counter_ns() + milliseconds * 1_000_000
            while time.perf_counter_ns() < end:
                pass

        return last

    assert abs(await t_of(lasting(2), lasting(1), 200)) > TOLD_APART


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("listing", ["transactions", "refunds"])
async def test_another_merchants_object_takes_as_long_as_none(
    merchant: Any, session: Any, demo: dict[str, Any], rows: Any, vault: Any, listing: str
) -> None:
    made = await merchant.pay("orange_sn", "+221773456789")
    await merchant.until(made["id"], "succeeded")
    there = made["id"]
    if listing == "refunds":
        key = {"idempotency-key": uuid.uuid4().hex}
        _, refund = await merchant.call("POST", "/api/refunds", {"transaction": there}, headers=key)
        there = refund["id"]
    stranger = await make_merchant(rows, IDS, name="Stranger", country="GH", language="en")
    key = await make_key(rows, vault, IDS, merchant_id=stranger, mode=Mode.TEST)

    def asking(name: str) -> Way:
        async def ask() -> None:
            url = f"{demo['url']}/api/{listing}/{name}"
            async with session.get(url, headers={"authorization": f"Bearer {key}"}) as response:
                await response.read()
                assert response.status == 404, response.status

        return ask

    nowhere = IDS.new(there.partition("_")[0])
    assert abs(await t_of(asking(there), asking(nowhere), COUNT)) < TOLD_APART


@pytest.mark.timeout(3600)
async def test_an_address_without_an_account_is_refused_as_slowly_as_one_with(
    demo: dict[str, Any], rows: Any, vault: Any, rows_url: str
) -> None:
    owner = await rows.fetchval("SELECT merchant_id FROM provider_accounts LIMIT 1")
    known = f"{uuid.uuid4().hex[:12]}@owner.test"
    password = "a long sentence of a test"
    await add_person(rows, IDS, merchant_id=owner, email=known, password=password, role=Role.SUPPORT)
    database = await Database.connect(rows_url, connections_max=2, statement_timeout_seconds=30)
    door = put_people(database, vault, IDS, SystemClock(), Settings(home=Path(demo["home"]))).door

    def knocking(email: str) -> Way:
        async def knock() -> None:
            with pytest.raises(Unauthenticated):
                await door.come_in(email, "another sentence of a test", Browser("192.0.2.7", "a test"), None)

        return knock

    try:
        nobody = f"{uuid.uuid4().hex[:12]}@owner.test"
        assert abs(await t_of(knocking(known), knocking(nobody), SIGN_INS)) < TOLD_APART
    finally:
        await database.close()
