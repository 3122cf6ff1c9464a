"""What a merchant can say about routing: rules as data, the first that fits decides."""

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from afriflow.core.errors import FieldError
from afriflow.core.method import MethodType
from afriflow.core.money import AMOUNT_MINOR_MAX, EXPONENTS
from afriflow.core.operator import countries, operators

NAMES_MAX = 20
RULES_MAX = 100
Names = Annotated[tuple[str, ...], Meta(max_length=NAMES_MAX)]
_SHOWN_CHARACTERS = 40


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a payment must be for a rule to fit; an absent condition fits everything. Amounts in minor units."""

    country: str | None = None
    operator: str | None = None
    currency: str | None = None
    method: str | None = None
    amount_min: int | None = None
    amount_max: int | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """prefer: providers or account ids in the order they are asked. exclude: never asked."""

    when: When = When()
    prefer: Names = ()
    exclude: Names = ()


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A merchant's rules in one mode, in order."""

    rules: Annotated[tuple[Rule, ...], Meta(max_length=RULES_MAX)] = ()


def faults_of(rules: Rules, names: Collection[str]) -> list[FieldError]:
    """Say what no payment could ever fit, and whom nobody could ask. names: of providers, and ids of accounts."""
    return [
        fault
        for index, rule in enumerate(rules.rules)
        for fault in (
            *_faults_of_when(f"/rules/{index}/when", rule.when),
            *_faults_of_names(f"/rules/{index}", rule, names),
        )
    ]


def _faults_of_when(at: str, when: When) -> Iterator[FieldError]:
    country = countries().get(when.country or "")
    operator = operators().get(when.operator or "")
    if when.country is not None and country is None:
        yield FieldError(f"{at}/country", "unknown_country", {"value": _cut(when.country)})
    if when.operator is not None and (operator is None or (country and operator.country != country.alpha2)):
        place = country.alpha2 if country else _cut(when.country or "…")
        known = ", ".join(item.id for item in country.operators) if country else "…"
        facts = {"value": _cut(when.operator), "country": place, "known": known}
        yield FieldError(f"{at}/operator", "unknown_operator", facts)
    if when.currency is not None and when.currency not in EXPONENTS:
        yield FieldError(f"{at}/currency", "unknown_currency", {"value": _cut(when.currency)})
    elif when.currency is not None and country and when.currency not in country.currencies:
        expected = ", ".join(country.currencies)
        facts = {"country": country.alpha2, "currency": when.currency, "expected": expected}
        yield FieldError(f"{at}/currency", "currency_not_of_country", facts)
    if when.method is not None and when.method not in list(MethodType):
        yield FieldError(f"{at}/method", "unknown_method", {"known": ", ".join(MethodType)})
    elif when.method == MethodType.CARD and when.operator is not None:
        yield FieldError(f"{at}/operator", "unexpected_operator")
    bounds = {"minimum": 0, "maximum": AMOUNT_MINOR_MAX}
    amounts = {"amount_min": when.amount_min, "amount_max": when.amount_max}
    for name, amount in amounts.items():
        if amount is not None and not 0 <= amount <= AMOUNT_MINOR_MAX:
            yield FieldError(f"{at}/{name}", "out_of_bounds", bounds)
    if when.amount_min is not None and when.amount_max is not None and when.amount_min > when.amount_max:
        yield FieldError(f"{at}/amount_max", "amounts_crossed")


def _faults_of_names(at: str, rule: Rule, names: Collection[str]) -> Iterator[FieldError]:
    seen = set[str]()
    for field in ("prefer", "exclude"):
        for place, name in enumerate(getattr(rule, field)):
            if name not in names:
                yield FieldError(f"{at}/{field}/{place}", "unknown_account", {"value": _cut(name)})
            elif name in seen:
                yield FieldError(f"{at}/{field}/{place}", "named_twice", {"value": _cut(name)})
            seen.add(name)


def never_reached(rules: Sequence[Rule]) -> dict[int, int]:
    """Tell which rules no payment comes to, since an earlier one fits all that they fit: index by index."""
    return {
        index: earlier
        for index, rule in enumerate(rules)
        for earlier in range(index)
        if _covers(rules[earlier].when, rule.when)
    }


def _covers(wide: When, narrow: When) -> bool:
    operator = operators().get(narrow.operator or "")
    country = narrow.country or (operator.country if operator else None)
    method = narrow.method or (MethodType.MOBILE_MONEY if operator else None)
    low, high = narrow.amount_min or 0, narrow.amount_max
    return (
        wide.country in {None, country}
        and wide.operator in {None, narrow.operator}
        and wide.currency in {None, narrow.currency}
        and wide.method in {None, method}
        and (wide.amount_min or 0) <= low
        and (wide.amount_max is None or (high is not None and high <= wide.amount_max))
    )


def _cut(text: str) -> str:
    return text[:_SHOWN_CHARACTERS]
