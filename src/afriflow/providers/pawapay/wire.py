"""pawaPay's JSON in our words and ours in theirs: pure, and the only place that knows their vocabulary.

Statuses: docs.pawapay.io/v2/api-reference/deposits (initiate-deposit, check-deposit-status, deposit-callback).
A status that is not in the tables here is `Unclear` with an alert, never a failure: new ones may come at any time.
"""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, cast

from afriflow.core.evidence import Failed, Missing, Pending, Refused, Succeeded, Unclear, Word
from afriflow.core.method import ActionType, Failure, FailureCode, NextAction
from afriflow.core.money import Money, parse_money
from afriflow.port.http import Reply
from afriflow.port.provider import Authorization, Notification, Order, Report
from afriflow.providers.pawapay.config import PawaPayConfig

AUTHORIZATIONS = {
    "PROVIDER_AUTH": Authorization.APPROVE_ON_PHONE,
    "PREAUTH": Authorization.OTP_FIRST,
    "REDIRECT_AUTH": Authorization.REDIRECT,
}

# What each status of a deposit means. SUBMITTED is v1's word for PROCESSING and still printed for the sandbox's
# stuck numbers; ENQUEUED belongs to payouts, but says "not yet" wherever it comes.
DEPOSIT_STATUSES: Mapping[str, type[Pending | Succeeded | Failed]] = {
    "ACCEPTED": Pending,
    "ENQUEUED": Pending,
    "SUBMITTED": Pending,
    "PROCESSING": Pending,
    "IN_RECONCILIATION": Pending,
    "COMPLETED": Succeeded,
    "FAILED": Failed,
}
# In reconciliation pawaPay asks the operator; the payer has nothing left to do.
_PAYER_MAY_STILL_ACT = frozenset({"ACCEPTED", "SUBMITTED", "PROCESSING"})

_MESSAGE_LENGTH = range(4, 23)


@dataclass(frozen=True, slots=True)
class Provider:
    """One of pawaPay's providers in one currency. decimals: how many a deposit's amount may have."""

    provider: str
    operator: str
    country: str
    currency: str
    decimals: int
    auth_type: str


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """A documented failure code. failure None = says nothing about money. http: with which statuses it comes."""

    failure: FailureCode | None
    elsewhere: bool
    http: frozenset[int]


def _table(name: str) -> Any:
    return json.loads(files("afriflow.providers.pawapay").joinpath(name).read_text("utf-8"))


@cache
def providers() -> tuple[Provider, ...]:
    """Give pawaPay's providers (docs.pawapay.io/v2/docs/providers), one entry per currency."""
    return tuple(Provider(**row) for row in _table("providers.json")["providers"])


def provider_for(order: Order) -> Provider | None:
    """Find who carries this order at pawaPay."""
    wanted = (order.method.operator, order.method.country, order.money.currency)
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
            bool(row["elsewhere"]),
            frozenset(row["http"]),
        )
        for row in _table("failures.json")["codes"]
        if phase in row["phases"]
    }


def deposit_body(order: Order, provider: Provider, config: PawaPayConfig) -> bytes:
    """Write the request; fields that do not apply are left out, since pawaPay refuses what it does not expect."""
    msisdn = order.method.msisdn
    body: dict[str, Any] = {
        "depositId": order.reference,
        "amount": order.money.text(),
        "currency": order.money.currency,
        "payer": {
            "type": "MMO",
            "accountDetails": {
                "phoneNumber": _phone_number(msisdn.digits if msisdn else "", config),
                "provider": provider.provider,
            },
        },
        "metadata": [{"transaction": order.transaction_id}],
    }
    if order.otp is not None and provider.auth_type == "PREAUTH":
        body["preAuthorisationCode"] = order.otp.reveal()
    message = config.customer_message or customer_message(order.merchant_name)
    if message:
        body["customerMessage"] = message
    return json.dumps(body, separators=(",", ":")).encode()


