"""What pawaPay refuses although its form is right: who cannot carry it, how much, and what stands in its way.

docs.pawapay.io/v2/docs/failure_codes: HTTP 200 with `status: REJECTED`, and HTTP 403 for what the account may not do.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from afriflow.providers.pawapay.simulator.behaviour import Behaviour
from afriflow.providers.pawapay.simulator.forms import RejectedError
from afriflow.providers.pawapay.simulator.sandbox import Rail, rails

# What belongs to one way of authorising only; sent elsewhere it is an unsupported parameter.
_OF_THEIR_OWN = {
    "PREAUTH": frozenset({"preAuthorisationCode"}),
    "REDIRECT_AUTH": frozenset({"successfulUrl", "failedUrl"}),
}


def check_business(request: Mapping[str, Any], behaviour: Behaviour, kind: str = "deposit") -> Rail:
    """Give the provider that will carry a deposit or a payout. Raises RejectedError."""
    account = request["payer" if kind == "deposit" else "recipient"]["accountDetails"]
    rail = rails().get(account["provider"]) if isinstance(account["provider"], str) else None
    if rail is None:
        raise RejectedError(200, "INVALID_PROVIDER", "The provider is not supported.")
    check_allowed(rail, behaviour, kind)
    if kind == "deposit":
        _check_authorisation(request, rail)
    if request["currency"] not in rail.currencies:
        raise RejectedError(
            200, "INVALID_CURRENCY", f"{rail.provider} does not support {request['currency']}."
        )
    if not account["phoneNumber"].startswith(rail.prefix):
        raise RejectedError(200, "INVALID_PHONE_NUMBER", f"The phone number is not one of {rail.country}.")
    check_amount(request, rail, kind)
    minimum, maximum = rail.limits
    if not Decimal(minimum) <= Decimal(request["amount"]) <= Decimal(maximum):
        message = f"The amount must be between {minimum} and {maximum}."
        raise RejectedError(200, "AMOUNT_OUT_OF_BOUNDS", message, echoes_id=False)
    check_open(rail, behaviour, kind)
    return rail


def check_allowed(rail: Rail, behaviour: Behaviour, kind: str) -> None:
    if rail.provider in behaviour.not_allowed:
        message = f"{kind.capitalize()}s are not enabled for {rail.provider} on this account."
        raise RejectedError(403, f"{kind.upper()}S_NOT_ALLOWED", message)


def check_amount(request: Mapping[str, Any], rail: Rail, kind: str) -> None:
    """Refuse decimals that the provider does not carry. Refunds go the way of payouts."""
    carried = rail.currencies if kind == "deposit" else rail.payout_currencies
    places = 0 if carried[request["currency"]] == "NONE" else 2
    amount = Decimal(request["amount"])
    if amount != round(amount, places):
        raise RejectedError(200, "INVALID_AMOUNT", f"{rail.provider} supports {places} decimal places.")


def check_open(rail: Rail, behaviour: Behaviour, kind: str) -> None:
    """Refuse what a closed provider would have to do.

    What becomes of deposits while a provider is DELAYED is not documented; pawaPay's engineers say: refused.
    """
    shut = behaviour.closed_providers + (behaviour.delayed_providers if kind == "deposit" else ())
    if rail.provider in shut:
        message = f"{rail.provider} is currently not available."
        raise RejectedError(200, "PROVIDER_TEMPORARILY_UNAVAILABLE", message)


def _check_authorisation(request: Mapping[str, Any], rail: Rail) -> None:
    own = _OF_THEIR_OWN.get(rail.auth_type, frozenset())
    for name in sorted(own - set(request)):
        raise RejectedError(400, "MISSING_PARAMETER", f"The '{name}' parameter is required.")
    foreign = frozenset[str]().union(*_OF_THEIR_OWN.values()) - own
    for name in sorted(foreign & set(request)):
        raise RejectedError(400, "UNSUPPORTED_PARAMETER", f"The '{name}' parameter is not supported.")
