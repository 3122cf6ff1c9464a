"""What merchants are told: signed, in order, again and again until it is heard, and no longer than that."""

import asyncio
import base64
import socket
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from ears import Ear, genuine, until

from afriflow.core.transaction import Mode
from afriflow.delivery.search import deliveries_of
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.api_keys import make_key
from afriflow.torture.fleet import Fleet

# Three pauses are four tries.
TRIES = 4
QUICK = {
    "AFRIFLOW_DELIVERY_LADDER_SECONDS": "1,1,1",
    "AFRIFLOW_DELIVERY_TIMEOUT_SECONDS": "1",
    "AFRIFLOW_WORKER_POLL_SECONDS": "0.2",
}


@pytest.fixture(scope="module")
async def quick(
    tmp_path_factory: pytest.TempPathFactory, open_fleet: Any, session: Any
) -> AsyncIterator[Fleet]:
    """A fleet of this file's own, which gives up after four tries and waits one second for an answer."""
    async with open_fleet(tmp_path_factory.mktemp("delivery")) as opened:
        opened.start("api", "serve", **QUICK)
        opened.start("worker", "work", **QUICK)
        await opened.answers(session)
        yield opened


class Shop:
    """A merchant of one test's own."""

    def __init__(self, quick: Fleet, merchant_id: str, merchant: Any, live: Any) -> None:
        self.quick, self.id, self.merchant, self.live = quick, merchant_id, merchant, live

    async def tell(self, ear: Ear) -> Any:
        """Register an endpoint; gives it with its secret."""
        status, made = await self.merchant.call("POST", "/api/webhook-endpoints", {"url": ear.url})
        assert status == 201, made
        return made

    async def order(self) -> str:
        """A payment that nobody pays: one word to the merchant, and no provider."""
        status, made = await self.merchant.checkout()
        assert status == 201, made
        return made["id"]

    async def cancel(self, transaction_id: str) -> None:
        """A second word about it."""
        status, _ = await self.merchant.call("POST", f"/api/transactions/{transaction_id}/cancel")
        assert status == 200

    async def deliveries(self, transaction_id: str) -> list[tuple[int, str, int]]:
        async with self.quick.house.database.connection() as connection:
            found = await deliveries_of(connection, self.id, Mode.TEST, transaction_id)
        return [(row["sequence"], row["status"], row["tries"]) for row in found]


@pytest.fixture
async def shop(quick: Fleet, people: Any, session: Any) -> Shop:
    house = quick.house
    async with house.database.transaction() as connection:
        merchant_id = await make_merchant(connection, house.ids, name="Delivery", country="SN", language="en")
        keys = {
            mode: await make_key(connection, house.vault, house.ids, merchant_id=merchant_id, mode=mode)
            for mode in Mode
        }
    test, live = (people(session, quick.url, keys[mode], "")[0] for mode in (Mode.TEST, Mode.LIVE))
    return Shop(quick, merchant_id, test, live)


