"""What pawaPay's documents list: its providers in our operators' names, and its failure codes in our words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from afriflow.core.method import FailureCode, PaymentMethod
from afriflow.port.provider import Authorization

AUTHORIZATIONS = {
    "PROVIDER_AUTH": Authorization.APPROVE_ON_PHONE,
    "PREAUTH": Authorization.OTP_FIRST,
    "REDIRECT_AUTH": Authorization.REDIRECT,
}


@dataclass(frozen=True, slots=True)
class Provider:
    """One of pawaPay's providers in one currency.

    decimals, payout_decimals: how many the amount of a deposit and of a payout may have; they are not always the same.
    """

    provider: str
    operator: str
    country: str
    currency: str
    decimals: int
    payout_decimals: int
    auth_type: str

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


def provider_for(method: PaymentMethod, currency: str) -> Provider | None:
    """Find who carries this method and currency at pawaPay."""
    wanted = (method.operator, method.country, currency)
    for provider in providers():
        if (provider.operator, provider.country, provider.currency) == wanted:
            return provider
    return None


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
