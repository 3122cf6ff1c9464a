"""What people did stays as it was written: whoever changes, removes, inserts or cuts off is found, and where."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from afriflow.merchants.audit_log import Head, Wanted, entries, hash_of, heads, verify, write


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Any]:
    """A superuser's connection to a chain of six entries and one of two, all undone after the test."""
    opened = await asyncpg.connect(database_url)
    undo = opened.transaction()
    await undo.start()
    for number in range(1, 7):
        await act(opened, "mer_a", number)
    for number in range(1, 3):
        await act(opened, "mer_b", number)
    yield opened
    await undo.rollback()
    await opened.close()


async def act(connection: Any, merchant_id: str, number: int) -> None:
    await write(
        connection,
        merchant_id=merchant_id,
        who="aminata@boutique.test" if number % 2 else "key_1",
        action="account.paused" if number % 3 else "policy.changed",
        subject=f"acc_{number}",
        details={"reason": f"maintenance n° {number}", "mode": "test"},
    )


async def found(connection: Any, **anchors: Head) -> dict[str, tuple[int | None, str | None]]:
    return {
        verdict.head.merchant_id: (verdict.broken_at, verdict.why)
        for verdict in await verify(connection, anchors)
        if verdict.head.merchant_id in {"mer_a", "mer_b"}
    }


WHOLE = (None, None)


async def test_a_chain_that_nobody_touched_is_whole(connection: Any) -> None:
    assert await found(connection) == {"mer_a": WHOLE, "mer_b": WHOLE}


@pytest.mark.parametrize(
    ("tampering", "broken_at", "why"),
    [
        ("UPDATE audit_log SET who = 'nobody' WHERE merchant_id = 'mer_a' AND sequence = 3", 3, "changed"),
        ("UPDATE audit_log SET at = at + interval '1 microsecond' WHERE merchant_id = 'mer_a' AND sequence = 2", 2, "changed"),
        ("UPDATE audit_log SET details = '{}' WHERE merchant_id = 'mer_a' AND sequence = 6", 6, "changed"),
        ("DELETE FROM audit_log WHERE merchant_id = 'mer_a' AND sequence = 4", 4, "gap"),
        ("DELETE FROM audit_log WHERE merchant_id = 'mer_a' AND sequence = 1", 1, "gap"),
        ("DELETE FROM audit_log WHERE merchant_id = 'mer_a' AND sequence > 4", 5, "cut_off"),
        ("DELETE FROM audit_log WHERE merchant_id = 'mer_a'", 1, "cut_off"),
        ("DELETE FROM audit_heads WHERE merchant_id = 'mer_a'", 1, "ahead"),
        ("UPDATE audit_heads SET sequence = 4 WHERE merchant_id = 'mer_a'", 5, "ahead"),
        ("UPDATE audit_log SET previous_hash = '\\x00' WHERE merchant_id = 'mer_a' AND sequence = 5", 5, "changed"),
    ],
)  # fmt: skip
async def test_what_a_superuser_tampered_with_is_found_where_it_begins(
    connection: Any, tampering: str, broken_at: int, why: str
) -> None:
    await connection.execute(tampering)
    assert await found(connection) == {"mer_a": (broken_at, why), "mer_b": WHOLE}


async def test_an_entry_that_is_rewritten_with_its_hash_no_longer_links(connection: Any) -> None:
    other = await connection.fetchrow("SELECT * FROM audit_log WHERE merchant_id = 'mer_a' AND sequence = 3")
    forged = [*tuple(other)[:3], "nobody", *tuple(other)[4:8]]
    await connection.execute(
        "UPDATE audit_log SET who = 'nobody', hash = $1 WHERE merchant_id = 'mer_a' AND sequence = 3",
        hash_of(*forged),
    )
    assert await found(connection) == {"mer_a": (4, "unlinked"), "mer_b": WHOLE}


