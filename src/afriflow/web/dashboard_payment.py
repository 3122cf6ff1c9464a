"""One payment's page: its whole story, and what people do about it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.checkout.request_out import RefundRequest, read_refund
from afriflow.core.errors import FieldError, InvalidRequest, NotFound, RefundExceeds, Refusal
from afriflow.core.language import say
from afriflow.core.money import Money, read_amount
from afriflow.core.permission import Permission
from afriflow.core.transaction import FINAL, LIVE, AttemptStatus, TransactionStatus
from afriflow.db.engine import Connection, Record
from afriflow.delivery.endpoints import resend
from afriflow.delivery.search import deliveries_of
from afriflow.ledger.present import show_amount, show_transaction
from afriflow.ledger.search import attempts_of, logs_of, notifications_of, read_transaction, story_of
from afriflow.ledger.search_out import FilterOut, list_disbursements
from afriflow.port.money_out import Refunds
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import OUT_OF_PREFIX, back_to, dashboard_page, read_id, read_note, sentence_of
from afriflow.web.form import read_form, require_own_page
from afriflow.web.render import go_to, page_language
from afriflow.web.sign_in import HOME
from afriflow.web.story import tell

# Refunds of one payment that are shown on its page.
_REFUNDS = 50
_REASON_CHARACTERS_MAX = 200
_NONE = "none"
_NOTHING: dict[str, str] = {}


class PaymentPages(Controller):
    """One payment for people."""

    path = HOME
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/transactions/{transaction_id:str}", permission=Permission.TRANSACTIONS_READ)
    async def read(
        self, request: Request[Any, Any, Any], house: House, caller: Who, transaction_id: FromPath[str]
    ) -> Response[str]:
        """Show one payment with everything that happened to it and everything that was said about it."""
        return await self._page(request, house, caller, read_id(transaction_id))

    @post("/transactions/{transaction_id:str}/verify", permission=Permission.TRANSACTIONS_WRITE)
    async def verify(self, house: House, caller: Who, transaction_id: FromPath[str]) -> Response[None]:
        """Ask the provider now."""
        try:
            await house.follower.verify(caller, read_id(transaction_id))
        except Refusal as refusal:
            return back_to(transaction_id, refusal)
        return back_to(transaction_id, "verify")

    @post("/transactions/{transaction_id:str}/cancel", permission=Permission.TRANSACTIONS_WRITE)
    async def cancel(self, house: House, caller: Who, transaction_id: FromPath[str]) -> Response[None]:
        """Cancel while no money can move."""
        try:
            await house.sessions.cancel(caller, read_id(transaction_id))
        except Refusal as refusal:
            return back_to(transaction_id, refusal)
        return back_to(transaction_id, "cancel")

    @post("/transactions/{transaction_id:str}/note", permission=Permission.TRANSACTIONS_WRITE)
    async def note(
        self, request: Request[Any, Any, Any], house: House, caller: Who, transaction_id: FromPath[str]
    ) -> Response[None]:
        """Add a note to the story."""
        text = read_note(await read_form(request))
        if not text:
            return back_to(transaction_id, "note_missing")
        await house.resolver.note(caller, read_id(transaction_id), text)
        return back_to(transaction_id, "note")

    @post("/transactions/{transaction_id:str}/refund", permission=Permission.REFUNDS_WRITE)
    async def refund(
        self, request: Request[Any, Any, Any], house: House, caller: Who, transaction_id: FromPath[str]
    ) -> Response[Any]:
        """Give money back. What refunds there were when the form was shown is part of its key: sent twice, it is one."""
        found, form = read_id(transaction_id), await read_form(request)
        async with house.database.connection() as connection:
            row = await read_transaction(connection, caller, found)
        try:
            wanted = _read_refund(found, row["currency"], form)
            reply = await house.disburser.refund(caller, f"desk-{found}-{_seen(form)}", wanted)
        except NotFound:
            raise
        except Refusal as refusal:
            return await self._page(request, house, caller, found, form, refusal)
        return go_to(f"{HOME}/money-out/refunds/{msgspec.json.decode(reply.body)['id']}?done=refund")

    @get("/transactions/{transaction_id:str}/refund", permission=Permission.TRANSACTIONS_READ)
    async def to_refund(self, transaction_id: FromPath[str]) -> Response[None]:
        """Lead whoever changes the language of a form that was refused back to it."""
        return go_to(f"{HOME}/transactions/{read_id(transaction_id)}#refund")

    # What was said once may be said again: that needs no fresh proof.
    @post("/events/{event_id:str}/resend", permission=Permission.WEBHOOKS_WRITE, fresh_proof=False)
    async def send_again(
        self, request: Request[Any, Any, Any], house: House, caller: Who, event_id: FromPath[str]
    ) -> Response[None]:
        """Send an event again to every endpoint there is now; it may be of money out, too."""
        form = await read_form(request)
        async with house.database.transaction() as connection:
            await resend(
                connection,
                house.ids,
                merchant_id=caller.merchant_id,
                mode=caller.mode,
                event_id=read_id(event_id),
            )
        subject = form.get("subject", "")
        if (kind := subject.partition("_")[0]) in OUT_OF_PREFIX:
            return go_to(f"{HOME}/money-out/{OUT_OF_PREFIX[kind]}/{read_id(subject)}?done=resend")
        return back_to(subject, "resend")

    async def _page(
        self,
        request: Request[Any, Any, Any],
        house: House,
        caller: Who,
        found: str,
        form: Mapping[str, str] = _NOTHING,
        refusal: Refusal | None = None,
    ) -> Response[str]:
        """Show the payment; with the refund that was refused, where one was. found: its id."""
        merchant_id = caller.merchant_id
        async with house.database.connection() as connection:
            row = await read_transaction(connection, caller, found)
            attempts = await attempts_of(connection, merchant_id, found)
            events = await story_of(connection, merchant_id, found)
            logs = await logs_of(connection, merchant_id, caller.mode, found)
            about = (merchant_id, caller.mode, found)
            notifications = await notifications_of(connection, house.vault, *about)
            deliveries = await deliveries_of(connection, *about)
            of_it = FilterOut(transaction_id=found)
            refunds, _ = await list_disbursements(
                connection, caller, "refund", of_it, limit=_REFUNDS, after=None
            )
            gives_back = await _gives_back(connection, house, merchant_id, attempts)
        language = page_language(request, caller.language)
        shown = show_transaction(row, attempts, house.settings.base_url, language)
        live = any(attempt["status"] in LIVE for attempt in attempts)
        left = Money(row["amount_minor"] - row["refund_reserved_minor"], row["currency"])
        left_display = show_amount(left, language)
        return dashboard_page(
            request,
            caller,
            "transaction.html",
            status=422 if refusal else 200,
            shown=shown,
            moments=tell(events, shown.attempts, language),
            logs=logs,
            notifications=notifications,
            deliveries=deliveries,
            refunds=refunds,
            left=left if row["status"] == TransactionStatus.SUCCEEDED and left.amount_minor else None,
            left_display=left_display,
            gives_back=gives_back,
            seen=refunds[0].id if refunds else _NONE,
            form=form,
            refused=refusal and _why_not(refusal, left_display, language),
            may_verify=any(attempt["status"] != AttemptStatus.NOT_SENT for attempt in attempts),
            may_cancel=row["status"] not in FINAL and not live,
            outcomes={
                attempt["id"]: [
                    outcome
                    for outcome in ("succeeded", "failed")
                    if house.resolver.may_resolve(row, attempt, succeeded=outcome == "succeeded")
                ]
                for attempt in attempts
            },
        )


async def _gives_back(
    connection: Connection, house: House, merchant_id: str, attempts: Sequence[Record]
) -> bool:
    """Tell whether the provider that has the money can give it back."""
    paid = next((item for item in attempts if item["status"] == AttemptStatus.SUCCEEDED), None)
    if paid is None:
        return False
    account = await house.accounts.account(connection, merchant_id, paid["account_id"])
    return isinstance(house.factory.open(account).adapter, Refunds)


def _read_refund(transaction_id: str, currency: str, form: Mapping[str, str]) -> RefundRequest:
    """Read how much goes back, as people write amounts, and why. Raises InvalidRequest."""
    money = read_amount(form.get("amount", ""), currency)
    if money is None:
        raise InvalidRequest([FieldError("/amount", "not_an_amount", {"currency": currency})])
    reason = form.get("reason", "")[:_REASON_CHARACTERS_MAX]
    return read_refund(RefundRequest(transaction_id, money.amount_minor, reason or None))


def _why_not(refusal: Refusal, left_display: str, language: str) -> str:
    if isinstance(refusal, RefundExceeds):
        return say("desk.refund_exceeds", language, left=left_display)
    return sentence_of(refusal, language)


def _seen(form: Mapping[str, str]) -> str:
    """Read which refund was the newest when the form was shown."""
    seen = form.get("seen", "")
    return read_id(seen) if seen else _NONE
