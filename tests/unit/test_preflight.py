"""The start matrix: with a live account every unsafe setting is refused, all of them at once, and without one only told."""

import asyncio
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from afriflow.core.language import keys, say
from afriflow.core.transaction import Mode
from afriflow.port.factory import specs
from afriflow.preflight import look
from afriflow.settings import Settings

SAFE = Settings(
    public_url="https://pay.shop.example",
    secret_key="kq3JX0vWq1Yb7mTzP5cRf8uH2sLd9nAeGiOjQxVwZyM=",
    database_url="postgresql://app@db.shop.example/afriflow?sslmode=verify-full",
    redis_url="rediss://127.0.0.1:1/0",
)
PROVIDER = next(iter(specs().values()))


class Database:
    """A PostgreSQL that answers what it is asked of itself."""

    def __init__(self, accounts: Any, off: tuple[str, ...] = (), *, mighty: bool = False) -> None:
        self.accounts, self.off, self.mighty = accounts, off, mighty

    async def fetch(self, _: str) -> Any:
        return self.accounts

    async def fetchval(self, query: str) -> Any:
        if query.startswith("SHOW "):
            return "off" if query.removeprefix("SHOW ") in self.off else "on"
        return self.mighty


def account(**changes: Any) -> dict[str, Any]:
    return {
        "id": "acc_1",
        "mode": Mode.LIVE,
        "provider": PROVIDER.name,
        "base_url": PROVIDER.base_urls[Mode.LIVE],
        **changes,
    }


async def codes(settings: Settings = SAFE, **database: Any) -> tuple[bool, list[str], list[str]]:
    connection: Any = Database(**{"accounts": [account()], **database})
    found = await look(settings, connection)
    for finding in (*found.unsafe, *found.doubtful):
        for language in ("fr", "en"):
            assert say(f"doctor.{finding.code}", language, **finding.facts)
    return found.live, [item.code for item in found.unsafe], [item.code for item in found.doubtful]


async def test_a_safe_installation_with_a_live_account_may_begin() -> None:
    assert await codes() == (True, [], [])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"secret_key": ""}, "secret_key_missing"),
        ({"secret_key": "too short, 31 bytes or a few les"[:31]}, "secret_key_missing"),
        ({"secret_key": "a" * 64}, "secret_key_guessable"),
        ({"secret_key": "0123456789" * 5}, "secret_key_guessable"),
        ({"secret_key": "please-CHANGE-ME-before-you-begin-to-sell-0"}, "secret_key_guessable"),
        ({"secret_key": "a secret of a test, 32 bytes or more"}, "secret_key_guessable"),
        ({"key_encryption_keys": (SAFE.secret_key, "b" * 32)}, "secret_key_guessable"),
        ({"public_url": ""}, "public_url_unsafe"),
        ({"public_url": "http://pay.shop.example"}, "public_url_unsafe"),
        ({"public_url": "https://localhost:8000"}, "public_url_unsafe"),
        ({"public_url": "https://127.0.0.1"}, "public_url_unsafe"),
        ({"allow_private_addresses": True}, "private_addresses_allowed"),
        ({"database_url": "postgresql://app@10.0.0.5/afriflow"}, "database_plaintext"),
        ({"database_url": "postgresql://app@db/afriflow?sslmode=prefer"}, "database_plaintext"),
        ({"database_url": "postgresql://app@/afriflow?host=db.example"}, "database_plaintext"),
        ({"redis_url": "redis://redis.shop.example:6379"}, "redis_plaintext"),
    ],
)
async def test_an_unsafe_setting_is_refused_and_named(change: dict[str, Any], code: str) -> None:
    assert await codes(replace(SAFE, **change)) == (True, [code], [])


@pytest.mark.parametrize(
    "change",
    [
        {"database_url": "postgresql://app@/afriflow?host=/run/postgresql"},
        {"database_url": "postgresql://app@127.0.0.1/afriflow"},
        {"database_url": "postgresql://app@[::1]:5433/afriflow"},
        {"database_url": "postgresql://app@db/afriflow?sslmode=require"},
        {"database_url": "postgresql://app@db/afriflow", "allow_plaintext_servers": True},
        {"redis_url": "unix:///run/redis/socket"},
        {"redis_url": "redis://localhost:1"},
    ],
)
async def test_a_server_on_this_machine_or_behind_tls_is_safe(change: dict[str, Any]) -> None:
    assert await codes(replace(SAFE, **change)) == (True, [], [])


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_a_server_that_forgets_in_a_crash_is_refused(name: str) -> None:
    assert await codes(off=(name,)) == (True, ["not_durable"], [])


@pytest.mark.parametrize("name", specs())
async def test_a_live_account_anywhere_but_at_its_provider_is_refused(name: str) -> None:
    spec = specs()[name]
    own = spec.base_urls[Mode.LIVE]
    for url in (
        *("http://127.0.0.1:8000/simulators/x", "https://mock.shop.example/api"),
        *(spec.base_urls[Mode.TEST], own.replace("https:", "http:"), own.replace("://", "://x.")),
    ):
        if url == own or url.startswith(f"{own[: own.index('/', 8)] if '/' in own[8:] else own}/"):
            continue  # a provider whose two modes share one host
        found = await codes(accounts=[account(provider=name, base_url=url)])
        assert found == (True, ["live_account_elsewhere"], []), url
    assert await codes(accounts=[account(provider=name, base_url=own)]) == (True, [], [])


@pytest.mark.parametrize("how", ["the interpreter", "the loop"])
async def test_a_debugging_interpreter_is_refused(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "the interpreter":
        monkeypatch.setattr(sys, "flags", SimpleNamespace(dev_mode=True))
    else:
        monkeypatch.setattr(asyncio.get_running_loop(), "get_debug", lambda: True)
    assert await codes() == (True, ["debugging"], [])


async def test_a_role_that_can_rewrite_history_is_doubtful() -> None:
    assert await codes(mighty=True) == (True, [], ["role_mighty"])


async def test_everything_that_is_wrong_is_said_at_once_and_only_told_without_a_live_account() -> None:
    worst = Settings(
        public_url="http://localhost",
        secret_key="password",
        database_url="postgresql://db/afriflow",
        redis_url="redis://redis",
        allow_private_addresses=True,
    )
    accounts = [account(base_url="http://127.0.0.1"), account(id="acc_2", base_url="http://127.0.0.1")]
    live, unsafe, _ = await codes(worst, accounts=accounts, off=("fsync",))
    assert live
    assert unsafe == [
        *("secret_key_missing", "public_url_unsafe", "private_addresses_allowed", "database_plaintext"),
        *("redis_plaintext", "not_durable", "live_account_elsewhere", "live_account_elsewhere"),
    ]
    live, unsafe, _ = await codes(worst, accounts=[account(mode=Mode.TEST)], off=("fsync",))
    assert not live
    assert len(unsafe) == 6
    assert "doctor.safe" in keys("en")
