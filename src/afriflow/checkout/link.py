"""Payment links: one address for many payers; each who goes on makes one payment, however often it is clicked.

A link asks nobody for money by itself, and opening it writes nothing: messengers fetch addresses to show a preview.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from afriflow.checkout import store
from afriflow.checkout.create import Creator
from afriflow.checkout.request import (
    METADATA_ENTRIES_MAX,
    CheckoutRequest,
    Limits,
    Short,
    Text,
    Url,
    check_metadata,
    check_money,
    check_plain,
    check_url,
    read_checkout,
)
from afriflow.core.clock import Clock
from afriflow.core.errors import FieldError, InvalidRequest, LinkClosed, NotFound
from afriflow.core.ids import Ids
from afriflow.core.money import AMOUNT_MINOR_MAX
from afriflow.core.operator import countries
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Database, Record, one
from afriflow.merchants import audit_log
from afriflow.merchants.keys import Caller, caller_of_merchant

USES_MAX = 1_000_000
_EXPIRES_IN_MAX_SECONDS = 5 * 366 * 86_400
# Under which key of a payment's metadata its link is named.
_METADATA_KEY = "payment_link"


class LinkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/payment-links.

    amount: integer in the currency's minor unit; absent: the payer chooses, between amount_min and amount_max.
    expires_in: seconds from now; absent: never. uses_max: how many payments; absent: any number.
    """

    currency: Short
    country: Short
    amount: int | None = None
    amount_min: int | None = None
    amount_max: int | None = None
    description: Text | None = None
    return_url: Url | None = None
    metadata: dict[Annotated[str, Meta(max_length=40)], str | int | bool | None] = msgspec.field(
        default_factory=dict[str, str | int | bool | None]
    )
    expires_in: int | None = None
    uses_max: int | None = None
    locale: Short | None = None


class _Made(msgspec.Struct, frozen=True):
    """What is needed of a checkout's answer."""

    id: str
    checkout_url: str


@dataclass(frozen=True, slots=True)
class Links:
    """Makes links, and a payment for each payer who goes on from one."""

    database: Database
    creator: Creator
    ids: Ids
    clock: Clock
    limits: Limits

    async def make(self, caller: Caller, request: LinkRequest) -> Record:
        """Make a link. Raises InvalidRequest with everything that is wrong at once."""
        _check(request, caller.mode)
        seconds = request.expires_in
        link_id = self.ids.new("lnk")
        async with self.database.transaction() as connection:
            await connection.execute(
                store.LINK_INSERT,
                caller.merchant_id,
                link_id,
                caller.mode,
                self.ids.token(),
                request.amount,
                request.amount_min,
                request.amount_max,
                request.currency,
                request.country,
                request.description,
                request.return_url,
                request.metadata,
                request.locale or caller.language,
                request.uses_max,
                None if seconds is None else self.clock.now() + timedelta(seconds=seconds),
            )
            await _note(connection, caller, "link.created", link_id)
            return await one(connection, store.LINK, caller.merchant_id, caller.mode, link_id)

    async def read(self, caller: Caller, link_id: str) -> Record:
        """Give one link of the caller's. Raises NotFound."""
        async with self.database.connection() as connection:
            row = await connection.fetchrow(store.LINK, caller.merchant_id, caller.mode, link_id)
        if row is None:
            raise NotFound(id=link_id)
        return row

    async def page(self, caller: Caller, *, limit: int, before: str | None) -> Sequence[Record]:
        """List links, newest first, one more than asked for where there are more."""
        async with self.database.connection() as connection:
            return await connection.fetch(store.LINKS, caller.merchant_id, caller.mode, before, limit + 1)

    async def disable(self, caller: Caller, link_id: str) -> Record:
        """Close a link for good; payments that were begun through it go on. Raises NotFound."""
        async with self.database.transaction() as connection:
            closed = await connection.execute(store.LINK_DISABLE, caller.merchant_id, caller.mode, link_id)
            if closed == "UPDATE 1":
                await _note(connection, caller, "link.closed", link_id)
        return await self.read(caller, link_id)

    async def find(self, token: str) -> tuple[Record, Caller]:
        """Give the link of an address, and who acts for its merchant when a payer goes on. Raises NotFound."""
        async with self.database.connection() as connection:
            row = await connection.fetchrow(store.LINK_BY_TOKEN, token)
            if row is None:
                raise NotFound(id="")
            return row, await caller_of_merchant(connection, row["merchant_id"], Mode(row["mode"]), "payer")

    def closed(self, row: Record) -> str | None:
        """Say why nobody can pay through a link any more; None when anybody can."""
        if row["disabled_at"] is not None:
            return "disabled"
        if row["expires_at"] is not None and row["expires_at"] <= self.clock.now():
            return "expired"
        if row["uses_max"] is not None and row["places"] >= row["uses_max"]:
            return "used_up"
        return None

    async def go_on(self, token: str, nonce: str, amount_minor: int) -> str:
        """Make the payment of one payer; the same nonce gives the same one. Gives the address of its page.

        amount_minor: what the payer chose; it counts where the link leaves it open.
        Raises NotFound, LinkClosed, InvalidRequest.
        """
        row, caller = await self.find(token)
        amount = amount_minor if row["amount_minor"] is None else row["amount_minor"]
        _check_amount(row, amount)  # before a place is taken for it
        number = await self._take_place(row, nonce)
        checkout = read_checkout(_wanted(row, amount, number), caller.mode, caller.language, self.limits)
        # No merchant's key holds a line break: no checkout of the API's meets one of a link.
        reply = await self.creator.create(caller, f"{row['id']}\n{nonce}", checkout)
        made = msgspec.json.decode(reply.body, type=_Made)
        async with self.database.connection() as connection:
            await connection.execute(store.LINK_USE_MADE, row["merchant_id"], row["id"], number, made.id)
        return made.checkout_url

    async def _take_place(self, row: Record, nonce: str) -> int:
        """Number this payer; places are counted under the link's lock, or two would have the last one."""
        keys = (row["merchant_id"], row["id"])
        async with self.database.transaction() as connection:
            await connection.execute(store.LINK_LOCK, *keys)
            known = await connection.fetchval(store.LINK_USE_OF_NONCE, *keys, nonce)
            if known is not None:
                return int(known)
            now = await one(connection, store.LINK, row["merchant_id"], row["mode"], row["id"])
            if (why := self.closed(now)) is not None:
                raise LinkClosed(why=why)
            return int(await connection.fetchval(store.LINK_USE_INSERT, *keys, nonce))


