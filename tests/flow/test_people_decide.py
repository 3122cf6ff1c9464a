"""What a person decides is evidence: with who, why and on what proof, and it undoes no success."""

import asyncio
import contextlib
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afriflow.checkout.resolve import Decision
from afriflow.core.errors import NotFound, NotResolvable
from afriflow.core.evidence import Evidence, Failed, Pending, Source, Succeeded
from afriflow.core.method import Failure, FailureCode
from afriflow.core.money import Money
from afriflow.core.transaction import Mode
from afriflow.jobs.held import explained_jobs, held_jobs
from afriflow.jobs.queue import Hold, Task, enqueue
from afriflow.jobs.run import Worker, WorkerLimits
from afriflow.merchants.keys import Caller
from afriflow.reconcile.remind import Reminder
from afriflow.torture.fleet import Fleet

PAID = Decision(succeeded=True, reason="no answer for two days", proof="statement of 24 Nov, line 7")
NOT_PAID = Decision(succeeded=False, reason="no answer for two days", proof="ticket 4711 at the provider")


@contextlib.asynccontextmanager
async def a_desk(
    home: Path, spawn: Any, environment: Any, session: Any, people: Any
) -> AsyncIterator["Desk"]:
    """An API, and a merchant whose payments nobody follows."""
    async with contextlib.AsyncExitStack() as stack:
        fleet = Fleet(home, spawn, environment)
        await fleet.open(stack)
        try:
            fleet.start("api", "serve")
            await fleet.answers(session)
            ready = fleet.ready.merchant
            caller = Caller(ready.merchant_id, "Demo", Mode.TEST, "SN", "en", "awa@example.test")
            merchant, _ = people(session, fleet.url, ready.api_key, "")
            yield Desk(fleet, caller, merchant, environment)
        finally:
            for name in list(fleet.processes):
                fleet.kill(name)


@pytest.fixture(scope="module")
async def desk(
    tmp_path_factory: pytest.TempPathFactory, spawn: Any, environment: Any, session: Any, people: Any
) -> AsyncIterator["Desk"]:
    async with a_desk(tmp_path_factory.mktemp("desk"), spawn, environment, session, people) as opened:
        yield opened


@pytest.fixture
async def new_desk(
    tmp_path: Path, spawn: Any, environment: Any, session: Any, people: Any
) -> AsyncIterator["Desk"]:
    """Where nothing waits yet."""
    async with a_desk(tmp_path, spawn, environment, session, people) as opened:
        yield opened


class Desk:
    def __init__(self, fleet: Fleet, caller: Caller, merchant: Any, environment: Any) -> None:
        self.fleet, self.house, self.caller, self.merchant = fleet, fleet.house, caller, merchant
        self.environment = environment

    async def open_payment(self) -> Any:
        made = await self.merchant.pay("orange_sn", "+22177" + str(uuid.uuid4().int)[:7])
        assert made["attempts"][0]["status"] == "pending"
        return made

    async def grows_old(self, made: Any) -> None:
        """A day goes by without an answer."""
        async with self.house.database.connection() as connection:
            done = await connection.execute(
                "UPDATE transactions SET unresolved = true WHERE merchant_id = $1 AND id = $2",
                self.caller.merchant_id,
                made["id"],
            )
            assert done == "UPDATE 1"

    async def said(self, made: Any, word: Any, source: Source = Source.VERIFY) -> None:
        async with self.house.database.transaction() as connection:
            await self.house.recorder.record(
                connection,
                merchant_id=self.caller.merchant_id,
                attempt_id=made["attempts"][0]["id"],
                evidence=Evidence(source, word),
            )

    async def decides(self, made: Any, decision: Decision) -> Any:
        await self.house.resolver.resolve(self.caller, made["id"], made["attempts"][0]["id"], decision)
        return await self.merchant.read(made["id"])

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
        return process.returncode or 0, (errors if process.returncode else output).decode()


