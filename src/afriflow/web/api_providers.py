"""The API for merchants' servers: their accounts at providers, how these are, and taking one out of routing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from litestar import Controller, get, post
from litestar.params import FromPath, JSONBody

from afriflow.core.permission import Permission
from afriflow.merchants.accounts import Contract
from afriflow.port.forced import Forced
from afriflow.port.money_out import Refunds
from afriflow.port.provider import Account, Route
from afriflow.routing.choose import carried
from afriflow.routing.circuit import State
from afriflow.routing.force import Decision, forced_now, overrule
from afriflow.routing.route import MONEY_IN, MONEY_OUT
from afriflow.routing.standing import score
from afriflow.web.api_setup import read_id
from afriflow.web.auth import House, Who, require_key


class ShownForced(msgspec.Struct, frozen=True):
    """What a person has decided about a breaker. state: open or closed, until a time at which it ends by itself."""

    state: str
    until: datetime
    by: str
    reason: str


class ShownCircuit(msgspec.Struct, frozen=True):
    """A breaker that is not closed, or that a person holds. operator: null for the whole account.

    state: its own, which goes on learning while it is forced. asked_again_at: null while it is asked.
    """

    operation: str
    operator: str | None
    state: str
    asked_again_at: datetime | None
    forced: ShownForced | None


class ShownStanding(msgspec.Struct, frozen=True):
    """How orders ended lately. percent: what to expect. outcomes: how many ends speak for it, the older the lighter."""

    operation: str
    operator: str | None
    percent: int
    outcomes: int


class ShownAccount(msgspec.Struct, frozen=True):
    """A provider account, what it can carry and how it is. healthy: it takes payments, at least of some operators.

    routes, payout_routes: with the limits that the provider tells of this account. refunds: whether it can give back.
    standings: only of operators of which something is known; an account far behind another is asked after it.
    """

    id: str
    object: str
    provider: str
    title: str
    mode: str
    priority: int
    status: str
    paused_at: datetime | None
    paused_by: str | None
    paused_reason: str | None
    healthy: bool
    asked_again_at: datetime | None
    circuits: tuple[ShownCircuit, ...]
    standings: tuple[ShownStanding, ...]
    callback_url: str
    routes: tuple[Route, ...]
    payout_routes: tuple[Route, ...]
    refunds: bool


class AccountList(msgspec.Struct, frozen=True):
    data: list[ShownAccount]


class PauseRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/providers/{account}/pause. reason: for whoever wonders later."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


OperatorId = Annotated[str, msgspec.Meta(max_length=64, pattern="^[a-z0-9_]+$")]


class ForceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/providers/{account}/force. operator: null for the account's own breaker. expires_in: seconds."""

    state: Literal["open", "closed"]
    operation: Literal["initiate", "disburse"]
    expires_in: int
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    operator: OperatorId | None = None


class UnforceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/providers/{account}/unforce."""

    operation: Literal["initiate", "disburse"]
    operator: OperatorId | None = None


class ProviderController(Controller):
    """The merchant's contracts with providers."""

    path = "/api/providers"
    guards = [require_key]
    tags = ["Providers"]

    @get("/", permission=Permission.PROVIDERS_READ, summary="List provider accounts")
    async def list_(self, house: House, caller: Who) -> AccountList:
        """List accounts with what they can carry, whether they are paused, and their breaker."""
        return AccountList(await shown_accounts(house, caller))

    @post(
        "/{account_id:str}/pause",
        permission=Permission.PROVIDERS_WRITE,
        status_code=200,
        summary="Take an account out of routing",
    )
    async def pause(
        self, house: House, caller: Who, account_id: FromPath[str], data: JSONBody[PauseRequest]
    ) -> AccountList:
        """Take an account out of routing; what it already carries is followed as before."""
        await house.announcer.pause(caller, read_id(account_id), data.reason)
        return AccountList(await shown_accounts(house, caller))

    @post(
        "/{account_id:str}/resume",
        permission=Permission.PROVIDERS_WRITE,
        status_code=200,
        summary="Put an account back",
    )
    async def resume(self, house: House, caller: Who, account_id: FromPath[str]) -> AccountList:
        """Put a paused account back into routing."""
        await house.announcer.resume(caller, read_id(account_id))
        return AccountList(await shown_accounts(house, caller))

    @post(
        "/{account_id:str}/force",
        permission=Permission.PROVIDERS_WRITE,
        status_code=200,
        summary="Hold a breaker open or closed for a time",
    )
    async def force(
        self, house: House, caller: Who, account_id: FromPath[str], data: JSONBody[ForceRequest]
    ) -> AccountList:
        """Hold a breaker open (not asked) or closed (asked whatever it learned), until a time."""
        wanted = (data.operation, data.operator, data.state == "open", data.expires_in, data.reason)
        await house.announcer.force(caller, read_id(account_id), Decision(*wanted))
        return AccountList(await shown_accounts(house, caller))

    @post(
        "/{account_id:str}/unforce",
        permission=Permission.PROVIDERS_WRITE,
        status_code=200,
        summary="Leave a breaker to itself again",
    )
    async def unforce(
        self, house: House, caller: Who, account_id: FromPath[str], data: JSONBody[UnforceRequest]
    ) -> AccountList:
        """Leave a breaker to what it learns again, before its time is over."""
        await house.announcer.unforce(caller, read_id(account_id), data.operation, data.operator)
        return AccountList(await shown_accounts(house, caller))


