"""The next provider is asked when the first provably did nothing, and never when that is not proven."""

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from conftest import eventually

from afriflow.core.transaction import Mode
from afriflow.merchants import audit_log
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.api_keys import make_key
from afriflow.port.factory import specs
from afriflow.torture.fleet import Fleet

BREAKER_CALLS_MIN = 4
BREAKER = {
    "AFRIFLOW_BREAKER_CALLS_MIN": str(BREAKER_CALLS_MIN),
    "AFRIFLOW_BREAKER_OPEN_SECONDS": "2",
    "AFRIFLOW_BREAKER_OPEN_SECONDS_MAX": "2",
    "AFRIFLOW_BREAKER_PROBES": "1",
    # A machine under load answers late; a breaker that is not asked proves nothing.
    "AFRIFLOW_REDIS_TIMEOUT_SECONDS": "5",
}


def a_phone() -> str:
    return "+22177" + str(uuid.uuid4().int)[:7]


@pytest.fixture(scope="module")
async def quick(
    tmp_path_factory: pytest.TempPathFactory, open_fleet: Any, session: Any
) -> AsyncIterator[Fleet]:
    """A fleet of this file's own, whose circuit breaker opens after four failures and for two seconds."""
    async with open_fleet(tmp_path_factory.mktemp("quick")) as opened:
        opened.start("api", "serve", **BREAKER)
        opened.start("worker", "work", **BREAKER)
        await opened.answers(session)
        yield opened


@pytest.fixture
async def faults(quick: Fleet, session: Any) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Breaks pawaPay for one test."""

    async def put(**knobs: float) -> None:
        url = f"{quick.others_url}/simulators/pawapay/faults"
        async with session.put(url, json={"seed": 1, **knobs}) as response:
            assert response.status == 200, await response.text()

    yield put
    await put()


@pytest.fixture(scope="module")
def nobody() -> Iterator[str]:
    """An address where every connection is refused: bound, so that nobody else takes it, and never listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


class Shop:
    """A merchant of one test's own, whose accounts are where the test wants them."""

    def __init__(self, quick: Fleet, merchant_id: str, merchant: Any) -> None:
        self.quick, self.house, self.id, self.merchant = quick, quick.house, merchant_id, merchant

    async def account(
        self, provider: str, *, at: str | None = None, priority: int = 10, **config: str
    ) -> str:
        """Open or change an account; by default it leads to the provider's simulator."""
        spec = specs()[provider]
        account_id = f"{provider}_{self.id[-12:]}"
        simulator = f"{self.quick.others_url}/simulators/{provider}"
        async with self.house.database.transaction() as connection:
            await self.house.accounts.open_account(
                connection,
                merchant_id=self.id,
                account_id=account_id,
                mode=Mode.TEST,
                provider=provider,
                config={**spec.demo_config, **config},
                base_url=(at or simulator) + urlsplit(spec.base_urls[Mode.TEST]).path,
                priority=priority,
            )
        return account_id

    async def pay(self, phone: str | None = None, operator: str = "orange_sn", **fields: Any) -> Any:
        return await self.merchant.pay(operator, phone or a_phone(), **fields)

    async def shown(self, account_id: str) -> Any:
        _, found = await self.merchant.call("GET", "/api/providers")
        return next(item for item in found["data"] if item["id"] == account_id)


@pytest.fixture
async def shop(quick: Fleet, people: Any, session: Any) -> Shop:
    house = quick.house
    async with house.database.transaction() as connection:
        merchant_id = await make_merchant(connection, house.ids, name="Failover", country="SN", language="en")
        key = await make_key(connection, house.vault, house.ids, merchant_id=merchant_id, mode=Mode.TEST)
    merchant, _ = people(session, quick.url, key, "")
    return Shop(quick, merchant_id, merchant)


@pytest.fixture
def payer(quick: Fleet, people: Any, session: Any) -> Any:
    return people(session, "", "", f"{quick.others_url}/simulators/phone")[1]


Oracle = Callable[[bytes], Awaitable[str]]