async def _note(connection: Connection, caller: Caller, action: str, link_id: str) -> None:
    await audit_log.write(
        connection,
        merchant_id=caller.merchant_id,
        who=caller.who,
        action=action,
        subject=link_id,
        details={"mode": caller.mode.value},
    )


def _wanted(row: Record, amount_minor: int, number: int) -> CheckoutRequest:
    """Write the very request that a server would send."""
    return CheckoutRequest(
        amount=amount_minor,
        currency=row["currency"],
        country=row["country"],
        reference=f"{row['id']}-{number}",
        description=row["description"],
        return_url=row["return_url"],
        metadata={**row["metadata"], _METADATA_KEY: row["id"]},
        locale=row["language"],
    )


def _check_amount(row: Record, amount_minor: int) -> None:
    low, high = row["amount_min_minor"] or 1, row["amount_max_minor"] or AMOUNT_MINOR_MAX
    if row["amount_minor"] is None and not low <= amount_minor <= high:
        raise InvalidRequest([FieldError("/amount", "out_of_bounds", {"minimum": low, "maximum": high})])


def _check(request: LinkRequest, mode: Mode) -> None:
    errors: list[FieldError] = []
    country = countries().get(request.country)
    if country is None:
        errors.append(FieldError("/country", "unknown_country", {"value": request.country[:20]}))
    check_money(request.amount if request.amount is not None else 1, request.currency, country, errors)
    _check_bounds(request, errors)
    check_plain({"/description": request.description}, errors)
    check_metadata(request.metadata, errors)
    if _METADATA_KEY in request.metadata or len(request.metadata) >= METADATA_ENTRIES_MAX:
        errors.append(FieldError("/metadata", "metadata_too_large", {"limit": METADATA_ENTRIES_MAX - 1}))
    if request.return_url is not None and (error := check_url(request.return_url, mode, "/return_url")):
        errors.append(error)
    for pointer, value, most in (
        ("/expires_in", request.expires_in, _EXPIRES_IN_MAX_SECONDS),
        ("/uses_max", request.uses_max, USES_MAX),
    ):
        if value is not None and not 1 <= value <= most:
            errors.append(FieldError(pointer, "out_of_bounds", {"minimum": 1, "maximum": most}))
    if request.locale not in {None, "fr", "en"}:
        errors.append(FieldError("/locale", "unknown_locale"))
    if errors:
        raise InvalidRequest(errors)


def _check_bounds(request: LinkRequest, errors: list[FieldError]) -> None:
    low, high = request.amount_min, request.amount_max
    if request.amount is not None and (low is not None or high is not None):
        errors.append(FieldError("/amount_min", "amount_is_fixed"))
    for pointer, value in (("/amount_min", low), ("/amount_max", high)):
        if value is not None and not 1 <= value <= AMOUNT_MINOR_MAX:
            facts = {"minimum": 1, "maximum": AMOUNT_MINOR_MAX}
            errors.append(FieldError(pointer, "out_of_bounds", facts))
    if low is not None and high is not None and low > high:
        errors.append(
            FieldError("/amount_max", "out_of_bounds", {"minimum": low, "maximum": AMOUNT_MINOR_MAX})
        )
