"""The dashboard's page of oneself: password, second factor, and where one is signed in."""

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.errors import InvalidRequest, WrongProof
from afriflow.core.language import say
from afriflow.merchants.totp import app_link, in_base32
from afriflow.web.auth import House, Me, Who, require_person
from afriflow.web.dashboard import dashboard_page, read_id
from afriflow.web.form import read_form, require_own_page
from afriflow.web.render import go_to, page_language
from afriflow.web.session_cookie import change_token
from afriflow.web.sign_in import HOME
from afriflow.web.throttle import Throttle

_HERE = f"{HOME}/me"


class OwnPages(Controller):
    """Whoever is signed in may do this, in whatever role."""

    path = _HERE
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=None)
    async def read(self, request: Request[Any, Any, Any], house: House, caller: Who, me: Me) -> Response[str]:
        """Show it all on one page."""
        return await _page(request, house, caller, me)

    @post("/password", permission=None)
    async def change_password(
        self, request: Request[Any, Any, Any], house: House, caller: Who, me: Me
    ) -> Response[Any]:
        """Take another password for the old one."""
        form = await read_form(request)
        throttle: Throttle = request.app.state.throttle
        if not await throttle.admit_account(me.email):
            return await _page(request, house, caller, me, wrong_old="too_many_tries")
        new = form.get("new", "")
        try:
            token = await house.people.own_account.change_password(me, form.get("old", ""), new)
        except WrongProof:
            return await _page(request, house, caller, me, wrong_old="wrong_own_password")
        except InvalidRequest as refusal:
            await throttle.forget_account(me.email)
            [fault] = refusal.errors
            language = page_language(request, caller.language)
            return await _page(
                request, house, caller, me, wrong_new=say(f"field.{fault.code}", language, **fault.facts)
            )
        await throttle.forget_account(me.email)
        change_token(request, token)
        return go_to(f"{_HERE}?done=password")

    @get("/second-factor", permission=None)
    async def show_second_factor(
        self, request: Request[Any, Any, Any], house: House, caller: Who, me: Me
    ) -> Response[Any]:
        """Show the secret that waits for its first code, as a QR code and to type."""
        return await _factor_page(request, house, caller, me)

    @post("/second-factor", permission=None, fresh_proof=True)
    async def begin_second_factor(self, house: House, me: Me) -> Response[None]:
        """Make a secret; nothing changes before a code of it has come back."""
        await house.people.own_account.begin_second_factor(me)
        return go_to(f"{_HERE}/second-factor")

    @post("/second-factor/confirm", permission=None, fresh_proof=True)
    async def confirm_second_factor(
        self, request: Request[Any, Any, Any], house: House, caller: Who, me: Me
    ) -> Response[Any]:
        """Switch it on; its recovery codes are on this page and on no other."""
        form = await read_form(request)
        try:
            codes, token = await house.people.own_account.confirm_second_factor(me, form.get("code", ""))
        except WrongProof:
            return await _factor_page(request, house, caller, me, wrong="wrong_code")
        change_token(request, token)
        return dashboard_page(request, caller, "recovery_codes.html", codes=codes)

    @post("/second-factor/forget", permission=None, fresh_proof=True)
    async def forget_second_factor(
        self, request: Request[Any, Any, Any], house: House, me: Me
    ) -> Response[None]:
        """Switch it off."""
        change_token(request, await house.people.own_account.forget_second_factor(me))
        return go_to(f"{_HERE}?done=factor_off")

    @post("/recovery-codes", permission=None, fresh_proof=True)
    async def renew_recovery_codes(
        self, request: Request[Any, Any, Any], house: House, caller: Who, me: Me
    ) -> Response[Any]:
        """Give new recovery codes, on this page and on no other."""
        if not me.second_factor:
            return go_to(_HERE)
        codes, token = await house.people.own_account.renew_recovery_codes(me)
        change_token(request, token)
        return dashboard_page(request, caller, "recovery_codes.html", codes=codes)

    @post("/sessions/{session_id:str}/end", permission=None, fresh_proof=True)
    async def end_session(self, house: House, me: Me, session_id: FromPath[str]) -> Response[None]:
        """Sign out at one place."""
        await house.people.own_account.end_session(me, read_id(session_id))
        return go_to(f"{_HERE}?done=session")

    @post("/sessions/end-others", permission=None, fresh_proof=True)
    async def end_others(self, request: Request[Any, Any, Any], house: House, me: Me) -> Response[None]:
        """Sign out everywhere else."""
        change_token(request, await house.people.own_account.end_other_sessions(me))
        return go_to(f"{_HERE}?done=others")


async def _page(
    request: Request[Any, Any, Any],
    house: House,
    caller: Who,
    me: Me,
    *,
    wrong_old: str = "",
    wrong_new: str = "",
) -> Response[str]:
    language = page_language(request, caller.language)
    minutes = -(-house.settings.sign_in_window_seconds // 60)
    return dashboard_page(
        request,
        caller,
        "me.html",
        status=422 if wrong_old or wrong_new else 200,
        me=me,
        sessions=await house.people.own_account.sessions(me),
        codes_left=await house.people.own_account.recovery_codes_left(me),
        characters_min=house.settings.password_characters_min,
        wrong_old=say(f"dashboard.{wrong_old}", language, minutes=minutes) if wrong_old else "",
        wrong_new=wrong_new,
    )


async def _factor_page(
    request: Request[Any, Any, Any], house: House, caller: Who, me: Me, *, wrong: str = ""
) -> Response[Any]:
    secret = await house.people.own_account.waiting_secret(me)
    if secret is None:
        return go_to(_HERE)
    language = page_language(request, caller.language)
    return dashboard_page(
        request,
        caller,
        "second_factor.html",
        status=422 if wrong else 200,
        link=app_link(secret, me.email),
        secret=in_base32(secret),
        wrong=say(f"dashboard.{wrong}", language) if wrong else "",
    )
