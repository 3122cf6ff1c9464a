"""The decision itself, pure: candidates in the order they are asked, and why each other account was left out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from afriflow.core.method import PaymentMethod
from afriflow.core.money import Money
from afriflow.merchants.accounts import Contract
from afriflow.port.forced import Forced
from afriflow.port.provider import Account, Authorization, Route, Spec
from afriflow.routing.rules import Rule, Rules
from afriflow.routing.standing import Peers, Score

# Until when an account is not asked, under (its id, None), or an operator in it, under (its id, the operator's);
# where a person decided it, that decision.
Unhealthy = Mapping[tuple[str, str | None], datetime | Forced]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be routed.

    has_otp: the payer brought a one-time code. amount_known: False asks who could carry any amount at all.
    is_payout: the money goes out.
    """

    money: Money
    method: PaymentMethod
    has_otp: bool = False
    amount_known: bool = True
    is_payout: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that can carry the payment, with the route it takes."""

    contract: Contract
    route: Route


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was thought of one account. rank: its place among those that can, None when it cannot."""

    provider: str
    account: str
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """candidates: best first. considered: every account of the merchant, with the reason."""

    candidates: tuple[Candidate, ...]
    considered: tuple[Verdict, ...]

    def stored(self) -> dict[str, Any]:
        """Give the decision as it is kept on the transaction."""
        chosen = self.candidates[0].contract.account.provider if self.candidates else None
        return {
            "chosen": chosen,
            "considered": [
                {
                    "provider": item.provider,
                    "account": item.account,
                    "rank": item.rank,
                    "code": item.code,
                    "facts": dict(item.facts),
                }
                for item in self.considered
            ],
        }


def choose(
    wish: Wish,
    contracts: Sequence[Contract],
    rules: Rules,
    *,
    unhealthy_until: Unhealthy | None = None,
    tried: Collection[str] = (),
    peers: Peers | None = None,
) -> Decision:
    """Decide who is asked, in which order.

    contracts: the merchant's accounts of the right mode, by priority. unhealthy_until: breakers that are
    open. tried: accounts that this payment has already been with. peers: how to compare how they have done lately.
    """
    at = fitting(rules, wish)
    rule = Rule() if at is None else rules.rules[at]
    able: list[Candidate] = []
    left_out: list[Verdict] = []
    for contract in contracts:
        route, code, facts = _route(wish, contract)
        account = contract.account
        if route is not None:
            code, facts = _barrier(wish, contract, rule, unhealthy_until or {}, tried)
        if route is None or code:
            left_out.append(Verdict(account.provider, account.id, code, facts))
            continue
        able.append(Candidate(contract, route))
    ranked = _ranked(wish, able, rule, peers)
    verdicts = [_verdict(rank, ranked) for rank in range(1, len(ranked) + 1)]
    return Decision(tuple(item.candidate for item in ranked), (*verdicts, *left_out))


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A candidate with what is expected of it. is_behind: others do so much better that it is asked after them."""

    candidate: Candidate
    score: Score | None
    is_behind: bool


def _ranked(wish: Wish, able: Sequence[Candidate], rule: Rule, peers: Peers | None) -> list[_Ranked]:
    scores = [peers.score(item.contract, wish.method.operator) if peers else None for item in able]
    behind = peers.are_behind(scores) if peers else [False] * len(able)
    found = [_Ranked(*item) for item in zip(able, scores, behind, strict=True)]
    return sorted(found, key=lambda item: _order(wish, item, rule))


def _verdict(rank: int, ranked: Sequence[_Ranked]) -> Verdict:
    """Say why a candidate has its rank, with the evidence that there is of how it has done."""
    item, account = ranked[rank - 1], ranked[rank - 1].candidate.contract.account
    facts = {} if item.score is None else {"percent": item.score.percent, "outcomes": item.score.outcomes}
    code = "chosen" if rank == 1 else "behind" if item.is_behind else "ranked"
    return Verdict(account.provider, account.id, code, facts, rank)


def fitting(rules: Rules, wish: Wish) -> int | None:
    """Tell which rule decides: the index of the first that fits."""
    return next((index for index, item in enumerate(rules.rules) if _fits(item, wish)), None)


def route_of(account: Account, spec: Spec, money: Money, method: PaymentMethod) -> Route | None:
    """Give the route of an account for a payment, as its provider told of it last; None where it has none now."""
    contract = Contract(account, spec, 0, None, None, None)
    return _route(Wish(money, method, amount_known=False), contract)[0]


def _fits(rule: Rule, wish: Wish) -> bool:
    when, amount = rule.when, wish.money.amount_minor
    return (
        when.country in {None, wish.method.country}
        and when.operator in {None, wish.method.operator}
        and when.currency in {None, wish.money.currency}
        and when.method in {None, wish.method.type}
        and (when.amount_min is None or amount >= when.amount_min)
        and (when.amount_max is None or amount <= when.amount_max)
    )


def carried(contract: Contract, *, outgoing: bool) -> tuple[Route, ...]:
    """Give what an account carries now, with the limits that its provider tells of it. outgoing: of payouts."""
    spec, config = contract.spec, contract.account.config
    opened = (
        route for route in (spec.payout_routes if outgoing else spec.routes) if spec.opens(config, route)
    )
    bounded = (_bounded(route, contract, outgoing=outgoing)[0] for route in opened)
    return tuple(route for route in bounded if route is not None)


def _route(wish: Wish, contract: Contract) -> tuple[Route | None, str, dict[str, Any]]:
    """Find the account's route for the wish, or the first thing that stands against it, coarse before fine."""
    method, money = wish.method, wish.money
    carried = contract.spec.payout_routes if wish.is_payout else contract.spec.routes
    routes = [route for route in carried if route.country == method.country]
    if not routes:
        return None, "country", {"country": method.country}
    routes = [route for route in routes if route.method == method.type]
    if not routes:
        return None, "method", {"method": method.type.value}
    routes = [route for route in routes if route.operator == method.operator]
    if not routes:
        return None, "operator", {"operator": method.operator}
    routes = [route for route in routes if route.currency == money.currency]
    if not routes:
        return None, "currency", {"currency": money.currency}
    if not contract.spec.opens(contract.account.config, routes[0]):
        return None, "not_enabled", {"operator": method.operator or method.type.value}
    route, code, facts = _bounded(routes[0], contract, outgoing=wish.is_payout)
    if route is None:
        return None, code, facts
    if not wish.amount_known:
        return route, "", {}
    if route.minimum_minor is not None and money.amount_minor < route.minimum_minor:
        return None, "below_minimum", {"limit": route.minimum_minor}
    if route.maximum_minor is not None and money.amount_minor > route.maximum_minor:
        return None, "above_maximum", {"limit": route.maximum_minor}
    if not money.fits(route.decimals):
        return None, "decimals", {}
    return route, "", {}


