"""How figures become bars: what a template needs to draw them, in a grid that any page stretches to its width.

Drawn here and not in the browser: no script to load, nothing that the pages' policy forbids, and the same picture for
everybody. What is drawn is also written, as a table; the picture itself is hidden from whoever hears the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass

# One bar's place, of which it takes four fifths; heights go from 0 to HEIGHT.
STEP = 10
HEIGHT = 1_000
_WIDTH = 8
_VISIBLE = 12  # what is there is seen, however little it is


@dataclass(frozen=True, slots=True)
class Bar:
    """One piece of a bar. kind: what it is of, as the stylesheet names it."""

    kind: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Chart:
    """width: of the whole. highest: what a bar up to the top stands for."""

    bars: Sequence[Bar]
    width: int
    height: int
    highest: int


def draw(columns: Sequence[Sequence[tuple[str, int]]]) -> Chart:
    """Pile up each column's values, the first at the bottom. columns: pairs of kind and value, none below 0."""
    highest = max((sum(value for _, value in column) for column in columns), default=0)
    bars = list[Bar]()
    for place, column in enumerate(columns):
        top = HEIGHT
        for kind, value in column:
            if value:
                height = max(_VISIBLE, HEIGHT * value // highest)
                top -= height
                bars.append(Bar(kind, place * STEP + 1, max(0, top), _WIDTH, height))
    return Chart(bars, STEP * len(columns), HEIGHT, highest)
