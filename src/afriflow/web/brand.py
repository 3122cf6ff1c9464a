"""How a merchant's look reaches a page whose policy lets nothing inline: a small stylesheet and a picture, kept for ever.

The address of each names its content, so that a change is another address.
"""

import hashlib
from functools import lru_cache
from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from afriflow.core.errors import NotFound
from afriflow.merchants.brand import Brand, logo_of
from afriflow.merchants.colour import DARK, LIGHT, Theme, read_colour, shades
from afriflow.merchants.logo import MEDIA_TYPE
from afriflow.web.assets import FOR_EVER
from afriflow.web.auth import House

_PUBLIC = "what payers see, the same for everybody"
_HEX_CHARACTERS_MAX = 64


def look_of(brand: Brand, merchant_id: str) -> dict[str, Any]:
    """Give a template what `brand.html` wants: addresses of the colour and the logo, empty where there is none."""
    accent_url = f"/brand/accent/{brand.accent[1:]}.{_digest(brand.accent)}.css" if brand.accent else ""
    logo_url = f"/brand/logo/{merchant_id}/{brand.logo_hash}.webp" if brand.logo_hash else ""
    return {"brand": brand, "merchant": brand.name, "accent_url": accent_url, "logo_url": logo_url}


@get("/brand/accent/{name:str}", include_in_schema=False, public=_PUBLIC)
async def give_accent(name: FromPath[str]) -> Response[bytes]:
    """Send what a colour becomes. Raises NotFound."""
    digits, _, digest = name.removesuffix(".css").partition(".")
    colour = read_colour(digits)
    if colour is None or digest != _digest(colour):
        raise NotFound(id="")
    return Response(
        _stylesheet(colour).encode(),
        media_type="text/css",
        headers={"cache-control": FOR_EVER},
    )


@get("/brand/logo/{merchant_id:str}/{name:str}", include_in_schema=False, public=_PUBLIC)
async def give_logo(house: House, merchant_id: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """Send the logo that a merchant has. Raises NotFound."""
    wanted = name.removesuffix(".webp")[:_HEX_CHARACTERS_MAX]
    if not wanted.isalnum() or not merchant_id.replace("_", "").isalnum():
        raise NotFound(id="")
    async with house.database.connection() as connection:
        picture = await logo_of(connection, merchant_id[:_HEX_CHARACTERS_MAX], wanted)
    return Response(picture, media_type=MEDIA_TYPE, headers={"cache-control": FOR_EVER})


@lru_cache(maxsize=1024)
def _stylesheet(colour: str) -> str:
    return f"{_rule(colour, LIGHT)}@media(prefers-color-scheme:dark){{{_rule(colour, DARK)}}}"


def _rule(colour: str, theme: Theme) -> str:
    it = shades(colour, theme)
    named = {
        "accent": it.text,
        "accent-strong": it.text_strong,
        "soft": it.soft,
        "button": it.button,
        "button-strong": it.button_strong,
        "on-button": it.button_text,
    }
    return ".branded{" + ";".join(f"--{name}:{value}" for name, value in named.items()) + "}"


def _digest(colour: str) -> str:
    return hashlib.sha256(_stylesheet(colour).encode()).hexdigest()[:12]
