"""What a person decides about a refund or a payout is evidence too: with who, why and on what proof, over HTTP as people do it."""

import asyncio
import contextlib
import re
import sys
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from conftest import eventually

from afriflow.core.evidence import Evidence, Failed, Source, Succeeded
from afriflow.core.method import Failure, FailureCode
from afriflow.core.money import Money
from afriflow.torture.fleet import Fleet

PAYS_AT_ONCE = "+221773456789"
WHY = {"reason": "no answer for two days", "proof": "statement of 24 Nov, line 7"}


class Desk:
    """A merchant, its server and a person of it who has signed in."""

    def __init__(self, fleet: Fleet, merchant: Any, person: aiohttp.ClientSession, environment: Any) -> None:
        self.fleet, self.house, self.merchant = fleet, fleet.house, merchant
        self.person, self.environment = person, environment
        self.form_token = ""
        self.merchant_id = fleet.ready.merchant.merchant_id

    async def comes_in(self) -> None:
        ready = self.fleet.ready.merchant
        where, _ = await self.posts("sign-in", email=ready.email, password=ready.password)
        assert where == "/dashboard"
        found = re.search(r'name="form_token" value="(\w+)"', await self.sees(""))
        assert found
        self.form_token = found[1]

    async def posts(self, path: str, **form: str) -> tuple[str, int]:
        """Send a form of the dashboard; gives where it leads, and the status."""
        headers, form = {"origin": self.fleet.url}, {"form_token": self.form_token, **form}
        url = f"{self.fleet.url}/dashboard/{path}"
        async with self.person.post(url, data=form, headers=headers, allow_redirects=False) as response:
            return response.headers.get("location", ""), response.status

    async def sees(self, path: str) -> str:
        async with self.person.get(f"{self.fleet.url}/dashboard/{path}") as response:
            assert response.status == 200, path
            return await response.text()

    async def faults(self, **knobs: float) -> None:
        url = f"{self.fleet.others_url}/simulators/pawapay/faults"
        async with self.person.put(url, json={"seed": 1, **knobs}) as response:
            assert response.status == 200

    async def pays(self) -> Any:
        made = await self.merchant.pay("orange_sn", PAYS_AT_ONCE)

        async def ask() -> Any:
            return (await self.merchant.call("POST", f"/api/transactions/{made['id']}/verify"))[1]

        return await eventually(ask, lambda found: found["status"] == "succeeded", "the payment")

    async def makes(self, kind: str, **fields: Any) -> Any:
        """Order money out whose answer and notification are lost, and which nobody follows."""
        body: dict[str, Any] = dict(fields)
        if kind == "payout":
            method = {"type": "mobile_money", "operator": "orange_sn", "phone": PAYS_AT_ONCE}
            body |= {"amount": 2500, "currency": "XOF", "country": "SN", "payment_method": method}
            body |= {"reference": f"salary-{uuid.uuid4().hex[:8]}", "recipient": {"name": "Moussa Fall"}}
        await self.faults(lose_answer=1.0, lose_callback=1.0)
        key = {"idempotency-key": uuid.uuid4().hex}
        status, made = await self.merchant.call("POST", f"/api/{kind}s", body, headers=key)
        await self.faults()
        assert (status, made["status"]) == (201, "processing"), made
        return made

    async def grows_old(self, made: Any) -> None:
        """A day goes by without an answer."""
        async with self.house.database.connection() as connection:
            done = await connection.execute(
                "UPDATE disbursements SET unresolved = true WHERE merchant_id = $1 AND id = $2",
                self.merchant_id,
                made["id"],
            )
            assert done == "UPDATE 1"

    async def said(self, made: Any, word: Any) -> None:
        async with self.house.database.transaction() as connection:
            await self.house.disburser.out_recorder.record(
                connection,
                merchant_id=self.merchant_id,
                disbursement_id=made["id"],
                evidence=Evidence(Source.VERIFY, word),
            )

    async def reads(self, made: Any) -> Any:
        status, found = await self.merchant.call("GET", f"/api/{made['object']}s/{made['id']}")
        assert status == 200
        return found

    async def reference(self, made: Any) -> str:
        async with self.house.database.connection() as connection:
            query = "SELECT reference FROM disbursements WHERE merchant_id = $1 AND id = $2"
            return await connection.fetchval(query, self.merchant_id, made["id"])

    async def types(self, *words: str) -> tuple[int, str]:
        env = self.environment(
            self.fleet.home, DATABASE_URL=self.fleet.settings.database_url, AFRIFLOW_LANGUAGE="en"
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "afriflow", *words),
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        return process.returncode or 0, (errors if process.returncode else output).decode().strip()


