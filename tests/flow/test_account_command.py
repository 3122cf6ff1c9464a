"""`afriflow account` opens and lists a merchant's accounts; a secret comes by file or standard input, and is seen nowhere."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from canaries import Canaries, columns, where

from afriflow.core.clock import SystemClock
from afriflow.core.ids import Ids
from afriflow.db.engine import Database
from afriflow.merchants.accounts import Accounts, make_merchant
from afriflow.merchants.unlock import open_vault
from afriflow.settings import Settings

ROOT = "a secret key of a test, 32 bytes or more"


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Any]:
    database = await Database.connect(database_url, connections_max=1, statement_timeout_seconds=10)
    async with database.connection() as connection:
        yield connection
    await database.close()


@pytest.fixture
async def merchant_id(rows: Any) -> AsyncIterator[str]:
    made = await make_merchant(rows, Ids(SystemClock()), name="Boutique", country="SN", language="fr")
    yield made
    for table in (
        "provider_accounts",
        "data_keys",
        "merchants",
    ):  # the audit log is added to and never changed
        await rows.execute(f"DELETE FROM {table} WHERE merchant_id = $1", made)  # noqa: S608 - named above


@pytest.fixture
def account(database_url: str, merchant_id: str, tmp_path: Path) -> Any:
    """Runs the command; gives its exit code and all that it said."""

    async def run(*words: str, stdin: str = "") -> tuple[int, str]:
        environ = {
            "DATABASE_URL": database_url,
            "AFRIFLOW_SECRET_KEY": ROOT,
            "AFRIFLOW_PUBLIC_URL": "https://pay.example",
            "AFRIFLOW_LANGUAGE": "en",
            "HOME": str(tmp_path),
            "PYTHONPATH": ":".join(sys.path),
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "afriflow", "account", *words, "--merchant", merchant_id),
            env=environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate(stdin.encode())
        assert process.returncode is not None
        return process.returncode, said.decode()

    return run


async def test_an_account_is_opened_from_files_sealed_written_down_and_listed(
    account: Any, rows: Any, merchant_id: str, tmp_path: Path
) -> None:
    secrets = Canaries()
    master, private, token = (secrets.new(kind) for kind in ("session", "provider's key", "session"))
    for name, secret in (("master", master), ("private", private)):
        (tmp_path / name).write_text(f"{secret}\n")
    given = [
        f"--secret-file=master_key={tmp_path / 'master'}",
        f"--secret-file=private_key={tmp_path / 'private'}",
    ]
    more = ["--secret-file=token=-", "--set=payer_email=caisse@shop.example", "--priority=7"]
    code, said = await account("add", "paydunya", *given, *more, stdin=token)
    assert code == 0, said
    account_id = await rows.fetchval("SELECT id FROM provider_accounts WHERE merchant_id = $1", merchant_id)
    assert account_id in said
    assert f"https://pay.example/api/webhooks/paydunya/{account_id}" in said
    opened = await Accounts(open_vault(Settings(secret_key=ROOT)), "").account(rows, merchant_id, account_id)
    kept = [getattr(opened.config, name).reveal() for name in ("master_key", "private_key", "token")]
    assert (kept, opened.config.payer_email) == ([master, private, token], "caisse@shop.example")
    assert where({**await columns(rows), "said": said}, secrets) == {}
    deed = await rows.fetchrow(
        "SELECT who, action, subject FROM audit_log WHERE merchant_id = $1", merchant_id
    )
    assert deed["who"].startswith("terminal:")
    assert (deed["action"], deed["subject"]) == ("account.opened", account_id)
    code, said = await account("list")
    assert (code, said.split()[:2]) == (0, [account_id, "7"])
    assert "active" in said


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--set", "token=abcdefgh"), "token is a secret"),
        (("--set", "colour=red"), "has no field colour"),
        (("--mode", "live", "--secret-file", "private_key=-"), "this key is of test mode"),
    ],
    ids=["a secret in the command line", "an unknown field", "a key of the other mode"],
)
async def test_what_cannot_be_right_opens_nothing(
    account: Any, rows: Any, merchant_id: str, tmp_path: Path, words: tuple[str, ...], why: str
) -> None:
    (tmp_path / "key").write_text("a key")
    files = [f"--secret-file={name}={tmp_path / 'key'}" for name in ("master_key", "token")]
    code, said = await account("add", "paydunya", *files, *words, stdin="test_private_key")
    assert code == 1, said
    assert why in said
    assert (
        await rows.fetchval("SELECT count(*) FROM provider_accounts WHERE merchant_id = $1", merchant_id) == 0
    )
