"""The dashboard's page of the merchant's contracts with providers: how they are, and what people decide about them."""

import itertools
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.errors import NotFound
from afriflow.core.permission import Permission
from afriflow.routing.announce import changes_of
from afriflow.routing.force import Decision
from afriflow.routing.route import MONEY_IN, MONEY_OUT
from afriflow.web.api_providers import shown_accounts
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import dashboard_page
from afriflow.web.form import read_form, require_own_page
from afriflow.web.render import go_to
from afriflow.web.sign_in import HOME

_CHANGES = 5
_REASON_CHARACTERS_MAX = 200
_ID_CHARACTERS_MAX = 64
# How long people hold a breaker on the page; the API takes any time.
_FORCE_MINUTES = (15, 60, 6 * 60, 24 * 60)
_FORCES = tuple(itertools.product(("open", "closed"), (MONEY_IN, MONEY_OUT)))


class ProviderPages(Controller):
    """Provider accounts for people."""

    path = f"{HOME}/providers"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.PROVIDERS_READ)
    async def list_(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """List the accounts of the mode, how they are and what they can carry."""
        return await self._page(request, house, caller)

    # In an outage every minute counts, and a pause is undone with a click: neither needs a fresh proof.
    @post("/{account_id:str}/pause", permission=Permission.PROVIDERS_WRITE, fresh_proof=False)
    async def pause(
        self, request: Request[Any, Any, Any], house: House, caller: Who, account_id: FromPath[str]
    ) -> Response[Any]:
        """Take an account out of routing; somebody will ask why, so a reason is wanted."""
        form = await read_form(request)
        reason = form.get("reason", "")[:_REASON_CHARACTERS_MAX]
        if not reason:
            return await self._page(request, house, caller, wrong_at=account_id)
        await house.announcer.pause(caller, _id(account_id), reason)
        return go_to(f"{HOME}/providers?done=pause")

    @post("/{account_id:str}/resume", permission=Permission.PROVIDERS_WRITE, fresh_proof=False)
    async def resume(self, house: House, caller: Who, account_id: FromPath[str]) -> Response[None]:
        """Put an account back."""
        await house.announcer.resume(caller, _id(account_id))
        return go_to(f"{HOME}/providers?done=resume")

    @post("/{account_id:str}/force", permission=Permission.PROVIDERS_WRITE, fresh_proof=False)
    async def force(
        self, request: Request[Any, Any, Any], house: House, caller: Who, account_id: FromPath[str]
    ) -> Response[Any]:
        """Hold a breaker open or closed for a time; somebody will ask why, so a reason is wanted."""
        form = await read_form(request)
        reason, minutes = form.get("reason", "")[:_REASON_CHARACTERS_MAX], form.get("minutes", "")
        known = (form.get("state"), form.get("operation")) in _FORCES and minutes in map(str, _FORCE_MINUTES)
        if not (reason and known):
            return await self._page(request, house, caller, wrong_force=account_id)
        wanted = (form["operation"], form.get("operator") or None, form["state"] == "open")
        decision = Decision(*wanted, seconds=60 * int(minutes), why=reason)
        await house.announcer.force(caller, _id(account_id), decision)
        return go_to(f"{HOME}/providers?done=force")

    @post("/{account_id:str}/unforce", permission=Permission.PROVIDERS_WRITE, fresh_proof=False)
    async def unforce(
        self, request: Request[Any, Any, Any], house: House, caller: Who, account_id: FromPath[str]
    ) -> Response[None]:
        """Leave a breaker to itself again."""
        form = await read_form(request)
        place = (form.get("operation", ""), form.get("operator") or None)
        await house.announcer.unforce(caller, _id(account_id), *place)
        return go_to(f"{HOME}/providers?done=unforce")

    async def _page(
        self,
        request: Request[Any, Any, Any],
        house: House,
        caller: Who,
        *,
        wrong_at: str = "",
        wrong_force: str = "",
    ) -> Response[str]:
        accounts = await shown_accounts(house, caller)
        async with house.database.connection() as connection:
            changes = {
                item.id: await changes_of(connection, caller.merchant_id, item.id, _CHANGES)
                for item in accounts
            }
        return dashboard_page(
            request,
            caller,
            "providers.html",
            status=422 if wrong_at or wrong_force else 200,
            accounts=accounts,
            changes=changes,
            wrong_at=wrong_at,
            wrong_force=wrong_force,
            force_minutes=_FORCE_MINUTES,
        )


def _id(text: str) -> str:
    """An id that cannot be one names nothing. Raises NotFound."""
    if not text.isprintable() or len(text) > _ID_CHARACTERS_MAX:
        raise NotFound(id="")
    return text
