"""One payment's page: its whole story, and what people do about it."""

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.errors import Refusal
from afriflow.core.permission import Permission
from afriflow.core.transaction import FINAL, LIVE, AttemptStatus
from afriflow.delivery.endpoints import resend
from afriflow.delivery.search import deliveries_of
from afriflow.ledger.present import show_transaction
from afriflow.ledger.search import attempts_of, logs_of, notifications_of, read_transaction, story_of
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import back_to, dashboard_page, read_id
from afriflow.web.form import read_form, require_own_page
from afriflow.web.render import page_language
from afriflow.web.sign_in import HOME
from afriflow.web.story import tell


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
