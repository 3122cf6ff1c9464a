"""The simulator kit: faults from a seed, callbacks over real HTTP, a phone that decides, a memory that survives."""

import asyncio
import json
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from afriflow.core.clock import SystemClock
from afriflow.simulator.faults import Faults, Knobs, Mishap
from afriflow.simulator.handset import Action, Handset, Prompt, PromptKind, PromptState
from afriflow.simulator.http import Query, Request, Response, json_response, page_response
from afriflow.simulator.notebook import Notebook
from afriflow.simulator.phone import Phone
from afriflow.simulator.seat import Seat, SeatSettings, open_seat, simulated_providers
from afriflow.simulator.serve import serving
from afriflow.simulator.words import UNKNOWN_WORD, Words

BREAKS = json_response(500, {"oops": True})


class StoppedClock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 10, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


class Shop:
    """A provider's simulator as small as can be: it counts orders and calls back."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.orders = 0
        self.moments: dict[str, datetime] = {}
        self.answered_when_called_back: list[bool] = []
        seat.api("POST", "/v1/orders", self.create)
        seat.query(
            "GET", "/v1/orders/{id}", self.show, Query(self.made_at, json_response(404, {"no": "such"}))
        )
        seat.query(
            "GET", "/v1/states/{id}", self.state, Query(self.made_at, json_response(404, {"no": "such"}))
        )
        seat.api("GET", "/v1/broken", self.broken)
        seat.page("GET", "/pay/{token}", self.page)

    async def create(self, request: Request) -> Response:
        self.orders += 1
        number = self.orders
        self.moments[str(number)] = self.seat.clock.now()

        async def tell() -> None:
            await self.seat.callbacks.send(
                self.seat.settings.callback_url,
                {"order": number, "status": "refused", "money": {"amount": "15.00"}},
                paid="paid",
                encode=lambda content: json.dumps(content).encode(),
                headers=lambda body: {"x-length": str(len(body))},
            )

        request.afterwards(0.05, tell)
        return json_response(201, {"order": number, "got": request.json()})

    async def show(self, request: Request) -> Response:
        return json_response(
            200, {"id": request.parts["id"], "query": dict(request.query), "path": request.path}
        )

    def made_at(self, request: Request) -> datetime | None:
        return self.moments.get(request.parts["id"])

    async def state(self, request: Request) -> Response:
        if request.parts["id"] not in self.moments:
            return json_response(404, {"no": "such"})
        return json_response(200, {"state": "open", "money": {"amount": "15.00"}, "fee": 2})

    async def broken(self, request: Request) -> Response:
        raise RuntimeError("a bug")

    async def page(self, request: Request) -> Response:
        return page_response("<p>hello", form_targets=("https://shop.example",))


class Merchant:
    """Whoever is called back. answers: the statuses it gives, in order, then 200."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.heard: list[tuple[Mapping[str, str], Any]] = []
        self.heard_something = asyncio.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        message = await receive()
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.heard.append((headers, json.loads(message["body"])))
        self.heard_something.set()
        status = self.answers.pop(0) if self.answers else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


class Stage:
    """A shop, its merchant and somebody who talks to the shop."""

    def __init__(self, shop: Shop, merchant: Merchant, base_url: str, session: aiohttp.ClientSession) -> None:
        self.shop = shop
        self.merchant = merchant
        self.base_url = base_url
        self.session = session

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        async with self.session.request(method, self.base_url + path, **more) as response:
            return response.status, await response.json()


@asynccontextmanager
async def staged(
    merchant: Merchant, path: str = "/simulators/shop", storage: Path | None = None
) -> AsyncGenerator[Stage]:
    async with AsyncExitStack() as stack:
        callback_url = await stack.enter_async_context(serving(lambda _: merchant)) + "/callbacks"
        built: list[Shop] = []

        def build(base_url: str) -> Seat:
            settings = SeatSettings(base_url + path, callback_url, storage=storage)
            seat = Seat(
                "shop",
                settings,
                SystemClock(),
                random.Random(1),
                server_error=BREAKS,
                words=Words(amounts=(("money", "amount"), ("fee",)), statuses=(("state",), ("status",))),
                retry_pauses_seconds=(0.01, 0.01),
            )
            built.append(Shop(seat))
            return seat

        base_url = await stack.enter_async_context(serving(build))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Stage(built[0], merchant, base_url + path, session)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged(Merchant()) as stage:
        yield stage


