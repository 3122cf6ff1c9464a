"""Who may come in, and what they may do there: API keys for programs, a session cookie for people.

Every route says which permission it needs (`permission=`; None where to be known is enough) or why it needs nobody
to be known (`public=`); a test refuses a route that says neither.
"""

from functools import cache
from typing import Any, TypeAlias, cast

from litestar import Litestar, Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers.base import BaseRouteHandler

from afriflow.assembly import Assembly
from afriflow.core.errors import PermissionDenied, SecondFactorWanted, Unauthenticated
from afriflow.core.permission import NEED_FRESH_PROOF, Permission
from afriflow.core.transaction import Mode
from afriflow.merchants.api_keys import caller_of_key
from afriflow.merchants.keys import Caller
from afriflow.merchants.sessions import SignedIn
from afriflow.web.cookie import cookie_name
from afriflow.web.form import asked_by_itself, changes_something, require_form_token
from afriflow.web.pace import require_key_pace
from afriflow.web.prove import require_fresh_proof
from afriflow.web.session_cookie import session_token

MODE_COOKIE = "afriflow_mode"

# What handlers are given by name.
House: TypeAlias = NamedDependency[Assembly]
Who: TypeAlias = NamedDependency[Caller]
Me: TypeAlias = NamedDependency[SignedIn]

Asgi = ASGIConnection[Any, Any, Any, Any]


async def require_key(connection: Asgi, handler: BaseRouteHandler) -> None:
    """Guard of the API: a valid key names merchant, mode and permissions. Raises Unauthenticated, PermissionDenied,
    TooManyRequests.
    """
    house = connection.app.state.house
    authorization = connection.headers.get("authorization", "")
    use_seconds = house.settings.key_use_seconds
    async with house.database.connection() as database:
        caller = await caller_of_key(database, house.vault, authorization, use_seconds=use_seconds)
    await require_key_pace(connection, caller.who)
    _admit(connection, handler, caller)


async def require_person(connection: Asgi, handler: BaseRouteHandler) -> None:
    """Guard of the dashboard: somebody is signed in, may do this, and has lately proven to be who it is.

    Where money is real a second factor may be wanted; without it, only people's own pages are open (permission None).
    A fresh proof is wanted where the permission is one of NEED_FRESH_PROOF, unless the route says otherwise
    (`fresh_proof=`). Raises Unauthenticated, PermissionDenied, SecondFactorWanted, ProofWanted, Forbidden.
    """
    token = session_token(connection)
    if not token:
        raise Unauthenticated
    house: Assembly = connection.app.state.house
    me = await house.people.door.who_has(token, by_itself=asked_by_itself(connection))
    mode_cookie = connection.cookies.get(cookie_name(house.settings, MODE_COOKIE))
    mode = Mode.LIVE if mode_cookie == Mode.LIVE else Mode.TEST
    connection.scope["state"]["me"] = me
    needed = _admit(connection, handler, me.caller(mode))
    if mode is Mode.LIVE and needed is not None and me.second_factor_wanted and not me.second_factor:
        raise SecondFactorWanted
    if changes_something(connection):
        request = cast("Request[Any, Any, Any]", connection)
        await require_form_token(request, me.session_id)
        if not me.proven and handler.opt.get("fresh_proof", needed in NEED_FRESH_PROOF):
            await require_fresh_proof(request, me)


@cache
def scopes_of(app: Litestar) -> tuple[Permission, ...]:
    """Name what a key can be good for: the permissions that some operation of the API asks for."""
    asked: set[Any] = {
        handler.opt["permission"]
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        if require_key in handler.resolve_guards() and "permission" in handler.opt
    }
    return tuple(item for item in Permission if item in asked)


def _admit(connection: Asgi, handler: BaseRouteHandler, caller: Caller) -> Permission | None:
    """Let a caller in, and give the permission that was needed."""
    connection.scope["state"]["caller"] = caller
    if cast("dict[str, Any]", connection.scope)["method"] == "OPTIONS":
        return None  # the framework's own answer: which methods there are
    needed: Permission | None = handler.opt["permission"]
    if needed is not None and needed not in caller.permissions:
        raise PermissionDenied(permission=needed.value)
    return needed
