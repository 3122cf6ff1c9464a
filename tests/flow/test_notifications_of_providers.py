"""What providers notified, before people: seen as it came, and read once more without doing anything twice."""

import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from desk import PASSWORD, Answer, Desk, Visitor

from afriflow.core.clock import SystemClock
from afriflow.core.ids import Ids
from afriflow.core.permission import Role
from afriflow.merchants.team import add_person

IDS = Ids(SystemClock())
PAYS_AT_ONCE = "+221773456789"
OWN_PAGE = {"sec-fetch-site": "same-origin"}


class Reader:
    """Somebody of the demo's merchant before the page."""

    def __init__(self, visitor: Visitor, rows: Any, merchant_id: str) -> None:
        self.visitor, self.rows, self.merchant_id = visitor, rows, merchant_id

    async def notified(self, payment: Any, verdict: str = "signed") -> str:
        """Wait for a notification about a payment; gives its id."""
        found = None
        for _ in range(400):
            found = await self.rows.fetchval(
                "SELECT id FROM webhook_events WHERE attempt_id = $1 AND verdict = $2 AND status <> 'received'",
                payment["attempts"][0]["id"],
                verdict,
            )
            if found:
                break
            await self.rows.execute("SELECT pg_sleep(0.1)")
        assert found
        return found

    async def again(self, notification_id: str) -> Answer:
        await self.visitor.get(f"/dashboard/notifications/{notification_id}")
        return await self.visitor.post(f"/dashboard/notifications/{notification_id}/again", headers=OWN_PAGE)

    async def everything(self, payment: Any, notification_id: str) -> Any:
        """All that a notification could change."""
        about = {
            "transactions": "id",
            "attempts": "transaction_id",
            "transaction_events": "subject_id",
            "events": "subject_id",
        }
        kept = [
            await self.rows.fetch(
                f"SELECT * FROM {table} WHERE {column} = $1 ORDER BY 1, 2, 3",  # noqa: S608 — names of ours
                payment["id"],
            )
            for table, column in about.items()
        ]
        return [*kept, await self.rows.fetch("SELECT * FROM webhook_events WHERE id = $1", notification_id)]


@pytest.fixture
async def reader(demo: Any, desk: Desk, session: Any, rows: Any) -> AsyncIterator[Reader]:
    merchant_id = await rows.fetchval(
        "SELECT merchant_id FROM people WHERE email = $1", demo["dashboard_user"]
    )
    email = f"reader-{uuid.uuid4().hex[:8]}@afriflow.test"
    await add_person(rows, IDS, merchant_id=merchant_id, email=email, password=PASSWORD, role=Role.SUPPORT)
    visitor = Visitor(desk, session, url=demo["url"])
    answer = await visitor.post("/dashboard/sign-in", headers=OWN_PAGE, email=email, password=PASSWORD)
    assert answer.location == "/dashboard"
    return Reader(visitor, rows, merchant_id)


async def test_a_notification_is_read_again_and_nothing_happens_twice(merchant: Any, reader: Reader) -> None:
    payment = await merchant.pay("orange_sn", PAYS_AT_ONCE)
    await merchant.until(payment["id"], "succeeded")
    notified = await reader.notified(payment)
    page = await reader.visitor.get(f"/dashboard/notifications/{notified}")
    assert payment["reference"] in page.words
    assert "counts as evidence" in page.words
    assert payment["attempts"][0]["reference"] in page.words
    before = await reader.everything(payment, notified)
    for _ in range(2):
        answer = await reader.again(notified)
        assert (answer.status, "Processed again: known already" in answer.words) == (200, True)
    assert await reader.everything(payment, notified) == before
    deeds = await reader.rows.fetch(
        "SELECT who, details::jsonb->>'outcome' AS outcome FROM audit_log"
        " WHERE action = 'notification.processed_again' AND subject = $1",
        notified,
    )
    assert [row["outcome"] for row in deeds] == ["known already"] * 2
    assert all(row["who"].startswith("reader-") for row in deeds)


