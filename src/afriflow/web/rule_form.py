"""How a routing rule is written and read by people: a form drawn from the rule's own type, and the rule in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from afriflow.core.errors import FieldError
from afriflow.core.language import say
from afriflow.core.method import MethodType
from afriflow.core.money import EXPONENTS, Money, read_amount
from afriflow.core.operator import countries, country_name, in_order, operators
from afriflow.ledger.present import show_amount
from afriflow.routing.rules import NAMES_MAX, Rule, Rules, When, faults_of, never_reached
from afriflow.web.story import provider_title

_CONDITIONS = msgspec.structs.fields(When)
_EFFECTS = ("prefer", "exclude")
# Empty places of the order beside those that are filled.
_PLACES_MIN = 3


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form. groups: what it offers, None where people write. value: as it was entered."""

    name: str
    groups: Sequence[tuple[str, Sequence[tuple[str, str]]]] | None
    value: str
    wrong: str


@dataclass(frozen=True, slots=True)
class RuleForm:
    """The form as it is shown. names: what may be named, with its label. wrong_names: about the order and who is out."""

    fields: Sequence[Field]
    names: Sequence[tuple[str, str]]
    prefer: Sequence[str]
    exclude: Sequence[str]
    wrong_names: Sequence[str]


@dataclass(frozen=True, slots=True)
class ShownRule:
    """A rule in words. shadow: the number of an earlier rule that leaves it nothing."""

    number: int
    conditions: Sequence[str]
    prefer: Sequence[str]
    exclude: Sequence[str]
    shadow: int | None
    wrong: Sequence[str]


def read_rule(pairs: Sequence[tuple[str, str]]) -> tuple[Rule, dict[str, FieldError]]:
    """Read a rule as it was entered, and what in it cannot be read, by field."""
    entered, wrong, when = dict(pairs), dict[str, FieldError](), dict[str, Any]()
    for item in _CONDITIONS:
        text = entered.get(item.name, "")
        when[item.name] = (_amount(item.name, entered, wrong) if _is_amount(item) else text) if text else None
    prefer, exclude = (tuple(value for name, value in pairs if name == field and value) for field in _EFFECTS)
    return Rule(When(**when), prefer[:NAMES_MAX], exclude[:NAMES_MAX]), wrong


def entered_of(rule: Rule, language: str) -> list[tuple[str, str]]:
    """Give a rule as it would be entered."""
    currency = _currency(rule.when.country, rule.when.operator, rule.when.currency)
    pairs = [
        (name, _written(value, currency, language) if isinstance(value, int) else value)
        for name, value in msgspec.structs.asdict(rule.when).items()
        if value is not None
    ]
    pairs += [("prefer", name) for name in rule.prefer]
    return pairs + [("exclude", name) for name in rule.exclude]


def form_of(
    pairs: Sequence[tuple[str, str]],
    names: Mapping[str, str],
    wrong: Mapping[str, FieldError],
    language: str,
) -> RuleForm:
    """Draw the form with what was entered. names: what a rule may name. wrong: by field, or `prefer/0`."""
    entered = dict(pairs)
    said = {name: say(f"field.{fault.code}", language, **fault.facts) for name, fault in wrong.items()}
    fields = [
        Field(item.name, _choices(item.name, language), entered.get(item.name, ""), said.get(item.name, ""))
        for item in _CONDITIONS
    ]
    prefer, exclude = ([value for name, value in pairs if name == field and value] for field in _EFFECTS)
    empty = max(_PLACES_MIN - len(prefer), 1) if len(prefer) < NAMES_MAX else 0
    # What is named and is there no more is offered too, or it would silently go with the next change.
    known = dict.fromkeys([*names, *prefer, *exclude])
    return RuleForm(
        fields,
        [(name, label_of(name, names, language)) for name in known],
        [*prefer, *[""] * empty],
        exclude,
        [text for name, text in said.items() if name.startswith(_EFFECTS)],
    )


