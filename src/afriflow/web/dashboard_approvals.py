"""The dashboard's page of payouts that wait for a second person: what is asked for, by whom, and who decides."""

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.errors import FieldError, InvalidRequest, NotFound, Refusal
from afriflow.core.language import say
from afriflow.core.money import Money, read_amount
from afriflow.core.operator import countries
from afriflow.core.permission import Permission
from afriflow.ledger.present import show_amount
from afriflow.ledger.present_out import show_waiting
from afriflow.merchants.policy import approval_limits_of, put_approval_limits
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import dashboard_page, read_id, sentence_of
from afriflow.web.form import read_form, require_own_page
from afriflow.web.render import go_to, page_language
from afriflow.web.sign_in import HOME

_HERE = f"{HOME}/approvals"
# More than these wait nowhere; the API lists all of them.
_WAITING_MAX = 100
_DECIDED_MAX = 10
_REASON_MAX = 500


class ApprovalPages(Controller):
    """Whoever may send money may be the second person, but for what they asked for themselves."""

    path = _HERE
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.PAYOUTS_READ)
    async def show(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """List what waits and what was decided lately, and above which amount a payout waits."""
        return await _page(request, house, caller)

    @post("/{payout_id:str}/approve", permission=Permission.PAYOUTS_WRITE)
    async def approve(
        self, request: Request[Any, Any, Any], house: House, caller: Who, payout_id: FromPath[str]
    ) -> Response[Any]:
        """Order it."""
        try:
            await house.approvals.approve(caller, read_id(payout_id))
        except NotFound:
            raise
        except Refusal as refusal:
            sentence = sentence_of(refusal, page_language(request, caller.language))
            return await _page(request, house, caller, refused=sentence)
        return go_to(f"{HOME}/money-out/payouts/{read_id(payout_id)}?done=approved")

    @post("/{payout_id:str}/refuse", permission=Permission.PAYOUTS_WRITE)
    async def refuse(
        self, request: Request[Any, Any, Any], house: House, caller: Who, payout_id: FromPath[str]
    ) -> Response[Any]:
        """End it, with a reason that whoever asked will want to know."""
        language = page_language(request, caller.language)
        reason = (await read_form(request)).get("reason", "")[:_REASON_MAX]
        if not reason:
            missing = say("approval.reason_missing", language)
            return await _page(request, house, caller, refused=missing)
        try:
            await house.approvals.refuse(caller, read_id(payout_id), reason)
        except NotFound:
            raise
        except Refusal as refusal:
            return await _page(request, house, caller, refused=sentence_of(refusal, language))
        return go_to(f"{_HERE}?done=refused")

    @post("/limit", permission=Permission.SETTINGS_WRITE)
    async def set_limit(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[Any]:
        """Set above which amount of the merchant's own currency a payout waits; empty: none does."""
        text, currency = (await read_form(request)).get("above", ""), _currency(caller)
        money = read_amount(text, currency) if text else None
        if text and money is None:
            fault = InvalidRequest([FieldError("/above", "not_an_amount", {"currency": currency})])
            refused = sentence_of(fault, page_language(request, caller.language))
            return await _page(request, house, caller, refused=refused)
        async with house.database.transaction() as connection:
            limits = await approval_limits_of(connection, caller.merchant_id, caller.mode)
            limits.pop(currency, None)
            if money is not None:
                limits[currency] = money.amount_minor
            await put_approval_limits(connection, caller, limits)
        return go_to(f"{_HERE}?done=policy")


async def _page(
    request: Request[Any, Any, Any], house: House, caller: Who, *, refused: str = ""
) -> Response[str]:
    language, currency = page_language(request, caller.language), _currency(caller)
    async with house.database.connection() as connection:
        limits = await approval_limits_of(connection, caller.merchant_id, caller.mode)
    waiting = await house.approvals.waiting(caller, limit=_WAITING_MAX)
    decided = await house.approvals.decided(caller, limit=_DECIDED_MAX)
    return dashboard_page(
        request,
        caller,
        "approvals.html",
        status=422 if refused else 200,
        refused=refused,
        waiting=[(row, show_waiting(row)) for row in waiting],
        decided=[(row, show_waiting(row)) for row in decided],
        limits=[show_amount(Money(amount, name), language) for name, amount in sorted(limits.items())],
        limit=show_amount(Money(limits[currency], currency), language) if currency in limits else "",
        currency=currency,
    )


def _currency(caller: Who) -> str:
    return countries()[caller.country].currencies[0]
