"""Who may come in, and what they may do there: API keys for programs, a session cookie for people.

Every route says which permission it needs (`permission=`; None where to be known is enough) or why it needs nobody
to be known (`public=`); a test refuses a route that says neither.
"""

from typing import Any, TypeAlias

from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers.base import BaseRouteHandler

from afriflow.assembly import Assembly
from afriflow.core.errors import PermissionDenied, Unauthenticated
from afriflow.core.permission import Permission
from afriflow.core.transaction import Mode
from afriflow.merchants.keys import Caller, caller_of_key, caller_of_session

SESSION_COOKIE = "afriflow_session"
MODE_COOKIE = "afriflow_mode"

# What handlers are given by name.
House: TypeAlias = NamedDependency[Assembly]
Who: TypeAlias = NamedDependency[Caller]

Asgi = ASGIConnection[Any, Any, Any, Any]


async def require_key(connection: Asgi, handler: BaseRouteHandler) -> None:
    """Guard of the API: a valid key names merchant, mode and permissions. Raises Unauthenticated, PermissionDenied."""
    house = connection.app.state.house
    authorization = connection.headers.get("authorization", "")
    async with house.database.connection() as database:
        caller = await caller_of_key(database, house.vault, authorization)
    _admit(connection, handler, caller)


async def require_person(connection: Asgi, handler: BaseRouteHandler) -> None:
    """Guard of the dashboard: somebody is signed in, and may do this. Raises Unauthenticated, PermissionDenied."""
    house = connection.app.state.house
    token = connection.cookies.get(SESSION_COOKIE)
    if not token:
        raise Unauthenticated
    mode = Mode.LIVE if connection.cookies.get(MODE_COOKIE) == "live" else Mode.TEST
    async with house.database.connection() as database:
        caller = await caller_of_session(database, house.vault, token, mode)
    _admit(connection, handler, caller)


def _admit(connection: Asgi, handler: BaseRouteHandler, caller: Caller) -> None:
    connection.scope["state"]["caller"] = caller
    needed: Permission | None = handler.opt["permission"]
    if needed is not None and needed not in caller.permissions:
        raise PermissionDenied(permission=needed.value)
