"""What looks like a card's number: we take cards by redirect alone, and no number of one may ever be with us.

Length and beginning as the networks give them out (ISO/IEC 7812), and the check digit. One in ten random numbers of a
card's length and beginning has the right check digit: a reference of sixteen digits that begins like a card is refused.
"""

import re
from collections.abc import Iterator

# Plain, or in the groups that are embossed: 4-4-4-4, 4-4-4-4-3, 4-6-5 (American Express), 4-6-4 (Diners Club).
# Other separated digits are telephone numbers, dates and ids; digits beside letters are parts of random keys, of which
# one in some thousands would be taken for a card.
_CANDIDATE = re.compile(
    r"(?<![\w.+])(?:\d{13,19}|\d{4}(?P<g>[ -])\d{4}(?P=g)\d{4}(?P=g)\d{4}(?:(?P=g)\d{3})?|\d{4}(?P<h>[ -])\d{6}(?P=h)\d{4,5})(?!\w|\.\d)"
)
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