async def shown_accounts(house: House, caller: Who) -> list[ShownAccount]:
    """Show a merchant's accounts in one mode; used by the API and the dashboard."""
    async with house.database.connection() as connection:
        contracts = await house.accounts.contracts(connection, caller.merchant_id, caller.mode)
    return [await show_account(house, item) for item in contracts]


async def show_account(house: House, item: Contract) -> ShownAccount:
    spec, circuits, now = item.spec, list[ShownCircuit](), house.clock.now()
    for operation, routes in ((MONEY_IN, spec.routes), (MONEY_OUT, spec.payout_routes)):
        circuits += await _circuits(house, item.account, operation, routes, now)
    whole = next((found for found in circuits if (found.operation, found.operator) == (MONEY_IN, None)), None)
    asked_again_at = whole.asked_again_at if whole is not None else None
    scores = [(found, score(found, now, house.router.standing_limits)) for found in item.standings]
    return ShownAccount(
        id=item.account.id,
        object="provider_account",
        provider=item.account.provider,
        title=spec.title,
        mode=item.account.mode.value,
        priority=item.priority,
        status="paused" if item.paused_at else "active",
        paused_at=item.paused_at,
        paused_by=item.paused_by,
        paused_reason=item.paused_why,
        healthy=asked_again_at is None,
        asked_again_at=asked_again_at,
        circuits=tuple(circuits),
        standings=tuple(
            ShownStanding(found.operation, found.operator, expected.percent, expected.outcomes)
            for found, expected in scores
            if expected.outcomes
        ),
        callback_url=item.account.callback_url,
        routes=carried(item, outgoing=False),
        payout_routes=carried(item, outgoing=True),
        refunds=isinstance(house.factory.open(item.account).adapter, Refunds),
    )


async def _circuits(
    house: House, account: Account, operation: str, routes: Sequence[Route], now: datetime
) -> list[ShownCircuit]:
    """Show the breakers of an operation that are not closed, or that a person holds."""
    forced = forced_now(account, operation, now)
    known = (*(route.operator for route in routes), *forced)
    operators = sorted({operator for operator in known if operator})
    shown = list[ShownCircuit]()
    for operator, seen in (await house.health.look(account.id, operation, operators)).items():
        decided = forced.get(operator)
        after = overrule(seen, decided, now)
        is_shut = not after.allowed and (decided is not None or seen.state is State.OPEN)
        asked_again_at = now + timedelta(seconds=after.wait_seconds) if is_shut else None
        if seen.state is not State.CLOSED or decided is not None:
            shown.append(
                ShownCircuit(operation, operator, seen.state.value, asked_again_at, _forced(decided))
            )
    return shown


def _forced(decided: Forced | None) -> ShownForced | None:
    if decided is None:
        return None
    return ShownForced("open" if decided.is_open else "closed", decided.until, decided.by, decided.why)