async def eventually(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_seat_answers_its_routes_below_its_own_path(stage: Stage) -> None:
    assert await stage.call("GET", "/v1/orders/a-1/?x=%C3%A9") == (
        200,
        {"id": "a-1", "query": {"x": "é"}, "path": "/v1/orders/a-1"},
    )
    assert await stage.call("GET", "/nothing") == (404, {"error": "not_found"})
    assert await stage.call("PUT", "/v1/orders") == (405, {"error": "method_not_allowed"})


async def test_a_seat_mounted_in_a_litestar_app_answers_the_same() -> None:
    def build(base_url: str) -> Litestar:
        seat = Seat(
            "shop",
            SeatSettings(f"{base_url}/simulators/shop", ""),
            SystemClock(),
            random.Random(1),
            server_error=BREAKS,
        )
        Shop(seat)

        @asgi("/simulators/shop", is_mount=True, copy_scope=True)
        async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
            await seat(scope, receive, send)

        return Litestar([mounted], on_shutdown=[seat.stop])

    async with serving(build) as base_url, aiohttp.ClientSession() as session:
        async with session.get(f"{base_url}/simulators/shop/v1/orders/7?x=1") as response:
            assert await response.json() == {"id": "7", "query": {"x": "1"}, "path": "/v1/orders/7"}
        async with session.put(f"{base_url}/simulators/shop/faults", data=b'{"lose_answer": 1}') as response:
            assert response.status == 200
        with pytest.raises(aiohttp.ClientError):
            async with session.get(f"{base_url}/simulators/shop/v1/orders/7") as response:
                await response.read()


async def test_a_bug_in_a_simulator_is_a_500_and_not_a_dead_connection(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    status, _ = await stage.call("GET", "/v1/broken")
    assert status == 500
    assert "a bug" in caplog.text


async def test_a_hosted_page_may_lead_back_to_the_merchant_and_load_nothing_else(stage: Stage) -> None:
    async with stage.session.get(f"{stage.base_url}/pay/x") as response:
        policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' https://shop.example" in policy


async def test_an_order_is_called_back_with_headers_made_for_its_body(stage: Stage) -> None:
    assert await stage.call("POST", "/v1/orders", json={"a": 1}) == (201, {"order": 1, "got": {"a": 1}})
    await eventually(lambda: stage.shop.seat.callbacks.log)
    headers, body = stage.merchant.heard[0]
    assert body == {"order": 1, "status": "refused", "money": {"amount": "15.00"}}
    assert headers["x-length"] == str(len(json.dumps(body)))
    status, log = await stage.call("GET", "/callbacks")
    assert status == 200
    assert [(sent["outcome"], sent["status"], sent["attempt"]) for sent in log] == [("delivered", 200, 1)]


async def test_a_callback_that_is_not_taken_is_tried_again() -> None:
    async with staged(Merchant(500, 404)) as stage:
        await stage.call("POST", "/v1/orders", json={})
        await eventually(lambda: len(stage.shop.seat.callbacks.log) == 3)
        assert [(sent.outcome, sent.attempt) for sent in stage.shop.seat.callbacks.log] == [
            ("refused", 1),
            ("refused", 2),
            ("delivered", 3),
        ]


async def test_a_lost_answer_is_processed_and_no_answer_to_the_caller(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"lose_answer": 1})
    with pytest.raises(aiohttp.ClientError):
        await stage.call("POST", "/v1/orders", json={})
    assert stage.shop.orders == 1
    await eventually(lambda: stage.merchant.heard)


async def test_a_refused_connection_processes_nothing(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"refuse_connection": 1})
    with pytest.raises(aiohttp.ClientError):
        await stage.call("POST", "/v1/orders", json={})
    assert stage.shop.orders == 0


async def test_an_error_500_is_processed_in_about_half_of_the_cases(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"error_500": 1})
    for _ in range(40):
        assert await stage.call("POST", "/v1/orders", json={}) == (500, {"oops": True})
    assert 10 < stage.shop.orders < 30


async def test_a_callback_before_the_answer_is_finished_when_the_answer_comes(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"callback_before_answer": 1})
    status, _ = await stage.call("POST", "/v1/orders", json={})
    assert status == 201
    assert len(stage.merchant.heard) == 1
    await asyncio.sleep(0.1)
    assert len(stage.merchant.heard) == 1


