"""A page of the dashboard hears that something changed: of its own merchant and mode, while its person is signed in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from desk import Desk, Visitor

from afriflow.core.clock import SystemClock
from afriflow.core.errors import Unavailable
from afriflow.core.permission import Permission, Role
from afriflow.core.transaction import Mode
from afriflow.ledger.watch import End, Listener, Watch

PATIENCE_SECONDS = 20.0
_PAY = """
INSERT INTO transactions (merchant_id, id, mode, status, amount_minor, currency, country, reference, customer,
    payer_chooses, language, metadata, idempotency_key, token, expires_at)
VALUES ($1, $2, $3, 'processing', 5000, 'XOF', 'SN', $2, '{}', true, 'en', '{}', $2, $2, now() + interval '1 hour')
"""
_CHANGE = (
    "UPDATE transactions SET status = 'succeeded', updated_at = now() WHERE merchant_id = $1 AND id = $2"
)


class Line:
    """What one page hears."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def hears(self) -> str:
        """Give the next event's name, `closed` where there is no next one."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for line in self._answer.content:
                if line.startswith(b"event: "):
                    return line.removeprefix(b"event: ").strip().decode()
        return "closed"

    async def hears_nothing(self) -> bool:
        """Wait longer than two looks take."""
        try:
            async with asyncio.timeout(2.1):
                await self.hears()
        except TimeoutError:
            return True
        return False


@contextlib.asynccontextmanager
async def listening(visitor: Visitor, query: str = "") -> AsyncIterator[Line]:
    # A page that is made a moment from now has missed nothing.
    query = query or f"since={_moment(5)}"
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    headers = {"cookie": cookie, "accept": "text/event-stream"}
    url = f"{visitor.desk.url}/dashboard/live?{query}"
    async with visitor.session.get(url, headers=headers, allow_redirects=False) as answer:
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield Line(answer)


def _moment(ahead_seconds: float) -> int:
    return int((datetime.now(UTC).timestamp() + ahead_seconds) * 1000)


async def pay(desk: Desk, merchant_id: str, mode: str = "test") -> str:
    transaction_id = desk.house.ids.new("txn")
    await desk.rows.execute(_PAY, merchant_id, transaction_id, mode)
    return transaction_id


@pytest.fixture
async def owner(desk: Desk) -> Visitor:
    return await desk.come_in()


async def test_a_page_hears_of_its_own_merchant_and_mode_and_of_no_other(desk: Desk, owner: Visitor) -> None:
    mine, stranger = await desk.merchant_of(owner.email), await desk.merchant("Another")
    async with listening(owner) as line:
        await pay(desk, stranger)
        await pay(desk, mine, "live")
        assert await line.hears_nothing()
        transaction_id = await pay(desk, mine)
        assert await line.hears() == "changed"
        await desk.rows.execute(_CHANGE, mine, transaction_id)
        assert await line.hears() == "changed"
        assert await line.hears_nothing()  # and of each change once


async def test_the_page_of_one_payment_hears_of_that_one_alone(desk: Desk, owner: Visitor) -> None:
    mine = await desk.merchant_of(owner.email)
    shown = await pay(desk, mine)
    async with listening(owner, f"since={_moment(5)}&about={shown}") as line:
        await pay(desk, mine)
        assert await line.hears_nothing()
        await desk.rows.execute(_CHANGE, mine, shown)
        assert await line.hears() == "changed"


async def test_a_page_that_comes_back_is_told_at_once_that_it_may_have_missed_something(
    desk: Desk, owner: Visitor
) -> None:
    async with listening(owner, "since=1") as line:
        assert await line.hears() == "changed"


async def test_what_changed_while_the_page_was_on_its_way_is_told(desk: Desk) -> None:
    watch = Watch(desk.house.database, SystemClock(), look_seconds=0.05, per_person_max=2)
    merchant_id, made_at = await desk.merchant(), datetime.now(UTC)
    await pay(desk, merchant_id)
    late = Listener(merchant_id, Mode.TEST, "p", None, made_at)
    watch.listen(late)
    await asyncio.wait_for(late.called.wait(), PATIENCE_SECONDS)
    early = Listener(merchant_id, Mode.TEST, "p", None, made_at + timedelta(seconds=5))
    watch.listen(early)
    await asyncio.sleep(0.3)
    assert not early.called.is_set()
    watch.close()
    assert (late.end, early.end) == (End.GOING, End.GOING)
    refused = Listener(merchant_id, Mode.TEST, "p", None, made_at)
    watch.listen(refused)
    assert refused.end is End.GOING


async def test_a_change_that_is_committed_late_is_not_missed(desk: Desk) -> None:
    """Its time lies before what was seen last: no number that only grows would find it."""
    watch = Watch(desk.house.database, SystemClock(), look_seconds=0.05, per_person_max=2)
    merchant_id = await desk.merchant()
    listener = Listener(merchant_id, Mode.TEST, "p", None, datetime.now(UTC) + timedelta(seconds=5))
    watch.listen(listener)
    async with desk.house.database.transaction() as slow:
        await slow.execute(_PAY, merchant_id, desk.house.ids.new("txn"), "test")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not listener.called.is_set():
                await pay(desk, merchant_id)
                await asyncio.sleep(0.1)
        await asyncio.sleep(0.2)
        listener.called.clear()
    await asyncio.wait_for(listener.called.wait(), PATIENCE_SECONDS)
    watch.close()


async def test_nobody_looks_while_nobody_listens_and_a_database_that_is_away_ends_no_page(desk: Desk) -> None:
    class Away:
        looks = 0

        def connection(self) -> Any:
            self.looks += 1
            raise Unavailable(reason="away")

    away = Away()
    watch = Watch(away, SystemClock(), look_seconds=0.02, per_person_max=2)  # type: ignore[arg-type]
    await asyncio.sleep(0.1)
    assert away.looks == 0
    listener = Listener("m", Mode.TEST, "p", None, None)
    watch.listen(listener)
    await asyncio.sleep(0.2)
    assert away.looks > 1
    assert listener.end is None
    watch.leave(listener)
    await asyncio.sleep(0.1)
    looks = away.looks
    await asyncio.sleep(0.1)
    assert away.looks == looks


async def test_one_person_keeps_only_so_many_pages_live(desk: Desk, owner: Visitor) -> None:
    async with contextlib.AsyncExitStack() as stack:
        lines = [
            await stack.enter_async_context(listening(owner))
            for _ in range(desk.house.settings.live_pages_per_person_max + 1)
        ]
        assert await lines[0].hears() == "end"
        assert await lines[0].hears() == "closed"
        await pay(desk, await desk.merchant_of(owner.email))
        assert [await line.hears() for line in lines[1:]] == ["changed"] * (len(lines) - 1)


async def test_a_session_that_is_over_ends_the_page_and_the_page_says_so_at_the_next_click(
    desk: Desk, owner: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(desk.house.settings, "live_heartbeat_seconds", 0.2)
    try:
        async with listening(owner) as line:
            assert (await owner.get("/dashboard/")).status == 200
            assert (await owner.post("/dashboard/sign-out")).status == 303
            assert await line.hears() == "end"
    finally:
        object.__setattr__(desk.house.settings, "live_heartbeat_seconds", 15.0)
    headers = {"accept-language": "en", "hx-request": "true"}
    async with owner.session.get(f"{desk.url}/dashboard", headers=headers, allow_redirects=False) as answer:
        assert answer.status == 401  # htmx leaves the page as it is
    assert (await owner.get("/dashboard")).location.startswith("/dashboard/sign-in")
    headers = {"accept": "text/event-stream"}
    async with owner.session.get(f"{desk.url}/dashboard/live", headers=headers) as answer:
        assert answer.status == 401


async def test_a_page_that_refreshes_itself_keeps_no_session_alive(desk: Desk, owner: Visitor) -> None:
    await desk.let_age("seen_at", 5)
    seen = "SELECT seen_at FROM dashboard_sessions s JOIN people p ON p.id = s.person_id WHERE p.email = $1"
    before = await desk.rows.fetchval(seen, owner.email)
    cookie = "; ".join(f"{name}={value}" for name, value in owner.cookies.items())
    async with owner.session.get(
        f"{desk.url}/dashboard", headers={"hx-request": "true", "cookie": cookie}
    ) as answer:
        assert answer.status == 200
    async with listening(owner):
        pass
    assert await desk.rows.fetchval(seen, owner.email) == before
    await owner.get("/dashboard")
    assert await desk.rows.fetchval(seen, owner.email) > before


async def test_every_role_that_reads_payments_hears_of_them(desk: Desk) -> None:
    for role in Role:
        assert Permission.TRANSACTIONS_READ in role.permissions
        async with listening(await desk.come_in(role)):
            pass
