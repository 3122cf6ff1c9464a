"""The dashboard's page of one endpoint: what it was told, how often, what was answered, and what people do about it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.errors import FieldError, InvalidRequest, Refusal
from afriflow.core.language import say
from afriflow.core.permission import Permission
from afriflow.delivery.endpoints import (
    Change,
    Endpoint,
    change_endpoint,
    endpoint_of,
    remove_endpoint,
    resend,
    rotate_secret,
)
from afriflow.delivery.event_types import EVENT_TYPES, TEST_EVENT
from afriflow.delivery.probe import Probe
from afriflow.delivery.replay import Range, replays_of
from afriflow.delivery.search import (
    STATES,
    DeliveryFilter,
    deliveries_at,
    tries_of,
)
from afriflow.ledger.search import make_cursor, read_cursor
from afriflow.web.api_endpoints import check_endpoint_url
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import dashboard_page, read_id
from afriflow.web.dashboard_webhooks import DESCRIPTION_CHARACTERS_MAX, ticked
from afriflow.web.form import read_form, read_query, require_own_page
from afriflow.web.render import go_to, page_language, zone_of
from afriflow.web.sign_in import HOME

_ROWS = 25
_REPLAYS = 3
_OVERLAPS_HOURS = (24, 1, 72, 168, 0)


@dataclass(frozen=True, slots=True)
class _Came:
    """What a click on an endpoint's page led to."""

    endpoint: Endpoint | None = None
    secret: str = ""
    probe: Probe | None = None
    refusal: Refusal | None = None
    form: dict[str, str] | None = None


class EndpointPages(Controller):
    """One endpoint and its deliveries for people."""

    path = f"{HOME}/webhooks/{{endpoint_id:str}}"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.WEBHOOKS_READ)
    async def read(
        self, request: Request[Any, Any, Any], house: House, caller: Who, endpoint_id: FromPath[str]
    ) -> Response[Any]:
        """Show one endpoint: what it was told, how often, and what its server answered."""
        return await _one(request, house, caller, read_id(endpoint_id), _Came())

    @post("/change", permission=Permission.WEBHOOKS_WRITE)
    async def change(
        self, request: Request[Any, Any, Any], house: House, caller: Who, endpoint_id: FromPath[str]
    ) -> Response[Any]:
        """Change address, description and events."""
        form, endpoint_id = await read_form(request), read_id(endpoint_id)
        fault = check_endpoint_url(house, form.get("url", ""), caller.mode)
        if fault is not None:
            refused = _Came(refusal=InvalidRequest([fault]), form=form)
            return await _one(request, house, caller, endpoint_id, refused)
        description = form.get("description", "")[:DESCRIPTION_CHARACTERS_MAX]
        change = Change(form["url"], description, ticked(form))
        async with house.database.transaction() as connection:
            await change_endpoint(connection, house.vault, caller, endpoint_id, change)
        return _back(endpoint_id, done="endpoint_changed")

    @post("/disable", permission=Permission.WEBHOOKS_WRITE)
    async def disable(self, house: House, caller: Who, endpoint_id: FromPath[str]) -> Response[None]:
        """Tell it nothing until somebody says otherwise."""
        async with house.database.transaction() as connection:
            change = Change(enabled=False)
            await change_endpoint(connection, house.vault, caller, read_id(endpoint_id), change)
        return _back(endpoint_id, done="endpoint_disabled")

    @post("/enable", permission=Permission.WEBHOOKS_WRITE)
    async def enable(self, house: House, caller: Who, endpoint_id: FromPath[str]) -> Response[None]:
        """Tell it again, and offer what it missed."""
        async with house.database.transaction() as connection:
            before = await endpoint_of(connection, house.vault, caller, read_id(endpoint_id))
            await change_endpoint(connection, house.vault, caller, before.id, Change(enabled=True))
        missed = {} if before.disabled_at is None else {"since": _local(before.disabled_at, caller.country)}
        return _back(endpoint_id, done="endpoint_enabled", **missed)

    @post("/rotate", permission=Permission.WEBHOOKS_WRITE)
    async def rotate(
        self, request: Request[Any, Any, Any], house: House, caller: Who, endpoint_id: FromPath[str]
    ) -> Response[Any]:
        """Give it a new secret, which is on this page and on no other."""
        form, endpoint_id = await read_form(request), read_id(endpoint_id)
        chosen = [hours for hours in _OVERLAPS_HOURS if str(hours) == form.get("hours")]
        seconds = chosen[0] * 3600 if chosen else house.settings.secret_overlap_seconds
        try:
            async with house.database.transaction() as connection:
                made = await rotate_secret(connection, house.vault, house.clock, caller, endpoint_id, seconds)
        except Refusal as refusal:
            return await _one(request, house, caller, endpoint_id, _Came(refusal=refusal))
        return await _one(request, house, caller, endpoint_id, _Came(secret=made.secret))

    # A test says nothing that is new to whoever may read the page, and goes nowhere but to the address that is kept.
    @post("/test", permission=Permission.WEBHOOKS_WRITE, fresh_proof=False)
    async def test(
        self, request: Request[Any, Any, Any], house: House, caller: Who, endpoint_id: FromPath[str]
    ) -> Response[Any]:
        """Send a test event and show what was answered."""
        probe = await house.prober.probe(caller, read_id(endpoint_id))
        return await _one(request, house, caller, endpoint_id, _Came(probe=probe))

    # What was said once may be said again: that needs no fresh proof.
    @post("/replay", permission=Permission.WEBHOOKS_WRITE, fresh_proof=False)
    async def replay(
        self, request: Request[Any, Any, Any], house: House, caller: Who, endpoint_id: FromPath[str]
    ) -> Response[Any]:
        """Have the events of a time told once more."""
        form, endpoint_id = await read_form(request), read_id(endpoint_id)
        try:
            since, until = (_moment(form, name, caller.country) for name in ("since", "until"))
            async with house.database.connection() as connection:
                await endpoint_of(connection, house.vault, caller, endpoint_id)
            if since is None:
                raise InvalidRequest([FieldError("/since", "missing")])
            types = [form["type"]] if form.get("type") else ()
            await house.replayer.begin(caller, endpoint_id, Range(since, until, types))
        except Refusal as refusal:
            return await _one(request, house, caller, endpoint_id, _Came(refusal=refusal, form=form))
        return _back(endpoint_id, done="replay")

    @post(
        "/events/{event_id:str}/resend",
        permission=Permission.WEBHOOKS_WRITE,
        fresh_proof=False,
    )
    async def send_again(
        self,
        request: Request[Any, Any, Any],
        house: House,
        caller: Who,
        endpoint_id: FromPath[str],
        event_id: FromPath[str],
    ) -> Response[Any]:
        """Send one event again to this endpoint alone."""
        endpoint_id = read_id(endpoint_id)
        try:
            async with house.database.transaction() as connection:
                await resend(
                    connection,
                    house.ids,
                    merchant_id=caller.merchant_id,
                    mode=caller.mode,
                    event_id=read_id(event_id),
                    endpoint_id=endpoint_id,
                )
        except Refusal as refusal:
            return await _one(request, house, caller, endpoint_id, _Came(refusal=refusal))
        return _back(endpoint_id, done="resend")

    @post("/remove", permission=Permission.WEBHOOKS_WRITE)
    async def remove(self, house: House, caller: Who, endpoint_id: FromPath[str]) -> Response[None]:
        """Forget an address."""
        async with house.database.transaction() as connection:
            await remove_endpoint(
                connection,
                merchant_id=caller.merchant_id,
                mode=caller.mode,
                endpoint_id=read_id(endpoint_id),
                who=caller.who,
            )
        return go_to(f"{HOME}/webhooks?done=remove")


