"""The dashboard's page of money out: refunds and payouts with their stories, and what people decide about them."""

from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.checkout.resolve import Decision
from afriflow.core.errors import InvalidRequest, NotFound, Refusal
from afriflow.core.permission import Permission
from afriflow.delivery.search import deliveries_of
from afriflow.ledger.present_out import REQUIRES_APPROVAL, Payout, show_disbursement
from afriflow.ledger.search import read_cursor, said_about, story_of
from afriflow.ledger.search_out import disbursement_of, list_disbursements
from afriflow.merchants.saved_views import views_of
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import dashboard_page, read_id, read_note
from afriflow.web.dashboard_filter import (
    STATUSES_OUT,
    asked_of,
    choices,
    home_place,
    money_out_wanted,
    places,
)
from afriflow.web.dashboard_payout import Ordered, read_payout_form, refused_order
from afriflow.web.form import read_form, read_query, require_own_page
from afriflow.web.render import go_to, page_language
from afriflow.web.sign_in import HOME
from afriflow.web.story import tell_out

_ROWS = 25
_KINDS = {"payouts": "payout", "refunds": "refund"}
_WORDS_MAX = 500


class MoneyOutPages(Controller):
    """Refunds and payouts for people: whoever may see the ones may see the others."""

    path = f"{HOME}/money-out"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.PAYOUTS_READ)
    async def to_payouts(self) -> Response[None]:
        """Begin with payouts."""
        return go_to(f"{HOME}/money-out/payouts")

    @get("/{kind:str}", permission=Permission.PAYOUTS_READ)
    async def list_(
        self, request: Request[Any, Any, Any], house: House, caller: Who, kind: FromPath[str]
    ) -> Response[Any]:
        """List refunds or payouts, newest first, narrowed to what was searched."""
        return await money_out_page(request, house, caller, kind)

    @post("/{kind:str}", permission=Permission.PAYOUTS_WRITE)
    async def order_payout(
        self, request: Request[Any, Any, Any], house: House, caller: Who, kind: FromPath[str]
    ) -> Response[Any]:
        """Send money to a person.

        The form brings the order's name: sent twice, it is one payout. A form that was fetched anew has another, and
        then the reference, of which there is one only, refuses a second payout of the same.
        """
        if _kind(kind) != "payout":
            raise NotFound(id="")
        form = await read_form(request)
        order = read_id(form.get("order") or house.ids.new("ord"))
        try:
            reply = await house.approvals.payout(
                caller, f"desk-payout-{order}", read_payout_form(form, caller)
            )
        except Refusal as refusal:
            ordered = refused_order(order, form, refusal, page_language(request, caller.language))
            return await money_out_page(request, house, caller, kind, ordered)
        made = msgspec.json.decode(reply.body, type=Payout)
        if made.status == REQUIRES_APPROVAL:
            return go_to(f"{HOME}/approvals?done=held")
        return _back_to(kind, made.id, "payout")

    @get("/{kind:str}/{disbursement_id:str}", permission=Permission.PAYOUTS_READ)
    async def read(
        self,
        request: Request[Any, Any, Any],
        house: House,
        caller: Who,
        kind: FromPath[str],
        disbursement_id: FromPath[str],
    ) -> Response[str]:
        """Show one refund or payout with everything that happened to it."""
        found, merchant_id = read_id(disbursement_id), caller.merchant_id
        async with house.database.connection() as connection:
            row = await disbursement_of(connection, caller, _kind(kind), found)
            events = await story_of(connection, merchant_id, found)
            deliveries = await deliveries_of(connection, merchant_id, caller.mode, found)
            logs, notifications = await said_about(connection, house.vault, caller, found)
        return dashboard_page(
            request,
            caller,
            "disbursement.html",
            row=row,
            kind=kind,
            shown=show_disbursement(row),
            moments=tell_out(events, row["provider"], page_language(request, caller.language)),
            deliveries=deliveries,
            logs=logs,
            notifications=notifications,
            outcomes=[
                outcome
                for outcome in ("succeeded", "failed")
                if house.resolver.may_resolve(row, row, succeeded=outcome == "succeeded")
            ],
        )

    @post("/{kind:str}/{disbursement_id:str}/verify", permission=Permission.TRANSACTIONS_WRITE)
    async def verify(
        self, house: House, caller: Who, kind: FromPath[str], disbursement_id: FromPath[str]
    ) -> Response[None]:
        """Ask the provider now."""
        try:
            await house.disburser.verify(caller, _kind(kind), read_id(disbursement_id))
        except Refusal as refusal:
            return _back_to(kind, disbursement_id, refusal)
        return _back_to(kind, disbursement_id, "verify")

    @post("/{kind:str}/{disbursement_id:str}/note", permission=Permission.TRANSACTIONS_WRITE)
    async def note(
        self,
        request: Request[Any, Any, Any],
        house: House,
        caller: Who,
        kind: FromPath[str],
        disbursement_id: FromPath[str],
    ) -> Response[None]:
        """Add a note to the story."""
        _kind(kind)
        text = read_note(await read_form(request))
        if not text:
            return _back_to(kind, disbursement_id, "note_missing")
        await house.resolver.note(caller, read_id(disbursement_id), text)
        return _back_to(kind, disbursement_id, "note")

    @post("/{kind:str}/{disbursement_id:str}/review", permission=Permission.TRANSACTIONS_RESOLVE)
    async def review(
        self,
        request: Request[Any, Any, Any],
        house: House,
        caller: Who,
        kind: FromPath[str],
        disbursement_id: FromPath[str],
    ) -> Response[None]:
        """Take a refund or payout off the table; somebody will ask why, so a reason is wanted."""
        _kind(kind)
        reason = (await read_form(request)).get("reason", "")[:_WORDS_MAX]
        if not reason:
            return _back_to(kind, disbursement_id, "reason_missing")
        try:
            await house.resolver.review_out(caller, read_id(disbursement_id), reason)
        except Refusal as refusal:
            return _back_to(kind, disbursement_id, refusal)
        return _back_to(kind, disbursement_id, "review")

    @post("/{kind:str}/{disbursement_id:str}/resolve", permission=Permission.TRANSACTIONS_RESOLVE)
    async def resolve(
        self,
        request: Request[Any, Any, Any],
        house: House,
        caller: Who,
        kind: FromPath[str],
        disbursement_id: FromPath[str],
    ) -> Response[None]:
        """End a refund or payout as a person knows that it ended."""
        _kind(kind)
        decision = read_decision(await read_form(request))
        if decision is None:
            return _back_to(kind, disbursement_id, "reason_missing")
        try:
            await house.resolver.resolve_out(caller, read_id(disbursement_id), decision)
        except Refusal as refusal:
            return _back_to(kind, disbursement_id, refusal)
        return _back_to(kind, disbursement_id, "resolve")


