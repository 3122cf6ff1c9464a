"""The dashboard's payout form, read as a request of the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from afriflow.checkout.request_out import PayoutRequest, WantedPayout, read_payout
from afriflow.core.errors import FieldError, InvalidRequest, Refusal
from afriflow.core.language import say
from afriflow.core.money import read_amount
from afriflow.web.auth import Who
from afriflow.web.dashboard import sentence_of
from afriflow.web.strict import convert


@dataclass(frozen=True, slots=True)
class Ordered:
    """The form as a person filled it in. order: its name. wrong: sentences by field. refused: why, of the whole."""

    order: str
    form: Mapping[str, str]
    wrong: Mapping[str, str]
    refused: str = ""


def refused_order(order: str, form: Mapping[str, str], refusal: Refusal, language: str) -> Ordered:
    """Say at which fields something is wrong, or why it was refused as a whole."""
    if not isinstance(refusal, InvalidRequest):
        return Ordered(order, form, {}, sentence_of(refusal, language))
    wrong = {
        fault.pointer.rpartition("/")[2]: say(f"field.{fault.code}", language, **fault.facts)
        for fault in refusal.errors
    }
    return Ordered(order, form, wrong)


def read_payout_form(form: Mapping[str, str], caller: Who) -> WantedPayout:
    """Read the form as a request of the API, which judges it. Raises InvalidRequest."""
    country, _, currency = form.get("place", "").partition(" ")
    money = read_amount(form.get("amount", ""), currency)
    if money is None:
        raise InvalidRequest([FieldError("/amount", "not_an_amount", {"currency": currency})])
    said: dict[str, Any] = {
        "amount": money.amount_minor,
        "currency": currency,
        "country": country,
        "reference": form.get("reference", ""),
        "payment_method": {
            "type": "mobile_money",
            "phone": form.get("phone", ""),
            "operator": form.get("operator") or None,
        },
        "recipient": {"name": form.get("name") or None},
        "description": form.get("description") or None,
    }
    return read_payout(convert(said, PayoutRequest), caller.mode, caller.language)
