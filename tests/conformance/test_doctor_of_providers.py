"""`afriflow doctor --provider`: what is wrong with an account is found before the first payment, and said in words."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from aiohttp import web
from conftest import environment

from afriflow.conformance.checkup import check_up
from afriflow.conformance.credentials import variables_of
from afriflow.core.language import LANGUAGES, say
from afriflow.core.transaction import Mode
from afriflow.port.factory import secret_fields, specs
from afriflow.settings import Settings
from afriflow.simulator.seat import simulated_providers
from afriflow.simulator.serve import standing_alone

NOBODY = "http://127.0.0.1:1"
EVERY_PROVIDER = pytest.mark.parametrize("provider", simulated_providers())


@asynccontextmanager
async def us(status: int = 200, **headers: str) -> AsyncIterator[str]:
    """A server where our address for notifications should be."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def variables(provider: str, base_url: str, **changed: str) -> dict[str, str]:
    """The environment of somebody with an account at this provider's simulator."""
    spec = specs()[provider]
    path = urlsplit(spec.base_urls[Mode.TEST]).path
    values = {**spec.demo_config, "base_url": base_url + path, **changed}
    return {f"AFRIFLOW_LIVE_{provider}_{name}".upper(): value for name, value in values.items()}


async def found(provider: str, environ: dict[str, str], public_url: str) -> dict[str, Any]:
    """Look, and give what was found by its code; every sentence is one in every language."""
    findings = await check_up(Settings(public_url=public_url), specs()[provider], environ)
    for finding in findings:
        for language in LANGUAGES:
            assert say(f"doctor.{finding.code}", language, **finding.facts)
    return {finding.code: finding for finding in findings}


@asynccontextmanager
async def simulated(provider: str, public_url: str, **config: str) -> AsyncIterator[str]:
    callback_url = f"{public_url}/api/webhooks/{provider}"
    demo_config = {**specs()[provider].demo_config, **config}
    async with standing_alone(provider, demo_config, callback_url=callback_url) as base_url:
        yield base_url


@EVERY_PROVIDER
async def test_an_account_in_order_is_found_in_order(provider: str) -> None:
    async with us() as our_url, simulated(provider, our_url) as base_url:
        findings = await found(provider, variables(provider, base_url), our_url)
    assert [finding for finding in findings.values() if not finding.good] == []
    assert {"account", "keys", "clock_of_provider", "callback_reachable"} <= set(findings)


@EVERY_PROVIDER
async def test_every_wrong_key_is_noticed_without_moving_money(provider: str) -> None:
    secrets = secret_fields(specs()[provider].config_type) & set(specs()[provider].demo_config)
    async with us() as our_url, simulated(provider, our_url) as base_url:
        for name in sorted(secrets):
            wrong = {name: specs()[provider].demo_config[name] + "x"}
            findings = await found(provider, variables(provider, base_url, **wrong), our_url)
            assert not findings["keys_refused"].good
            assert not {"keys", "provider_away"} & set(findings)


@EVERY_PROVIDER
async def test_a_provider_that_does_not_answer_is_away_and_its_keys_are_not_blamed(provider: str) -> None:
    findings = await found(provider, variables(provider, NOBODY), NOBODY)
    assert not findings["provider_away"].good
    assert "keys_refused" not in findings


@EVERY_PROVIDER
async def test_an_address_for_notifications_that_nobody_reaches_is_told_with_the_reason(
    provider: str,
) -> None:
    async with us(404) as wrong_place, simulated(provider, wrong_place) as base_url:
        environ = variables(provider, base_url)
        findings = await found(provider, environ, wrong_place)
        assert findings["callback_unreachable"].facts["reason"] == "HTTP 404"
        assert "callback_unreachable" in await found(provider, environ, NOBODY)
        here = await found(provider, {**environ, **variables(provider, "https://sandbox.invalid")}, NOBODY)
        assert not here["callback_private"].good


