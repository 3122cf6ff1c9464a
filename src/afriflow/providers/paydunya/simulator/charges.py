"""Which requests SoftPay takes: the documented ones, field by field, with the numbers of each country.

Read from `fixtures/softpay.json`; exactly these field names, no other and none missing.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

# "valide du Togo" is quoted by integrators, "valide de la Côte d'Ivoire" too; the others in the same way.
OF_COUNTRY = {
    "SN": "du Sénégal", "CI": "de la Côte d'Ivoire", "BJ": "du Bénin", "TG": "du Togo", "BF": "du Burkina Faso",
    "ML": "du Mali", "CM": "du Cameroun",
}  # fmt: skip
# National numbers. Benin has ten digits since 2024-11-30, the documents still show eight as well.
PHONES = {
    "SN": r"7\d{8}",
    "CI": r"\d{10}",
    "BJ": r"(01)?\d{8}",
    "TG": r"\d{8}",
    "BF": r"\d{8}",
    "ML": r"\d{8}",
    "CM": r"6\d{8}",
}


@dataclass(frozen=True, slots=True)
class Charge:
    """A documented request: its field names by what they hold, and the documented answer."""

    country: str
    fields: frozenset[str]
    name: str
    email: str
    phone: str
    token: str
    otp: str | None
    answer: dict[str, Any]
    currency: str


@cache
def charges() -> dict[tuple[str, str], Charge]:
    """Read the documented requests, by path and, where one path serves two countries, code_country."""
    return {
        (example["path"], example["request"].get("code_country", "")): _charge(example)
        for example in _documented()["examples"]
    }


@cache
def second_step() -> dict[str, Any]:
    """Give the documented request and answer of the call that takes a code which came after the first."""
    return _documented()["second_step"]


def in_sandbox() -> dict[str, Any]:
    """Give the documented request and answer of the one charge that the sandbox has, by a test customer's password."""
    return _documented()["sandbox"]


def older_fields(path: str) -> frozenset[str]:
    """Name the fields that an older version of the page knew besides; they may be there or not."""
    older = _documented()["older"]
    return frozenset(older["fields"] if path == older["path"] else ())


def paths() -> list[str]:
    return list(dict.fromkeys(path for path, _ in charges()))


def _documented() -> dict[str, Any]:
    text = files("afriflow.providers.paydunya").joinpath("fixtures", "softpay.json").read_text("utf-8")
    return json.loads(text)


def _charge(example: dict[str, Any]) -> Charge:
    request: dict[str, str] = example["request"]

    def holding(pattern: str) -> str:
        return next(name for name in request if re.search(pattern, name))

    return Charge(
        country=example["country"],
        fields=frozenset(request),
        name=holding(r"(?i)name"),
        email=holding("email"),
        phone=holding("phone"),
        token=holding("token"),
        otp=next((name for name in request if "otp" in name), None),
        answer=example["answer"],
        currency=example["answer"].get("currency", "XOF"),
    )
