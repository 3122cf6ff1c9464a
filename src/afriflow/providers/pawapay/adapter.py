"""How an account at pawaPay is used: one POST to collect, one GET to know, and a signature to believe a callback.

Time limits and retries after docs.pawapay.io/v2/docs/deposits ("Ensuring consistency"): what is not a documented
answer leaves the outcome open, and the same depositId may be sent again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from afriflow.core.clock import Clock
from afriflow.core.evidence import Missing, NotSent, Unclear, Word
from afriflow.core.method import Failure, FailureCode
from afriflow.port.http import NoAnswer, NothingSent, ProviderHttp, Reply
from afriflow.port.provider import (
    Account,
    Answer,
    Authenticity,
    Keep,
    Memory,
    Notification,
    Order,
    Report,
    Verdict,
)
from afriflow.providers.pawapay import signatures, wire
from afriflow.providers.pawapay.config import PawaPayConfig

# pawaPay accepts or refuses at once and works afterwards; its engineers advise 5-10 s here and 3-5 s for a status.
INITIATE_TIMEOUT_SECONDS = 10
STATUS_TIMEOUT_SECONDS = 5
# How long public keys are believed; a key that pawaPay withdraws is refused after that.
KEYS_LIFE = timedelta(hours=1)
# Forged callbacks must not make us ask pawaPay for its keys more often than this.
KEYS_PAUSE = timedelta(seconds=60)

_CONTENT_TYPE = "application/json; charset=UTF-8"
_CODE_LENGTH_MAX = 36


@dataclass(frozen=True, slots=True)
class _Keys:
    """pawaPay's public keys, PEM by id, as they were at a moment."""

    pem_by_id: Mapping[str, str]
    fetched_at: datetime


class PawaPayAdapter:
    """A `PaymentProvider` (port/provider.py). memory: holds pawaPay's public keys between uses."""

    def __init__(self, account: Account, http: ProviderHttp, clock: Clock, memory: Memory) -> None:
        self._account = account
        self._config = cast("PawaPayConfig", account.config)
        self._base_url = account.base_url.rstrip("/")
        self._http = http
        self._clock = clock
        self._memory = memory

    async def initiate(self, order: Order, keep: Keep) -> Answer:  # noqa: ARG002 - our id is theirs, known before
        provider = wire.provider_for(order)
        if provider is None or order.method.msisdn is None:
            return Answer(NotSent(Failure(FailureCode.PROVIDER_REJECTED, "no_route")))
        if provider.auth_type == "PREAUTH":
            if order.otp is None:
                # Not "not sent": the order may have been sent before, when the code was still at hand.
                return Answer(Unclear("no one-time code to send"))
            code = order.otp.reveal()
            if not (code.isascii() and code.isalnum() and len(code) <= _CODE_LENGTH_MAX):
                return Answer(NotSent(Failure(FailureCode.INVALID_OTP, "malformed_code")))
        try:
            reply = await self._post_deposit(wire.deposit_body(order, provider, self._config))
        except NothingSent as error:
            return Answer(NotSent(Failure(FailureCode.PROVIDER_UNAVAILABLE, None, str(error))))
        except NoAnswer as error:
            return Answer(Unclear(f"no answer to initiate: {error}"))
        word = wire.initiation_word(reply, provider)
        return Answer(await self._word_of_duplicate(order) if word is None else word)

    async def verify(self, order: Order) -> Answer:
        deposit = await self._deposit(order)
        if not isinstance(deposit, Mapping):
            return Answer(deposit)
        provider = wire.provider_for(order)
        return Answer(wire.deposit_word(deposit, asked_for=order.reference, provider=provider))

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

    def handle_webhook(self, notification: Notification) -> tuple[Report, ...]:
        return wire.callback_reports(notification)

    async def _word_of_duplicate(self, order: Order) -> Word:
        """Ask how an order stands that pawaPay had before: it compares ids only, not amounts or phones."""
        deposit = await self._deposit(order)
        if isinstance(deposit, Missing):
            return Unclear("pawaPay has the id and does not find it", alert=True)
        if not isinstance(deposit, Mapping):
            return deposit
        word = wire.deposit_word(deposit, asked_for=order.reference, provider=wire.provider_for(order))
        if wire.paid_money(deposit) != order.money:
            return Unclear("pawaPay has our id with another amount", alert=True)
        return word

    async def _deposit(self, order: Order) -> Mapping[str, Any] | Word:
        try:
            reply = await self._get("verify", f"/v2/deposits/{order.reference}")
        except (NothingSent, NoAnswer) as error:
            return Unclear(f"no answer to verify: {error}")
        return wire.found_deposit(reply)

    async def _post_deposit(self, body: bytes) -> Reply:
        url = f"{self._base_url}/v2/deposits"
        headers = {**self._authorization(), "Content-Type": _CONTENT_TYPE}
        if key := self._config.signing_key:
            message = signatures.Signed("POST", url, {"content-type": _CONTENT_TYPE}, body)
            headers |= signatures.sign(
                message,
                key,
                self._config.key_id or "",
                self._clock.now(),
                ecdsa_encoding=self._config.ecdsa_encoding,
            )
        return await self._http.send(
            "initiate", "POST", url, headers=headers, body=body, timeout_seconds=INITIATE_TIMEOUT_SECONDS
        )

    async def _get(self, operation: str, path: str) -> Reply:
        return await self._http.send(
            operation,
            "GET",
            f"{self._base_url}{path}",
            headers=self._authorization(),
            timeout_seconds=STATUS_TIMEOUT_SECONDS,
        )

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._config.token.reveal()}"}

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
            reply = await self._get("public_keys", "/v2/public-key/http")
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
