"""What every provider must do on the whole system, told once: a folder gets these stories by existing.

Nothing here names a provider. What one can't do is read from its SPEC and its adapter, and the story says so.
"""

import asyncio
import re
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from conformance.stage import (
    QUIET_SECONDS,
    WAITING,
    WRONG_CODE,
    Asked,
    Stage,
    Way,
    adapter_of,
    another_reference,
    each,
    ways_among,
)
from conftest import eventually

from afriflow.assembly import assemble
from afriflow.core.transaction import Mode
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.api_keys import make_key
from afriflow.port.factory import specs
from afriflow.port.money_out import Payouts, Refunds
from afriflow.settings import Settings

Faults = Callable[..., Any]

# What may be answered to an order, or not be, processed or not.
ANSWERS: list[dict[str, float]] = [
    {"lose_answer": 1},
    {"refuse_connection": 1},
    {"error_500": 1},
    {"html_502": 1},
    {"broken_json": 1},
    {"empty_answer": 1},
    {"slow_answer": 1, "slow_answer_seconds": 7},  # conftest's QUICK gives a provider five
    {"late_arrival": 1, "late_arrival_seconds": 2},
    {"too_many_requests": 1},
    {"unknown_word_in_answer": 1},
]
# These are read, each provider's in its way, or outrun by a callback; the others say nothing to anybody.
SAYS_SOMETHING = {"too_many_requests", "unknown_word_in_answer", "slow_answer"}
# How callbacks may come that tell of a payment.
CALLBACKS: list[dict[str, float]] = [
    {"duplicate_callback": 1, "callback_copies": 5},
    {"reorder_callback": 1},
    {"unknown_word_in_callback": 1},
    {"wrong_amount_in_callback": 1},
    {"forge_callback": 1},
    {"late_settlement": 1, "late_settlement_seconds": 2},
]


@pytest.fixture(scope="module", params=sorted(specs()))
async def stage(
    request: pytest.FixtureRequest, demo: dict[str, Any], merchant: Any, payer: Any, session: Any
) -> AsyncIterator[Stage]:
    """Each provider in turn carries everything, by the merchant's own rule."""
    spec = specs()[request.param]
    if spec.name not in demo["simulators"]:
        pytest.skip(f"{spec.title} has no simulator: nobody plays its side")
    _, found = await merchant.call("GET", "/api/providers")
    account = next(item for item in found["data"] if item["provider"] == spec.name)
    others = sorted({item["provider"] for item in found["data"]} - {spec.name})
    rules = [{"exclude": others}] if others else []
    status, problem = await merchant.call("PUT", "/api/routing/rules", {"rules": rules})
    assert status == 200, problem
    seat_url = demo["simulators"][spec.name]["url"]
    yield Stage(spec, merchant, payer, session, seat_url, account["callback_url"], ways_among(spec.routes))
    await merchant.call("PUT", "/api/routing/rules", {"rules": []})


