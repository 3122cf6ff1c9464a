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
from afriflow.providers.paydunya.fields import branch_of, code_of, text_of, token_of
from afriflow.providers.paydunya.operators import CURRENCY, SoftPay

# Our keys in custom_data, which confirm and IPN give back and no payer sees.
REFERENCE_KEY = "afriflow_reference"
TRANSACTION_KEY = "afriflow_transaction"

# Orange Senegal's url carries its QR picture and has about 2 kB.
_URL_CHARACTERS_MAX = 16_384
# Nothing that browsers and urlsplit read differently: no user part, no backslash, no space.
_LINK = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?([/?#][!#-;=?-\[\]_a-z~]*)?")
_PAYER_NAME_UNKNOWN = "Client"
_USSD = re.compile(r"[*#][0-9][0-9*]{1,20}#")
_TRANSACTION_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")

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


def invoice_of(order: Order, channel: str | None, callback_url: str) -> bytes:
    """Write the order as an invoice that offers one channel only.

    channel: None where no source names a slug; then nobody may be sent to the invoice's page, which offers all.
    """
    customer = {"name": order.customer_name, "email": order.customer_email, "phone": _phone(order)}
    invoice: dict[str, object] = {
        "total_amount": order.money.amount_minor,  # XOF has no minor unit: 5000 is 5 000 F CFA
        "description": order.description or order.merchant_name,
        "customer": {name: value for name, value in customer.items() if value},
    }
    if channel is not None:
        invoice["channels"] = [channel]
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


def code_after_of(order: Order, code: str, transaction_id: str) -> bytes:
    """Write Wizall's second step, the code that the payer got after the first.

    https://developers.paydunya.com/doc/FR/softpay, "API WIZALL CONFIRM", read 2026-10.
    """
    return _json(
        {"authorization_code": code, "phone_number": _phone(order), "transaction_id": transaction_id}
    )


def read_created(reply: Reply, mode: Mode) -> Created | Refused | Unclear:
    """Read the answer to creating an invoice: success is 2xx and "00" and a token, errors are HTTP 200 too."""
    answer = reply.json_object()
    if answer is None or not 200 <= reply.status < 300:
        return Unclear(f"create answered HTTP {reply.status} and nothing documented")
    code = code_of(answer)
    token, url = answer.get("token"), answer.get("response_text")
    if code == "00":
        usable = token_of(token)
        if usable is not None and isinstance(url, str) and _is_page(url, mode):
            return Created(usable, url)
        return Unclear("create answered success without a usable token and page", alert=True)
    if code is None or token:
        return Unclear("create answered in an undocumented form", alert=True)
    failure = _REFUSALS_OF_CREATE.get(code, FailureCode.PROVIDER_REJECTED)
    return Refused(Failure(failure, code, text_of(url)), elsewhere=True)


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
    message = next((text for text in map(text_of, texts) if text), "")
    if code_of(answer) == _KEYS_REFUSED:
        return Refused(Failure(FailureCode.PROVIDER_REJECTED, _KEYS_REFUSED, message), elsewhere=True)
    for words, code, elsewhere in _REFUSED_BEFORE_PROCESSING:
        if words in message.lower():
            return Refused(Failure(code, str(reply.status), message), elsewhere=elsewhere)
    return Unclear(f"SoftPay answered HTTP {reply.status}: {message}")


def read_confirm(reply: Reply, token: str, mode: Mode, *, expired: bool, currency: str = CURRENCY) -> Word:
    """Read how an invoice stands.

    expired: whether it is old enough for PayDunya to have cancelled it by itself. currency: what was asked in; no
    answer names one.
    """
    answer = reply.json_object()
    if answer is None or not 200 <= reply.status < 300:
        return Unclear(f"confirm answered HTTP {reply.status} and nothing documented")
    code = code_of(answer)
    if code == _NOT_FOUND:
        return Missing()
    if code != "00":
        return Unclear(f"confirm answered {code}: {text_of(answer.get('response_text'))}", alert=True)
    if token_in(answer) not in {None, token}:
        return Unclear("confirm answered about another invoice", alert=True)
    if "mode" in answer and answer["mode"] != mode.value:
        return Unclear(f"the invoice is of mode {text_of(answer['mode'])}", alert=True)
    return word_of(answer, expired=expired, currency=currency)


def word_of(content: Mapping[str, object], *, expired: bool, currency: str = CURRENCY) -> Word:
    """Read the content that confirm and IPN share."""
    status = text_of(content.get("status")).lower()
    match status:
        case "pending":
            return Pending()
        case "completed":
            return _success(content, currency)
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
    return token_of(branch_of(content, "invoice").get("token", content.get("token")))


def reference_in(content: Mapping[str, object]) -> str | None:
    """Give our own id of the attempt, as it came back."""
    return text_of(branch_of(content, "custom_data").get(REFERENCE_KEY)) or None


def is_expired(created_at: datetime, now: datetime, after_hours: int) -> bool:
    return (now - created_at).total_seconds() >= after_hours * 3600


def _success(content: Mapping[str, object], currency: str) -> Succeeded:
    """Read what was paid. In live mode total_amount may hold fees that the payer bears, then a second field has none."""
    invoice = branch_of(content, "invoice")
    net = invoice.get("total_amount_without_fees")
    paid = parse_money(invoice.get("total_amount") if net is None or net == "" else net, currency)
    operator_reference = text_of(content.get("provider_reference")) or text_of(
        content.get("receipt_identifier")
    )
    return Succeeded(paid, reference_in(content), operator_reference or None)


def _charge(answer: Mapping[str, object], softpay: SoftPay, mode: Mode) -> Pending | Unclear:
    url = answer.get("url")
    if url is None or url == "":
        return _without_page(answer, softpay)
    # Orange gives a page of PayDunya's with a QR code in it, and the address that this code holds beside it. Its
    # om_url is a Firebase link of a service that was shut down in 2025-08, so Max It's is the one to scan.
    scanned = branch_of(answer, "other_url").get("maxit_url") or url
    if not _is_link(url, mode) or not _is_link(scanned, mode):
        return Unclear("SoftPay gave an address that nobody should open", alert=True)
    return Pending(NextAction(ActionType.REDIRECT, url=str(url), payload=str(scanned)))


def _without_page(answer: Mapping[str, object], softpay: SoftPay) -> Pending | Unclear:
    match softpay.flow:
        case "push" if softpay.ussd:
            # The text is for the payer and names the code, should it ever change.
            named = _USSD.search(text_of(answer.get("message")))
            return Pending(NextAction(ActionType.DIAL_USSD, code=named[0] if named else softpay.ussd))
        case "push":
            return Pending(NextAction(ActionType.APPROVE_ON_PHONE))
        case "code_after":
            transaction_id = text_of(branch_of(answer, "data").get("TransactionID"))
            if not _TRANSACTION_ID.fullmatch(transaction_id):
                return Unclear("SoftPay sent a code and named no transaction for it", alert=True)
            return Pending(NextAction(ActionType.ENTER_OTP, payload=transaction_id))
        case "redirect":
            return Unclear("SoftPay named no address to open", alert=True)
        case (
            _
        ):  # the payer has done it all: gave a code before, or typed the PIN while the call was held open
            return Pending()


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


def _reason(content: Mapping[str, object]) -> str:
    return text_of(content.get("fail_reason")) or text_of(branch_of(content, "errors").get("message"))


def _phone(order: Order) -> str:
    return order.method.msisdn.national if order.method.msisdn else ""


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
