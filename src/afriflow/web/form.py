"""How a page's form is read, and when we believe that it was our own page that sent it."""

from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from afriflow.core.errors import FieldError, Forbidden, InvalidRequest, MalformedBody, UnsupportedMediaType

# Our largest form has five fields.
_FIELDS_MAX = 20
_CHARACTERS_MAX = 2_000


async def read_form(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Give a form's fields, trimmed; the last one wins where a name stands twice.

    Raises UnsupportedMediaType, MalformedBody, InvalidRequest (a text that PostgreSQL or a person cannot hold).
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType
    body = await request.body()
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX
        )
    except (UnicodeError, ValueError) as error:
        raise MalformedBody(reason="not a form") from error
    form = {name: value.strip() for name, value in pairs}
    if any("\x00" in value or len(value) > _CHARACTERS_MAX for value in form.values()):
        raise InvalidRequest([FieldError("", "invalid_text")])
    return form


def read_query(request: Request[Any, Any, Any], name: str) -> str:
    """Give a query parameter as a page may use it; what no person typed counts as absent."""
    value = str(request.query_params.get(name, "")).strip()
    return "" if "\x00" in value or len(value) > _CHARACTERS_MAX else value


async def require_own_page(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard against forged forms: what changes something must come from a page of this very origin.

    Browsers say so themselves, in Sec-Fetch-Site or Origin, and no script can write these headers. Who sends
    neither is no browser and may use the API. Raises Forbidden.
    """
    if cast("dict[str, Any]", connection.scope).get("method") in {"GET", "HEAD"}:
        return
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise Forbidden
        return
    base_url: str = connection.app.state.house.settings.base_url
    origin = urlsplit(connection.headers.get("origin", ""))
    ours = {connection.headers.get("host", ""), urlsplit(base_url).netloc}
    if not origin.netloc or origin.netloc not in ours:
        raise Forbidden
