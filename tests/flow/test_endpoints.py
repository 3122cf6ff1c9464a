"""What merchants do to an endpoint of theirs: choose, change, test, rotate its secret, have the past told once more."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ears import Heard, until
from standardwebhooks import Webhook, WebhookVerificationError

from afriflow.core.clock import SystemClock
from afriflow.core.ids import Ids
from afriflow.core.transaction import Mode, TransactionStatus
from afriflow.delivery.event_types import EVENT_TYPES
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.api_keys import make_key

IDS = Ids(SystemClock())
LONG_AGO = "2020-01-01T00:00:00Z"


class Shop:
    """A merchant of one test's own, beside others on the demo's servers."""

    def __init__(self, rows: Any, merchant_id: str, api: Any) -> None:
        self.rows, self.id, self.api = rows, merchant_id, api

    async def ask(self, method: str, path: str, body: Any = None, expected: int = 200) -> Any:
        status, said = await self.api.call(method, path, body)
        assert status == expected, said
        return said

    async def endpoint(self, url: str, **more: Any) -> Any:
        return await self.ask("POST", "/api/webhook-endpoints", {"url": url, **more}, 201)

    async def order(self) -> str:
        """A payment that nobody pays: one word to the merchant."""
        status, made = await self.api.checkout()
        assert status == 201, made
        return made["id"]

    async def cancel(self, transaction_id: str) -> None:
        await self.ask("POST", f"/api/transactions/{transaction_id}/cancel")

    async def deeds(self) -> list[str]:
        rows = await self.rows.fetch(
            "SELECT action FROM audit_log WHERE merchant_id = $1 AND action LIKE 'endpoint.%' ORDER BY sequence",
            self.id,
        )
        return [row["action"] for row in rows]

    async def replayed(self, endpoint: Any, status: str = "finished") -> Any:
        """Wait for the endpoint's latest replay to end."""

        async def ended() -> bool:
            found = await self.ask("GET", f"/api/webhook-endpoints/{endpoint['id']}/replays")
            return found["data"][0]["status"] == status

        await until(ended, f"the replay to be {status}")
        return (await self.ask("GET", f"/api/webhook-endpoints/{endpoint['id']}/replays"))["data"][0]


@pytest.fixture
async def shop(demo: Any, rows: Any, vault: Any, people: Any, session: Any) -> AsyncIterator[Shop]:
    merchant_id = await make_merchant(rows, IDS, name="Endpoints", country="SN", language="en")
    key = await make_key(rows, vault, IDS, merchant_id=merchant_id, mode=Mode.TEST)
    made = Shop(rows, merchant_id, people(session, demo["url"], key, "")[0])
    yield made
    for item in (await made.ask("GET", "/api/webhook-endpoints"))["data"]:
        await made.ask("DELETE", f"/api/webhook-endpoints/{item['id']}", expected=204)


def genuine(secret: str, heard: Heard) -> bool:
    """Verify as merchants do, with the library of Standard Webhooks."""
    try:
        Webhook(secret).verify(heard.body.decode(), heard.headers)
    except WebhookVerificationError:
        return False
    return True