class TestHearing:
    async def test_a_message_is_signed_whole_and_names_its_payment(self, shop: Shop, listen: Any) -> None:
        ear = await listen()
        endpoint = await shop.tell(ear)
        transaction_id = await shop.order()
        await until(lambda: ear.heard, "the message")
        [heard] = ear.heard
        assert genuine(endpoint["secret"], heard)
        assert not genuine("whsec_" + base64.b64encode(b"x" * 32).decode(), heard)
        assert heard.headers["content-type"] == "application/json"
        assert heard.headers["user-agent"].startswith("AfriFlow/")
        assert "authorization" not in heard.headers
        message = heard.message
        assert set(message) == {"type", "timestamp", "data", "sequence"}
        assert (message["type"], message["sequence"]) == ("transaction.created", 1)
        assert message["data"]["id"] == transaction_id
        _, events = await shop.merchant.call("GET", f"/api/events?transaction={transaction_id}")
        assert [(item["id"], item["payload"]) for item in events["data"]] == [
            (heard.headers["webhook-id"], message)
        ]

    async def test_a_server_that_fails_is_told_again_with_the_same_bytes(
        self, shop: Shop, listen: Any
    ) -> None:
        ear = await listen(lambda ear: 500 if len(ear.heard) < 3 else 200)
        endpoint = await shop.tell(ear)
        transaction_id = await shop.order()
        await until(lambda: len(ear.heard) == 3, "the third try")
        assert len({item.body for item in ear.heard}) == 1
        assert len({item.headers["webhook-id"] for item in ear.heard}) == 1
        assert all(genuine(endpoint["secret"], item) for item in ear.heard)
        assert all(
            later.at - earlier.at > 0.6 for earlier, later in zip(ear.heard, ear.heard[1:], strict=False)
        )

        async def delivered() -> bool:
            return await shop.deliveries(transaction_id) == [(1, "delivered", 3)]

        await until(delivered, "the delivery to be kept as heard")

    async def test_a_payments_messages_wait_for_each_other_and_for_nobody_else(
        self, shop: Shop, listen: Any
    ) -> None:
        def answer(ear: Ear) -> int:
            """Refuse the payment heard of first until its third try."""
            ids = [item.message["data"]["id"] for item in ear.heard]
            return 503 if ids[-1] == ids[0] and ids.count(ids[0]) < 3 else 200

        ear = await listen(answer)
        await shop.tell(ear)
        first = await shop.order()
        await shop.cancel(first)
        second = await shop.order()
        await until(
            lambda: len([item for item in ear.heard if item.message["data"]["id"] == first]) >= 4, "all four"
        )
        of_first = [item.message["sequence"] for item in ear.heard if item.message["data"]["id"] == first]
        assert sorted(of_first) == of_first
        assert of_first[-1] == 2
        order = [item.message["data"]["id"] for item in ear.heard]
        assert order.index(second) < len(order) - 1 - order[::-1].index(first)

    async def test_every_endpoint_hears_each_signed_with_its_own_secret(
        self, shop: Shop, listen: Any
    ) -> None:
        ears = [await listen(), await listen()]
        secrets = [(await shop.tell(ear))["secret"] for ear in ears]
        await shop.order()
        await until(lambda: all(ear.heard for ear in ears), "both")
        assert secrets[0] != secrets[1]
        for ear, mine, other in zip(ears, secrets, reversed(secrets), strict=True):
            assert genuine(mine, ear.heard[0])
            assert not genuine(other, ear.heard[0])

    async def test_one_deaf_endpoint_does_not_keep_another_from_hearing(
        self, shop: Shop, listen: Any
    ) -> None:
        deaf, good = await listen(lambda _: 500), await listen()
        await shop.tell(deaf)
        await shop.tell(good)
        transaction_id = await shop.order()
        await shop.cancel(transaction_id)
        await until(lambda: good.types() == ["created", "cancelled"], "the good one")
        assert deaf.types().count("cancelled") == 0


class TestNotHearing:
    async def test_after_the_last_try_it_is_given_up_and_the_next_word_is_told(
        self, shop: Shop, listen: Any
    ) -> None:
        ear = await listen(lambda ear: 200 if ear.types()[-1] == "cancelled" else 500)
        await shop.tell(ear)
        transaction_id = await shop.order()
        await shop.cancel(transaction_id)
        await until(lambda: "cancelled" in ear.types(), "the second word")
        assert ear.types() == ["created"] * TRIES + ["cancelled"]

        async def kept() -> bool:
            return await shop.deliveries(transaction_id) == [(1, "given_up", TRIES), (2, "delivered", 1)]

        await until(kept, "both outcomes")

    async def test_a_server_that_is_gone_for_good_is_told_nothing_more(self, shop: Shop, listen: Any) -> None:
        ear = await listen(lambda _: 410)
        endpoint = await shop.tell(ear)
        first = await shop.order()

        async def disabled() -> bool:
            _, found = await shop.merchant.call("GET", "/api/webhook-endpoints")
            [shown] = found["data"]
            return shown["disabled_at"] is not None and "410" in shown["disabled_reason"]

        await until(disabled, f"{endpoint['id']} to be disabled")
        await shop.cancel(first)
        await shop.order()
        witness = await listen()
        await shop.tell(witness)
        await shop.order()
        await until(lambda: witness.heard, "an endpoint that still hears")
        assert len(ear.heard) == 1

    async def test_a_slow_server_is_not_waited_for_and_told_again(self, shop: Shop, listen: Any) -> None:
        async def sleep(ear: Ear) -> int:
            if len(ear.heard) == 1:
                await asyncio.sleep(5)
            return 200

        ear = await listen(sleep)
        await shop.tell(ear)
        transaction_id = await shop.order()
        await until(lambda: len(ear.heard) == 2, "the second try")
        assert ear.heard[1].at - ear.heard[0].at < 5

        async def kept() -> bool:
            return await shop.deliveries(transaction_id) == [(1, "delivered", 2)]

        await until(kept, "the second try to be kept")

    async def test_a_redirect_is_not_followed(self, shop: Shop, listen: Any) -> None:
        ear = await listen(lambda ear: 302 if len(ear.heard) == 1 else 200)
        await shop.tell(ear)
        transaction_id = await shop.order()

        async def kept() -> bool:
            return await shop.deliveries(transaction_id) == [(1, "delivered", 2)]

        await until(kept, "the second try")
        assert len(ear.heard) == 2

    async def test_a_server_that_does_not_exist_is_tried_as_often(self, shop: Shop) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            await shop.tell(Ear(f"http://127.0.0.1:{bound.getsockname()[1]}/"))
            transaction_id = await shop.order()

            async def kept() -> bool:
                return await shop.deliveries(transaction_id) == [(1, "given_up", TRIES)]

            await until(kept, "the end of the ladder")

    async def test_a_removed_endpoint_hears_nothing_more(self, shop: Shop, listen: Any) -> None:
        ear = await listen(lambda _: 500)
        endpoint = await shop.tell(ear)
        transaction_id = await shop.order()
        await until(lambda: ear.heard, "the first try")
        status, _ = await shop.merchant.call("DELETE", f"/api/webhook-endpoints/{endpoint['id']}")
        assert status == 204
        tries = len(ear.heard)
        await shop.cancel(transaction_id)  # no endpoint: nothing is written for anybody

        async def ended() -> bool:
            return [status for _, status, _ in await shop.deliveries(transaction_id)] == ["given_up"]

        await until(ended, "the waiting delivery to end")
        assert len(ear.heard) <= tries + 1
        assert "cancelled" not in ear.types()