class TestAnAttemptWithoutAnAnswer:
    async def test_is_ended_as_paid_with_who_why_and_proof(self, desk: Any) -> None:
        made = await desk.open_payment()
        await desk.grows_old(made)
        _, waiting = await desk.merchant.call("GET", "/api/transactions?unresolved=true")
        assert made["id"] in {item["id"] for item in waiting["data"]}
        assert all(item["unresolved"] for item in waiting["data"])
        found = await desk.decides(made, PAID)
        assert (found["status"], found["unresolved"], found["attempts"][0]["status"]) == (
            "succeeded",
            False,
            "succeeded",
        )
        told = found["events"][-1]
        assert (told["kind"], told["source"]) == ("Succeeded", "human")
        facts = told["facts"]
        assert (facts["by"], facts["note"], facts["proof"]) == ("awa@example.test", PAID.reason, PAID.proof)
        _, events = await desk.merchant.call("GET", f"/api/events?transaction={made['id']}")
        assert events["data"][0]["type"] == "transaction.succeeded"

    async def test_is_ended_as_not_paid_and_money_that_comes_all_the_same_is_late(self, desk: Any) -> None:
        made = await desk.open_payment()
        await desk.grows_old(made)
        found = await desk.decides(made, NOT_PAID)
        assert (found["status"], found["attempts"][0]["status"]) == ("failed", "failed")
        await desk.said(made, Succeeded(Money(5000, "XOF"), made["attempts"][0]["reference"]))
        found = await desk.merchant.read(made["id"])
        assert (found["status"], found["late"], found["review_reasons"]) == ("succeeded", True, ["late"])

    async def test_is_nobodys_to_end_while_its_provider_may_answer(self, desk: Any) -> None:
        made = await desk.open_payment()
        for decision in (PAID, NOT_PAID):
            with pytest.raises(NotResolvable):
                await desk.decides(made, decision)
        assert (await desk.merchant.read(made["id"]))["status"] == "processing"

    async def test_is_nobody_elses(self, desk: Any) -> None:
        made = await desk.open_payment()
        await desk.grows_old(made)
        attempt_id = made["attempts"][0]["id"]
        for caller, transaction_id, attempt in (
            (replace(desk.caller, merchant_id="mer_another"), made["id"], attempt_id),
            (replace(desk.caller, mode=Mode.LIVE), made["id"], attempt_id),
            (desk.caller, "txn_nothing", attempt_id),
            (desk.caller, made["id"], "att_nothing"),
        ):
            with pytest.raises(NotFound):
                await desk.house.resolver.resolve(caller, transaction_id, attempt, PAID)

    async def test_a_success_is_undone_by_nobody(self, desk: Any) -> None:
        made = await desk.open_payment()
        await desk.said(made, Succeeded(Money(5000, "XOF"), made["attempts"][0]["reference"]))
        await desk.said(made, Failed(Failure(FailureCode.PAYER_DECLINED)))
        assert (await desk.merchant.read(made["id"]))["review_reasons"] == ["reversal"]
        for decision in (PAID, NOT_PAID):
            with pytest.raises(NotResolvable):
                await desk.decides(made, decision)


class TestAPaymentThatNeedsReview:
    async def test_is_taken_off_the_table_by_name(self, desk: Any) -> None:
        made = await desk.open_payment()
        with pytest.raises(NotResolvable):
            await desk.house.resolver.review(desk.caller, made["id"], "nothing to see")
        await desk.said(made, Succeeded(Money(4999, "XOF"), made["attempts"][0]["reference"]))
        _, waiting = await desk.merchant.call("GET", "/api/transactions?needs_review=true")
        assert made["id"] in {item["id"] for item in waiting["data"]}
        await desk.house.resolver.review(desk.caller, made["id"], "the payer sends the rest")
        found = await desk.merchant.read(made["id"])
        assert (found["needs_review"], found["review_reasons"], found["status"]) == (False, [], "processing")
        facts = found["events"][-1]["facts"]
        assert (facts["by"], facts["note"], facts["reviewed"]) == (
            "awa@example.test",
            "the payer sends the rest",
            ["mismatch"],
        )
        await desk.said(made, Succeeded(Money(4999, "XOF"), made["attempts"][0]["reference"]))
        assert (await desk.merchant.read(made["id"]))["needs_review"], "what is new is asked about again"

    async def test_and_its_attempt_is_decided_in_one_step(self, desk: Any) -> None:
        made = await desk.open_payment()
        await desk.said(made, Succeeded(None, made["attempts"][0]["reference"]))
        found = await desk.decides(made, PAID)
        assert (found["status"], found["needs_review"]) == ("succeeded", False)
        assert [item["kind"] for item in found["events"][-2:]] == ["Reviewed", "Succeeded"]


