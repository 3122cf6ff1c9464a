"""The dashboard's saved views: a filter kept under a name, for oneself or for the team."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from litestar import Controller, Request, Response, post
from litestar.params import FromPath

from afriflow.core.permission import Permission
from afriflow.merchants.saved_views import NAME_CHARACTERS_MAX, remove_view, save_view
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import read_id
from afriflow.web.dashboard_filter import STATUSES, STATUSES_OUT, read_asked
from afriflow.web.form import read_form, require_own_page
from afriflow.web.render import go_to
from afriflow.web.sign_in import HOME

# Each list that can be narrowed, with its address and the statuses that it knows.
_LISTINGS = {
    "transactions": (HOME, STATUSES),
    "payouts": (f"{HOME}/money-out/payouts", STATUSES_OUT),
    "refunds": (f"{HOME}/money-out/refunds", STATUSES_OUT),
}


class ViewPages(Controller):
    """Saved views for people."""

    path = f"{HOME}/views"
    guards = [require_own_page, require_person]
    include_in_schema = False

    # What somebody likes to look at changes nothing for anybody: whoever may look may keep it.
    @post("/", permission=Permission.TRANSACTIONS_READ)
    async def save(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[None]:
        """Keep the filter that a list is narrowed to."""
        form = await read_form(request)
        listing = form["listing"] if form.get("listing") in _LISTINGS else "transactions"
        address, statuses = _LISTINGS[listing]
        asked = read_asked(dict(parse_qsl(form.get("query", ""))), statuses)
        name = " ".join(form.get("name", "").split())[:NAME_CHARACTERS_MAX]
        outcome = "view_unnamed"
        if name and name.isprintable():
            async with house.database.transaction() as connection:
                kept = await save_view(
                    connection,
                    house.ids,
                    caller,
                    listing=listing,
                    name=name,
                    query=asked.query(),
                    shared="shared" in form,
                )
            outcome = "view" if kept else "views_full"
        return go_to(f"{address}?{asked.query(done=outcome)}")

    @post("/{view_id:str}/remove", permission=Permission.TRANSACTIONS_READ)
    async def remove(self, house: House, caller: Who, view_id: FromPath[str]) -> Response[None]:
        """Forget a view; a shared one of somebody else's only where one decides about the team."""
        of_anybody = Permission.TEAM_WRITE in caller.permissions
        async with house.database.transaction() as connection:
            view = await remove_view(connection, caller, read_id(view_id), of_anybody=of_anybody)
        return go_to(f"{_LISTINGS[view.listing][0]}?{urlencode({'done': 'view_removed'})}")