class TestAgain:
    async def test_an_event_can_be_sent_again_with_the_same_bytes_and_name(
        self, shop: Shop, listen: Any
    ) -> None:
        ear = await listen()
        endpoint = await shop.tell(ear)
        transaction_id = await shop.order()
        await until(lambda: ear.heard, "the first time")
        event_id = ear.heard[0].headers["webhook-id"]
        late = await listen()
        late_endpoint = await shop.tell(late)
        status, made = await shop.merchant.call("POST", f"/api/events/{event_id}/resend")
        assert status == 202
        assert len(made["deliveries"]) == 2
        await until(lambda: len(ear.heard) == 2 and late.heard, "both")
        assert {item.body for item in (*ear.heard, *late.heard)} == {ear.heard[0].body}
        assert {item.headers["webhook-id"] for item in (*ear.heard, *late.heard)} == {event_id}
        assert genuine(endpoint["secret"], ear.heard[1])
        assert genuine(late_endpoint["secret"], late.heard[0])
        _, events = await shop.merchant.call("GET", f"/api/events?transaction={transaction_id}")
        assert len(events["data"]) == 1

    async def test_what_was_given_up_can_be_sent_again(self, shop: Shop, listen: Any) -> None:
        ear = await listen(lambda ear: 500 if len(ear.heard) <= TRIES else 200)
        await shop.tell(ear)
        transaction_id = await shop.order()

        async def given_up() -> bool:
            return await shop.deliveries(transaction_id) == [(1, "given_up", TRIES)]

        await until(given_up, "the end of the ladder")
        event_id = ear.heard[0].headers["webhook-id"]
        await shop.merchant.call("POST", f"/api/events/{event_id}/resend")
        await until(lambda: len(ear.heard) == TRIES + 1, "the resend")

    async def test_an_event_that_is_not_ours_cannot_be_sent(self, shop: Shop) -> None:
        for event_id in ("evt_nothing", "x" * 100):
            status, problem = await shop.merchant.call("POST", f"/api/events/{event_id}/resend")
            assert (status, problem["code"]) == (404, "not_found")


