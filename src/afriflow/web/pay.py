"""The payer's page, /pay/{token}: one page that always shows the one thing to do now, with or without scripts."""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from afriflow.checkout.request import ConfirmRequest, MethodInput
from afriflow.core.errors import (
    AfriFlowError,
    CodeNotPassedOn,
    InvalidOtp,
    InvalidRequest,
    NoRoute,
    NotConfirmable,
    TooManyPrompts,
)
from afriflow.core.language import say
from afriflow.core.method import MethodType
from afriflow.core.operator import countries, country_name
from afriflow.core.transaction import FINAL, OPEN, AttemptStatus, Mode, TransactionStatus
from afriflow.db.engine import Record
from afriflow.ledger.present import show_transaction
from afriflow.ledger.present_action import say_action
from afriflow.ledger.search import attempts_of, read_by_token
from afriflow.merchants.brand import Brand, brand_of
from afriflow.merchants.keys import caller_of_merchant
from afriflow.web.auth import House, Who
from afriflow.web.brand import look_of
from afriflow.web.form import read_form, read_query
from afriflow.web.pay_panel import (
    numbers_of,
    offers_for,
    paid_attempt,
    phone_of,
    preselected,
    ussd_of,
)
from afriflow.web.render import go_to, page_language, render

# Panels on which nothing can be typed: the page looks for news by itself.
_WAITING = frozenset({"approve_on_phone", "redirect", "show_qr", "dial_ussd", "checking", "no_offers"})

# Where the API's sentence speaks of ids or codes that a payer does not know.
_PAYERS_WORDS = {
    "phone:invalid_phone": "page.wrong_phone",
    "operator:operator_missing": "page.choose_first",
    "operator:unknown_operator": "page.choose_first",
}
_CODE_WORDS: dict[type[AfriFlowError], str] = {
    InvalidOtp: "failure.invalid_otp",
    CodeNotPassedOn: "page.code_not_passed_on",
}
# Why these pages ask for no key and nobody to sign in.
_BY_LINK = "the token in the address is what a payer has"
_NOTHING_WRONG = {"operator": "", "phone": "", "otp": ""}