@EVERY_PROVIDER
async def test_a_clock_that_is_wrong_is_told_by_how_much(provider: str) -> None:
    async with us(Date="Wed, 01 Jan 2020 00:00:00 GMT") as elsewhere:
        findings = await found(provider, variables(provider, elsewhere), elsewhere)
    assert not findings["clock_of_provider"].good
    assert findings["clock_of_provider"].facts["seconds"] > 86_400


class TestSignatures:
    @pytest.mark.parametrize(
        ("switched_on", "setting", "code", "good"),
        [
            (True, "required", "callbacks_signed", True),
            (True, "optional", "callbacks_signed_unforced", True),
            (False, "optional", "callbacks_unsigned", True),
            (False, "required", "callbacks_not_signed", False),
        ],
    )
    async def test_the_switch_of_the_dashboard_and_our_setting_are_compared(
        self, session: Any, switched_on: bool, setting: str, code: str, good: bool
    ) -> None:
        async with us() as our_url, simulated("pawapay", our_url) as base_url:
            async with session.put(f"{base_url}/behaviour", json={"signed_callbacks": switched_on}):
                pass
            environ = variables("pawapay", base_url, signed_callbacks=setting)
            findings = await found("pawapay", environ, our_url)
        assert findings[code].good is good

    @pytest.mark.parametrize(("how", "code"), [("asked", "answers_signed"), ("never", "answers_not_signed")])
    async def test_answers_that_are_not_signed_though_they_should_be_are_told(
        self, session: Any, how: str, code: str
    ) -> None:
        async with us() as our_url, simulated("pawapay", our_url) as base_url:
            async with session.put(f"{base_url}/behaviour", json={"signed_answers": how}):
                pass
            environ = variables("pawapay", base_url, signed_answers="optional")
            findings = await found("pawapay", environ, our_url)
            strict = variables("pawapay", base_url, signed_answers="required")
            refused = (await found("pawapay", strict, our_url)).get("keys_refused")
        assert findings[code].good is (how == "asked")
        assert (refused is not None) is (how == "never")
        assert refused is None or "signed_answers" in refused.facts["reason"]

    async def test_an_account_that_must_sign_and_has_no_key_is_told(self) -> None:
        async with us() as our_url, simulated("pawapay", our_url, private_key_pem="a key") as base_url:
            findings = await found("pawapay", variables("pawapay", base_url), our_url)
        assert findings["requests_not_signed"].facts == {"setting": "private_key_pem"}


@pytest.mark.parametrize(("short", "setting"), [(True, "no"), (False, "yes")])
async def test_numbers_of_benin_in_the_other_form_than_the_provider_writes_are_told(
    session: Any, short: bool, setting: str
) -> None:
    async with us() as our_url, simulated("pawapay", our_url) as base_url:
        async with session.put(f"{base_url}/behaviour", json={"benin_short_numbers": short}):
            pass
        told = await found("pawapay", variables("pawapay", base_url, benin_short_numbers=setting), our_url)
        agreed = variables("pawapay", base_url, benin_short_numbers="yes" if short else "no")
        assert "numbers_written_otherwise" not in await found("pawapay", agreed, our_url)
    facts = told["numbers_written_otherwise"].facts
    assert (facts["setting"], facts["wanted"]) == ("benin_short_numbers", "yes" if short else "no")


async def test_public_keys_that_cannot_be_had_are_told(session: Any) -> None:
    async with us() as our_url, simulated("pawapay", our_url) as base_url:
        assert (await found("pawapay", variables("pawapay", base_url), our_url))["public_keys"].good
    async with us() as our_url, simulated("pawapay", our_url) as base_url:
        async with session.put(f"{base_url}/behaviour", json={"public_keys_shown": False}):
            pass
        assert not (await found("pawapay", variables("pawapay", base_url), our_url))[
            "public_keys_unknown"
        ].good


