"""Routing as the rest of the house uses it: reads accounts, rules and health, then lets `choose` decide."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from afriflow.core.clock import Clock
from afriflow.core.errors import InvalidRequest, NoRoute
from afriflow.core.language import say
from afriflow.core.operator import Country
from afriflow.db.engine import Connection, Database
from afriflow.merchants import audit_log
from afriflow.merchants.accounts import Accounts, Contract
from afriflow.merchants.keys import Caller
from afriflow.port.factory import specs
from afriflow.port.forced import Forced
from afriflow.routing import store
from afriflow.routing.choose import Decision, Unhealthy, Wish, choose
from afriflow.routing.force import forced_now, overrule
from afriflow.routing.health import Health
from afriflow.routing.offer import Offer, offers
from afriflow.routing.rules import Rules, faults_of
from afriflow.routing.standing import Peers, StandingLimits

# The breakers of money in and money out: they fail apart.
MONEY_IN, MONEY_OUT = "initiate", "disburse"
# What the audit log calls it when rules are put in force.
CHANGED = "routing.changed"


@dataclass(frozen=True, slots=True)
class Router:
    """Finds who carries a payment."""

    database: Database
    accounts: Accounts
    health: Health
    clock: Clock
    standing_limits: StandingLimits

    async def route(self, caller: Caller, wish: Wish, *, tried: Collection[str] = ()) -> Decision:
        """Decide; the first candidate is asked first. Raises NoRoute when there is none."""
        decision = await self.consider(caller, wish, tried=tried)
        if not decision.candidates:
            raise NoRoute(
                [
                    {
                        "provider": item.provider,
                        "account": item.account,
                        "code": item.code,
                        "why": say(f"why.{item.code}", caller.language, **item.facts),
                    }
                    for item in decision.considered
                ]
            )
        return decision

    async def consider(
        self, caller: Caller, wish: Wish, *, tried: Collection[str] = (), under: Rules | None = None
    ) -> Decision:
        """Decide without refusing: what would happen, and why. under: other rules than those in force."""
        async with self.database.connection() as connection:
            contracts = await self.accounts.contracts(connection, caller.merchant_id, caller.mode)
            rules = await rules_of(connection, caller) if under is None else under
        operators = [wish.method.operator] if wish.method.operator else []
        operation = MONEY_OUT if wish.is_payout else MONEY_IN
        unhealthy = await self.unhealthy(contracts, operation, operators)
        peers = Peers(operation, self.clock.now(), self.standing_limits)
        return choose(wish, contracts, rules, unhealthy_until=unhealthy, tried=tried, peers=peers)

    async def names(self, connection: Connection, caller: Caller) -> dict[str, str]:
        """Give what a rule may name, providers before accounts, each with its provider."""
        contracts = await self.accounts.contracts(connection, caller.merchant_id, caller.mode)
        named = {name: name for name in specs()}
        return named | {item.account.id: item.account.provider for item in contracts}

    async def put_rules(self, connection: Connection, caller: Caller, rules: Rules) -> None:
        """Put rules in force in the place of those that are; in a transaction. Raises InvalidRequest."""
        faults = faults_of(rules, await self.names(connection, caller))
        if faults:
            raise InvalidRequest(faults)
        before, stored = await rules_of(connection, caller), msgspec.to_builtins(rules)
        await connection.execute(store.RULES_PUT, caller.merchant_id, caller.mode, stored)
        await audit_log.write(
            connection,
            merchant_id=caller.merchant_id,
            who=caller.who,
            action=CHANGED,
            subject=subject_of(caller),
            details={"mode": caller.mode, "before": _said(before), "after": _said(rules)},
        )

    async def offers(
        self, caller: Caller, country: Country, currency: str, amount_minor: int | None, predicted: str | None
    ) -> list[Offer]:
        """Find what can be offered to a payer now, best first."""
        async with self.database.connection() as connection:
            contracts = await self.accounts.contracts(connection, caller.merchant_id, caller.mode)
            rules = await rules_of(connection, caller)
        operators = [operator.id for operator in country.operators]
        unhealthy = await self.unhealthy(contracts, MONEY_IN, operators)
        peers = Peers(MONEY_IN, self.clock.now(), self.standing_limits)
        return offers(country, currency, amount_minor, predicted, contracts, rules, unhealthy, peers)

    async def unhealthy(
        self, contracts: Collection[Contract], operation: str, operators: Collection[str]
    ) -> Unhealthy:
        """Tell which breakers of these accounts and of these operators in them are open, and until when or by whom."""
        now, found = self.clock.now(), dict[tuple[str, str | None], datetime | Forced]()
        for contract in contracts:
            account = contract.account
            forced = forced_now(account, operation, now)
            for operator, seen in (await self.health.look(account.id, operation, operators)).items():
                decided = forced.get(operator)
                after = overrule(seen, decided, now)
                if not after.allowed:
                    found[account.id, operator] = decided or now + timedelta(seconds=after.wait_seconds)
        return found


async def rules_of(connection: Connection, caller: Caller) -> Rules:
    """Give a merchant's rules; none yet means that priority alone decides."""
    stored = await connection.fetchval(store.RULES, caller.merchant_id, caller.mode)
    return msgspec.convert(stored, Rules) if stored else Rules()


def subject_of(caller: Caller) -> str:
    """Name the rules of a mode, as the audit log does."""
    return f"rules_{caller.mode}"


def _said(rules: Rules) -> list[dict[str, Any]]:
    """Write rules without what they leave open."""
    said = [msgspec.to_builtins(rule) for rule in rules.rules]
    for rule in said:
        rule["when"] = {name: value for name, value in rule["when"].items() if value is not None}
    return [{name: value for name, value in rule.items() if value} for rule in said]
