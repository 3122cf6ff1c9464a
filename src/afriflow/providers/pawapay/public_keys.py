"""pawaPay's public keys, fetched and kept, and what a signature is worth under them; a new key is noticed at once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from afriflow.core.clock import Clock
from afriflow.port.http import NoAnswer, NothingSent, Reply
from afriflow.port.provider import Memory
from afriflow.providers.pawapay import signatures

# How long public keys are believed; a key that pawaPay withdraws is refused after that.
KEYS_LIFE = timedelta(hours=1)
# Forged messages must not make us ask pawaPay for its keys more often than this.
KEYS_PAUSE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class _Keys:
    """pawaPay's public keys, PEM by id. asked_at: they are no older than this."""

    pem_by_id: Mapping[str, str]
    asked_at: datetime


class PublicKeys:
    """The keys of one account's environment. fetch: asks for them, raising NothingSent or NoAnswer."""

    def __init__(self, fetch: Callable[[], Awaitable[Reply]], clock: Clock, memory: Memory) -> None:
        self._fetch = fetch
        self._clock = clock
        self._memory = memory

    async def judge(
        self, message: signatures.Signed | signatures.SignedAnswer, received_at: datetime
    ) -> signatures.Judgement:
        """Judge a signed message; `key_in_doubt` is left where no keys could be had that were asked for after it came.

        Keys that are a moment older than the message prove nothing against it: somebody may have made us ask for them
        just before pawaPay changed its own.
        """
        began_at = self._clock.now()
        keys = await self._keys()
        judgement = signatures.judge(message, keys.pem_by_id if keys else {}, received_at)
        if not judgement.valid and judgement.key_in_doubt:
            keys = await self._newer_keys(began_at)
            judgement = signatures.judge(message, keys.pem_by_id if keys else {}, received_at)
        certain = keys is not None and keys.asked_at >= began_at
        return replace(judgement, key_in_doubt=judgement.key_in_doubt and not certain)

    async def count(self) -> int:
        """Tell how many keys there are to verify with now."""
        keys = await self._keys()
        return len(keys.pem_by_id) if keys else 0

    async def _keys(self) -> _Keys | None:
        """Give pawaPay's public keys, fetched anew when they are old; None when there are none.

        One caller fetches for all: a burst of messages after a start is one request.
        """
        async with self._lock:
            keys: _Keys | None = self._memory.get("public_keys")
            if keys is None or self._clock.now() - keys.asked_at > KEYS_LIFE:
                keys = await self._fetch_at_most("public_keys_tried_at") or keys
            return keys

    async def _newer_keys(self, than: datetime) -> _Keys | None:
        """Give keys that were asked for after a moment, where they may be asked for; else those at hand.

        A key that nobody knows is asked for at once, however young the others are, and then not again for a while.
        """
        async with self._lock:
            keys: _Keys | None = self._memory.get("public_keys")
            if keys is None or keys.asked_at < than:
                keys = await self._fetch_at_most("public_keys_doubted_at") or keys
            return keys

    @property
    def _lock(self) -> asyncio.Lock:
        return self._memory.setdefault("public_keys_lock", asyncio.Lock())

    async def _fetch_at_most(self, mark: str) -> _Keys | None:
        """Fetch the keys, once in a pause. mark: under which the last time is remembered."""
        now = self._clock.now()
        last: datetime | None = self._memory.get(mark)
        if last is not None and now - last <= KEYS_PAUSE:
            return None
        self._memory[mark] = now
        fetched = await self._fetched(now)
        if fetched is not None:
            self._memory["public_keys"] = fetched
        return fetched

    async def _fetched(self, asked_at: datetime) -> _Keys | None:
        """Read docs.pawapay.io/v2/api-reference/toolkit/public-keys: an array of {id, key}."""
        try:
            reply = await self._fetch()
        except (NothingSent, NoAnswer):
            return None
        found = reply.json() if reply.status == 200 else None
        if not isinstance(found, list):
            return None
        entries = [
            cast("dict[str, Any]", entry) for entry in cast("list[object]", found) if isinstance(entry, dict)
        ]
        pem_by_id = {str(entry.get("id")): str(entry.get("key")) for entry in entries}
        return _Keys(pem_by_id, asked_at)