class TestPayments:
    async def test_who_approves_has_paid_and_the_merchant_hears_of_it_once_and_in_order(
        self, stage: Stage
    ) -> None:
        assert stage.ways, "it carries nothing that a test can pay with"
        await each(await stage.ask_all(), stage.pays)

    async def test_who_declines_has_not_paid_and_there_is_a_reason(self, stage: Stage) -> None:
        async def declines(way: Way) -> None:
            asked = await stage.ask(way, WRONG_CODE)
            await stage.act(asked, "decline")
            failed = await stage.merchant.until(asked.id, "failed")
            assert [attempt["status"] for attempt in failed["attempts"]] == ["failed"]
            assert failed["failure"]["code"] not in {"unspecified", "provider_unavailable"}
            assert failed["failure"]["payer_can_retry"] is True
            await stage.hears(asked.id, "transaction", "failed")

        await each([way for way in stage.ways if not way.gets_a_code], declines)

    async def test_a_wrong_code_for_a_payment_that_waits_for_one_is_said_and_the_right_one_pays(
        self, stage: Stage
    ) -> None:
        ways = [way for way in stage.ways if way.gets_a_code]
        if not ways:
            pytest.skip(f"{stage.spec.title} sends no code after it was asked")

        async def mends(way: Way) -> None:
            asked = await stage.ask(way)
            status, problem = await stage.give_code(asked, WRONG_CODE)
            assert (status, problem["code"]) == (422, "invalid_otp"), problem
            await stage.pays(asked)

        await each(ways, mends)

    async def test_whatever_is_answered_nobody_is_charged_twice_or_called_unpaid_who_may_have_paid(
        self, stage: Stage, faults: Faults
    ) -> None:
        asked: list[Asked] = []
        for knobs in ANSWERS:
            await faults(stage.spec.name, **knobs)
            these = [replace(payment, because=str(knobs)) for payment in await stage.ask_all()]
            asked += these
            if not set(knobs) & SAYS_SOMETHING:
                attempts = [attempt for payment in these for attempt in payment.made["attempts"]]
                assert {attempt["status"] for attempt in attempts} == {"unknown"}, (knobs, attempts)
        await faults(stage.spec.name)

        async def ends_as_it_is(payment: Asked) -> None:
            if payment.made["status"] != "failed":
                await stage.pays(payment)
                return
            # Whoever says at once that it failed must be right for ever: nobody was asked, nothing moves.
            await asyncio.sleep(QUIET_SECONDS)
            assert await stage.prompts(payment) == []
            assert await stage.moved(payment.made) == []

        await each(asked, ends_as_it_is)

    async def test_who_has_no_money_has_not_paid(self, stage: Stage) -> None:
        ways = [way for way in stage.ways if way.asks_the_payer]
        if not ways:
            pytest.skip(
                f"a code settles each payment at {stage.spec.title}: nobody is asked who may lack money"
            )

        async def lacks_money(way: Way) -> None:
            asked = await stage.ask(way)
            await stage.act(asked, "no_funds")
            failed = await stage.merchant.until(asked.id, "failed")
            assert [attempt["status"] for attempt in failed["attempts"]] == ["failed"]
            assert failed["failure"]["payer_can_retry"] is True
            assert await stage.moved(failed) == []

        await each(ways, lacks_money)

    async def test_who_ignores_it_until_it_expires_and_pays_after_all_has_paid(self, stage: Stage) -> None:
        ways = [way for way in stage.ways if way.asks_the_payer]
        if not ways:
            pytest.skip(f"no payment at {stage.spec.title} waits: a code settles each")

        async def is_late(way: Way) -> None:
            asked = await stage.ask(way, expires_in=2)
            await stage.merchant.until(asked.id, "expired")
            prompts = await stage.prompts(asked)
            if not prompts:  # the page that we led to is hidden now, and the payer may have it open still
                return
            await stage.decide(prompts[-1], "approve")
            paid = await stage.is_paid_once(asked)
            assert paid["late"] is True
            heard = await stage.hears(
                asked.id, "transaction", "needs_review"
            )  # what becomes of it, a person says
            assert heard[-2]["type"] == "transaction.succeeded"

        await each(ways, is_late)

    async def test_an_order_that_cannot_be_seen_yet_is_not_lost(self, stage: Stage, faults: Faults) -> None:
        await faults(stage.spec.name, hidden_order=1.0, hidden_order_seconds=3.0)
        await each(await stage.ask_all(), stage.pays)

    async def test_while_nobody_tells_how_an_order_stands_none_has_failed(
        self, stage: Stage, faults: Faults
    ) -> None:
        await faults(stage.spec.name, dead_query=1.0, lose_callback=1.0)
        asked = await stage.ask_all()
        await each(asked, lambda payment: stage.act(payment, "approve"))
        await asyncio.sleep(QUIET_SECONDS)
        for payment in asked:
            assert (await stage.merchant.read(payment.id))["status"] in WAITING
        await faults(stage.spec.name)
        await each(asked, stage.is_paid_once)

    async def test_another_amount_than_was_asked_for_is_no_success_and_a_person_must_look(
        self, stage: Stage, faults: Faults
    ) -> None:
        await faults(stage.spec.name, wrong_amount_in_answer=1.0, lose_callback=1.0)
        asked = await stage.ask_all()

        async def is_doubted(payment: Asked) -> None:
            await stage.act(payment, "approve")
            doubted = await eventually(
                lambda: stage.merchant.read(payment.id),
                lambda found: found["needs_review"] or found["status"] not in WAITING,
                f"a doubt: {payment.way}",
            )
            assert (doubted["status"] in WAITING, doubted["needs_review"]) == (True, True), doubted
            types = [item["type"] for item in await stage.hears(payment.id, "transaction", "needs_review")]
            assert types.count("transaction.needs_review") == 1

        await each(asked, is_doubted)
        await faults(stage.spec.name)
        await each(asked, stage.is_paid_once)

    async def test_it_settles_though_every_callback_is_lost(self, stage: Stage, faults: Faults) -> None:
        await faults(stage.spec.name, lose_callback=1.0)
        await each(await stage.ask_all(), stage.pays)

    async def test_a_callback_may_come_before_the_answer(
        self, stage: Stage, faults: Faults, approved_at_once: None
    ) -> None:
        await faults(stage.spec.name, callback_before_answer=1.0)
        await each(await stage.ask_all(), stage.pays)

    @pytest.mark.parametrize("knobs", CALLBACKS, ids=lambda knobs: next(iter(knobs)))
    async def test_whatever_callbacks_say_it_ends_as_the_provider_has_it(
        self, stage: Stage, faults: Faults, knobs: dict[str, float]
    ) -> None:
        asked = await stage.ask_all()
        await faults(stage.spec.name, **knobs)

        async def ends_as_it_is(payment: Asked) -> None:
            await stage.act(payment, "approve")
            paid = await stage.is_paid_once(payment)
            # Only who believes a callback by its signature can be told a wrong amount by one.
            assert not paid["needs_review"] or "wrong_amount_in_callback" in knobs
            if "duplicate_callback" in knobs:
                await stage.hears(payment.id, "transaction", "succeeded")

        await each(asked, ends_as_it_is)

    async def test_a_forged_success_before_a_genuine_no_has_no_effect(
        self, stage: Stage, faults: Faults
    ) -> None:
        ways = [way for way in stage.ways if way.asks_the_payer]
        if not ways:
            pytest.skip(f"no payment at {stage.spec.title} waits: a code settles each")
        await faults(stage.spec.name, forge_callback=1.0)

        async def is_declined(way: Way) -> None:
            asked = await stage.ask(way)
            await stage.act(asked, "decline")
            failed = await stage.merchant.until(asked.id, "failed", "succeeded")
            assert (failed["status"], failed["needs_review"]) == ("failed", False)
            assert await stage.moved(failed) == []
            await stage.hears(asked.id, "transaction", "failed")

        await each(ways, is_declined)

    async def test_a_new_key_of_the_provider_holds_up_no_payment(self, stage: Stage) -> None:
        async with stage.session.post(f"{stage.seat_url}/rotate-key") as response:
            if response.status == 404:
                pytest.skip(f"{stage.spec.title} signs nothing: it has no keys to rotate")
            assert response.status == 200
        await each(await stage.ask_all(), stage.pays)

    async def test_a_provider_that_is_down_leaves_nothing_open(self, stage: Stage, shut: Stage) -> None:
        async def finds_it_shut(way: Way) -> None:
            asked = await shut.ask(way)
            assert asked.made["status"] == "failed", asked.made
            assert asked.made["failure"]["code"] == "provider_unavailable"
            assert [attempt["status"] for attempt in asked.made["attempts"]] == ["not_sent"]

        await each(stage.ways, finds_it_shut)


