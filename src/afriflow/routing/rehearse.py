"""What other rules would have done with the payments of the last days, by the same choosing code as payments take.

Of each payment the recorded decision tells who could not be asked at that moment, and how accounts had done until then.
What is not known any more: how accounts were that a rule had set aside, limits as they were, and whether the payer had
brought a one-time code. So both sets of rules are tried on the same facts, and only between these is compared.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from afriflow.core.clock import Clock
from afriflow.core.errors import InvalidRequest
from afriflow.core.method import MethodType, PaymentMethod
from afriflow.core.money import Money
from afriflow.db.engine import Record
from afriflow.merchants.accounts import Contract
from afriflow.merchants.keys import Caller
from afriflow.routing import rehearse_store as store
from afriflow.routing.choose import Unhealthy, Wish, choose
from afriflow.routing.route import MONEY_IN, Router, rules_of
from afriflow.routing.rules import Rules, faults_of
from afriflow.routing.standing import Peers, Score
from afriflow.settings import Settings

# So many at once: others are served between two readings.
_ROWS = 250
# Recorded reasons that were of that moment; whatever else was recorded follows from contracts and rules.
_AWAY = frozenset({"paused", "unhealthy", "forced_open", "closed"})


class Share(msgspec.Struct, frozen=True):
    """Payments of one operator that one account was asked for first. operator: null for cards.

    account: empty where nobody could be asked. then: as it was. in_force, proposed: under these rules.
    """

    provider: str
    account: str
    operator: str | None
    then: int
    in_force: int
    proposed: int


class Rehearsal(msgspec.Struct, frozen=True):
    """What rules would have done.

    since: the beginning of the days looked at. back_to: the oldest payment that was looked at, null where there was
    none. complete: it goes back to `since`; else the newest were looked at, as many as there was room or time for.
    payments: that were routed. moved: that the proposed rules give to another account than the rules in force.
    refused: for which the proposed rules find nobody, and those in force somebody. as_then: for which the rules in
    force find who was asked first then. health_unknown: where an account had been set aside by a rule, so that how it
    was then is not known.
    """

    since: datetime
    back_to: datetime | None
    complete: bool
    payments: int
    moved: int
    refused: int
    as_then: int
    health_unknown: int
    shares: list[Share]


@dataclass(frozen=True, slots=True)
class RehearsalLimits:
    """The reasons stand beside the settings of the same names (rehearsal_…)."""

    days: int
    payments_max: int
    seconds_max: float


@dataclass(frozen=True, slots=True)
class Rehearser:
    """Looks again. turn: one at a time in a process, since it is nothing but computing."""

    router: Router
    clock: Clock
    limits: RehearsalLimits
    turn: asyncio.Lock

    async def rehearse(self, caller: Caller, proposed: Rules) -> Rehearsal:
        """Try rules on the payments of the last days, newest first. Raises InvalidRequest."""
        router, now = self.router, self.clock.now()
        async with router.database.connection() as connection:
            faults = faults_of(proposed, await router.names(connection, caller))
            contracts = await router.accounts.contracts(connection, caller.merchant_id, caller.mode)
            in_force = await rules_of(connection, caller)
        if faults:
            raise InvalidRequest(faults)
        tally = _Tally([_as_open(item) for item in contracts], (in_force, proposed), router)
        since = now - timedelta(days=self.limits.days)
        async with self.turn:
            complete = await self._read(caller, since, tally)
        return tally.report(since, complete=complete)

    async def _read(self, caller: Caller, since: datetime, tally: "_Tally") -> bool:
        """Go back through the payments; tells whether it came to the beginning."""
        loop = asyncio.get_running_loop()
        last, end = None, loop.time() + self.limits.seconds_max
        for _ in range(-(-self.limits.payments_max // _ROWS)):
            if loop.time() > end:
                return False
            async with self.router.database.connection() as connection:
                rows = await connection.fetch(store.ROUTED, caller.merchant_id, caller.mode, last, _ROWS)
            recent = [row for row in rows if row["created_at"] > since]
            tally.add(recent)
            if len(recent) < _ROWS:
                return True
            last = recent[-1]["id"]
        return False


def put_rehearser(router: Router, clock: Clock, settings: Settings) -> Rehearser:
    limits = RehearsalLimits(
        settings.rehearsal_days, settings.rehearsal_payments_max, settings.rehearsal_seconds_max
    )
    return Rehearser(router, clock, limits, asyncio.Lock())


@dataclass(frozen=True, slots=True)
class _AsRecorded(Peers):
    """How accounts had done until a payment, as it was recorded with it."""

    recorded: Mapping[str, Score]

    def score(self, contract: Contract, operator: str | None) -> Score | None:  # noqa: ARG002 — recorded of one
        return self.recorded.get(contract.account.id)


class _Tally:
    """Counts while it is read."""

    def __init__(self, contracts: Sequence[Contract], rules: tuple[Rules, Rules], router: Router) -> None:
        self._contracts = contracts
        self._rules = rules
        self._router = router
        self._providers = {item.account.id: item.account.provider for item in contracts}
        self._counts: tuple[Counter[tuple[str, str | None]], ...] = (Counter(), Counter(), Counter())
        self._found: Counter[str] = Counter()
        self._back_to: datetime | None = None

    def add(self, rows: Iterable[Record]) -> None:
        for row in rows:
            self._back_to = row["created_at"]
            recorded: dict[str, Any] = row["routing"] or {}
            considered: list[dict[str, Any]] = recorded.get("considered", [])
            then = next((item for item in considered if item["rank"] == 1), None)
            if then is not None and row["method_type"] is not None:
                self._providers.setdefault(then["account"], then["provider"])
                self._add(row, then["account"], considered)

    def _add(self, row: Record, then: str, considered: Sequence[Mapping[str, Any]]) -> None:
        in_force, proposed = (self._first(row, considered, rules) for rules in self._rules)
        operator = row["method_operator"] or None
        for counter, account in zip(self._counts, (then, in_force, proposed), strict=True):
            counter[account, operator] += 1
        self._found["payments"] += 1
        self._found["moved"] += in_force != proposed
        self._found["refused"] += bool(in_force) and not proposed
        self._found["as_then"] += in_force == then
        self._found["health_unknown"] += any(item["code"] == "excluded_by_rule" for item in considered)

    def _first(self, row: Record, considered: Sequence[Mapping[str, Any]], rules: Rules) -> str:
        """Decide as at that moment; empty where nobody could be asked."""
        method = PaymentMethod(
            MethodType(row["method_type"]), row["method_country"], row["method_operator"] or None
        )
        at: datetime = row["created_at"]
        away: Unhealthy = {(item["account"], None): at for item in considered if item["code"] in _AWAY}
        decision = choose(
            Wish(Money(row["amount_minor"], row["currency"]), method),
            self._contracts,
            rules,
            unhealthy_until=away,
            tried=[item["account"] for item in considered if item["code"] == "tried"],
            peers=_AsRecorded(MONEY_IN, at, self._router.standing_limits, _scores(considered)),
        )
        return decision.candidates[0].contract.account.id if decision.candidates else ""

    def report(self, since: datetime, *, complete: bool) -> Rehearsal:
        then, in_force, proposed = self._counts
        keys = sorted(
            {*then, *in_force, *proposed}, key=lambda item: (item[1] or "~", not item[0], *item[:1])
        )
        return Rehearsal(
            since=since,
            back_to=self._back_to,
            complete=complete,
            **{name: self._found[name] for name in ("payments", "moved", "refused", "as_then")},
            health_unknown=self._found["health_unknown"],
            shares=[
                Share(self._providers.get(key[0], ""), *key, then[key], in_force[key], proposed[key])
                for key in keys
            ],
        )


def _as_open(contract: Contract) -> Contract:
    """Take an account as if it took everything now: what stood in its way then was recorded then."""
    bounds = tuple(replace(bound, is_open=True) for bound in contract.account.bounds)
    return replace(contract, paused_at=None, account=replace(contract.account, bounds=bounds))


def _scores(considered: Iterable[Mapping[str, Any]]) -> dict[str, Score]:
    facts = {item["account"]: item["facts"] for item in considered if "outcomes" in item["facts"]}
    return {account: Score(item["percent"], item["outcomes"]) for account, item in facts.items()}
