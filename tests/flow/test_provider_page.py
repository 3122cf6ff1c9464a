"""A provider account's page: how it did hour by hour, what it holds and carries, and what was done to it."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from desk import Desk, Visitor

from afriflow.core.transaction import Mode
from afriflow.merchants.keys import Caller
from afriflow.routing.force import Decision

ACCOUNTS = "/dashboard/providers"


class Account:
    """An account of a merchant of its own, of which calls and ends are written down."""

    def __init__(self, desk: Desk, visitor: Visitor, merchant_id: str, hour: datetime) -> None:
        self.desk, self.visitor, self.merchant_id, self.hour = desk, visitor, merchant_id, hour
        self.id = f"pawapay_{merchant_id[-8:]}"

    async def called(self, hours_ago: int, status: int | None, milliseconds: int, attempt: str = "") -> None:
        await self.desk.rows.execute(
            "INSERT INTO provider_logs (merchant_id, id, mode, account_id, attempt_id, operation, method, url,"
            " request_headers, request_body, status, response_body, duration_ms, created_at)"
            " VALUES ($1, $2, 'test', $3, $4, 'initiate', 'POST', '', '{}', '', $5, '', $6, $7)",
            self.merchant_id, self.desk.house.ids.new("log"), self.id, attempt or None, status, milliseconds,
            self.hour - timedelta(hours=hours_ago),
        )  # fmt: skip

    async def ended(self, hours_ago: int, status: str, code: str | None = None) -> str:
        """Write a payment down that ended; gives its attempt."""
        new, at = self.desk.house.ids.new, self.hour - timedelta(hours=hours_ago)
        attempt, transaction, method = new("att"), new("txn"), new("pm")
        await self.desk.rows.execute(
            "INSERT INTO payment_methods (merchant_id, id, mode, type, country, operator, msisdn_index)"
            " VALUES ($1, $2, 'test', 'mobile_money', 'SN', 'orange_sn', $3)",
            self.merchant_id, method, method.encode(),
        )  # fmt: skip
        await self.desk.rows.execute(
            "INSERT INTO transactions (merchant_id, id, mode, status, amount_minor, currency, country, reference,"
            " customer, payer_chooses, language, metadata, idempotency_key, token, expires_at, updated_at)"
            " VALUES ($1, $2, 'test', $3, 500, 'XOF', 'SN', $2, '{}', false, 'en', '{}', $2, $2, now(), $4)",
            self.merchant_id, transaction, status, at,
        )  # fmt: skip
        await self.desk.rows.execute(
            "INSERT INTO attempts (merchant_id, id, mode, transaction_id, number, provider, account_id, reference,"
            " status, amount_minor, currency, payment_method_id, body_hash, failure, created_at, finished_at)"
            " VALUES ($1, $2, 'test', $3, 1, 'pawapay', $4, $2, $5, 500, 'XOF', $6, '', $7, $8, $9)",
            self.merchant_id, attempt, transaction, self.id, status, method,
            f'{{"code": "{code}"}}' if code else None, at - timedelta(seconds=4), at,
        )  # fmt: skip
        return attempt

    async def page(self, query: str = "") -> str:
        kept = self.desk.clock.at
        self.desk.clock.at = self.hour
        try:
            answer = await self.visitor.get(f"{ACCOUNTS}/{self.id}{query}")
        finally:
            self.desk.clock.at = kept
        assert answer.status == 200
        return re.sub(r"\s+", " ", answer.words)


@pytest.fixture
async def account(desk: Desk) -> Account:
    merchant_id = await desk.merchant()
    now: datetime = await desk.rows.fetchval("SELECT now()")
    hour = now.replace(minute=0, second=0, microsecond=0)
    made = Account(desk, await desk.come_in(merchant_id=merchant_id), merchant_id, hour)
    async with desk.house.database.transaction() as connection:
        await desk.house.accounts.open_account(
            connection, merchant_id=merchant_id, account_id=made.id, mode=Mode.TEST, provider="pawapay",
            config={"token": "a token"}, base_url="http://127.0.0.1:1",
        )  # fmt: skip
    await desk.rows.execute("DELETE FROM account_hours")  # what was counted is not counted again
    return made


async def test_hours_are_counted_per_operation_and_operator_and_drawn(account: Account) -> None:
    paid = await account.ended(1, "succeeded")
    await account.ended(1, "failed", "operator_unavailable")
    await account.ended(1, "failed", "payer_declined")  # tells nothing of the provider
    await account.called(1, 200, 300, paid)
    await account.called(1, 503, 500, paid)
    await account.called(3, 200, 21_000, paid)
    await account.called(3, None, 200)
    await account.called(30, 200, 100, paid)
    await account.desk.house.hours.measure()
    page = await account.page()
    assert 'Payments</span> <span class="hint">Orange Money · 2 ended' in page
    assert 'Ask for a payment</span> <span class="hint">Orange Money · 3 calls' in page
    assert 'Ask for a payment</span> <span class="hint">no operator · 1 calls' in page
    assert re.findall(r"By hour: (\d+) % in all", page) == ["50", "0", "66"]
    assert "By hour: 7.3 s on average, 21.0 s in the worst hour, 1 slow" in page
    assert "Orange Money · 4 calls" in await account.page("?window=week")
    detail = await account.page("?line=call.initiate.orange_sn")
    rows = re.findall(r"<td>(\d+)</td><td>(\d+) %</td><td>([^<]+)</td><td>(\d+)</td>", detail)
    assert rows == [("2", "50", "400 ms", "0"), ("1", "100", "21.0 s", "1")]

    await account.called(0, 200, 100, paid)
    await account.desk.house.hours.measure()
    await account.desk.house.hours.measure()  # counted again is not counted twice
    assert "Orange Money · 4 calls" in await account.page()


async def test_counts_of_long_ago_are_forgotten(account: Account) -> None:
    days = account.desk.house.settings.account_hours_days
    await account.desk.rows.execute(
        "INSERT INTO account_hours SELECT $1, $2, now() - make_interval(days => n), 'call', 'verify', '', 1, 1, 0, 5"
        " FROM unnest($3::int[]) n",
        account.merchant_id, account.id, [1, days - 1, days + 1],
    )  # fmt: skip
    await account.desk.house.hours.measure()
    kept = "SELECT count(*) FROM account_hours WHERE merchant_id = $1"
    assert await account.desk.rows.fetchval(kept, account.merchant_id) == 2


async def test_what_was_done_to_it_stands_with_who_and_why(account: Account) -> None:
    caller = Caller(account.merchant_id, "Boutique", Mode.TEST, "SN", "en", "aminata@sandaga.test")
    announcer = account.desk.house.announcer
    await announcer.pause(caller, account.id, "works on Sunday")
    await announcer.force(
        caller, account.id, Decision("initiate", "wave_sn", is_open=True, seconds=60, why="slow")
    )
    page = await account.page()
    assert page.index("slow</p>") < page.index("works on Sunday</p>")  # newest first
    assert "aminata@sandaga.test" in page
    assert "did not answer just now" in page  # nobody is at its address
    assert "Senegal" in page
    other = await account.desk.come_in()
    assert (await other.get(f"{ACCOUNTS}/{account.id}")).status == 404


async def test_both_simulated_providers_say_what_an_account_holds(
    demo: dict[str, Any], desk: Desk, session: Any, rows: Any
) -> None:
    reader = Visitor(desk, session, url=demo["url"])
    sent = {"sec-fetch-site": "same-origin"}
    await reader.post(
        "/dashboard/sign-in", headers=sent, email=demo["dashboard_user"], password=demo["dashboard_password"]
    )
    listed = (await reader.get(ACCOUNTS)).text
    found = sorted(set(re.findall(rf'href="{ACCOUNTS}/((?:pawapay|paydunya)_\w+)"', listed)))
    assert len(found) == 2
    for account_id, amount in zip(
        found,
        (
            r"Zambia</dt><dd class=\"strong\">ZMW [\d,]+\.\d\d",
            r"Senegal</dt><dd class=\"strong\">F CFA [\d,]+",
        ),
        strict=True,
    ):
        page = (await reader.get(f"{ACCOUNTS}/{account_id}")).words
        assert re.search(amount, page), account_id
