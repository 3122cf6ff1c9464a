"""The API for merchants' servers, first half: checkout and transactions."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from litestar import Controller, MediaType, Response, get, post
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter

from afriflow.checkout.idempotency import read_key
from afriflow.checkout.request import CheckoutRequest, ConfirmRequest, read_checkout
from afriflow.core.errors import FieldError, InvalidRequest
from afriflow.core.money import AMOUNT_MINOR_MAX, EXPONENTS, Money
from afriflow.core.msisdn import read_msisdn, read_sandbox_msisdn
from afriflow.core.operator import countries, predict_operator
from afriflow.core.permission import Permission
from afriflow.core.transaction import Mode, TransactionStatus
from afriflow.ledger.present import (
    Transaction,
    TransactionWithStory,
    show_amount,
    show_story,
    show_transaction,
)
from afriflow.ledger.search import Filter, attempts_of, read_transaction, search, story_of
from afriflow.web.auth import House, Who, require_key

Limit = Annotated[int, QueryParameter(name="limit", ge=1, description="rows of the answer")]
Cursor = Annotated[
    str | None, QueryParameter(name="cursor", max_length=200, description="`next_cursor` of a page")
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(name="Idempotency-Key", description="new for each payment, the same for each retry"),
]


class Page(msgspec.Struct, frozen=True):
    """One page of a list."""

    data: list[Transaction]
    next_cursor: str | None


class OfferedMethod(msgspec.Struct, frozen=True):
    """A way to pay that can be offered now. minimum, maximum: minor units; null where nobody told us."""

    type: str
    operator: str | None
    name: str
    authorization: str
    providers: list[str]
    minimum: int | None
    maximum: int | None
    healthy: bool
    predicted: bool


class OfferedMethods(msgspec.Struct, frozen=True):
    """What can be offered for a country, best first, and the operator that a phone number most likely has."""

    data: list[OfferedMethod]
    predicted_operator: str | None
    amount_display: str | None


class CheckoutController(Controller):
    """Creates payments."""

    path = "/api"
    guards = [require_key]
    tags = ["Checkout"]

    @post(
        "/checkout",
        permission=Permission.TRANSACTIONS_WRITE,
        status_code=201,
        summary="Create a transaction",
        responses=None,
    )
    async def checkout(
        self,
        house: House,
        caller: Who,
        data: JSONBody[CheckoutRequest],
        key: IdempotencyKey = None,
    ) -> Transaction:
        """Create a transaction; with a `payment_method` it is routed and started at once."""
        key = read_key(key)
        checkout = read_checkout(data, caller.mode, caller.language, house.checkout_limits)
        reply = await house.creator.create(caller, key, checkout)
        headers = {"idempotent-replayed": "true"} if reply.replayed else {}
        return Response(reply.body, status_code=201, headers=headers, media_type=MediaType.JSON)  # type: ignore[return-value]

    @get("/payment-methods", permission=Permission.TRANSACTIONS_READ, summary="What can be offered now")
    async def methods(
        self,
        house: House,
        caller: Who,
        country: Annotated[str, QueryParameter(name="country", max_length=2)],
        currency: Annotated[str | None, QueryParameter(name="currency", max_length=3)] = None,
        amount: Annotated[int | None, QueryParameter(name="amount", ge=1, le=AMOUNT_MINOR_MAX)] = None,
        phone: Annotated[str | None, QueryParameter(name="phone", max_length=32)] = None,
    ) -> OfferedMethods:
        """List what can be offered for a country, best first, with limits, health and the predicted operator."""
        return await offered_methods(house, caller, country, currency, amount, phone)


class TransactionController(Controller):
    """Reads payments and moves them on."""

    path = "/api/transactions"
    guards = [require_key]
    tags = ["Transactions"]

    @get("/", permission=Permission.TRANSACTIONS_READ, summary="List transactions")
    async def list_(
        self,
        house: House,
        caller: Who,
        limit: Limit = 20,
        cursor: Cursor = None,
        status: Annotated[TransactionStatus | None, QueryParameter(name="status")] = None,
        provider: Annotated[str | None, QueryParameter(name="provider", max_length=40)] = None,
        operator: Annotated[str | None, QueryParameter(name="operator", max_length=40)] = None,
        country: Annotated[str | None, QueryParameter(name="country", max_length=2)] = None,
        reference: Annotated[str | None, QueryParameter(name="reference", max_length=100)] = None,
        phone: Annotated[str | None, QueryParameter(name="phone", max_length=32)] = None,
        payment_link: Annotated[str | None, QueryParameter(name="payment_link", max_length=64)] = None,
        needs_review: Annotated[bool | None, QueryParameter(name="needs_review")] = None,
        unresolved: Annotated[bool | None, QueryParameter(name="unresolved")] = None,
        created_from: Annotated[datetime | None, QueryParameter(name="created_from")] = None,
        created_to: Annotated[datetime | None, QueryParameter(name="created_to")] = None,
    ) -> Page:
        """List transactions of the key's mode, newest first."""
        wanted = Filter(
            status=status.value if status else None,
            provider=provider,
            operator=operator,
            country=country,
            reference=reference,
            phone_index=_phone_index(house, caller, phone, country or caller.country) if phone else None,
            since=_utc(created_from, "?created_from"),
            until=_utc(created_to, "?created_to"),
            needs_review=needs_review,
            unresolved=unresolved,
            link=payment_link,
        )
        _no_nul(provider, operator, country, reference, payment_link)
        limit = min(limit, house.settings.page_limit_max)
        async with house.database.connection() as connection:
            found = await search(connection, caller, wanted, limit=limit, cursor=cursor)
        shown = [
            show_transaction(row, found.attempts[row["id"]], house.settings.base_url) for row in found.rows
        ]
        return Page(shown, found.next_cursor)

    @get(
        "/{transaction_id:str}",
        permission=Permission.TRANSACTIONS_READ,
        summary="Read a transaction with its story",
    )
    async def read(self, house: House, caller: Who, transaction_id: FromPath[str]) -> TransactionWithStory:
        """Read one transaction: attempts, events, and the routing decision explained."""
        return await story(house, caller, transaction_id)

    @post(
        "/{transaction_id:str}/confirm",
        permission=Permission.TRANSACTIONS_WRITE,
        status_code=200,
        summary="Give what the payer was asked for",
    )
    async def confirm(
        self,
        house: House,
        caller: Who,
        transaction_id: FromPath[str],
        data: JSONBody[ConfirmRequest],
    ) -> TransactionWithStory:
        """Give the one-time code, or the payment method when none was chosen yet."""
        _no_nul(transaction_id)
        await house.confirmer.confirm(caller, transaction_id, data)
        return await story(house, caller, transaction_id)

    @post(
        "/{transaction_id:str}/cancel",
        permission=Permission.TRANSACTIONS_WRITE,
        status_code=200,
        summary="Cancel while no money can move",
    )
    async def cancel(self, house: House, caller: Who, transaction_id: FromPath[str]) -> TransactionWithStory:
        """Cancel a transaction; 409 while an attempt may still bring money."""
        _no_nul(transaction_id)
        await house.sessions.cancel(caller, transaction_id)
        return await story(house, caller, transaction_id)

    @post(
        "/{transaction_id:str}/verify",
        permission=Permission.TRANSACTIONS_WRITE,
        status_code=200,
        summary="Ask the provider now",
    )
    async def verify(self, house: House, caller: Who, transaction_id: FromPath[str]) -> TransactionWithStory:
        """Ask the provider of the latest attempt how it stands."""
        _no_nul(transaction_id)
        await house.follower.verify(caller, transaction_id)
        return await story(house, caller, transaction_id)


