"""Every way in says who may use it: a new route cannot forget to."""

import warnings
from types import SimpleNamespace
from typing import Any, cast

import pytest
from litestar import Litestar, get
from litestar.exceptions import LitestarDeprecationWarning
from litestar.handlers import HTTPRouteHandler

from afriflow.app import build_app
from afriflow.core.permission import ALL_PERMISSIONS, Permission, Role
from afriflow.settings import Settings
from afriflow.web.auth import require_key, require_person


def handlers_of(app: Litestar) -> dict[str, HTTPRouteHandler]:
    """Our handlers, by the methods and the paths they answer."""
    return {
        f"{'|'.join(sorted(handler.http_methods))} {route.path}": handler
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        if handler.fn.__module__.startswith(("afriflow.", __name__))
    }


def wrong(handler: HTTPRouteHandler) -> str | None:
    """What is wrong with how a route says who may use it."""
    guarded = {require_key, require_person} & set(handler.resolve_guards())
    if "public" in handler.opt:
        if guarded or "permission" in handler.opt:
            return "public, and yet it asks"
        return None if isinstance(handler.opt["public"], str) else "public without a reason"
    if "permission" not in handler.opt:
        return "names no permission and no reason to be public"
    if not guarded:
        return "nobody checks the permission that it names"
    needed = handler.opt["permission"]
    if needed is None:
        return "a key needs a permission" if require_key in guarded else None
    return None if isinstance(needed, Permission) else "names no permission"


def app_with(*others: Any) -> Litestar:
    with warnings.catch_warnings():
        # What the framework will want in its next major version is no matter of this test.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        return build_app(
            cast("Any", SimpleNamespace(settings=Settings(), redis=None, database=None, clock=None)),
            others=others,
        )


def test_every_route_names_its_permission_or_why_it_needs_none() -> None:
    handlers = handlers_of(app_with())
    assert len(handlers) > 40
    assert {place: fault for place, handler in handlers.items() if (fault := wrong(handler))} == {}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"guards": [require_key]},
        {"permission": Permission.KEYS_READ},
        {"permission": "keys:read", "guards": [require_key]},
        {"permission": None, "guards": [require_key]},
        {"public": True},
        {"public": "a reason", "guards": [require_person]},
    ],
)
def test_a_route_that_says_too_little_is_seen(said: dict[str, Any]) -> None:
    @get("/planted", **said)
    async def planted() -> None: ...

    assert wrong(handlers_of(app_with(planted))["GET /planted"])


def test_roles_are_told_apart_by_what_they_may_do() -> None:
    assert Role.OWNER.permissions == ALL_PERMISSIONS
    assert len({role.permissions for role in Role}) == len(Role)
    assert all(item.endswith(":read") for item in Role.READ_ONLY.permissions)
    money_out = {Permission.REFUNDS_WRITE, Permission.PAYOUTS_WRITE}
    assert {role for role in Role if money_out & role.permissions} == {Role.OWNER, Role.FINANCE}


def test_whoever_sees_payouts_sees_refunds() -> None:
    """The page of money out asks for the permission of payouts and shows both: a role with one of the two wants two pages."""
    for role in Role:
        assert (Permission.PAYOUTS_READ in role.permissions) == (
            Permission.REFUNDS_READ in role.permissions
        ), role
