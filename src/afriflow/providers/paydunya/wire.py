"""How our order becomes PayDunya's fields, and what each of PayDunya's words is as evidence.

Sources: https://developers.paydunya.com/doc/FR/http_json and /doc/FR/softpay (read 2026-10), the official clients, and
where these are silent what integrators report; `fixtures/` holds the examples. A word that stands nowhere is
`Unclear` and calls a person, never a failure.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from urllib.parse import urlsplit

from afriflow.core.evidence import Failed, Missing, Pending, Refused, Succeeded, Unclear, Word
from afriflow.core.method import ActionType, Failure, FailureCode, NextAction
from afriflow.core.money import parse_money
from afriflow.core.transaction import Mode
from afriflow.port.http import Reply
from afriflow.port.provider import Order
from afriflow.providers.paydunya.operators import CURRENCY, SoftPay

# Our keys in custom_data, which confirm and IPN give back and no payer sees.
REFERENCE_KEY = "afriflow_reference"
TRANSACTION_KEY = "afriflow_transaction"

# Live tokens have 20 or 21 letters and digits, sandbox ones "test_" and 10; it becomes part of an address.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}")
# Orange Senegal's url carries its QR picture and has about 2 kB.
_URL_CHARACTERS_MAX = 16_384
# Nothing that browsers and urlsplit read differently: no user part, no backslash, no space.
_LINK = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?([/?#][!#-;=?-\[\]_a-z~]*)?")
_TEXT_CHARACTERS_MAX = 300
_PAYER_NAME_UNKNOWN = "Client"

# SoftPay's texts that say: refused before anything was asked of the operator. Reported by integrators, no official
# list exists; whatever is not here may have reached the operator. Last: may another provider do better?
_REFUSED_BEFORE_PROCESSING = (
    ("votre requete est malformée", FailureCode.PROVIDER_REJECTED, True),
    ("vous devez fournir un numéro valide", FailureCode.INVALID_PHONE, False),
    ("invalid or expired otp code", FailureCode.INVALID_OTP, False),
)
# The gateway's own refusal: keys, KYC or contract (the same code on every endpoint).
_KEYS_REFUSED = "1001"
_REFUSALS_OF_CREATE = {"4003": FailureCode.AMOUNT_OUT_OF_BOUNDS}
_NOT_FOUND = "4004"
# fail_reason and errors are free text of banks, documented for cards only: words that decide what a payer is told.
_FAILURE_WORDS = (
    (r"insuffisant|insufficient", FailureCode.INSUFFICIENT_FUNDS),
    (r"plafond|limit", FailureCode.PAYER_LIMIT_REACHED),
    (r"d[ée]lai|expir|time.?out", FailureCode.PAYER_TIMEOUT),
    (r"annul|cancel|refus|declin", FailureCode.PAYER_DECLINED),
)


@dataclass(frozen=True, slots=True)
class Created:
    """An invoice that can be paid: its token, and the page where whoever opens it can pay."""

    token: str
    url: str


def invoice_of(order: Order, channel: str, callback_url: str) -> bytes:
    """Write the order as an invoice that offers one channel only."""
    customer = {"name": order.customer_name, "email": order.customer_email, "phone": _phone(order)}
    invoice = {
        "total_amount": order.money.amount_minor,  # XOF has no minor unit: 5000 is 5 000 F CFA
        "description": order.description or order.merchant_name,
        "channels": [channel],
        "customer": {name: value for name, value in customer.items() if value},
    }
    actions = {"callback_url": callback_url, "return_url": order.return_url, "cancel_url": order.cancel_url}
    custom_data = {REFERENCE_KEY: order.reference, TRANSACTION_KEY: order.transaction_id}
    store = {"name": order.merchant_name}
    return _json({"invoice": invoice, "store": store, "custom_data": custom_data, "actions": actions})


def softpay_of(order: Order, softpay: SoftPay, token: str, payer_email: str) -> bytes:
    """Write the charge of an invoice in the fields that this operator's SoftPay wants."""
    fields = {
        softpay.name: order.customer_name or _PAYER_NAME_UNKNOWN,
        softpay.email: order.customer_email or payer_email,
        softpay.phone: _phone(order),
        softpay.token: token,
        **softpay.extra,
    }
    if softpay.otp is not None and order.otp is not None:
        fields[softpay.otp] = order.otp.reveal()
    return _json(fields)


