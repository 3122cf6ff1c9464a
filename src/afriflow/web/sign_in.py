"""Coming in and going out of the dashboard, and which of the two worlds, test or live, is looked at."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie

from afriflow.core.errors import Unauthenticated
from afriflow.core.language import say
from afriflow.core.transaction import Mode
from afriflow.merchants.keys import sign_in, sign_in_failed, sign_out
from afriflow.web.auth import MODE_COOKIE, SESSION_COOKIE, House, require_person
from afriflow.web.form import read_form, read_query, require_own_page
from afriflow.web.render import go_to, page_language, render
from afriflow.web.throttle import Throttle

HOME = "/dashboard"
_YEAR_SECONDS = 365 * 86_400


@get("/dashboard/sign-in", include_in_schema=False, public="whoever wants to come in")
async def show_sign_in(request: Request[Any, Any, Any], house: House) -> Response[str]:
    """Ask who it is."""
    language = page_language(request, house.settings.language)
    return _page(request, language, came_for=_ours(read_query(request, "next")))


@post("/dashboard/sign-in", include_in_schema=False, public="the password lets in", guards=[require_own_page])
async def come_in(request: Request[Any, Any, Any], house: House) -> Response[Any]:
    """Open a session, or say that address or password is wrong, and never which."""
    form = await read_form(request)
    language = page_language(request, house.settings.language)
    email, came_for = form.get("email", ""), _ours(form.get("next", ""))
    throttle: Throttle = request.app.state.throttle
    if not await throttle.admit(email):
        minutes = -(-house.settings.sign_in_window_seconds // 60)
        wrong = say("dashboard.too_many_tries", language, minutes=minutes)
        return _page(request, language, came_for=came_for, email=email, wrong=wrong, status=429)
    try:
        async with house.database.transaction() as connection:
            token = await sign_in(
                connection,
                house.vault,
                email=email,
                password=form.get("password", ""),
                session_seconds=house.settings.dashboard_session_seconds,
            )
    except Unauthenticated:
        async with house.database.transaction() as connection:
            await sign_in_failed(connection, email, "wrong_password")
        wrong = say("dashboard.wrong_password", language)
        return _page(request, language, came_for=came_for, email=email, wrong=wrong, status=422)
    await throttle.forget(email)
    return go_to(came_for, _cookie(house, SESSION_COOKIE, token, house.settings.dashboard_session_seconds))


@post(
    "/dashboard/sign-out",
    include_in_schema=False,
    public="ends a session that is shown",
    guards=[require_own_page],
)
async def go_out(request: Request[Any, Any, Any], house: House) -> Response[None]:
    """End the session, here and in the database."""
    token = request.cookies.get(SESSION_COOKIE)
    if token:
        async with house.database.transaction() as connection:
            await sign_out(connection, house.vault, token)
    return go_to(f"{HOME}/sign-in", _cookie(house, SESSION_COOKIE, "", 0))


@post("/dashboard/mode", include_in_schema=False, permission=None, guards=[require_own_page, require_person])
async def switch_mode(request: Request[Any, Any, Any], house: House) -> Response[None]:
    """Look at the other world; ids of one mean nothing in the other, so it begins at the list."""
    form = await read_form(request)
    mode = Mode.LIVE if form.get("mode") == Mode.LIVE else Mode.TEST
    return go_to(HOME, _cookie(house, MODE_COOKIE, mode.value, _YEAR_SECONDS))


@get("/", include_in_schema=False, public="sends on to the dashboard")
async def to_dashboard() -> Response[None]:
    """Whoever comes without an address is a person."""
    return go_to(HOME)


def _page(
    request: Request[Any, Any, Any],
    language: str,
    *,
    came_for: str,
    email: str = "",
    wrong: str = "",
    status: int = 200,
) -> Response[str]:
    return render(
        request, "sign_in.html", language, status=status, came_for=came_for, email=email, wrong=wrong
    )


def _ours(path: str) -> str:
    """Give back a page of the dashboard only: an address from elsewhere would make us a springboard."""
    inside = path == HOME or path.startswith((f"{HOME}/", f"{HOME}?"))
    return path if inside and "\\" not in path and path.isprintable() and path.isascii() else HOME


def _cookie(house: House, name: str, value: str, max_age: int) -> Cookie:
    secure = house.settings.base_url.startswith("https:")
    return Cookie(name, value=value, path=HOME, max_age=max_age, httponly=True, samesite="lax", secure=secure)
