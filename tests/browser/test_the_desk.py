"""What waits for a person, in a browser: held jobs run again, payments are decided, each with a name and a reason."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import expect

from afriflow.core.evidence import Evidence, Source, Succeeded
from afriflow.core.money import Money
from afriflow.jobs.held import held_jobs
from afriflow.jobs.queue import Hold, Task, enqueue
from afriflow.jobs.run import Worker, WorkerLimits
from afriflow.torture.fleet import Fleet

LIMITS = WorkerLimits(jobs_max=10, batch=2, poll_seconds=0.1, heartbeat_seconds=2, crashes_max=2)


@pytest.fixture(scope="module")
async def fleet(
    tmp_path_factory: pytest.TempPathFactory, open_fleet: Any, session: Any
) -> AsyncIterator[Fleet]:
    """An API alone: what is put off stays where it is."""
    async with open_fleet(tmp_path_factory.mktemp("desk")) as opened:
        opened.start("api", "serve")
        await opened.answers(session)
        yield opened


@pytest.fixture
def merchant(fleet: Fleet, people: Any, session: Any) -> Any:
    return people(session, fleet.url, fleet.ready.merchant.api_key, "")[0]


@pytest.fixture
async def desk(fleet: Fleet, visit: Any) -> Any:
    """Somebody who has signed in: `page = await desk(language="fr-FR")`."""

    async def come_in(**how: Any) -> Any:
        page = await visit(wide=True, **how)
        await page.goto(f"{fleet.url}/dashboard")
        await page.fill("#email", fleet.ready.merchant.email)
        await page.fill("#password", fleet.ready.merchant.password)
        await page.click("form .button")
        await page.wait_for_url("**/dashboard")
        return page

    return come_in


async def hold(fleet: Fleet, count: int) -> None:
    """Have so many jobs fail for good."""
    left = count

    async def never(_: Any) -> None:
        nonlocal left
        left -= 1
        raise Hold("the receiver <b>said</b> never")

    async with fleet.house.database.transaction() as connection:
        for _ in range(count):
            payload = {"merchant_id": fleet.ready.merchant.merchant_id}
            await enqueue(connection, "give_back", payload, key=uuid.uuid4().hex)
    worker = Worker(fleet.settings.database_url, [Task("give_back", never)], [], LIMITS, fleet.house.chance)
    working = asyncio.create_task(worker.run())
    while left:
        await asyncio.sleep(0.05)
    worker.stop()
    await working


async def held(fleet: Fleet) -> int:
    async with fleet.house.database.connection() as connection:
        return len(await held_jobs(connection, 10))


async def test_held_jobs_are_seen_with_their_reason_and_run_again(
    fleet: Fleet, desk: Any, shoot: Any
) -> None:
    await hold(fleet, 3)
    page = await desk()
    await page.get_by_role("link", name="Jobs").click()
    await expect(page.get_by_text("Giving money back")).to_have_count(3)
    await expect(page.get_by_text("the receiver <b>said</b> never").first).to_be_visible()
    await shoot(page, "dashboard-jobs")
    await page.get_by_role("button", name="Run again").first.click()
    await expect(page.get_by_text("They run again.")).to_be_visible()
    await expect(page.get_by_text("Giving money back")).to_have_count(2)
    assert await held(fleet) == 2
    await page.goto(f"{fleet.url}/dashboard/jobs?language=fr")
    await expect(page.get_by_text("Rendre de l'argent")).to_have_count(2)
    await page.get_by_role("button", name="Tout relancer").click()
    await expect(page.get_by_text("Rien n'attend une personne.")).to_be_visible()
    assert await held(fleet) == 0


async def test_a_payment_that_needs_review_is_found_understood_and_decided(
    fleet: Fleet, desk: Any, merchant: Any, shoot: Any
) -> None:
    made = await merchant.pay("orange_sn", "+22177" + str(uuid.uuid4().int)[:7])
    attempt = made["attempts"][0]
    async with fleet.house.database.transaction() as connection:
        await fleet.house.recorder.record(
            connection,
            merchant_id=fleet.ready.merchant.merchant_id,
            attempt_id=attempt["id"],
            evidence=Evidence(Source.VERIFY, Succeeded(Money(4999, "XOF"), attempt["reference"])),
        )
    page = await desk()
    await page.locator("select[name=status]").select_option(label="Needs review")
    await page.click("form.search button")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.locator("tbody").get_by_text(made["reference"]).click()
    await expect(page.get_by_text("reports a success with another amount")).to_be_visible()
    await page.get_by_text("Decide how it ended").first.click()
    await shoot(page, "dashboard-decide")
    form = page.locator("form[action$='/resolve']")
    await form.locator("select").select_option("succeeded")
    await form.locator("input[name=reason]").fill("one franc is missing, accepted")
    await form.locator("input[name=proof]").fill("statement, line 7")
    await form.get_by_role("button").click()
    await expect(page.get_by_text("Your decision is kept")).to_be_visible()
    story = page.locator(".story")
    await expect(story.get_by_text("A person has decided")).to_be_visible()
    await expect(story.get_by_text("statement, line 7")).to_be_visible()
    await expect(story.get_by_text(fleet.ready.merchant.email).first).to_be_visible()
    found = await merchant.read(made["id"])
    assert (found["status"], found["needs_review"]) == ("succeeded", False)


async def test_a_payment_is_taken_off_the_table_with_a_reason(fleet: Fleet, desk: Any, merchant: Any) -> None:
    made = await merchant.pay("orange_sn", "+22177" + str(uuid.uuid4().int)[:7])
    async with fleet.house.database.transaction() as connection:
        await fleet.house.recorder.record(
            connection,
            merchant_id=fleet.ready.merchant.merchant_id,
            attempt_id=made["attempts"][0]["id"],
            evidence=Evidence(Source.VERIFY, Succeeded(None, made["attempts"][0]["reference"])),
        )
    page = await desk(language="fr-FR")
    await page.goto(f"{fleet.url}/dashboard/transactions/{made['id']}")
    await page.fill("#review-reason", "vu avec le payeur")
    await page.get_by_role("button", name="Plus rien à décider").click()
    await expect(page.get_by_text("C'est noté")).to_be_visible()
    await expect(page.locator(".story").get_by_text("vu avec le payeur")).to_be_visible()
    await expect(page.locator("#review-reason")).to_have_count(0)
