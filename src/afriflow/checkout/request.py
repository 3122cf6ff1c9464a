"""What may be asked for: the types of a checkout, and every reason why one is refused.

Used by the API, the hosted page and the documentation; the page sends the same request a server would.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from afriflow.core.errors import FieldError, InvalidRequest
from afriflow.core.method import MethodType, PaymentMethod
from afriflow.core.money import AMOUNT_MINOR_MAX, EXPONENTS, Money
from afriflow.core.msisdn import Msisdn, read_msisdn, read_sandbox_msisdn
from afriflow.core.operator import Country, countries, operators, predict_operator
from afriflow.core.transaction import Mode

METADATA_ENTRIES_MAX = 50
METADATA_CHARACTERS_MAX = 500
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,190}\.[^@\s.\x00-\x1f\x7f]{1,63}")
_OTP = re.compile(r"[A-Za-z0-9]{1,36}")

Text = Annotated[str, Meta(max_length=200)]
Short = Annotated[str, Meta(max_length=100)]
Url = Annotated[str, Meta(max_length=2000)]


class CustomerInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who pays, as far as the merchant says."""

    name: Text | None = None
    email: Annotated[str, Meta(max_length=254)] | None = None
    phone: Annotated[str, Meta(max_length=32)] | None = None


class MethodInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the payer pays with. operator: ours, for instance "orange_sn"; predicted from the phone when absent."""

    type: MethodType = MethodType.MOBILE_MONEY
    operator: Short | None = None
    phone: Annotated[str, Meta(max_length=32)] | None = None
    otp: Annotated[str, Meta(max_length=36)] | None = None


class CheckoutRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/checkout. amount: integer in the currency's minor unit. expires_in: seconds."""

    amount: int
    currency: Short
    country: Short
    reference: Annotated[str, Meta(min_length=1, max_length=100)]
    description: Text | None = None
    customer: CustomerInput = CustomerInput()
    payment_method: MethodInput | None = None
    return_url: Url | None = None
    cancel_url: Url | None = None
    metadata: dict[Annotated[str, Meta(max_length=40)], str | int | bool | None] = msgspec.field(
        default_factory=dict[str, str | int | bool | None]
    )
    expires_in: int | None = None
    locale: Short | None = None


class ConfirmRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/transactions/{id}/confirm: what the payer was asked for."""

    otp: Annotated[str, Meta(max_length=36)] | None = None
    payment_method: MethodInput | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that are settings."""

    session_seconds: int
    session_seconds_min: int
    session_seconds_max: int


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout that makes sense: what the request says, read and checked."""

    request: CheckoutRequest
    money: Money
    country: Country
    method: PaymentMethod | None
    otp: str | None
    customer_phone: Msisdn | None
    language: str
    session_seconds: int


def read_checkout(request: CheckoutRequest, mode: Mode, merchant_language: str, limits: Limits) -> Checkout:
    """Check what types cannot say. Raises InvalidRequest with everything that is wrong at once."""
    errors: list[FieldError] = []
    country = countries().get(request.country)
    if country is None:
        errors.append(FieldError("/country", "unknown_country", {"value": request.country[:20]}))
    check_money(request.amount, request.currency, country, errors)
    _check_texts(request, mode, errors)
    seconds = request.expires_in if request.expires_in is not None else limits.session_seconds
    if not limits.session_seconds_min <= seconds <= limits.session_seconds_max:
        bounds = {"minimum": limits.session_seconds_min, "maximum": limits.session_seconds_max}
        errors.append(FieldError("/expires_in", "expires_in_out_of_bounds", bounds))
    if request.locale not in {None, "fr", "en"}:
        errors.append(FieldError("/locale", "unknown_locale"))
    method, phone = None, None
    if country is not None:
        if request.customer.phone:
            phone = _phone(request.customer.phone, country, mode)
            if phone is None:
                errors.append(FieldError("/customer/phone", "invalid_phone", {"country": country.alpha2}))
        if request.payment_method is not None:
            fallback = request.customer.phone
            method = read_method_input(
                request.payment_method, country, mode, fallback, "/payment_method", errors
            )
    if errors or country is None:
        raise InvalidRequest(errors)
    return Checkout(
        request=request,
        money=Money(request.amount, request.currency),
        country=country,
        method=method,
        otp=request.payment_method.otp if request.payment_method else None,
        customer_phone=phone,
        language=request.locale or merchant_language,
        session_seconds=seconds,
    )


def read_method(given: MethodInput, country: str, mode: Mode, fallback_phone: str | None) -> PaymentMethod:
    """Read a payment method chosen later, on the page or by confirm. Raises InvalidRequest."""
    errors: list[FieldError] = []
    method = read_method_input(given, countries()[country], mode, fallback_phone, "/payment_method", errors)
    if method is None or errors:
        raise InvalidRequest(errors)
    return method


def check_otp(otp: str | None, pointer: str) -> None:
    """Refuse a code that cannot be one. Raises InvalidRequest."""
    if otp is not None and not _OTP.fullmatch(otp):
        raise InvalidRequest([FieldError(pointer, "invalid_otp")])


def check_url(url: str, mode: Mode, pointer: str) -> FieldError | None:
    """Judge an address that we send people or messages to; None when it will do."""
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return FieldError(pointer, "invalid_url")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or not port_is_fine:
        return FieldError(pointer, "invalid_url")
    if re.search(r"[\s\\<>\"^`{|}]", url) or _CONTROL.search(url):
        return FieldError(pointer, "invalid_url")
    if mode is Mode.LIVE and parts.scheme != "https":
        return FieldError(pointer, "url_not_allowed")
    return None


def check_money(amount: int, currency: str, country: Country | None, errors: list[FieldError]) -> None:
    """Judge an amount in minor units and its currency in a country."""
    if amount < 1:
        errors.append(FieldError("/amount", "amount_not_positive"))
    if amount > AMOUNT_MINOR_MAX:
        errors.append(FieldError("/amount", "amount_too_large", {"limit": AMOUNT_MINOR_MAX}))
    if currency not in EXPONENTS:
        errors.append(FieldError("/currency", "unknown_currency", {"value": currency[:20]}))
    elif country is not None and currency not in country.currencies:
        facts = {"country": country.alpha2, "currency": currency, "expected": ", ".join(country.currencies)}
        errors.append(FieldError("/currency", "currency_not_of_country", facts))


def check_plain(texts: Mapping[str, str | None], errors: list[FieldError]) -> None:
    """Refuse control characters; texts by pointer."""
    errors += [
        FieldError(pointer, "invalid_text")
        for pointer, text in texts.items()
        if text and _CONTROL.search(text)
    ]


def check_metadata(metadata: Mapping[str, object], errors: list[FieldError]) -> None:
    """Bound what merchants may leave with us."""
    values = [value for value in metadata.values() if isinstance(value, str)]
    too_long = any(len(value) > METADATA_CHARACTERS_MAX for value in values)
    if len(metadata) > METADATA_ENTRIES_MAX or too_long:
        errors.append(FieldError("/metadata", "metadata_too_large", {"limit": METADATA_ENTRIES_MAX}))
    if any("\x00" in text for text in (*metadata, *values)):
        errors.append(FieldError("/metadata", "invalid_text"))


def _check_texts(request: CheckoutRequest, mode: Mode, errors: list[FieldError]) -> None:
    texts = {
        "/reference": request.reference,
        "/description": request.description,
        "/customer/name": request.customer.name,
    }
    check_plain(texts, errors)
    check_metadata(request.metadata, errors)
    if request.customer.email is not None and not _EMAIL.fullmatch(request.customer.email):
        errors.append(FieldError("/customer/email", "invalid_email"))
    for pointer, url in (("/return_url", request.return_url), ("/cancel_url", request.cancel_url)):
        if url is not None and (error := check_url(url, mode, pointer)):
            errors.append(error)


def read_method_input(
    given: MethodInput,
    country: Country,
    mode: Mode,
    fallback_phone: str | None,
    pointer: str,
    errors: list[FieldError],
) -> PaymentMethod | None:
    if given.type is MethodType.CARD:
        if given.operator or given.phone or given.otp:
            errors.append(FieldError(pointer, "unexpected_operator"))
        return PaymentMethod(MethodType.CARD, country.alpha2)
    if given.otp is not None and not _OTP.fullmatch(given.otp):
        errors.append(FieldError(f"{pointer}/otp", "invalid_otp"))
    text = given.phone or fallback_phone
    if not text:
        errors.append(FieldError(f"{pointer}/phone", "phone_missing"))
        return None
    phone = _phone(text, country, mode)
    if phone is None:
        errors.append(FieldError(f"{pointer}/phone", "invalid_phone", {"country": country.alpha2}))
        return None
    known = ", ".join(operator.id for operator in country.operators)
    if given.operator is None:
        predicted = predict_operator(phone)
        if predicted is None:
            errors.append(FieldError(f"{pointer}/operator", "operator_missing", {"known": known}))
            return None
        return PaymentMethod(MethodType.MOBILE_MONEY, country.alpha2, predicted.id, phone)
    operator = operators().get(given.operator)
    if operator is None or operator.country != country.alpha2:
        facts = {"value": given.operator[:40], "country": country.alpha2, "known": known}
        errors.append(FieldError(f"{pointer}/operator", "unknown_operator", facts))
        return None
    return PaymentMethod(MethodType.MOBILE_MONEY, country.alpha2, operator.id, phone)


def _phone(text: str, country: Country, mode: Mode) -> Msisdn | None:
    read = read_sandbox_msisdn if mode is Mode.TEST else read_msisdn
    return read(text, country.alpha2)
