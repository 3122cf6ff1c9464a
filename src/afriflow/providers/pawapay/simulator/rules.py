"""What pawaPay refuses before it does anything, in its order: the form of the request, then the business of it.

docs.pawapay.io/v2/api-reference/deposits/initiate-deposit and /v2/docs/failure_codes. A request of the wrong form
is HTTP 400; one of the right form that cannot be carried is HTTP 200 with `status: REJECTED`.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from afriflow.providers.pawapay.simulator.behaviour import Behaviour
from afriflow.providers.pawapay.simulator.sandbox import Rail, rails

_REQUIRED = frozenset({"depositId", "amount", "currency", "payer"})
_OPTIONAL = frozenset(
    {"preAuthorisationCode", "successfulUrl", "failedUrl", "clientReferenceId", "customerMessage", "metadata"}
)
_METADATA_MAX = 10

_FORMS: Mapping[str, re.Pattern[str]] = {
    "depositId": re.compile(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE
    ),
    # The reference's own pattern: no leading zeros and no trailing ones. That the server holds to the second half
    # is not proven; the stricter reading is simulated.
    "amount": re.compile(r"(?=.{1,23}$)(0|[1-9][0-9]{0,17})([.][0-9]{0,3}[1-9])?"),
    "currency": re.compile(r"[A-Z]{3}"),
    "preAuthorisationCode": re.compile(r"[a-zA-Z0-9]{1,36}"),
    "successfulUrl": re.compile(r"https?://.+"),
    "failedUrl": re.compile(r"https?://.+"),
    "clientReferenceId": re.compile(r".+"),
    "customerMessage": re.compile(r"[a-zA-Z0-9 ]{4,22}"),
}
_PHONE_NUMBER = re.compile(r"[1-9][0-9]{6,14}")


class RejectedError(Exception):
    """pawaPay's no. echoes_id: the documented example of AMOUNT_OUT_OF_BOUNDS comes with a null id."""

    def __init__(self, http: int, code: str, message: str, *, echoes_id: bool = True) -> None:
        super().__init__(code)
        self.http = http
        self.code = code
        self.message = message
        self.echoes_id = echoes_id


def check_form(body: object) -> Mapping[str, Any]:
    """Give the request back when its form is right. Raises RejectedError."""
    if not isinstance(body, dict):
        raise RejectedError(400, "INVALID_INPUT", "We were unable to parse the payload of the request.")
    request = cast("dict[str, Any]", body)
    _check_fields(request, _REQUIRED, _OPTIONAL, "")
    for name, form in _FORMS.items():
        value = request.get(name)
        if name in request and not (isinstance(value, str) and form.fullmatch(value)):
            raise RejectedError(400, "INVALID_PARAMETER", f"The '{name}' parameter is invalid.")
    payer = _object(request["payer"], "payer")
    _check_fields(payer, {"type", "accountDetails"}, set(), "payer.")
    account = _object(payer["accountDetails"], "payer.accountDetails")
    _check_fields(account, {"phoneNumber", "provider"}, set(), "payer.accountDetails.")
    if payer["type"] != "MMO":
        raise RejectedError(400, "INVALID_PARAMETER", "The 'payer.type' parameter is invalid.")
    if not isinstance(account["phoneNumber"], str) or not _PHONE_NUMBER.fullmatch(account["phoneNumber"]):
        raise RejectedError(400, "INVALID_PARAMETER", "The 'phoneNumber' parameter is invalid.")
    flat_metadata(request.get("metadata", []))
    return request


def check_business(request: Mapping[str, Any], behaviour: Behaviour) -> Rail:
    """Give the provider that will carry the deposit. Raises RejectedError."""
    account = request["payer"]["accountDetails"]
    rail = rails().get(account["provider"]) if isinstance(account["provider"], str) else None
    if rail is None:
        raise RejectedError(200, "INVALID_PROVIDER", "The provider is not supported.")
    _check_authorisation(request, rail)
    if request["currency"] not in rail.currencies:
        raise RejectedError(
            200, "INVALID_CURRENCY", f"{rail.provider} does not support {request['currency']}."
        )
    if not account["phoneNumber"].startswith(rail.prefix):
        raise RejectedError(200, "INVALID_PHONE_NUMBER", f"The phone number is not one of {rail.country}.")
    amount = Decimal(request["amount"])
    places = 0 if rail.currencies[request["currency"]] == "NONE" else 2
    if amount != round(amount, places):
        raise RejectedError(200, "INVALID_AMOUNT", f"{rail.provider} supports {places} decimal places.")
    minimum, maximum = rail.limits
    if not Decimal(minimum) <= amount <= Decimal(maximum):
        message = f"The amount must be between {minimum} and {maximum}."
        raise RejectedError(200, "AMOUNT_OUT_OF_BOUNDS", message, echoes_id=False)
    if rail.provider in behaviour.closed_providers:
        raise RejectedError(
            200, "PROVIDER_TEMPORARILY_UNAVAILABLE", f"{rail.provider} is currently not available."
        )
    return rail


def flat_metadata(metadata: object) -> dict[str, Any]:
    """Flatten metadata as answers and callbacks carry it: [{"orderId": "x"}, {"mail": "y", "isPII": true}]."""
    entries = cast("list[object]", metadata) if isinstance(metadata, list) else [None]
    if len(entries) > _METADATA_MAX:
        raise RejectedError(400, "INVALID_PARAMETER", "At most 10 metadata entries are supported.")
    flat: dict[str, Any] = {}
    for entry in entries:
        fields = [item for item in _object(entry, "metadata").items() if item[0] != "isPII"]
        if (
            len(fields) != 1 or fields[0][0] in flat
        ):  # also what the shape {"key": …, "value": …} is answered with
            raise RejectedError(400, "DUPLICATE_METADATA_FIELD", "Each metadata entry names one field, once.")
        flat[fields[0][0]] = fields[0][1]
    return flat


def _check_authorisation(request: Mapping[str, Any], rail: Rail) -> None:
    """Check what belongs to one way of authorising only: sent elsewhere it is an unsupported parameter."""
    if rail.auth_type == "REDIRECT_AUTH":
        message = f"Deposits are not enabled for {rail.provider} on this account."
        raise RejectedError(403, "DEPOSITS_NOT_ALLOWED", message)
    if rail.auth_type == "PREAUTH" and "preAuthorisationCode" not in request:
        raise RejectedError(400, "MISSING_PARAMETER", "The 'preAuthorisationCode' parameter is required.")
    foreign: set[str] = {"successfulUrl", "failedUrl"} | (
        set() if rail.auth_type == "PREAUTH" else {"preAuthorisationCode"}
    )
    for name in sorted(foreign & set(request)):
        raise RejectedError(400, "UNSUPPORTED_PARAMETER", f"The '{name}' parameter is not supported.")


def _check_fields(
    found: Mapping[str, Any],
    required: frozenset[str] | set[str],
    optional: frozenset[str] | set[str],
    where: str,
) -> None:
    for name in sorted(required - set(found)):
        raise RejectedError(400, "MISSING_PARAMETER", f"The '{where}{name}' parameter is required.")
    for name in sorted(set(found) - required - optional):
        raise RejectedError(400, "UNSUPPORTED_PARAMETER", f"The '{where}{name}' parameter is not supported.")


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RejectedError(400, "INVALID_PARAMETER", f"The '{name}' parameter is invalid.")
    return cast("dict[str, Any]", value)
