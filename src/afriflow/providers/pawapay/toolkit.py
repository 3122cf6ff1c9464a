"""What pawaPay tells about an account: its limits and switches, who is up, and what the wallets hold.

docs.pawapay.io/v2/api-reference/toolkit and /v2/docs/what_to_know. The sources print the configuration in two shapes
(operation types as a map with minAmount, or as a list with minTransactionLimit), availability too: all are read.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from afriflow.core.method import Guide
from afriflow.core.operator import countries
from afriflow.port.balances import Balance
from afriflow.port.http import NoAnswer, NothingSent, Reply
from afriflow.providers.pawapay.caller import Caller
from afriflow.providers.pawapay.guide import guide_in
from afriflow.providers.pawapay.tables import providers
from afriflow.providers.pawapay.wire import Kind

# Limits and switches are changed by people at pawaPay, now and then; "cache for minutes" is its engineers' advice,
# and every payment that asks for limits must not become two calls.
CONFIGURATION_LIFE = timedelta(minutes=10)
# A configuration that cannot be had is not asked for again with every payment.
CONFIGURATION_PAUSE = timedelta(seconds=30)

_DECIMALS = {"NONE": 0, "TWO_PLACES": 2}


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account may do at one of pawaPay's providers.

    operator: ours, None where we do not know the provider. minimum, maximum, decimals: None where not told.
    status: OPERATIONAL, DELAYED or CLOSED, "" where not told. callback_url: where pawaPay tells what became of it.
    auth_type, guide: how payers of deposits approve, and what they are told to do.
    """

    kind: Kind
    provider: str
    operator: str | None
    country: str
    currency: str
    minimum: Decimal | None
    maximum: Decimal | None
    decimals: int | None
    status: str
    callback_url: str | None
    auth_type: str | None = None
    guide: Guide | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """An account as pawaPay has it. signed_requests_only, signed_callbacks: the switches of its dashboard."""

    company: str
    signed_requests_only: bool
    signed_callbacks: bool
    limits: tuple[Limits, ...]


@dataclass(frozen=True, slots=True)
class Predicted:
    """What pawaPay takes a number for. operator: ours, None where we do not know the provider. digits: as it writes it."""

    operator: str | None
    digits: str


class Toolkit(Caller):
    """What can be asked about an account; None wherever pawaPay could not be asked or understood."""

    async def configuration(self) -> Configuration | None:
        """Give the account's configuration, a few minutes old at most; an older one when pawaPay does not answer."""
        lock: asyncio.Lock = self._memory.setdefault("configuration_lock", asyncio.Lock())
        async with lock:
            now = self._clock.now()
            kept: tuple[Configuration, datetime] | None = self._memory.get("configuration")
            tried_at: datetime | None = self._memory.get("configuration_tried_at")
            stale = kept is None or now - kept[1] > CONFIGURATION_LIFE
            if stale and (tried_at is None or now - tried_at > CONFIGURATION_PAUSE):
                self._memory["configuration_tried_at"] = now
                fetched = configuration_in(await self._told("configuration", "/v2/active-conf"))
                if fetched is not None:
                    kept = self._memory["configuration"] = (fetched, now)
            return kept[0] if kept else None

    async def limits(self) -> tuple[Limits, ...] | None:
        configuration = await self.configuration()
        return configuration.limits if configuration else None

    async def availability(self) -> Mapping[tuple[str, Kind], str] | None:
        """Tell who is up now, by pawaPay's provider and kind of operation; never kept, since it changes at once."""
        return availability_in(await self._told("availability", "/v2/availability"))

    async def balances(self) -> tuple[Balance, ...] | None:
        return balances_in(await self._told("balances", "/v2/wallet-balances"))

    async def predicted(self, phone: str) -> Predicted | None:
        """Ask whose number this is, and how pawaPay writes it; a guess, since people keep numbers when they change.

        phone: in any form (docs.pawapay.io/v2/api-reference/toolkit/predict-provider).
        """
        body = json.dumps({"phoneNumber": phone}).encode()
        return predicted_in(await self._told("predict_provider", "/v2/predict-provider", body))

    async def _told(self, operation: str, path: str, body: bytes = b"") -> Reply | None:
        try:
            reply = await self._ask(operation, path, "POST" if body else "GET", body)
        except (NothingSent, NoAnswer):
            return None
        return reply if reply.status == 200 else None


