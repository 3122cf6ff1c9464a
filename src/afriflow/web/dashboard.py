"""The dashboard's first half, for every day: find a payment, read its whole story, move it on."""

import contextlib
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.errors import InvalidRequest, NotFound, Refusal
from afriflow.core.language import keys, say
from afriflow.core.msisdn import read_msisdn, read_sandbox_msisdn
from afriflow.core.permission import Permission
from afriflow.core.transaction import FINAL, LIVE, AttemptStatus, Mode, TransactionStatus
from afriflow.delivery.endpoints import resend
from afriflow.delivery.search import deliveries_of
from afriflow.ledger.present import show_transaction
from afriflow.ledger.search import (
    Filter,
    Found,
    attempts_of,
    logs_of,
    notifications_of,
    read_transaction,
    search,
    story_of,
)
from afriflow.web.auth import House, Who, require_person
from afriflow.web.form import read_form, read_query, require_own_page
from afriflow.web.render import go_to, page_language, render
from afriflow.web.sign_in import HOME
from afriflow.web.story import provider_title, tell

_ROWS = 25
# What a list is narrowed to: a status, or what waits for a person.
_WAITS = ("needs_review", "unresolved")
_STATUSES = (*(item.value for item in TransactionStatus), *_WAITS)
_ID_CHARACTERS_MAX = 64


def dashboard_page(
    request: Request[Any, Any, Any], caller: Who, template: str, *, status: int = 200, **values: Any
) -> Response[str]:
    """Fill a template of the dashboard: who looks, in which mode, and what the last click did."""
    language = page_language(request, caller.language)
    done, refused = read_query(request, "done"), read_query(request, "refused")
    notice = say(f"dashboard.done_{done}", language) if f"dashboard.done_{done}" in keys(language) else ""
    alert = ""
    # An address that somebody made up may name a sentence with more facts than these.
    with contextlib.suppress(KeyError):
        alert = say(f"error.{refused}", language, status=say(f"status.{_word(request)}", language))

    def may(word: str) -> bool:
        return Permission(word) in caller.permissions

    return render(
        request,
        template,
        language,
        status=status,
        caller=caller,
        test=caller.mode is Mode.TEST,
        notice=notice,
        alert=alert,
        provider_title=provider_title,
        may=may,
        **values,
    )


class PaymentPages(Controller):
    """Payments for people."""

    path = HOME
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.TRANSACTIONS_READ)
    async def list_(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """List payments, newest first, narrowed to what was searched."""
        text, status = read_query(request, "q"), read_query(request, "status")
        status = status if status in _STATUSES else ""
        cursor = read_query(request, "cursor") or None
        try:
            found = await _find(house, caller, text, status or None, cursor)
        except InvalidRequest:  # a cursor that was cut off: begin anew
            return go_to(HOME)  # type: ignore[return-value]
        language = page_language(request, caller.language)
        base_url = house.settings.base_url
        shown = [show_transaction(row, found.attempts[row["id"]], base_url, language) for row in found.rows]
        asked = {"q": text, "status": status}
        return dashboard_page(
            request,
            caller,
            "transactions.html",
            shown=shown,
            text=text,
            status_wanted=status,
            statuses=_STATUSES,
            narrowed=bool(text or status or cursor),
            next_url=f"{HOME}?{urlencode({**asked, 'cursor': found.next_cursor})}"
            if found.next_cursor
            else None,
            first_url=f"{HOME}?{urlencode(asked)}" if cursor else None,
            base_url=base_url,
        )

    @get("/transactions/{transaction_id:str}", permission=Permission.TRANSACTIONS_READ)
    async def read(
        self, request: Request[Any, Any, Any], house: House, caller: Who, transaction_id: FromPath[str]
    ) -> Response[str]:
        """Show one payment with everything that happened to it and everything that was said about it."""
        merchant_id, transaction_id = caller.merchant_id, read_id(transaction_id)
        async with house.database.connection() as connection:
            row = await read_transaction(connection, caller, transaction_id)
            attempts = await attempts_of(connection, merchant_id, transaction_id)
            events = await story_of(connection, merchant_id, transaction_id)
            logs = await logs_of(connection, merchant_id, caller.mode, transaction_id)
            about = (merchant_id, caller.mode, transaction_id)
            notifications = await notifications_of(connection, house.vault, *about)
            deliveries = await deliveries_of(connection, merchant_id, caller.mode, transaction_id)
        language = page_language(request, caller.language)
        shown = show_transaction(row, attempts, house.settings.base_url, language)
        live = any(attempt["status"] in LIVE for attempt in attempts)
        return dashboard_page(
            request,
            caller,
            "transaction.html",
            shown=shown,
            moments=tell(events, shown.attempts, language),
            logs=logs,
            notifications=notifications,
            deliveries=deliveries,
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

    # What was said once may be said again: that needs no fresh proof.
    @post("/events/{event_id:str}/resend", permission=Permission.WEBHOOKS_WRITE, fresh_proof=False)
    async def send_again(
        self, request: Request[Any, Any, Any], house: House, caller: Who, event_id: FromPath[str]
    ) -> Response[None]:
        """Send an event again to every endpoint there is now."""
        form = await read_form(request)
        async with house.database.transaction() as connection:
            await resend(
                connection,
                house.ids,
                merchant_id=caller.merchant_id,
                mode=caller.mode,
                event_id=read_id(event_id),
            )
        return back_to(form.get("transaction", ""), "resend")


async def _find(house: House, caller: Who, text: str, status: str | None, cursor: str | None) -> Found:
    """Search as people do: a text that can be a phone number is one, unless nobody has it."""
    read = read_sandbox_msisdn if caller.mode is Mode.TEST else read_msisdn
    phone = read(text, caller.country) if text else None
    wanted = Filter(
        status=None if status in _WAITS else status,
        text=text if text and not text.startswith("lnk_") else None,
        link=text if text.startswith("lnk_") else None,
        needs_review=True if status == "needs_review" else None,
        unresolved=True if status == "unresolved" else None,
    )
    async with house.database.connection() as connection:
        if phone is not None:
            by_phone = replace(
                wanted, text=None, phone_index=house.vault.index(caller.merchant_id, phone.e164)
            )
            found = await search(connection, caller, by_phone, limit=_ROWS, cursor=cursor)
            if found.rows:
                return found
        return await search(connection, caller, wanted, limit=_ROWS, cursor=cursor)


def back_to(transaction_id: str, outcome: str | Refusal) -> Response[None]:
    """Show the payment again with what the click did. Raises NotFound again: there is nothing to show."""
    if isinstance(outcome, NotFound):
        raise outcome
    if isinstance(outcome, Refusal):
        query = {"refused": outcome.code, "word": str(outcome.facts.get("status", ""))}
    else:
        query = {"done": outcome}
    return go_to(f"{HOME}/transactions/{read_id(transaction_id)}?{urlencode(query)}")


def _word(request: Request[Any, Any, Any]) -> str:
    """Read the status that a refusal named."""
    word = read_query(request, "word")
    return word if word in {item.value for item in TransactionStatus} else TransactionStatus.PROCESSING.value


def read_id(text: str) -> str:
    """An id that cannot be one names nothing. Raises NotFound."""
    if not text.replace("_", "").isalnum() or not text.isascii() or len(text) > _ID_CHARACTERS_MAX:
        raise NotFound(id="")
    return text