async def story(house: House, caller: Who, transaction_id: str) -> TransactionWithStory:
    """Give a transaction with everything that happened to it. Raises NotFound."""
    _no_nul(transaction_id)
    async with house.database.connection() as connection:
        row = await read_transaction(connection, caller, transaction_id)
        attempts = await attempts_of(connection, caller.merchant_id, transaction_id)
        events = await story_of(connection, caller.merchant_id, transaction_id)
    return show_story(row, attempts, events, house.settings.base_url)


async def offered_methods(
    house: House, caller: Who, country: str, currency: str | None, amount: int | None, phone: str | None
) -> OfferedMethods:
    """Show what can be offered. Raises InvalidRequest."""
    place = countries().get(country)
    if place is None:
        raise InvalidRequest([FieldError("?country", "unknown_country", {"value": country})])
    currency = currency or place.currencies[0]
    if currency not in EXPONENTS:
        raise InvalidRequest([FieldError("?currency", "unknown_currency", {"value": currency})])
    msisdn = (read_sandbox_msisdn if caller.mode is Mode.TEST else read_msisdn)(phone or "", place.alpha2)
    predicted = predict_operator(msisdn) if msisdn else None
    predicted_id = predicted.id if predicted else None
    offers = await house.router.offers(caller, place, currency, amount, predicted_id)
    shown = [
        OfferedMethod(
            type=offer.method.type.value,
            operator=offer.method.operator,
            name=offer.name,
            authorization=offer.authorization.value,
            providers=list(offer.providers),
            minimum=offer.minimum_minor,
            maximum=offer.maximum_minor,
            healthy=offer.healthy,
            predicted=offer.predicted,
        )
        for offer in offers
    ]
    display = show_amount(Money(amount, currency), caller.language) if amount else None
    return OfferedMethods(shown, predicted_id, display)


def _phone_index(house: House, caller: Who, phone: str, country: str) -> bytes:
    """Read a phone number to search for: the whole of it, in any human form. Raises InvalidRequest."""
    msisdn = (read_sandbox_msisdn if caller.mode is Mode.TEST else read_msisdn)(phone, country)
    if msisdn is None:
        raise InvalidRequest([FieldError("?phone", "invalid_phone", {"country": country})])
    return house.vault.index(caller.merchant_id, msisdn.e164)


def _utc(time: datetime | None, pointer: str) -> datetime | None:
    """Read a bound of time; one without an offset is UTC. Raises InvalidRequest for one outside the calendar."""
    if time is None or time.tzinfo is None:
        return time and time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise InvalidRequest([FieldError(pointer, "invalid_value", {"reason": "no such time"})]) from error


def _no_nul(*texts: str | None) -> None:
    """PostgreSQL has no NUL in texts; whoever sends one is looking for a crack."""
    if any(text and "\x00" in text for text in texts):
        raise InvalidRequest([FieldError("", "invalid_text")])
