"""The form that a request must have, before anything is made of it: fields, patterns, and nothing that is not known.

docs.pawapay.io/v2/api-reference: initiate-deposit, initiate-payout, initiate-refund, payment-page. A request of the
wrong form is HTTP 400 (docs.pawapay.io/v2/docs/failure_codes).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

_METADATA_MAX = 10
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_URL = re.compile(r"https?://.+")
_PATTERNS: Mapping[str, re.Pattern[str]] = {
    "depositId": _UUID4,
    "payoutId": _UUID4,
    "refundId": _UUID4,
    # The reference's own pattern: no leading zeros and no trailing ones. That the server holds to the second half
    # is not proven; the stricter reading is simulated.
    "amount": re.compile(r"(?=.{1,23}$)(0|[1-9][0-9]{0,17})([.][0-9]{0,3}[1-9])?"),
    "currency": re.compile(r"[A-Z]{3}"),
    "country": re.compile(r"[A-Z]{3}"),
    "preAuthorisationCode": re.compile(r"[a-zA-Z0-9]{1,36}"),
    "successfulUrl": _URL,
    "failedUrl": _URL,
    "returnUrl": _URL,
    "clientReferenceId": re.compile(r".+"),
    "customerMessage": re.compile(r"[a-zA-Z0-9 ]{4,22}"),
    "phoneNumber": re.compile(r"[1-9][0-9]{6,14}"),
    "language": re.compile(r"EN|FR"),
    "reason": re.compile(r".{1,50}"),
}


class RejectedError(Exception):
    """pawaPay's no. echoes_id: the documented example of AMOUNT_OUT_OF_BOUNDS comes with a null id."""

    def __init__(self, http: int, code: str, message: str, *, echoes_id: bool = True) -> None:
        super().__init__(code)
        self.http = http
        self.code = code
        self.message = message
        self.echoes_id = echoes_id


@dataclass(frozen=True, slots=True)
class Form:
    """What a kind of request may hold. party: the field of the wallet, None where there is none."""

    id_field: str
    required: frozenset[str]
    optional: frozenset[str]
    party: str | None = None


_EXTRAS = frozenset({"clientReferenceId", "customerMessage", "metadata"})
DEPOSIT = Form(
    "depositId",
    frozenset({"depositId", "amount", "currency", "payer"}),
    _EXTRAS | {"preAuthorisationCode", "successfulUrl", "failedUrl"},
    "payer",
)
PAYOUT = Form("payoutId", frozenset({"payoutId", "amount", "currency", "recipient"}), _EXTRAS, "recipient")
# The reference marks amount and currency required, the guide leaves them out of a full refund: both are taken.
REFUND = Form(
    "refundId",
    frozenset({"refundId", "depositId"}),
    frozenset({"amount", "currency", "clientReferenceId", "metadata"}),
)
PAYMENT_PAGE = Form(
    "depositId",
    frozenset({"depositId", "returnUrl"}),
    frozenset(
        {"amountDetails", "phoneNumber", "language", "country", "reason", "customerMessage", "metadata"}
    ),
)


def check_form(body: object, form: Form = DEPOSIT) -> dict[str, Any]:
    """Give the request back when its form is right. Raises RejectedError."""
    if not isinstance(body, dict):
        raise RejectedError(400, "INVALID_INPUT", "We were unable to parse the payload of the request.")
    request = cast("dict[str, Any]", body)
    _check_fields(request, form.required, form.optional, "")
    _check_patterns(request)
    if form.party is not None:
        _check_party(request[form.party], form.party)
    if "amountDetails" in request:
        details = _object(request["amountDetails"], "amountDetails")
        _check_fields(details, {"amount", "currency"}, set(), "amountDetails.")
        _check_patterns(details)
        if "country" not in request:
            raise RejectedError(400, "MISSING_PARAMETER", "The 'country' parameter is required.")
    flat_metadata(request.get("metadata", []))
    return request


def flat_metadata(metadata: object) -> dict[str, Any]:
    """Flatten metadata as answers and callbacks carry it: [{"orderId": "x"}, {"mail": "y", "isPII": true}]."""
    entries = cast("list[object]", metadata) if isinstance(metadata, list) else [None]
    if len(entries) > _METADATA_MAX:
        raise RejectedError(400, "INVALID_PARAMETER", "At most 10 metadata entries are supported.")
    flat: dict[str, Any] = {}
    for entry in entries:
        fields = [item for item in _object(entry, "metadata").items() if item[0] != "isPII"]
        # Also what the shape {"key": …, "value": …} is answered with.
        if len(fields) != 1 or fields[0][0] in flat:
            raise RejectedError(400, "DUPLICATE_METADATA_FIELD", "Each metadata entry names one field, once.")
        flat[fields[0][0]] = fields[0][1]
    return flat


def _check_party(value: object, name: str) -> None:
    party = _object(value, name)
    _check_fields(party, {"type", "accountDetails"}, set(), f"{name}.")
    account = _object(party["accountDetails"], f"{name}.accountDetails")
    _check_fields(account, {"phoneNumber", "provider"}, set(), f"{name}.accountDetails.")
    if party["type"] != "MMO":
        raise RejectedError(400, "INVALID_PARAMETER", f"The '{name}.type' parameter is invalid.")
    _check_patterns(account)


def _check_patterns(fields: Mapping[str, Any]) -> None:
    for name, pattern in _PATTERNS.items():
        value = fields.get(name)
        if name in fields and not (isinstance(value, str) and pattern.fullmatch(value)):
            raise RejectedError(400, "INVALID_PARAMETER", f"The '{name}' parameter is invalid.")


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
