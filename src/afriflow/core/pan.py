"""What looks like a card's number: we take cards by redirect alone, and no number of one may ever be with us.

Length and beginning as the networks give them out (ISO/IEC 7812), and the check digit. One in ten random numbers of a
card's length and beginning has the right check digit: a reference of sixteen digits that begins like a card is refused.
"""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote_plus, unquote_plus, urlencode

# Plain, or in the groups that are embossed: 4-4-4-4, 4-4-4-4-3, 4-6-5 (American Express), 4-6-4 (Diners Club).
# Other separated digits are telephone numbers, dates and ids; digits beside letters are parts of random keys, of which
# one in some thousands would be taken for a card.
_CANDIDATE = re.compile(
    r"(?<![\w.+])(?:\d{13,19}|\d{4}(?P<g>[ -])\d{4}(?P=g)\d{4}(?P=g)\d{4}(?:(?P=g)\d{3})?|\d{4}(?P<h>[ -])\d{6}(?P=h)\d{4,5})(?!\w|\.\d)"
)
_OF_JSON = frozenset('{["')
_ENCODED = re.compile(r"[%+]")
# A form with JSON in it that was encoded twice; what is deeper nobody reads.
_LAYERS_MAX = 3
# Beginnings as intervals of their first six digits, with the lengths that are given out.
_NETWORKS: tuple[tuple[int, int, frozenset[int]], ...] = (
    (400000, 499999, frozenset({13, 16, 19})),  # Visa
    (510000, 559999, frozenset({16})),  # Mastercard
    (222100, 272099, frozenset({16})),
    (340000, 349999, frozenset({15})),  # American Express
    (370000, 379999, frozenset({15})),
    (300000, 305999, frozenset({14, 16, 19})),  # Diners Club
    (360000, 369999, frozenset({14, 16, 19})),
    (380000, 399999, frozenset({14, 16, 19})),
    (352800, 358999, frozenset({16, 19})),  # JCB
    (601100, 601199, frozenset({16, 19})),  # Discover
    (644000, 659999, frozenset({16, 18, 19})),  # Discover, and Verve from 650002
    (506000, 506999, frozenset({16, 18, 19})),  # Verve, whose tests begin below 506099
    (507865, 507964, frozenset({16, 18, 19})),
    (620000, 629999, frozenset({16, 17, 18, 19})),  # UnionPay
)


def holds_pan(text: str) -> bool:
    """Tell whether a card's number stands in a text."""
    return any(True for _ in _found(text))


def without_pans(text: str) -> str:
    """Leave of each card's number its first six and last four digits, which are nobody's secret (PCI DSS 3.4.1)."""
    for start, end in reversed(list(_found(text))):
        text = f"{text[: start + 6]}•••{text[end - 4 :]}"
    return text


def blank_pans(message: bytes) -> bytes:
    """Leave of each card's number in a message that somebody sent its ends, and zeros between; all other bytes stay.

    JSON stays JSON, and a form is looked into however often it was percent-encoded.
    """
    text = message.decode("utf-8", "surrogateescape")
    blanked = _blanked(text, _LAYERS_MAX)
    return message if blanked == text else blanked.encode("utf-8", "surrogateescape")


def _blanked(text: str, layers: int) -> str:
    for start, end in list(_found(text)):
        middle = re.sub(r"\d", "0", text[start + 6 : end - 4])
        text = f"{text[: start + 6]}{middle}{text[end - 4 :]}"
        if holds_pan(text[start:end]):  # the zeros fit the check digit by chance
            text = f"{text[: start + 6]}{middle.replace('0', '1', 1)}{text[end - 4 :]}"
    if layers == 0 or text.lstrip()[:1] in _OF_JSON or not _ENCODED.search(text):
        return text
    if "=" not in text:
        inside = unquote_plus(text, errors="surrogateescape")
        blanked = _blanked(inside, layers - 1)
        return text if blanked == inside else quote_plus(blanked, errors="surrogateescape")
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    fields = [(_blanked(name, layers - 1), _blanked(value, layers - 1)) for name, value in pairs]
    return text if fields == pairs else urlencode(fields, errors="surrogateescape")


def _found(text: str) -> Iterator[tuple[int, int]]:
    for match in _CANDIDATE.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if digits.isascii() and _is_given_out(digits) and _is_checked(digits):
            yield match.span()


def _is_given_out(digits: str) -> bool:
    beginning = int(digits[:6])
    return any(first <= beginning <= last and len(digits) in lengths for first, last, lengths in _NETWORKS)


def _is_checked(digits: str) -> bool:
    """Check the last digit (ISO/IEC 7812-1, annex B: Luhn)."""
    # From the end: the check digit counts once, the one before it twice, and so on.
    weighed = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in weighed) % 10 == 0
