"""People at the dashboard's door: passwords, codes, sessions, lockout, and the proof that is asked for anew."""

import asyncio
import base64
import re

import pytest
from desk import PASSWORD, Desk, Visitor

from afriflow.core.permission import NEED_FRESH_PROOF, Role
from afriflow.merchants import door
from afriflow.merchants.totp import code_at, step_at
from afriflow.web.pages import PAGES
from afriflow.web.throttle import Throttle, network_of

_SECRET = re.compile(r'<p class="mono secret">([A-Z2-7]+)</p>')
_RECOVERY = re.compile(r'<li class="mono secret">((?:[0-9a-z]{4}-){5}[0-9a-z]{4})</li>')


def secret_in(page: str) -> bytes:
    text = _SECRET.findall(page)[0]
    return base64.b32decode(text + "=" * (-len(text) % 8))


async def switch_on(desk: Desk, person: Visitor) -> tuple[bytes, list[str]]:
    """Set up a second factor; gives the app's secret and the recovery codes."""
    await person.get("/dashboard/me")
    assert (await person.post("/dashboard/me/second-factor")).location == "/dashboard/me/second-factor"
    secret = secret_in((await person.get("/dashboard/me/second-factor")).text)
    answer = await person.post("/dashboard/me/second-factor/confirm", code=code_now(desk, secret))
    codes = _RECOVERY.findall(answer.text)
    assert (answer.status, len(set(codes))) == (200, 10)
    desk.clock.forward(60)
    return secret, codes


def code_now(desk: Desk, secret: bytes, late_steps: int = 0) -> str:
    return code_at(secret, step_at(desk.clock.now()) - late_steps)


# ── sessions ────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_session_is_a_cookie_that_only_this_host_and_only_tls_can_set(desk: Desk) -> None:
    visitor = desk.visitor()
    email = await desk.person(await desk.merchant())
    answer = await visitor.sign_in(email)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-afriflow_session=")
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {
        "httponly",
        "secure",
        "samesite=lax",
        "path=/",
        "max-age=43200",
    }
    token = visitor.cookies["__Host-afriflow_session"]
    kept = await desk.rows.fetchval(
        "SELECT count(*) FROM dashboard_sessions WHERE encode(token_hash, 'escape') LIKE '%' || $1 || '%'",
        token,
    )
    assert kept == 0


async def test_no_cookie_of_ours_can_be_set_or_read_by_anybody_else(desk: Desk) -> None:
    person = await desk.come_in()
    answers = [
        await person.get("/dashboard?language=fr"),
        await person.post("/dashboard/mode", mode="live"),
        await person.post("/dashboard/sign-out"),
    ]
    cookies = [answer.headers["set-cookie"] for answer in answers]
    assert [cookie.partition("=")[0] for cookie in cookies] == [
        "__Host-afriflow_language",
        "__Host-afriflow_mode",
        "__Host-afriflow_session",
    ]
    for cookie in cookies:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "secure", "samesite=lax", "path=/"} < attributes
    assert answers[2].headers["clear-site-data"] == '"cache", "storage"'
    assert answers[2].headers["cache-control"] == "no-store"


async def test_a_session_ends_when_nobody_touches_it_and_at_the_end_of_the_day(desk: Desk) -> None:
    for column, minutes in (("seen_at", 31), ("expires_at", 12 * 60)):
        person = await desk.come_in()
        assert (await person.get("/dashboard")).status == 200
        await desk.let_age(column, minutes)
        assert (await person.get("/dashboard")).location.startswith("/dashboard/sign-in")


async def test_whoever_looks_is_seen_and_stays(desk: Desk) -> None:
    person = await desk.come_in()
    who = await desk.id_of(person.email)
    await desk.let_age("seen_at", 29)
    await person.get("/dashboard")
    ago = "SELECT now() - seen_at < interval '1 minute' FROM dashboard_sessions WHERE person_id = $1"
    assert await desk.rows.fetchval(ago, who)


async def test_signing_in_again_ends_the_session_before_and_signing_out_ends_it_at_the_server(
    desk: Desk,
) -> None:
    person = await desk.come_in()
    first = dict(person.cookies)
    await person.sign_in(person.email)
    old = desk.visitor()
    old.cookies = first
    assert (await old.get("/dashboard")).status == 303
    assert (await person.get("/dashboard")).status == 200
    second = dict(person.cookies)
    await person.post("/dashboard/sign-out")
    old.cookies = second
    assert (await old.get("/dashboard")).status == 303


