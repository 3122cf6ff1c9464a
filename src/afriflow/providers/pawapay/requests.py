"""Our orders in pawaPay's JSON: pure, with the documented fields and no other, since it refuses what it does not expect.

docs.pawapay.io/v2/api-reference: initiate-deposit, payment-page, initiate-payout, initiate-refund.
"""

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

from afriflow.core.method import PaymentMethod
from afriflow.core.money import Money
from afriflow.core.operator import countries
from afriflow.port.money_out import PayoutOrder, RefundOrder
from afriflow.port.provider import Order
from afriflow.providers.pawapay.config import PawaPayConfig
from afriflow.providers.pawapay.tables import Provider

_MESSAGE_LENGTH = range(4, 23)
_REASON_LENGTH_MAX = 50


def deposit_body(order: Order, provider: Provider, config: PawaPayConfig) -> bytes:
    body = {
        "depositId": order.reference,
        **_amount(order.money),
        "payer": _wallet(order.method, provider, config),
        "metadata": [{"transaction": order.transaction_id}],
        **_message(config.customer_message or customer_message(order.merchant_name)),
    }
    if order.otp is not None and provider.auth_type == "PREAUTH":
        body["preAuthorisationCode"] = order.otp.reveal()
    if provider.is_redirect:
        # Required here, and an unsupported parameter anywhere else (docs.pawapay.io/v2/docs/deposits).
        body |= {"successfulUrl": order.return_url, "failedUrl": order.cancel_url}
    return _written(body)


def page_body(order: Order, config: PawaPayConfig) -> bytes:
    """Write a deposit that begins when the payer presses a button on pawaPay's page, and not before."""
    reason = " ".join((order.description or order.merchant_name).split())[:_REASON_LENGTH_MAX].strip()
    return _written(
        {
            "depositId": order.reference,
            "returnUrl": order.return_url,
            "amountDetails": _amount(order.money),
            "country": countries()[order.method.country].alpha3,
            "phoneNumber": phone_number(order.method, config),
            "language": "FR" if order.language == "fr" else "EN",
            "metadata": [{"transaction": order.transaction_id}],
            **({"reason": reason} if reason else {}),
            **_message(config.customer_message or customer_message(order.merchant_name)),
        }
    )


def payout_body(order: PayoutOrder, provider: Provider, config: PawaPayConfig) -> bytes:
    return _written(_payout(order, provider, config))


def payouts_body(orders: Sequence[tuple[PayoutOrder, Provider]], config: PawaPayConfig) -> bytes:
    """Write many payouts as one request: an array of what single ones are."""
    return _written([_payout(order, provider, config) for order, provider in orders])


def refund_body(order: RefundOrder) -> bytes:
    """Write a refund, always with its amount: the guide leaves it out of a full refund, the reference demands it."""
    return _written(
        {
            "refundId": order.reference,
            "depositId": order.payment_reference,
            **_amount(order.money),
            "metadata": [{"refund": order.refund_id}],
        }
    )


def customer_message(name: str) -> str | None:
    """Write a name in 4 to 22 unaccented letters, digits and blanks; None when too little is left of it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = "".join(character if character.isalnum() else " " for character in plain.replace("'", "")).split()
    text = " ".join(words)[: _MESSAGE_LENGTH[-1]].strip()
    return text if len(text) in _MESSAGE_LENGTH else None


def phone_number(method: PaymentMethod, config: PawaPayConfig) -> str:
    """Write a number as pawaPay wants it: country code first, digits only; Benin's 01 only where it is known."""
    digits = method.msisdn.digits if method.msisdn else ""
    if config.sends_short_numbers_of_benin and len(digits) == 13 and digits.startswith("22901"):
        return f"229{digits[5:]}"
    return digits


def _payout(order: PayoutOrder, provider: Provider, config: PawaPayConfig) -> dict[str, Any]:
    message = customer_message(order.description or "") or config.customer_message
    return {
        "payoutId": order.reference,
        **_amount(order.money),
        "recipient": _wallet(order.method, provider, config),
        "metadata": [{"payout": order.payout_id}],
        **_message(message or customer_message(order.merchant_name)),
    }


def _amount(money: Money) -> dict[str, Any]:
    return {"amount": money.text(), "currency": money.currency}


def _wallet(method: PaymentMethod, provider: Provider, config: PawaPayConfig) -> dict[str, Any]:
    account = {"phoneNumber": phone_number(method, config), "provider": provider.provider}
    return {"type": "MMO", "accountDetails": account}


def _message(text: str | None) -> dict[str, str]:
    return {"customerMessage": text} if text else {}


def _written(body: object) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
