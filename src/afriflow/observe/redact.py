"""What may not leave the house: keys, tokens, e-mail addresses, card and phone numbers are taken out of any text that is logged, reported or traced.

What a value is called decides first, what it looks like second. Better one word too few than one too many: logs are
read by more people than the database.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import cast

HIDDEN = "•••"
# What is called so is never shown, whatever it looks like: secrets, and what payers and merchants wrote.
_HIDDEN_NAME = re.compile(
    r"authorization|cookie|passw|secret|credential|signature|(^|[_.-])(token|otp|pin|cvv|pan|key|api_?key|phone|msisdn|alias|email"
    r"|payload|body|data|query_string)$",
    re.IGNORECASE,
)
# Most texts hold none of all this, and are looked at once.
_SUSPECT = re.compile(
    r"\d[\d -]{7}|sk_|whsec_|eyJ|://|/pay/|@|[\w-]{32}|\w{4}-\w{4}-\w{4}"
    r"|(?i:bearer|basic|passw|secret|token|key|otp|pin|cookie|auth|cvv)"
)
_NAMED = re.compile(
    r"""((?:passw\w*|secret|token|api[_-]?key|authorization|cookie|\botp|\bpin|\bcvv|_otp|_pin|_key)["']?\s*[:=]\s*)"""
    r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"',;&}\])]+)""",
    re.IGNORECASE,
)
# Long words of chance, whatever gave them out: in three kinds of characters (keys, sessions), our own links' alphabet
# (`core.ids.Ids.token`) and that of secrets for codes (RFC 4648 base 32). Ids of ours have a prefix, traces and hashes
# nothing past f.
_BY_CHANCE = re.compile(
    r"(?<![\w-])(?:(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[A-Za-z0-9_-]{32,}|(?=\w*[g-z])[0-9a-hjkmnp-tv-z]{32}|[A-Z2-7]{32})(?![\w-])"
)
_ENCODED = re.compile(r"%([2-7][0-9A-Fa-f])")
_RECOVERY_CODE = re.compile(r"(?<![\w-])(?:[0-9a-z]{4}-){2,}[0-9a-z]{4}(?![\w-])")
_EMAIL = re.compile(r"[\w.+-]+@(?=[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2})")
_CARD = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?!\w)")
_GROUPED_NUMBER = re.compile(
    r"(?<![\w.:/-])(?:(?:\+|00)\d{1,3}[ -]?)?\d{2,3}(?:[ -]\d{2,4}){3,4}(?![\w-]|[.:]\d)"
)
_LONG_NUMBER = re.compile(r"(?<![\w.-])\+?\d{9,15}(?![\w-]|\.\d)")
_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\b(sk_(?:test|live)|whsec)_[A-Za-z0-9+/=_-]{8,}"), rf"\1_{HIDDEN}"),
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}"), HIDDEN),
    (re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+@"), f"{HIDDEN}@"),
    (re.compile(r"(/pay/)[0-9a-z]{16,}"), rf"\1{HIDDEN}"),  # whoever has a payer's link may pay and read
    (_NAMED, rf"\1{HIDDEN}"),
    (_BY_CHANCE, HIDDEN),
    (_RECOVERY_CODE, HIDDEN),
    (_EMAIL, f"{HIDDEN}@"),
    (_CARD, lambda match: HIDDEN if _is_card(match[0]) else match[0]),
    (_GROUPED_NUMBER, lambda match: _masked(match[0])),
    (_LONG_NUMBER, lambda match: _masked(match[0])),
)


def redact_text(text: str) -> str:
    """Take out whatever looks like a secret, a card or a phone number; of a phone number its ends stay."""
    while _ENCODED.search(text):  # a form or an address, perhaps inside another
        text = _ENCODED.sub(lambda match: chr(int(match[1], 16)), text.replace("+", " "))
    if not _SUSPECT.search(text):
        return text
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text


def without_numbers(text: str) -> str:
    """Take out card numbers, and phone numbers in groups alone, of what is read by its names as well."""
    text = _CARD.sub(lambda match: HIDDEN if _is_card(match[0]) else match[0], text)
    return _GROUPED_NUMBER.sub(lambda match: _masked(match[0]), text)


def redact(value: object, name: str = "") -> object:
    """Make a value fit to be shown: what it holds at any depth, by its name and by its looks. name: what it is called."""
    if _is_hidden(name):
        return HIDDEN if value else value
    if isinstance(value, str):
        return redact_text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {str(key): redact(item, str(key)) for key, item in items}
    if isinstance(value, Sequence | AbstractSet) and not isinstance(value, bytes | bytearray):
        return [redact(item) for item in cast("Sequence[object]", value)]
    return redact_text(repr(value))


@lru_cache(maxsize=1024)
def _is_hidden(name: str) -> bool:
    return bool(_HIDDEN_NAME.search(name))


def _is_card(text: str) -> bool:
    """Luhn: every card number passes, nine of ten other numbers do not."""
    digits = [int(character) for character in reversed(text) if character.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _masked(text: str) -> str:
    digits = sum(character.isdigit() for character in text)
    return f"{text[:6]}{HIDDEN}{text[-2:]}" if 8 <= digits <= 15 else text
