"""What is seen of every request: its number, one line when it is answered, its time by route, and its span.

A caller may name the request (`x-request-id`) and the trace that it belongs to (`traceparent`); the number comes back
with the answer and stands on every line, also on those of the jobs that the request put off.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, cast

from litestar.datastructures import MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from afriflow.assembly import Assembly
from afriflow.observe.log import bound, logger
from afriflow.observe.metrics import HTTP
from afriflow.observe.trace import Carrier, Kind, span
from afriflow.observe.work import gathering

REQUEST_ID = "x-request-id"
# What a caller may name a request: what fits on a line and into a search.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_UNMATCHED = "unmatched"
# Lasts as long as somebody looks at a page: that is no time of an answer.
_STREAMS = ("/dashboard/live",)
# Asked every few seconds by machines: counted, and no lines.
_QUIET = ("/health/", "/metrics")
_log = logger("web")


class Journal:
    """Stands around the whole site."""

    def __init__(self, app: ASGIApp, house: Assembly) -> None:
        self._app = app
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        named = headers.get(REQUEST_ID.encode(), b"")
        request_id = named.decode() if _REQUEST_ID.fullmatch(named) else self._house.ids.new("req")
        begun, status, method = _now(), 500, scope["method"]

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableScopeHeaders.from_message(message)[REQUEST_ID] = request_id
            await send(message)

        with bound(request_id=request_id), gathering() as found:
            try:
                with span(method, Kind.SERVER, parent=_carrier(scope, headers)) as step:
                    await self._app(scope, receive, answer)
                    route = _route(scope)
                    step.rename(f"{method} {route}")
                    step.tell(**found, http__route=route, http__response__status_code=status)
                    if status >= 500:
                        step.fail(str(status))
            finally:
                self._tell(scope, found, status, _now() - begun)

    def _tell(self, scope: Any, found: Mapping[str, str], status: int, seconds: float) -> None:
        method, route = scope["method"], _route(scope)
        if route not in _STREAMS:
            HTTP.labels(method, route, f"{status // 100}xx").observe(seconds)
        if route.startswith(_QUIET):
            return
        facts = {"method": method, "route": route, "status": status, "duration_ms": int(seconds * 1000)}
        _log.info("request", **{**found, **_who(scope.get("state", {})), **facts})


def _who(state: Mapping[str, Any]) -> dict[str, str]:
    """Tell who asked, as far as that is known, and with which code they were refused; never by name or address."""
    told: dict[str, str] = {}
    if (caller := state.get("caller")) is not None:
        person = state.get("me")
        told |= {"merchant_id": caller.merchant_id, "mode": caller.mode.value}
        told["who"] = person.person_id if person is not None else caller.who
    if "refused" in state:
        told["refused"] = state["refused"]
    return told


def _route(scope: Any) -> str:
    """Name the route as it is written in the code: a path holds ids, and links that only payers may have."""
    return cast("str", scope.get("path_template")) or _UNMATCHED


def _carrier(scope: Scope, headers: Mapping[bytes, bytes]) -> Carrier | None:
    """Read the trace of a program that calls the API; what a browser or a provider says of it is not gone on with."""
    traceparent = headers.get(b"traceparent")
    path = scope["path"]
    if traceparent is None or not path.startswith("/api/") or path.startswith("/api/webhooks/"):
        return None
    return {"traceparent": traceparent.decode("latin-1")}


def _now() -> float:
    return asyncio.get_running_loop().time()