class PayState(msgspec.Struct, frozen=True):
    """What a waiting page asks for; a different word means that there is something new to see."""

    state: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A payment as the holder of its link sees it."""

    caller: Who
    brand: Brand
    row: Record
    attempts: Sequence[Record]
    in_time: bool

    @property
    def open(self) -> bool:
        """Whether money may be on its way now."""
        return any(attempt["status"] in OPEN for attempt in self.attempts)

    @property
    def panel(self) -> str:
        """Name the one thing to show now."""
        status, action = TransactionStatus(self.row["status"]), self.row["next_action"]
        if status in FINAL:
            return status.value
        payer_must_type = status is TransactionStatus.REQUIRES_PAYMENT_METHOD or (
            action is not None and action["type"] == "enter_otp"
        )
        if payer_must_type and not self.in_time:
            return TransactionStatus.EXPIRED.value  # the job that ends the session is not here yet
        if status is TransactionStatus.REQUIRES_PAYMENT_METHOD:
            return "choose"
        return "checking" if action is None else action["type"]

    @property
    def code_was_lost(self) -> bool:
        """Whether a code is asked for because the last one never arrived."""
        return any(attempt["status"] == AttemptStatus.UNKNOWN for attempt in self.attempts)

    @property
    def state(self) -> str:
        return f"{self.panel}:{self.row['story_length']}"

    @property
    def may_choose_again(self) -> bool:
        """Whether the payer may take another method though one was chosen: nothing was sent with it yet."""
        return self.panel == "enter_otp" and self.row["payer_chooses"] and not self.open


@dataclass(frozen=True, slots=True)
class Typed:
    """What the payer typed, shown again, with what was wrong with it, by field."""

    method: str = ""
    phone: str = ""
    wrong: dict[str, str] | None = None


@get("/pay/{token:str}", include_in_schema=False, public=_BY_LINK)
async def show(request: Request[Any, Any, Any], house: House, token: FromPath[str]) -> Response[str]:
    """Show where the payment stands and what the payer can do."""
    return await _page(request, house, await _visit(house, token), Typed(phone=""))


@post("/pay/{token:str}", include_in_schema=False, public=_BY_LINK)
async def give(request: Request[Any, Any, Any], house: House, token: FromPath[str]) -> Response[Any]:
    """Take a method or a code; a second click finds the payment under way and just shows it."""
    visit = await _visit(house, token)
    form = await read_form(request)
    typed = Typed(form.get("method", ""), form.get("phone", ""))
    language = page_language(request, visit.row["language"])
    try:
        await house.confirmer.confirm(visit.caller, visit.row["id"], _confirmation(form))
    except NotConfirmable:
        pass  # paid for already, or too late: the page says which
    except InvalidRequest as error:
        wrong = _wrong(error, language, country_name(visit.row["country"], language))
        return await _page(request, house, visit, Typed(typed.method, typed.phone, wrong))
    except (InvalidOtp, CodeNotPassedOn) as error:
        wrong = {"otp": say(_CODE_WORDS[type(error)], language)}
        return await _page(request, house, await _visit(house, token), Typed(wrong=wrong))
    except NoRoute:
        wrong = {"operator": say("page.no_route", language)}
        return await _page(request, house, visit, Typed(typed.method, typed.phone, wrong))
    except TooManyPrompts as error:
        minutes = math.ceil(int(str(error.facts["retry_after_seconds"])) / 60)
        wrong = {"phone": say("page.too_many_prompts", language, minutes=minutes)}
        return await _page(request, house, visit, Typed(typed.method, typed.phone, wrong))
    return go_to(f"/pay/{token}")


@get("/pay/{token:str}/state", include_in_schema=False, public=_BY_LINK)
async def state(house: House, token: FromPath[str]) -> Response[PayState]:
    """Tell a waiting page whether there is something new."""
    visit = await _visit(house, token)
    return Response(PayState(visit.state), headers={"cache-control": "no-store"})


@get(["/pay/{token:str}/return", "/pay/{token:str}/cancelled"], include_in_schema=False, public=_BY_LINK)
async def come_back(house: House, token: FromPath[str]) -> Response[None]:
    """Where providers send payers back: ask how it stands, believing nothing in this address, then show it."""
    visit = await _visit(house, token)
    if visit.open:
        with contextlib.suppress(AfriFlowError):  # the page shows what we know, and goes on asking
            await house.follower.verify(visit.caller, visit.row["id"])
    return go_to(f"/pay/{token}")


async def _visit(house: House, token: str) -> Visit:
    """Find the payment of a link. Raises NotFound."""
    async with house.database.connection() as connection:
        row = await read_by_token(connection, token.replace("\x00", "")[:100])
        attempts = await attempts_of(connection, row["merchant_id"], row["id"])
        caller = await caller_of_merchant(connection, row["merchant_id"], Mode(row["mode"]), "payer")
        brand = await brand_of(connection, row["merchant_id"])
    return Visit(caller, brand, row, attempts, row["expires_at"] > house.clock.now())


def _confirmation(form: dict[str, str]) -> ConfirmRequest:
    """Put the form into the very request that a server would send."""
    if "otp" in form:
        return ConfirmRequest(otp=form["otp"].replace(" ", ""))
    if form.get("method") == MethodType.CARD:
        return ConfirmRequest(payment_method=MethodInput(type=MethodType.CARD))
    operator, phone = form.get("method") or None, form.get("phone") or None
    return ConfirmRequest(payment_method=MethodInput(operator=operator, phone=phone))


def _wrong(error: InvalidRequest, language: str, country: str) -> dict[str, str]:
    """Say what is wrong, by field, in words for payers."""
    wrong: dict[str, str] = {}
    for fault in error.errors:
        field = fault.pointer.rpartition("/")[2]
        key = _PAYERS_WORDS.get(f"{field}:{fault.code}", f"field.{fault.code}")
        wrong[field] = say(key, language, **{**fault.facts, "country": country})
    return wrong


async def _page(request: Request[Any, Any, Any], house: House, visit: Visit, typed: Typed) -> Response[str]:
    row, panel = visit.row, visit.panel
    language = page_language(request, row["language"])
    shown = show_transaction(row, visit.attempts, house.settings.base_url, language)
    country = countries()[row["country"]]
    phone = typed.phone or await phone_of(house, row)
    if panel == "enter_otp" and visit.may_choose_again and (typed.method or read_query(request, "choose")):
        panel = "choose"
    offers = await offers_for(house, visit.caller, row, phone) if panel == "choose" else []
    if panel == "choose" and not offers:
        panel = "no_offers"
    until = min(row["expires_at"], (shown.next_action and shown.next_action.expires_at) or row["expires_at"])
    waiting = panel in _WAITING or (panel == "expired" and visit.open)
    return render(
        request,
        "pay.html",
        language,
        status=422 if typed.wrong else 200,
        **look_of(visit.brand, row["merchant_id"]),
        shown=shown,
        panel=panel,
        state=visit.state,
        waiting=waiting,
        refresh_seconds=10 if panel == "no_offers" else 3,
        open=visit.open,
        may_choose_again=visit.may_choose_again,
        code_was_lost=visit.code_was_lost,
        offers=offers,
        numbers=numbers_of(country) if offers else None,
        chosen=typed.method or preselected(offers),
        phone=phone,
        wrong={**_NOTHING_WRONG, **(typed.wrong or {})},
        country=country,
        country_name=country_name(row["country"], language),
        message=say_action(row, _unbroken(shown.amount_display), language) if shown.next_action else "",
        code=shown.next_action.code if shown.next_action else None,
        ussd=ussd_of(shown),
        paid=paid_attempt(shown),
        back_url=row["return_url"] if panel == "succeeded" else (row["cancel_url"] or row["return_url"]),
        until=until,
        left_seconds=math.floor((until - house.clock.now()).total_seconds()),
        about=say("pay.about", language, amount=shown.amount_display, reference=row["reference"]),
        test=row["mode"] == Mode.TEST,
    )


def _unbroken(amount: str) -> str:
    """Keep an amount on one line of a sentence."""
    return amount.replace(" ", "\N{NO-BREAK SPACE}")
