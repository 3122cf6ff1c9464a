"""The dashboard's page of where the merchant's servers are told, and what they did not hear lately."""

from collections import Counter
from typing import Any

from litestar import Controller, Request, Response, get, post

from afriflow.core.errors import FieldError
from afriflow.core.language import say
from afriflow.core.permission import Permission
from afriflow.delivery.endpoints import (
    Endpoint,
    add_endpoint,
    endpoints_of,
)
from afriflow.delivery.event_types import EVENT_TYPES
from afriflow.delivery.search import (
    LATELY_DAYS,
    failing_deliveries,
)
from afriflow.web.api_endpoints import check_endpoint_url
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import dashboard_page
from afriflow.web.form import read_form, require_own_page
from afriflow.web.render import page_language
from afriflow.web.sign_in import HOME

_FAILING = 20
DESCRIPTION_CHARACTERS_MAX = 200
_NOTHING: dict[str, str] = {}


class WebhookPages(Controller):
    """Endpoints for people."""

    path = f"{HOME}/webhooks"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.WEBHOOKS_READ)
    async def list_(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """List where the merchant is told, and what was not heard lately."""
        return await _list(request, house, caller)

    @post("/", permission=Permission.WEBHOOKS_WRITE)
    async def add(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """Register an address; its secret is on this page and on no other."""
        form = await read_form(request)
        fault = check_endpoint_url(house, form.get("url", ""), caller.mode)
        if fault is not None:
            return await _list(request, house, caller, form=form, fault=fault)
        async with house.database.transaction() as connection:
            made = await add_endpoint(
                connection,
                house.vault,
                house.ids,
                merchant_id=caller.merchant_id,
                mode=caller.mode,
                url=form["url"],
                who=caller.who,
                description=form.get("description", "")[:DESCRIPTION_CHARACTERS_MAX],
                types=ticked(form),
            )
        return await _list(request, house, caller, made=made)


async def _list(
    request: Request[Any, Any, Any],
    house: House,
    caller: Who,
    *,
    form: dict[str, str] = _NOTHING,
    fault: FieldError | None = None,
    made: Endpoint | None = None,
) -> Response[str]:
    async with house.database.connection() as connection:
        found = await endpoints_of(connection, house.vault, caller.merchant_id, caller.mode)
        ids = [item.id for item in found]
        failing = await failing_deliveries(connection, caller, ids, house.clock.now(), limit=_FAILING)
    language = page_language(request, caller.language)
    return dashboard_page(
        request,
        caller,
        "webhooks.html",
        status=422 if fault else 200,
        endpoints=found,
        urls={item.id: item.url for item in found},
        failing=failing[:_FAILING],
        counts=Counter(row["endpoint_id"] for row in failing),
        count_max=_FAILING,
        days=LATELY_DAYS,
        form=form,
        types=EVENT_TYPES,
        wrong=say(f"field.{fault.code}", language, **fault.facts) if fault else "",
        made=made,
    )


def ticked(form: dict[str, str]) -> list[str]:
    """Give the events that were ticked; all of them are every event there will be."""
    ticked = [item for item in EVENT_TYPES if form.get(f"type.{item}")]
    return [] if len(ticked) == len(EVENT_TYPES) else ticked
