"""The dashboard's pages of what providers notified: who sent it, what it was about, what was made of it, and once more."""

import re
from typing import Any
from urllib.parse import urlencode

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.errors import InvalidRequest, NotFound, Refusal
from afriflow.core.language import keys, say
from afriflow.core.money import Money
from afriflow.core.permission import Permission
from afriflow.db.engine import Record
from afriflow.inbox.search import (
    STATES,
    VERDICTS,
    NotificationFilter,
    notification_of,
    notifications_at,
    providers_of,
)
from afriflow.jobs.held import explained_jobs
from afriflow.ledger.present import show_amount
from afriflow.ledger.search import make_cursor, read_cursor
from afriflow.port.http import redact_body
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import dashboard_page, read_id
from afriflow.web.form import read_query, require_own_page
from afriflow.web.render import go_to, page_language
from afriflow.web.sign_in import HOME

_ROWS = 25
_KINDS = {"pyt": "payouts", "ref": "refunds"}
# What the inbox writes down of what it did, and the sentence of it.
_DONE = (
    (re.compile(r"recorded (?P<status>\w+)"), "outcome_recorded"),
    (re.compile(r"asked the provider: (?P<status>\w+)"), "outcome_asked"),
    (re.compile(r"known already"), "outcome_known"),
    (re.compile(r"names no payment of this account"), "outcome_no_payment"),
)


class NotificationPages(Controller):
    """Providers' notifications for people."""

    path = f"{HOME}/notifications"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.TRANSACTIONS_READ)
    async def list_(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[Any]:
        """List notifications, newest first, narrowed by provider, signature and outcome."""
        here, cursor = f"{HOME}/notifications", read_query(request, "cursor")
        try:
            before = read_cursor(cursor) if cursor else None
        except InvalidRequest:  # a cursor that was cut off: begin anew
            return go_to(here)
        async with house.database.connection() as connection:
            providers = await providers_of(connection, caller)
            choices = {"provider": providers, "verdict": VERDICTS, "status": STATES}
            asked = {
                name: value
                for name, known in choices.items()
                if (value := read_query(request, name)) in known
            }
            rows = await notifications_at(
                connection, caller, NotificationFilter(**asked), limit=_ROWS + 1, before=before
            )
        language = page_language(request, caller.language)
        following = make_cursor(rows[_ROWS - 1]["id"]) if len(rows) > _ROWS else None
        return dashboard_page(
            request,
            caller,
            "notifications.html",
            shown=[(row, _about(row, language), _done(row, language)) for row in rows[:_ROWS]],
            choices=choices,
            asked=asked,
            narrowed=bool(asked or cursor),
            next_url=f"{here}?{urlencode({**asked, 'cursor': following})}" if following else None,
            first_url=f"{here}?{urlencode(asked)}" if cursor else None,
        )

    @get("/{notification_id:str}", permission=Permission.TRANSACTIONS_READ)
    async def read(
        self, request: Request[Any, Any, Any], house: House, caller: Who, notification_id: FromPath[str]
    ) -> Response[str]:
        """Show one notification as it came, how it was judged and what was done."""
        return await _one(request, house, caller, read_id(notification_id))

    @post("/{notification_id:str}/again", permission=Permission.TRANSACTIONS_WRITE)
    async def again(
        self, request: Request[Any, Any, Any], house: House, caller: Who, notification_id: FromPath[str]
    ) -> Response[str]:
        """Have it read once more, and the provider asked about what is new in it."""
        notification_id, language = read_id(notification_id), page_language(request, caller.language)
        try:
            outcome = await house.processor.again(caller, notification_id)
        except NotFound:
            raise
        except Refusal as refusal:
            said = say(f"error.{refusal.code}", language, **refusal.facts)
            return await _one(request, house, caller, notification_id, refused=said, status=refusal.status)
        again = say("hooks.again_done", language, outcome=_in_words(outcome, language))
        return await _one(request, house, caller, notification_id, again=again)


async def _one(
    request: Request[Any, Any, Any],
    house: House,
    caller: Who,
    notification_id: str,
    *,
    again: str = "",
    refused: str = "",
    status: int = 200,
) -> Response[str]:
    async with house.database.connection() as connection:
        row, content = await notification_of(connection, house.vault, caller, notification_id)
        waiting = await explained_jobs(connection, caller.merchant_id) if row["status"] == "received" else []
    language = page_language(request, caller.language)
    held = next((job for job in waiting if job.key == f"process:{row['id']}"), None)
    return dashboard_page(
        request,
        caller,
        "notification.html",
        status=status,
        row=row,
        about=_about(row, language),
        done=_done(row, language),
        content=None if content is None else redact_body(content),
        held=held,
        again=again,
        refused=refused,
    )


def _about(row: Record, language: str) -> tuple[str, str]:
    """Say what a notification is about, and where that is shown; both empty where nothing of ours is named."""
    order_id: str = row["attempt_id"] or ""
    if kind := _KINDS.get(order_id.partition("_")[0]):
        return order_id, f"{HOME}/money-out/{kind}/{order_id}"
    if row["subject_id"] is None:
        return "", ""
    amount = show_amount(Money(row["amount_minor"], row["currency"]), language)
    return f"{amount} · {row['reference']}", f"{HOME}/transactions/{row['subject_id']}"


def _done(row: Record, language: str) -> str:
    if row["status"] == "ignored" and not row["outcome"]:
        return "" if row["verdict"] == "forged" else say("hooks.outcome_nothing", language)
    return _in_words(row["outcome"] or "", language)


def _in_words(outcome: str, language: str) -> str:
    """Put what the inbox wrote down into the reader's words; what a newer release wrote is shown as it stands."""
    return ", ".join(_sentence(part, language) for part in outcome.split(", ")) if outcome else ""


def _sentence(part: str, language: str) -> str:
    for pattern, key in _DONE:
        if match := pattern.fullmatch(part):
            word = match.groupdict().get("status", "").lower()
            known = f"dashboard.attempt_{word}"
            return say(
                f"hooks.{key}", language, status=say(known, language) if known in keys(language) else word
            )
    return part
