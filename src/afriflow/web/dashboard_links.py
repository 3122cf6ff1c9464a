"""The dashboard's payment links: made without a line of code, shared by message or on paper, closed by a click."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.checkout.link import USES_MAX, LinkRequest
from afriflow.core.errors import FieldError, InvalidRequest
from afriflow.core.language import say
from afriflow.core.money import read_amount
from afriflow.core.permission import Permission
from afriflow.ledger.present import show_transaction
from afriflow.ledger.search import Filter, search
from afriflow.web.api_links import show_link, shown_links
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import dashboard_page, read_id
from afriflow.web.dashboard_filter import home_place, places
from afriflow.web.form import read_form, read_query, require_own_page
from afriflow.web.render import go_to, page_language
from afriflow.web.sign_in import HOME

_ROWS = 25
_DAY_SECONDS = 86_400
_NOTHING: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A form as a request, or what is wrong with it, by field."""

    request: LinkRequest | None
    wrong: dict[str, FieldError]


class LinkPages(Controller):
    """Payment links for people."""

    path = f"{HOME}/links"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.LINKS_READ)
    async def list_(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """List links, newest first, with a form for another."""
        return await self._list(request, house, caller)

    @post("/", permission=Permission.LINKS_WRITE)
    async def make(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[Any]:
        """Make a link and show it."""
        form = await read_form(request)
        wanted = _read(form)
        if wanted.request is None:
            return await self._list(request, house, caller, form, wanted.wrong)
        try:
            made = await house.links.make(caller, wanted.request)
        except InvalidRequest as error:
            wrong = {fault.pointer.strip("/"): fault for fault in error.errors}
            return await self._list(request, house, caller, form, wrong)
        return go_to(f"{HOME}/links/{made['id']}?done=link")

    @get("/{link_id:str}", permission=Permission.LINKS_READ)
    async def read(
        self, request: Request[Any, Any, Any], house: House, caller: Who, link_id: FromPath[str]
    ) -> Response[str]:
        """Show one link: address, code, what to send, and who has paid through it."""
        language = page_language(request, caller.language)
        shown = show_link(house, caller, await house.links.read(caller, read_id(link_id)), language)
        async with house.database.connection() as connection:
            found = await search(connection, caller, Filter(link=shown.id), limit=_ROWS, cursor=None)
        base_url = house.settings.base_url
        return dashboard_page(
            request,
            caller,
            "link_story.html",
            shown=shown,
            share_url=f"https://wa.me/?text={quote(shown.share_text)}",
            payments=[
                show_transaction(row, found.attempts[row["id"]], base_url, language) for row in found.rows
            ],
            more_url=f"{HOME}?{urlencode({'q': shown.id})}" if found.next_cursor else None,
        )

    @post("/{link_id:str}/disable", permission=Permission.LINKS_WRITE)
    async def disable(self, house: House, caller: Who, link_id: FromPath[str]) -> Response[None]:
        """Close a link for good."""
        shown = await house.links.disable(caller, read_id(link_id))
        return go_to(f"{HOME}/links/{shown['id']}?done=link_closed")

    async def _list(
        self,
        request: Request[Any, Any, Any],
        house: House,
        caller: Who,
        form: dict[str, str] = _NOTHING,
        wrong: dict[str, FieldError] | None = None,
    ) -> Response[Any]:
        language = page_language(request, caller.language)
        try:
            page = await shown_links(house, caller, _ROWS, read_query(request, "cursor") or None, language)
        except InvalidRequest:  # a cursor that was cut off: begin anew
            return go_to(f"{HOME}/links")
        return dashboard_page(
            request,
            caller,
            "links.html",
            status=422 if wrong else 200,
            links=page.data,
            next_url=f"{HOME}/links?{urlencode({'cursor': page.next_cursor})}" if page.next_cursor else None,
            form={"place": home_place(caller.country), **form},
            places=places(language),
            wrong={
                name: say(f"field.{fault.code}", language, **fault.facts)
                for name, fault in (wrong or {}).items()
            },
        )


def _read(form: dict[str, str]) -> _Wanted:
    """Read the form as people fill it in: amounts as they write them, days, nothing where they leave a field empty."""
    wrong: dict[str, FieldError] = {}
    country, _, currency = form.get("place", "").partition(" ")

    def amount(name: str) -> int | None:
        text = form.get(name, "")
        money = read_amount(text, currency) if text else None
        if text and money is None:
            wrong[name] = FieldError(f"/{name}", "not_an_amount", {"currency": currency})
        return money.amount_minor if money else None

    def number(name: str, most: int) -> int | None:
        text = form.get(name, "")
        if text and not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= most):
            wrong[name] = FieldError(f"/{name}", "out_of_bounds", {"minimum": 1, "maximum": most})
            return None
        return int(text) if text else None

    days = number("days", 5 * 366)
    request = LinkRequest(
        currency=currency,
        country=country,
        amount=amount("amount"),
        amount_min=amount("amount_min"),
        amount_max=amount("amount_max"),
        description=form.get("description") or None,
        expires_in=None if days is None else days * _DAY_SECONDS,
        uses_max=number("uses_max", USES_MAX),
    )
    return _Wanted(None if wrong else request, wrong)
