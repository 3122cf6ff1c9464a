"""API keys: what each may do, how one follows another, and that a revoked one is refused from the next request on."""

import asyncio
import re
import sys
from datetime import timedelta
from typing import Any

import pytest

from afriflow.core.clock import SystemClock
from afriflow.core.ids import Ids
from afriflow.core.permission import Permission
from afriflow.core.transaction import Mode
from afriflow.merchants import audit_log
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.api_keys import ApiKey, keys_of, make_key

IDS = Ids(SystemClock())


@pytest.fixture(scope="module")
async def merchant_id(rows: Any) -> str:
    return await make_merchant(rows, IDS, name="Clés", country="SN", language="fr")


@pytest.fixture
def maker(rows: Any, vault: Any, merchant_id: str) -> Any:
    """Makes a key of this merchant in test mode."""
    return lambda **how: make_key(rows, vault, IDS, merchant_id=merchant_id, **{"mode": Mode.TEST, **how})


@pytest.fixture
def status_of(demo: dict[str, Any], session: Any) -> Any:
    """Asks for payments with a key; gives the status and the problem's code."""

    async def ask(key: str, method: str = "GET", path: str = "/api/transactions") -> tuple[int, str]:
        headers = {"authorization": f"Bearer {key}", "idempotency-key": "one", "accept-language": "en"}
        sent = {"json": {}} if method != "GET" else {}
        async with session.request(method, demo["url"] + path, headers=headers, **sent) as response:
            answer = await response.json()
        return response.status, answer.get("code", "")

    return ask