def read_created(reply: Reply, mode: Mode) -> Created | Refused | Unclear:
    """Read the answer to creating an invoice: success is 2xx and "00" and a token, errors are HTTP 200 too."""
    answer = reply.json_object()
    if answer is None or not 200 <= reply.status < 300:
        return Unclear(f"create answered HTTP {reply.status} and nothing documented")
    code = _code(answer)
    token, url = answer.get("token"), answer.get("response_text")
    if code == "00":
        if (
            isinstance(token, str)
            and isinstance(url, str)
            and _TOKEN.fullmatch(token)
            and _is_page(url, mode)
        ):
            return Created(token, url)
        return Unclear("create answered success without a usable token and page", alert=True)
    if code is None or token:
        return Unclear("create answered in an undocumented form", alert=True)
    failure = _REFUSALS_OF_CREATE.get(code, FailureCode.PROVIDER_REJECTED)
    return Refused(Failure(failure, code, _text(url)), elsewhere=True)


def read_softpay(reply: Reply, softpay: SoftPay, mode: Mode) -> Pending | Refused | Unclear:
    """Read the answer to a charge. `success: true` says that it was asked, never that it was paid."""
    answer = reply.json_object()
    if answer is None or reply.status >= 500:
        return Unclear(f"SoftPay answered HTTP {reply.status} and nothing documented")
    if answer.get("success") is True and 200 <= reply.status < 300:
        return _charge(answer, softpay, mode)
    errors = answer.get("errors")
    nested = cast("dict[str, object]", errors).get("message") if isinstance(errors, dict) else None
    texts = (answer.get("message"), nested, answer.get("response_text"))
    message = next((text for text in map(_text, texts) if text), "")
    if _code(answer) == _KEYS_REFUSED:
        return Refused(Failure(FailureCode.PROVIDER_REJECTED, _KEYS_REFUSED, message), elsewhere=True)
    for words, code, elsewhere in _REFUSED_BEFORE_PROCESSING:
        if words in message.lower():
            return Refused(Failure(code, str(reply.status), message), elsewhere=elsewhere)
    return Unclear(f"SoftPay answered HTTP {reply.status}: {message}")


def read_confirm(reply: Reply, token: str, mode: Mode, *, expired: bool) -> Word:
    """Read how an invoice stands.

    expired: whether it is old enough for PayDunya to have cancelled it by itself.
    """
    answer = reply.json_object()
    if answer is None or not 200 <= reply.status < 300:
        return Unclear(f"confirm answered HTTP {reply.status} and nothing documented")
    code = _code(answer)
    if code == _NOT_FOUND:
        return Missing()
    if code != "00":
        return Unclear(f"confirm answered {code}: {_text(answer.get('response_text'))}", alert=True)
    if token_in(answer) not in {None, token}:
        return Unclear("confirm answered about another invoice", alert=True)
    if "mode" in answer and answer["mode"] != mode.value:
        return Unclear(f"the invoice is of mode {_text(answer['mode'])}", alert=True)
    return word_of(answer, expired=expired)


def word_of(content: Mapping[str, object], *, expired: bool) -> Word:
    """Read the content that confirm and IPN share."""
    status = _text(content.get("status")).lower()
    match status:
        case "pending":
            return Pending()
        case "completed":
            return _success(content)
        case "cancelled" | "canceled":  # the second in the JavaScript client's README
            # Both are "cancelled": the payer's button, and PayDunya's clock after about 24 h. Only time tells.
            code = FailureCode.PAYER_TIMEOUT if expired else FailureCode.PAYER_DECLINED
            return Failed(Failure(code, status, _reason(content)))
        case "failed" | "fail":  # the second in the JavaScript client's README
            reason = _reason(content)
            found = (code for words, code in _FAILURE_WORDS if re.search(words, reason.lower()))
            return Failed(Failure(next(found, FailureCode.UNSPECIFIED), status, reason))
        case _:
            return Unclear(f"unknown status {status!r}", alert=True)