class TestCallbacks:
    async def test_a_forged_success_has_no_effect_on_a_payment_that_waits(self, stage: Stage) -> None:
        ways = [way for way in stage.ways if not way.is_settled_by_a_code]
        if not ways:
            pytest.skip(f"no payment at {stage.spec.title} waits: a code settles each")

        async def is_forged(way: Way) -> None:
            genuine = await _told_of_success(stage, way)
            waiting = await stage.ask(way)
            before = (await stage.merchant.read(waiting.id))["attempts"]
            for body in _forgeries(genuine, before[0]):
                for headers in ({}, _signed_by_nobody()):
                    assert await _post(stage, body, headers) == 200
            await asyncio.sleep(QUIET_SECONDS)
            after = await stage.merchant.read(waiting.id)
            assert after["status"] in WAITING
            assert [item["status"] for item in after["attempts"]] == [item["status"] for item in before]
            await stage.pays(waiting)

        await each(ways, is_forged)

    async def test_a_callback_about_an_unknown_order_is_taken_and_changes_nothing(self, stage: Stage) -> None:
        way = stage.ways[0]
        genuine = await _told_of_success(stage, way)
        nobodys = {
            "reference": another_reference(),
            "provider_reference": uuid.uuid4().hex[:20],
            "transaction": "txn_nobodys",
        }
        _, newest = await stage.merchant.call("GET", "/api/transactions?limit=1")
        heard = await stage.merchant.heard(genuine.id)
        for body in _forgeries(genuine, nobodys):
            assert await _post(stage, body, {}) == 200
        await asyncio.sleep(QUIET_SECONDS)
        assert await stage.merchant.call("GET", "/api/transactions?limit=1") == (200, newest)
        assert await stage.merchant.heard(genuine.id) == heard


