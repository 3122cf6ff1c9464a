"""What pawaPay's sandbox knows: its providers, their limits, and the numbers that act by themselves."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

# Limits are set per account; these stand where no documented example names any.
_LIMITS_DEFAULT = ("1", "5000000")

# The shortest number of any country here, with its country code, has ten digits.
_DIGITS_MIN = 10

# What payers read who are not told otherwise: "the company name, trimmed".
COMPANY = "AfriFlow Demo"
STUCK = "STUCK"
COMPLETED = "COMPLETED"


@dataclass(frozen=True, slots=True)
class Rail:
    """One of pawaPay's providers.

    currencies, payout_currencies: to "NONE" or "TWO_PLACES". numbers, payout_numbers: to what becomes of a deposit
    and of a payout. short_code: what payers dial, to call up a missed prompt or to get a code. by_hand: its prompt never
    comes by itself.
    """

    provider: str
    display_name: str
    country: str
    prefix: str
    auth_type: str
    currencies: Mapping[str, str]
    prefixes: tuple[str, ...]
    limits: tuple[str, str]
    numbers: Mapping[str, str]
    payout_currencies: Mapping[str, str]
    payout_numbers: Mapping[str, str]
    short_code: str | None
    by_hand: bool

    def outcome_of(self, phone_number: str, *, payout: bool = False) -> str | None:
        """Give what a magic number does; None for a number of a person.

        Benin's magic numbers are the 8-digit ones of before 2024; the same with 01 in front are taken for them.
        """
        short = re.sub(r"^22901(?=\d{8}$)", "229", phone_number)
        numbers = self.payout_numbers if payout else self.numbers
        return numbers.get(phone_number) or numbers.get(short)


@cache
def rails() -> Mapping[str, Rail]:
    """Give all providers by pawaPay's code."""
    return {
        row["provider"]: Rail(
            provider=row["provider"],
            display_name=row["displayName"],
            country=row["country"],
            prefix=row["prefix"],
            auth_type=row["authType"],
            currencies=row["currencies"],
            prefixes=tuple(row["prefixes"]),
            limits=tuple(row.get("limits", _LIMITS_DEFAULT)),
            numbers=row["numbers"],
            payout_currencies=row.get("payoutCurrencies", row["currencies"]),
            payout_numbers=row["payoutNumbers"],
            short_code=row.get("shortCode"),
            by_hand=row.get("pinPrompt") == "MANUAL",
        )
        for row in _table()["providers"]
    }


def predict(phone_number: str) -> tuple[str, Rail] | None:
    """Guess by the numbering plan whose number this is, however it is written; gives its digits, too."""
    digits = re.sub(r"\D", "", phone_number).lstrip("0")
    best: tuple[int, Rail] | None = None
    for rail in rails().values():
        for prefix in rail.prefixes:
            if digits.startswith(prefix) and (best is None or len(prefix) > best[0]):
                best = (len(prefix), rail)
    return (digits, best[1]) if best is not None and len(digits) >= _DIGITS_MIN else None


def country_names() -> Mapping[str, Mapping[str, str]]:
    return _table()["countries"]


@cache
def _table() -> dict[str, Any]:
    home = files("afriflow.providers.pawapay.simulator")
    return json.loads(home.joinpath("sandbox.json").read_text("utf-8"))
