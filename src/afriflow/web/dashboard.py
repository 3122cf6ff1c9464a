"""The dashboard's first page: find a payment; and what every page of the dashboard has around it."""

import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from litestar import Controller, Request, Response, get

from afriflow.core.errors import InvalidRequest, KeyInFlight, KeyReused, NotFound, Refusal
from afriflow.core.language import keys, say
from afriflow.core.permission import Permission
from afriflow.core.transaction import Mode, TransactionStatus
from afriflow.ledger.present import show_transaction
from afriflow.ledger.search import search
from afriflow.merchants.saved_views import views_of
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard_filter import STATUSES, asked_of, choices, payments_wanted
from afriflow.web.form import read_query, require_own_page
from afriflow.web.render import go_to, page_language, render
from afriflow.web.sign_in import HOME
from afriflow.web.story import provider_title

NOTE_CHARACTERS_MAX = 1_000
# Whose page it is, by the beginning of an id.
OUT_OF_PREFIX = {"pyt": "payouts", "ref": "refunds"}
_ROWS = 25
_ID_CHARACTERS_MAX = 64


def dashboard_page(
    request: Request[Any, Any, Any], caller: Who, template: str, *, status: int = 200, **values: Any
) -> Response[str]:
    """Fill a template of the dashboard: who looks, in which mode, and what the last click did."""
    language = page_language(request, caller.language)
    done, refused = read_query(request, "done"), read_query(request, "refused")
    said = [
        key
        for section in ("dashboard", "desk", "hooks")
        if (key := f"{section}.done_{done}") in keys(language)
    ]
    notice = say(said[0], language) if said else ""
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
        now=request.app.state.house.clock.now(),
        **values,
    )


class PaymentList(Controller):
    """Payments for people."""

    path = HOME
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.TRANSACTIONS_READ)
    async def list_(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """List payments, newest first, narrowed to what was searched."""
        asked = asked_of(request, STATUSES)
        cursor = read_query(request, "cursor") or None
        wanted = await payments_wanted(house, caller, asked)
        async with house.database.connection() as connection:
            try:
                found = await search(connection, caller, wanted, limit=_ROWS, cursor=cursor)
            except InvalidRequest:  # a cursor that was cut off: begin anew
                return go_to(HOME)  # type: ignore[return-value]
            views = await views_of(connection, caller, "transactions")
        language = page_language(request, caller.language)
        base_url = house.settings.base_url
        shown = [show_transaction(row, found.attempts[row["id"]], base_url, language) for row in found.rows]
        return dashboard_page(
            request,
            caller,
            "transactions.html",
            shown=shown,
            asked=asked,
            statuses=STATUSES,
            choices=choices(language),
            views=views,
            narrowed=bool(asked.words or cursor),
            next_url=f"{HOME}?{asked.query(cursor=found.next_cursor)}" if found.next_cursor else None,
            first_url=f"{HOME}?{asked.query()}" if cursor else None,
            base_url=base_url,
        )


def back_to(transaction_id: str, outcome: str | Refusal) -> Response[None]:
    """Show the payment again with what the click did. Raises NotFound again: there is nothing to show."""
    if isinstance(outcome, NotFound):
        raise outcome
    if isinstance(outcome, Refusal):
        query = {"refused": outcome.code, "word": str(outcome.facts.get("status", ""))}
    else:
        query = {"done": outcome}
    return go_to(f"{HOME}/transactions/{read_id(transaction_id)}?{urlencode(query)}")


def sentence_of(refusal: Refusal, language: str) -> str:
    """Say why something was refused, to a person who stands before the form; of several faults the first."""
    if isinstance(refusal, InvalidRequest):
        fault = refusal.errors[0]
        return say(f"field.{fault.code}", language, **fault.facts)
    if isinstance(refusal, KeyReused | KeyInFlight):
        return say("desk.form_used", language)
    facts = dict(refusal.facts)
    if (status := f"status.{facts.get('status')}") in keys(language):
        facts["status"] = say(status, language)
    return say(f"error.{refusal.code}", language, **facts)


def read_note(form: Mapping[str, str]) -> str:
    """Read a note as it was written, lines and all; empty when there is none, or it is too long to have been typed here."""
    text = "\n".join(form.get("note", "").splitlines())
    text = "".join(sign for sign in text if sign.isprintable() or sign == "\n").strip()
    return text if len(text) <= NOTE_CHARACTERS_MAX else ""


def _word(request: Request[Any, Any, Any]) -> str:
    """Read the status that a refusal named."""
    word = read_query(request, "word")
    return word if word in {item.value for item in TransactionStatus} else TransactionStatus.PROCESSING.value


def read_id(text: str) -> str:
    """An id that cannot be one names nothing. Raises NotFound."""
    if not text.replace("_", "").isalnum() or not text.isascii() or len(text) > _ID_CHARACTERS_MAX:
        raise NotFound(id="")
    return text
