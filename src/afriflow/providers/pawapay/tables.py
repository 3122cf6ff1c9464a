"""What pawaPay's documents list: its providers in our operators' names, and its failure codes in our words."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from afriflow.core.method import Authorization, FailureCode, Guide, PaymentMethod
from afriflow.port.bounds import Bound

AUTHORIZATIONS = {
    "PROVIDER_AUTH": Authorization.APPROVE_ON_PHONE,
    "PREAUTH": Authorization.OTP_FIRST,
    "REDIRECT_AUTH": Authorization.REDIRECT,
}


@dataclass(frozen=True, slots=True)
class Provider:
    """One of pawaPay's providers in one currency.

    decimals, payout_decimals: how many the amount of a deposit and of a payout may have; they are not always the same.
    guide: what its payers are told to do, where the account's configuration says it.
    """

    provider: str
    operator: str
    country: str
    currency: str
    decimals: int
    payout_decimals: int
    auth_type: str
    guide: Guide | None = None

    @property
    def is_redirect(self) -> bool:
        return AUTHORIZATIONS[self.auth_type] is Authorization.REDIRECT


class Side(StrEnum):
    """Whose matter a failure is."""

    PAYER = "payer"  # the person with the wallet, who pays or is paid
    MERCHANT = "merchant"  # the account: its settings, its funds, its request
    OPERATOR = "operator"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """A documented failure code. failure None = says nothing about money. http: with which statuses it comes."""

    failure: FailureCode | None
    side: Side
    elsewhere: bool
    http: frozenset[int]


@cache
def providers() -> tuple[Provider, ...]:
    """Give pawaPay's providers (docs.pawapay.io/v2/docs/providers), one entry per currency."""
    return tuple(Provider(**row) for row in _table("providers.json")["providers"])


def provider_for(method: PaymentMethod, currency: str, bounds: Sequence[Bound] = ()) -> Provider | None:
    """Find who carries this method and currency at pawaPay.

    bounds: what pawaPay last told of the account, which goes before the table.
    """
    wanted = (method.operator, method.country, currency)
    for provider in providers():
        if (provider.operator, provider.country, provider.currency) == wanted:
            return _as_told(provider, bounds)
    return None


def _as_told(provider: Provider, bounds: Sequence[Bound]) -> Provider:
    """Correct how payers approve by what pawaPay told of the account."""
    for bound in bounds:
        if not bound.outgoing and (bound.operator, bound.currency) == (provider.operator, provider.currency):
            told = next((name for name, ours in AUTHORIZATIONS.items() if ours is bound.authorization), None)
            return replace(provider, auth_type=told or provider.auth_type, guide=bound.guide)
    return provider


@cache
def failures(phase: str) -> Mapping[str, KnownFailure]:
    """Give the documented failure codes of a phase, "initiation" or "processing"."""
    return {
        row["code"]: KnownFailure(
            FailureCode(row["failure"]) if row["failure"] else None,
            Side(row["class"]),
            bool(row["elsewhere"]),
            frozenset(row["http"]),
        )
        for row in _table("failures.json")["codes"]
        if phase in row["phases"]
    }


def _table(name: str) -> Any:
    return json.loads(files("afriflow.providers.pawapay").joinpath(name).read_text("utf-8"))
