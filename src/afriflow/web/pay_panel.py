"""What the payer's panels show beside the payment itself: what can be offered, whose numbers begin how, who paid."""

from collections.abc import Sequence
from typing import Any

from phonenumbers import PhoneMetadata

from afriflow.core.msisdn import read_msisdn, read_sandbox_msisdn
from afriflow.core.operator import Country, countries, predict_operator
from afriflow.core.transaction import AttemptStatus, Mode
from afriflow.db.engine import Record
from afriflow.ledger.method import known_phone
from afriflow.ledger.present import ShownAttempt, Transaction
from afriflow.routing.offer import Offer
from afriflow.web.auth import House, Who


async def phone_of(house: House, row: Record) -> str:
    """Give the number that is known of the payer, or nothing."""
    async with house.database.connection() as connection:
        return await known_phone(connection, house.vault, row) or ""


async def offers_for(house: House, caller: Who, row: Record, phone: str) -> list[Offer]:
    """List what would work now; what is failing would only waste the payer's time."""
    country = countries()[row["country"]]
    read = read_sandbox_msisdn if row["mode"] == Mode.TEST else read_msisdn
    msisdn = read(phone, country.alpha2)
    predicted = predict_operator(msisdn) if msisdn else None
    offers = await house.router.offers(
        caller, country, row["currency"], row["amount_minor"], predicted.id if predicted else None
    )
    return [offer for offer in offers if offer.healthy]


def preselected(offers: Sequence[Offer]) -> str:
    """Choose for the payer only where there is no doubt."""
    sure = [offer for offer in offers if offer.predicted or len(offers) == 1]
    return (sure[0].method.operator or sure[0].method.type.value) if sure else ""


def numbers_of(country: Country) -> dict[str, Any]:
    """Give what a page needs to say whose number it is while it is typed: prefixes without the country's code.

    trunk: what people write before a number at home and not from abroad, as in 024 for +233 24.
    """
    metadata = PhoneMetadata.metadata_for_region(country.alpha2)
    code = country.calling_code
    return {
        "code": code,
        "trunk": (metadata.national_prefix if metadata else None) or "",
        "operators": [
            [operator.id, operator.wallet, [prefix.removeprefix(code) for prefix in operator.prefixes]]
            for operator in country.operators
            if operator.prefixes
        ],
    }


def ussd_of(shown: Transaction) -> str | None:
    """Give the operator's own menu, where a payer finds a prompt that was missed."""
    operator = shown.payment_method.operator if shown.payment_method else None
    known = {item.id: item.ussd for item in countries()[shown.country].operators}
    return known.get(operator or "")


def paid_attempt(shown: Transaction) -> ShownAttempt | None:
    """Give the attempt that brought the money."""
    return next((item for item in shown.attempts if item.status == AttemptStatus.SUCCEEDED), None)