def shown_rules(rules: Rules, names: Mapping[str, str], language: str) -> list[ShownRule]:
    """Say rules in words, each with what keeps it from being put in force."""
    shadows, faults = never_reached(rules.rules), faults_of(rules, names)
    return [
        ShownRule(
            index + 1,
            _conditions(rule.when, language),
            [label_of(name, names, language) for name in rule.prefer],
            [label_of(name, names, language) for name in rule.exclude],
            shadows[index] + 1 if index in shadows else None,
            [
                say(f"field.{fault.code}", language, **fault.facts)
                for fault in faults
                if fault.pointer.startswith(f"/rules/{index}/")
            ],
        )
        for index, rule in enumerate(rules.rules)
    ]


def faults_at(rules: Rules, index: int, names: Mapping[str, str]) -> dict[str, FieldError]:
    """Give what is wrong with one of the rules, by the field of its form."""
    start = f"/rules/{index}/"
    return {
        fault.pointer.removeprefix(start).removeprefix("when/"): fault
        for fault in faults_of(rules, names)
        if fault.pointer.startswith(start)
    }


def label_of(name: str, names: Mapping[str, str], language: str) -> str:
    """Name an account, or a provider with all its accounts."""
    provider = names.get(name)
    if provider is None:
        return name
    title = provider_title(provider)
    return say("rules.every_account", language, provider=title) if provider == name else f"{title} · {name}"


def _choices(name: str, language: str) -> Sequence[tuple[str, Sequence[tuple[str, str]]]] | None:
    """Give what a condition can be, in groups with a label; None where people write."""
    match name:
        case "country":
            found = [(item.alpha2, item.name(language)) for item in countries().values()]
            return [("", sorted(found, key=lambda item: in_order(item[1])))]
        case "operator":
            groups = [
                (item.name(language), [(each.id, each.wallet) for each in item.operators])
                for item in countries().values()
                if item.operators
            ]
            return sorted(groups, key=lambda group: in_order(group[0]))
        case "currency":
            return [("", [(item, item) for item in sorted(EXPONENTS)])]
        case "method":
            return [("", [(item.value, say(f"rules.method_{item}", language)) for item in MethodType])]
        case _:
            return None


def _conditions(when: When, language: str) -> list[str]:
    currency = _currency(when.country, when.operator, when.currency)
    return [
        _condition(name, value, currency, language)
        for name, value in msgspec.structs.asdict(when).items()
        if value is not None
    ]


def _condition(name: str, value: Any, currency: str | None, language: str) -> str:
    match name:
        case "country":
            return country_name(value, language)
        case "operator" if value in operators():
            return f"{operators()[value].wallet} ({value})"
        case "method" if value in list(MethodType):
            return say(f"rules.method_{value}", language)
        case "amount_min":
            return say("rules.from", language, amount=_written(value, currency, language))
        case "amount_max":
            return say("rules.up_to", language, amount=_written(value, currency, language))
        case _:
            return str(value)


def _amount(name: str, entered: Mapping[str, str], wrong: dict[str, FieldError]) -> int | None:
    """Read an amount in the one currency that the rule leaves possible."""
    currency = _currency(*(entered.get(item) or None for item in ("country", "operator", "currency")))
    if currency is None:
        wrong[name] = FieldError(f"/{name}", "amount_without_currency")
        return None
    money = read_amount(entered[name], currency)
    if money is None:
        wrong[name] = FieldError(f"/{name}", "not_an_amount", {"currency": currency})
        return None
    return money.amount_minor


def _currency(country: str | None, operator: str | None, currency: str | None) -> str | None:
    if currency:
        return currency if currency in EXPONENTS else None
    found = operators().get(operator or "")
    place = countries().get(found.country if found else country or "")
    return place.currencies[0] if place and len(place.currencies) == 1 else None


def _written(amount_minor: int, currency: str | None, language: str) -> str:
    if currency is None:
        return say("rules.minor_units", language, amount=amount_minor)
    return show_amount(Money(amount_minor, currency), language)


def _is_amount(field: msgspec.structs.FieldInfo) -> bool:
    return field.name.startswith("amount_")
