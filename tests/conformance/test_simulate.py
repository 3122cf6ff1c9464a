"""`afriflow simulate`: a provider alone on a port, used by a program that knows nothing of AfriFlow."""

import asyncio
import re
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from conftest import environment, eventually

from afriflow.core.language import say
from afriflow.simulator.seat import endings_of, simulated_providers

# A Python that starts while the machine is busy.
START_SECONDS = 30
_LAST_LINE = {"en": "Ctrl-C stops it", "fr": "Ctrl-C arrête"}


async def run(home: Path, *words: str, language: str = "en") -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error::ResourceWarning", "-m", "afriflow", "simulate", *words),
        env=environment(home, AFRIFLOW_LANGUAGE=language),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def simulated(home: Path, *words: str, language: str = "en") -> AsyncIterator[str]:
    """Run the command, give what it says, and stop it as a person does."""
    process = await run(home, *words, language=language)
    said = ""
    try:
        assert process.stdout
        async with asyncio.timeout(START_SECONDS):
            while _LAST_LINE[language] not in said:
                line = await process.stdout.readline()
                assert line, (await process.communicate())[1].decode()
                said += line.decode()
        yield said
    finally:
        process.send_signal(signal.SIGINT)
        _, complaints = await asyncio.wait_for(process.communicate(), START_SECONDS)
        assert (process.returncode, complaints.decode()) == (0, "")


def fact(said: str, name: str) -> str:
    found = re.search(rf"^ +{name} +(\S+)$", said, re.MULTILINE)
    assert found, said
    return found[1]


@asynccontextmanager
async def shop(heard: list[bytes]) -> AsyncIterator[str]:
    """A merchant's server that knows nothing but HTTP."""

    async def hear(request: web.Request) -> web.Response:
        heard.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/told", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/told"
    finally:
        await runner.cleanup()


async def test_a_payment_by_prompt_is_approved_on_the_phone_and_notified(
    tmp_path: Path, session: Any
) -> None:
    heard: list[bytes] = []
    deposit_id = str(uuid.uuid4())
    account = {"phoneNumber": "221771230555", "provider": "ORANGE_SEN"}
    deposit = {
        "depositId": deposit_id,
        "amount": "15",
        "currency": "XOF",
        "payer": {"type": "MMO", "accountDetails": account},
    }
    async with shop(heard) as shop_url, simulated(tmp_path, "pawapay", "--callback-url", shop_url) as said:
        base_url, phone_url = fact(said, "Base URL"), fact(said, "Virtual phone")
        assert shop_url in said
        headers = {"authorization": f"Bearer {re.findall(r'token = (.+)', said)[0]}"}
        async with session.post(f"{base_url}/v2/deposits", json=deposit, headers=headers) as response:
            assert (await response.json())["status"] == "ACCEPTED"
        async with session.get(f"{phone_url}/prompts") as response:
            (prompt,) = await response.json()
        async with session.post(
            f"{phone_url}/prompts/{prompt['id']}", json={"action": "approve"}
        ) as response:
            assert response.status == 200

        async def look() -> list[bytes]:
            return heard

        (told,) = await eventually(look, bool, "the notification")
        assert deposit_id.encode() in told
        assert b"COMPLETED" in told
        async with session.get(f"{base_url}/v2/deposits/{deposit_id}", headers=headers) as response:
            assert (await response.json())["data"]["status"] == "COMPLETED"


async def test_an_invoice_is_paid_on_its_page_and_told_to_nobody(tmp_path: Path, session: Any) -> None:
    async with simulated(tmp_path, "paydunya") as said:
        base_url = fact(said, "Base URL")
        assert base_url.endswith("/sandbox-api/v1")
        keys = dict(re.findall(r"(master_key|private_key|token) = (\S+)", said))
        headers = {f"PAYDUNYA-{name.upper().replace('_', '-')}": value for name, value in keys.items()}
        order = {"invoice": {"total_amount": 5000}, "store": {"name": "Boutique"}}
        async with session.post(
            f"{base_url}/checkout-invoice/create", json=order, headers=headers
        ) as response:
            made = await response.json()
        assert made["response_code"] == "00"
        async with session.post(
            made["response_text"], data={"action": "pay"}, allow_redirects=False
        ) as response:
            assert response.status == 302
        url = f"{base_url}/checkout-invoice/confirm/{made['token']}"
        async with session.get(url, headers=headers) as response:
            assert (await response.json())["status"] == "completed"

        async def look() -> Any:
            async with session.get(base_url.replace("/sandbox-api/v1", "/callbacks")) as response:
                return await response.json()

        (told,) = await eventually(look, bool, "what would have been told")
        assert (told["outcome"], made["token"] in told["body"]) == ("delivered", True)


@pytest.mark.parametrize("provider", simulated_providers())
async def test_it_says_in_french_where_everything_is_and_the_phone_and_faults_are_there(
    tmp_path: Path, session: Any, provider: str
) -> None:
    async with simulated(tmp_path, provider, language="fr") as said:
        assert "aucun argent ne bouge" in said
        for digits, word in endings_of(provider).items():
            assert f"…{digits} {say(f'ending.{word}', 'fr')}\n" in said
        phone_url = fact(said, "Téléphone virtuel")
        async with session.get(phone_url, headers={"accept-language": "fr"}) as response:
            assert "Téléphone de test" in await response.text()
        faults_url = re.findall(r"PUT (\S+/faults)", said)[0]
        async with session.put(faults_url, json={"lose_answer": 0.2}) as response:
            assert (await response.json())["lose_answer"] == 0.2


async def test_who_asks_for_a_provider_or_a_port_that_cannot_be_had_hears_what_can(tmp_path: Path) -> None:
    async def refused(*words: str) -> str:
        process = await run(tmp_path, *words)
        _, complaints = await process.communicate()
        assert process.returncode == 1
        return complaints.decode()

    said = await refused("nobody")
    assert all(name in said for name in simulated_providers())
    async with simulated(tmp_path, "pawapay") as said:
        port = fact(said, "Base URL").rpartition(":")[2]
        assert "--port" in await refused("paydunya", "--port", port)
