"""The dashboard's exports: a list as a file, streamed, with a page that says before how much it is and shows how far it has come."""

from typing import Any

from litestar import Controller, Request, Response, get
from litestar.params import FromPath
from litestar.response import Stream

from afriflow.core.errors import NotFound
from afriflow.core.permission import Permission
from afriflow.ledger.export import COLUMNS, expected, lines
from afriflow.ledger.search import narrowed_by
from afriflow.ledger.search_out import narrowed_out
from afriflow.merchants import audit_log
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import dashboard_page
from afriflow.web.dashboard_filter import (
    STATUSES,
    STATUSES_OUT,
    Asked,
    asked_of,
    money_out_wanted,
    payments_wanted,
)
from afriflow.web.form import require_own_page
from afriflow.web.sign_in import HOME

_KINDS = {"payouts": "payout", "refunds": "refund"}


class ExportPages(Controller):
    """Lists as files for people."""

    path = HOME
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/export/{listing:str}", permission=Permission.TRANSACTIONS_READ)
    async def prepare(
        self, request: Request[Any, Any, Any], house: House, caller: Who, listing: FromPath[str]
    ) -> Response[str]:
        """Say how many rows a file will have, and what is in it."""
        if listing not in COLUMNS:
            raise NotFound(id="")
        asked = _asked(request, listing)
        narrowed = await _narrowed(house, caller, listing, asked)
        async with house.database.connection() as connection:
            expectation = await expected(connection, caller, listing, narrowed)
        return dashboard_page(
            request,
            caller,
            "export.html",
            listing=listing,
            asked=asked,
            expected=expectation,
            columns=list(COLUMNS[listing]),
            back_url=f"{HOME if listing == 'transactions' else f'{HOME}/money-out/{listing}'}?{asked.query()}",
        )

    @get("/transactions.csv", permission=Permission.TRANSACTIONS_READ)
    async def transactions(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Stream:
        """Stream payments."""
        return await _file(request, house, caller, "transactions")

    @get("/payouts.csv", permission=Permission.PAYOUTS_READ)
    async def payouts(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Stream:
        """Stream payouts."""
        return await _file(request, house, caller, "payouts")

    @get("/refunds.csv", permission=Permission.REFUNDS_READ)
    async def refunds(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Stream:
        """Stream refunds."""
        return await _file(request, house, caller, "refunds")


async def _file(request: Request[Any, Any, Any], house: House, caller: Who, listing: str) -> Stream:
    """Note who takes what away, then begin."""
    asked = _asked(request, listing)
    narrowed = await _narrowed(house, caller, listing, asked)
    async with house.database.transaction() as connection:
        await audit_log.write(
            connection,
            merchant_id=caller.merchant_id,
            who=caller.who,
            action="export.made",
            subject=listing,
            details={"mode": caller.mode, **asked.words},
        )
    return Stream(
        lines(house.database, caller, listing, narrowed),
        media_type="text/csv",
        headers={
            "content-disposition": f'attachment; filename="{listing}-{caller.mode}.csv"',
            "cache-control": "no-store",
        },
    )


def _asked(request: Request[Any, Any, Any], listing: str) -> Asked:
    return asked_of(request, STATUSES if listing == "transactions" else STATUSES_OUT)


async def _narrowed(house: House, caller: Who, listing: str, asked: Asked) -> dict[str, object]:
    if listing == "transactions":
        return narrowed_by(await payments_wanted(house, caller, asked))
    return narrowed_out(_KINDS[listing], await money_out_wanted(house, caller, asked))
