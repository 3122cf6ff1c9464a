"""The API for merchants' servers: payment links, each with an address and a QR code to share."""

from datetime import datetime

import msgspec
from litestar import Controller, get, post
from litestar.params import FromPath, JSONBody

from afriflow.checkout.link import LinkRequest
from afriflow.core.language import say
from afriflow.core.money import Money
from afriflow.core.permission import Permission
from afriflow.db.engine import Record
from afriflow.ledger.present import show_amount
from afriflow.ledger.search import make_cursor, read_cursor
from afriflow.web.api_setup import Cursor, Limit, read_id
from afriflow.web.auth import House, Who, require_key


class ShownLink(msgspec.Struct, frozen=True):
    """A link. status: active, disabled, expired or used_up. uses: payments that succeeded through it.

    qr_url: a picture (SVG) of the code that leads there. share_text: for a message, in the link's language.
    """

    id: str
    object: str
    mode: str
    status: str
    url: str
    qr_url: str
    share_text: str
    amount: int | None
    amount_display: str | None
    amount_min: int | None
    amount_max: int | None
    currency: str
    country: str
    description: str | None
    return_url: str | None
    metadata: dict[str, str | int | bool | None]
    locale: str
    uses: int
    uses_max: int | None
    created_at: datetime
    expires_at: datetime | None
    disabled_at: datetime | None


class LinkPage(msgspec.Struct, frozen=True):
    """One page of a list."""

    data: list[ShownLink]
    next_cursor: str | None


class LinkController(Controller):
    """Payment links for programs."""

    path = "/api/payment-links"
    guards = [require_key]
    tags = ["Payment links"]

    @post("/", permission=Permission.LINKS_WRITE, status_code=201, summary="Make a payment link")
    async def make(self, house: House, caller: Who, data: JSONBody[LinkRequest]) -> ShownLink:
        """Make an address that many people can pay through; without an amount, each payer chooses one."""
        return show_link(house, caller, await house.links.make(caller, data))

    @get("/", permission=Permission.LINKS_READ, summary="List payment links")
    async def list_(self, house: House, caller: Who, limit: Limit = 20, cursor: Cursor = None) -> LinkPage:
        """List the links of the key's mode, newest first."""
        return await shown_links(house, caller, limit, cursor)

    @get("/{link_id:str}", permission=Permission.LINKS_READ, summary="Read a payment link")
    async def read(self, house: House, caller: Who, link_id: FromPath[str]) -> ShownLink:
        """Read one link; its payments are found with `GET /api/transactions?payment_link=`."""
        return show_link(house, caller, await house.links.read(caller, read_id(link_id)))

    @post(
        "/{link_id:str}/disable",
        permission=Permission.LINKS_WRITE,
        status_code=200,
        summary="Close a payment link",
    )
    async def disable(self, house: House, caller: Who, link_id: FromPath[str]) -> ShownLink:
        """Close a link for good; payments that were begun through it go on."""
        return show_link(house, caller, await house.links.disable(caller, read_id(link_id)))


async def shown_links(
    house: House, caller: Who, limit: int, cursor: str | None, language: str | None = None
) -> LinkPage:
    """Show one page of links. Raises InvalidRequest for a broken cursor."""
    limit = min(limit, house.settings.page_limit_max)
    rows = await house.links.page(caller, limit=limit, before=read_cursor(cursor) if cursor else None)
    shown = [show_link(house, caller, row, language) for row in rows[:limit]]
    return LinkPage(shown, make_cursor(shown[-1].id) if len(rows) > limit else None)


def show_link(house: House, caller: Who, row: Record, language: str | None = None) -> ShownLink:
    """Show a link. language: of the amount as it is displayed; the link's own when absent, as in its share_text."""
    url = f"{house.settings.base_url}/pay/link/{row['token']}"
    amount = row["amount_minor"]
    own = row["language"]
    told, display = (
        None if amount is None else show_amount(Money(amount, row["currency"]), said)
        for said in (own, language or own)
    )
    parts = (caller.merchant_name, told, row["description"])
    text = say("link.share", own, what=" · ".join(part for part in parts if part), url=url)
    return ShownLink(
        id=row["id"],
        object="payment_link",
        mode=row["mode"],
        status=house.links.closed(row) or "active",
        url=url,
        qr_url=f"{url}/qr.svg",
        share_text=text,
        amount=amount,
        amount_display=display,
        amount_min=row["amount_min_minor"],
        amount_max=row["amount_max_minor"],
        currency=row["currency"],
        country=row["country"],
        description=row["description"],
        return_url=row["return_url"],
        metadata=row["metadata"],
        locale=row["language"],
        uses=row["uses"],
        uses_max=row["uses_max"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        disabled_at=row["disabled_at"],
    )
