"""The dashboard's page of one provider account: how it does, what it holds, what it carries, what was done to it."""

from collections.abc import Sequence
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.params import FromPath

from afriflow.core.errors import NotFound
from afriflow.core.money import Money, parse_money
from afriflow.core.operator import country_name, in_order
from afriflow.core.permission import Permission
from afriflow.ledger.present import show_amount
from afriflow.port.balances import Balance
from afriflow.port.provider import Route
from afriflow.routing.announce import changes_of
from afriflow.routing.hours import courses_of
from afriflow.web.api_providers import show_account
from afriflow.web.auth import House, Who, require_person
from afriflow.web.course import WINDOWS, beginning, drawn
from afriflow.web.dashboard import dashboard_page, read_id
from afriflow.web.form import read_query, require_own_page
from afriflow.web.render import page_language
from afriflow.web.sign_in import HOME

_CHANGES = 50


class ProviderPage(Controller):
    """One provider account for people."""

    path = f"{HOME}/providers/{{account_id:str}}"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.PROVIDERS_READ)
    async def show(
        self, request: Request[Any, Any, Any], house: House, caller: Who, account_id: FromPath[str]
    ) -> Response[str]:
        """Show an account with its last day or week."""
        account_id, language = read_id(account_id), page_language(request, caller.language)
        window = "week" if read_query(request, "window") == "week" else "day"
        since = beginning(house.clock.now(), window)
        async with house.database.connection() as connection:
            contracts = await house.accounts.contracts(connection, caller.merchant_id, caller.mode)
            courses = await courses_of(connection, caller.merchant_id, account_id, since)
            changes = await changes_of(connection, caller.merchant_id, account_id, _CHANGES)
        contract = next((item for item in contracts if item.account.id == account_id), None)
        if contract is None:
            raise NotFound(id=account_id)
        shown = await show_account(house, contract)
        held = await house.wallets.held_in(contract.account)
        lines = [drawn(item, since, window, language) for item in courses]
        looked_at = read_query(request, "line")
        return dashboard_page(
            request,
            caller,
            "provider.html",
            item=shown,
            held=held,
            balances=_balances(held.balances or () if held else (), language),
            lines=lines,
            line=next((item for item in lines if item.key == looked_at), None),
            window=window,
            windows=list(WINDOWS),
            slow_seconds=round(house.settings.breaker_slow_seconds),
            changes=changes,
            limits=_limits(shown.routes, language),
            limits_out=_limits(shown.payout_routes, language),
        )


def _balances(balances: Sequence[Balance], language: str) -> list[tuple[str, str, str]]:
    """Write balances down: country, the provider's name of the wallet, amount; sorted by country."""

    def written(item: Balance) -> str:
        money = parse_money(f"{item.amount:f}", item.currency)
        return show_amount(money, language) if money else f"{item.amount:f} {item.currency}"

    rows = [(country_name(item.country, language), item.wallet or "", written(item)) for item in balances]
    return sorted(rows, key=lambda row: (in_order(row[0]), *row[1:]))


def _limits(routes: Sequence[Route], language: str) -> list[tuple[str, Route, str, str]]:
    """Put what an account carries in order by country, with its limits written down."""

    def written(amount_minor: int | None, currency: str) -> str:
        return "" if amount_minor is None else show_amount(Money(amount_minor, currency), language)

    rows = [
        (
            country_name(route.country, language),
            route,
            written(route.minimum_minor, route.currency),
            written(route.maximum_minor, route.currency),
        )
        for route in routes
    ]
    return sorted(rows, key=lambda row: in_order(row[0]))
