"""`afriflow conformance`: the short stories that a real sandbox is told of too, here told of simulators in its place."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from conformance.stage import adapter_of
from conformance.test_doctor_of_providers import NOBODY, simulated, variables
from conftest import environment

from afriflow.conformance import stories
from afriflow.conformance.run import NotReady, run
from afriflow.port.factory import specs
from afriflow.port.money_out import Refunds
from afriflow.settings import Settings
from afriflow.simulator.seat import simulated_providers

# What no sandbox can play, whoever's it is.
UNTOLD = {"story_untold_person", "story_untold_world"}
EVERY_PROVIDER = pytest.mark.parametrize("provider", simulated_providers())


async def told(provider: str, environ: dict[str, str] | None) -> dict[str, bool]:
    findings = await run(Settings(provider_timeout_seconds=5), specs()[provider], environ)
    assert {finding.code for finding in findings if not finding.looked_at} >= UNTOLD
    return {finding.code: finding.good for finding in findings if finding.looked_at}


async def conformance(home: Path, *words: str, **extra: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "afriflow", "conformance", *words),
        env=environment(home, **extra),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaints = await process.communicate()
    assert complaints == b"", complaints.decode()
    return process.returncode or 0, said.decode()


@EVERY_PROVIDER
async def test_every_provider_is_what_its_adapter_takes_it_for(tmp_path: Path, provider: str) -> None:
    code, said = await conformance(tmp_path, provider)
    assert (code, "✗" in said) == (0, False), said
    assert "never sent is not known" in said


@EVERY_PROVIDER
async def test_a_sandbox_is_asked_with_the_account_in_the_environment(provider: str) -> None:
    async with simulated(provider, NOBODY) as base_url:
        ends = await told(provider, variables(provider, base_url))
    assert set(ends.values()) == {True}, ends
    assert {"story_unknown", "story_sent", "story_forged"} <= set(ends)
    assert {f"story_{mischief}" for mischief in stories.Mischief} <= set(ends)
    spec = specs()[provider]
    assert ("story_paid" in ends) == bool(spec.sandbox_payers)
    assert ("story_refunded" in ends) == (bool(spec.sandbox_payers) and isinstance(adapter_of(spec), Refunds))


@EVERY_PROVIDER
async def test_a_provider_that_is_not_what_its_adapter_takes_it_for_is_told_of(
    session: Any, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    monkeypatch.setattr(stories, "END_SECONDS_MAX", 2)
    async with simulated(provider, NOBODY) as base_url:
        async with session.put(f"{base_url}/faults", json={"error_500": 1.0}) as response:
            assert response.status == 200
        ends = await told(provider, variables(provider, base_url))
        # That a forgery proves nothing needs nobody's answer.
        told_of_it = {code for code in ends if code.startswith("story_")} - {"story_forged"}
        assert {ends[code] for code in told_of_it} == {False}
    assert set((await told(provider, variables(provider, NOBODY))).values()) == {True, False}


@EVERY_PROVIDER
async def test_without_credentials_it_says_which_are_missing_and_ends_with_three(
    tmp_path: Path, provider: str
) -> None:
    code, said = await conformance(tmp_path, provider, "--live", AFRIFLOW_LANGUAGE="fr")
    assert (code, f"AFRIFLOW_LIVE_{provider.upper()}_" in said) == (3, True), said
    assert specs()[provider].documentation_url in said


@EVERY_PROVIDER
async def test_an_account_where_money_is_real_is_never_asked(provider: str) -> None:
    with pytest.raises(NotReady) as refused:
        await told(provider, variables(provider, NOBODY, mode="live"))
    assert refused.value.finding.code == "sandbox_only"