async def _one(
    request: Request[Any, Any, Any], house: House, caller: Who, endpoint_id: str, came: _Came
) -> Response[Any]:
    """Show an endpoint with what the last click led to. Raises NotFound."""
    status, kind = read_query(request, "status"), read_query(request, "type")
    status, kind = (status if status in STATES else ""), (kind if kind in (*EVENT_TYPES, TEST_EVENT) else "")
    cursor, here = read_query(request, "cursor"), f"{HOME}/webhooks/{endpoint_id}"
    try:
        before = read_cursor(cursor) if cursor else None
    except InvalidRequest:  # a cursor that was cut off: begin anew
        return go_to(here)
    wanted = DeliveryFilter(status or None, kind or None)
    async with house.database.connection() as connection:
        found = await endpoint_of(connection, house.vault, caller, endpoint_id)
        rows = await deliveries_at(connection, caller, found.id, wanted, limit=_ROWS + 1, before=before)
        tries = await tries_of(connection, caller, [row["id"] for row in rows[:_ROWS]])
        replays = await replays_of(connection, caller, found.id, limit=_REPLAYS)
    asked = {name: value for name, value in (("status", status), ("type", kind)) if value}
    following = make_cursor(rows[_ROWS - 1]["id"]) if len(rows) > _ROWS else None
    return dashboard_page(
        request,
        caller,
        "webhook.html",
        status=200 if came.refusal is None else came.refusal.status,
        item=found,
        secret=came.secret,
        probe=came.probe,
        wrong=_said(came.refusal, page_language(request, caller.language)) if came.refusal else "",
        form=came.form or {"since": read_query(request, "since")},
        shown=[(row, tries[row["id"]]) for row in rows[:_ROWS]],
        replays=replays,
        states=STATES,
        types=EVENT_TYPES,
        test_event=TEST_EVENT,
        status_wanted=status,
        type_wanted=kind,
        overlaps=_OVERLAPS_HOURS,
        narrowed=bool(asked or cursor),
        next_url=f"{here}?{urlencode({**asked, 'cursor': following})}" if following else None,
        first_url=f"{here}?{urlencode(asked)}" if cursor else None,
    )


def _back(endpoint_id: str, **query: str) -> Response[None]:
    return go_to(f"{HOME}/webhooks/{read_id(endpoint_id)}?{urlencode(query)}")


def _moment(form: dict[str, str], name: str, country: str) -> datetime | None:
    """Read a time as clocks in a country show it. Raises InvalidRequest."""
    text = form.get(name, "")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone_of(country)).astimezone(UTC) if text else None
    except (ValueError, OverflowError) as error:
        raise InvalidRequest([FieldError(f"/{name}", "invalid_value", {"reason": "no time"})]) from error


def _local(moment: datetime, country: str) -> str:
    """Write a time as a form's field wants it, rounded down."""
    return moment.astimezone(zone_of(country)).strftime("%Y-%m-%dT%H:%M")


def _said(refusal: Refusal, language: str) -> str:
    if isinstance(refusal, InvalidRequest):
        fault = refusal.errors[0]
        return say(f"field.{fault.code}", language, **fault.facts)
    return say(f"error.{refusal.code}", language, **refusal.facts)
