"""The team: people join by a link that opens once, do what their role allows, and no merchant loses its last owner."""

import asyncio
import re
import sys
import uuid

import pytest
from desk import PASSWORD, PUBLIC_URL, Desk, Visitor

from afriflow.core.errors import AddressTaken, LastOwner, LinkSpent, NotFound
from afriflow.core.permission import Permission, Role
from afriflow.merchants.sessions import SignedIn

_LINK = re.compile(rf'<p class="mono secret">{PUBLIC_URL}(/dashboard/welcome/[\w-]+)</p>')
NEW = "une pirogue attend le soir"


def an_address() -> str:
    return f"{uuid.uuid4().hex[:10]}@sandaga.test"


async def invite(owner: Visitor, email: str, role: str = "developer") -> str:
    await owner.get("/dashboard/team")
    answer = await owner.post("/dashboard/team", email=email, role=role)
    assert answer.status == 200, answer.text
    return _LINK.findall(answer.text)[0]


async def test_somebody_is_invited_joins_and_does_what_the_role_allows(desk: Desk) -> None:
    owner, email = await desk.come_in(), an_address()
    link = await invite(owner, email)
    assert "invited" in (await owner.get("/dashboard/team")).text
    assert link not in owner.page
    guest = desk.visitor()
    for _ in range(2):  # programs look at links before people do
        page = await guest.get(link)
        assert (page.status, email in page.text, "Developer" in page.text) == (200, True, True)
    for new, again, says in (
        (NEW, NEW + "!", "The two passwords differ."),
        ("court", "court", "At least 12 characters."),
        ("motdepasse1234", "motdepasse1234", "easily guessed"),
        (email, email, "easily guessed"),
    ):
        answer = await guest.post(link, new=new, again=again)
        assert (answer.status, says in answer.words) == (422, True), new
    assert (await guest.post(link, new=NEW, again=NEW)).location == "/dashboard/sign-in?done=welcome"
    assert "Welcome!" in (await guest.get("/dashboard/sign-in?done=welcome")).text
    assert (await guest.get(link)).status == 410
    assert (await guest.post(link, new=NEW, again=NEW)).status == 410
    assert (await guest.sign_in(email, NEW)).location == "/dashboard"
    page = await guest.get("/dashboard/webhooks")
    assert 'action="/dashboard/webhooks"' in page.text
    page = await guest.get("/dashboard/team")
    assert (owner.email in page.text, "/dashboard/team/" in page.text) == (True, False)
    assert (await guest.post("/dashboard/team", email=an_address(), role="owner")).status == 403
    deeds = await desk.deeds(await desk.merchant_of(email))
    assert [deed for deed in deeds if deed[0] in {"person.invited", "person.joined"}] == [
        ("person.invited", owner.email),
        ("person.joined", email),
    ]


