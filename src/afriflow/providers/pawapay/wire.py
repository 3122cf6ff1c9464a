"""pawaPay's JSON in our words: pure, and with `tables` the only place that knows its vocabulary.

Statuses: docs.pawapay.io/v2/api-reference, of deposits, payouts and refunds (initiate, check status, callback).
A status that is not in the tables here is `Unclear` with an alert, never a failure: new ones may come at any time.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, cast
from urllib.parse import urlsplit

from afriflow.core.evidence import Failed, Missing, Pending, Refused, Succeeded, Unclear, Word
from afriflow.core.method import ActionType, Failure, FailureCode, NextAction
from afriflow.core.money import Money, parse_money
from afriflow.port.http import Reply
from afriflow.port.provider import Notification, Report
from afriflow.providers.pawapay.tables import Provider, failures


class Kind(StrEnum):
    """What pawaPay does for us; each has ids, paths and callbacks of its own."""

    DEPOSIT = "deposit"
    PAYOUT = "payout"
    REFUND = "refund"

    @property
    def id_field(self) -> str:
        return f"{self.value}Id"

    @property
    def path(self) -> str:
        return f"/v2/{self.value}s"


# What each status means. ENQUEUED is for payouts and refunds whose operator is slow, but says "not yet" wherever it
# comes; SUBMITTED is v1's word for PROCESSING and still printed for the sandbox's stuck numbers.
STATUSES: Mapping[str, type[Pending | Succeeded | Failed]] = {
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
# A refund's callback may name its deposit, too: what is refunded, not what is told of.
_TELLING = (Kind.REFUND, Kind.PAYOUT, Kind.DEPOSIT)
_URL_LENGTH_MAX = 2048
# "Check the status before treating it as failed" (docs.pawapay.io/v2/docs/failure_codes); the check's own word counts.
_GENERAL_FAILURE = "UNKNOWN_ERROR"


def approval(provider: Provider | None) -> NextAction | None:
    """Say what the payer does now: enter the PIN, unless a code authorised the payment or a page will.

    pawaPay does not say how long the operator's prompt lives.
    """
    if provider is None or provider.auth_type != "PROVIDER_AUTH":
        return None
    return NextAction(ActionType.APPROVE_ON_PHONE, guide=provider.guide)


def initiation_word(reply: Reply, provider: Provider | None) -> Word | None:
    """Read the answer to an initiation; None when pawaPay had the id before, and must be asked how it stands.

    provider: who carries a deposit; None for money out, where nobody has anything to approve.
    """
    body = reply.json_object()
    if body is None or reply.status not in {200, 400, 401, 403}:
        return Unclear(f"HTTP {reply.status} on initiate")
    if reply.status != 200:
        return _refusal(reply.status, body)
    return item_word(body, provider)


def item_word(body: Mapping[str, Any], provider: Provider | None = None) -> Word | None:
    """Read what an HTTP 200 says about one initiation, as `initiation_word` does."""
    status = body.get("status")
    if status == "REJECTED":
        return _refusal(200, body)
    if status == "ACCEPTED":
        return Pending(approval(provider))
    if status == "DUPLICATE_IGNORED":
        return None
    if status is None:
        return Unclear("no status on initiate")
    return Unclear(f"unknown status on initiate: {_shown(status)}", alert=True)


def page_word(reply: Reply, expires_at: datetime) -> Word | None:
    """Read the answer to a request for pawaPay's page, as `initiation_word` does (docs.pawapay.io/v2/docs/payment_page).

    expires_at: when the page can no longer be used.
    """
    url = _text((reply.json_object() or {}).get("redirectUrl")) if reply.status == 200 else None
    if url is None:
        word = initiation_word(reply, None)
        return Unclear("accepted without a page", alert=True) if isinstance(word, Pending) else word
    if not _is_page(url):
        return Unclear("the page has no address that a browser may be sent to", alert=True)
    return Pending(NextAction(ActionType.REDIRECT, url=url, expires_at=expires_at))


def bulk_words(reply: Reply, references: Sequence[str]) -> list[Word | None]:
    """Read the answer to many payouts in one request, in the order of the references; each as `initiation_word`.

    Items are found by their id. A refusal may come with a null id (the documented sample of AMOUNT_OUT_OF_BOUNDS
    does): when all that is left over is refused, each payout left over is refused, whichever reason was whose.
    """
    items = reply.json() if reply.status == 200 else None
    if not isinstance(items, list):
        word = initiation_word(reply, None) if reply.status in {401, 403} else None
        return [word or Unclear(f"HTTP {reply.status} on a bulk of payouts")] * len(references)
    bodies = [cast("dict[str, Any]", item) for item in cast("list[object]", items) if isinstance(item, dict)]
    by_id = {str(body.get("payoutId")): item_word(body) for body in bodies}
    nameless = [item_word(body) for body in bodies if body.get("payoutId") is None]
    silent = [reference for reference in references if reference not in by_id]
    leftover: dict[str, Word | None] = {}
    if len(silent) == len(nameless) and all(isinstance(word, Refused) for word in nameless):
        leftover = dict(zip(silent, nameless, strict=True))
    unnamed = Unclear("the answer to a bulk of payouts does not name this one", alert=True)
    return [by_id[name] if name in by_id else leftover.get(name, unnamed) for name in references]


def _refusal(http: int, body: Mapping[str, Any]) -> Word:
    """Read a refusal before processing; one whose code is not documented proves nothing."""
    code, message = failure_reason(body)
    known = failures("initiation").get(code) or failures("processing").get(code)
    if known is None:
        return Unclear(f"refused with a code we do not know: {_shown(code)}", alert=True)
    if known.failure is None or (http != 200 and http not in known.http):
        return Unclear(f"HTTP {http} {code} on initiate")
    return Refused(Failure(known.failure, code, message), known.elsewhere)


def found(reply: Reply, kind: Kind, asked_for: str) -> Mapping[str, Any] | Word:
    """Read the answer to a status check: the deposit, payout or refund, or the word that there is none to read.

    The guide prints it bare, the reference wraps it in `data`: both are read.
    """
    body = reply.json_object()
    if reply.status in {401, 403}:
        return Unclear(f"HTTP {reply.status} on verify: the credentials are refused", alert=True)
    if body is None or reply.status != 200:
        return Unclear(f"HTTP {reply.status} on verify")
    status, data = body.get("status"), body.get("data")
    if status == "NOT_FOUND":
        return Missing()
    bare = isinstance(status, str) and status in STATUSES and kind.id_field in body
    if bare or (status == "FOUND" and isinstance(data, dict)):
        fields = body if bare else cast("dict[str, Any]", data)
        named = fields.get(kind.id_field)
        if named is not None and str(named).lower() != asked_for.lower():
            return Unclear("asked for one order, told of another", alert=True)
        return fields
    return Unclear(f"unknown status on verify: {_shown(status)}", alert=True)


def operation_word(
    operation: Mapping[str, Any], kind: Kind, *, asked_for: str | None, provider: Provider | None = None
) -> Word:
    """Read a deposit, payout or refund, from a status check or a callback.

    asked_for: the id we asked for, which stands in for one that it does not name. provider: who carries a deposit.
    """
    status = operation.get("status")
    meaning = STATUSES.get(status) if isinstance(status, str) else None
    if meaning is None:
        return Unclear(f"unknown status: {_shown(status)}", alert=True)
    if meaning is Pending:
        return Pending(_next_action(operation, kind, provider))
    if meaning is Failed:
        code, message = failure_reason(operation)
        known = failures("processing").get(code) or failures("initiation").get(code)
        ours = known.failure if known and known.failure else FailureCode.UNSPECIFIED
        return Failed(Failure(ours, code or None, message))
    named = operation.get(kind.id_field)
    return Succeeded(
        paid=money_of(operation),
        reference=asked_for if named is None else str(named),
        operator_reference=_text(operation.get("providerTransactionId")),
    )


def _next_action(operation: Mapping[str, Any], kind: Kind, provider: Provider | None) -> NextAction | None:
    """Say what the payer of a deposit under way does now; the address of a page comes once the operator gave it."""
    if kind is not Kind.DEPOSIT or operation.get("status") not in _PAYER_MAY_STILL_ACT:
        return None
    url = _text(operation.get("authorizationUrl"))
    if url is not None and _is_page(url):
        return NextAction(ActionType.REDIRECT, url=url)
    return approval(provider)


def money_of(operation: Mapping[str, Any]) -> Money | None:
    return parse_money(operation.get("amount"), str(operation.get("currency")))


def phone_of(operation: Mapping[str, Any]) -> str | None:
    """Name the wallet of an operation as pawaPay shows it; None where it does not.

    The reference prints `phoneNUmber` once: names are compared without their case.
    """
    party = operation.get("recipient", operation.get("payer"))
    fields = cast("dict[str, Any]", party) if isinstance(party, dict) else {}
    account = fields.get("accountDetails")
    details = cast("dict[str, Any]", account) if isinstance(account, dict) else {}
    return next(
        (_text(value) for name, value in details.items() if name.lower() == "phonenumber"),
        None,
    )


def callback_reports(notification: Notification) -> tuple[Report, ...]:
    """Read a callback; pawaPay sends one operation in each, and the field of its id tells which kind."""
    body = _body(notification)
    for kind in _TELLING:
        if kind.id_field in body:
            reference = _text(body[kind.id_field])
            if reference is None:
                return ()
            word = operation_word(body, kind, asked_for=None)
            if isinstance(word, Failed) and word.failure.provider_code == _GENERAL_FAILURE:
                word = Unclear(f"told of {_GENERAL_FAILURE}")
            return (Report(word, reference=reference),)
    return ()


def identify(notification: Notification) -> tuple[str, ...]:
    """Name the operations that a callback speaks of."""
    body = _body(notification)
    ids = (_text(body.get(name)) for name in ("depositId", "refundId", "payoutId"))
    return tuple(found for found in ids if found)


def failure_reason(body: Mapping[str, Any]) -> tuple[str, str | None]:
    """Give code and message of a failure; the guide to refunds still prints v1's names for both."""
    for name, code, message in (
        ("failureReason", "failureCode", "failureMessage"),
        ("rejectionReason", "rejectionCode", "rejectionMessage"),
    ):
        reason = body.get(name)
        if isinstance(reason, dict):
            fields = cast("dict[str, Any]", reason)
            return _text(fields.get(code)) or "", _text(fields.get(message))
    return "", None


def _is_page(url: str) -> bool:
    """Whether a payer's browser may be sent there; http only for a simulator, but never a script."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.hostname) and len(url) <= _URL_LENGTH_MAX


def _body(notification: Notification) -> Mapping[str, Any]:
    return Reply(200, {}, notification.body).json_object() or {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _shown(value: object) -> str:
    """Show a word that we do not know to engineers, but not a whole page of it."""
    return repr(value)[:60]