@pytest.fixture(scope="module")
async def desk(
    tmp_path_factory: pytest.TempPathFactory, spawn: Any, environment: Any, session: Any, people: Any
) -> AsyncIterator[Desk]:
    async with contextlib.AsyncExitStack() as stack:
        fleet = Fleet(tmp_path_factory.mktemp("out"), spawn, environment)
        await fleet.open(stack)
        jar = aiohttp.CookieJar(unsafe=True)  # the demo's address is an IP
        person = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        try:
            fleet.start("api", "serve")
            await fleet.answers(session)
            merchant, _ = people(session, fleet.url, fleet.ready.merchant.api_key, "")
            opened = Desk(fleet, merchant, person, environment)
            await opened.comes_in()
            yield opened
        finally:
            for name in list(fleet.processes):
                fleet.kill(name)


def page_of(made: Any) -> str:
    return f"money-out/{made['object']}s/{made['id']}"


async def test_a_payout_without_an_answer_is_ended_by_a_person_with_who_why_and_proof(desk: Desk) -> None:
    made = await desk.makes("payout")
    early, _ = await desk.posts(f"{page_of(made)}/resolve", **WHY, **{"as": "succeeded"})
    assert "refused=not_resolvable" in early, "its provider may still answer"
    await desk.grows_old(made)
    _, waiting = await desk.merchant.call("GET", "/api/payouts?unresolved=true")
    assert [item["id"] for item in waiting["data"]] == [made["id"]]
    assert made["id"] in await desk.sees("money-out/payouts?status=unresolved")
    for missing in ({"reason": ""}, {"proof": ""}, {"as": ""}, {"as": "perhaps"}):
        where, _ = await desk.posts(f"{page_of(made)}/resolve", **{**WHY, "as": "succeeded", **missing})
        assert "done=reason_missing" in where, missing
    assert (await desk.reads(made))["status"] == "processing", "no reason, no proof, no decision"
    where, _ = await desk.posts(
        f"{page_of(made)}/resolve", **WHY, **{"as": "succeeded", "operator_reference": "MP241124.77"}
    )
    assert "done=resolve" in where
    found = await desk.reads(made)
    assert (found["status"], found["unresolved"], found["operator_reference"]) == (
        "succeeded",
        False,
        "MP241124.77",
    )
    page = await desk.sees(page_of(made))
    for told in (*WHY.values(), desk.fleet.ready.merchant.email, "une personne"):
        assert told in page, told
    _, events = await desk.merchant.call("GET", f"/api/events?transaction={made['id']}")
    assert events["data"][0]["type"] == "payout.succeeded"
    logged = await desk.sees(f"audit-log?subject={made['id']}")
    for told in ("Issue d&#39;un versement décidée", *WHY.values(), desk.fleet.ready.merchant.email):
        assert told in logged, told


async def test_a_refund_that_did_not_arrive_frees_what_it_reserved_and_one_that_did_is_counted(
    desk: Desk,
) -> None:
    payment = await desk.pays()
    lost = await desk.makes("refund", transaction=payment["id"], amount=3000)
    await desk.grows_old(lost)
    await desk.posts(f"{page_of(lost)}/resolve", **WHY, **{"as": "failed"})
    found = await desk.reads(lost)
    assert (found["status"], found["failure"]["code"]) == ("failed", "unspecified")
    assert (await desk.merchant.read(payment["id"]))["refunded_amount"] == 0
    again = await desk.makes("refund", transaction=payment["id"])
    assert again["amount"] == 5000, "all of it can be given back again"
    await desk.grows_old(again)
    await desk.posts(f"{page_of(again)}/resolve", **WHY, **{"as": "succeeded"})
    after = await desk.merchant.read(payment["id"])
    assert (after["status"], after["refunded_amount"]) == ("refunded", 5000)