async def test_of_two_who_use_a_link_at_once_one_joins(desk: Desk) -> None:
    link = (
        await desk.house.people.team.invite(await desk.merchant(), "test", an_address(), Role.SUPPORT)
    ).removeprefix(PUBLIC_URL)
    answers = await asyncio.gather(*(desk.visitor().post(link, new=NEW, again=NEW) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [303, 410, 410]


async def test_a_link_opens_no_more_when_it_is_old_withdrawn_replaced_or_made_up(desk: Desk) -> None:
    owner = await desk.come_in()
    old, email = await invite(owner, an_address()), an_address()
    await desk.rows.execute("UPDATE person_links SET expires_at = now() - interval '1 second'")
    first = await invite(owner, email)
    second = await invite(owner, email, "support")
    guest = desk.visitor()
    for link in (old, first, "/dashboard/welcome/made-up"):
        assert (await guest.get(link)).status == 410
        assert (await guest.post(link, new=NEW, again=NEW)).status == 410
    await owner.get("/dashboard/team")
    withdraw = re.findall(r'action="(/dashboard/team/invitations/\w+/withdraw)"', owner.page)[0]
    assert (await owner.post(withdraw)).location == "/dashboard/team?done=withdrawn"
    assert (await guest.get(second)).status == 410
    kept = await desk.rows.fetch("SELECT token_hash FROM person_links")
    assert all(link.encode() not in row["token_hash"] for row in kept for link in (old, first, second))


async def test_an_address_belongs_to_one_merchant_and_owners_learn_nothing_of_others(desk: Desk) -> None:
    owner, other = await desk.come_in(), await desk.come_in()
    await owner.get("/dashboard/team")
    answer = await owner.post("/dashboard/team", email=f" {owner.email.upper()} ", role="support")
    assert (answer.status, "in the team already" in answer.words) == (422, True)
    link = await invite(owner, other.email, "owner")
    answer = await desk.visitor().post(link, new=NEW, again=NEW)
    assert (answer.status, "has an account already" in answer.words) == (409, True)
    assert (await desk.visitor().sign_in(other.email)).status == 303
    assert await desk.merchant_of(other.email) != await desk.merchant_of(owner.email)
    answer = await owner.post("/dashboard/team", email="no address", role="support")
    assert (answer.status, 'value="no address"' in answer.text) == (422, True)


@pytest.mark.parametrize("role", list(Role))
async def test_what_a_role_may_not_do_is_not_shown_and_is_refused(desk: Desk, role: Role) -> None:
    merchant_id = await desk.merchant()
    person = await desk.come_in(role, merchant_id)
    gates = {
        "/webhooks": ("/dashboard/webhooks", Permission.WEBHOOKS_WRITE),
        "/team": ("/dashboard/team", Permission.TEAM_WRITE),
    }
    for path, (action, needed) in gates.items():
        page = await person.get(f"/dashboard{path}")
        readable = Permission(f"{path[1:]}:read") in role.permissions
        assert (page.status == 200) is readable, path
        assert (f'action="{action}"' in page.text) is (needed in role.permissions), path
        await person.get("/dashboard/me")
        answer = await person.post(action, url="nonsense", email="nonsense", role="owner")
        assert answer.status == (422 if needed in role.permissions else 403), path
    page = await person.get("/dashboard")
    assert ('href="/dashboard/team"' in page.text) is (Permission.TEAM_READ in role.permissions)
    for path, needed in (
        ("/jobs/release", Permission.JOBS_WRITE),
        ("/providers/acc_1/resume", Permission.PROVIDERS_WRITE),
        ("/events/evt_1/resend", Permission.WEBHOOKS_WRITE),
        ("/transactions/txn_1/cancel", Permission.TRANSACTIONS_WRITE),
        ("/transactions/txn_1/review", Permission.TRANSACTIONS_RESOLVE),
        ("/team/per_1/remove", Permission.TEAM_WRITE),
        ("/team/second-factor", Permission.SETTINGS_WRITE),
    ):
        answer = await person.post(f"/dashboard{path}", reason="why")
        assert (answer.status == 403) is (needed not in role.permissions), path


async def test_a_role_a_suspension_and_a_removal_count_at_once(desk: Desk) -> None:
    merchant_id = await desk.merchant()
    owner, member = await desk.come_in(Role.OWNER, merchant_id), await desk.come_in(Role.FINANCE, merchant_id)
    who = await desk.id_of(member.email)
    await owner.get("/dashboard/team")
    assert (await owner.post(f"/dashboard/team/{who}/role", role="support")).location.endswith("done=role")
    assert (await member.get("/dashboard")).status == 303
    assert (await member.sign_in(member.email)).status == 303
    assert (await member.get("/dashboard/team")).status == 403
    assert (await owner.post(f"/dashboard/team/{who}/end-sessions")).location.endswith("done=sessions_ended")
    assert (await member.get("/dashboard")).status == 303
    assert (await member.sign_in(member.email)).status == 303
    assert (await owner.post(f"/dashboard/team/{who}/suspend")).location.endswith("done=suspended")
    assert (await member.get("/dashboard")).status == 303
    assert (await member.sign_in(member.email)).status == 422
    assert "suspended" in (await owner.get("/dashboard/team")).text
    assert (await owner.post(f"/dashboard/team/{who}/resume")).location.endswith("done=resumed")
    assert (await member.sign_in(member.email)).status == 303
    assert (await owner.post(f"/dashboard/team/{who}/remove")).location.endswith("done=removed")
    assert (await member.get("/dashboard")).status == 303
    assert (await member.sign_in(member.email)).status == 422
    acts = [action for action, by in await desk.deeds(merchant_id) if by == owner.email]
    assert acts[-5:] == [
        "person.role_changed",
        "person.sessions_ended",
        "person.suspended",
        "person.resumed",
        "person.removed",
    ]


async def test_the_last_owner_stays_whatever_is_tried_also_by_two_at_once(desk: Desk) -> None:
    merchant_id = await desk.merchant()
    owner = await desk.come_in(Role.OWNER, merchant_id)
    await desk.person(merchant_id, Role.FINANCE)
    who = await desk.id_of(owner.email)
    await owner.get("/dashboard/team")
    for act in ("suspend", "remove", "role"):
        answer = await owner.post(f"/dashboard/team/{who}/{act}", role="support")
        assert answer.location == "/dashboard/team?refused=last_owner"
    assert "Somebody has to stay owner." in (await owner.get("/dashboard/team?refused=last_owner")).words
    assert (await owner.post(f"/dashboard/team/{who}/role", role="owner")).location.endswith("done=role")
    second = await desk.id_of(await desk.person(merchant_id))
    team = desk.house.people.team
    found = await asyncio.gather(
        team.remove(merchant_id, "test", who),
        team.change_role(merchant_id, "test", second, Role.SUPPORT),
        return_exceptions=True,
    )
    assert sorted(type(item).__name__ for item in found) == ["LastOwner", "NoneType"]
    owners = "SELECT count(*) FROM people WHERE merchant_id = $1 AND role = 'owner' AND suspended_at IS NULL"
    assert await desk.rows.fetchval(owners, merchant_id) == 1


async def test_another_merchants_people_are_not_found(desk: Desk) -> None:
    owner, stranger = await desk.come_in(), await desk.come_in()
    who = await desk.id_of(stranger.email)
    await owner.get("/dashboard/team")
    for act in ("role", "suspend", "resume", "remove", "reset"):
        assert (await owner.post(f"/dashboard/team/{who}/{act}", role="support")).status == 404, act
    assert (await stranger.get("/dashboard")).status == 200
    await invite(stranger, an_address())
    theirs = "SELECT id FROM person_links WHERE merchant_id = $1"
    link_id = await desk.rows.fetchval(theirs, await desk.merchant_of(stranger.email))
    assert (await owner.post(f"/dashboard/team/invitations/{link_id}/withdraw")).status == 404


async def test_a_new_password_by_link_ends_all_sessions_and_where_a_phone_is_lost_the_second_factor(
    desk: Desk,
) -> None:
    merchant_id = await desk.merchant()
    owner, member = await desk.come_in(Role.OWNER, merchant_id), await desk.come_in(Role.FINANCE, merchant_id)
    who = await desk.id_of(member.email)
    await desk.house.people.own_account.begin_second_factor(await _me(desk, member))
    await desk.rows.execute(
        "UPDATE people SET second_factor_sealed = second_factor_pending_sealed, second_factor_since = now() WHERE id = $1",
        who,
    )
    for form, still_wanted in (({}, True), ({"forget_factor": "yes"}, False)):
        await owner.get("/dashboard/team")
        answer = await owner.post(f"/dashboard/team/{who}/reset", **form)
        link = _LINK.findall(answer.text)[0]
        assert "Choose a new password" in (await desk.visitor().get(link)).text
        assert (await desk.visitor().post(link, new=NEW, again=NEW)).location.endswith("done=new_password")
        assert (await member.get("/dashboard")).status == 303
        assert (await desk.visitor().sign_in(member.email, PASSWORD)).status == 422
        entered = (await desk.visitor().sign_in(member.email, NEW)).location
        assert entered.startswith("/dashboard/sign-in/code") is still_wanted
    with pytest.raises(NotFound):
        await desk.house.people.team.reset(merchant_id, "test", "per_nobody", forget_factor=False)


async def _me(desk: Desk, person: Visitor) -> SignedIn:
    return await desk.house.people.door.who_has(person.cookies["__Host-afriflow_session"])


async def test_refusals_are_errors_of_ours(desk: Desk) -> None:
    """For commands, which have no pages."""
    merchant_id = await desk.merchant()
    email = await desk.person(merchant_id)
    team = desk.house.people.team
    with pytest.raises(AddressTaken):
        await team.invite(merchant_id, "test", email, Role.OWNER)
    with pytest.raises(LastOwner):
        await team.suspend(merchant_id, "test", await desk.id_of(email))
    with pytest.raises(LinkSpent):
        await team.use("made-up", NEW)


# ── at the terminal ─────────────────────────────────────────────────────────────────────────────────────────────
async def type_in(desk: Desk, *words: str, **environ: str) -> tuple[int, str]:
    """Run a command as whoever looks after the installation types it."""
    settings = desk.house.settings
    known = {
        "DATABASE_URL": settings.database_url,
        "AFRIFLOW_SECRET_KEY": settings.secret_key,
        "AFRIFLOW_PUBLIC_URL": PUBLIC_URL,
        "AFRIFLOW_HOME": str(settings.home),
        "AFRIFLOW_LANGUAGE": "fr",
        "PYTHONPATH": ":".join(sys.path),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "afriflow", *words),
        env={**known, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_a_first_owner_comes_in_and_a_lost_password_is_replaced_from_the_terminal(desk: Desk) -> None:
    email = an_address()
    code, said = await type_in(
        desk, "merchant", "create", "Marché Kermel", "--owner", email, "--country", "sn"
    )
    assert (code, "sous 72 heures" in said) == (0, True), said
    link = said.split(PUBLIC_URL)[1].strip()
    owner = desk.visitor()
    assert "Welcome to Marché Kermel" in (await owner.get(link)).text
    await owner.post(link, new=NEW, again=NEW)
    assert (await owner.sign_in(email, NEW)).location == "/dashboard"
    assert "Make an invitation" in (await owner.get("/dashboard/team")).text
    code, said = await type_in(desk, "person", "reset", email)
    assert code == 0, said
    again = "un phare au bout du sable"
    await owner.post(said.split(PUBLIC_URL)[1].strip(), new=again, again=again)
    assert (await owner.sign_in(email, again)).location == "/dashboard"
    code, said = await type_in(desk, "person", "suspend", email)
    assert (code, "Quelqu'un doit rester propriétaire" in said) == (1, True), said
    deeds = await desk.deeds(await desk.merchant_of(email))
    assert {who.partition(":")[0] for act, who in deeds if act in {"person.invited", "person.reset"}} == {
        "terminal"
    }


async def test_the_terminal_says_what_is_missing(desk: Desk) -> None:
    for words, environ, says in (
        (("merchant", "create", "X", "--owner", "nobody", "--country", "SN"), {}, "pas une adresse e-mail"),
        (("person", "reset", an_address()), {"AFRIFLOW_SECRET_KEY": ""}, "AFRIFLOW_SECRET_KEY"),
    ):
        code, said = await type_in(desk, *words, **environ)
        assert (code, says in said) == (1, True), said
