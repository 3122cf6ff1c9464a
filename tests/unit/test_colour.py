"""Whatever colour a merchant chooses, everything that is written with it or on it can be read."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afriflow.merchants.colour import DARK, LIGHT, READABLE, Theme, contrast, read_colour, shades

SITE = (Path(__file__).parents[2] / "src/afriflow/web/static/site.css").read_text("utf-8")
COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def named(theme: Theme) -> dict[str, str]:
    """The colours of one theme, as the stylesheet has them."""
    screen = SITE.partition("@media print")[0]
    light, dark = screen.split("@media (prefers-color-scheme: dark)")
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", light if theme is LIGHT else dark))


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_themes_are_those_of_the_stylesheet(theme: Theme) -> None:
    site = named(theme)
    assert (read_colour(site["card"]), read_colour(site["ground"])) == (theme.card, theme.ground)


@given(colour=COLOURS, theme=st.sampled_from([LIGHT, DARK]))
def test_every_colour_becomes_readable(colour: str, theme: Theme) -> None:
    found, site = shades(colour, theme), named(theme)
    for ground in (theme.card, theme.ground, found.soft):
        assert contrast(found.text, ground) >= READABLE
    for button in (found.button, found.button_strong):
        assert contrast(found.button_text, button) >= READABLE
    for ink in (site["ink"], site["quiet"]):
        assert contrast(ink, found.soft) >= READABLE


def test_a_colour_that_can_be_read_stays_what_it_is() -> None:
    assert shades("#0b5cad", LIGHT).text == "#0b5cad"
    assert shades("#ffcc00", LIGHT).button == "#ffcc00"
    assert shades("#ffcc00", LIGHT).button_text == "#000000"


def test_black_on_white_differs_as_much_as_can_be() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("#07C", "#0077cc"),
        (" 0B6B50 ", "#0b6b50"),
        ("#ffcc0", None),
        ("red", None),
        ("#12345g", None),
        ("", None),
    ],
)
def test_a_colour_is_read_as_people_write_it(written: str, kept: str | None) -> None:
    assert read_colour(written) == kept