class TestAtATerminal:
    async def test_people_list_decide_and_are_named(self, desk: Any) -> None:
        made = await desk.open_payment()
        attempt = made["attempts"][0]["id"]
        options = ("--attempt", attempt, "--as", "succeeded", "--reason", "no answer", "--proof", "line 7")
        code, output = await desk.types("resolve", made["id"], *options)
        assert (code, "only what has had no answer for a day" in output) == (1, True)
        await desk.grows_old(made)
        code, output = await desk.types("resolve", made["id"], *options)
        assert (code, output.strip()) == (0, f"Decided: {made['id']}")
        found = await desk.merchant.read(made["id"])
        assert found["status"] == "succeeded"
        assert found["events"][-1]["facts"]["by"].startswith("terminal:")
        await desk.said(made, Failed(Failure(FailureCode.PAYER_DECLINED)))
        code, _ = await desk.types("review", made["id"], "--reason", "their mistake, see ticket")
        assert code == 0
        assert not (await desk.merchant.read(made["id"]))["needs_review"]
        code, output = await desk.types("review", "txn_nothing", "--reason", "x")
        assert code == 1

    async def test_held_jobs_are_listed_and_run_again(self, desk: Any) -> None:
        for number, merchant_id in enumerate((desk.caller.merchant_id, "mer_another")):
            await self.hold(desk, f"job {number}", merchant_id)
        code, output = await desk.types("jobs", "held")
        assert code == 0
        assert output.count("Hold: it never will") == 2, output
        async with desk.house.database.connection() as connection:
            mine = await explained_jobs(connection, desk.caller.merchant_id)
        assert [job.raised for job in mine] == ["Hold: it never will"]
        code, output = await desk.types("jobs", "release", str(mine[0].id), "999999999")
        assert (code, output.strip()) == (0, "Released: 1")
        async with desk.house.database.connection() as connection:
            assert await explained_jobs(connection, desk.caller.merchant_id) == []
            assert len(await held_jobs(connection, 10)) == 1
        code, output = await desk.types("jobs", "release", "--all")
        assert (code, output.strip()) == (0, "Released: 1")
        async with desk.house.database.connection() as connection:
            assert await held_jobs(connection, 10) == []
            jobs = "SELECT count(*) FROM jobs.pgqueuer WHERE entrypoint = 'never' AND status = 'queued'"
            assert await connection.fetchval(jobs) == 2

    async def hold(self, desk: Any, key: str, merchant_id: str) -> None:
        done = asyncio.Event()

        async def never(_: Any) -> None:
            done.set()
            raise Hold("it never will")

        async with desk.house.database.transaction() as connection:
            await enqueue(connection, "never", {"merchant_id": merchant_id}, key=key)
        limits = WorkerLimits(jobs_max=10, batch=2, poll_seconds=0.1, heartbeat_seconds=2, crashes_max=2)
        worker = Worker(
            desk.fleet.settings.database_url, [Task("never", never)], [], limits, desk.house.chance
        )
        working = asyncio.create_task(worker.run())
        await asyncio.wait_for(done.wait(), 20)
        worker.stop()
        await working


async def test_what_waits_for_people_is_said_again_every_day_and_silence_when_nothing_does(
    new_desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    monkeypatch.setattr("afriflow.reconcile.remind.page", lambda _, **facts: said.append(facts))
    reminder = Reminder(new_desk.house.database)
    await reminder.remind()
    assert said == []
    made = await new_desk.open_payment()
    await new_desk.said(made, Pending())
    await new_desk.grows_old(made)
    for _ in range(2):
        await reminder.remind()
    assert said == [{"unresolved": 1, "needs_review": 0, "held_jobs": 0}] * 2
