"""The dashboard's page of the team: who may come in, in which role, and whom a link waits for."""

from collections.abc import Awaitable
from typing import Any
from urllib.parse import urlencode

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.errors import AddressTaken, InvalidRequest, LastOwner
from afriflow.core.language import say
from afriflow.core.permission import Permission, Role
from afriflow.merchants.policy import FactorPolicy, factor_policy_of, put_factor_policy
from afriflow.web.auth import House, Me, Who, require_person
from afriflow.web.dashboard import dashboard_page, read_id
from afriflow.web.form import read_form, require_own_page
from afriflow.web.render import go_to, page_language
from afriflow.web.sign_in import HOME

_HERE = f"{HOME}/team"


class TeamPages(Controller):
    """People of the merchant, the same in both modes."""

    path = _HERE
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.TEAM_READ)
    async def list_(
        self, request: Request[Any, Any, Any], house: House, caller: Who, me: Me
    ) -> Response[str]:
        """List people and invitations."""
        return await _page(request, house, caller, me)

    @post("/", permission=Permission.TEAM_WRITE)
    async def invite(
        self, request: Request[Any, Any, Any], house: House, caller: Who, me: Me
    ) -> Response[str]:
        """Make an invitation; its link is on this page and on no other."""
        form = await read_form(request)
        email, role = form.get("email", ""), _role(form)
        language = page_language(request, caller.language)
        try:
            link = await house.people.team.invite(caller.merchant_id, caller.who, email, role)
        except InvalidRequest:
            wrong = say("field.invalid_email", language)
        except AddressTaken:
            wrong = say("dashboard.in_team_already", language)
        else:
            return await _page(request, house, caller, me, link=link, link_for=email)
        return await _page(request, house, caller, me, email=email, role=role, wrong=wrong)

    @post("/invitations/{invitation_id:str}/withdraw", permission=Permission.TEAM_WRITE)
    async def withdraw(self, house: House, caller: Who, invitation_id: FromPath[str]) -> Response[None]:
        """Take an invitation back."""
        await house.people.team.withdraw(caller.merchant_id, caller.who, read_id(invitation_id))
        return go_to(f"{_HERE}?done=withdrawn")

    @post("/{person_id:str}/reset", permission=Permission.TEAM_WRITE)
    async def reset(
        self, request: Request[Any, Any, Any], house: House, caller: Who, me: Me, person_id: FromPath[str]
    ) -> Response[str]:
        """Make a link for another password, also for somebody whose phone is lost."""
        forget = (await read_form(request)).get("forget_factor") == "yes"
        person_id = read_id(person_id)
        link = await house.people.team.reset(caller.merchant_id, caller.who, person_id, forget_factor=forget)
        [email] = [
            item.email for item in await house.people.team.members(caller.merchant_id) if item.id == person_id
        ]
        return await _page(request, house, caller, me, link=link, link_for=email)

    @post("/{person_id:str}/role", permission=Permission.TEAM_WRITE)
    async def change_role(
        self, request: Request[Any, Any, Any], house: House, caller: Who, person_id: FromPath[str]
    ) -> Response[None]:
        """Give another role."""
        role = _role(await read_form(request))
        change = house.people.team.change_role(caller.merchant_id, caller.who, read_id(person_id), role)
        return await _done(change, "role")

    @post("/{person_id:str}/end-sessions", permission=Permission.TEAM_WRITE)
    async def end_sessions(self, house: House, caller: Who, person_id: FromPath[str]) -> Response[None]:
        """Sign somebody out everywhere."""
        return await _done(
            house.people.team.end_sessions(caller.merchant_id, caller.who, read_id(person_id)),
            "sessions_ended",
        )

    @post("/{person_id:str}/suspend", permission=Permission.TEAM_WRITE)
    async def suspend(self, house: House, caller: Who, person_id: FromPath[str]) -> Response[None]:
        """Let somebody in no more, until further notice."""
        return await _done(
            house.people.team.suspend(caller.merchant_id, caller.who, read_id(person_id)), "suspended"
        )

    @post("/{person_id:str}/resume", permission=Permission.TEAM_WRITE)
    async def resume(self, house: House, caller: Who, person_id: FromPath[str]) -> Response[None]:
        """Let somebody in again."""
        return await _done(
            house.people.team.resume(caller.merchant_id, caller.who, read_id(person_id)), "resumed"
        )

    @post("/{person_id:str}/remove", permission=Permission.TEAM_WRITE)
    async def remove(self, house: House, caller: Who, person_id: FromPath[str]) -> Response[None]:
        """Take somebody out of the team."""
        return await _done(
            house.people.team.remove(caller.merchant_id, caller.who, read_id(person_id)), "removed"
        )

    @post("/second-factor", permission=Permission.SETTINGS_WRITE)
    async def set_factor_policy(
        self, request: Request[Any, Any, Any], house: House, caller: Who
    ) -> Response[None]:
        """Decide of whom a second factor is wanted in live mode."""
        wanted = (await read_form(request)).get("of", "")
        if wanted not in set(FactorPolicy):
            return go_to(_HERE)
        async with house.database.transaction() as connection:
            await put_factor_policy(connection, caller.merchant_id, caller.who, FactorPolicy(wanted))
        return go_to(f"{_HERE}?done=policy")


async def _done(change: Awaitable[None], done: str) -> Response[None]:
    try:
        await change
    except LastOwner as refusal:
        return go_to(f"{_HERE}?{urlencode({'refused': refusal.code})}")
    return go_to(f"{_HERE}?done={done}")


def _role(form: dict[str, str]) -> Role:
    """Read a role; what was not chosen from the list is the least."""
    word = form.get("role", "")
    return Role(word) if word in set(Role) else Role.READ_ONLY


async def _page(
    request: Request[Any, Any, Any],
    house: House,
    caller: Who,
    me: Me,
    *,
    email: str = "",
    role: Role = Role.READ_ONLY,
    wrong: str = "",
    link: str = "",
    link_for: str = "",
) -> Response[str]:
    async with house.database.connection() as connection:
        factor_policy = await factor_policy_of(connection, caller.merchant_id)
    return dashboard_page(
        request,
        caller,
        "team.html",
        status=422 if wrong else 200,
        me=me,
        members=await house.people.team.members(caller.merchant_id),
        invitations=await house.people.team.invitations(caller.merchant_id),
        roles=list(Role),
        factor_policies=list(FactorPolicy),
        factor_policy=factor_policy,
        email=email,
        role=role,
        wrong=wrong,
        link=link,
        link_for=link_for,
        link_hours=house.settings.person_link_seconds // 3600,
    )