class TestChoosing:
    async def test_an_endpoint_hears_the_events_it_has_chosen_and_no_others(
        self, shop: Shop, listen: Any
    ) -> None:
        every, chosen = await listen(), await listen()
        await shop.endpoint(every.url)
        made = await shop.endpoint(chosen.url, types=["transaction.cancelled"], description="stock")
        assert (made["types"], made["description"]) == (["transaction.cancelled"], "stock")
        await shop.cancel(await shop.order())
        await until(lambda: len(every.heard) == 2 and chosen.heard, "both")
        assert chosen.types() == ["cancelled"]
        assert chosen.heard[0].message["sequence"] == 2
        changed = await shop.ask("PATCH", f"/api/webhook-endpoints/{made['id']}", {"types": []})
        assert (changed["types"], changed["description"]) == ([], "stock")
        await shop.order()
        await until(lambda: chosen.types() == ["cancelled", "created"], "what it wants by now")

    async def test_there_are_no_events_but_those_that_are_told(self, shop: Shop) -> None:
        status, problem = await shop.api.call(
            "POST", "/api/webhook-endpoints", {"url": "https://shop.example/", "types": ["transaction.*"]}
        )
        assert (status, problem["errors"][0]["code"]) == (422, "unknown_event_type")
        told = {f"transaction.{item.value}" for item in TransactionStatus} - {
            "transaction.requires_payment_method"
        }
        assert told <= set(EVENT_TYPES)
        kinds = await shop.rows.fetch("SELECT DISTINCT type FROM events WHERE type <> 'endpoint.test'")
        assert {row["type"] for row in kinds} <= set(EVENT_TYPES)

    async def test_an_address_that_is_changed_hears_what_waited_for_the_old_one(
        self, shop: Shop, listen: Any
    ) -> None:
        deaf, good = await listen(lambda _: 500), await listen()
        made = await shop.endpoint(deaf.url)
        await shop.order()
        await until(lambda: deaf.heard, "a first try")
        await shop.ask("PATCH", f"/api/webhook-endpoints/{made['id']}", {"url": good.url})
        await until(lambda: good.types() == ["created"], "the new address")
        assert genuine(made["secret"], good.heard[0])
        status, problem = await shop.api.call(
            "PATCH", f"/api/webhook-endpoints/{made['id']}", {"url": "ftp://shop.example/"}
        )
        assert (status, problem["code"]) == (422, "invalid_request")
        assert await shop.deeds() == ["endpoint.added", "endpoint.changed"]

    async def test_an_endpoint_is_switched_off_and_on_and_told_the_time_between(
        self, shop: Shop, listen: Any
    ) -> None:
        ear = await listen()
        made = await shop.endpoint(ear.url)
        path = f"/api/webhook-endpoints/{made['id']}"
        off = await shop.ask("PATCH", path, {"enabled": False})
        assert off["disabled_at"] is not None
        assert "disabled by key_" in off["disabled_reason"]
        missed = await shop.order()
        status, problem = await shop.api.call("POST", f"{path}/replay", {"from": off["disabled_at"]})
        assert (status, problem["code"]) == (409, "endpoint_disabled")
        on = await shop.ask("PATCH", path, {"enabled": True})
        assert (on["disabled_at"], on["disabled_reason"]) == (None, None)
        begun = await shop.ask("POST", f"{path}/replay", {"from": off["disabled_at"]}, 202)
        assert (begun["events"], begun["to"], begun["status"]) == (1, begun["created_at"], "running")
        await until(lambda: ear.heard, "what it had missed")
        assert ear.heard[0].message["data"]["id"] == missed


