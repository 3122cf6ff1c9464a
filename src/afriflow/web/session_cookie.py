"""The cookie by which a browser is known again, and how its token changes under way."""

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, MutableScopeHeaders
from litestar.types import Message, Scope

from afriflow.settings import Settings
from afriflow.web.cookie import cookie_name, make_cookie

_NAME = "afriflow_session"
_STATE = "new_session_token"


def session_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Give what the browser brought."""
    return connection.cookies.get(cookie_name(connection.app.state.house.settings, _NAME))


def session_cookie(settings: Settings, token: str) -> Cookie:
    """Make the cookie of a session; an empty token takes it away."""
    return make_cookie(settings, _NAME, token, seconds=settings.dashboard_session_seconds if token else 0)


def change_token(request: Request[Any, Any, Any], token: str) -> None:
    """Have this request's answer, whatever it is, bring the browser another token."""
    request.scope["state"][_STATE] = token


async def send_new_token(message: Message, scope: Scope) -> None:
    """Hook of the app: adds the cookie to the answer of a request whose session changed its token."""
    token = scope["state"].get(_STATE)
    if token is not None and message["type"] == "http.response.start":
        settings = scope["litestar_app"].state.house.settings
        header = session_cookie(settings, token).to_header(header="")
        MutableScopeHeaders.from_message(message).add("set-cookie", header)
