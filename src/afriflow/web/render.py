"""What a page is: a template filled in the reader's language, sent under one strict policy."""

import json
from datetime import UTC, datetime, tzinfo
from functools import cache, partial
from http import HTTPStatus
from importlib.resources import files
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import segno
from babel.core import get_global
from babel.dates import format_datetime
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response
from litestar.datastructures import Cookie

from afriflow.core.language import LANGUAGES, choose_language, keys, say
from afriflow.core.operator import operators
from afriflow.web.assets import asset_url
from afriflow.web.cookie import cookie_name, make_cookie
from afriflow.web.form import read_query, with_form_token

LANGUAGE_COOKIE = "afriflow_language"
_YEAR_SECONDS = 365 * 86_400

# Nothing inline, nothing from elsewhere: what a merchant or a payer wrote can never become code.
# form-action also binds redirects after a form, so forms answer with 303 to our own pages only.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cache-control": "no-store",
}

# Browsers also name those that they are like: whoever is named by none after it comes last.
_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Opera Mini": "Opera Mini",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
_SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}
_TIMES = {
    "short": "d MMM y, HH:mm",
    "seconds": "d MMM y, HH:mm:ss",
    "zone": "d MMM y, HH:mm z",
    "clock": "HH:mm",
}


def render(
    request: Request[Any, Any, Any], template: str, language: str, *, status: int = 200, **values: Any
) -> Response[str]:
    """Fill a template. language: what every sentence of it is said in."""
    body = (
        _templates()
        .get_template(template)
        .render(
            language=language,
            other_languages=[item for item in LANGUAGES if item != language],
            path=request.url.path,
            say=partial(say, language=language),
            **values,
        )
    )
    me = request.scope["state"].get("me")
    return Response(
        with_form_token(request, body, me.session_id) if me else body,
        status_code=status,
        media_type=MediaType.HTML,
        headers={**_HEADERS, "content-language": language},
        cookies=_kept_choice(request),
    )


def go_to(path: str, *cookies: Cookie) -> Response[None]:
    """Answer a form: look there. path: one of ours."""
    return Response(
        None, status_code=HTTPStatus.SEE_OTHER, headers={**_HEADERS, "location": path}, cookies=list(cookies)
    )


def render_error(
    request: Request[Any, Any, Any], *, status: int, code: str, number: str | None
) -> Response[str]:
    """Say no to a person. number: what to name when they ask for help."""
    language = page_language(request, request.app.state.house.settings.language)
    known = f"page.error_{code}" if f"page.error_{code}" in keys(language) else "page.error_any"
    home = "/dashboard" if request.url.path.startswith("/dashboard") else None
    return render(
        request,
        "error.html",
        language,
        status=status,
        sentence=say(known, language),
        number=number,
        home=home,
    )


def page_language(request: Request[Any, Any, Any], default: str) -> str:
    """Choose a page's language: what the reader clicked, now or before, else the browser's wish, else `default`."""
    kept = request.cookies.get(cookie_name(request.app.state.house.settings, LANGUAGE_COOKIE))
    for clicked in (read_query(request, "language"), kept):
        if clicked in LANGUAGES:
            return clicked
    return choose_language(request.headers.get("accept-language"), default)


def show_time(moment: datetime, language: str, country: str, form: str) -> str:
    """Write a time as clocks in a country show it. form: "short", "seconds", "zone" with the zone's name, or "clock"."""
    return format_datetime(moment, _TIMES[form], tzinfo=zone_of(country), locale=language)


def _kept_choice(request: Request[Any, Any, Any]) -> list[Cookie]:
    clicked = read_query(request, "language")
    if clicked not in LANGUAGES:
        return []
    return [make_cookie(request.app.state.house.settings, LANGUAGE_COOKIE, clicked, seconds=_YEAR_SECONDS)]


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(str(files("afriflow.web").joinpath("templates"))),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    ours: dict[str, Any] = {
        "time": show_time,
        "counted": _counted,
        "pretty": _pretty,
        "qr": _qr,
        "wallet": _wallet,
        "brand": _brand,
        "monogram": _monogram,
        "ussd": _ussd,
        "dialled": _dialled,
        "browser": _browser,
    }
    environment.filters.update(ours)
    known: dict[str, Any] = environment.globals
    known["asset_url"] = asset_url
    return environment


@cache
def zone_of(country: str) -> tzinfo:
    """Find a country's time zone; the first by name where it has several, UTC where the system knows none."""
    zones = sorted(zone for zone, territory in get_global("zone_territories").items() if territory == country)
    for zone in zones:
        try:
            return ZoneInfo(zone)
        except ZoneInfoNotFoundError:
            continue
    return UTC


def _pretty(text: str) -> str:
    """Lay JSON out for reading; anything else stays as it came."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _counted(number: int, language: str) -> str:
    """Write a count as people do: 1 000 000 in French, 1,000,000 in English."""
    return format_decimal(number, locale=language)


def _qr(text: str) -> str:
    """Draw a QR code as the address of a picture; always dark on white, or phones do not read it."""
    return segno.make(text, error="m", micro=False).svg_data_uri(border=3, light="#fff", omitsize=True)


def _wallet(operator: str | None) -> str:
    found = operators().get(operator or "")
    return found.wallet if found else (operator or "")


def _brand(operator: str) -> str:
    """Name the family of an operator, for its colour."""
    return operator.partition("_")[0]


def _monogram(wallet: str) -> str:
    """Shorten a wallet's name to what fits into its mark: "OM", "MTN"."""
    words = wallet.partition("(")[0].split()
    if words and words[0].isupper() and words[0].isalpha():
        return words[0][:3]
    return "".join(word[0] for word in words if word[0].isupper())[:2] or wallet[:1].upper()


def _dialled(link: str) -> str:
    """Write the link of a code as the code that people know."""
    return unquote(link.removeprefix("tel:"))


def _browser(agent: str) -> str:
    """Name browser and system as people call them, as far as a User-Agent says; the first that is found is meant."""
    known = (_BROWSERS, _SYSTEMS)
    return ", ".join(
        name for names in known if (name := next((name for word, name in names.items() if word in agent), ""))
    )


def _ussd(code: str) -> str:
    """Write a USSD code as a link that phones dial."""
    return "tel:" + code.replace("#", "%23")
