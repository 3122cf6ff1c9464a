"""Thousands of requests that our OpenAPI allows or forbids, in chains and alone: no 5xx, no surprise, no open door."""

import asyncio
import contextlib
import os
import re
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES_MIN = 5_000


@pytest.mark.timeout(600)
async def test_five_thousand_made_up_requests_are_answered_as_described() -> None:
    process = await asyncio.create_subprocess_exec(
        *(ROOT / "scripts" / "fuzz", "--seed", "1", "--max-examples", "76", "--no-color"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said = (await process.communicate())[0].decode()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
    assert process.returncode == 0, said
    counted = re.search(r"(\d+) generated, (\d+) passed", said)
    assert counted is not None, said
    assert int(counted[1]) >= CASES_MIN
    assert counted[1] == counted[2]