def _bounded(route: Route, contract: Contract, *, outgoing: bool) -> tuple[Route | None, str, dict[str, Any]]:
    """Narrow or widen a route to what the provider told of this very account, None where it told no."""
    told = [bound for bound in contract.account.bounds if bound.outgoing == outgoing]
    if not told or route.operator is None:
        return route, "", {}
    for bound in told:
        if (bound.operator, bound.currency) != (route.operator, route.currency):
            continue
        if not bound.is_open:
            return None, "closed", {"operator": route.operator}
        narrowed = replace(
            route,
            minimum_minor=route.minimum_minor if bound.minimum_minor is None else bound.minimum_minor,
            maximum_minor=route.maximum_minor if bound.maximum_minor is None else bound.maximum_minor,
            decimals=route.decimals if bound.decimals is None else bound.decimals,
            authorization=bound.authorization or route.authorization,
            guide=bound.guide,
        )
        return narrowed, "", {}
    return None, "not_enabled", {"operator": route.operator}


def _barrier(
    wish: Wish, contract: Contract, rule: Rule, unhealthy_until: Unhealthy, tried: Collection[str]
) -> tuple[str, dict[str, Any]]:
    account = contract.account
    if account.id in tried:
        return "tried", {}
    if account.id in rule.exclude or account.provider in rule.exclude:
        return "excluded_by_rule", {}
    if contract.paused_at is not None:
        return "paused", {"reason": contract.paused_why or ""}
    return _health(wish, account, unhealthy_until)


def _health(wish: Wish, account: Account, unhealthy_until: Unhealthy) -> tuple[str, dict[str, Any]]:
    open_until = [
        unhealthy_until[account.id, operator]
        for operator in (None, wish.method.operator)
        if (account.id, operator) in unhealthy_until
    ]
    for item in open_until:
        if isinstance(item, Forced):
            return "forced_open", {"until": item.until.isoformat(timespec="seconds"), "reason": item.why}
    until = [item for item in open_until if isinstance(item, datetime)]
    if until:
        return "unhealthy", {"until": max(until).isoformat(timespec="seconds")}
    return "", {}


def _order(wish: Wish, item: _Ranked, rule: Rule) -> tuple[int, ...]:
    contract, route = item.candidate.contract, item.candidate.route
    names = (contract.account.id, contract.account.provider)
    preferred = min(
        (rule.prefer.index(name) for name in names if name in rule.prefer), default=len(rule.prefer)
    )
    # A payer who brought a code went through the operator's menu for it: use it where it counts.
    code_fits = (route.authorization is Authorization.OTP_FIRST) == wish.has_otp
    return (0 if code_fits or not wish.has_otp else 1, int(item.is_behind), preferred, contract.priority)