async def test_money_that_went_out_after_all_finds_its_room_taken_and_a_person_called(desk: Desk) -> None:
    payment = await desk.pays()
    lost = await desk.makes("refund", transaction=payment["id"])
    await desk.grows_old(lost)
    await desk.posts(f"{page_of(lost)}/resolve", **WHY, **{"as": "failed"})
    again = await desk.makes("refund", transaction=payment["id"])
    await desk.said(lost, Succeeded(Money(5000, "XOF"), await desk.reference(lost)))
    found = await desk.reads(lost)
    assert (found["status"], found["needs_review"]) == ("failed", True)
    assert (await desk.reads(again))["status"] == "processing"
    assert (await desk.merchant.read(payment["id"]))["refunded_amount"] == 0


async def test_what_needs_review_is_looked_at_and_taken_off_the_table_by_name(desk: Desk) -> None:
    made = await desk.makes("payout")
    nothing, _ = await desk.posts(f"{page_of(made)}/review", reason="nothing to see")
    assert "refused=not_resolvable" in nothing
    await desk.said(made, Succeeded(Money(2499, "XOF"), await desk.reference(made)))
    _, waiting = await desk.merchant.call("GET", "/api/payouts?needs_review=true")
    assert [item["id"] for item in waiting["data"]] == [made["id"]]
    silent, _ = await desk.posts(f"{page_of(made)}/review", reason="")
    assert "done=reason_missing" in silent
    await desk.posts(f"{page_of(made)}/review", reason="their mistake, ticket 4711")
    found = await desk.reads(made)
    assert (found["needs_review"], found["status"]) == (False, "processing")
    assert "their mistake, ticket 4711" in await desk.sees(page_of(made))
    await desk.said(made, Succeeded(None, await desk.reference(made)))
    assert (await desk.reads(made))["needs_review"], "what is new is asked about again"
    where, _ = await desk.posts(f"{page_of(made)}/resolve", **WHY, **{"as": "failed"})
    assert "done=resolve" in where
    found = await desk.reads(made)
    assert (found["needs_review"], found["status"]) == (False, "failed"), "decided in one step"


async def test_a_success_is_undone_by_nobody(desk: Desk) -> None:
    made = await desk.makes("payout")
    await desk.said(made, Succeeded(Money(2500, "XOF"), await desk.reference(made)))
    await desk.said(made, Failed(Failure(FailureCode.PAYER_NOT_FOUND)))
    assert (await desk.reads(made))["needs_review"]
    for outcome in ("failed", "succeeded"):
        where, _ = await desk.posts(f"{page_of(made)}/resolve", **WHY, **{"as": outcome})
        assert "refused=not_resolvable" in where
    assert (await desk.reads(made))["status"] == "succeeded"


async def test_it_is_nobody_elses(desk: Desk) -> None:
    made = await desk.makes("payout")
    await desk.grows_old(made)
    decision = {**WHY, "as": "failed"}
    for path in ("money-out/payouts/pyt_nothing", f"money-out/loans/{made['id']}"):
        assert (await desk.posts(f"{path}/resolve", **decision))[1] == 404
    await desk.posts("mode", mode="live")
    assert (await desk.posts(f"{page_of(made)}/resolve", **decision))[1] == 404
    assert (await desk.posts(f"{page_of(made)}/review", reason="x"))[1] == 404
    await desk.posts("mode", mode="test")
    assert (await desk.reads(made))["status"] == "processing"


async def test_at_a_terminal_people_decide_and_are_named(desk: Desk) -> None:
    made = await desk.makes("payout")
    await desk.grows_old(made)
    options = ("--as", "failed", "--reason", "no answer", "--proof", "line 7")
    code, output = await desk.types("resolve", made["id"], "--attempt", "att_x", *options)
    assert (code, "--attempt" in output) == (1, True)
    code, output = await desk.types("resolve", made["id"], *options)
    assert (code, output) == (0, f"Decided: {made['id']}")
    assert (await desk.reads(made))["status"] == "failed"
    assert "terminal:" in await desk.sees(page_of(made))
    code, _ = await desk.types("review", made["id"], "--reason", "nothing is left")
    assert code == 1, "there is nothing to review"