async def test_callbacks_are_lost_doubled_and_late_as_the_knobs_say(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"lose_callback": 1})
    await stage.call("POST", "/v1/orders", json={})
    await eventually(lambda: stage.shop.seat.callbacks.log)
    assert stage.shop.seat.callbacks.log[0].outcome == "lost"
    assert not stage.merchant.heard
    await stage.call("PUT", "/faults", json={"duplicate_callback": 1, "delay_callback_seconds": 0.2})
    await stage.call("POST", "/v1/orders", json={})
    await asyncio.sleep(0.15)
    assert not stage.merchant.heard
    await eventually(lambda: len(stage.merchant.heard) == 2)
    assert stage.merchant.heard[0][1] == stage.merchant.heard[1][1]


async def test_a_gateway_answers_html_before_or_after_the_request_is_processed(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"html_502": 1})
    for _ in range(40):
        async with stage.session.post(f"{stage.base_url}/v1/orders", json={}) as response:
            assert (response.status, response.content_type) == (502, "text/html")
    assert 10 < stage.shop.orders < 30


async def test_who_asks_too_often_is_told_when_to_come_again_and_nothing_is_processed(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"too_many_requests": 1})
    async with stage.session.post(f"{stage.base_url}/v1/orders", json={}) as response:
        assert (response.status, response.headers["retry-after"]) == (429, "1")
    assert stage.shop.orders == 0


@pytest.mark.parametrize("knob", ["broken_json", "empty_answer"])
async def test_an_answer_of_no_use_is_that_of_a_request_that_was_processed(stage: Stage, knob: str) -> None:
    await stage.call("PUT", "/faults", json={knob: 1})
    async with stage.session.post(f"{stage.base_url}/v1/orders", json={}) as response:
        body = await response.text()
        assert response.ok
    assert body == ("" if knob == "empty_answer" else '{"order": 1')
    assert stage.shop.orders == 1


async def test_a_slow_answer_does_not_hold_up_what_was_ordered(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"slow_answer": 1, "slow_answer_seconds": 30})
    asking = asyncio.create_task(stage.call("POST", "/v1/orders", json={}))
    await eventually(lambda: stage.merchant.heard)
    assert not asking.done()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_a_request_may_arrive_long_after_its_caller_heard_nothing(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"late_arrival": 1, "late_arrival_seconds": 0.2})
    with pytest.raises(aiohttp.ClientError):
        await stage.call("POST", "/v1/orders", json={})
    assert stage.shop.orders == 0
    assert (await stage.call("GET", "/v1/states/1"))[0] == 404  # who only asks is answered
    await eventually(lambda: stage.merchant.heard)
    assert stage.shop.orders == 1


async def test_an_order_is_hidden_from_who_asks_for_it_and_then_stays_visible(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"hidden_order": 1, "hidden_order_seconds": 0.3})
    await stage.call("POST", "/v1/orders", json={})
    assert await stage.call("GET", "/v1/states/1") == (404, {"no": "such"})
    await asyncio.sleep(0.3)
    assert (await stage.call("GET", "/v1/states/1"))[0] == 200


async def test_when_queries_are_dead_orders_are_still_taken(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"dead_query": 1})
    assert (await stage.call("POST", "/v1/orders", json={}))[0] == 201
    assert await stage.call("GET", "/v1/states/1") == (500, {"oops": True})


async def test_an_answer_can_name_another_amount_and_a_word_that_nobody_knows(stage: Stage) -> None:
    await stage.call("POST", "/v1/orders", json={})
    await stage.call("PUT", "/faults", json={"wrong_amount_in_answer": 1})
    said = {"state": "open", "money": {"amount": "14.00"}, "fee": 1}
    assert await stage.call("GET", "/v1/states/1") == (200, said)
    await stage.call("PUT", "/faults", json={"unknown_word_in_answer": 1})
    said = {"state": UNKNOWN_WORD, "money": {"amount": "15.00"}, "fee": 2}
    assert await stage.call("GET", "/v1/states/1") == (200, said)


async def test_what_an_order_sets_in_motion_can_be_late(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"late_settlement": 1, "late_settlement_seconds": 0.3})
    await stage.call("POST", "/v1/orders", json={})
    await asyncio.sleep(0.2)
    assert not stage.merchant.heard
    await eventually(lambda: stage.merchant.heard)