class TestPayouts:
    async def test_a_payout_reaches_its_wallet_once_and_the_merchant_hears_of_it(self, stage: Stage) -> None:
        await each(_ways_out(stage), lambda way: _is_paid_out(stage, way))

    async def test_whatever_is_answered_no_payout_is_sent_twice_or_called_failed_that_may_arrive(
        self, stage: Stage, faults: Faults
    ) -> None:
        ways, before = _ways_out(stage), len(await stage.book("out"))
        made: list[Any] = []
        for knobs in ANSWERS:
            await faults(stage.spec.name, **knobs)
            made += await each(ways, lambda way: _pay_out(stage, way))
        await faults(stage.spec.name)
        ends = await each(made, lambda payout: _end_of(stage, "payout", payout))
        await asyncio.sleep(QUIET_SECONDS)  # a second copy, or one that was called failed, would move now
        succeeded = [payout for payout in ends if payout["status"] == "succeeded"]
        assert len(await stage.book("out")) - before == len(succeeded)
        # Only who was told to come again later, and then to choose, may have given up.
        assert len(made) - len(succeeded) <= len(ways), [payout["failure"] for payout in ends]
        assert [payout["needs_review"] for payout in ends] == [False] * len(ends)

    async def test_a_payout_survives_the_loss_of_every_callback(self, stage: Stage, faults: Faults) -> None:
        ways = _ways_out(stage)
        await faults(stage.spec.name, lose_callback=1.0)
        await each(ways, lambda way: _is_paid_out(stage, way))

    async def test_a_payout_to_a_provider_that_is_down_fails_and_was_not_sent(
        self, stage: Stage, shut: Stage
    ) -> None:
        for way in _ways_out(stage):
            made = await _pay_out(shut, way)
            assert (made["status"], made["failure"]["code"]) == ("failed", "provider_unavailable"), made