async def test_what_was_lost_on_the_way_is_found_by_asking_and_not_by_believing(
    merchant: Any, payer: Any, reader: Reader, session: Any
) -> None:
    """A forged success: seen, never believed; read again it makes us ask, and only the provider's answer counts."""
    phone = "+22177" + str(uuid.uuid4().int)[:7]
    payment = await merchant.pay("orange_sn", phone)
    attempt = payment["attempts"][0]
    forged = {"depositId": attempt["reference"], "status": "COMPLETED", "depositedAmount": "5000"}
    headers = {
        "signature": "sig-pp=:AAAA:",
        "signature-input": 'sig-pp=();created=1;keyid="k";alg="ecdsa-p256-sha256"',
        "content-digest": "sha-256=:AAAA:",
    }
    url = f"{merchant.url}/api/webhooks/{attempt['provider']}/{attempt['account']}"
    async with session.post(url, json=forged, headers=headers) as response:
        assert response.status < 300
    notified = await reader.notified(payment, "forged")
    listed = await reader.visitor.get("/dashboard/notifications?verdict=forged&status=ignored")
    assert f"/dashboard/notifications/{notified}" in listed.text
    assert (
        f"/dashboard/notifications/{notified}"
        not in (await reader.visitor.get("/dashboard/notifications?verdict=signed")).text
    )
    page = await reader.visitor.get(f"/dashboard/notifications/{notified}")
    assert "it changed nothing" in page.words
    answer = await reader.again(notified)
    assert "the provider was asked: pending" in answer.words.lower()
    assert (await merchant.read(payment["id"]))["status"] == "processing"
    await payer.decide(phone, "approve")
    await merchant.until(payment["id"], "succeeded")
    assert "known already" in (await reader.again(notified)).words


async def test_what_cannot_be_read_stands_in_the_list_and_says_so(
    merchant: Any, reader: Reader, session: Any
) -> None:
    account = await reader.rows.fetchrow(
        "SELECT provider, id FROM provider_accounts WHERE merchant_id = $1 AND mode = 'test' ORDER BY provider LIMIT 1",
        reader.merchant_id,
    )
    mark = uuid.uuid4().hex
    url = f"{merchant.url}/api/webhooks/{account['provider']}/{account['id']}"
    async with session.post(url, data=f"<html>{mark}</html>".encode()) as response:
        assert response.status < 500
    page = await reader.visitor.get("/dashboard/notifications?status=received")
    latest = re.findall(r"/dashboard/notifications/(whe_\w+)", page.text)
    found = [
        item for item in latest if mark in (await reader.visitor.get(f"/dashboard/notifications/{item}")).text
    ]
    assert len(found) == 1
    answer = await reader.again(found[0])
    assert "names no payment of this account" in answer.words
    unmatched = await reader.visitor.get("/dashboard/notifications?status=unmatched")
    assert found[0] in unmatched.text
    await reader.rows.execute("UPDATE webhook_events SET body = '', headers = '{}' WHERE id = $1", found[0])
    answer = await reader.again(found[0])
    assert (answer.status, "nothing to read" in answer.words) == (409, True)
    assert "kept for a time that is over" in answer.words


async def test_pages_of_the_list_hold_each_notification_once(reader: Reader) -> None:
    wanted = await reader.rows.fetch(
        "SELECT id FROM webhook_events WHERE merchant_id = $1 AND mode = 'test' ORDER BY id DESC",
        reader.merchant_id,
    )
    seen: list[str] = []
    path = "/dashboard/notifications"
    while path:
        page = await reader.visitor.get(path)
        seen += re.findall(r'href="/dashboard/notifications/(whe_\w+)"', page.text)
        following = re.findall(r'href="([^"]*cursor=[^"]*)"[^>]* rel="next"', page.words)
        path = following[0] if following else ""
    assert [item for item in seen if item <= wanted[0]["id"]] == [row["id"] for row in wanted]
    assert (await reader.visitor.get("/dashboard/notifications?cursor=%25")).status == 303
    assert (await reader.visitor.get("/dashboard/notifications/whe_nothing")).status == 404
