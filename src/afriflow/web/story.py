"""How a payment's history is told: each event as a sentence with the facts that matter to whoever looks into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from afriflow.core.language import keys, say
from afriflow.core.money import Money
from afriflow.db.engine import Record
from afriflow.ledger.present import ShownAttempt, show_amount
from afriflow.port.factory import specs

# How an event looks: what brings the money, what ends without it, what a person should notice.
_TONES = {
    "succeeded": "good",
    "failed": "bad",
    "refused": "bad",
    "notsent": "warn",
    "unclear": "warn",
    "missing": "warn",
    "coderefused": "warn",
    "codewanted": "warn",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One event in words. facts: name and value, both for reading. status: what the payment was after it."""

    at: datetime
    sentence: str
    source: str
    tone: str
    facts: tuple[tuple[str, str], ...]
    status: str | None


def tell(events: Sequence[Record], attempts: Sequence[ShownAttempt], language: str) -> list[Moment]:
    """Put a payment's events into words, oldest first."""
    titles = {attempt.id: provider_title(attempt.provider) for attempt in attempts}
    return [_moment(event, titles.get(event["attempt_id"] or "", ""), language) for event in events]


def tell_out(events: Sequence[Record], provider: str, language: str) -> list[Moment]:
    """Put a refund's or payout's events into words, oldest first: nobody pays here, somebody is paid."""
    return [_moment(event, provider_title(provider), language, "event_out_") for event in events]


def provider_title(name: str) -> str:
    """Give the name that people know a provider by; its id where it is not installed any more."""
    spec = specs().get(name)
    return spec.title if spec else name


def _moment(event: Record, provider: str, language: str, words: str = "event_") -> Moment:
    kind: str = event["kind"].lower()
    words = words if f"dashboard.{words}{kind}" in keys(language) else "event_"
    facts: Mapping[str, Any] = event["facts"]
    return Moment(
        at=event["created_at"],
        sentence=_sentence(f"dashboard.{words}{kind}", event["kind"], language, provider=provider),
        source=_sentence(f"dashboard.source_{event['source']}", event["source"], language),
        tone=_TONES.get(kind, ""),
        facts=tuple(_facts(facts, language)),
        status=None if kind == "noted" else facts.get("status"),
    )


def _facts(facts: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    """Choose what is worth reading; amounts and failures in words, the provider's own words beside them."""
    found: dict[str, str] = {}
    for name in ("by", "text", "note", "proof", "operator", "operator_reference", "reason", "other"):
        if facts.get(name):
            found[name] = str(facts[name])
    if paid := facts.get("paid"):
        found["paid"] = show_amount(Money(paid["amount_minor"], paid["currency"]), language)
    if action := facts.get("next_action"):
        found["next_action"] = _sentence(f"dashboard.action_{action['type']}", action["type"], language)
    if failure := facts.get("failure"):
        found["reason"] = _sentence(f"failure.{failure['code']}", failure["code"], language)
        found |= {
            name: str(failure[name]) for name in ("provider_code", "provider_message") if failure.get(name)
        }
    return [(say(f"dashboard.fact_{name}", language), value) for name, value in found.items()]


def _sentence(key: str, otherwise: str, language: str, **facts: object) -> str:
    """Say it, or show the bare word when a newer release wrote one that this one does not know."""
    return say(key, language, **facts) if key in keys(language) else otherwise