class TestRefunds:
    async def test_a_payment_is_given_back_whole(self, stage: Stage) -> None:
        _must_refund(stage)
        payment = await _paid(stage)
        refund = await _give_back(stage, payment)
        assert refund["amount"] == payment["amount"]
        await _is_done(stage, "refund", refund)
        after = await stage.merchant.read(payment["id"])
        assert (after["status"], after["refunded_amount"]) == ("refunded", payment["amount"])

    async def test_a_payment_is_given_back_in_parts_and_never_more_than_came(self, stage: Stage) -> None:
        _must_refund(stage)
        payment = await _paid(stage)
        part = payment["amount"] // 200 * 100
        for amount in (part, payment["amount"] - part):
            await _is_done(stage, "refund", await _give_back(stage, payment, amount=amount))
        status, problem = await _refund(stage, payment, amount=1)
        assert (status, problem["code"], problem["remaining"]) == (422, "refund_exceeds_payment", 0)

    async def test_whatever_is_answered_nothing_is_given_back_twice(
        self, stage: Stage, faults: Faults
    ) -> None:
        _must_refund(stage)
        payments = await each(ANSWERS, lambda _: _paid(stage))
        before, made = len(await stage.book("back")), list[Any]()
        for payment, knobs in zip(payments, ANSWERS, strict=True):
            await faults(stage.spec.name, **knobs)
            made.append(await _give_back(stage, payment))
        await faults(stage.spec.name)
        ends = await each(made, lambda refund: _end_of(stage, "refund", refund))
        await asyncio.sleep(QUIET_SECONDS)
        succeeded = [refund for refund in ends if refund["status"] == "succeeded"]
        assert len(await stage.book("back")) - before == len(succeeded)
        assert len(made) - len(succeeded) <= 1, [refund["failure"] for refund in ends]
        for payment, refund in zip(payments, ends, strict=True):
            refunded = (await stage.merchant.read(payment["id"]))["refunded_amount"]
            assert refunded == (payment["amount"] if refund in succeeded else 0)

    async def test_where_nothing_can_be_given_back_the_merchant_hears_what_to_do_instead(
        self, stage: Stage
    ) -> None:
        if isinstance(adapter_of(stage.spec), Refunds):
            pytest.skip(f"{stage.spec.title} gives money back by its own means")
        payment = await _paid(stage)
        status, problem = await _refund(stage, payment)
        assert (status, problem["code"]) == (422, "refund_not_supported")
        assert problem["instead"]["operation"] == "POST /api/payouts"


# ── how the stories are told ────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
async def approved_at_once(stage: Stage) -> AsyncIterator[None]:
    """Prompts approve themselves, so that a payment can be over before its order is answered."""
    url = f"{stage.payer.url}/settings"
    async with stage.session.put(url, json={"auto_approve_after_seconds": 0}) as response:
        assert response.status == 200
    yield
    await stage.session.put(url, json={"auto_approve_after_seconds": None})


@pytest.fixture(scope="module")
def nobody() -> Iterator[str]:
    """An address where every connection is refused: bound, so that nobody else takes it, and never listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture(scope="module")
async def shut(stage: Stage, demo: dict[str, Any], people: Any, session: Any, nobody: str) -> Stage:
    """Another merchant of the same installation, whose account is where nobody answers."""
    home = Path(demo["home"])
    note = home / "sockets"
    folder = quote(note.read_text() if note.exists() else str(home / "run"))
    database_url = f"postgresql://afriflow@/afriflow?host={folder}&port=5432"
    house = await assemble(
        Settings(
            home=home, database_url=database_url, redis_url="redis://127.0.0.1:1", public_url=demo["url"]
        )
    )
    try:
        async with house.database.transaction() as connection:
            merchant_id = await make_merchant(
                connection, house.ids, name="Boutique close", country="SN", language="fr"
            )
            key = await make_key(connection, house.vault, house.ids, merchant_id=merchant_id, mode=Mode.TEST)
            await house.accounts.open_account(
                connection,
                merchant_id=merchant_id,
                account_id=f"{stage.spec.name}_{merchant_id[-12:]}",
                mode=Mode.TEST,
                provider=stage.spec.name,
                config=stage.spec.demo_config,
                base_url=nobody + urlsplit(stage.spec.base_urls[Mode.TEST]).path,
            )
    finally:
        await house.close()
    merchant, _ = people(session, demo["url"], key, demo["phone_url"])
    return Stage(stage.spec, merchant, stage.payer, session, "", "", stage.ways)


class Told:
    """A callback that told of a success, and the attempt it spoke of."""

    def __init__(self, asked: Asked, attempt: Any, body: str) -> None:
        self.id, self.attempt, self.body = asked.id, attempt, body


async def _told_of_success(stage: Stage, way: Way) -> Told:
    asked = await stage.ask(way)
    attempt = (await stage.pays(asked))["attempts"][0]

    async def look() -> list[Any]:
        return [item for item in await stage.callbacks() if attempt["reference"] in item["body"]]

    told = await eventually(look, bool, "the callback of a payment")
    return Told(asked, attempt, told[-1]["body"])


def _forgeries(told: Told, about: Any) -> list[str]:
    """Write a genuine success as if it spoke of another attempt: as it is, and with its constants guessed wrong."""
    body = told.body
    for name in ("reference", "provider_reference"):
        if told.attempt[name] and about[name]:
            body = body.replace(told.attempt[name], about[name])
    assert told.attempt["reference"] not in body
    guessed = re.sub(r"[0-9a-f]{32,}", lambda constant: constant[0][::-1], body)
    return list(dict.fromkeys((body, guessed)))


def _signed_by_nobody() -> dict[str, str]:
    """Headers after RFC 9421 that no key of a provider's made."""
    return {
        "signature-input": 'sig=("@method" "content-digest");alg="ecdsa-p256-sha256";keyid="NOBODY";created=1',
        "signature": "sig=:bm9ib2R5:",
        "content-digest": "sha-256=:bm9ib2R5:",
    }


