"""Which wallets PayDunya carries and under which names: the table `operators.json`, typed, and the routes it gives."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from afriflow.core.method import MethodType
from afriflow.port.provider import Authorization, Route

# All countries where PayDunya collects use it; MTN Cameroon answers in XAF, with an unknown currency of
# total_amount, and is left out for that (https://developers.paydunya.com/doc/FR/softpay, "MTN CAMEROUN").
CURRENCY = "XOF"
# The smallest invoice, as many integrators report it; the API answers 4003 below.
MINIMUM_MINOR = 200
CARD_CHANNEL = "card"


@dataclass(frozen=True, slots=True)
class SoftPay:
    """How one operator is charged without PayDunya's page.

    flow: what the payer does: opens a url that the answer brings, gave a code before, or approves on the phone.
    name, email, phone, token, otp: what the fields are called. extra: fields that are always the same.
    """

    path: str
    flow: Literal["redirect", "otp", "push"]
    name: str
    email: str
    phone: str
    token: str
    enabled: bool
    otp: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Wallet:
    """One operator as PayDunya knows it.

    channel: its slug in `invoice.channels`, None where no source names one. softpay: None where it takes two steps.
    """

    operator: str
    country: str
    channel: str | None
    softpay: SoftPay | None

    @property
    def direct(self) -> SoftPay | None:
        """Its SoftPay, if we use it."""
        return self.softpay if self.softpay and self.softpay.enabled else None


@cache
def wallets() -> dict[str, Wallet]:
    """Give the table by our operator id."""
    table = json.loads(files(__package__ or "").joinpath("operators.json").read_text("utf-8"))
    return {row["operator"]: _wallet(row) for row in table["operators"]}


def routes() -> tuple[Route, ...]:
    """Say what we offer: every wallet with a channel, and cards in every country of these wallets."""
    offered = [wallet for wallet in wallets().values() if wallet.channel]
    by_wallet = [
        Route(
            country=wallet.country,
            method=MethodType.MOBILE_MONEY,
            currency=CURRENCY,
            authorization=_authorization(wallet),
            operator=wallet.operator,
            minimum_minor=MINIMUM_MINOR,
        )
        for wallet in offered
    ]
    by_card = [
        Route(
            country=country,
            method=MethodType.CARD,
            currency=CURRENCY,
            authorization=Authorization.REDIRECT,
            minimum_minor=MINIMUM_MINOR,
        )
        for country in dict.fromkeys(wallet.country for wallet in offered)
    ]
    return (*by_wallet, *by_card)


def _authorization(wallet: Wallet) -> Authorization:
    if wallet.direct is None or wallet.direct.flow == "redirect":
        return Authorization.REDIRECT
    return Authorization.OTP_FIRST if wallet.direct.flow == "otp" else Authorization.APPROVE_ON_PHONE


def _wallet(row: dict[str, Any]) -> Wallet:
    softpay = SoftPay(**row["softpay"]) if row["softpay"] else None
    return Wallet(row["operator"], row["country"], row["channel"], softpay)
