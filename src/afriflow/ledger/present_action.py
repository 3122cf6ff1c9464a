"""What the payer has to do now, in words: ours, with the operator's own where the provider passes them on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from afriflow.core.language import say
from afriflow.core.method import ActionType, Guide
from afriflow.core.money import Money
from afriflow.core.operator import operators
from afriflow.db.engine import Record


class ShownChannel(msgspec.Struct, frozen=True):
    """One way to the operator's prompt or code, in the operator's own words. link: tel: or https:."""

    title: str
    steps: tuple[str, ...]
    link: str | None = None


class ShownAction(msgspec.Struct, frozen=True):
    """What to do now.

    message: all of it as one text. payee: the name that the operator's prompt shows. by_hand: the prompt does not come
    by itself. channels: ways to the prompt or the code, in the operator's words; the first is in the message too.
    """

    type: str
    message: str
    url: str | None = None
    payload: str | None = None
    code: str | None = None
    expires_at: datetime | None = None
    payee: str | None = None
    by_hand: bool = False
    channels: tuple[ShownChannel, ...] = ()


def show_action(row: Record, display: str, language: str) -> ShownAction | None:
    """Show a transaction's next action; our words alone where the operator's are not in this language.

    display: the transaction's amount.
    """
    stored: Mapping[str, Any] | None = row["next_action"]
    if stored is None:
        return None
    guide = msgspec.convert(stored.get("guide") or {}, Guide)
    channels = _channels(guide, language)
    sentence = say_action(row, display, language)
    expires_at = stored.get("expires_at")
    return ShownAction(
        type=stored["type"],
        message=sentence + _first_steps(stored["type"], guide, channels, language),
        url=stored.get("url"),
        payload=stored.get("payload"),
        code=_code(row),
        expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
        payee=guide.payee,
        by_hand=guide.by_hand,
        channels=channels,
    )


def say_action(row: Record, display: str, language: str) -> str:
    """Say what to do in our words alone, for pages that show the operator's as a list."""
    stored: Mapping[str, Any] = row["next_action"]
    guide = msgspec.convert(stored.get("guide") or {}, Guide)
    operator = operators().get(row["method_operator"] or "")
    facts = {"amount": display, "wallet": operator.wallet if operator else "", "code": _code(row)}
    match stored["type"], bool(_channels(guide, language)):
        case ActionType.ENTER_OTP, True:
            return say("action.enter_otp_guided", language, **facts)
        case ActionType.ENTER_OTP, False if facts["code"]:
            return say("action.enter_otp_dial", language, **facts)
        case ActionType.ENTER_OTP, False if stored.get("payload"):  # the provider's own id of what it sent
            return say("action.enter_otp_sent", language, **facts)
        case ActionType.APPROVE_ON_PHONE, _ if guide.by_hand:
            return say("action.approve_by_hand", language, **facts)
        case kind, _:
            return say(f"action.{kind}", language, **facts)


def _channels(guide: Guide, language: str) -> tuple[ShownChannel, ...]:
    return tuple(
        ShownChannel(channel.title.get(language, ""), channel.steps[language], channel.link)
        for channel in guide.channels
        if channel.steps.get(language)
    )


def _first_steps(kind: str, guide: Guide, channels: tuple[ShownChannel, ...], language: str) -> str:
    """Put the first way into one line, to stand behind our sentence."""
    if not channels:
        return ""
    steps = " ".join(step if step[-1] in ".!?…" else f"{step}." for step in channels[0].steps)
    if kind == ActionType.APPROVE_ON_PHONE and not guide.by_hand:
        return f" {say('page.no_prompt', language)} {steps}"
    return f" {steps}"


def _code(row: Record) -> str | None:
    """Give the code to dial; some operators' hold the amount, as in *144*4*6*5000#."""
    code: str | None = row["next_action"].get("code")
    return code and code.replace("{amount}", Money(row["amount_minor"], row["currency"]).text())
