"""An example payment, tried on routing rules: what people choose it from, and where it would go."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request

from afriflow.core.language import say
from afriflow.core.method import MethodType, PaymentMethod
from afriflow.core.money import read_amount
from afriflow.core.operator import countries, country_name, in_order, operators
from afriflow.ledger.present import show_routing
from afriflow.routing.choose import Wish, fitting
from afriflow.routing.rules import Rules
from afriflow.web.auth import House, Who
from afriflow.web.form import read_query

_CARD = "card"


@dataclass(frozen=True, slots=True)
class Tried:
    """An example payment as it was entered, and what would become of it. decided: by each set of rules."""

    means: str
    amount: str
    currency: str
    wrong: str = ""
    decided: tuple[tuple[int | None, dict[str, Any]], ...] = ()


def means(places: Collection[str], language: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Offer the means of payment of these countries, those of a card last."""
    groups = [
        (
            country_name(alpha2, language),
            [
                *((f"{alpha2}/{item.id}", item.wallet) for item in countries()[alpha2].operators),
                (f"{alpha2}/{_CARD}", say("rules.method_card", language)),
            ],
        )
        for alpha2 in places
        if alpha2 in countries()
    ]
    return sorted(groups, key=lambda group: in_order(group[0]))


async def try_example(
    request: Request[Any, Any, Any], house: House, caller: Who, language: str, both: Sequence[Rules]
) -> Tried | None:
    """Decide about the example that was entered, by each set of rules; None where none was."""
    chosen, amount, currency = (read_query(request, name) for name in ("means", "amount", "currency"))
    if not chosen:
        return None
    alpha2, _, operator = chosen.partition("/")
    country = countries().get(alpha2)
    if country is None or (operator != _CARD and operator not in operators()):
        return Tried(chosen, amount, currency, say("rules.choose_means", language))
    in_currency = currency or country.currencies[0]
    money = read_amount(amount, in_currency)
    if money is None or money.amount_minor < 1:
        wrong = say("field.not_an_amount", language, currency=in_currency)
        return Tried(chosen, amount, currency, wrong)
    method = (
        PaymentMethod(MethodType.CARD, alpha2)
        if operator == _CARD
        else PaymentMethod(MethodType.MOBILE_MONEY, alpha2, operator)
    )
    wish = Wish(money, method)
    decided = [
        (fitting(rules, wish), show_routing(decision.stored(), language) or {})
        for rules in both
        for decision in [await house.router.consider(caller, wish, under=rules)]
    ]
    return Tried(chosen, amount, currency, decided=tuple(decided))
