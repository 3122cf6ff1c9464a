"""Whether a callback is pawaPay's: judged by its signature and pawaPay's public keys, which are fetched and kept."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from afriflow.port.http import NoAnswer, NothingSent
from afriflow.port.provider import Authenticity, Notification, Verdict
from afriflow.providers.pawapay import signatures
from afriflow.providers.pawapay.caller import Caller

# How long public keys are believed; a key that pawaPay withdraws is refused after that.
KEYS_LIFE = timedelta(hours=1)
# Forged callbacks must not make us ask pawaPay for its keys more often than this.
KEYS_PAUSE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class _Keys:
    """pawaPay's public keys, PEM by id, as they were at a moment."""

    pem_by_id: Mapping[str, str]
    fetched_at: datetime


class Believer(Caller):
    """`authenticate` of a `PaymentProvider`."""

    async def authenticate(self, notification: Notification) -> Authenticity:
        if not signatures.is_signed(notification.headers):
            if self._config.callbacks_must_be_signed:
                return Authenticity(Verdict.FORGED, "unsigned, and this account requires signatures")
            return Authenticity(Verdict.HINT, "unsigned")
        message = signatures.Signed(
            notification.method, self._account.callback_url, notification.headers, notification.body
        )
        received_at = notification.received_at
        keys = await self._public_keys(older_than=KEYS_LIFE)
        judgement = signatures.judge(message, keys.pem_by_id if keys else {}, received_at)
        if not judgement.valid and judgement.key_in_doubt:
            keys = await self._public_keys(older_than=KEYS_PAUSE)
            judgement = signatures.judge(message, keys.pem_by_id if keys else {}, received_at)
        if judgement.valid:
            return Authenticity(Verdict.SIGNED, judgement.reason)
        if judgement.key_in_doubt and (keys is None or self._clock.now() - keys.fetched_at > KEYS_PAUSE):
            # It may be genuine and its key new; pawaPay, asked how the order stands, says what is true.
            return Authenticity(Verdict.HINT, f"{judgement.reason}; pawaPay's public keys cannot be had now")
        return Authenticity(Verdict.FORGED, judgement.reason)

    async def _public_keys(self, *, older_than: timedelta) -> _Keys | None:
        """Give pawaPay's public keys, fetched anew when those at hand are older than that; None when there are none.

        One caller fetches for all: a burst of callbacks after a start is one request.
        """
        lock: asyncio.Lock = self._memory.setdefault("public_keys_lock", asyncio.Lock())
        async with lock:
            now = self._clock.now()
            keys: _Keys | None = self._memory.get("public_keys")
            tried_at: datetime | None = self._memory.get("public_keys_tried_at")
            too_old = keys is None or now - keys.fetched_at > older_than
            if too_old and (tried_at is None or now - tried_at > KEYS_PAUSE):
                self._memory["public_keys_tried_at"] = now
                keys = await self._fetch_public_keys() or keys
                self._memory["public_keys"] = keys
            return keys

    async def _fetch_public_keys(self) -> _Keys | None:
        """Fetch docs.pawapay.io/v2/api-reference/toolkit/public-keys: an array of {id, key}."""
        try:
            reply = await self._ask("public_keys", "/v2/public-key/http")
        except (NothingSent, NoAnswer):
            return None
        found = reply.json() if reply.status == 200 else None
        if not isinstance(found, list):
            return None
        entries = [
            cast("dict[str, Any]", entry) for entry in cast("list[object]", found) if isinstance(entry, dict)
        ]
        pem_by_id = {str(entry.get("id")): str(entry.get("key")) for entry in entries}
        return _Keys(pem_by_id, self._clock.now())
