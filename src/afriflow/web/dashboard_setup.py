"""The dashboard's second half: the merchant's contracts with providers, and where its servers are told."""

import itertools
from collections.abc import Sequence
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.errors import FieldError, NotFound
from afriflow.core.language import say
from afriflow.core.permission import Permission
from afriflow.delivery.endpoints import Endpoint, add_endpoint, endpoints_of, remove_endpoint
from afriflow.delivery.search import failing_deliveries
from afriflow.routing.announce import changes_of
from afriflow.routing.force import Decision
from afriflow.routing.route import MONEY_IN, MONEY_OUT
from afriflow.web.api_endpoints import check_endpoint_url
from afriflow.web.api_providers import shown_accounts
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import dashboard_page
from afriflow.web.form import read_form, require_own_page
from afriflow.web.render import go_to, page_language
from afriflow.web.sign_in import HOME

_DELIVERIES = 20
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


class WebhookPages(Controller):
    """Endpoints and deliveries for people."""

    path = f"{HOME}/webhooks"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.WEBHOOKS_READ)
    async def list_(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """List where the merchant is told, and what it was told lately."""
        return await self._page(request, house, caller)

    @post("/", permission=Permission.WEBHOOKS_WRITE)
    async def add(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """Register an address; its secret is on this page and on no other."""
        form = await read_form(request)
        url = form.get("url", "")
        fault = check_endpoint_url(house, url, caller.mode)
        if fault is not None:
            return await self._page(request, house, caller, url=url, fault=fault)
        async with house.database.transaction() as connection:
            made = await add_endpoint(
                connection,
                house.vault,
                house.ids,
                merchant_id=caller.merchant_id,
                mode=caller.mode,
                url=url,
                who=caller.who,
            )
        return await self._page(request, house, caller, made=made)

    @post("/{endpoint_id:str}/remove", permission=Permission.WEBHOOKS_WRITE)
    async def remove(self, house: House, caller: Who, endpoint_id: FromPath[str]) -> Response[None]:
        """Forget an address."""
        async with house.database.transaction() as connection:
            await remove_endpoint(
                connection,
                merchant_id=caller.merchant_id,
                mode=caller.mode,
                endpoint_id=_id(endpoint_id),
                who=caller.who,
            )
        return go_to(f"{HOME}/webhooks?done=remove")

    async def _page(
        self,
        request: Request[Any, Any, Any],
        house: House,
        caller: Who,
        *,
        url: str = "",
        fault: FieldError | None = None,
        made: Endpoint | None = None,
    ) -> Response[str]:
        async with house.database.connection() as connection:
            endpoints: Sequence[Endpoint] = await endpoints_of(
                connection, house.vault, caller.merchant_id, caller.mode
            )
            deliveries = await failing_deliveries(
                connection, caller, [item.id for item in endpoints], house.clock.now(), limit=_DELIVERIES
            )
        language = page_language(request, caller.language)
        return dashboard_page(
            request,
            caller,
            "webhooks.html",
            status=422 if fault else 200,
            endpoints=endpoints,
            deliveries=deliveries,
            url=url,
            wrong=say(f"field.{fault.code}", language, **fault.facts) if fault else "",
            made=made,
        )


def _id(text: str) -> str:
    """An id that cannot be one names nothing. Raises NotFound."""
    if not text.isprintable() or len(text) > _ID_CHARACTERS_MAX:
        raise NotFound(id="")
    return text