async def test_an_end_that_was_cut_off_with_its_head_contradicts_an_anchor(connection: Any) -> None:
    anchors = {head.merchant_id: head for head in await heads(connection)}
    await connection.execute("DELETE FROM audit_log WHERE merchant_id = 'mer_a' AND sequence > 4")
    await connection.execute(
        """UPDATE audit_heads h SET sequence = l.sequence, hash = l.hash FROM audit_log l
        WHERE h.merchant_id = 'mer_a' AND l.merchant_id = 'mer_a' AND l.sequence = 4"""
    )
    assert await found(connection) == {"mer_a": WHOLE, "mer_b": WHOLE}
    assert await found(connection, **anchors) == {"mer_a": (5, "cut_off"), "mer_b": WHOLE}
    for number in range(5, 9):
        await act(connection, "mer_a", number + 1)
    assert await found(connection, **anchors) == {"mer_a": (6, "not_as_anchored"), "mer_b": WHOLE}


async def test_a_whole_chain_that_vanished_contradicts_an_anchor(connection: Any) -> None:
    anchors = {head.merchant_id: head for head in await heads(connection)}
    await connection.execute("DELETE FROM audit_log WHERE merchant_id = 'mer_a'")
    await connection.execute("DELETE FROM audit_heads WHERE merchant_id = 'mer_a'")
    assert await found(connection, **anchors) == {"mer_a": (1, "cut_off"), "mer_b": WHOLE}


async def test_a_list_is_narrowed_and_paged_by_sequence(connection: Any) -> None:
    async def numbers(limit: int = 10, **wanted: Any) -> list[int]:
        return [item.sequence for item in await entries(connection, "mer_a", Wanted(**wanted), limit)]

    assert await numbers() == [6, 5, 4, 3, 2, 1]
    assert await numbers(limit=2, before=5) == [4, 3]
    assert await numbers(who="key_1") == [6, 4, 2]
    assert await numbers(who="key_1", action="policy.changed") == [6]
    assert await numbers(subject="acc_2") == [2]
    first = (await entries(connection, "mer_a", Wanted(before=2), 1))[0]
    assert await numbers(since=first.at) == [6, 5, 4, 3, 2, 1]
    assert await numbers(until=first.at) == []
    assert first.details == {"reason": "maintenance n° 1", "mode": "test"}


async def test_many_writers_at_once_make_one_chain_and_what_is_undone_leaves_no_gap(
    database_url: str,
) -> None:
    pool: Any = await asyncpg.create_pool(database_url, min_size=8, max_size=8)

    async def one_of_many(number: int) -> None:
        async with pool.acquire() as borrowed:
            undone = borrowed.transaction()
            await undone.start()
            await act(borrowed, "mer_many", number)
            await (undone.rollback() if number % 5 == 0 else undone.commit())

    await asyncio.gather(*(one_of_many(number) for number in range(1, 41)))
    async with pool.acquire() as borrowed:
        (verdict,) = [v for v in await verify(borrowed) if v.head.merchant_id == "mer_many"]
        times = [item.at for item in await entries(borrowed, "mer_many", Wanted(), 100)]
    await pool.close()
    assert (verdict.why, verdict.head.sequence) == (None, 32)
    assert times == sorted(times, reverse=True)


