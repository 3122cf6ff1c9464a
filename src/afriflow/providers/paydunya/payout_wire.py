"""How our payout becomes PayDunya's disbursement, and what each of its answers proves.

Sources: https://developers.paydunya.com/doc/EN/api_deboursement and /doc/FR/api_deboursement (read 2026-10), and
integrators where these are silent; `fixtures/disburse.json` holds the examples. Success and failure are believed
from check-status alone: what submit answers has no status when it was quick, and "00" with "failed" was seen.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum

from afriflow.core.evidence import Failed, Missing, Pending, Refused, Succeeded, Unclear, Word
from afriflow.core.method import Failure, FailureCode
from afriflow.core.money import parse_money
from afriflow.port.balances import Balance
from afriflow.port.http import Reply
from afriflow.port.money_out import PayoutOrder
from afriflow.providers.paydunya.fields import code_of, text_of, token_of
from afriflow.providers.paydunya.operators import CURRENCY

# Refusals that name a reason before processing, after integrators: keys or withdraw_mode, amount, funds or callback
# address, and an application without payouts. Whatever is not here proves nothing about a submission.
_REFUSALS = {
    "1001": FailureCode.PROVIDER_REJECTED,
    "4002": FailureCode.PROVIDER_REJECTED,
    "4003": FailureCode.AMOUNT_OUT_OF_BOUNDS,
    "401": FailureCode.PROVIDER_REJECTED,
}
_THEIR_TROUBLE = "5000"
_ID_USED = "already used"
_BALANCE = re.compile(r"Balance ([A-Z]{2})")
_PAYOUT_FIELDS = ("disburse_id", "disburse_tx_id", "withdraw_mode")


class Submission(StrEnum):
    """What submit said that is neither a refusal nor unreadable."""

    PENDING = "pending"
    DONE = "done"  # or failed: to be asked
    ID_USED = "id_used"


def invoice_of(order: PayoutOrder, withdraw_mode: str, callback_url: str) -> bytes:
    """Write the first step, which moves no money.

    Our reference is left to the second: an id that was used up here by a lost answer could never be sent.
    """
    account = order.method.msisdn.national if order.method.msisdn else ""
    return _json(
        {
            "account_alias": account,
            "amount": order.money.amount_minor,
            "withdraw_mode": withdraw_mode,
            "callback_url": callback_url,
        }
    )


def submission_of(order: PayoutOrder, token: str) -> bytes:
    """Write the step that moves money, under our reference, which PayDunya takes once."""
    return _json({"disburse_invoice": token, "disburse_id": order.reference})


def question_of(token: str) -> bytes:
    return _json({"disburse_invoice": token})


def read_token(reply: Reply) -> str | Refused | Unclear:
    """Read the answer to the first step. Without a token nobody can send this money: a refusal is believed."""
    if reply.status in {401, 403}:
        return _refused("401", f"HTTP {reply.status}")
    answer = reply.json_object()
    if answer is None or reply.status >= 500:
        return Unclear(f"get-invoice answered HTTP {reply.status} and nothing documented")
    code = _code(answer)
    given = answer.get("disburse_token", answer.get("token"))
    token = token_of(text_of(given))  # seen with a space at its end
    if code == "00" and 200 <= reply.status < 300:
        return token or Unclear("get-invoice answered success without a usable token", alert=True)
    if code is None or given:
        return Unclear("get-invoice answered in an undocumented form", alert=True)
    message = text_of(answer.get("response_text"))
    if code == _THEIR_TROUBLE:
        failure = Failure(FailureCode.PROVIDER_UNAVAILABLE, code, message)
        return Refused(failure, elsewhere=True)
    return _refused(code, message)


def read_submitted(reply: Reply) -> Submission | Refused | Unclear:
    """Read the answer to the step that moves money."""
    if reply.status in {401, 403}:
        return _refused("401", f"HTTP {reply.status}")
    answer = reply.json_object()
    if answer is None or reply.status >= 500:
        return Unclear(f"submit-invoice answered HTTP {reply.status} and nothing documented")
    code, status = _code(answer), text_of(answer.get("status")).lower()
    message = text_of(answer.get("response_text")) or text_of(answer.get("description"))
    if code == "00" and 200 <= reply.status < 300:
        return Submission.PENDING if status == "pending" else Submission.DONE
    if code == _THEIR_TROUBLE and _ID_USED in message.lower():
        return Submission.ID_USED
    if code in _REFUSALS and not status:
        return _refused(code, message)
    return Unclear(f"submit-invoice answered {code}: {message}", alert=code != _THEIR_TROUBLE)


def read_status(reply: Reply, order: PayoutOrder, token: str) -> Word:
    """Read how a payout stands. Missing: `created`, not sent yet, to be submitted under the same token."""
    answer = reply.json_object()
    if answer is None or not 200 <= reply.status < 300:
        return Unclear(f"check-status answered HTTP {reply.status} and nothing documented")
    code = _code(answer)
    if code != "00":
        text = text_of(answer.get("response_text"))
        return Unclear(f"check-status answered {code}: {text}", alert=code != _THEIR_TROUBLE)
    if text_of(answer.get("token")) not in {"", token}:
        return Unclear("check-status answered about another payout", alert=True)
    if reference_in(answer) not in {None, order.reference}:
        return Unclear("this payout stands under a reference that is not ours", alert=True)
    # It was asked by the token that we kept for this order; an answer about that very token is about this order,
    # also where it repeats no disburse_id, which the documents call optional.
    own = order.reference if text_of(answer.get("token")) == token else None
    return word_of(answer, reference=own)


def word_of(content: Mapping[str, object], *, reference: str | None = None) -> Word:
    """Read the content that check-status and callback share. reference: what is known without its telling."""
    status = text_of(content.get("status")).lower()
    match status:
        case "created":
            return Missing()
        case "pending":
            return Pending()
        case "success":
            paid = parse_money(content.get("amount"), CURRENCY)
            operators_own = text_of(content.get("disburse_tx_id")) or text_of(content.get("transaction_id"))
            return Succeeded(paid, reference_in(content) or reference, operators_own or None)
        case "failed":
            reason = text_of(content.get("response_text")) or text_of(content.get("description"))
            return Failed(Failure(FailureCode.UNSPECIFIED, status, reason or None))
        case _:
            return Unclear(f"unknown status {status!r} of a payout", alert=True)


def is_payout(content: Mapping[str, object]) -> bool:
    """Tell a payout's callback, which is flat, from an invoice's."""
    return "invoice" not in content and any(name in content for name in _PAYOUT_FIELDS)


def reference_in(content: Mapping[str, object]) -> str | None:
    """Give our own id of the payout, as it came back."""
    return text_of(content.get("disburse_id")) or None


def read_balances(reply: Reply) -> tuple[Balance, ...] | None:
    """Read {"success": true, "Balance SN": "1000 XOF"}; None when it is anything else.

    After an unofficial TypeScript client, the only source there is. Payouts of a country are taken from what lies on the
    account of that country alone.
    """
    answer = reply.json_object()
    if answer is None or not 200 <= reply.status < 300 or answer.get("success") is not True:
        return None
    found: list[Balance] = []
    for name, value in answer.items():
        match = _BALANCE.fullmatch(name)
        amount, _, currency = text_of(value).rpartition(" ")
        money = parse_money(amount.replace(" ", ""), currency) if match else None
        if match and money is not None:
            found.append(Balance(match[1], currency, money.decimal))
    return tuple(found)


def _refused(code: str, message: str) -> Refused:
    failure = _REFUSALS.get(code, FailureCode.PROVIDER_REJECTED)
    return Refused(Failure(failure, code, message or None), elsewhere=True)


def _code(answer: Mapping[str, object]) -> str | None:
    """Give response_code as text, also where it is a number as an HTTP status is."""
    code = answer.get("response_code")
    return str(code) if isinstance(code, int) and not isinstance(code, bool) else code_of(answer)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
