"""The page of held jobs says why each waits, in words, and leads to what it is about."""

import json
import re

import pytest
from desk import Desk

from afriflow.jobs.queue import enqueue


@pytest.mark.parametrize(
    ("task", "subject", "raised", "sentence", "url"),
    [
        ("follow", "att_1", "ValueError", "Most likely a mistake", "/dashboard?q=att_1"),
        ("expire", "txn_1", "NoAnswer", "All tries have failed", "/dashboard/transactions/txn_1"),
        ("follow", "pyt_1", "Hold", "Waiting would change nothing", "/dashboard/money-out/payouts/pyt_1"),
        ("process", "whe_1", "Hold", "Waiting would change nothing", "/dashboard/notifications/whe_1"),
        ("deliver", "dlv_1", "", "All tries have failed", None),
    ],
)
async def test_a_held_job_says_why_and_about_what(
    desk: Desk, task: str, subject: str, raised: str, sentence: str, url: str | None
) -> None:
    merchant_id = await desk.merchant()
    key = f"{task}:{merchant_id}:{subject}"
    async with desk.house.database.transaction() as connection:
        await enqueue(connection, task, {"merchant_id": merchant_id}, key=key)
    job = await desk.rows.fetchval(
        "UPDATE jobs.pgqueuer SET status = 'failed' WHERE dedupe_key = $1 RETURNING id", key
    )
    if raised:
        said = json.dumps({"exception_type": raised, "exception_message": "as it was said"})
        await desk.rows.execute(
            "INSERT INTO jobs.pgqueuer_log (job_id, status, priority, entrypoint, traceback)"
            " VALUES ($1, 'failed', 0, $2, $3)",
            job, task, said,
        )  # fmt: skip
    visitor = await desk.come_in(merchant_id=merchant_id)
    page = (await visitor.get("/dashboard/jobs")).words
    await desk.rows.execute("DELETE FROM jobs.pgqueuer WHERE id = $1", job)
    assert sentence in page
    assert ("as it was said" in page) is bool(raised)
    assert re.findall(rf'href="([^"]*{subject})"', page) == ([url] if url else [])