class TestActsOfADay:
    """The demo's merchant at work: each act is in the log, with who did it."""

    async def test_what_keys_and_people_do_is_on_the_page_and_narrowed_there(
        self, demo: dict[str, Any], merchant: Any, fresh: Any
    ) -> None:
        _, accounts = await merchant.call("GET", "/api/providers")
        account = accounts["data"][-1]["id"]
        status, _ = await merchant.call("POST", f"/api/providers/{account}/pause", {"reason": "moving house"})
        assert status == 200
        await merchant.call("POST", f"/api/providers/{account}/resume")
        _, policies = await merchant.call("GET", "/api/policies")
        await merchant.call("PUT", "/api/policies", policies)
        _, rules = await merchant.call("GET", "/api/routing/rules")
        await merchant.call("PUT", "/api/routing/rules", rules)
        _, endpoint = await merchant.call(
            "POST", "/api/webhook-endpoints", {"url": "https://shop.example/in"}
        )
        status, _ = await merchant.call("DELETE", f"/api/webhook-endpoints/{endpoint['id']}")
        assert status == 204
        wrong = {"email": demo["dashboard_user"], "password": "not this one"}
        right = {"email": demo["dashboard_user"], "password": demo["dashboard_password"]}
        assert (await send(fresh, demo, "/sign-in", wrong))[0] == 422
        assert (await send(fresh, demo, "/sign-in", right))[0] == 303
        page = await read(fresh, demo, "")
        for sentence in (
            *("Account taken out of routing", "Account put back into routing", "Policy changed"),
            *("Routing rules changed", "Webhook endpoint added", "Webhook endpoint removed"),
            *("Sign-in refused", "Signed in"),
        ):
            assert f'<span class="strong">{sentence}</span>' in page, sentence
        assert "moving house" in page
        narrowed = await read(fresh, demo, f"?subject={account}&action=account.paused")
        # Others take accounts out of routing meanwhile: each row is of that, and ours is among them.
        taken_out = narrowed.count('<span class="strong">Account taken out of routing</span>')
        assert narrowed.count('<th scope="row">') == taken_out >= 1
        assert "moving house" in narrowed
        assert "Webhook endpoint added</span>" in await read(fresh, demo, f"?subject={endpoint['id']}")
        assert "Nothing matches" in await read(fresh, demo, "?who=nobody%40boutique.test")
        assert "Nothing matches" in await read(fresh, demo, "?until=2020-01-01&since=nonsense&before=-1")

    def test_the_terminal_lists_verifies_and_anchors_it(
        self, demo: dict[str, Any], environment: Any, tmp_path: Path
    ) -> None:
        def run(*words: str) -> tuple[int, str]:
            done = subprocess.run(
                [sys.executable, "-m", "afriflow", "audit-log", *words],
                env=environment(Path(demo["home"]), AFRIFLOW_LANGUAGE="en"),
                capture_output=True,
                text=True,
                check=False,
            )
            return done.returncode, done.stdout + done.stderr

        code, text = run("list", "--json", "--action", "endpoint.added")
        assert code == 0, text
        entries = [json.loads(line) for line in text.splitlines()]
        first = [entry for entry in entries if entry["who"] == "afriflow start"][-1]
        assert "endpoint.added" in run("list", "--merchant", first["merchant_id"])[1]
        code, anchors = run("anchors")
        kept = tmp_path / "anchors"
        kept.write_text(anchors)
        code, text = run("verify", "--anchors", str(kept))
        assert code == 0, text
        assert text.startswith("✓ mer_")
        forged = anchors.splitlines()[0].rsplit(" ", 1)[0] + " " + "0" * 64
        kept.write_text(forged)
        code, text = run("verify", "--anchors", str(kept))
        assert code == 1
        assert "is another one than when the anchor was kept" in text


@pytest.fixture
async def fresh() -> AsyncIterator[aiohttp.ClientSession]:
    """A browser's jar of cookies that nobody else uses."""
    async with aiohttp.ClientSession(
        trust_env=False, cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"accept-language": "en"}
    ) as opened:
        yield opened


async def send(browser: aiohttp.ClientSession, demo: dict[str, Any], path: str, form: Any) -> tuple[int, str]:
    own = {"sec-fetch-site": "same-origin"}
    async with browser.post(
        demo["dashboard_url"] + path, data=form, headers=own, allow_redirects=False
    ) as answer:
        return answer.status, await answer.text()


async def read(browser: aiohttp.ClientSession, demo: dict[str, Any], query: str) -> str:
    async with browser.get(f"{demo['dashboard_url']}/audit-log{query}") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()
