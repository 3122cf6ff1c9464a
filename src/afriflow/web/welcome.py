"""Where a link leads that lets somebody in: an invitation, or another password. It opens once."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.errors import InvalidRequest
from afriflow.core.language import say
from afriflow.web.auth import House
from afriflow.web.form import read_form, require_own_page
from afriflow.web.render import go_to, page_language, render
from afriflow.web.sign_in import HOME

_PATH = f"{HOME}/welcome/{{token:str}}"
_TOKEN_CHARACTERS_MAX = 100


@get(_PATH, include_in_schema=False, public="the link's token is what the invited has")
async def show_welcome(request: Request[Any, Any, Any], house: House, token: FromPath[str]) -> Response[str]:
    """Say who invites and ask for a password; looking uses nothing up."""
    return await _page(request, house, token)


@post(_PATH, include_in_schema=False, public="the link's token lets in", guards=[require_own_page])
async def set_password(request: Request[Any, Any, Any], house: House, token: FromPath[str]) -> Response[Any]:
    """Set the password and use the link up."""
    form = await read_form(request)
    password = form.get("new", "")
    if password != form.get("again", ""):
        return await _page(request, house, token, wrong="dashboard.not_the_same")
    try:
        link = await house.people.team.use(token[:_TOKEN_CHARACTERS_MAX], password)
    except InvalidRequest as refusal:
        [fault] = refusal.errors
        return await _page(request, house, token, wrong=f"field.{fault.code}", **fault.facts)
    return go_to(f"{HOME}/sign-in?done={'welcome' if link.kind == 'invitation' else 'new_password'}")


async def _page(
    request: Request[Any, Any, Any], house: House, token: str, wrong: str = "", **facts: object
) -> Response[str]:
    link = await house.people.team.look(token[:_TOKEN_CHARACTERS_MAX])
    language = page_language(request, house.settings.language)
    return render(
        request,
        "welcome.html",
        language,
        status=422 if wrong else 200,
        link=link,
        characters_min=house.settings.password_characters_min,
        wrong=say(wrong, language, **facts) if wrong else "",
    )
