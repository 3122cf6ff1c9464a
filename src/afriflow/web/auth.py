"""Who may come in: API keys for programs, a session cookie for people."""

from typing import Any, TypeAlias

from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers.base import BaseRouteHandler

from afriflow.assembly import Assembly
from afriflow.core.errors import Unauthenticated
from afriflow.core.transaction import Mode
from afriflow.merchants.keys import Caller, caller_of_key, caller_of_session

SESSION_COOKIE = "afriflow_session"
MODE_COOKIE = "afriflow_mode"

# What handlers are given by name.
House: TypeAlias = NamedDependency[Assembly]
Who: TypeAlias = NamedDependency[Caller]

Asgi = ASGIConnection[Any, Any, Any, Any]


async def require_key(connection: Asgi, _: BaseRouteHandler) -> None:
    """Guard of the API: a valid key names merchant and mode. Raises Unauthenticated."""
    house = connection.app.state.house
    authorization = connection.headers.get("authorization", "")
    async with house.database.connection() as database:
        connection.scope["state"]["caller"] = await caller_of_key(database, house.vault, authorization)


async def require_person(connection: Asgi, _: BaseRouteHandler) -> None:
    """Guard of the dashboard: somebody is signed in. Raises Unauthenticated."""
    house = connection.app.state.house
    token = connection.cookies.get(SESSION_COOKIE)
    if not token:
        raise Unauthenticated
    mode = Mode.LIVE if connection.cookies.get(MODE_COOKIE) == "live" else Mode.TEST
    async with house.database.connection() as database:
        connection.scope["state"]["caller"] = await caller_of_session(database, house.vault, token, mode)