class TestRotating:
    async def test_both_secrets_sign_until_the_overlap_is_over(self, shop: Shop, listen: Any) -> None:
        ear = await listen()
        old = await shop.endpoint(ear.url)
        path = f"/api/webhook-endpoints/{old['id']}"
        new = await shop.ask("POST", f"{path}/rotate-secret", {"overlap_seconds": 3600})
        assert new["secret"].startswith("whsec_")
        assert new["secret"] != old["secret"]
        until_ = datetime.fromisoformat(new["old_secret_until"])
        assert timedelta(minutes=59) < until_ - datetime.now(UTC) <= timedelta(hours=1)
        assert (await shop.ask("GET", path))["secret"] is None
        await shop.order()
        await until(lambda: ear.heard, "a message")
        assert all(genuine(secret, ear.heard[0]) for secret in (old["secret"], new["secret"]))
        assert len(ear.heard[0].headers["webhook-signature"].split(" ")) == 2
        await shop.rows.execute(
            "UPDATE webhook_endpoints SET old_secret_until = now() - interval '1 second' WHERE id = $1",
            old["id"],
        )
        await shop.order()
        await until(lambda: len(ear.heard) == 2, "the next message")
        assert genuine(new["secret"], ear.heard[1])
        assert not genuine(old["secret"], ear.heard[1])

    async def test_a_third_secret_waits_unless_the_others_are_to_end_at_once(
        self, shop: Shop, listen: Any
    ) -> None:
        ear = await listen()
        first = await shop.endpoint(ear.url)
        path = f"/api/webhook-endpoints/{first['id']}/rotate-secret"
        second = await shop.ask("POST", path, {})
        status, problem = await shop.api.call("POST", path, {})
        assert (status, problem["code"]) == (409, "secret_rotating")
        third = await shop.ask("POST", path, {"overlap_seconds": 0})
        assert third["old_secret_until"] is None
        await shop.order()
        await until(lambda: ear.heard, "a message")
        verdicts = [genuine(item["secret"], ear.heard[0]) for item in (first, second, third)]
        assert verdicts == [False, False, True]
        for wrong in (-1, 10**7, "long", 1.5):
            status, _ = await shop.api.call("POST", path, {"overlap_seconds": wrong})
            assert status == 422
        assert await shop.deeds() == ["endpoint.added", *["endpoint.secret_rotated"] * 2]


class TestTesting:
    async def test_a_test_event_is_sent_once_and_the_answer_is_told(self, shop: Shop, listen: Any) -> None:
        ear = await listen(lambda _: 410)
        made = await shop.endpoint(ear.url)
        path = f"/api/webhook-endpoints/{made['id']}"
        said = await shop.ask("POST", f"{path}/test")
        assert (said["delivered"], said["status"], said["answer"], said["error"]) == (False, 410, "ok", None)
        [heard] = ear.heard
        assert genuine(made["secret"], heard)
        assert heard.headers["webhook-id"] == said["event"]
        assert (heard.message["type"], heard.message["sequence"]) == ("endpoint.test", 1)
        assert heard.message["data"]["id"] == made["id"]
        assert (await shop.ask("GET", path))["disabled_at"] is None
        ear.answer = lambda _: 204
        await shop.ask("PATCH", path, {"enabled": False})
        said = await shop.ask("POST", f"{path}/test")
        assert (said["delivered"], said["status"]) == (True, 204)
        events = (await shop.ask("GET", "/api/events?type=endpoint.test"))["data"]
        assert [item["id"] for item in events] == [said["event"], heard.headers["webhook-id"]]
        kept = await shop.rows.fetch(
            "SELECT d.status, d.tries, a.status AS answered FROM deliveries d JOIN delivery_attempts a"
            " ON a.merchant_id = d.merchant_id AND a.delivery_id = d.id WHERE d.endpoint_id = $1 ORDER BY d.id",
            made["id"],
        )
        assert [tuple(row) for row in kept] == [("given_up", 1, 410), ("delivered", 1, 204)]

    async def test_a_test_says_why_nothing_answered(self, shop: Shop) -> None:
        made = await shop.endpoint("http://127.0.0.1:9/")
        said = await shop.ask("POST", f"/api/webhook-endpoints/{made['id']}/test")
        assert (said["delivered"], said["status"]) == (False, None)
        assert "ClientConnectorError" in said["error"]


