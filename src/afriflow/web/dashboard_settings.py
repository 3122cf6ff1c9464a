"""The dashboard's page of what a merchant decides for all payments: how payers see it, and what becomes of late money."""

import asyncio
from collections.abc import Sequence
from typing import Any

from litestar import Controller, Request, Response, get, post

from afriflow.core.errors import FieldError, InvalidRequest
from afriflow.core.language import say
from afriflow.core.operator import country_name
from afriflow.core.permission import Permission
from afriflow.core.review import LatePolicy
from afriflow.merchants.brand import Brand, brand_of, put_brand, put_logo, read_brand
from afriflow.merchants.colour import DARK, LIGHT, shades
from afriflow.merchants.logo import draw_logo
from afriflow.merchants.policy import late_policy_of, put_late_policy
from afriflow.web.auth import House, Me, Who, require_person
from afriflow.web.brand import look_of
from afriflow.web.dashboard import dashboard_page
from afriflow.web.form import read_file, read_form, require_own_page
from afriflow.web.render import go_to, page_language
from afriflow.web.sign_in import HOME

_HERE = f"{HOME}/settings"
# A logo as merchants have it, and the form around it; what payers load is drawn anew from it and much smaller.
_UPLOAD_BYTES_MAX = 1024 * 1024
# What a colour field shows of whoever chose none: it cannot be empty.
_OUR_ACCENT = "#0b6b50"


class SettingsPages(Controller):
    """The look is the same in both modes; the policies are the mode's."""

    path = _HERE
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.SETTINGS_READ)
    async def show(self, request: Request[Any, Any, Any], house: House, caller: Who, me: Me) -> Response[str]:
        """Show what is set, and what payers see of it."""
        return await _page(request, house, caller, me)

    @post("/", permission=Permission.SETTINGS_WRITE)
    async def put(self, request: Request[Any, Any, Any], house: House, caller: Who, me: Me) -> Response[Any]:
        """Set name, colour, language and whom payers ask."""
        form = await read_form(request)
        if form.get("accent", "").lower() == _OUR_ACCENT:
            form["accent"] = ""
        try:
            brand = read_brand(form, caller.country)
        except InvalidRequest as error:
            return await _page(request, house, caller, me, form=form, faults=error.errors)
        async with house.database.transaction() as connection:
            await put_brand(connection, caller, brand)
        return go_to(f"{_HERE}?done=brand")

    # A file cannot be kept while somebody proves anew who he is: the page asks for the proof first.
    @post("/logo/begin", permission=Permission.SETTINGS_WRITE)
    async def begin_logo(self) -> Response[None]:
        """Go back to the page, on which a file can be chosen now that the person is proven."""
        return go_to(f"{_HERE}#logo")

    @post(
        "/logo",
        permission=Permission.SETTINGS_WRITE,
        takes_file=True,
        request_max_body_size=_UPLOAD_BYTES_MAX,
    )
    async def put_picture(
        self, request: Request[Any, Any, Any], house: House, caller: Who, me: Me
    ) -> Response[Any]:
        """Draw the uploaded picture anew and keep that."""
        upload = await read_file(request, "logo")
        if not upload:
            return go_to(f"{_HERE}#logo")
        try:
            picture = await asyncio.to_thread(draw_logo, upload)
        except InvalidRequest as error:
            return await _page(request, house, caller, me, faults=error.errors)
        async with house.database.transaction() as connection:
            await put_logo(connection, caller, picture)
        return go_to(f"{_HERE}?done=brand")

    @post("/logo/remove", permission=Permission.SETTINGS_WRITE)
    async def remove_logo(self, house: House, caller: Who) -> Response[None]:
        """Show no logo any more."""
        async with house.database.transaction() as connection:
            await put_logo(connection, caller, None)
        return go_to(f"{_HERE}?done=brand")

    @post("/policies", permission=Permission.SETTINGS_WRITE)
    async def put_policies(
        self, request: Request[Any, Any, Any], house: House, caller: Who
    ) -> Response[None]:
        """Decide what becomes of late money in this mode, from now on."""
        wanted = (await read_form(request)).get("late_success", "")
        if wanted not in set(LatePolicy):
            return go_to(_HERE)
        async with house.database.transaction() as connection:
            await put_late_policy(connection, caller, LatePolicy(wanted))
        return go_to(f"{_HERE}?done=policy")


async def _page(
    request: Request[Any, Any, Any],
    house: House,
    caller: Who,
    me: Me,
    *,
    form: dict[str, str] | None = None,
    faults: Sequence[FieldError] = (),
) -> Response[str]:
    language = page_language(request, caller.language)
    async with house.database.connection() as connection:
        brand = await brand_of(connection, caller.merchant_id)
        late_policy = await late_policy_of(connection, caller.merchant_id, caller.mode)
    facts = {"country": country_name(caller.country, language)}
    return dashboard_page(
        request,
        caller,
        "settings.html",
        status=422 if faults else 200,
        proven=me.proven,
        form=form or _form_of(brand),
        wrong={
            fault.pointer[1:]: say(f"field.{fault.code}", language, **{**facts, **fault.facts})
            for fault in faults
        },
        changed_colours=_changed_colours(brand),
        late_policy=late_policy,
        late_policies=list(LatePolicy),
        about="",
        **look_of(brand, caller.merchant_id),
    )


def _form_of(brand: Brand) -> dict[str, str]:
    return {
        "name": brand.name,
        "accent": brand.accent or _OUR_ACCENT,
        "language": brand.language,
        "support_phone": brand.support_phone,
        "support_whatsapp": brand.support_whatsapp,
        "support_email": brand.support_email,
    }


def _changed_colours(brand: Brand) -> list[tuple[str, str]]:
    """Name the colours that a text gets where the chosen one could not be read, by theme."""
    if brand.accent is None:
        return []
    found = [(name, shades(brand.accent, theme).text) for name, theme in (("light", LIGHT), ("dark", DARK))]
    return [(name, text) for name, text in found if text != brand.accent]