def configuration_in(reply: Reply | None) -> Configuration | None:
    """Read docs.pawapay.io/v2/api-reference/toolkit/active-configuration; what is not understood is left out."""
    body = reply.json_object() if reply else None
    if body is None or not isinstance(body.get("countries"), list):
        return None
    switches = _fields(body.get("signatureConfiguration"))
    limits = tuple(
        _limits(kind, facts, provider, country, currency)
        for country in _rows(body.get("countries"))
        for provider in _rows(country.get("providers"))
        for currency in _rows(provider.get("currencies"))
        for kind, facts in _operations(currency.get("operationTypes"))
    )
    return Configuration(
        company=str(body.get("companyName") or ""),
        signed_requests_only=switches.get("signedRequestsOnly") is True,
        signed_callbacks=switches.get("signedCallbacks") is True,
        limits=limits,
    )


def availability_in(reply: Reply | None) -> Mapping[tuple[str, Kind], str] | None:
    """Read docs.pawapay.io/v2/api-reference/toolkit/provider-availability."""
    body = reply.json() if reply else None
    if not isinstance(body, list):
        return None
    return {
        (str(provider.get("provider")), kind): str(facts.get("status") or "")
        for country in _rows(cast("object", body))
        for provider in _rows(country.get("providers"))
        for kind, facts in _operations(provider.get("operationTypes"))
    }


def predicted_in(reply: Reply | None) -> Predicted | None:
    """Read docs.pawapay.io/v2/api-reference/toolkit/predict-provider; an older sample names the number `msisdn`."""
    body = reply.json_object() if reply else None
    digits = (body or {}).get("phoneNumber", (body or {}).get("msisdn"))
    if body is None or not isinstance(digits, str):
        return None
    return Predicted(_operator(str(body.get("provider"))), digits)


def balances_in(reply: Reply | None) -> tuple[Balance, ...] | None:
    """Read docs.pawapay.io/v2/api-reference/finances/wallet-balances."""
    body = reply.json_object() if reply else None
    if body is None or not isinstance(body.get("balances"), list):
        return None
    return tuple(
        Balance(
            _alpha2(row.get("country")),
            str(row.get("currency")),
            amount,
            str(row.get("provider") or "") or None,
        )
        for row in _rows(body.get("balances"))
        if (amount := _number(row.get("balance"))) is not None
    )


def _limits(
    kind: Kind,
    facts: Mapping[str, Any],
    provider: Mapping[str, Any],
    country: Mapping[str, Any],
    currency: Mapping[str, Any],
) -> Limits:
    code = str(provider.get("provider"))
    minimum = _number(facts.get("minAmount", facts.get("minTransactionLimit")))
    maximum = _number(facts.get("maxAmount", facts.get("maxTransactionLimit")))
    return Limits(
        kind=kind,
        provider=code,
        operator=_operator(code),
        country=_alpha2(country.get("country")),
        currency=str(currency.get("currency")),
        minimum=minimum,
        maximum=maximum,
        decimals=_DECIMALS.get(str(facts.get("decimalsInAmount"))),
        status=str(facts.get("status") or ""),
        callback_url=str(facts.get("callbackUrl") or "") or None,
        auth_type=str(facts.get("authType") or "") or None,
        guide=guide_in(provider, facts) if kind is Kind.DEPOSIT else None,
    )


def _operations(types: object) -> Iterator[tuple[Kind, Mapping[str, Any]]]:
    """Give the kinds of operation in any printed shape: {"PAYOUT": {…} or "CLOSED"}, [{"PAYOUT": {…}}],
    [{"operationType": "PAYOUT", …}]; kinds that we do not use are passed over.
    """
    if isinstance(types, list):
        for row in _rows(cast("object", types)):
            if "operationType" in row:
                yield from _operations({str(row["operationType"]): row})
            else:
                yield from _operations(row)
        return
    for name, facts in _fields(types).items():
        if str(name) in {kind.name for kind in Kind}:
            yield Kind[str(name)], {"status": facts} if isinstance(facts, str) else _fields(facts)


def _operator(code: str) -> str | None:
    return next((known.operator for known in providers() if known.provider == code), None)


def _alpha2(alpha3: object) -> str:
    """Write a country as we do; as pawaPay does when we do not know it."""
    known = next((country.alpha2 for country in countries().values() if country.alpha3 == alpha3), None)
    return known or str(alpha3)


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _fields(value: object) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _rows(value: object) -> list[Mapping[str, Any]]:
    rows = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", row) for row in rows if isinstance(row, dict)]