async def test_a_person_sees_their_sessions_and_ends_the_others(desk: Desk) -> None:
    person, phone = await desk.come_in(), desk.visitor()
    await phone.sign_in(person.email)
    page = await person.get("/dashboard/me")
    assert page.text.count("last seen") == 2
    assert (await person.post("/dashboard/me/sessions/end-others")).location == "/dashboard/me?done=others"
    assert (await phone.get("/dashboard")).status == 303
    assert (await person.get("/dashboard/me")).text.count("last seen") == 1


async def test_a_session_is_ended_alone_by_its_own_person_with_a_fresh_proof(desk: Desk) -> None:
    person, phone, tablet, other = await desk.come_in(), desk.visitor(), desk.visitor(), await desk.come_in()
    await phone.sign_in(person.email)
    await tablet.sign_in(person.email)
    page = (await person.get("/dashboard/me")).text
    ends = re.findall(r'action="(/dashboard/me/sessions/ses_\w+/end)"', page)
    assert len(ends) == 2, "one's own is not among them"
    await other.get("/dashboard/me")
    assert (await other.post(ends[0])).status == 404
    assert (await phone.get("/dashboard")).status == (await tablet.get("/dashboard")).status == 200
    await desk.let_age("proven_at", 11)
    assert (await person.post(ends[0])).status == 403
    assert (await person.post("/dashboard/me/sessions/end-others")).status == 403
    assert (await person.post(ends[0], fresh_proof=PASSWORD)).location == "/dashboard/me?done=session"
    assert sorted([(await phone.get("/dashboard")).status, (await tablet.get("/dashboard")).status]) == [
        200,
        303,
    ]
    deeds = await desk.deeds(await desk.merchant_of(person.email))
    assert [deed for deed in deeds if "proved" in deed[0] or "session" in deed[0]] == [
        ("person.proved", person.email),
        ("person.session_ended", person.email),
    ]


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("(Linux; Android 14) SamsungBrowser/27.0 Chrome/125.0 Safari/537.36", "Samsung Internet, Android"),
        ("(Windows NT 10.0; Win64; x64) Chrome/131.0 Safari/537.36 Edg/131.0", "Edge, Windows"),
        ("(iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Safari/604.1", "Safari, iPhone"),
        ("curl/8.5.0", "A browser that does not say its name"),
    ],
)
async def test_sessions_are_told_apart_by_browser_and_system(desk: Desk, agent: str, name: str) -> None:
    person = await desk.come_in()
    await desk.rows.execute("UPDATE dashboard_sessions SET agent = $1", agent)
    assert f'<p class="wrap">{name}</p>' in (await person.get("/dashboard/me")).text


async def test_a_form_without_its_token_or_with_another_sessions_is_refused(desk: Desk) -> None:
    person, other = await desk.come_in(), await desk.come_in()
    await other.get("/dashboard/me")
    await person.get("/dashboard/me")
    for form in (
        {"form_token": ""},
        {"form_token": "é"},
        {"form_token": re.findall(r'"form_token" value="(\w+)"', other.page)[0]},
    ):
        answer = await person.post("/dashboard/mode", mode="live", **form)
        assert answer.status == 403, form
    await person.get("/dashboard/me")
    assert (await person.post("/dashboard/mode", mode="live")).status == 303
    await person.get("/dashboard/me")
    stranger = {"origin": "https://evil.example"}
    assert (await person.post("/dashboard/mode", headers=stranger, mode="test")).status == 403


async def test_every_form_of_every_page_has_its_token(desk: Desk) -> None:
    person = await desk.come_in()
    for path in ("", "/providers", "/webhooks", "/jobs", "/team", "/me"):
        text = (await person.get(f"/dashboard{path}")).text
        assert text.count('method="post"') == text.count('name="form_token"') > 0, path


# ── passwords ───────────────────────────────────────────────────────────────────────────────────────────────────
async def test_wrong_unknown_and_suspended_sound_the_same(desk: Desk) -> None:
    merchant_id = await desk.merchant()
    await desk.person(merchant_id)
    gone = await desk.person(merchant_id, Role.SUPPORT)
    await desk.house.people.team.suspend(merchant_id, "test", await desk.id_of(gone))
    known = await desk.person(merchant_id)
    pages = set()
    for email, password in (
        (known, "not this one"),
        ("nobody@sandaga.test", PASSWORD),
        (gone, PASSWORD),
        (gone, "not this one"),
    ):
        answer = await desk.visitor().sign_in(email, password)
        pages.add((answer.status, answer.text.replace(email, ""), "set-cookie" in answer.headers))
    assert len(pages) == 1
    assert pages.pop()[0] == 422


