"""What an account holds is asked when somebody looks, once a minute at most, and no page waits for it or fails by it."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from afriflow.port.balances import Balance
from afriflow.routing.wallets import Wallets

HELD = (Balance("SN", "XOF", Decimal(1000)),)


class Till:
    """A provider that tells, fails or hangs."""

    def __init__(self, answer: Any = HELD, *, hangs: bool = False) -> None:
        self.answer, self.hangs, self.asked = answer, hangs, 0

    async def balances(self) -> Any:
        self.asked += 1
        await asyncio.sleep(3600 if self.hangs else 0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def looking(adapter: Any) -> tuple[Wallets, Any, Any]:
    clock = SimpleNamespace(at=datetime(2026, 11, 24, tzinfo=UTC))
    clock.now = lambda: clock.at
    factory: Any = SimpleNamespace(open=lambda _: SimpleNamespace(adapter=adapter))
    account: Any = SimpleNamespace(id="acc_1", provider="any")
    return Wallets(factory, clock, patience_seconds=0.05, fresh_seconds=60), account, clock


async def test_it_is_told_again_for_a_minute_however_many_look() -> None:
    till = Till()
    wallets, account, clock = looking(till)
    seen = await asyncio.gather(*(wallets.held_in(account) for _ in range(5)))
    assert {(held.balances, held.at) for held in seen if held} == {(HELD, clock.at)}
    assert till.asked == 1
    clock.at += timedelta(seconds=61)
    till.answer = ()
    later = await wallets.held_in(account)
    assert later is not None
    assert (later.balances, till.asked) == ((), 2)


@pytest.mark.parametrize("till", [Till(None), Till(hangs=True), Till(RuntimeError("broken"))])
async def test_a_provider_that_does_not_say_is_waited_for_a_moment_and_no_longer(till: Till) -> None:
    wallets, account, _ = looking(till)
    held = await wallets.held_in(account)
    assert held is not None
    assert held.balances is None


async def test_a_provider_that_never_tells_is_not_asked() -> None:
    wallets, account, _ = looking(object())
    assert await wallets.held_in(account) is None
