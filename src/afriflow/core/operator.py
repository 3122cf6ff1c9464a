"""Who runs the wallets: countries, their operators, and which operator a phone number most likely has.

The table `operators.json` holds public facts (numbering plans of libphonenumber 9.0, operators' own names).
A prefix is a hint and never a wall: numbers are ported, and Wave or Djamo have no prefix at all.
"""

import json
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from afriflow.core.msisdn import Msisdn


@dataclass(frozen=True, slots=True)
class Operator:
    """One wallet in one country.

    id: ours, for instance "orange_sn". wallet: the name people know. rank: 1 = most used there, None = unknown.
    flow: how its payers usually authorise. ussd, otp_ussd: codes to dial, None where unknown.
    """

    id: str
    country: str
    wallet: str
    rank: int | None
    prefixes: tuple[str, ...]
    flow: str
    ussd: str | None
    otp_ussd: str | None


@dataclass(frozen=True, slots=True)
class Country:
    """A country of payment; codes after ISO 3166-1, currencies after ISO 4217, the usual one first."""

    alpha2: str
    alpha3: str
    name_en: str
    name_fr: str
    calling_code: str
    currencies: tuple[str, ...]
    operators: tuple[Operator, ...]

    def name(self, language: str) -> str:
        """Name it as a reader does."""
        return self.name_fr if language == "fr" else self.name_en


def country_name(alpha2: str, language: str) -> str:
    """Name a country; one that is not in the table goes by its code."""
    country = countries().get(alpha2)
    return country.name(language) if country else alpha2


def in_order(name: str) -> str:
    """Give what names are sorted by: letters with accents stand beside those without."""
    return unicodedata.normalize("NFKD", name)


@cache
def countries() -> dict[str, Country]:
    """Give all known countries by alpha-2 code."""
    table = json.loads(files("afriflow.core").joinpath("operators.json").read_text("utf-8"))
    return {row["alpha2"]: _country(row) for row in table["countries"]}


@cache
def operators() -> dict[str, Operator]:
    """Give all known operators by our id."""
    return {operator.id: operator for country in countries().values() for operator in country.operators}


def predict_operator(msisdn: Msisdn) -> Operator | None:
    """Guess the operator from the longest matching prefix; None when no prefix speaks."""
    country = countries().get(msisdn.country)
    best: tuple[int, Operator] | None = None
    for operator in country.operators if country else ():
        for prefix in operator.prefixes:
            if msisdn.digits.startswith(prefix) and (best is None or len(prefix) > best[0]):
                best = (len(prefix), operator)
    return best[1] if best else None


def _country(row: dict[str, Any]) -> Country:
    return Country(
        alpha2=row["alpha2"],
        alpha3=row["alpha3"],
        name_en=row["name_en"],
        name_fr=row["name_fr"],
        calling_code=row["calling_code"],
        currencies=tuple(row["currencies"]),
        operators=tuple(
            Operator(
                id=item["id"],
                country=row["alpha2"],
                wallet=item["wallet"],
                rank=item["rank"],
                prefixes=tuple(item["prefixes"]),
                flow=item["flow"],
                ussd=item["ussd"],
                otp_ussd=item["otp_ussd"],
            )
            for item in row["operators"]
        ),
    )