async def test_every_answer_costs_one_comparison(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that time tells nobody which addresses there are."""
    compared: list[bool] = []
    real = door.is_password

    async def counted(kept: str | None, password: str) -> bool:
        compared.append(kept is not None)
        return await real(kept, password)

    monkeypatch.setattr(door, "is_password", counted)
    await desk.visitor().sign_in("nobody@sandaga.test")
    await desk.visitor().sign_in(await desk.person(await desk.merchant()), "not this one")
    assert compared == [False, True]


async def test_another_password_wants_the_old_one_and_ends_every_other_session(desk: Desk) -> None:
    person, phone = await desk.come_in(), desk.visitor()
    await phone.sign_in(person.email)
    before = dict(person.cookies)
    await person.get("/dashboard/me")
    change = "/dashboard/me/password"
    new = " une pirogue 4111111111111111 attend le soir "  # as it was typed, also where a card's number would be
    answer = await person.post(change, old="not this one", new=new)
    assert (answer.status, "This password is wrong." in answer.words) == (422, True)
    answer = await person.post(change, old=PASSWORD, new="motdepasse1234")
    assert (answer.status, "easily guessed" in answer.words) == (422, True)
    answer = await person.post(change, old=PASSWORD, new="court")
    assert (answer.status, "At least 12 characters." in answer.words) == (422, True)
    assert (await person.post(change, old=PASSWORD, new=new)).location == "/dashboard/me?done=password"
    assert (await phone.get("/dashboard")).status == 303
    assert (await person.get("/dashboard")).status == 200
    phone.cookies = before
    assert (await phone.get("/dashboard")).status == 303
    assert (await desk.visitor().sign_in(person.email, PASSWORD)).status == 422
    assert (await desk.visitor().sign_in(person.email, new.strip())).status == 422
    assert (await desk.visitor().sign_in(person.email, new)).status == 303
    deeds = await desk.deeds(await desk.merchant_of(person.email))
    assert ("person.password_changed", person.email) in deeds


# ── lockout ─────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_ten_tries_lock_an_account_also_all_at_once_and_without_redis(desk: Desk) -> None:
    email = await desk.person(await desk.merchant())
    answers = await asyncio.gather(*(desk.visitor().sign_in(email, "guess") for _ in range(12)))
    assert sorted(answer.status for answer in answers) == [422] * 10 + [429] * 2
    late = await desk.visitor().sign_in(email)
    assert (late.status, "Try again in 15 minutes." in late.words) == (429, True)
    assert (await desk.visitor().sign_in(await desk.person(await desk.merchant()))).status == 303


async def test_failures_lock_a_network_and_successes_count_for_none(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"tries_max": 10, "tries_per_network_max": 3, "window_seconds": 900}
    monkeypatch.setattr(desk.app.state, "throttle", Throttle(desk.house.redis, **limits))
    email = await desk.person(await desk.merchant())
    assert [(await desk.visitor().sign_in(email)).status for _ in range(5)] == [303] * 5
    guesses = [(await desk.visitor().sign_in(f"{name}@a.test")).status for name in "abcd"]
    assert guesses == [422] * 3 + [429]
    assert (await desk.visitor().sign_in(email)).status == 429


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("", "unix socket", True),
    ],
)
def test_a_network_is_what_one_guesser_has(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


async def test_guessing_codes_locks_as_guessing_passwords_does(desk: Desk) -> None:
    person = await desk.come_in()
    secret, _ = await switch_on(desk, person)
    thief = desk.visitor()
    assert (await thief.sign_in(person.email)).location.startswith("/dashboard/sign-in/code")
    tries = [(await thief.post("/dashboard/sign-in/code", code=f"{guess:06}")).status for guess in range(11)]
    assert tries == [422] * 9 + [429] * 2  # the password was a try, too
    assert (await thief.post("/dashboard/sign-in/code", code=code_now(desk, secret))).status == 429


# ── the second factor ───────────────────────────────────────────────────────────────────────────────────────────
async def test_with_a_second_factor_a_password_alone_opens_nothing(desk: Desk) -> None:
    person = await desk.come_in()
    secret, codes = await switch_on(desk, person)
    again = desk.visitor()
    answer = await again.post(
        "/dashboard/sign-in", email=person.email, password=PASSWORD, next="/dashboard/team"
    )
    assert answer.location == "/dashboard/sign-in/code?next=%2Fdashboard%2Fteam"
    half = dict(again.cookies)
    for path in ("", "/me", "/team"):
        assert (await again.get(f"/dashboard{path}")).location.startswith("/dashboard/sign-in")
    assert (await again.get(answer.location)).status == 200
    code = code_now(desk, secret)
    answer = await again.post(
        "/dashboard/sign-in/code", code=f"{code[:3]} {code[3:]}", next="/dashboard/team"
    )
    assert answer.location == "/dashboard/team"
    assert (await again.get("/dashboard/team")).status == 200
    thief = desk.visitor()
    thief.cookies = half
    assert (await thief.get("/dashboard")).status == 303
    # The same code again, and the one before it, are used up; the next one is not.
    for late_steps, location in ((0, ""), (1, ""), (-1, "/dashboard")):
        await thief.sign_in(person.email)
        answer = await thief.post("/dashboard/sign-in/code", code=code_now(desk, secret, late_steps))
        assert answer.location == location
    # A recovery code lets in once, however it is typed.
    for typed, location in ((codes[0].upper().replace("-", " "), "/dashboard"), (codes[0], "")):
        await thief.sign_in(person.email)
        assert (await thief.post("/dashboard/sign-in/code", code=typed)).location == location
    assert "Recovery codes left: 9" in (await again.get("/dashboard/me")).text


async def test_of_many_with_one_code_at_once_one_comes_in(desk: Desk) -> None:
    person = await desk.come_in()
    secret, _ = await switch_on(desk, person)
    many = [desk.visitor() for _ in range(4)]
    for one in many:
        await one.sign_in(person.email)
    code = code_now(desk, secret)
    answers = await asyncio.gather(*(one.post("/dashboard/sign-in/code", code=code) for one in many))
    assert sorted(answer.status for answer in answers) == [303, 422, 422, 422]


async def test_a_second_factor_begins_with_a_right_code_and_its_secret_is_sealed(desk: Desk) -> None:
    person = await desk.come_in()
    await person.get("/dashboard/me")
    await person.post("/dashboard/me/second-factor")
    page = await person.get("/dashboard/me/second-factor")
    assert 'src="data:image/svg+xml' in page.text
    assert "style=" not in page.text
    secret = secret_in(page.text)
    answer = await person.post("/dashboard/me/second-factor/confirm", code="000000")
    assert (answer.status, "This code is wrong" in answer.words) == (422, True)
    row = await desk.rows.fetchrow("SELECT * FROM people WHERE email = $1", person.email)
    assert row["second_factor_sealed"] is None
    assert secret.hex().encode() not in row["second_factor_pending_sealed"]
    assert (await desk.visitor().sign_in(person.email)).location == "/dashboard"
    await person.post("/dashboard/me/second-factor/confirm", code=code_now(desk, secret))
    assert (await person.get("/dashboard/me/second-factor")).location == "/dashboard/me"


async def test_new_recovery_codes_end_the_old_ones_and_switching_off_wants_a_code(desk: Desk) -> None:
    person = await desk.come_in()
    secret, old = await switch_on(desk, person)
    await person.get("/dashboard/me")
    new = _RECOVERY.findall((await person.post("/dashboard/me/recovery-codes")).text)
    again = desk.visitor()
    for code, location in ((old[0], ""), (new[0], "/dashboard")):
        await again.sign_in(person.email)
        assert (await again.post("/dashboard/sign-in/code", code=code)).location == location
    await desk.let_age("proven_at", 11)
    await again.get("/dashboard/me")
    answer = await again.post("/dashboard/me/second-factor/forget")
    assert (answer.status, "Confirm that it is you" in answer.text) == (403, True)
    answer = await again.post("/dashboard/me/second-factor/forget", fresh_proof=PASSWORD)
    assert answer.status == 403
    answer = await again.post("/dashboard/me/second-factor/forget", fresh_proof=code_now(desk, secret))
    assert answer.location == "/dashboard/me?done=factor_off"
    assert (await desk.visitor().sign_in(person.email)).location == "/dashboard"


async def test_where_money_is_real_roles_that_send_it_need_a_second_factor(desk: Desk) -> None:
    merchant_id = await desk.merchant()
    people = {role: await desk.come_in(role, merchant_id) for role in Role}
    for person in people.values():
        await person.get("/dashboard/me")
        await person.post("/dashboard/mode", mode="live")
    for role, person in people.items():
        answer = await person.get("/dashboard")
        if role in {Role.OWNER, Role.FINANCE}:
            assert answer.location == "/dashboard/me?refused=second_factor_wanted", role
            assert "In live mode your role needs a second factor" in (await person.get(answer.location)).words
        else:
            assert answer.status == 200, role
    owner = people[Role.OWNER]
    await switch_on(desk, owner)
    assert (await owner.get("/dashboard")).status == 200
    await owner.get("/dashboard/team")
    assert (await owner.post("/dashboard/team/second-factor", of="everybody")).status == 303
    assert (await people[Role.SUPPORT].get("/dashboard")).location.endswith("second_factor_wanted")
    await owner.post("/dashboard/team/second-factor", of="nobody")
    assert (await people[Role.FINANCE].get("/dashboard")).status == 200
    assert ("policy.changed", owner.email) in await desk.deeds(merchant_id)


# ── fresh proofs ────────────────────────────────────────────────────────────────────────────────────────────────
async def test_what_matters_wants_a_fresh_proof_and_keeps_what_was_entered(desk: Desk) -> None:
    person = await desk.come_in()
    before = dict(person.cookies)
    await desk.let_age("proven_at", 11)
    await person.get("/dashboard/webhooks")
    url = 'https://shop.example/hooks?a=1&b="2"'
    asked = await person.post("/dashboard/webhooks", url=url)
    assert asked.status == 403
    assert f'<input type="hidden" name="url" value="{url}">' in asked.words.replace("&#34;", '"')
    assert 'action="/dashboard/webhooks"' in asked.text
    assert 'action="/dashboard/sign-out"' in asked.text
    wrong = await person.post("/dashboard/webhooks", url=url, fresh_proof="not this one")
    assert (wrong.status, "This password is wrong." in wrong.words) == (403, True)
    mine = "SELECT id FROM webhook_endpoints WHERE merchant_id = $1"
    merchant_id = await desk.merchant_of(person.email)
    assert await desk.rows.fetchval(mine, merchant_id) is None
    done = await person.post("/dashboard/webhooks", url="https://shop.example/hooks", fresh_proof=PASSWORD)
    assert (done.status, "whsec_" in done.text) == (200, True)
    # The session has another token now, the page's forms still count, and the proof is fresh for what follows.
    thief = desk.visitor()
    thief.cookies = before
    assert (await thief.get("/dashboard")).status == 303
    endpoint_id = await desk.rows.fetchval(mine, merchant_id)
    assert (await person.post(f"/dashboard/webhooks/{endpoint_id}/remove")).status == 303


async def test_a_forms_own_proof_is_not_taken_for_a_persons(desk: Desk) -> None:
    """What a decision about money rests on is entered in a field of that name."""
    person = await desk.come_in()
    await desk.let_age("proven_at", 11)
    await person.get("/dashboard/me")
    path = "/dashboard/transactions/txn_1/attempts/att_1/resolve"
    form = {"as": "failed", "reason": "the operator says so", "proof": "statement, line 7"}
    asked = await person.post(path, **form)
    assert (asked.status, "wrong" in asked.words) == (403, False)
    for name, value in form.items():
        assert f'<input type="hidden" name="{name}" value="{value}">' in asked.text
    assert (await person.post(path, **form, fresh_proof=PASSWORD)).status == 404


async def test_guessing_proofs_ends_after_ten_tries(desk: Desk) -> None:
    person = await desk.come_in()
    await desk.let_age("proven_at", 11)
    await person.get("/dashboard/team")
    for _ in range(10):
        answer = await person.post("/dashboard/team", email="a@a.test", fresh_proof="guess")
        assert "This password is wrong." in answer.words
    answer = await person.post("/dashboard/team", email="a@a.test", fresh_proof=PASSWORD)
    assert "Too many tries." in answer.words


def test_acts_that_matter_and_want_no_proof_are_few_and_written_here() -> None:
    excepted = {"send_again", "replay", "test", "pause", "resume", "force", "unforce"}
    excepted |= {"begin", "step", "keep", "discard"}  # of a draft of routing rules, which moves no payment
    found = {
        handler.name or handler.fn.__name__
        for page in PAGES
        for handler in getattr(page, "__dict__", {}).values()
        if getattr(handler, "opt", {}).get("fresh_proof") is False
    }
    assert found == excepted
    assert all(item.endswith((":write", ":resolve")) for item in NEED_FRESH_PROOF)