@pytest.fixture
async def oracle() -> AsyncIterator[Oracle]:
    """Makes a provider that gives the same answer, with HTTP 200, to whatever it is asked; gives its address."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_one(body: bytes) -> str:
            async def give(_: web.Request) -> web.Response:
                return web.Response(body=body, content_type="application/json")

            app = web.Application()
            app.router.add_route("*", "/{anything:.*}", give)
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            listening = socket.create_server(("127.0.0.1", 0))
            await web.SockSite(runner, listening).start()
            return f"http://127.0.0.1:{listening.getsockname()[1]}"

        yield open_one


def attempts(made: Any) -> list[tuple[str, str]]:
    return [(attempt["provider"], attempt["status"]) for attempt in made["attempts"]]


def reasons(made: Any) -> dict[str, str]:
    return {item["provider"]: item["code"] for item in made["routing"]["considered"]}


async def prompts(payer: Any, phone: str) -> list[Any]:
    async with payer.session.get(f"{payer.url}/prompts", params={"phone": phone}) as response:
        return await response.json()


class TestWhatProvablyDidNothing:
    async def test_a_provider_that_cannot_be_reached_makes_room_for_the_next_in_the_same_request(
        self, shop: Shop, nobody: str, payer: Any
    ) -> None:
        await shop.account("paydunya", at=nobody, priority=1)
        await shop.account("pawapay", priority=2)
        phone = a_phone()
        made = await shop.pay(phone)
        assert attempts(made) == [("paydunya", "not_sent"), ("pawapay", "pending")]
        assert made["attempts"][0]["failure"]["code"] == "provider_unavailable"
        assert made["attempts"][0]["reference"] != made["attempts"][1]["reference"]
        assert (made["status"], made["provider"], made["failure"]) == ("processing", "pawapay", None)
        assert reasons(made) == {"paydunya": "chosen", "pawapay": "ranked"}
        await payer.decide(phone, "approve")
        paid = await shop.merchant.until(made["id"], "succeeded")
        assert attempts(paid) == [("paydunya", "not_sent"), ("pawapay", "succeeded")]
        assert len(await prompts(payer, phone)) == 1
        told = await shop.merchant.call("GET", f"/api/events?transaction={made['id']}")
        types = [item["type"].removeprefix("transaction.") for item in reversed(told[1]["data"])]
        assert types == ["created", "processing", "succeeded"]

    async def test_a_documented_refusal_before_processing_makes_room_for_the_next(self, shop: Shop) -> None:
        await shop.account("pawapay", priority=1, token="a token that pawaPay does not know")
        await shop.account("paydunya", priority=2)
        made = await shop.pay()
        assert attempts(made) == [("pawapay", "failed"), ("paydunya", "pending")]
        assert made["attempts"][0]["failure"]["code"] == "provider_rejected"
        assert made["failure"] is None

    async def test_a_refusal_that_everybody_would_share_ends_the_payment(self, shop: Shop) -> None:
        await shop.account("pawapay", priority=1)
        await shop.account("paydunya", priority=2)
        phone = "+22507" + str(uuid.uuid4().int)[:8]
        made = await shop.pay(phone, "orange_ci", country="CI", otp="0000")
        assert reasons(made) == {"paydunya": "chosen", "pawapay": "ranked"}
        assert attempts(made) == [("paydunya", "failed")]
        assert (made["status"], made["failure"]["code"]) == ("failed", "invalid_otp")

    async def test_when_nobody_can_be_reached_it_fails_and_says_so(self, shop: Shop, nobody: str) -> None:
        await shop.account("pawapay", at=nobody, priority=1)
        await shop.account("paydunya", at=nobody, priority=2)
        made = await shop.pay()
        assert attempts(made) == [("pawapay", "not_sent"), ("paydunya", "not_sent")]
        assert (made["status"], made["failure"]["code"]) == ("failed", "provider_unavailable")
        assert made["next_action"] is None
        _, told = await shop.merchant.call("GET", f"/api/events?transaction={made['id']}")
        assert next(item["type"] for item in told["data"]) == "transaction.failed"

    async def test_the_story_tells_why_the_first_was_left(self, shop: Shop, nobody: str) -> None:
        await shop.account("paydunya", at=nobody, priority=1)
        await shop.account("pawapay", priority=2)
        made = await shop.pay()
        story = (await shop.merchant.read(made["id"]))["events"]
        assert [(item["kind"], item["source"]) for item in story] == [
            ("Created", "merchant"),
            ("NotSent", "answer"),
            ("Pending", "answer"),
        ]
        assert [item["position"] for item in story] == [1, 2, 3]
        assert [item["attempt"] for item in story[1:]] == [item["id"] for item in made["attempts"]]


class TestWhatMayHaveArrived:
    @pytest.mark.parametrize("fault", ["lose_answer", "refuse_connection", "error_500"])
    async def test_an_unclear_answer_never_leads_to_a_second_provider(
        self, shop: Shop, payer: Any, faults: Any, fault: str
    ) -> None:
        await shop.account("pawapay", priority=1)
        await shop.account("paydunya", priority=2)
        phone = a_phone()
        await faults(**{fault: 1.0})
        made = await shop.pay(phone)
        assert attempts(made) == [("pawapay", "unknown")]
        assert made["status"] == "processing"
        await faults()
        await payer.decide(phone, "approve")
        paid = await shop.merchant.until(made["id"], "succeeded")
        assert attempts(paid) == [("pawapay", "succeeded")]
        assert len(await prompts(payer, phone)) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            b"", b"<html>", b"{", b"[]", b"null", b'{"status": 5}', b'{"status": null}', b'{"status": "SOON"}', b"\xff\xfe",
            b'{"status": "ACCEPTED\\u0000"}', b"[" * 100_000, b'{"status": "REJECTED"}',
            b'{"status": "REJECTED", "failureReason": {"failureCode": "NEW", "failureMessage": "\\u0000"}}',
            b"x" * 300_000,
        ],
    )  # fmt: skip
    async def test_an_answer_that_nobody_documents_is_unclear_and_no_fault(
        self, shop: Shop, oracle: Oracle, answer: bytes
    ) -> None:
        await shop.account("pawapay", at=await oracle(answer), priority=1)
        await shop.account("paydunya", priority=2)
        made = await shop.pay()
        assert attempts(made) == [("pawapay", "unknown")]
        story = (await shop.merchant.read(made["id"]))["events"]
        assert [item["kind"] for item in story] == ["Created", "Unclear"]

    @pytest.mark.parametrize("odd", ["\\u0000", "\\ud800"])
    async def test_words_that_no_column_holds_are_no_fault(
        self, shop: Shop, oracle: Oracle, odd: str
    ) -> None:
        reason = '{"failureCode": "INVALID_PHONE_NUMBER", "failureMessage": "no ' + odd + ' such"}'
        refusal = '{"status": "REJECTED", "failureReason": ' + reason + "}"
        await shop.account("pawapay", at=await oracle(refusal.encode()))
        made = await shop.pay()
        assert (made["status"], made["failure"]["code"]) == ("failed", "invalid_phone")
        await shop.account("pawapay", at=await oracle(('{"status": "' + odd + '"}').encode()))
        assert attempts(await shop.pay()) == [("pawapay", "unknown")]

    async def test_while_an_attempt_is_open_nothing_else_can_be_started_or_cancelled(
        self, shop: Shop, faults: Any
    ) -> None:
        await shop.account("pawapay", priority=1)
        await shop.account("paydunya", priority=2)
        await faults(lose_answer=1.0)
        made = await shop.pay()
        path = f"/api/transactions/{made['id']}"
        method = {"type": "mobile_money", "operator": "wave_sn", "phone": a_phone()}
        for verb, body in (("confirm", {"payment_method": method}), ("cancel", None)):
            status, problem = await shop.merchant.call("POST", f"{path}/{verb}", body)
            assert status == 409, (verb, problem)
        assert attempts(await shop.merchant.read(made["id"])) in (
            [("pawapay", "unknown")],
            [("pawapay", "pending")],
        )


class TestTheBreaker:
    async def test_a_failing_account_is_left_out_and_found_again_when_it_is_well(
        self, shop: Shop, nobody: str, payer: Any
    ) -> None:
        pawapay = await shop.account("pawapay", at=nobody, priority=1)
        await shop.account("paydunya", priority=2)
        for number in range(BREAKER_CALLS_MIN):
            assert (await shop.shown(pawapay))["healthy"], f"after {number} failures"
            assert attempts(await shop.pay())[0] == ("pawapay", "not_sent")
        # The pause runs; until it is over new payments do not even try.
        made = await shop.pay()
        assert attempts(made) == [("paydunya", "pending")]
        assert reasons(made) == {"pawapay": "unhealthy", "paydunya": "chosen"}
        why = next(item["why"] for item in made["routing"]["considered"] if item["provider"] == "pawapay")
        assert why.startswith("is failing; asked again at 20")
        shown = await shop.shown(pawapay)
        assert not shown["healthy"]
        assert shown["asked_again_at"]
        assert {(item["operator"], item["state"]) for item in shown["circuits"]} == {
            (None, "open"),
            ("orange_sn", "open"),
        }
        # It comes back to life; probes find it, as many as limit says, and then it is as before.
        await shop.account("pawapay", priority=1)
        phone = a_phone()
        for _ in range(100):
            probe = await shop.pay(phone)
            if attempts(probe)[0][0] == "pawapay":
                break
            await asyncio.sleep(0.05)
        assert attempts(probe) == [("pawapay", "pending")]
        await payer.decide(phone, "approve")
        await shop.merchant.until(probe["id"], "succeeded")
        assert (await shop.shown(pawapay))["healthy"]
        assert reasons(await shop.pay())["pawapay"] == "chosen"
        _, told = await shop.merchant.call("GET", "/api/events?type=provider.health_changed")
        said = [item["payload"]["data"] for item in reversed(told["data"])]
        assert [(item["state"], item["operation"], item["operator"]) for item in said] == [
            ("failing", "initiate", None),
            ("failing", "initiate", "orange_sn"),
            ("healthy", "initiate", None),
            ("healthy", "initiate", "orange_sn"),
        ]
        assert [item["sequence"] for item in reversed(told["data"])] == [1, 2, 3, 4]

    async def test_one_merchants_failing_account_is_nobody_elses(self, shop: Shop, nobody: str) -> None:
        mine = await shop.account("pawapay", at=nobody, priority=1)
        for _ in range(BREAKER_CALLS_MIN):
            await shop.pay()
        health = shop.house.health
        assert (await health.look(mine, "initiate", []))[None].wait_seconds > 0
        assert (await health.look(f"{mine}_of_another", "initiate", []))[None].wait_seconds == 0

    async def test_with_every_account_failing_the_payment_is_refused_with_each_reason(
        self, shop: Shop, nobody: str
    ) -> None:
        pawapay = await shop.account("pawapay", at=nobody, priority=1)
        for _ in range(BREAKER_CALLS_MIN):
            await shop.pay()
        method = {"type": "mobile_money", "operator": "orange_sn", "phone": a_phone()}
        status, problem = await shop.merchant.checkout(payment_method=method)
        assert (status, problem["code"]) == (422, "no_route")
        assert [(item["account"], item["code"]) for item in problem["considered"]] == [(pawapay, "unhealthy")]
        _, offered = await shop.merchant.call("GET", "/api/payment-methods?country=SN")
        assert {item["operator"]: item["healthy"] for item in offered["data"]}["orange_sn"] is False

    async def test_what_the_payer_does_opens_no_breaker(self, shop: Shop, payer: Any) -> None:
        pawapay = await shop.account("pawapay", priority=1)
        for _ in range(BREAKER_CALLS_MIN + 1):
            phone = a_phone()
            made = await shop.pay(phone)
            await payer.decide(phone, "decline")
            await shop.merchant.call("POST", f"/api/transactions/{made['id']}/verify")
            await shop.merchant.until(made["id"], "failed")
        assert (await shop.shown(pawapay))["healthy"]


class TestPeople:
    async def test_a_paused_account_takes_nothing_new_and_is_asked_about_what_it_has(
        self, shop: Shop, payer: Any
    ) -> None:
        pawapay = await shop.account("pawapay", priority=1)
        await shop.account("paydunya", priority=2)
        phone = a_phone()
        before = await shop.pay(phone)
        status, shown = await shop.merchant.call(
            "POST", f"/api/providers/{pawapay}/pause", {"reason": "contract under review"}
        )
        assert status == 200
        paused = next(item for item in shown["data"] if item["id"] == pawapay)
        assert (paused["status"], paused["paused_reason"]) == ("paused", "contract under review")
        assert paused["paused_by"].startswith("key_")
        assert paused["paused_at"]
        during = await shop.pay()
        assert attempts(during)[0][0] == "paydunya"
        assert reasons(during) == {"pawapay": "paused", "paydunya": "chosen"}
        await payer.decide(phone, "approve")
        assert (await shop.merchant.until(before["id"], "succeeded"))["provider"] == "pawapay"
        status, shown = await shop.merchant.call("POST", f"/api/providers/{pawapay}/resume")
        resumed = next(item for item in shown["data"] if item["id"] == pawapay)
        assert (status, resumed["status"], resumed["paused_reason"]) == (200, "active", None)
        _, told = await shop.merchant.call("GET", "/api/events?type=provider.health_changed")
        said = [item["payload"]["data"] for item in reversed(told["data"])]
        assert [(item["id"], item["state"], item["reason"]) for item in said] == [
            (pawapay, "paused", "contract under review"),
            (pawapay, "resumed", None),
        ]
        assert {item["by"] for item in said} == {paused["paused_by"]}
        assert (await shop.pay())["provider"] == "pawapay"

    async def test_rules_decide_before_priority(self, shop: Shop) -> None:
        pawapay = await shop.account("pawapay", priority=1)
        await shop.account("paydunya", priority=2)
        rules = [
            {"when": {"amount_min": 9000}, "exclude": [pawapay]},
            {"when": {"country": "SN"}, "prefer": ["paydunya"]},
        ]
        status, _ = await shop.merchant.call("PUT", "/api/routing/rules", {"rules": rules})
        assert status == 200
        preferred = await shop.pay(amount=5000)
        assert reasons(preferred) == {"paydunya": "chosen", "pawapay": "ranked"}
        excluded = await shop.pay(amount=9000)
        assert reasons(excluded) == {"paydunya": "chosen", "pawapay": "excluded_by_rule"}
        body = {
            "amount": 9000, "currency": "XOF", "country": "SN", "reference": "preview",
            "payment_method": {"operator": "orange_sn", "phone": a_phone()},
        }  # fmt: skip
        _, preview = await shop.merchant.call("POST", "/api/routing/preview", body)
        assert preview == {**excluded["routing"]}
        _, found = await shop.merchant.call("GET", "/api/transactions?reference=preview")
        assert found["data"] == []


class TestHowAnAccountHasDoneLately:
    FAILS_AT_THE_OPERATOR = "+221773456069"  # pawaPay: UNSPECIFIED_FAILURE

    async def ends(self, shop: Shop, made: Any) -> None:
        await shop.merchant.call("POST", f"/api/transactions/{made['id']}/verify")
        await shop.merchant.until(made["id"], "failed")

    async def test_whoever_does_much_worse_is_asked_after_the_others_and_the_evidence_is_kept(
        self, shop: Shop
    ) -> None:
        pawapay = await shop.account("pawapay", priority=1)
        await shop.account("paydunya", priority=2)
        for _ in range(4):
            await self.ends(shop, await shop.pay(self.FAILS_AT_THE_OPERATOR))
        await shop.house.weigher.weigh()
        made = await shop.pay()
        assert [item[0] for item in attempts(made)] == ["paydunya"]
        first, second = made["routing"]["considered"]
        assert (first["provider"], first["code"], first["standing"]) == ("paydunya", "chosen", None)
        assert (second["provider"], second["code"], second["rank"]) == ("pawapay", "behind", 2)
        assert second["why"] == "could also carry it, but lately does much worse than the best"
        assert 67 <= second["standing"]["percent"] < 75
        assert second["standing"]["outcomes"] >= 3, "they fade while a slow machine asks"
        shown = await shop.shown(pawapay)
        assert shown["healthy"], "a circuit is another matter"
        (standing,) = shown["standings"]
        assert (standing["operation"], standing["operator"]) == ("initiate", "orange_sn")
        assert 67 <= standing["percent"] < 75
        # It is the operator that fails there, and nobody else's payers go elsewhere for it.
        assert reasons(await shop.pay(operator="wave_sn"))["pawapay"] in {"chosen", "operator"}
        # A merchant's own rule says whom to prefer among those that do well.
        rules = [{"when": {}, "prefer": ["pawapay"]}]
        await shop.merchant.call("PUT", "/api/routing/rules", {"rules": rules})
        assert reasons(await shop.pay())["pawapay"] == "behind"

    async def test_what_the_payer_did_and_what_we_ended_ourselves_counts_nowhere(
        self, shop: Shop, payer: Any
    ) -> None:
        pawapay = await shop.account("pawapay", priority=1)
        await shop.account("paydunya", priority=2)
        for _ in range(4):
            phone = a_phone()
            made = await shop.pay(phone)
            await payer.decide(phone, "decline")
            await self.ends(shop, made)
        ours = await shop.pay(self.FAILS_AT_THE_OPERATOR)
        await self.ends(shop, ours)
        async with shop.house.database.connection() as connection:
            await connection.execute(
                """UPDATE attempts SET failure = failure || '{"provider_code": "busy"}' WHERE id = $1""",
                ours["attempts"][0]["id"],
            )
        await shop.house.weigher.weigh()
        assert (await shop.shown(pawapay))["standings"] == []
        assert reasons(await shop.pay())["pawapay"] == "chosen"


class TestACircuitThatAPersonHolds:
    async def force(self, shop: Shop, account_id: str, **fields: Any) -> tuple[int, Any]:
        body = {"operation": "initiate", "reason": "announced works", "expires_in": 600, **fields}
        return await shop.merchant.call("POST", f"/api/providers/{account_id}/force", body)

    async def test_open_is_not_asked_until_it_is_left_to_itself(self, shop: Shop) -> None:
        pawapay = await shop.account("pawapay", priority=1)
        await shop.account("paydunya", priority=2)
        status, shown = await self.force(shop, pawapay, state="open", operator="orange_sn")
        assert status == 200, shown
        (circuit,) = (await shop.shown(pawapay))["circuits"]
        assert (circuit["operator"], circuit["state"]) == ("orange_sn", "closed")
        assert circuit["asked_again_at"] == circuit["forced"]["until"]
        assert (circuit["forced"]["state"], circuit["forced"]["reason"]) == ("open", "announced works")
        assert circuit["forced"]["by"].startswith("key_")
        made = await shop.pay()
        assert [item[0] for item in attempts(made)] == ["paydunya"]
        why = next(item for item in made["routing"]["considered"] if item["provider"] == "pawapay")
        assert (why["code"], why["why"][-15:]) == ("forced_open", "announced works")
        assert (await shop.shown(pawapay))["healthy"], "the account is; one operator in it is not asked"
        _, other = await shop.merchant.call("GET", "/api/payment-methods?country=SN")
        assert {item["operator"]: item["healthy"] for item in other["data"]}["orange_sn"], "somebody can"
        place = {"operation": "initiate", "operator": "orange_sn"}
        status, _ = await shop.merchant.call("POST", f"/api/providers/{pawapay}/unforce", place)
        assert status == 200
        assert (await shop.shown(pawapay))["circuits"] == []
        assert reasons(await shop.pay())["pawapay"] == "chosen"
        _, told = await shop.merchant.call("GET", "/api/events?type=provider.health_changed")
        said = [item["payload"]["data"] for item in reversed(told["data"])]
        assert [(item["state"], item["operator"], item["reason"]) for item in said] == [
            ("forced_open", "orange_sn", "announced works"),
            ("unforced", "orange_sn", None),
        ]
        assert said[0]["until"] == circuit["forced"]["until"]
        assert {item["by"] for item in said} == {circuit["forced"]["by"]}
        async with shop.house.database.connection() as connection:
            log = await audit_log.entries(connection, shop.id, audit_log.Wanted(), 10)
        assert [(item.action, item.details["operator"]) for item in log if "operator" in item.details] == [
            ("account.unforced", "orange_sn"),
            ("account.forced_open", "orange_sn"),
        ]

    async def test_open_for_the_account_leaves_every_operator_of_that_operation_out(self, shop: Shop) -> None:
        pawapay = await shop.account("pawapay", priority=1)
        await self.force(shop, pawapay, state="open", operation="disburse")
        assert attempts(await shop.pay()) == [("pawapay", "pending")], "what comes in is another circuit"
        await self.force(shop, pawapay, state="open")
        shown = await shop.shown(pawapay)
        assert (shown["healthy"], shown["status"]) == (False, "active")
        method = {"type": "mobile_money", "operator": "orange_sn", "phone": a_phone()}
        status, problem = await shop.merchant.checkout(payment_method=method)
        assert (status, problem["code"], problem["considered"][0]["code"]) == (422, "no_route", "forced_open")

    async def test_it_ends_by_itself(self, shop: Shop) -> None:
        pawapay = await shop.account("pawapay", priority=1)
        await shop.account("paydunya", priority=2)
        await self.force(shop, pawapay, state="open", expires_in=2)
        await eventually(shop.pay, lambda made: made["provider"] == "pawapay", "pawaPay to be asked again")
        assert (await shop.shown(pawapay))["circuits"] == []

    async def test_closed_is_asked_whatever_it_has_learned(self, shop: Shop, nobody: str) -> None:
        pawapay = await shop.account("pawapay", at=nobody, priority=1)
        await shop.account("paydunya", priority=2)
        for operator in (None, "orange_sn"):
            status, _ = await self.force(shop, pawapay, state="closed", operator=operator)
            assert status == 200
        for _ in range(BREAKER_CALLS_MIN + 2):
            assert attempts(await shop.pay())[0] == ("pawapay", "not_sent")
        shown = await shop.shown(pawapay)
        assert shown["healthy"]
        assert {(item["operator"], item["state"], item["forced"]["state"]) for item in shown["circuits"]} == {
            (None, "open", "closed"),
            ("orange_sn", "open", "closed"),
        }, "what it learns goes on being learned"

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"expires_in": 0}, "/expires_in"),
            ({"expires_in": 8 * 86_400}, "/expires_in"),
            ({"expires_in": 2**62}, "/expires_in"),
            ({"operator": "mpesa_ke_none"}, "/operator"),
            ({"state": "ajar"}, "/state"),
            ({"operation": "both"}, "/operation"),
            ({"reason": ""}, "/reason"),
        ],
    )
    async def test_what_names_no_circuit_or_would_not_end_is_refused(
        self, shop: Shop, fields: dict[str, Any], pointer: str
    ) -> None:
        pawapay = await shop.account("pawapay")
        status, problem = await self.force(shop, pawapay, **{"state": "open", **fields})
        assert (status, [item["pointer"] for item in problem["errors"]]) == (422, [pointer])
        assert (await shop.shown(pawapay))["circuits"] == []

    async def test_it_is_nobody_elses(self, shop: Shop) -> None:
        await shop.account("pawapay")
        for verb, body in (("force", None), ("unforce", {"operation": "initiate"})):
            if body is None:
                status, problem = await self.force(shop, "pawapay_of_another", state="open")
            else:
                path = f"/api/providers/pawapay_of_another/{verb}"
                status, problem = await shop.merchant.call("POST", path, body)
            assert (status, problem["code"]) == (404, "not_found")
