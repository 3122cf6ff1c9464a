"""What an amount is: an integer of minor units and a currency, never a float, never rounded."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

# ISO 4217 minor units of the currencies that the operators we know work in.
EXPONENTS = {
    "BIF": 0, "BWP": 2, "CDF": 2, "ETB": 2, "EUR": 2, "GHS": 2, "GMD": 2, "GNF": 0, "KES": 2, "LRD": 2,
    "LSL": 2, "MGA": 2, "MWK": 2, "MZN": 2, "NGN": 2, "RWF": 0, "SLE": 2, "TZS": 2, "UGX": 0, "USD": 2,
    "XAF": 0, "XOF": 0, "ZAR": 2, "ZMW": 2, "ZWG": 2,
}  # fmt: skip

# Larger than any wallet allows, small enough that sums of a whole country fit in 64 bits.
AMOUNT_MINOR_MAX = 1_000_000_000_000

# Around the digits: a currency's name or sign.
_WRITTEN = re.compile(
    r"[A-Za-z\s]{0,8}(?P<whole>[0-9]{1,3}([\s.,'’][0-9]{3})+|[0-9]{1,18})([.,](?P<decimals>[0-9]{1,2}))?[A-Za-z\s]{0,8}"
)
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,8})?")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount.

    amount_minor: integer in the currency's ISO 4217 minor unit (5000 XOF = 5000, 50.00 GHS = 5000).
    currency: ISO 4217 code in capitals.
    """

    amount_minor: int
    currency: str

    @property
    def decimal(self) -> Decimal:
        return Decimal(self.amount_minor).scaleb(-EXPONENTS[self.currency])

    def text(self) -> str:
        """Write the amount as a plain decimal without trailing zeros ("15", "10.5"), as pawaPay wants it."""
        text = f"{self.decimal:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    def fits(self, decimals: int) -> bool:
        """Tell whether a party that carries only so many decimals can carry this amount exactly."""
        surplus = EXPONENTS[self.currency] - decimals
        return surplus <= 0 or self.amount_minor % 10**surplus == 0


def read_amount(text: str, currency: str) -> Money | None:
    """Read an amount as people write it ("5 000", "5.000 F CFA", "12,50"); None where it cannot be one.

    Three digits behind a point or comma are thousands, one or two are decimals.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None or currency not in EXPONENTS:
        return None
    whole = re.sub(r"\D", "", found["whole"])
    return parse_money(f"{whole}.{found['decimals'] or 0}", currency)


def parse_money(amount: object, currency: str) -> Money | None:
    """Read a provider's amount ("1000.0000", "50", 50) exactly; None when it is no exact amount of that currency."""
    if currency not in EXPONENTS or isinstance(amount, bool):
        return None
    text = str(amount).strip()
    if isinstance(amount, float):  # JSON numbers arrive as floats; repr gives back the digits that were sent
        text = repr(amount)
    if not _DECIMAL.fullmatch(text):
        return None
    try:
        minor = Decimal(text).scaleb(EXPONENTS[currency])
    except InvalidOperation:
        return None
    return Money(int(minor), currency) if minor == minor.to_integral_value() else None