@pytest.fixture
def cli(demo: dict[str, Any], rows_url: str, environment: Any) -> Any:
    """Runs a command beside the server: another process, as every operator's terminal is."""

    async def run(*words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "afriflow", "key", *words),
            env=environment(demo["home"], DATABASE_URL=rows_url, LANG="en"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode().strip()

    return run


async def latest(rows: Any, merchant_id: str) -> ApiKey:
    return (await keys_of(rows, merchant_id, Mode.TEST))[0]


async def test_a_full_key_may_do_everything_and_a_scoped_one_what_it_says(maker: Any, status_of: Any) -> None:
    full, narrow = await maker(), await maker(scopes=[Permission.TRANSACTIONS_READ])
    assert await status_of(full) == (200, "")
    assert await status_of(full, "POST", "/api/refunds") == (422, "invalid_request")
    assert await status_of(narrow) == (200, "")
    assert await status_of(narrow, "POST", "/api/refunds") == (403, "permission_denied")
    assert await status_of(narrow, "GET", "/api/payouts") == (403, "permission_denied")
    assert await status_of(await maker(scopes=[])) == (403, "permission_denied")


async def test_which_methods_there_are_is_told_to_whoever_has_a_key(
    maker: Any, demo: dict[str, Any], session: Any
) -> None:
    headers = {"authorization": f"Bearer {await maker(scopes=[])}"}
    async with session.options(f"{demo['url']}/api/transactions", headers=headers) as response:
        assert response.status == 204
        assert "GET" in response.headers["allow"]


async def test_an_expired_key_says_that_it_is(maker: Any, status_of: Any) -> None:
    assert await status_of(await maker(lifetime_seconds=60)) == (200, "")
    assert await status_of(await maker(lifetime_seconds=-1)) == (401, "api_key_expired")


async def test_of_a_key_the_database_holds_no_more_than_a_keyed_hash(
    maker: Any, rows: Any, merchant_id: str
) -> None:
    key = await maker(name="secret")
    everything = await rows.fetchval(
        "SELECT string_agg(k::text, ' ') || (SELECT string_agg(a::text, ' ') FROM audit_log a) FROM api_keys k"
    )
    assert key[-4:] in everything
    assert key[8:] not in everything
    assert key.encode()[8:].hex() not in everything


async def test_its_use_is_written_once_a_minute_and_not_with_every_request(
    maker: Any, status_of: Any, rows: Any, merchant_id: str
) -> None:
    key = await maker()
    made = await latest(rows, merchant_id)
    assert made.used_at is None
    await asyncio.gather(*(status_of(key) for _ in range(8)))
    used = await latest(rows, merchant_id)
    assert used.used_at is not None
    versions = "SELECT xmin::text FROM api_keys WHERE merchant_id = $1 AND id = $2"
    before = await rows.fetchval(versions, merchant_id, made.id)
    await asyncio.gather(*(status_of(key) for _ in range(8)))
    assert await rows.fetchval(versions, merchant_id, made.id) == before
    back = (
        "UPDATE api_keys SET used_at = used_at - make_interval(secs => 61) WHERE merchant_id = $1 AND id = $2"
    )
    await rows.execute(back, merchant_id, made.id)
    await status_of(key)
    again = await latest(rows, merchant_id)
    assert again.used_at
    assert again.used_at >= used.used_at


async def test_a_terminal_makes_lists_replaces_and_revokes_keys(
    cli: Any, status_of: Any, rows: Any, merchant_id: str
) -> None:
    """All the while the server runs in another process: what is revoked there is refused here at once."""
    first = await cli(
        *("create", "--merchant", merchant_id, "--name", "shop", "--days", "30"),
        *("--scope", "transactions:read", "--scope", "refunds:read"),
    )
    assert re.fullmatch(r"sk_test_[0-9A-Za-z]{49}", first)
    made = await latest(rows, merchant_id)
    assert (made.name, made.scopes) == ("shop", {Permission.TRANSACTIONS_READ, Permission.REFUNDS_READ})
    assert made.expires_at
    assert made.expires_at - made.created_at == timedelta(days=30)
    assert made.made_by.startswith("terminal:")
    listed = await cli("list", "--merchant", merchant_id)
    assert made.id in listed
    assert first not in listed

    second = await cli("rotate", made.id)
    after = await latest(rows, merchant_id)
    assert (after.name, after.scopes, after.replaced_by) == (made.name, made.scopes, None)
    assert after.expires_at
    assert after.expires_at - after.created_at == timedelta(days=30)
    old = next(key for key in await keys_of(rows, merchant_id, Mode.TEST) if key.id == made.id)
    assert old.replaced_by == after.id
    assert old.expires_at
    assert timedelta(hours=23) < old.expires_at - after.created_at <= timedelta(days=1)
    assert await status_of(first) == await status_of(second) == (200, "")

    await cli("revoke", after.id)
    assert await status_of(second) == (401, "unauthenticated")
    assert await status_of(first) == (200, "")
    acts = await audit_log.entries(rows, merchant_id, audit_log.Wanted(), 50)
    of_these = [(item.action, item.subject) for item in acts if item.subject in {made.id, after.id}]
    assert of_these == [
        ("key.revoked", after.id),
        ("key.rotated", made.id),
        ("key.created", after.id),
        ("key.created", made.id),
    ]


async def test_a_replaced_key_can_be_refused_at_once_and_is_replaced_only_once(
    cli: Any, maker: Any, status_of: Any, rows: Any, merchant_id: str
) -> None:
    leaked = await maker()
    made = await latest(rows, merchant_id)
    fresh = await cli("rotate", made.id, "--grace-seconds", "0")
    assert await status_of(leaked) == (401, "api_key_expired")
    assert await status_of(fresh) == (200, "")
    with pytest.raises(AssertionError, match="expired, was revoked, or was replaced"):
        await cli("rotate", made.id)


async def test_a_word_that_is_no_scope_makes_no_key(cli: Any, rows: Any, merchant_id: str) -> None:
    before = await keys_of(rows, merchant_id, Mode.TEST)
    with pytest.raises(AssertionError, match="transactions:everything is not a scope we know"):
        await cli("create", "--merchant", merchant_id, "--scope", "transactions:everything")
    assert await keys_of(rows, merchant_id, Mode.TEST) == before
