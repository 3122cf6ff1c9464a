"""One key, one payment, for ever: PostgreSQL decides, Redis answers repeats faster when it is there."""

import asyncio
import hashlib
import re
from dataclasses import dataclass
from typing import cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from afriflow.checkout import store
from afriflow.core.errors import KeyInFlight, KeyMalformed, KeyMissing, KeyReused, PanNotAllowed
from afriflow.core.pan import holds_pan
from afriflow.db.engine import Connection, Database
from afriflow.merchants.keys import Caller
from afriflow.observe.log import logger

_log = logger("checkout")
_KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")
# Pauses while a first request with the same key is at work: who waited so long already can wait as long again.
_POLL_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
_RETRY_AFTER_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Claim:
    """A key as one caller uses it. fingerprint: of the request's meaning, not of its bytes."""

    merchant_id: str
    mode: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Repeat:
    """What an earlier request with this key left: its answer, or the object it made when it died before answering."""

    object_id: str
    response: bytes | None


def read_key(header: str | None) -> str:
    """Read an Idempotency-Key, bare or quoted (RFC 8941). Raises KeyMissing, KeyMalformed, PanNotAllowed."""
    if header is None or not header.strip():
        raise KeyMissing
    key = header.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if not _KEY.fullmatch(key):
        raise KeyMalformed
    if holds_pan(key):
        raise PanNotAllowed(pointer="Idempotency-Key")
    return key


def make_claim(caller: Caller, key: str, route: str, request: object) -> Claim:
    """Bind a key to what is asked for. route: the operation, so that one key serves one operation only."""
    meaning = msgspec.json.encode(["v1", route, request], order="deterministic")
    return Claim(caller.merchant_id, caller.mode, key, hashlib.sha256(meaning).digest())


class Idempotency:
    """Looks keys up and keeps answers. cache_seconds: how long Redis remembers."""

    def __init__(
        self,
        database: Database,
        redis: "Redis",
        *,
        wait_seconds: float,
        lease_seconds: int,
        cache_seconds: int,
    ) -> None:
        self._database = database
        self._redis = redis
        self._wait_seconds = wait_seconds
        self._lease_seconds = lease_seconds
        self._cache_seconds = cache_seconds

    async def find(self, claim: Claim) -> Repeat | None:
        """Find what this key has done before; None when it is new.

        Waits for a first request that is still at work. Raises KeyReused when the key named something else,
        KeyInFlight when the first request takes too long.
        """
        cached = await self._cached(claim)
        if cached is not None:
            return Repeat("", cached)
        waited = 0.0
        turn = 0
        while True:
            async with self._database.connection() as connection:
                repeat, in_flight = await self._read(connection, claim)
            if not in_flight:
                return repeat
            if waited >= self._wait_seconds:
                raise KeyInFlight(retry_after_seconds=_RETRY_AFTER_SECONDS)
            pause = _POLL_SECONDS[min(turn, len(_POLL_SECONDS) - 1)]
            await asyncio.sleep(pause)
            waited, turn = waited + pause, turn + 1

    async def claim(self, connection: Connection, claim: Claim, object_id: str) -> bool:
        """Take the key in the transaction that creates the payment; False when another request has it.

        Blocks on the unique index until a racing winner has committed.
        """
        taken = await connection.fetchval(
            store.KEY_CLAIM, claim.merchant_id, claim.mode, claim.key, claim.fingerprint, object_id
        )
        return bool(taken)

    async def answer(self, claim: Claim, response: bytes) -> None:
        """Keep the answer for every repeat."""
        async with self._database.connection() as connection:
            await connection.execute(store.KEY_ANSWER, claim.merchant_id, claim.mode, claim.key, response)
        try:
            await self._redis.set(
                self._cache_name(claim), claim.fingerprint + response, ex=self._cache_seconds
            )
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("redis_away", reason=type(error).__name__)

    async def _read(self, connection: Connection, claim: Claim) -> tuple[Repeat | None, bool]:
        row = await connection.fetchrow(
            store.KEY_READ, claim.merchant_id, claim.mode, claim.key, float(self._lease_seconds)
        )
        if row is None:
            return None, False
        if row["fingerprint"] != claim.fingerprint:
            raise KeyReused
        in_flight = row["response"] is None and not row["lease_is_over"]
        return Repeat(row["object_id"], row["response"]), in_flight

    async def _cached(self, claim: Claim) -> bytes | None:
        try:
            value = cast("bytes | None", await self._redis.get(self._cache_name(claim)))
        except (RedisError, OSError, TimeoutError):
            return None  # Redis only makes us faster
        size = len(claim.fingerprint)
        # Another fingerprint is for PostgreSQL to judge: what Redis holds may be old.
        return value[size:] if value and value[:size] == claim.fingerprint else None

    def _cache_name(self, claim: Claim) -> str:
        """Name the answer as this database's own: after a restore the payment of an older one may never have been."""
        life = self._database.incarnation
        return f"afriflow:idem:{{{claim.merchant_id}}}:{life}:{claim.mode}:{claim.key}"
