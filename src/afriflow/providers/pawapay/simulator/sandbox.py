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

# What payers read who are not told otherwise: "the company name, trimmed".
COMPANY = "AfriFlow Demo"
STUCK = "STUCK"
COMPLETED = "COMPLETED"


@dataclass(frozen=True, slots=True)
class Rail:
    """One of pawaPay's providers. currencies: to "NONE" or "TWO_PLACES". numbers: to what becomes of a deposit."""

    provider: str
    display_name: str
    country: str
    prefix: str
    auth_type: str
    currencies: Mapping[str, str]
    prefixes: tuple[str, ...]
    limits: tuple[str, str]
    numbers: Mapping[str, str]

    def outcome_of(self, phone_number: str) -> str | None:
        """Give what a magic number does; None for a number of a person.

        Benin's magic numbers are the 8-digit ones of before 2024; the same with 01 in front are taken for them.
        """
        short = re.sub(r"^22901(?=\d{8}$)", "229", phone_number)
        return self.numbers.get(phone_number) or self.numbers.get(short)


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
        )
        for row in _table()["providers"]
    }


def country_names() -> Mapping[str, Mapping[str, str]]:
    return _table()["countries"]


@cache
def _table() -> dict[str, Any]:
    home = files("afriflow.providers.pawapay.simulator")
    return json.loads(home.joinpath("sandbox.json").read_text("utf-8"))