async def money_out_page(
    request: Request[Any, Any, Any], house: House, caller: Who, kind: str, ordered: Ordered | None = None
) -> Response[Any]:
    """Show a list. ordered: the payout that was refused, where one was."""
    found, asked = _kind(kind), asked_of(request, STATUSES_OUT)
    cursor = read_query(request, "cursor")
    wanted = await money_out_wanted(house, caller, asked)
    here = f"{HOME}/money-out/{kind}"
    try:
        after = read_cursor(cursor) if cursor else None
    except InvalidRequest:  # a cursor that was cut off: begin anew
        return go_to(here)
    async with house.database.connection() as connection:
        shown, following = await list_disbursements(
            connection, caller, found, wanted, limit=_ROWS, after=after
        )
        views = await views_of(connection, caller, kind)
    language = page_language(request, caller.language)
    ordered = ordered or Ordered(house.ids.new("ord"), {}, {})
    return dashboard_page(
        request,
        caller,
        "money_out.html",
        status=422 if ordered.wrong or ordered.refused else 200,
        order=ordered.order,
        form={"place": home_place(caller.country), **ordered.form},
        wrong=ordered.wrong,
        refused=ordered.refused,
        places=places(language),
        shown=shown,
        kind=kind,
        kinds=tuple(_KINDS),
        asked=asked,
        statuses=STATUSES_OUT,
        choices=choices(language),
        views=views,
        narrowed=bool(asked.words or cursor),
        next_url=f"{here}?{asked.query(cursor=following)}" if following else None,
        first_url=f"{here}?{asked.query()}" if cursor else None,
    )


def read_decision(form: dict[str, str]) -> Decision | None:
    """Read how somebody decided that an order ended; None where the reason, the proof or the decision is missing."""
    reason, proof = (form.get(name, "")[:_WORDS_MAX] for name in ("reason", "proof"))
    if not (reason and proof) or form.get("as") not in {"succeeded", "failed"}:
        return None
    return Decision(
        succeeded=form["as"] == "succeeded",
        reason=reason,
        proof=proof,
        operator_reference=form.get("operator_reference", "")[:_WORDS_MAX] or None,
    )


def _kind(word: str) -> str:
    """Read what an address names. Raises NotFound."""
    if word not in _KINDS:
        raise NotFound(id="")
    return _KINDS[word]


def _back_to(kind: str, disbursement_id: str, outcome: str | Refusal) -> Response[None]:
    """Show it again with what the click did. Raises NotFound again: there is nothing to show."""
    if isinstance(outcome, NotFound):
        raise outcome
    if isinstance(outcome, Refusal):
        query = {"refused": outcome.code, "word": str(outcome.facts.get("status", ""))}
    else:
        query = {"done": outcome}
    return go_to(f"{HOME}/money-out/{_kind(kind)}s/{read_id(disbursement_id)}?{urlencode(query)}")