class TestReplaying:
    async def test_a_range_is_told_again_in_order_in_batches_with_the_same_bytes_and_ids(
        self, shop: Shop, listen: Any
    ) -> None:
        early = await listen()
        await shop.endpoint(early.url)
        orders = [await shop.order() for _ in range(4)]
        for item in orders:
            await shop.cancel(item)
        await until(lambda: len(early.heard) == 8, "the first time")
        late = await listen(lambda ear: 500 if len(ear.heard) == 2 else 200)
        made = await shop.endpoint(late.url)
        path = f"/api/webhook-endpoints/{made['id']}/replay"
        begun = await shop.ask("POST", path, {"from": LONG_AGO}, 202)
        assert begun["events"] == 8
        again = await shop.ask("POST", path, {"from": LONG_AGO}, 202)
        assert again["id"] == begun["id"]
        status, problem = await shop.api.call("POST", path, {"from": "2021-01-01T00:00:00Z"})
        assert (status, problem["code"]) == (409, "replay_running")
        assert (await shop.replayed(made))["staged"] == 8
        await until(lambda: len(late.heard) == 9, "all of them")
        for item in orders:
            told = [heard.message["sequence"] for heard in late.heard if heard.message["data"]["id"] == item]
            assert sorted(told) == told
            assert set(told) == {1, 2}
        first = {heard.headers["webhook-id"]: heard.body for heard in early.heard}
        assert {heard.headers["webhook-id"]: heard.body for heard in late.heard} == first
        assert len(early.heard) == 8
        assert await shop.deeds() == ["endpoint.added", "endpoint.added", "endpoint.replayed"]

    async def test_a_range_goes_by_time_and_by_type(self, shop: Shop, listen: Any) -> None:
        order = await shop.order()
        await asyncio.sleep(0.01)
        middle = datetime.now(UTC)
        await asyncio.sleep(0.01)
        await shop.cancel(order)
        await shop.order()
        ear = await listen()
        made = await shop.endpoint(ear.url)
        path = f"/api/webhook-endpoints/{made['id']}"
        for wanted, expected in (
            ({"from": LONG_AGO, "to": middle.isoformat()}, ["created"]),
            ({"from": middle.isoformat(), "types": ["transaction.cancelled"]}, ["cancelled"]),
            ({"from": middle.isoformat(), "types": ["transaction.succeeded"]}, []),
        ):
            ear.heard.clear()
            begun = await shop.ask("POST", f"{path}/replay", wanted, 202)
            assert begun["events"] == len(expected)
            done = await shop.replayed(made)
            assert (done["id"], done["staged"]) == (begun["id"], len(expected))
            await until(lambda expected=expected: ear.types() == expected, f"{expected}")
        status, problem = await shop.api.call("POST", f"{path}/replay", {"from": "2999-01-01T00:00:00Z"})
        assert (status, problem["errors"][0]["code"]) == (422, "range_empty")
        for wrong in (
            {},
            {"from": "yesterday"},
            {"from": LONG_AGO, "to": 5},
            {"from": "0001-01-01T00:00:00+14:00"},
        ):
            status, problem = await shop.api.call("POST", f"{path}/replay", wrong)
            assert (status, problem["code"]) == (422, "invalid_request")
        found = await shop.ask("GET", f"{path}/replays?limit=2")
        assert [item["events"] for item in found["data"]] == [0, 1]
        rest = await shop.ask("GET", f"{path}/replays?limit=2&cursor={found['next_cursor']}")
        assert [item["to"] for item in rest["data"]] == [
            json.loads(json.dumps(middle.isoformat())).replace("+00:00", "Z")
        ]

    async def test_what_waits_for_the_endpoint_is_not_told_twice_and_a_replay_waits_behind_it(
        self, shop: Shop, listen: Any
    ) -> None:
        ear = await listen(lambda _: 500)
        made = await shop.endpoint(ear.url)
        for _ in range(3):
            await shop.order()
        await until(lambda: len(ear.heard) >= 3, "first tries")
        path = f"/api/webhook-endpoints/{made['id']}"
        begun = await shop.ask("POST", f"{path}/replay", {"from": LONG_AGO}, 202)
        assert begun["events"] == 3
        await asyncio.sleep(1)
        waiting = "SELECT count(*) FROM deliveries WHERE endpoint_id = $1"
        assert await shop.rows.fetchval(waiting, made["id"]) == 3
        await shop.ask("PATCH", path, {"enabled": False})
        await shop.rows.execute(
            "UPDATE jobs.pgqueuer SET execute_after = now() WHERE dedupe_key = $1", f"replay:{begun['id']}"
        )
        assert (await shop.replayed(made, "stopped"))["staged"] == 0
