"""Coming in and going out of the dashboard, and which of the two worlds, test or live, is looked at."""

from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.background_tasks import BackgroundTask

from afriflow.core.errors import Unauthenticated, WrongProof
from afriflow.core.language import keys, say
from afriflow.core.transaction import Mode
from afriflow.merchants.sessions import Browser
from afriflow.web.auth import MODE_COOKIE, House, require_person
from afriflow.web.cookie import make_cookie
from afriflow.web.form import read_form, read_query, require_own_page
from afriflow.web.render import go_to, page_language, render
from afriflow.web.session_cookie import session_cookie, session_token
from afriflow.web.throttle import Throttle

HOME = "/dashboard"
_CODE = f"{HOME}/sign-in/code"
_YEAR_SECONDS = 365 * 86_400


@get(f"{HOME}/sign-in", include_in_schema=False, public="whoever wants to come in")
async def show_sign_in(request: Request[Any, Any, Any], house: House) -> Response[str]:
    """Ask who it is."""
    return _page(request, house, came_for=_ours(read_query(request, "next")))


@post(f"{HOME}/sign-in", include_in_schema=False, public="the password lets in", guards=[require_own_page])
async def come_in(request: Request[Any, Any, Any], house: House) -> Response[Any]:
    """Open a session, or say that address or password is wrong, and never which."""
    form = await read_form(request)
    email, came_for = form.get("email", ""), _ours(form.get("next", ""))
    throttle: Throttle = request.app.state.throttle
    browser = _browser(request)
    admitted = [await throttle.admit_network(browser.address), await throttle.admit_account(email)]
    if not all(admitted):
        return _page(request, house, came_for=came_for, email=email, wrong="too_many_tries")
    try:
        entry = await house.people.door.come_in(
            email, form.get("password", ""), browser, session_token(request)
        )
    except Unauthenticated:
        return _noted(
            house, email, _page(request, house, came_for=came_for, email=email, wrong="wrong_password")
        )
    await throttle.give_back_network(browser.address)
    cookie = session_cookie(house.settings, entry.token)
    if entry.code_wanted:
        return go_to(f"{_CODE}?{urlencode({'next': came_for})}", cookie)
    await throttle.forget_account(email)
    return go_to(came_for, cookie)


@get(_CODE, include_in_schema=False, public="the password was right, and is not enough")
async def show_code(request: Request[Any, Any, Any], house: House) -> Response[str]:
    """Ask for the second factor."""
    await house.people.door.waits(session_token(request) or "")
    return _page(request, house, "sign_in_code.html", came_for=_ours(read_query(request, "next")))


@post(_CODE, include_in_schema=False, public="the code lets in", guards=[require_own_page])
async def give_code(request: Request[Any, Any, Any], house: House) -> Response[Any]:
    """Open the session that waited for a code."""
    form = await read_form(request)
    came_for, token = _ours(form.get("next", "")), session_token(request) or ""
    throttle: Throttle = request.app.state.throttle
    browser = _browser(request)
    email = await house.people.door.waits(token)
    admitted = [await throttle.admit_network(browser.address), await throttle.admit_account(email)]
    if not all(admitted):
        return _page(request, house, "sign_in_code.html", came_for=came_for, wrong="too_many_tries")
    try:
        opened = await house.people.door.give_code(token, form.get("code", ""), browser)
    except WrongProof:
        page = _page(request, house, "sign_in_code.html", came_for=came_for, wrong="wrong_code")
        return _noted(house, email, page, "wrong_code")
    await throttle.give_back_network(browser.address)
    await throttle.forget_account(email)
    return go_to(came_for, session_cookie(house.settings, opened))


@post(
    f"{HOME}/sign-out",
    include_in_schema=False,
    public="ends a session that is shown",
    guards=[require_own_page],
)
async def go_out(request: Request[Any, Any, Any], house: House) -> Response[None]:
    """End the session, here and in the database."""
    token = session_token(request)
    if token:
        await house.people.door.leave(token)
    gone = go_to(f"{HOME}/sign-in", session_cookie(house.settings, ""))
    # What the browser holds of the pages, also of those that Back would show, goes with the session.
    gone.headers["clear-site-data"] = '"cache", "storage"'
    return gone


@post(f"{HOME}/mode", include_in_schema=False, permission=None, guards=[require_own_page, require_person])
async def switch_mode(request: Request[Any, Any, Any], house: House) -> Response[None]:
    """Look at the other world; ids of one mean nothing in the other, so it begins at the list."""
    form = await read_form(request)
    mode = Mode.LIVE if form.get("mode") == Mode.LIVE else Mode.TEST
    return go_to(HOME, make_cookie(house.settings, MODE_COOKIE, mode.value, seconds=_YEAR_SECONDS))


@get("/", include_in_schema=False, public="sends on to the dashboard")
async def to_dashboard() -> Response[None]:
    """Whoever comes without an address is a person."""
    return go_to(HOME)


def _page(
    request: Request[Any, Any, Any],
    house: House,
    template: str = "sign_in.html",
    *,
    came_for: str,
    email: str = "",
    wrong: str = "",
) -> Response[str]:
    """Ask for password or code. wrong: the sentence of what was wrong with the last one."""
    language = page_language(request, house.settings.language)
    minutes = -(-house.settings.sign_in_window_seconds // 60)
    done = f"dashboard.done_{read_query(request, 'done')}"
    return render(
        request,
        template,
        language,
        status={"": 200, "too_many_tries": 429}.get(wrong, 422),
        came_for=came_for,
        email=email,
        notice=say(done, language) if done in keys(language) else "",
        wrong=say(f"dashboard.{wrong}", language, minutes=minutes) if wrong else "",
    )


def _noted(house: House, email: str, page: Response[str], reason: str = "wrong_password") -> Response[str]:
    """Have the failure written down once the page has gone out: nobody may measure whether there was one to write."""
    page.background = BackgroundTask(house.people.door.note_failure, email, reason)
    return page


def _browser(request: Request[Any, Any, Any]) -> Browser:
    return Browser(request.headers.get("user-agent", ""), request.client.host if request.client else "")


def _ours(path: str) -> str:
    """Give back a page of the dashboard only: an address from elsewhere would make us a springboard."""
    inside = path == HOME or path.startswith((f"{HOME}/", f"{HOME}?"))
    return path if inside and "\\" not in path and path.isprintable() and path.isascii() else HOME