async def test_a_forged_callback_comes_with_what_could_be_copied_of_the_genuine_one(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"forge_callback": 1})
    await stage.call("POST", "/v1/orders", json={})
    await eventually(lambda: len(stage.merchant.heard) == 2)
    (forged_headers, forged), (genuine_headers, genuine) = stage.merchant.heard
    assert (forged["status"], genuine["status"]) == ("paid", "refused")
    assert forged_headers["x-length"] == genuine_headers["x-length"]
    assert [sent.outcome for sent in stage.shop.seat.callbacks.log] == ["forged", "delivered"]


async def test_callbacks_can_say_what_is_not_so_in_headers_made_for_it(stage: Stage) -> None:
    for knob in ("wrong_amount_in_callback", "unknown_word_in_callback"):
        await stage.call("PUT", "/faults", json={knob: 1})
        await stage.call("POST", "/v1/orders", json={})
        await eventually(lambda: stage.merchant.heard)
        headers, body = stage.merchant.heard.pop()
        assert headers["x-length"] == str(len(json.dumps(body)))
        told = (body["status"], body["money"]["amount"])
        assert told == (("refused", "14.00") if knob.startswith("wrong") else (UNKNOWN_WORD, "15.00"))


async def test_a_callback_can_be_overtaken_by_the_next(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"reorder_callback": 1})
    await stage.call("POST", "/v1/orders", json={})
    await asyncio.sleep(0.2)
    await stage.call("PUT", "/faults", json={})
    await stage.call("POST", "/v1/orders", json={})
    await eventually(lambda: len(stage.merchant.heard) == 2)
    assert [body["order"] for _, body in stage.merchant.heard] == [2, 1]


async def test_copies_of_a_callback_are_counted(stage: Stage) -> None:
    await stage.call("PUT", "/faults", json={"duplicate_callback": 1, "callback_copies": 5})
    await stage.call("POST", "/v1/orders", json={})
    await eventually(lambda: len(stage.merchant.heard) == 5)


async def test_keys_rotate_where_there_are_any(stage: Stage) -> None:
    assert await stage.call("POST", "/rotate-key") == (
        404,
        {"error": "no_keys", "detail": "shop signs nothing"},
    )
    rotated: list[int] = []
    stage.shop.seat.on_rotation(lambda: rotated.append(stage.shop.orders))
    assert await stage.call("POST", "/rotate-key") == (200, {"rotated": True})
    await stage.call("PUT", "/faults", json={"rotate_key": 1})
    await stage.call("POST", "/v1/orders", json={})
    await eventually(lambda: stage.merchant.heard)
    assert rotated == [0, 1]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"lose_anwser": 0.1}', "unknown field `lose_anwser`"),
        ('{"lose_answer": 1.1}', "$.lose_answer"),
        ('{"lose_answer": "1"}', "$.lose_answer"),
        ('{"delay_callback_seconds": -1}', "$.delay_callback_seconds"),
        ("[]", "Expected `object`"),
        ("{", "truncated"),
    ],
)
async def test_knobs_that_are_not_understood_are_refused_and_nothing_turns(
    stage: Stage, body: str, reason: str
) -> None:
    await stage.call("PUT", "/faults", json={"lose_callback": 0.5})
    status, problem = await stage.call("PUT", "/faults", data=body)
    assert (status, problem["error"]) == (400, "invalid_faults")
    assert reason in problem["detail"]
    assert (await stage.call("GET", "/faults"))[1]["lose_callback"] == 0.5


def test_the_same_seed_breaks_the_same_requests_whatever_other_knobs_say() -> None:
    def draw(knobs: Knobs) -> list[bool]:
        notebook = Notebook(None)
        faults = Faults(notebook)
        faults.turn(knobs)
        drawn = [Mishap.LOSE_ANSWER in faults.luck().struck for _ in range(200)]
        notebook.close()
        return drawn

    one = draw(Knobs(seed=7, lose_answer=0.3))
    assert one == draw(Knobs(seed=7, lose_answer=0.3, error_500=0.9, refuse_connection=0.5))
    assert one != draw(Knobs(seed=8, lose_answer=0.3))
    assert 30 < sum(one) < 90


