"""How a page's form is read, and when we believe that it was our own page that sent it."""

import hmac
import io
import re
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import multipart
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from afriflow.core.errors import (
    FieldError,
    Forbidden,
    InvalidRequest,
    MalformedBody,
    PanNotAllowed,
    UnsupportedMediaType,
)
from afriflow.core.pan import holds_pan

# Our largest form, of an API key's scopes, stays below.
_FIELDS_MAX = 50
_CHARACTERS_MAX = 5_000  # a private key of 4096 bits, as PEM, has 3 300
# What `with_form_token` puts into forms, and `require_form_token` wants back.
FORM_FIELD = "form_token"
# What these hold is nobody's business but its owner's: neither trimmed nor looked through.
PASSWORD_FIELDS = frozenset({"password", "old", "new", "again", "fresh_proof"})
_WITH_FILE = "multipart/form-data"
_FORM = re.compile(r'<form\b[^>]*\bmethod="post"[^>]*>')


async def read_pairs(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    """Give a form's fields in order, trimmed but for passwords; a file among them is not one (`read_file`).

    Only a route that says `takes_file=True` is sent files. Raises UnsupportedMediaType, MalformedBody, PanNotAllowed,
    InvalidRequest (a text that PostgreSQL or a person cannot hold).
    """
    content_type = _content_type(request)
    if content_type == _WITH_FILE and request.route_handler.opt.get("takes_file"):
        pairs = [(part.name or "", part.value) for part in await _parts(request) if not part.filename]
    elif content_type == "application/x-www-form-urlencoded":
        pairs = await _urlencoded(request)
    else:
        raise UnsupportedMediaType
    read = [(name, value if name in PASSWORD_FIELDS else value.strip()) for name, value in pairs]
    if any("\x00" in value or len(value) > _CHARACTERS_MAX for _, value in read):
        raise InvalidRequest([FieldError("", "invalid_text")])
    for name, value in read:
        if name not in PASSWORD_FIELDS and holds_pan(value):
            raise PanNotAllowed(pointer=f"/{name[:40]}")
    return read


async def read_file(request: Request[Any, Any, Any], name: str) -> bytes:
    """Give the file of a form's field, whatever it calls itself; empty where none was chosen. Raises MalformedBody."""
    if _content_type(request) != _WITH_FILE:
        return b""
    return next((part.raw for part in await _parts(request) if part.name == name and part.filename), b"")


async def read_form(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Give a form's fields as `read_pairs` does; the last one wins where a name stands twice."""
    return dict(await read_pairs(request))


def read_query(request: Request[Any, Any, Any], name: str) -> str:
    """Give a query parameter as a page may use it; what no person typed counts as absent."""
    value = str(request.query_params.get(name, "")).strip()
    return "" if "\x00" in value or len(value) > _CHARACTERS_MAX else value


async def require_own_page(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard against forged forms: what changes something must come from a page of this very origin.

    Browsers say so themselves, in Sec-Fetch-Site or Origin, and no script can write these headers. Who sends
    neither is no browser and may use the API. Raises Forbidden.
    """
    if not changes_something(connection):
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


def changes_something(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Tell whether the method is one that may."""
    return cast("dict[str, Any]", connection.scope).get("method") not in {"GET", "HEAD"}


def asked_by_itself(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Tell whether a page listens, or asks for its region anew: nobody touched it, so it keeps no session alive."""
    listens = connection.headers.get("accept") == "text/event-stream"
    return not changes_something(connection) and (listens or "hx-request" in connection.headers)


async def require_form_token(request: Request[Any, Any, Any], session_id: str) -> None:
    """Want back what our page put into the form: whoever forges one does not know it. Raises Forbidden."""
    brought = (await read_form(request)).get(FORM_FIELD, "")
    if not hmac.compare_digest(brought.encode(), _form_token(request, session_id).encode()):
        raise Forbidden


def with_form_token(request: Request[Any, Any, Any], page: str, session_id: str) -> str:
    """Put the token into every form of a page that changes something, so that no page can forget it.

    What people wrote is escaped in a page: a `<form` in it is always one of our own.
    """
    field = f'<input type="hidden" name="{FORM_FIELD}" value="{_form_token(request, session_id)}">'
    return _FORM.sub(lambda found: found[0] + field, page)


def _form_token(request: Request[Any, Any, Any], session_id: str) -> str:
    """Derive it from the session, whose token may change while a form is open in another tab."""
    return request.app.state.house.vault.hash(f"form {session_id}").hex()[:32]


def _content_type(request: Request[Any, Any, Any]) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _urlencoded(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    body = await request.body()
    try:
        return parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX
        )
    except (UnicodeError, ValueError) as error:
        raise MalformedBody(reason="not a form") from error


async def _parts(request: Request[Any, Any, Any]) -> list[multipart.MultipartPart]:
    """Take a body apart, in memory: the route bounds it."""
    body = await request.body()
    _, options = request.content_type
    try:
        parser = multipart.MultipartParser(
            io.BytesIO(body),
            options.get("boundary", ""),
            strict=True,
            part_limit=_FIELDS_MAX,
            spool_limit=len(body),
        )
        return list(parser)
    except (UnicodeError, ValueError) as error:  # MultipartError is one
        raise MalformedBody(reason="not a form") from error
