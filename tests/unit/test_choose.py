"""Who is asked, in which order, and why every other account is left out."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from afriflow.core.language import say
from afriflow.core.method import Guide, MethodType, PaymentMethod
from afriflow.core.money import Money
from afriflow.core.transaction import Mode
from afriflow.merchants.accounts import Contract
from afriflow.merchants.standing import Standing
from afriflow.port.bounds import Bound
from afriflow.port.forced import Forced
from afriflow.port.provider import Account, Authorization, Resend, Route, Spec
from afriflow.routing.choose import Unhealthy, Wish, choose
from afriflow.routing.rules import Rule, Rules, When
from afriflow.routing.standing import Peers, StandingLimits

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ORANGE = Route(
    "SN", MethodType.MOBILE_MONEY, "XOF", Authorization.APPROVE_ON_PHONE, "orange_sn", 100, 2_000_000
)
CARD = Route("SN", MethodType.CARD, "XOF", Authorization.REDIRECT)
WISH = Wish(Money(5000, "XOF"), PaymentMethod(MethodType.MOBILE_MONEY, "SN", "orange_sn"))


def a_contract(
    account: str, *routes: Route, priority: int = 10, provider: str = "", **fields: Any
) -> Contract:
    provider = provider or account.partition("_")[0]
    spec = Spec(
        name=provider, title=provider, idempotency="A", resend=Resend.ALWAYS, missing_is_final_after_seconds=None,
        base_urls={}, routes=routes or (ORANGE,), config_type=SimpleNamespace, adapter=SimpleNamespace,  # type: ignore[arg-type]
        identify=lambda _: (),
    )  # fmt: skip
    bounds = fields.pop("bounds", ())
    opened = Account(account, "mer_1", provider, Mode.TEST, "", "", None, bounds)
    paused = {"paused_at": None, "paused_by": None, "paused_why": None}
    return Contract(account=opened, spec=spec, priority=priority, **{**paused, **fields})


def asked(wish: Wish, *contracts: Contract, rules: Rules = Rules(), **how: Any) -> list[str]:  # noqa: B008 — frozen
    decision = choose(wish, contracts, rules, **how)
    return [candidate.contract.account.id for candidate in decision.candidates]


def left_out(wish: Wish, *contracts: Contract, **how: Any) -> dict[str, tuple[str, Mapping[str, Any]]]:
    decision = choose(wish, contracts, how.pop("rules", Rules()), **how)
    return {item.account: (item.code, item.facts) for item in decision.considered if item.rank is None}


@pytest.mark.parametrize(
    ("route", "code", "facts"),
    [
        (replace(ORANGE, country="CI"), "country", {"country": "SN"}),
        (CARD, "method", {"method": "mobile_money"}),
        (replace(ORANGE, operator="wave_sn"), "operator", {"operator": "orange_sn"}),
        (replace(ORANGE, currency="XAF"), "currency", {"currency": "XOF"}),
        (replace(ORANGE, minimum_minor=5001), "below_minimum", {"limit": 5001}),
        (replace(ORANGE, maximum_minor=4999), "above_maximum", {"limit": 4999}),
    ],
)
def test_a_route_that_does_not_fit_is_left_out_with_the_reason(
    route: Route, code: str, facts: dict[str, Any]
) -> None:
    assert left_out(WISH, a_contract("a", route)) == {"a": (code, facts)}
    assert asked(WISH, a_contract("a", route), a_contract("b")) == ["b"]


def test_an_amount_that_cannot_be_carried_exactly_is_left_out() -> None:
    ghana = Route("GH", MethodType.MOBILE_MONEY, "GHS", Authorization.APPROVE_ON_PHONE, "mtn_gh", decimals=0)
    wish = Wish(Money(5050, "GHS"), PaymentMethod(MethodType.MOBILE_MONEY, "GH", "mtn_gh"))
    assert left_out(wish, a_contract("a", ghana)) == {"a": ("decimals", {})}
    assert asked(replace(wish, money=Money(5000, "GHS")), a_contract("a", ghana)) == ["a"]
    assert asked(wish, a_contract("a", replace(ghana, decimals=2))) == ["a"]


@pytest.mark.parametrize("amount", [100, 2_000_000])
def test_limits_are_inclusive(amount: int) -> None:
    assert asked(replace(WISH, money=Money(amount, "XOF")), a_contract("a")) == ["a"]


def test_without_an_amount_limits_say_nothing() -> None:
    wish = replace(WISH, money=Money(0, "XOF"), amount_known=False)
    assert asked(wish, a_contract("a")) == ["a"]
    assert asked(replace(wish, amount_known=True), a_contract("a")) == []


def test_what_people_and_health_and_earlier_tries_leave_out() -> None:
    contracts = [a_contract(name) for name in ("tried", "excluded", "failing", "well")]
    contracts.append(a_contract("paused", paused_at=NOW, paused_by="ada@example.test", paused_why="audit"))
    rules = Rules((Rule(exclude=("excluded",)),))
    found = left_out(WISH, *contracts, rules=rules, tried=["tried"], unhealthy_until={("failing", None): NOW})
    assert found == {
        "tried": ("tried", {}),
        "excluded": ("excluded_by_rule", {}),
        "paused": ("paused", {"reason": "audit"}),
        "failing": ("unhealthy", {"until": "2026-11-22T12:00:00+00:00"}),
    }


def test_smaller_priority_is_asked_first_and_equals_keep_their_order() -> None:
    assert asked(WISH, a_contract("b", priority=20), a_contract("a", priority=10)) == ["a", "b"]
    assert asked(WISH, a_contract("x"), a_contract("y"), a_contract("z")) == ["x", "y", "z"]


class TestHowTheyHaveDoneLately:
    PEERS = Peers("initiate", NOW, StandingLimits(600, 10, 95, 20))

    def test_whoever_is_far_behind_goes_last_before_priority_and_preference(self) -> None:
        bad = (Standing("initiate", "orange_sn", 0, 8, NOW),)
        contracts = [a_contract("a", priority=1, standings=bad), a_contract("b", priority=2)]
        rules = Rules((Rule(prefer=("a",)),))
        assert asked(WISH, *contracts, rules=rules, peers=self.PEERS) == ["b", "a"]
        decision = choose(WISH, contracts, rules, peers=self.PEERS)
        assert [(item.code, dict(item.facts)) for item in decision.considered] == [
            ("chosen", {}),
            ("behind", {"percent": 53, "outcomes": 8}),
        ]

    def test_what_is_known_of_another_operator_or_of_money_out_says_nothing(self) -> None:
        bad = (
            Standing("initiate", "wave_sn", 0, 8, NOW),
            Standing("disburse", "orange_sn", 0, 8, NOW),
            Standing("initiate", None, 0, 8, NOW),
        )
        contracts = [a_contract("a", priority=1, standings=bad), a_contract("b", priority=2)]
        assert asked(WISH, *contracts, peers=self.PEERS) == ["a", "b"]

    def test_the_only_one_is_asked_however_it_has_done(self) -> None:
        bad = (Standing("initiate", "orange_sn", 0, 800, NOW),)
        assert asked(WISH, a_contract("a", standings=bad), peers=self.PEERS) == ["a"]


def test_what_a_person_decided_is_said_before_what_a_circuit_learned() -> None:
    forced = Forced("initiate", "orange_sn", is_open=True, until=NOW, by="ada@example.test", why="works")
    unhealthy = {("a", None): NOW, ("a", "orange_sn"): forced}
    assert left_out(WISH, a_contract("a"), unhealthy_until=unhealthy)["a"] == (
        "forced_open",
        {"until": "2026-11-22T12:00:00+00:00", "reason": "works"},
    )


def test_every_account_is_considered_once_with_ranks_in_order() -> None:
    contracts = [a_contract("a"), a_contract("b", priority=5), a_contract("c", CARD)]
    decision = choose(WISH, contracts, Rules())
    assert [(item.account, item.code, item.rank) for item in decision.considered] == [
        ("b", "chosen", 1),
        ("a", "ranked", 2),
        ("c", "method", None),
    ]
    stored = decision.stored()
    assert stored["chosen"] == "b"
    assert [item["account"] for item in stored["considered"]] == ["b", "a", "c"]


def test_nobody_is_a_decision_too() -> None:
    decision = choose(WISH, [], Rules())
    assert (decision.candidates, decision.considered) == ((), ())
    assert decision.stored() == {"chosen": None, "considered": []}


class TestRules:
    def test_preferred_accounts_and_providers_come_before_priority(self) -> None:
        contracts = [
            a_contract("a_1", priority=1),
            a_contract("b_1", priority=2),
            a_contract("c_1", priority=3),
        ]
        rules = Rules((Rule(prefer=("c", "b_1")),))
        assert asked(WISH, *contracts, rules=rules) == ["c_1", "b_1", "a_1"]

    def test_a_provider_can_be_excluded_with_all_its_accounts(self) -> None:
        contracts = [a_contract("a_1"), a_contract("a_2"), a_contract("b_1")]
        assert asked(WISH, *contracts, rules=Rules((Rule(exclude=("a",)),))) == ["b_1"]

    def test_the_first_rule_that_fits_decides_alone(self) -> None:
        rules = Rules(
            (
                Rule(When(country="CI"), exclude=("a",)),
                Rule(When(country="SN"), prefer=("b",)),
                Rule(exclude=("b",)),
            )
        )
        assert asked(WISH, a_contract("a", priority=1), a_contract("b", priority=2), rules=rules) == [
            "b",
            "a",
        ]

    @pytest.mark.parametrize(
        ("when", "fits"),
        [
            (When(), True),
            (When(country="SN"), True),
            (When(country="CI"), False),
            (When(operator="orange_sn"), True),
            (When(operator="wave_sn"), False),
            (When(currency="XOF"), True),
            (When(currency="XAF"), False),
            (When(method="mobile_money"), True),
            (When(method="card"), False),
            (When(amount_min=5000), True),
            (When(amount_min=5001), False),
            (When(amount_max=5000), True),
            (When(amount_max=4999), False),
            (When(country="SN", amount_max=4999), False),
        ],
    )
    def test_a_rule_fits_when_all_its_conditions_do(self, when: When, *, fits: bool) -> None:
        found = asked(WISH, a_contract("a"), rules=Rules((Rule(when, exclude=("a",)),)))
        assert found == ([] if fits else ["a"])


class TestOneTimeCodes:
    OTP = replace(ORANGE, authorization=Authorization.OTP_FIRST)

    def test_a_payer_who_brought_a_code_goes_where_it_counts(self) -> None:
        plain, otp = a_contract("plain", priority=1), a_contract("otp", self.OTP, priority=2)
        assert asked(replace(WISH, has_otp=True), plain, otp) == ["otp", "plain"]
        assert asked(WISH, plain, otp) == ["plain", "otp"]

    def test_a_code_counts_more_than_a_preference(self) -> None:
        plain, otp = a_contract("plain", priority=1), a_contract("otp", self.OTP, priority=2)
        rules = Rules((Rule(prefer=("plain",)),))
        assert asked(replace(WISH, has_otp=True), plain, otp, rules=rules) == ["otp", "plain"]


def test_every_reason_has_its_sentence_in_both_languages() -> None:
    contracts = [
        a_contract("a", replace(ORANGE, country="CI")),
        a_contract("b", CARD),
        a_contract("c", replace(ORANGE, operator="wave_sn")),
        a_contract("d", replace(ORANGE, currency="XAF")),
        a_contract("e", replace(ORANGE, minimum_minor=5001)),
        a_contract("f", replace(ORANGE, maximum_minor=4999)),
        a_contract("g", paused_at=NOW, paused_why="audit"),
        a_contract("h"),
        a_contract("i"),
        a_contract("j"),
        a_contract("k"),
        a_contract("l", standings=(Standing("initiate", "orange_sn", 0, 8, NOW),)),
        a_contract("m"),
    ]
    forced = Forced("initiate", None, is_open=True, until=NOW, by="ada@example.test", why="works")
    unhealthy: Unhealthy = {("h", None): NOW, ("m", None): forced}
    peers = TestHowTheyHaveDoneLately.PEERS
    rules = Rules((Rule(exclude=("i",)),))
    decision = choose(WISH, contracts, rules, unhealthy_until=unhealthy, tried=["j"], peers=peers)
    assert len({item.code for item in decision.considered}) == 13
    for item in decision.considered:
        for language in ("fr", "en"):
            assert "{" not in say(f"why.{item.code}", language, **item.facts)


def a_bound(**fields: Any) -> Bound:
    told: dict[str, Any] = {"outgoing": False, "operator": "orange_sn", "currency": "XOF", "is_open": True}
    limits = {"minimum_minor": None, "maximum_minor": None, "decimals": None}
    return Bound(**{**told, **limits, **fields})


@pytest.mark.parametrize(
    ("bound", "code"),
    [
        (a_bound(minimum_minor=5001), "below_minimum"),
        (a_bound(maximum_minor=4999), "above_maximum"),
        (a_bound(is_open=False), "closed"),
        (a_bound(operator="wave_sn"), "not_enabled"),
    ],
)
def test_what_the_provider_tells_of_the_account_goes_before_its_general_limits(
    bound: Bound, code: str
) -> None:
    assert left_out(WISH, a_contract("a", bounds=(bound,)))["a"][0] == code


def test_a_wider_limit_of_the_account_lets_more_through() -> None:
    narrow = replace(ORANGE, maximum_minor=1000)
    assert asked(WISH, a_contract("a", narrow, bounds=(a_bound(maximum_minor=10_000),))) == ["a"]


def test_how_the_accounts_payers_approve_is_what_the_provider_tells() -> None:
    guide = Guide(payee="Acme")
    told = a_bound(authorization=Authorization.OTP_FIRST, guide=guide)
    (candidate,) = choose(WISH, [a_contract("a", bounds=(told,))], Rules()).candidates
    assert (candidate.route.authorization, candidate.route.guide) == (Authorization.OTP_FIRST, guide)
    (candidate,) = choose(WISH, [a_contract("a", bounds=(a_bound(),))], Rules()).candidates
    assert candidate.route.authorization is ORANGE.authorization


def test_what_is_told_of_payouts_says_nothing_of_payments() -> None:
    assert asked(WISH, a_contract("a", bounds=(a_bound(outgoing=True, is_open=False),))) == ["a"]