async def _post(stage: Stage, body: str, headers: dict[str, str]) -> int:
    kind = "application/json" if body.startswith("{") else "application/x-www-form-urlencoded"
    sent = {"content-type": kind, **headers}
    async with stage.session.post(stage.callback_url, data=body.encode(), headers=sent) as response:
        return response.status


def _ways_out(stage: Stage) -> list[Way]:
    if not (stage.spec.payout_routes and isinstance(adapter_of(stage.spec), Payouts)):
        pytest.skip(f"{stage.spec.title} sends no payouts")
    return ways_among(stage.spec.payout_routes)


async def _pay_out(stage: Stage, way: Way) -> Any:
    body = {
        "amount": way.amount,
        "currency": way.route.currency,
        "country": way.route.country,
        "reference": f"salary-{uuid.uuid4().hex[:10]}",
        "payment_method": way.method(),
        "recipient": {"name": "Moussa Fall"},
    }
    headers = {"idempotency-key": uuid.uuid4().hex}
    status, made = await stage.merchant.call("POST", "/api/payouts", body, headers=headers)
    assert (status, made.get("provider")) == (201, stage.spec.name), made
    return made


async def _is_paid_out(stage: Stage, way: Way) -> None:
    await _is_done(stage, "payout", await _pay_out(stage, way))


async def _end_of(stage: Stage, kind: str, made: Any) -> Any:
    async def look() -> Any:
        return (await stage.merchant.call("GET", f"/api/{kind}s/{made['id']}"))[1]

    return await eventually(look, lambda found: found["status"] != "processing", f"the end of a {kind}")


async def _is_done(stage: Stage, kind: str, made: Any) -> None:
    """Wait for the end of money out: it succeeded, and the merchant heard each step once."""
    done = await _end_of(stage, kind, made)
    assert (done["status"], done["needs_review"]) == ("succeeded", False), done
    await stage.hears(made["id"], kind, "succeeded")


def _must_refund(stage: Stage) -> None:
    if not isinstance(adapter_of(stage.spec), Refunds):
        pytest.skip(f"{stage.spec.title} gives no money back by its own means")


async def _paid(stage: Stage) -> Any:
    """Pay in the way whose amounts have decimals, where there is one: parts are harder there."""
    way = max(stage.ways, key=lambda way: way.route.decimals)
    return await stage.pays(await stage.ask(way))


async def _refund(stage: Stage, payment: Any, **fields: Any) -> tuple[int, Any]:
    body = {"transaction": payment["id"], **fields}
    return await stage.merchant.call(
        "POST", "/api/refunds", body, headers={"idempotency-key": uuid.uuid4().hex}
    )


async def _give_back(stage: Stage, payment: Any, **fields: Any) -> Any:
    status, made = await _refund(stage, payment, **fields)
    assert status == 201, made
    return made
