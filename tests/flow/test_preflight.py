"""`serve` and `work` begin with real money only where it is safe, and the doctor says the same."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from afriflow.core.transaction import Mode
from afriflow.db.engine import Database
from afriflow.merchants.accounts import Accounts
from afriflow.merchants.vault import Vault
from afriflow.port.factory import specs

SECRET = "0" * 32


@pytest.fixture
async def live_account(database_url: str) -> Any:
    """A live account that leads to no provider, for one test."""
    spec = next(iter(specs().values()))
    database = await Database.connect(database_url, connections_max=1, statement_timeout_seconds=5)
    async with database.transaction() as connection:
        await Accounts(Vault(SECRET.encode()), "http://127.0.0.1").open_account(
            connection,
            merchant_id="mer_live",
            account_id="live_one",
            mode=Mode.LIVE,
            provider=spec.name,
            config=spec.demo_config,
            base_url="http://127.0.0.1:9/simulators/x",
        )
    yield
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM provider_accounts WHERE merchant_id = 'mer_live'")
    await database.close()


def run(
    environment: Any, home: Path, database_url: str, *words: str, **more: str
) -> "subprocess.CompletedProcess[str]":
    env = environment(
        home,
        DATABASE_URL=database_url,
        REDIS_URL="redis://127.0.0.1:9",
        AFRIFLOW_SECRET_KEY=SECRET,
        AFRIFLOW_PORT="0",
        AFRIFLOW_ALLOW_PRIVATE_ADDRESSES="true",
        AFRIFLOW_LANGUAGE="en",
        **more,
    )
    command = [sys.executable, "-m", "afriflow", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("command", ["serve", "work"])
def test_it_does_not_begin_and_says_all_that_is_unsafe(
    command: str, live_account: Any, database_url: str, environment: Any, tmp_path: Path
) -> None:
    ended = run(environment, tmp_path, database_url, command)
    assert ended.returncode == 1
    for sign in (
        *("can be guessed", "AFRIFLOW_PUBLIC_URL is http://127.0.0.1:0", "ALLOW_PRIVATE_ADDRESSES is on"),
        "The live account live_one is at http://127.0.0.1:9/simulators/x",
    ):
        assert sign in ended.stderr, ended.stderr


def test_the_doctor_says_the_same(
    live_account: Any, database_url: str, environment: Any, tmp_path: Path
) -> None:
    ended = run(environment, tmp_path, database_url, "doctor")
    assert ended.returncode == 1
    said = [line for line in ended.stdout.splitlines() if line.startswith("✗")]
    assert any("can be guessed" in line for line in said)
    assert any("The live account live_one" in line for line in said)
    assert any("may change what happened" in line for line in said), "it was run as the owner of the tables"


async def test_a_release_that_wants_a_newer_schema_does_not_begin_on_an_older_one(
    database_url: str, environment: Any, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(database_url)
    newest = await connection.fetchval("SELECT version_num FROM alembic_version")
    try:
        await connection.execute("UPDATE alembic_version SET version_num = '0001'")
        ended = run(environment, tmp_path, database_url, "serve")
    finally:
        await connection.execute("UPDATE alembic_version SET version_num = $1", newest)
        await connection.close()
    assert ended.returncode == 1
    assert "the schema 0001" in ended.stderr
