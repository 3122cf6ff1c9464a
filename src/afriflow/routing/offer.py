"""What a payer can be offered: the methods of a country that somebody can carry now, best first."""

from collections.abc import Sequence
from dataclasses import dataclass

from afriflow.core.method import MethodType, PaymentMethod
from afriflow.core.money import Money
from afriflow.core.operator import Country, operators
from afriflow.merchants.accounts import Contract
from afriflow.port.provider import Authorization
from afriflow.routing.choose import Candidate, Unhealthy, Wish, choose
from afriflow.routing.rules import Rules
from afriflow.routing.standing import Peers


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to pay.

    minimum_minor, maximum_minor: over all carriers, None when any of them has none that we know.
    healthy: False when everybody who could carry it is failing. predicted: the phone number speaks for it.
    """

    method: PaymentMethod
    name: str
    authorization: Authorization
    providers: tuple[str, ...]
    minimum_minor: int | None
    maximum_minor: int | None
    healthy: bool
    predicted: bool


def offers(
    country: Country,
    currency: str,
    amount_minor: int | None,
    predicted: str | None,
    contracts: Sequence[Contract],
    rules: Rules,
    unhealthy_until: Unhealthy,
    peers: Peers | None = None,
) -> list[Offer]:
    """List what can be offered: healthy before failing, the phone's operator first, then what people there use most.

    amount_minor: None when it is not known yet. predicted: the operator that the payer's number points to.
    """
    methods = [PaymentMethod(MethodType.MOBILE_MONEY, country.alpha2, item.id) for item in country.operators]
    methods.append(PaymentMethod(MethodType.CARD, country.alpha2))
    found: list[Offer] = []
    for method in methods:
        wish = Wish(Money(amount_minor or 0, currency), method, amount_known=amount_minor is not None)
        carriers = choose(wish, contracts, rules, unhealthy_until=unhealthy_until, peers=peers).candidates
        healthy = bool(carriers)
        carriers = carriers or choose(wish, contracts, rules).candidates
        if carriers:
            found.append(_offer(method, carriers, healthy=healthy, predicted=predicted))
    return sorted(found, key=_rank)


def _offer(
    method: PaymentMethod, carriers: Sequence[Candidate], *, healthy: bool, predicted: str | None
) -> Offer:
    minima = [candidate.route.minimum_minor for candidate in carriers]
    maxima = [candidate.route.maximum_minor for candidate in carriers]
    known_minima = [value for value in minima if value is not None]
    known_maxima = [value for value in maxima if value is not None]
    return Offer(
        method=method,
        name=operators()[method.operator].wallet if method.operator else "",
        authorization=carriers[0].route.authorization,
        providers=tuple(candidate.contract.account.provider for candidate in carriers),
        minimum_minor=min(known_minima) if len(known_minima) == len(minima) else None,
        maximum_minor=max(known_maxima) if len(known_maxima) == len(maxima) else None,
        healthy=healthy,
        predicted=method.operator is not None and method.operator == predicted,
    )


def _rank(offer: Offer) -> tuple[bool, bool, int]:
    operator = operators().get(offer.method.operator or "")
    return (not offer.healthy, not offer.predicted, (operator.rank if operator else None) or 99)