async def test_another_address_in_the_dashboard_and_closed_operators_are_told(session: Any) -> None:
    async with us() as our_url, simulated("pawapay", "https://elsewhere.example") as base_url:
        async with session.put(f"{base_url}/behaviour", json={"closed_providers": ["ORANGE_SEN"]}):
            pass
        findings = await found("pawapay", variables("pawapay", base_url), our_url)
    facts = findings["callback_elsewhere"].facts
    assert facts["found"] == "https://elsewhere.example/api/webhooks/pawapay"
    assert facts["wanted"] == f"{our_url}/api/webhooks/pawapay"
    assert findings["operators_closed"].facts == {"operators": "orange_sn"}


async def test_keys_of_the_other_mode_are_told_and_so_is_an_account_without_payouts(session: Any) -> None:
    live = {"private_key": "live_private_SimulatorOnly"}
    async with us() as our_url, simulated("paydunya", our_url, **live) as base_url:
        live_url = {"AFRIFLOW_LIVE_PAYDUNYA_BASE_URL": f"{base_url}/api/v1"}
        findings = await found("paydunya", variables("paydunya", base_url, **live) | live_url, our_url)
        assert not findings["keys_of_other_mode"].good
    async with us() as our_url, simulated("paydunya", our_url) as base_url:
        async with session.put(f"{base_url}/switches", json={"disburse_not_enabled": True}):
            pass
        assert "balances_unknown" in await found("paydunya", variables("paydunya", base_url), our_url)


async def doctor(home: Path, *words: str, **extra: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "afriflow", "doctor", *words),
        env=environment(home, **extra),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaints = await process.communicate()
    assert b"Traceback" not in complaints, complaints.decode()
    return process.returncode or 0, (said + complaints).decode()


@EVERY_PROVIDER
async def test_the_accounts_in_the_database_are_looked_at_in_the_persons_language(
    demo: dict[str, Any], merchant: Any, provider: str
) -> None:
    home = Path(demo["home"])
    note = home / "sockets"
    folder = quote(note.read_text() if note.exists() else str(home / "run"))
    database_url = f"postgresql://afriflow@/afriflow?host={folder}&port=5432"
    where = {"DATABASE_URL": database_url, "AFRIFLOW_PUBLIC_URL": demo["url"], "AFRIFLOW_LANGUAGE": "fr"}
    _, said = await doctor(home, "--provider", provider, **where)
    _, shown = await merchant.call("GET", "/api/providers")
    account = next(item for item in shown["data"] if item["provider"] == provider)
    # Other tests' accounts stand there as well, some of them where nobody answers.
    lines = said.partition(f"Compte {account['id']}, mode test")[2].split("✓ Compte")[0]
    assert "Les clés fonctionnent" in lines, said
    assert f"répond : {account['callback_url']}" in lines
    assert "✗" not in lines


@EVERY_PROVIDER
async def test_without_database_and_credentials_it_says_what_to_set(tmp_path: Path, provider: str) -> None:
    code, said = await doctor(tmp_path, "--provider", provider)
    assert code == 1
    needed = [name for name, is_needed in variables_of(specs()[provider]).items() if is_needed]
    assert needed
    assert all(name in said for name in needed)


async def test_credentials_in_the_environment_are_read_as_what_they_are_and_mistakes_are_told(
    tmp_path: Path,
) -> None:
    environ = variables("paydunya", NOBODY, mtn_cm="true", expire_after_hours="12")
    code, said = await doctor(tmp_path, "--provider", "paydunya", **environ)
    assert (code, "No answer at" in said) == (1, True), said
    code, said = await doctor(tmp_path, "--provider", "pawapay", **variables("pawapay", NOBODY, key_id="a"))
    assert "No answer at" in said
    environ = variables("pawapay", NOBODY, ecdsa_encoding="neither")
    code, said = await doctor(tmp_path, "--provider", "pawapay", **environ)
    assert (code, "ecdsa_encoding" in said) == (1, True), said
    code, said = await doctor(tmp_path, "--provider", "nobody")
    assert (code, all(name in said for name in specs())) == (1, True), said