def customer_message(name: str) -> str | None:
    """Write a name in 4 to 22 unaccented letters, digits and blanks; None when too little is left of it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = "".join(character if character.isalnum() else " " for character in plain.replace("'", "")).split()
    text = " ".join(words)[: _MESSAGE_LENGTH[-1]].strip()
    return text if len(text) in _MESSAGE_LENGTH else None


def approval(provider: Provider | None) -> NextAction | None:
    """Say what the payer does now: enter the PIN, unless a code authorised the payment beforehand.

    pawaPay does not say how long the operator's prompt lives.
    """
    if provider is None or provider.auth_type != "PROVIDER_AUTH":
        return None
    return NextAction(ActionType.APPROVE_ON_PHONE)


def initiation_word(reply: Reply, provider: Provider) -> Word | None:
    """Read the answer to an initiation; None when pawaPay had the id before, and must be asked how it stands."""
    body = reply.json_object()
    if body is None or reply.status not in {200, 400, 401, 403}:
        return Unclear(f"HTTP {reply.status} on initiate")
    status = body.get("status")
    if reply.status != 200 or status == "REJECTED":
        return _refusal(reply.status, body)
    if status == "ACCEPTED":
        return Pending(approval(provider))
    if status == "DUPLICATE_IGNORED":
        return None
    if status is None:
        return Unclear("no status on initiate")
    return Unclear(f"unknown status on initiate: {_shown(status)}", alert=True)


def _refusal(http: int, body: Mapping[str, Any]) -> Word:
    """Read a refusal before processing; one whose code is not documented proves nothing."""
    code, message = _failure_reason(body)
    known = failures("initiation").get(code) or failures("processing").get(code)
    if known is None:
        return Unclear(f"refused with a code we do not know: {_shown(code)}", alert=True)
    if known.failure is None or (http != 200 and http not in known.http):
        return Unclear(f"HTTP {http} {code} on initiate")
    return Refused(Failure(known.failure, code, message), known.elsewhere)


def found_deposit(reply: Reply) -> Mapping[str, Any] | Word:
    """Read the answer to a status check: the deposit, or the word that there is none to read.

    The guide prints the deposit bare, the reference wraps it in `data`: both are read.
    """
    body = reply.json_object()
    if reply.status in {401, 403}:
        return Unclear(f"HTTP {reply.status} on verify: the credentials are refused", alert=True)
    if body is None or reply.status != 200:
        return Unclear(f"HTTP {reply.status} on verify")
    status, data = body.get("status"), body.get("data")
    if status == "FOUND" and isinstance(data, dict):
        return cast("dict[str, Any]", data)
    if status == "NOT_FOUND":
        return Missing()
    if isinstance(status, str) and status in DEPOSIT_STATUSES and "depositId" in body:
        return body
    return Unclear(f"unknown status on verify: {_shown(status)}", alert=True)


def deposit_word(deposit: Mapping[str, Any], *, asked_for: str | None, provider: Provider | None) -> Word:
    """Read a deposit, from a status check or a callback.

    asked_for: the id we asked for, which stands in for one that the deposit does not name.
    """
    status = deposit.get("status")
    meaning = DEPOSIT_STATUSES.get(status) if isinstance(status, str) else None
    if meaning is None:
        return Unclear(f"unknown status: {_shown(status)}", alert=True)
    if meaning is Pending:
        return Pending(approval(provider) if status in _PAYER_MAY_STILL_ACT else None)
    if meaning is Failed:
        code, message = _failure_reason(deposit)
        known = failures("processing").get(code) or failures("initiation").get(code)
        ours = known.failure if known and known.failure else FailureCode.UNSPECIFIED
        return Failed(Failure(ours, code or None, message))
    named = deposit.get("depositId")
    return Succeeded(
        paid=paid_money(deposit),
        reference=asked_for if named is None else str(named),
        operator_reference=_text(deposit.get("providerTransactionId")),
    )


def paid_money(deposit: Mapping[str, Any]) -> Money | None:
    return parse_money(deposit.get("amount"), str(deposit.get("currency")))


def callback_reports(notification: Notification) -> tuple[Report, ...]:
    """Read a callback; pawaPay sends one deposit in each, and other kinds of operation are not ours to read yet."""
    body = _body(notification)
    reference = _text(body.get("depositId"))
    if reference is None or "refundId" in body:
        return ()
    return (Report(deposit_word(body, asked_for=None, provider=None), reference=reference),)


def identify(notification: Notification) -> tuple[str, ...]:
    """Name the operations that a callback speaks of, by the field that tells their type."""
    body = _body(notification)
    ids = (_text(body.get(name)) for name in ("depositId", "refundId", "payoutId"))
    return tuple(found for found in ids if found)


def _body(notification: Notification) -> Mapping[str, Any]:
    return Reply(200, {}, notification.body).json_object() or {}


def _phone_number(digits: str, config: PawaPayConfig) -> str:
    """Write a number as pawaPay wants it: country code first, digits only; Benin's 01 only where it is known."""
    if config.sends_short_numbers_of_benin and len(digits) == 13 and digits.startswith("22901"):
        return f"229{digits[5:]}"
    return digits


def _failure_reason(body: Mapping[str, Any]) -> tuple[str, str | None]:
    reason = body.get("failureReason")
    fields = cast("dict[str, Any]", reason) if isinstance(reason, dict) else {}
    return _text(fields.get("failureCode")) or "", _text(fields.get("failureMessage"))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _shown(value: object) -> str:
    """Show a word that we do not know to engineers, but not a whole page of it."""
    return repr(value)[:60]