class TestEndpoints:
    async def test_the_secret_is_told_once_and_never_again(self, shop: Shop) -> None:
        made = await shop.tell(Ear("https://shop.example/hooks"))
        assert made["secret"].startswith("whsec_")
        assert (made["mode"], made["disabled_at"]) == ("test", None)
        _, found = await shop.merchant.call("GET", "/api/webhook-endpoints")
        assert [{**item, "secret": made["secret"]} for item in found["data"]] == [made]
        assert found["data"][0]["secret"] is None

    async def test_they_are_listed_newest_first_and_removed_once(self, shop: Shop) -> None:
        made = [await shop.tell(Ear(f"https://shop.example/{number}")) for number in range(3)]
        _, found = await shop.merchant.call("GET", "/api/webhook-endpoints")
        assert [item["id"] for item in found["data"]] == [item["id"] for item in reversed(made)]
        path = f"/api/webhook-endpoints/{made[1]['id']}"
        assert (await shop.merchant.call("DELETE", path))[0] == 204
        status, problem = await shop.merchant.call("DELETE", path)
        assert (status, problem["code"]) == (404, "not_found")
        _, found = await shop.merchant.call("GET", "/api/webhook-endpoints")
        assert [item["id"] for item in found["data"]] == [made[2]["id"], made[0]["id"]]

    async def test_test_and_live_do_not_meet(self, shop: Shop) -> None:
        await shop.tell(Ear("https://shop.example/test"))
        _, found = await shop.live.call("GET", "/api/webhook-endpoints")
        assert found["data"] == []
        status, problem = await shop.live.call(
            "POST", "/api/webhook-endpoints", {"url": "http://shop.example/"}
        )
        assert (status, problem["errors"][0]["code"]) == (422, "url_not_allowed")
        status, made = await shop.live.call(
            "POST", "/api/webhook-endpoints", {"url": "https://shop.example/live"}
        )
        assert (status, made["mode"]) == (201, "live")
        _, found = await shop.merchant.call("GET", "/api/webhook-endpoints")
        assert [item["url"] for item in found["data"]] == ["https://shop.example/test"]


class TestPages:
    async def pages(self, shop: Shop, path: str, limit: int) -> AsyncIterator[list[Any]]:
        cursor = ""
        while True:
            status, found = await shop.merchant.call("GET", f"{path}limit={limit}{cursor}")
            assert status == 200, found
            yield found["data"]
            if found["next_cursor"] is None:
                return
            cursor = f"&cursor={found['next_cursor']}"

    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 100])
    async def test_pages_hold_every_payment_once_newest_first(self, shop: Shop, limit: int) -> None:
        made = [await shop.order() for _ in range(5)]
        pages = [page async for page in self.pages(shop, "/api/transactions?", limit)]
        assert [item["id"] for page in pages for item in page] == made[::-1]
        assert all(len(page) == limit for page in pages[:-1])
        assert 1 <= len(pages[-1]) <= limit

    async def test_what_comes_meanwhile_does_not_shift_the_pages(self, shop: Shop) -> None:
        made = [await shop.order() for _ in range(4)]
        seen: list[str] = []
        async for page in self.pages(shop, "/api/transactions?", 2):
            seen += [item["id"] for item in page]
            if len(seen) == 2:
                await shop.order()
        assert seen == made[::-1]

    async def test_pages_of_events_hold_every_word_once(self, shop: Shop) -> None:
        made = [await shop.order() for _ in range(3)]
        for transaction_id in made:
            await shop.cancel(transaction_id)
        found = [item async for page in self.pages(shop, "/api/events?", 2) for item in page]
        expected = [(item, "transaction.cancelled", 2) for item in reversed(made)]
        expected += [(item, "transaction.created", 1) for item in reversed(made)]
        assert [(item["transaction"], item["type"], item["sequence"]) for item in found] == expected
        cancelled = [
            item
            async for page in self.pages(shop, "/api/events?type=transaction.cancelled&", 2)
            for item in page
        ]
        assert cancelled == [item for item in found if item["type"] == "transaction.cancelled"]
        one = [
            item async for page in self.pages(shop, f"/api/events?transaction={made[0]}&", 1) for item in page
        ]
        assert [item["sequence"] for item in one] == [2, 1]

    async def test_a_list_can_be_narrowed(self, shop: Shop) -> None:
        first, second = [await shop.order() for _ in range(2)]
        await shop.cancel(first)
        reference = f"narrow-{uuid.uuid4().hex}"
        _, third = await shop.merchant.checkout(reference=reference, country="CI")
        for query, expected in (
            ("status=cancelled", [first]),
            ("status=requires_payment_method", [third["id"], second]),
            ("country=CI", [third["id"]]),
            ("country=SN", [second, first]),
            (f"reference={reference}", [third["id"]]),
            ("provider=pawapay", []),
            ("operator=orange_sn", []),
            ("phone=771234567", []),
            (f"created_from={third['created_at']}", [third["id"]]),
            (f"created_to={third['created_at']}", [second, first]),
            ("created_from=2999-01-01T00:00:00", []),
            ("country=SN&status=cancelled", [first]),
        ):
            status, found = await shop.merchant.call("GET", f"/api/transactions?{query}")
            assert (status, [item["id"] for item in found["data"]]) == (200, expected), query