def test_a_notebook_survives_its_process_and_two_may_share_it(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "notes.sqlite3"
    first, second = Notebook(file), Notebook(file)
    assert first.put_new("order", "a", {"n": 1})
    assert not second.put_new("order", "a", {"n": 2})
    assert second.change("order", "a", lambda value: {"n": value["n"] + 1}) == {"n": 2}
    assert second.change("order", "b", lambda value: value) is None
    first.close()
    third = Notebook(file)
    assert third.get("order", "a") == {"n": 2}
    third.close()
    second.put("order", "b", {"n": 3})
    second.keep_last("order", 1)
    assert second.every("order") == [{"n": 3}]
    second.close()


MakeHandset = Callable[..., Handset]


@pytest.fixture
async def handset() -> AsyncIterator[MakeHandset]:
    """Make handsets that are closed in the end."""
    made: list[Handset] = []

    def make(clock: Any = None, **more: Any) -> Handset:
        made.append(Handset(clock or SystemClock(), random.Random(1), **more))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_the_one_who_asked_hears_what_the_person_decides_and_only_once(handset: MakeHandset) -> None:
    phones = handset()
    heard: list[tuple[str, Action]] = []

    async def listen(prompt: Prompt, action: Action) -> None:
        heard.append((prompt.order, action))

    phones.on_decision("shop", listen)
    prompt = phones.ask(
        phone="+221 77 123 45 67", provider="shop", order="o-1", text="Pay?", amount="5000", currency="XOF"
    )
    assert phones.prompts("221771234567") == [prompt]
    decided = await phones.decide(prompt.id, Action.NO_FUNDS)
    assert decided is not None
    assert decided.state is PromptState.NO_FUNDS
    assert await phones.decide(prompt.id, Action.APPROVE) is None
    assert await phones.decide("prm_unknown", Action.APPROVE) is None
    assert heard == [("o-1", Action.NO_FUNDS)]


async def test_a_withdrawn_prompt_cannot_be_approved_any_more(handset: MakeHandset) -> None:
    phones = handset()
    prompt = phones.ask(phone="221771234567", provider="shop", order="o", text="Pay?")
    phones.withdraw(prompt.id)
    assert await phones.decide(prompt.id, Action.APPROVE) is None
    found = phones.find(prompt.id)
    assert found is not None
    assert found.state is PromptState.EXPIRED


def test_a_code_is_good_once_for_its_own_phone_and_for_fifteen_minutes(handset: MakeHandset) -> None:
    clock = StoppedClock()
    phones = handset(clock)
    sent = phones.send_code(phone="+22607345678", provider="", text="Code {code}.")
    assert sent.code is not None
    assert sent.text == f"Code {sent.code}."
    assert not phones.redeem_code("+22607000000", sent.code)
    assert not phones.redeem_code("+22607345678", "000000")
    assert phones.redeem_code("+22607345678", sent.code)
    assert not phones.redeem_code("+22607345678", sent.code)
    stale = phones.send_code(phone="+22607345678", provider="")
    assert stale.code is not None
    clock.moment += timedelta(minutes=15)
    assert not phones.redeem_code("+22607345678", stale.code)


def test_prompts_and_settings_of_the_phone_survive_a_restart(handset: MakeHandset, tmp_path: Path) -> None:
    phones = handset(storage=tmp_path)
    prompt = phones.ask(phone="221771234567", provider="shop", order="o", text="Pay?")
    phones.auto_approve_after_seconds = 3
    again = handset(storage=tmp_path)
    assert again.find(prompt.id) == prompt
    assert again.auto_approve_after_seconds == 3


@asynccontextmanager
async def phone_page(phones: Handset) -> AsyncGenerator[tuple[str, aiohttp.ClientSession]]:
    async with (
        serving(lambda base_url: Phone(phones, f"{base_url}/simulators/phone")) as base_url,
        aiohttp.ClientSession() as session,
    ):
        yield f"{base_url}/simulators/phone", session


async def test_the_phone_page_speaks_french_or_english_and_needs_no_script(handset: MakeHandset) -> None:
    phones = handset()
    phones.ask(
        phone="221771234567",
        provider="shop",
        order="o",
        text="<b>Awa</b>",
        amount="1250000.5",
        currency="XOF",
    )
    async with phone_page(phones) as (url, session):
        async with session.get(f"{url}/", headers={"accept-language": "fr-SN, en;q=0.5"}) as response:
            french = await response.text()
            assert "script-src 'self';" in response.headers["content-security-policy"]
        async with session.get(f"{url}/", headers={"accept-language": "en-GB"}) as response:
            english = await response.text()
        async with session.get(f"{url}/phone.css") as response:
            assert response.content_type == "text/css"
        async with session.get(f"{url}/phone.js") as response:
            assert response.content_type == "text/javascript"
        async with session.get(f"{url}/dial", headers={"accept-language": "fr"}) as response:
            assert "Composer un code" in await response.text()
            assert "script" not in response.headers["content-security-policy"]
    assert "Approuver (PIN)" in french
    assert "1\u202f250\u202f000.5" in french
    assert "Approve (PIN)" in english
    for page in (french, english):
        assert "&lt;b&gt;Awa&lt;/b&gt;" in page
        assert re.findall("<script.*?</script>", page) == [
            '<script src="/simulators/phone/phone.js" defer></script>'
        ]
        assert '<noscript><meta http-equiv="refresh"' in page
        assert "style=" not in page


async def test_a_form_decides_and_leads_back_to_the_same_phone(handset: MakeHandset) -> None:
    phones = handset()
    prompt = phones.ask(phone="221771234567", provider="shop", order="o", text="Pay?")
    async with phone_page(phones) as (url, session):
        form = session.post(
            f"{url}/prompts/{prompt.id}?phone=221771234567", data={"action": "decline"}, allow_redirects=False
        )
        async with form as response:
            assert (response.status, response.headers["location"]) == (
                303,
                "/simulators/phone/?phone=221771234567",
            )
    found = phones.find(prompt.id)
    assert found is not None
    assert found.state is PromptState.DECLINED


async def test_the_phone_does_the_same_by_json_and_refuses_nonsense(handset: MakeHandset) -> None:
    phones = handset()
    prompt = phones.ask(phone="221771234567", provider="shop", order="o", text="Pay?")
    async with phone_page(phones) as (url, session):

        async def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            async with session.request(method, url + path, json=body) as response:
                return response.status, await response.json()

        assert [found["id"] for found in (await call("GET", "/prompts?phone=%2B221771234567"))[1]] == [
            prompt.id
        ]
        assert await call("GET", "/prompts?phone=22177") == (200, [])
        assert (await call("POST", f"/prompts/{prompt.id}", {"action": "maybe"}))[0] == 400
        assert (await call("POST", f"/prompts/{prompt.id}", {"action": "approve"}))[1]["state"] == "approved"
        assert (await call("POST", f"/prompts/{prompt.id}", {"action": "approve"}))[0] == 409
        assert (await call("POST", "/prompts/prm_0", {"action": "approve"}))[0] == 404
        assert (await call("PUT", "/settings", {"auto_approve_after_seconds": -1}))[0] == 400
        assert await call("PUT", "/settings", {"auto_approve_after_seconds": 0.5}) == (
            200,
            {"auto_approve_after_seconds": 0.5},
        )
        assert await call("GET", "/settings") == (200, {"auto_approve_after_seconds": 0.5})
        status, dialled = await call("POST", "/dial", {"phone": "+226 07 34 56 78", "code": "*144*4*6*5000#"})
        assert (status, dialled["kind"]) == (201, PromptKind.OTP)
        assert phones.redeem_code("22607345678", dialled["code"])
        assert (await call("POST", "/dial", {"phone": "+226", "code": "<script>"}))[0] == 400


async def test_a_prompt_approves_itself_when_the_phone_is_set_so(handset: MakeHandset) -> None:
    phones = handset(auto_approve_after_seconds=0.05)
    heard: list[Action] = []

    async def listen(prompt: Prompt, action: Action) -> None:
        heard.append(action)

    phones.on_decision("shop", listen)
    async with staged(Merchant()) as stage:
        phones.ask(phone="221", provider="shop", order="o", text="", later=stage.shop.seat.later)
        phones.ask(phone="221", provider="shop", order="p", text="")
        await eventually(lambda: heard)
        await asyncio.sleep(0.1)
    assert heard == [Action.APPROVE]


async def test_every_provider_with_a_simulator_is_found_by_its_name(handset: MakeHandset) -> None:
    assert "pawapay" in simulated_providers()
    for name in simulated_providers():
        seat = open_seat(
            name, SeatSettings("http://127.0.0.1:1/x", "http://127.0.0.1:1/y"), handset(), SystemClock()
        )
        assert seat.name == name
        await seat.stop()
    with pytest.raises(KeyError):
        open_seat("nobody", SeatSettings("", ""), handset(), SystemClock())
