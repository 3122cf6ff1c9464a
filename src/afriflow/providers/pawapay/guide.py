"""What an operator tells its payers to do, as an account's active configuration prints it, read into a `Guide`.

docs.pawapay.io/v2/docs/deposits: `authTokenInstructions` say how to get a one-time code, `pinPromptInstructions` how to
call up a prompt that does not come. Strangers' words on the payer's page: plain text only, few of it, and links that
can do nothing but dial or open a page.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

from afriflow.core.language import LANGUAGES
from afriflow.core.method import Channel, Guide

# More than any documented example has; a page for phones has room for no more.
_CHANNELS_MAX, _STEPS_MAX, _TEXT_LENGTH_MAX = 3, 10, 200
_LINK = re.compile(r"tel:[0-9*+%A-Fa-f]{1,40}|https://[^\s\"'<>]{1,300}")
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def guide_in(provider: Mapping[str, Any], facts: Mapping[str, Any]) -> Guide | None:
    """Read what a provider's DEPOSIT entry says to payers; None when it says nothing.

    provider: the entry around it, which knows the name that a prompt shows.
    """
    told = facts.get("authTokenInstructions") or facts.get("pinPromptInstructions")
    rows = _fields(told).get("channels")
    listed = cast("list[object]", rows) if isinstance(rows, list) else []
    read = [_channel(_fields(row)) for row in listed[:_CHANNELS_MAX]]
    channels = tuple(channel for channel in read if channel.steps)
    payee = _text(provider.get("nameDisplayedToCustomer")) or None
    by_hand = facts.get("pinPrompt") == "MANUAL"
    return Guide(channels, payee, by_hand) if channels or payee or by_hand else None


def _channel(row: Mapping[str, Any]) -> Channel:
    titles, instructions = _fields(row.get("displayName")), _fields(row.get("instructions"))
    steps: dict[str, tuple[str, ...]] = {}
    for language in LANGUAGES:
        listed = instructions.get(language)
        entries = cast("list[object]", listed) if isinstance(listed, list) else []
        told = [_step(_fields(entry), _fields(row.get("variables"))) for entry in entries[:_STEPS_MAX]]
        if any(told):
            steps[language] = tuple(step for step in told if step)
    title = {language: text for language in LANGUAGES if (text := _text(titles.get(language)))}
    link = row.get("quickLink")
    known = isinstance(link, str) and _LINK.fullmatch(link)
    return Channel(title, steps, str(link) if known else None)


def _step(entry: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
    """Give one step: its text, else its template filled in; variables stand at the step or at its channel."""
    if text := _text(entry.get("text")):
        return text
    known = {**variables, **_fields(entry.get("variables"))}
    return _text(_VARIABLE.sub(lambda found: str(known.get(found[1], "")), str(entry.get("template") or "")))


def _text(value: object) -> str:
    """Give one line of printable text, "" where there is none."""
    if not isinstance(value, str):
        return ""
    line = " ".join(value.split())
    return "".join(character for character in line if character.isprintable())[:_TEXT_LENGTH_MAX]


def _fields(value: object) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
