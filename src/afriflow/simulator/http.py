"""How a simulator speaks HTTP: a request is read, a route is found, a response is sent or torn off.

Bare ASGI and not a framework, because a simulator must also do what a framework prevents: let a connection die after
the headers (`faults`), answer malformed JSON in the provider's own words, and stand at any path of another app.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

# The ASGI 3.0 types (asgi.readthedocs.io/en/latest/specs/main.html): dictionaries that each server fills.
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

Work = Callable[[], Awaitable[None]]

# Larger than any documented request of a provider; what is larger is cut off with 413.
BODY_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What came in.

    path: below the simulator's own address, without trailing slash. parts: what the route's {names} caught.
    headers: names in lower case. due: what the handler wants done after its answer (see `afterwards`).
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    parts: Mapping[str, str] = field(default_factory=dict[str, str])
    due: list[tuple[float, Work]] = field(default_factory=list[tuple[float, Work]])

    def json(self) -> object:
        """Read the body as JSON. Raises ValueError when it is none."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("nested too deep") from error

    def form(self) -> dict[str, str]:
        """Read the body as an HTML form; fields that are no UTF-8 become replacement characters."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def afterwards(self, seconds: float, work: Work) -> None:
        """Have work done so many seconds after the answer: what the order sets in motion.

        When the fault `callback_before_answer` strikes, it is done at once and the answer waits for it.
        """
        self.due.append((seconds, work))


@dataclass(frozen=True, slots=True)
class Response:
    """What goes out."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def json_response(status: int, value: object, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, json.dumps(value, ensure_ascii=False).encode(), headers=headers or {})


def page_response(
    html: str, status: int = 200, form_targets: Sequence[str] = (), *, script: bool = False
) -> Response:
    """Answer with a page, which the browser is told to trust with nothing but our own style sheet.

    form_targets: origins to which a form of the page may lead besides its own, for instance by a redirect back to
    the merchant ("https://shop.example"). script: a script of ours may run too, and ask us.
    """
    forms = " ".join(("'self'", *form_targets))
    policy = (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none';"
        f" form-action {forms}" + ("; script-src 'self'; connect-src 'self'" if script else "")
    )
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    return Response(status, html.encode(), "text/html; charset=utf-8", headers)


def see_other(url: str) -> Response:
    """Send a browser on after a form (RFC 9110, 15.4.4)."""
    return Response(303, headers={"location": url})


Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Query:
    """What faults must know of a route that tells how an order stands and moves nothing.

    made_at: when the order of a request was made, None = there is none. unknown: what is answered then.
    """

    made_at: Callable[[Request], datetime | None]
    unknown: Response


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be asked for. faulty: whether `faults` may strike here."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    faulty: bool = False
    query: Query | None = None


class Routes:
    """Which handler answers which path."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def add(
        self, method: str, path: str, handler: Handler, *, faulty: bool = False, query: Query | None = None
    ) -> None:
        """Add a route.

        path: as the provider documents it, "/v2/deposits/{id}"; a name in braces catches one segment.
        """
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path.rstrip("/")))
        self._routes.append(Route(method, re.compile(pattern), handler, faulty, query))

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]] | Response:
        """Give the route and what its names caught, or the refusal: 404 for a path, 405 for a method."""
        known_path = False
        for route in self._routes:
            if caught := route.pattern.fullmatch(path):
                if route.method == method:
                    return route, caught.groupdict()
                known_path = True
        code = "method_not_allowed" if known_path else "not_found"
        return json_response(405 if known_path else 404, {"error": code})


async def receive_request(
    routes: Routes, scope: Scope, receive: Receive, base_path: str
) -> tuple[Route, Request] | Response:
    """Read a request and find its route; or give the response that refuses it."""
    request = await read_request(scope, receive, base_path)
    if isinstance(request, Response):
        return request
    found = routes.find(request.method, request.path)
    if isinstance(found, Response):
        return found
    route, parts = found
    return route, replace(request, parts=parts)


async def read_request(scope: Scope, receive: Receive, base_path: str) -> Request | Response:
    """Read a request whole; 413 when it is too large.

    base_path: the path of the simulator's public address. Some servers leave it in scope["path"] (uvicorn), some
    take it off and put a slash at the end (a mount of Litestar 2.25): both are read the same.
    """
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_BYTES_MAX:
            return json_response(413, {"error": "too_large"})
    path = scope["path"].rstrip("/")
    if base_path and (path == base_path or path.startswith(base_path + "/")):
        path = path[len(base_path) :]
    return Request(
        method=scope["method"],
        path=path,
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
    )


async def send_response(response: Response, send: Send) -> None:
    await _send_head(response, send)
    await send({"type": "http.response.body", "body": response.body})


async def tear_off(response: Response, send: Send) -> None:
    """Begin an answer and never finish it.

    The server, seeing an announced body that does not come, closes the connection; the caller cannot know what
    became of its request. (Measured with uvicorn 0.54, httptools and h11: aiohttp raises ClientPayloadError.)
    """
    await _send_head(Response(response.status, response.body or b" "), send)


async def _send_head(response: Response, send: Send) -> None:
    headers = {
        "content-type": response.content_type,
        "content-length": str(len(response.body)),
        **response.headers,
    }
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": raw})
