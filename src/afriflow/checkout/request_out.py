"""What may be asked for when money goes out, and every reason why it is refused."""

from dataclasses import dataclass, replace
from typing import Annotated

import msgspec
from msgspec import Meta

from afriflow.checkout.request import (
    MethodInput,
    Short,
    Text,
    check_metadata,
    check_money,
    check_plain,
    read_method_input,
)
from afriflow.core.errors import FieldError, InvalidRequest
from afriflow.core.method import MethodType, PaymentMethod
from afriflow.core.money import Money
from afriflow.core.operator import countries
from afriflow.core.transaction import Mode

Metadata = dict[Annotated[str, Meta(max_length=40)], str | int | bool | None]


class RefundRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/refunds. amount: minor units; absent = all that is left."""

    transaction: Short
    amount: int | None = None
    reason: Text | None = None
    metadata: Metadata = msgspec.field(default_factory=dict[str, str | int | bool | None])


class RecipientInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets the money. phone: stands in when the payment method names none."""

    name: Text | None = None
    phone: Annotated[str, Meta(max_length=32)] | None = None


class PayoutRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/payouts. amount: minor units. reference: the merchant's, unique."""

    amount: int
    currency: Short
    country: Short
    reference: Annotated[str, Meta(min_length=1, max_length=100)]
    payment_method: MethodInput
    recipient: RecipientInput = RecipientInput()
    description: Text | None = None
    metadata: Metadata = msgspec.field(default_factory=dict[str, str | int | bool | None])
    locale: Short | None = None


class BatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/payouts/batches."""

    payouts: list[PayoutRequest]


@dataclass(frozen=True, slots=True)
class WantedPayout:
    """A payout that makes sense."""

    request: PayoutRequest
    money: Money
    method: PaymentMethod
    language: str


def read_payout(request: PayoutRequest, mode: Mode, merchant_language: str) -> WantedPayout:
    """Check what types cannot say. Raises InvalidRequest with everything that is wrong at once."""
    errors: list[FieldError] = []
    country = countries().get(request.country)
    if country is None:
        errors.append(FieldError("/country", "unknown_country", {"value": request.country[:20]}))
    check_money(request.amount, request.currency, country, errors)
    texts = {"/reference": request.reference, "/description": request.description}
    check_plain({**texts, "/recipient/name": request.recipient.name}, errors)
    check_metadata(request.metadata, errors)
    if request.locale not in {None, "fr", "en"}:
        errors.append(FieldError("/locale", "unknown_locale"))
    method = None
    if request.payment_method.type is not MethodType.MOBILE_MONEY:
        errors.append(FieldError("/payment_method/type", "invalid_value", {"reason": "mobile_money"}))
    elif country is not None:
        fallback = request.recipient.phone
        method = read_method_input(request.payment_method, country, mode, fallback, "/payment_method", errors)
    if errors or method is None:
        raise InvalidRequest(errors)
    return WantedPayout(
        request, Money(request.amount, request.currency), method, request.locale or merchant_language
    )


def read_batch(
    request: BatchRequest, mode: Mode, merchant_language: str, payouts_max: int
) -> list[WantedPayout]:
    """Check every payout of a batch. Raises InvalidRequest with everything that is wrong in any of them."""
    if not 1 <= len(request.payouts) <= payouts_max:
        raise InvalidRequest([FieldError("/payouts", "batch_size", {"limit": payouts_max})])
    wanted: list[WantedPayout] = []
    errors: list[FieldError] = []
    seen: set[str] = set()
    for place, item in enumerate(request.payouts):
        try:
            wanted.append(read_payout(item, mode, merchant_language))
        except InvalidRequest as invalid:
            errors += [replace(error, pointer=f"/payouts/{place}{error.pointer}") for error in invalid.errors]
        if item.reference in seen:
            errors.append(FieldError(f"/payouts/{place}/reference", "reference_twice"))
        seen.add(item.reference)
    if errors:
        raise InvalidRequest(errors)
    return wanted


def read_refund(request: RefundRequest) -> RefundRequest:
    """Check what types cannot say. Raises InvalidRequest."""
    errors: list[FieldError] = []
    if request.amount is not None and request.amount < 1:
        errors.append(FieldError("/amount", "amount_not_positive"))
    check_plain({"/reason": request.reason, "/transaction": request.transaction}, errors)
    check_metadata(request.metadata, errors)
    if errors:
        raise InvalidRequest(errors)
    return request
