"""Keys are changed while people pay: nobody notices, and afterwards the old key opens nothing any more."""

import asyncio
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from afriflow.db.engine import Database
from afriflow.db.tables import metadata
from afriflow.merchants import vault_store
from afriflow.merchants.accounts import Accounts
from afriflow.merchants.key_encryption import Unsealable
from afriflow.merchants.rotate import Rotator
from afriflow.merchants.unlock import open_vault
from afriflow.merchants.vault import header_of
from afriflow.settings import Settings

ROOT, OLD, NEW = ("r" * 40, "the old key-encryption key of a test", "the new key-encryption key of a test")
CACHE_SECONDS = "0.3"
PAYMENTS = 24


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, started: Any) -> Iterator[dict[str, Any]]:
    """An installation of its own, whose processes know both keys and seal with the old one."""
    home = tmp_path_factory.mktemp("rotation")
    with started(
        home,
        AFRIFLOW_SECRET_KEY=ROOT,
        AFRIFLOW_KEY_ENCRYPTION_KEYS=f"{OLD},{NEW}",
        AFRIFLOW_DATA_KEY_CACHE_SECONDS=CACHE_SECONDS,
    ) as facts:
        yield facts


@pytest.fixture(scope="module")
def database_url(shop: dict[str, Any]) -> str:
    home = Path(shop["home"])
    note = home / "sockets"
    folder = note.read_text() if note.exists() else str(home / "run")
    return f"postgresql://afriflow@/afriflow?host={quote(folder)}&port=5432"


def keys_of(*keys: str) -> Settings:
    return Settings(secret_key=ROOT, key_encryption_keys=keys, data_key_cache_seconds=float(CACHE_SECONDS))


async def run(url: str, *options: str) -> str:
    environ = {
        "DATABASE_URL": url,
        "AFRIFLOW_SECRET_KEY": ROOT,
        "AFRIFLOW_KEY_ENCRYPTION_KEYS": f"{NEW},{OLD}",
        "AFRIFLOW_DATA_KEY_CACHE_SECONDS": CACHE_SECONDS,
        "AFRIFLOW_LANGUAGE": "en",
        "PYTHONPATH": ":".join(sys.path),
    }
    command = [sys.executable, "-m", "afriflow", "rotate-keys", *options]
    process = await asyncio.create_subprocess_exec(
        *command, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


def test_the_list_of_sealed_columns_is_that_of_the_tables() -> None:
    sealed = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if "sealed" in column.name
    }
    sealed |= {("webhook_events", "body")}
    assert {(item.table, item.column) for item in vault_store.SEALED_COLUMNS} == sealed


async def test_keys_are_rotated_while_people_pay_and_the_old_one_opens_nothing_afterwards(
    shop: dict[str, Any], database_url: str, people: Any, session: Any
) -> None:
    merchant, payer = people(session, shop["url"], shop["api_key"], shop["phone_url"])

    async def pay(number: int) -> str:
        await asyncio.sleep(number * 0.15)
        phone = f"+2217712{number:05d}"
        made = await merchant.pay("orange_sn", phone, reference=f"rotation-{uuid.uuid4().hex[:12]}")
        await payer.decide(phone, "approve")
        found = await merchant.until(made["id"], "succeeded")
        await merchant.hears(found["id"], "created", "processing", "succeeded")
        return found["id"]

    payments = asyncio.gather(*(pay(number) for number in range(PAYMENTS)))
    said = await run(database_url, "--reencrypt")
    assert len(set(await payments)) == PAYMENTS
    assert not said.startswith("0 data keys"), said
    assert await run(database_url, "--resume") == (
        "0 data keys were wrapped again.\n0 sealed values were sealed again.\n"
    )
    await _everything_is_under_the_new_keys_alone(database_url)
    await _a_rotation_that_was_stopped_goes_on(database_url)


async def _everything_is_under_the_new_keys_alone(database_url: str) -> None:
    database = await Database.connect(database_url, connections_max=1, statement_timeout_seconds=10)
    try:
        async with database.connection() as connection:
            vault = open_vault(keys_of(NEW))
            keys = await connection.fetch(
                "SELECT merchant_id, number, wrapped_by FROM data_keys ORDER BY number"
            )
            assert {row["wrapped_by"] for row in keys} == {vault.keys.current}
            newest = {row["merchant_id"]: header_of(row["number"]) for row in keys}
            assert header_of(1) not in newest.values()
            for item in vault_store.SEALED_COLUMNS:
                for merchant_id, header in newest.items():
                    assert await connection.fetch(item.batch, merchant_id, "", header, 1) == [], item
            assert await Accounts(vault, "https://x.test").all_contracts(connection)
            without = open_vault(keys_of(OLD))
            with pytest.raises(Unsealable):
                await Accounts(without, "https://x.test").all_contracts(connection)
    finally:
        await database.close()


async def _a_rotation_that_was_stopped_goes_on(database_url: str) -> None:
    database = await Database.connect(database_url, connections_max=2, statement_timeout_seconds=10)
    try:
        rotator = Rotator(database, open_vault(keys_of(NEW)))
        stopped = asyncio.create_task(rotator.renew())
        await asyncio.sleep(0.1)  # the new keys are there; it waits for the processes to notice
        stopped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopped
        assert await rotator.reseal() > 0
        assert await rotator.reseal() == 0
    finally:
        await database.close()