def token_in(content: Mapping[str, object]) -> str | None:
    """Give the invoice's token: in `invoice`, or flat as in some notifications."""
    token = _branch(content, "invoice").get("token", content.get("token"))
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else None


def reference_in(content: Mapping[str, object]) -> str | None:
    """Give our own id of the attempt, as it came back."""
    return _text(_branch(content, "custom_data").get(REFERENCE_KEY)) or None


def is_expired(created_at: datetime, now: datetime, after_hours: int) -> bool:
    return (now - created_at).total_seconds() >= after_hours * 3600


def _success(content: Mapping[str, object]) -> Succeeded:
    """Read what was paid. In live mode total_amount may hold fees that the payer bears, then a second field has none."""
    invoice = _branch(content, "invoice")
    net = invoice.get("total_amount_without_fees")
    paid = parse_money(invoice.get("total_amount") if net is None or net == "" else net, CURRENCY)
    operator_reference = _text(content.get("provider_reference")) or _text(content.get("receipt_identifier"))
    return Succeeded(paid, reference_in(content), operator_reference or None)


def _charge(answer: Mapping[str, object], softpay: SoftPay, mode: Mode) -> Pending | Unclear:
    url = answer.get("url")
    if url is None or url == "":
        return Pending(NextAction(ActionType.APPROVE_ON_PHONE) if softpay.flow == "push" else None)
    # Orange gives a page of PayDunya's with a QR code in it, and the address that this code holds beside it. Its
    # om_url is a Firebase link of a service that was shut down in 2025-08, so Max It's is the one to scan.
    scanned = _branch(answer, "other_url").get("maxit_url") or url
    if not _is_link(url, mode) or not _is_link(scanned, mode):
        return Unclear("SoftPay gave an address that nobody should open", alert=True)
    return Pending(NextAction(ActionType.REDIRECT, url=str(url), payload=str(scanned)))


def _is_page(url: str, mode: Mode) -> bool:
    """Tell whether it is PayDunya's: `app.` and the bare domain are both in use. In test mode a simulator is too."""
    if not _is_link(url, mode):
        return False
    host = urlsplit(url).hostname or ""
    return mode is Mode.TEST or host == "paydunya.com" or host.endswith(".paydunya.com")


def _is_link(url: object, mode: Mode) -> bool:
    """Tell whether a payer's browser may be sent there: https, and in test mode http too."""
    if not isinstance(url, str) or len(url) > _URL_CHARACTERS_MAX or not _LINK.fullmatch(url):
        return False
    return mode is Mode.TEST or url.startswith("https://")


def _code(answer: Mapping[str, object]) -> str | None:
    """Give response_code as text; one client guards against a list of one."""
    code = answer.get("response_code")
    if isinstance(code, list):
        listed = cast("list[object]", code)
        code = listed[0] if len(listed) == 1 else None
    return _text(code) if isinstance(code, str) else None


def _branch(content: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Give what stands under a name; PHP writes an empty object as `[]`."""
    value = content.get(name)
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _reason(content: Mapping[str, object]) -> str:
    return _text(content.get("fail_reason")) or _text(_branch(content, "errors").get("message"))


def _text(value: object) -> str:
    """Make text that a database and a page can hold of whatever came: no NUL, no half characters, not endless."""
    if not isinstance(value, str):
        return ""
    whole = value.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    return whole.strip()[:_TEXT_CHARACTERS_MAX]


def _phone(order: Order) -> str:
    return order.method.msisdn.national if order.method.msisdn else ""


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
