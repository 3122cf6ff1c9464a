"""What people read, in French and in English: one table per language, the same keys in both (a test holds it)."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

LANGUAGES = ("fr", "en")


def say(key: str, language: str, **facts: object) -> str:
    """Give the sentence of a key, filled with facts.

    key: "error.not_found", "failure.payer_declined", … language: "fr" or "en"; anything else is English.
    Raises KeyError when the sentence does not exist in either language.
    """
    return _table(language if language in LANGUAGES else "en")[key].format_map(facts)


def choose_language(accept_language: str | None, default: str = "en") -> str:
    """Choose among our languages what an Accept-Language header prefers (RFC 9110 §12.5.4)."""
    best, best_weight = default, 0.0
    for item in (accept_language or "")[:200].split(","):
        tag, _, parameters = item.strip().partition(";")
        primary = tag.split("-")[0].lower()
        text = parameters.strip().removeprefix("q=") or "1"
        weight = float(text) if text.isascii() and text.replace(".", "", 1).isdigit() else 0.0
        if primary in LANGUAGES and weight > best_weight:
            best, best_weight = primary, weight
    return best


def keys(language: str) -> Mapping[str, str]:
    """Give all sentences of a language, for the test that holds both tables together."""
    return _table(language)


@cache
def _table(language: str) -> dict[str, str]:
    parsed = tomllib.loads(files("afriflow.core.language").joinpath(f"{language}.toml").read_text("utf-8"))
    return {
        f"{section}.{name}": text for section, sentences in parsed.items() for name, text in sentences.items()
    }
