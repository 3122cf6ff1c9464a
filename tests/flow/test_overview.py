"""How payments went is told truly: summed up or not, however late something changes, and to nobody else's account."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from desk import Desk, Visitor

from afriflow.core.ids import Ids, first_id
from afriflow.core.permission import Role
from afriflow.core.transaction import Mode
from afriflow.ledger.tally import Sums, Tally, read_tally
from afriflow.ledger.tally_store import TOOK_SECONDS
from afriflow.web.chart import HEIGHT, draw
from afriflow.web.dashboard_overview import show_duration

HOUR = timedelta(hours=1)
_PAY = """
INSERT INTO transactions (merchant_id, id, mode, status, amount_minor, currency, country, reference, customer,
    payer_chooses, language, metadata, idempotency_key, token, created_at, updated_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $2, '{}', true, 'en', '{}', $2, $2, $8, $9, $8)
"""
_ORDER = """
INSERT INTO attempts (merchant_id, id, mode, transaction_id, number, provider, account_id, reference, status,
    amount_minor, currency, payment_method_id, body_hash, created_at, finished_at)
VALUES ($1, $2, $3, $4, $5, $6, 'acc', $2, $7, $8, $9, $10, '', $11, $12)
"""
_METHOD = """
INSERT INTO payment_methods (merchant_id, id, mode, type, country, operator) VALUES ($1, $2, 'test', $3, $4, $5)
"""


class Shop:
    """A merchant with payments that are known."""

    def __init__(self, desk: Desk, merchant_id: str) -> None:
        self.desk, self.merchant_id = desk, merchant_id
        self.now = datetime.now(UTC)

    async def pay(
        self, status: str, *orders: tuple[str, str], took: float = 0, mode: str = "test", **how: Any
    ) -> str:
        """Make a payment. orders: provider and how it ended. took: seconds. how: ago, amount_minor, currency."""
        at = self.now - how.get("ago", timedelta())
        transaction_id = first_id("txn", at)[:-8] + self.desk.house.ids.new("txn")[-8:]
        amount, currency, country = how.get("amount_minor", 1000), how.get("currency", "XOF"), "SN"
        row = (
            self.merchant_id,
            transaction_id,
            mode,
            status,
            amount,
            currency,
            country,
            at,
            datetime.now(UTC),
        )
        await self.desk.rows.execute(_PAY, *row)
        for number, (provider, ended) in enumerate(orders, start=1):
            done = at + timedelta(seconds=took) if ended in {"succeeded", "failed"} else None
            kept = (
                f"att{transaction_id}{number}",
                mode,
                transaction_id,
                number,
                provider,
                ended,
                amount,
                currency,
            )
            await self.desk.rows.execute(_ORDER, self.merchant_id, *kept, "wave", at, done)
        return transaction_id

    async def sum_up(self) -> None:
        """Have a run of the worker, and let so much time pass that what it saw is not looked at again."""
        await self.desk.house.tallier.tally()
        age = "UPDATE transactions SET updated_at = updated_at - interval '10 minutes' WHERE merchant_id = $1"
        await self.desk.rows.execute(age, self.merchant_id)

    async def tally(self, days: int = 30) -> Tally:
        until = self.now.replace(minute=0, second=0, microsecond=0) + HOUR
        since = until - timedelta(days=days)
        return await read_tally(self.desk.house.database, self.merchant_id, Mode.TEST, since, until)


@pytest.fixture
async def shop(desk: Desk) -> Shop:
    made = Shop(desk, await desk.merchant())
    await desk.rows.execute(_METHOD, made.merchant_id, "wave", "mobile_money", "SN", "wave_sn")
    return made


def whole(tally: Tally) -> Sums:
    total = Sums()
    for _, _, sums in tally.hours:
        total.add(sums)
    return total


async def some_payments(shop: Shop) -> None:
    """Six: three paid, after 5, 20 and 20 seconds; one of them at the second provider that was asked."""
    old = {"ago": timedelta(days=3)}
    await shop.pay("succeeded", ("pawapay", "succeeded"), took=5, **old)
    await shop.pay(
        "succeeded", ("paydunya", "failed"), ("pawapay", "succeeded"), took=20, amount_minor=500, **old
    )
    await shop.pay("succeeded", ("pawapay", "succeeded"), took=20, currency="XAF", amount_minor=7)
    await shop.pay("failed", ("paydunya", "failed"), took=3)
    await shop.pay("expired")
    await shop.pay("processing", ("pawapay", "pending"))
    await shop.pay("succeeded", ("pawapay", "succeeded"), took=9, mode="live")
    await shop.pay("succeeded", ("pawapay", "succeeded"), took=9, ago=timedelta(days=40))


async def test_figures_are_the_same_before_and_after_they_are_summed_up_however_often(shop: Shop) -> None:
    await some_payments(shop)
    before = await shop.tally()
    for _ in range(2):
        await shop.sum_up()
        after = await shop.tally()
        assert after.hours == before.hours
        assert sorted(map(repr, after.ways)) == sorted(map(repr, before.ways))
    sums = whole(before)
    assert (sums.begun, sums.ended, sums.succeeded, sums.percent) == (6, 5, 3, 60)
    by_currency = {currency: 0 for _, currency, _ in before.hours}
    for _, currency, item in before.hours:
        by_currency[currency] += item.amount_minor
    assert by_currency == {"XOF": 1500, "XAF": 7}
    ways = {(way.provider, way.currency): way.sums for way in before.ways}
    assert {(way.operator, way.country) for way in before.ways} == {("wave_sn", "SN")}
    assert (ways["paydunya", "XOF"].begun, ways["paydunya", "XOF"].percent) == (2, 0)
    first = ways["pawapay", "XOF"]
    assert (first.begun, first.ended, first.succeeded, first.amount_minor) == (3, 2, 2, 1500)
    # What stands is read, and not counted anew.
    await shop.desk.rows.execute(
        "UPDATE tallies SET begun = begun + 100 WHERE merchant_id = $1 AND hour < $2 AND mode = 'test' AND provider = ''"
        " AND hour > $3",
        *(shop.merchant_id, shop.now - timedelta(days=2), shop.now - timedelta(days=5)),
    )
    assert whole(await shop.tally()).begun == 106


async def test_a_payment_of_long_ago_that_changes_now_changes_its_hour(shop: Shop) -> None:
    """Late money: it counts in the hour in which the payment was made, read at once and summed up by the next run."""
    late = await shop.pay("expired", ("pawapay", "pending"), ago=timedelta(days=9))
    await shop.sum_up()
    assert whole(await shop.tally()).percent == 0
    await shop.desk.rows.execute(
        "UPDATE attempts SET status = 'succeeded', finished_at = now() WHERE merchant_id = $1",
        shop.merchant_id,
    )
    await shop.desk.rows.execute(
        "UPDATE transactions SET status = 'succeeded', late = true, updated_at = now() WHERE id = $1", late
    )
    for _ in range(2):
        sums = whole(await shop.tally())
        assert (sums.begun, sums.succeeded, sums.amount_minor, sums.percent) == (1, 1, 1000, 100)
        assert sums.took[-1] == 1  # longer than a day
        await shop.sum_up()


async def test_no_merchant_sees_what_another_earned(shop: Shop) -> None:
    await some_payments(shop)
    other = Shop(shop.desk, await shop.desk.merchant())
    assert (await other.tally()).hours == []
    await shop.desk.house.tallier.tally()
    assert (await other.tally()).hours == []


def test_half_of_the_payers_took_at_most_the_median() -> None:
    """Within the class in which it lies, a straight line is drawn."""
    sums = Sums()
    assert (sums.percent, sums.median_seconds) == (None, None)
    sums.took[TOOK_SECONDS.index(5)] = 1
    assert sums.median_seconds == 4
    sums.took[TOOK_SECONDS.index(25)] = 2  # between 20 and 25 s
    assert sums.median_seconds == 21
    sums.took[-1] = 10
    assert sums.median_seconds == TOOK_SECONDS[-1]
    assert [show_duration(item, "en") for item in (None, 9, 130, 7_500)] == [
        "–",
        "9 s",
        "2 min 10 s",
        "2 h 5 min",
    ]


def test_a_chart_piles_up_what_is_there_and_shows_the_least_of_it() -> None:
    chart = draw([[("good", 1_000), ("lost", 1)], [("good", 0)], [("good", 500)]])
    assert chart.highest == 1_001
    assert [(bar.kind, bar.x, bar.y + bar.height) for bar in chart.bars[::2]] == [
        ("good", 1, HEIGHT),
        ("good", 21, HEIGHT),
    ]
    assert chart.bars[1].height > 5
    assert all(bar.y >= 0 and bar.height > 0 for bar in chart.bars)
    assert draw([[], []]).bars == []


async def owner_of(shop: Shop, role: Role = Role.OWNER) -> Visitor:
    return await shop.desk.come_in(role, shop.merchant_id)


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


async def test_the_page_says_the_figures_of_its_period_in_the_merchants_time(shop: Shop) -> None:
    # The desk's own clock stands still at noon; this merchant's payments are of that day.
    shop.now = shop.desk.clock.now() - timedelta(minutes=30)
    await some_payments(shop)
    visitor = await owner_of(shop)
    page = words((await visitor.get("/dashboard/overview?period=week")).words)
    assert "Days and hours are those of Africa/Dakar" in page
    assert "F CFA 1,500 FCFA 7" in page
    assert "Payments 6" in page
    assert "60% 3 of 5 that ended" in page
    assert "Half pay within 21 s" in page  # 5, 20 and 20, to about a tenth
    assert re.search(r"pawaPay Wave · Senegal .* 100% .* F CFA 1,500", page)
    assert re.search(r"PayDunya Wave · Senegal .* 0%", page)
    today = words((await visitor.get("/dashboard/overview")).words)
    assert "Payments 4" in today
    assert "33% 1 of 3 that ended" in today
    assert "Nothing waits for you." in today
    empty = await (await shop.desk.come_in()).get("/dashboard/overview?period=month")
    assert "No payments in this time" in empty.words


async def test_what_needs_a_person_is_counted_with_the_way_to_it(shop: Shop) -> None:
    rows, merchant_id = shop.desk.rows, shop.merchant_id
    looked_at, stuck = await shop.pay("succeeded"), await shop.pay("processing")
    await rows.execute("UPDATE transactions SET needs_review = true WHERE id = $1", looked_at)
    await rows.execute("UPDATE transactions SET unresolved = true WHERE id = $1", stuck)
    await rows.execute(
        "INSERT INTO disbursements (merchant_id, id, mode, kind, status, amount_minor, currency, country,"
        " payment_method_id, metadata, language, provider, account_id, reference, body_hash, unresolved)"
        " VALUES ($1, 'pyo_' || $1, 'test', 'payout', 'unknown', 5, 'XOF', 'SN', 'wave', '{}', 'en', 'pawapay', 'acc', $1, '', true)",
        merchant_id,
    )
    ids: Ids = shop.desk.house.ids
    endpoint, event = ids.new("whe"), ids.new("evt")
    await rows.execute(
        "INSERT INTO webhook_endpoints (merchant_id, id, mode, url, sealed_secret, disabled_at)"
        " VALUES ($1, $2, 'test', 'https://shop.example', '', now())",
        merchant_id,
        endpoint,
    )
    for status, tries in (("waiting", 3), ("waiting", 0), ("given_up", 13), ("delivered", 2)):
        await rows.execute(
            "INSERT INTO deliveries (merchant_id, id, mode, event_id, endpoint_id, subject_id, sequence, status, tries)"
            " VALUES ($1, $2, 'test', $3, $4, $3, 1, $5, $6)",
            *(merchant_id, ids.new("dlv"), event, endpoint, status, tries),
        )
    await rows.execute(
        "INSERT INTO jobs.pgqueuer (priority, entrypoint, payload, status) VALUES (0, 'follow', $1, 'failed')",
        f'{{"merchant_id": "{merchant_id}"}}'.encode(),
    )
    page = (await (await owner_of(shop)).get("/dashboard/overview")).words
    found = dict(re.findall(r'id="need-(\w+)" href="[^"]+"><span class="count">(\d+)</span>', page))
    assert found == {
        "payments_review": "1",
        "payments_unresolved": "1",
        "payouts_unresolved": "1",
        "jobs_held": "1",
        "endpoints_disabled": "1",
        "deliveries_failing": "1",
        "deliveries_given_up": "1",
    }
    stranger = (await (await shop.desk.come_in()).get("/dashboard/overview")).words
    assert "Nothing waits for you." in stranger
