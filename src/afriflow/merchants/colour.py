"""What a merchant's one colour becomes on a page: readable in any case, and as close to what was chosen as that allows.

Contrast after WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio. A filled button keeps the colour itself, and
its text is black or white: one of them is always readable. As a text the colour is made darker or lighter until it is.
"""

import re
from dataclasses import dataclass

_HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})")
# Level AA for text.
READABLE = 4.5
# A filled area that differs less from its ground is not seen as one.
_SEEN = 1.4
_STEPS = 50


@dataclass(frozen=True, slots=True)
class Theme:
    """What the colour has to stand out from, as in site.css. tint: how much of the colour is in a soft ground."""

    card: str
    ground: str
    far: str  # where a colour goes to be readable here
    tint: float


LIGHT = Theme("#ffffff", "#f3f6f4", "#000000", 0.1)
DARK = Theme("#141d1a", "#0c1311", "#ffffff", 0.14)


@dataclass(frozen=True, slots=True)
class Shades:
    """The colour in one theme. text: of links, on card, ground and soft. button_text: on button and button_strong."""

    text: str
    text_strong: str
    soft: str
    button: str
    button_strong: str
    button_text: str


def read_colour(written: str) -> str | None:
    """Read "#0B6B50" or "#07c" as it is kept, "#0b6b50"; None when it is no colour."""
    found = _HEX.fullmatch(written.strip().lower())
    if found is None:
        return None
    digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
    return f"#{digits}"


def shades(colour: str, theme: Theme) -> Shades:
    """Derive what a page needs. colour: as `read_colour` gives it."""
    soft = mix(theme.card, colour, theme.tint)
    text = _readable(colour, (theme.card, theme.ground, soft), theme.far)
    button = colour if contrast(colour, theme.card) >= _SEEN else text
    button_text = max(("#ffffff", "#000000"), key=lambda ink: contrast(ink, button))
    away = "#000000" if button_text == "#ffffff" else "#ffffff"
    return Shades(text, mix(text, theme.far, 0.2), soft, button, mix(button, away, 0.12), button_text)


def contrast(one: str, other: str) -> float:
    """Give how much two colours differ, 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def mix(one: str, other: str, share: float) -> str:
    """Mix two colours. share: of the other, 0 to 1."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _readable(colour: str, grounds: tuple[str, ...], far: str) -> str:
    """Move a colour as far as it must go to be read on each of the grounds."""
    moved = (mix(colour, far, step / _STEPS) for step in range(_STEPS))
    return next((it for it in moved if min(contrast(it, ground) for ground in grounds) >= READABLE), far)


def _luminance(colour: str) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
