"""The dashboard's page of API keys: made and shown once, replaced beside the old one, revoked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.errors import ApiKeyNotActive
from afriflow.core.permission import ALL_PERMISSIONS, READ_PERMISSIONS, Permission
from afriflow.merchants.api_keys import keys_of, make_key, refuse_to_give_more, revoke_key, rotate_key
from afriflow.web.auth import House, Who, require_person, scopes_of
from afriflow.web.dashboard import dashboard_page, read_id
from afriflow.web.form import read_form, require_own_page
from afriflow.web.render import go_to
from afriflow.web.sign_in import HOME

_NAME_CHARACTERS_MAX = 60
_DAY_SECONDS = 86_400
_LIFETIMES_DAYS = (30, 90, 365)


@dataclass(frozen=True, slots=True)
class Wish:
    """A key as a person describes it in the form; shown again when something is wrong with it."""

    name: str = ""
    access: str = "chosen"
    scopes: frozenset[Permission] = READ_PERMISSIONS
    days: int | None = None
    wrong: str = ""


class KeyPages(Controller):
    """API keys for people."""

    path = f"{HOME}/keys"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.KEYS_READ)
    async def list_(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """List the keys of the mode."""
        return await self._page(request, house, caller)

    @post("/", permission=Permission.KEYS_WRITE)
    async def make(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """Make a key; it is on this page and on no other."""
        wish = _read(await read_form(request), scopes_of(request.app))
        if wish.wrong:
            return await self._page(request, house, caller, wish=wish)
        scopes = None if wish.access == "full" else wish.scopes
        refuse_to_give_more(caller, scopes)
        async with house.database.transaction() as connection:
            made = await make_key(
                connection,
                house.vault,
                house.ids,
                merchant_id=caller.merchant_id,
                mode=caller.mode,
                name=wish.name,
                scopes=scopes,
                lifetime_seconds=wish.days and wish.days * _DAY_SECONDS,
                who=caller.who,
            )
        return await self._page(request, house, caller, made=made)

    @post("/{key_id:str}/rotate", permission=Permission.KEYS_WRITE)
    async def rotate(
        self, request: Request[Any, Any, Any], house: House, caller: Who, key_id: FromPath[str]
    ) -> Response[Any]:
        """Make a key like this one; both are good for a while."""
        grace_seconds = house.settings.key_grace_seconds
        try:
            async with house.database.transaction() as connection:
                made = await rotate_key(
                    connection, house.vault, house.ids, caller, read_id(key_id), grace_seconds=grace_seconds
                )
        except ApiKeyNotActive as refusal:  # somebody else was faster
            return go_to(f"{HOME}/keys?refused={refusal.code}")
        return await self._page(request, house, caller, made=made, rotated=True)

    @post("/{key_id:str}/revoke", permission=Permission.KEYS_WRITE)
    async def revoke(self, house: House, caller: Who, key_id: FromPath[str]) -> Response[None]:
        """Refuse a key from now on."""
        async with house.database.transaction() as connection:
            await revoke_key(connection, caller, read_id(key_id))
        return go_to(f"{HOME}/keys?done=revoke")

    async def _page(
        self,
        request: Request[Any, Any, Any],
        house: House,
        caller: Who,
        *,
        wish: Wish | None = None,
        made: str = "",
        rotated: bool = False,
    ) -> Response[str]:
        async with house.database.connection() as connection:
            keys = await keys_of(connection, caller.merchant_id, caller.mode)
        offered = scopes_of(request.app)
        return dashboard_page(
            request,
            caller,
            "keys.html",
            status=422 if wish else 200,
            keys=keys,
            made=made,
            rotated=rotated,
            wish=wish or Wish(access="full" if caller.permissions == ALL_PERMISSIONS else "chosen"),
            offered=[item for item in offered if item in caller.permissions],
            read_only=READ_PERMISSIONS,
            may_give_all=caller.permissions == ALL_PERMISSIONS,
            may_rotate={key.id for key in keys if (key.scopes or ALL_PERMISSIONS) <= caller.permissions},
            lifetimes=_LIFETIMES_DAYS,
            grace_hours=house.settings.key_grace_seconds // 3600,
        )


def _read(form: dict[str, str], offered: Sequence[Permission]) -> Wish:
    """Read the form; `wrong` is a key of the dashboard's words."""
    access, days = form.get("access", ""), form.get("days", "")
    name = form.get("name", "")[:_NAME_CHARACTERS_MAX]
    scopes = frozenset(item for item in offered if f"scope.{item}" in form)
    lifetime = int(days) if days in {str(item) for item in _LIFETIMES_DAYS} else None
    wrong = ""
    if not name:
        wrong = "key_name_missing"
    elif access not in {"full", "read", "chosen"} or (access == "chosen" and not scopes):
        wrong = "key_scopes_missing"
    if access == "read":
        scopes = frozenset(offered) & READ_PERMISSIONS
    return Wish(name, access, scopes, lifetime, wrong)
