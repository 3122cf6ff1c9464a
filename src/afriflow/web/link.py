"""The page of a payment link, /pay/link/{token}: says for whom and how much, and makes a payment only when asked to."""

import io
from typing import Any

import segno
from litestar import Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.errors import InvalidRequest, LinkClosed
from afriflow.core.language import say
from afriflow.core.money import Money, read_amount
from afriflow.core.transaction import Mode
from afriflow.ledger.present import show_amount
from afriflow.merchants.brand import brand_of
from afriflow.web.api_links import show_link
from afriflow.web.auth import House
from afriflow.web.brand import look_of
from afriflow.web.form import read_form
from afriflow.web.render import go_to, page_language, render

_BY_LINK = "the token in the address is what a payer has"
_TOKEN_CHARACTERS_MAX = 64


@get("/pay/link/{token:str}", include_in_schema=False, public=_BY_LINK)
async def show_link_page(
    request: Request[Any, Any, Any], house: House, token: FromPath[str]
) -> Response[str]:
    """Show what the link asks for; writes nothing."""
    return await _page(request, house, token)


@post("/pay/link/{token:str}", include_in_schema=False, public=_BY_LINK)
async def go_on(request: Request[Any, Any, Any], house: House, token: FromPath[str]) -> Response[Any]:
    """Make this payer's payment and lead to its page; a second click, or going back, leads to the same one."""
    form = await read_form(request)
    row, _ = await house.links.find(_cut(token))
    written, nonce = form.get("amount", ""), form.get("nonce", "")
    money = read_amount(written, row["currency"])
    if (money is None and row["amount_minor"] is None) or not nonce:
        return await _page(request, house, token, written=written, wrong="page.wrong_amount")
    try:
        url = await house.links.go_on(
            _cut(token), nonce[:_TOKEN_CHARACTERS_MAX], money.amount_minor if money else 0
        )
    except InvalidRequest as error:
        if all(fault.pointer == "/amount" for fault in error.errors):
            return await _page(request, house, token, written=written, wrong="page.amount_out_of_link")
        raise
    except LinkClosed:
        return await _page(request, house, token)
    return go_to(url.removeprefix(house.settings.base_url))


@get("/pay/link/{token:str}/qr.svg", include_in_schema=False, public=_BY_LINK)
async def draw(house: House, token: FromPath[str]) -> Response[bytes]:
    """Draw the code that leads to the link; always dark on white, or phones do not read it."""
    row, caller = await house.links.find(_cut(token))
    picture = io.BytesIO()
    code = segno.make(show_link(house, caller, row).url, error="m", micro=False)
    code.save(picture, kind="svg", border=3, light="#fff", scale=8)
    return Response(picture.getvalue(), media_type="image/svg+xml")


async def _page(
    request: Request[Any, Any, Any], house: House, token: str, *, written: str = "", wrong: str | None = None
) -> Response[str]:
    row, caller = await house.links.find(_cut(token))
    shown = show_link(house, caller, row)
    language = page_language(request, row["language"])
    async with house.database.connection() as connection:
        brand = await brand_of(connection, caller.merchant_id)

    def displayed(amount_minor: int | None) -> str:
        return "" if amount_minor is None else show_amount(Money(amount_minor, row["currency"]), language)

    bounds = {"minimum": displayed(shown.amount_min or 1), "maximum": displayed(shown.amount_max)}
    return render(
        request,
        "link.html",
        language,
        status=422 if wrong else 200 if shown.status == "active" else 410,
        **look_of(brand, caller.merchant_id),
        about="",
        shown=shown,
        amount=displayed(shown.amount),
        sign=displayed(0).replace("0", "").strip(" .,"),
        bounds=bounds,
        written=written,
        wrong=say(wrong, language, **bounds) if wrong else "",
        nonce=house.ids.token(),
        test=row["mode"] == Mode.TEST,
    )


def _cut(token: str) -> str:
    """A token that cannot be one leads nowhere."""
    return token.replace("\x00", "")[:_TOKEN_CHARACTERS_MAX]
