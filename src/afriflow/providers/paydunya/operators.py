"""Which wallets PayDunya carries and under which names: the table `operators.json`, typed, and the routes it gives."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from afriflow.core.method import MethodType
from afriflow.port.provider import Authorization, Route

# All countries where PayDunya collects use it but Cameroon, where MTN's answer names XAF
# (https://developers.paydunya.com/doc/FR/softpay, "MTN CAMEROUN", read 2026-10).
CURRENCY = "XOF"
# The smallest invoice, and the smallest payout, as integrators report it; the API answers 4003 below.
MINIMUM_MINOR = 200
CARD_CHANNEL = "card"


@dataclass(frozen=True, slots=True)
class SoftPay:
    """How one operator is charged without PayDunya's page.

    flow: what the payer does: opens a url that the answer brings, gave a code before ("otp"), approves on the phone
    after the answer ("push") or while the call is held open ("held"), or gives a code that comes after the call.
    name, email, phone, token, otp: what the fields are called. extra: fields that are always the same. ussd: what the
    payer dials to approve, None where the phone asks by itself.
    """

    path: str
    flow: Literal["redirect", "otp", "push", "held", "code_after"]
    name: str
    email: str
    phone: str
    token: str
    otp: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict[str, str])
    ussd: str | None = None


@dataclass(frozen=True, slots=True)
class Wallet:
    """One operator as PayDunya knows it.

    channel: its slug in `invoice.channels`, None where no source names one. withdraw: its `withdraw_mode`, None where
    no source names one. switch: the account's setting without which it is not used.
    """

    operator: str
    country: str
    channel: str | None
    softpay: SoftPay
    withdraw: str | None
    currency: str = CURRENCY
    switch: str | None = None


@cache
def wallets() -> dict[str, Wallet]:
    """Give the table by our operator id."""
    table = json.loads(files(__package__ or "").joinpath("operators.json").read_text("utf-8"))
    return {row["operator"]: _wallet(row) for row in table["operators"]}


def routes() -> tuple[Route, ...]:
    """Say what an account may offer: all wallets, and cards in every country that needs no setting."""
    by_wallet = [_route(wallet, _authorization(wallet)) for wallet in wallets().values()]
    by_card = [
        Route(
            country=country,
            method=MethodType.CARD,
            currency=CURRENCY,
            authorization=Authorization.REDIRECT,
            minimum_minor=MINIMUM_MINOR,
        )
        for country in dict.fromkeys(wallet.country for wallet in wallets().values() if wallet.switch is None)
    ]
    return (*by_wallet, *by_card)


def payout_routes() -> tuple[Route, ...]:
    """Say where an account may send money: to the wallets with a `withdraw_mode`, in XOF as it is documented."""
    return tuple(
        _route(wallet, Authorization.APPROVE_ON_PHONE)  # says nothing for a payout
        for wallet in wallets().values()
        if wallet.withdraw and wallet.currency == CURRENCY
    )


def _route(wallet: Wallet, authorization: Authorization) -> Route:
    return Route(
        country=wallet.country,
        method=MethodType.MOBILE_MONEY,
        currency=wallet.currency,
        authorization=authorization,
        operator=wallet.operator,
        minimum_minor=MINIMUM_MINOR,
    )


def _authorization(wallet: Wallet) -> Authorization:
    match wallet.softpay.flow:
        case "redirect":
            return Authorization.REDIRECT
        case "code_after":
            return Authorization.OTP_AFTER
        case "otp":
            return Authorization.OTP_FIRST
        case _:
            return Authorization.APPROVE_ON_PHONE


def _wallet(row: dict[str, Any]) -> Wallet:
    facts: dict[str, Any] = {**row, "softpay": SoftPay(**row["softpay"])}
    return Wallet(**facts)
