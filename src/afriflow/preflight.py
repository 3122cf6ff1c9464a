"""Whether it is safe to begin: with an account through which real money moves, no unsafe setting may stand (X20).

Everything that is wrong is said at once. Without such an account the same is only noted: whoever tries things out may.
That unsigned notifications are believed is no setting of ours: what nobody signed is a reason to ask, in either mode.
"""

import asyncio
import ipaddress
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qs, urlsplit

from redis.exceptions import RedisError

from afriflow.core.errors import SchemaOld, UnsafeSettings
from afriflow.core.language import say
from afriflow.core.transaction import Mode
from afriflow.db.condition import Durability, durability_of, may_rewrite_history
from afriflow.db.engine import Connection, Record, dedicated_connection
from afriflow.db.migrate import is_behind
from afriflow.db.redis import open_redis
from afriflow.merchants import store
from afriflow.merchants.unlock import wrapping_keys
from afriflow.observe.log import logger
from afriflow.port.examine import Finding
from afriflow.port.factory import specs
from afriflow.settings import Settings

_log = logger("preflight")
SECRET_BYTES_MIN = 32
# `openssl rand -base64 32` has 28 on average; a sentence or a key held down has fewer.
_DIFFERENT_CHARACTERS_MIN = 16
_PLACEHOLDER = re.compile(
    r"change.?me|example|default|password|placeholder|secret|test|demo|xxxx", re.IGNORECASE
)
_TLS = {"require", "verify-ca", "verify-full"}


@dataclass(frozen=True, slots=True)
class Preflight:
    """live: real money can move. unsafe: what has to be mended first then. doubtful: what ought to be."""

    live: bool
    unsafe: Sequence[Finding]
    doubtful: Sequence[Finding]


async def refuse_unsafe(settings: Settings) -> None:
    """Look before anything is opened. Raises UnsafeSettings, SchemaOld, and whatever asyncpg does without a server."""
    connection = await dedicated_connection(settings.database_url)
    try:
        revision = await is_behind(connection)
        if revision is not None:
            raise SchemaOld(schema=revision)
        found = await look(settings, connection)
    finally:
        await connection.close()
    codes = [finding.code for finding in (*found.unsafe, *found.doubtful)]
    if found.live and found.unsafe:
        language = settings.language
        said = [say(f"doctor.{item.code}", language, **item.facts) for item in found.unsafe]
        raise UnsafeSettings(problems="".join(f"\n- {sentence}" for sentence in said), codes=codes)
    if codes:
        _log.warning("unsafe_for_live", codes=codes)


async def look(settings: Settings, connection: Connection) -> Preflight:
    """Compare settings, accounts and servers with what real money needs; changes nothing."""
    accounts = [row for row in await connection.fetch(store.ACCOUNTS_OF_ALL) if row["mode"] == Mode.LIVE]
    durability = await durability_of(connection)
    unsafe = [
        *_secret(settings),
        *_addresses(settings),
        *_debugging(),
        *_servers(settings),
        *_not_durable(durability),
        *_accounts(accounts),
    ]
    doubtful = [Finding("role_mighty", good=False)] if await may_rewrite_history(connection) else []
    return Preflight(bool(accounts), unsafe, [*doubtful, *await _eviction(settings)])


def _secret(settings: Settings) -> Iterable[Finding]:
    key = settings.secret_key
    if len(key.encode()) < SECRET_BYTES_MIN:
        yield Finding("secret_key_missing", good=False)
    elif _guessable(key):
        yield Finding("secret_key_guessable", good=False, facts={"name": "AFRIFLOW_SECRET_KEY"})
    if any(_guessable(wrapping) for wrapping in wrapping_keys(settings)):
        yield Finding("secret_key_guessable", good=False, facts={"name": "AFRIFLOW_KEY_ENCRYPTION_KEYS"})


def _guessable(key: str) -> bool:
    return len(set(key)) < _DIFFERENT_CHARACTERS_MIN or bool(_PLACEHOLDER.search(key))


def _addresses(settings: Settings) -> Iterable[Finding]:
    url = urlsplit(settings.base_url)
    if url.scheme != "https" or is_near(url.hostname):
        yield Finding("public_url_unsafe", good=False, facts={"url": settings.base_url})
    if settings.allow_private_addresses:
        yield Finding("private_addresses_allowed", good=False)


def _debugging() -> Iterable[Finding]:
    if sys.flags.dev_mode or asyncio.get_running_loop().get_debug():
        yield Finding("debugging", good=False)


def _servers(settings: Settings) -> Iterable[Finding]:
    if settings.allow_plaintext_servers:
        return
    database, redis = urlsplit(settings.database_url), urlsplit(settings.redis_url)
    asked = parse_qs(database.query)
    host = asked.get("host", [database.hostname])[-1]
    if not is_near(host) and asked.get("sslmode", [""])[-1] not in _TLS:
        yield Finding("database_plaintext", good=False, facts={"host": host})
    if redis.scheme == "redis" and not is_near(redis.hostname):
        yield Finding("redis_plaintext", good=False, facts={"host": redis.hostname})


def _not_durable(durability: Durability) -> Iterable[Finding]:
    if durability.off:
        yield Finding("not_durable", good=False, facts={"names": ", ".join(durability.off)})


def _accounts(accounts: Sequence[Record]) -> Iterable[Finding]:
    """Real money goes to the provider's own live address: a simulator, a sandbox or a typo is none."""
    for row in accounts:
        spec = specs().get(row["provider"])
        if spec is None:
            continue
        url, own = urlsplit(str(row["base_url"])), urlsplit(spec.base_urls[Mode.LIVE])
        if (url.scheme, url.netloc) != (own.scheme, own.netloc):
            facts = {"account": row["id"], "url": row["base_url"], "own": f"{own.scheme}://{own.netloc}"}
            yield Finding("live_account_elsewhere", good=False, facts=facts)


async def _eviction(settings: Settings) -> list[Finding]:
    """Ask whether Redis throws away what it holds when it is full; many that are rented out do not answer that."""
    redis = open_redis(settings.redis_url, settings.redis_timeout_seconds)
    try:
        answer = cast("dict[str, str]", await redis.config_get("maxmemory-policy"))  # pyright: ignore[reportUnknownMemberType]
    except (RedisError, OSError):
        return []
    finally:
        await redis.aclose()
    policy = answer.get("maxmemory-policy", "")
    if not policy.startswith("allkeys"):
        return []
    return [Finding("redis_evicts", good=False, facts={"policy": policy})]


def is_near(host: str | None) -> bool:
    """Tell whether a host is this machine: a socket, or a loopback address."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
