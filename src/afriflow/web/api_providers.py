"""The API for merchants' servers: their accounts at providers, how these are, and taking one out of routing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from litestar import Controller, get, post
from litestar.params import FromPath, JSONBody

from afriflow.core.permission import Permission
from afriflow.merchants.accounts import Contract
from afriflow.port.money_out import Refunds
from afriflow.port.provider import Route
from afriflow.routing.choose import carried
from afriflow.routing.circuit import State
from afriflow.routing.route import MONEY_IN, MONEY_OUT
from afriflow.web.api_setup import read_id
from afriflow.web.auth import House, Who, require_key


class ShownCircuit(msgspec.Struct, frozen=True):
    """A breaker that is not closed. operator: null for the whole account."""

    operation: str
    operator: str | None
    state: str
    asked_again_at: datetime | None


class ShownAccount(msgspec.Struct, frozen=True):
    """A provider account, what it can carry and how it is. healthy: it takes payments, at least of some operators.

    routes, payout_routes: with the limits that the provider tells of this account. refunds: whether it can give back.
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
    callback_url: str
    routes: tuple[Route, ...]
    payout_routes: tuple[Route, ...]
    refunds: bool


class AccountList(msgspec.Struct, frozen=True):
    data: list[ShownAccount]


class PauseRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/providers/{account}/pause. reason: for whoever wonders later."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


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


async def shown_accounts(house: House, caller: Who) -> list[ShownAccount]:
    """Show a merchant's accounts in one mode; used by the API and the dashboard."""
    async with house.database.connection() as connection:
        contracts = await house.accounts.contracts(connection, caller.merchant_id, caller.mode)
    return [await _show(house, item) for item in contracts]


async def _show(house: House, item: Contract) -> ShownAccount:
    spec, circuits = item.spec, list[ShownCircuit]()
    for operation, routes in ((MONEY_IN, spec.routes), (MONEY_OUT, spec.payout_routes)):
        circuits += await _circuits(house, item.account.id, operation, routes)
    whole = next((found for found in circuits if (found.operation, found.operator) == (MONEY_IN, None)), None)
    is_open = whole is not None and whole.state == State.OPEN
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
        healthy=not is_open,
        asked_again_at=whole.asked_again_at if whole is not None and is_open else None,
        circuits=tuple(circuits),
        callback_url=item.account.callback_url,
        routes=carried(item, outgoing=False),
        payout_routes=carried(item, outgoing=True),
        refunds=isinstance(house.factory.open(item.account).adapter, Refunds),
    )


async def _circuits(
    house: House, account_id: str, operation: str, routes: Sequence[Route]
) -> list[ShownCircuit]:
    operators = sorted({route.operator for route in routes if route.operator})
    seen = await house.health.look(account_id, operation, operators)
    now = house.clock.now()
    return [
        ShownCircuit(
            operation,
            operator,
            item.state.value,
            now + timedelta(seconds=item.wait_seconds) if item.state is State.OPEN else None,
        )
        for operator, item in seen.items()
        if item.state is not State.CLOSED
    ]
