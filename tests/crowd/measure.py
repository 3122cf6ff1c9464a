"""How long every list takes with a year's payments of one merchant in the database, asked over HTTP as people and programs do."""

import argparse
import asyncio
import contextlib
import re
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import asyncpg
from conftest import fleet_at
from crowd.fill import fill

from afriflow.torture.fleet import Fleet

# What a person takes for at once; and what the slowest page may take.
PAGE_MAY_TAKE_MILLISECONDS = 200
_ASKED = 7
_PHONE = "+221773456789"


@dataclass(frozen=True)
class Took:
    """How long something took, in milliseconds."""

    what: str
    median: float
    longest: float

    @property
    def line(self) -> str:
        mark = "" if self.median <= PAGE_MAY_TAKE_MILLISECONDS else "  ← too slow"
        return f"| {self.what} | {self.median:.0f} | {self.longest:.0f} |{mark}"


class Asker:
    """Somebody who is signed in, and a program with a key."""

    def __init__(self, fleet: Fleet, session: aiohttp.ClientSession) -> None:
        self.fleet, self.session = fleet, session

    async def sign_in(self) -> None:
        ready = self.fleet.ready.merchant
        form = {"email": ready.email, "password": ready.password}
        async with self.session.post(
            f"{self.fleet.url}/dashboard/sign-in", data=form, headers={"origin": self.fleet.url}
        ) as answer:
            assert answer.status == 200, await answer.text()

    async def get(self, path: str) -> str:
        headers = {"accept-language": "fr"}
        if path.startswith("/api"):
            headers["authorization"] = f"Bearer {self.fleet.ready.merchant.api_key}"
        async with self.session.get(self.fleet.url + path, headers=headers) as answer:
            text = await answer.text()
            assert answer.status == 200, f"{path}: {answer.status} {text[:300]}"
            return text

    async def time(self, what: str, path: str) -> Took:
        taken: list[float] = []
        for _ in range(_ASKED):
            begun = time.perf_counter()
            await self.get(path)
            taken.append((time.perf_counter() - begun) * 1000)
        return Took(what, statistics.median(taken), max(taken))


async def paths(asker: Asker, count: int) -> dict[str, str]:
    """Every list and every way to narrow it; pages of the menu are found by their links."""
    home = await asker.get("/dashboard")
    [first, *_] = re.findall(r'href="/dashboard/transactions/(txn_\w+)"', home)
    older = re.search(r'href="(/dashboard\?[^"]*)" rel="next"', home)
    assert older
    deep = await asker.get(f"/api/transactions?{urlencode({'limit': 1, 'reference': f'order-{count // 2}'})}")
    middle = re.findall(r'"id":"(txn_\w+)"', deep)[0]
    found = {
        f"menu: {path.removeprefix('/dashboard')}": path
        for path in re.findall(r'<a href="(/dashboard[^"]*)"', home)
    }
    narrowed = {
        "status succeeded": {"status": "succeeded"},
        "status failed": {"status": "failed"},
        "status processing": {"status": "processing"},
        "needs review": {"status": "needs_review"},
        "unresolved": {"status": "unresolved"},
        "provider": {"provider": "paydunya"},
        "operator, frequent": {"operator": "orange_sn"},
        "operator, one in a thousand": {"operator": "expresso_sn"},
        "operator, nobody's": {"operator": "moov_tg"},
        "country, frequent": {"country": "SN"},
        "country, one in 25": {"country": "GH"},
        "country, nobody's": {"country": "TG"},
        "currency, frequent": {"currency": "XOF"},
        "currency, one in 25": {"currency": "GHS"},
        "currency, nobody's": {"currency": "USD"},
        "a day": {"since": "2026-06-01", "until": "2026-06-01"},
        "before a day": {"until": "2026-03-01"},
        "failed in a country by an operator": {"status": "failed", "country": "UG", "operator": "mtn_ug"},
        "review at a provider since a day": {
            "status": "needs_review",
            "provider": "paydunya",
            "since": "2026-09-01",
        },
        "failed and rare": {"status": "failed", "operator": "expresso_sn", "provider": "paydunya"},
        "search: phone": {"q": _PHONE},
        "search: reference": {"q": f"order-{count // 3}"},
        "search: our id": {"q": middle},
        "search: provider's id": {"q": f"theirs-{count // 4}-1"},
        "search: operator's number": {"q": f"MP{count // 4 + 3}"},
        "search: nothing": {"q": "there-is-no-such-thing"},
    }
    found |= {"payments": "/dashboard", "payments, second page": older[1].replace("&amp;", "&")}
    found |= {f"payments: {what}": f"/dashboard?{urlencode(asked)}" for what, asked in narrowed.items()}
    for kind in ("payouts", "refunds"):
        found |= {
            f"{kind}: {what}": f"/dashboard/money-out/{kind}?{urlencode(asked)}"
            for what, asked in {"all": {}, **narrowed}.items()
            if what in {"all", "status failed", "status succeeded", "needs review", "unresolved", "provider",
                        "operator, one in a thousand", "country, nobody's", "currency, one in 25", "a day",
                        "search: phone", "search: nothing"}
        }  # fmt: skip
    found["one payment"] = f"/dashboard/transactions/{first}"
    api = {
        "transactions": "",
        "transactions of a hundred": "?limit=100",
        "transactions: status": "?status=failed",
        "transactions: provider": "?provider=paydunya",
        "transactions: operator": "?operator=expresso_sn",
        "transactions: country": "?country=GH",
        "transactions: reference": f"?reference=order-{count // 3}",
        "transactions: phone": f"?{urlencode({'phone': _PHONE})}",
        "transactions: a day": "?created_from=2026-06-01T00:00:00Z&created_to=2026-06-02T00:00:00Z",
        "transactions: unresolved": "?unresolved=true",
    }
    found |= {f"API {what}": f"/api/transactions{query}" for what, query in api.items()}
    for name in ("refunds", "payouts", "payouts/batches", "events", "payment-links"):
        found[f"API {name}"] = f"/api/{name}"
    return found | {"API refunds: unresolved": "/api/refunds?unresolved=true"}


async def export(asker: Asker, pid: int) -> tuple[int, float, list[int]]:
    """Read the whole export; gives rows, seconds, and what the server held meanwhile, in MiB."""
    rows, held, begun = 0, [_held(pid)], time.perf_counter()
    async with asker.session.get(
        f"{asker.fleet.url}/dashboard/transactions.csv", timeout=aiohttp.ClientTimeout(None)
    ) as answer:
        assert answer.status == 200, await answer.text()
        async for chunk in answer.content.iter_any():
            before, rows = rows, rows + chunk.count(b"\n")
            if before // 50_000 != rows // 50_000:
                held.append(_held(pid))
    return rows - 1, time.perf_counter() - begun, held


def _held(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) // 1024 if found else 0


async def run(home: Path, count: int) -> int:
    async with contextlib.AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(fleet_at(home))
        ready = fleet.ready.merchant
        owner = await asyncpg.connect(fleet.owner_url)
        stack.push_async_callback(owner.close)
        query = "SELECT count(*) FROM transactions WHERE merchant_id = $1"
        if await owner.fetchval(query, ready.merchant_id) == 0:
            accounts = "SELECT id FROM provider_accounts WHERE merchant_id = $1 ORDER BY priority LIMIT 1"
            endpoints = "SELECT id FROM webhook_endpoints WHERE merchant_id = $1 LIMIT 1"
            begun = time.perf_counter()
            await fill(
                owner,
                lambda line: print(f"{line} ({time.perf_counter() - begun:.0f} s)", flush=True),
                merchant=ready.merchant_id,
                account=await owner.fetchval(accounts, ready.merchant_id),
                endpoint=await owner.fetchval(endpoints, ready.merchant_id),
                count=count,
            )
            index = fleet.house.vault.index(ready.merchant_id, _PHONE)
            await owner.execute(
                "UPDATE payment_methods SET msisdn_index = $2 WHERE merchant_id = $1 AND id = 'pm_1_0'",
                ready.merchant_id,
                index,
            )
        count = await owner.fetchval(query, ready.merchant_id)
        begun = time.perf_counter()
        await fleet.house.tallier.tally()  # as a worker does every minute
        print(f"summed up by the hour ({time.perf_counter() - begun:.0f} s)", flush=True)
        fleet.start("api", "serve")
        session = await stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), trust_env=False)
        )
        await fleet.answers(session)
        asker = Asker(fleet, session)
        await asker.sign_in()
        print(f"\n| {count} payments | median, ms | longest, ms |\n| --- | --- | --- |")
        taken: list[Took] = []
        for what, path in (await paths(asker, count)).items():
            taken.append(await asker.time(what, path))
            print(taken[-1].line, flush=True)
        rows, seconds, held = await export(asker, fleet.processes["api"].pid)
        print(f"\nCSV: {rows} rows in {seconds:.1f} s; the server held {min(held)} to {max(held)} MiB")
        slow = [item for item in taken if item.median > PAGE_MAY_TAKE_MILLISECONDS]
        return 1 if slow or rows != count else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="where the database stays, and is taken from the next time")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home: Path = chosen.keep or Path(scratch)
        home.mkdir(parents=True, exist_ok=True)
        return asyncio.run(run(home, chosen.payments))


if __name__ == "__main__":
    sys.exit(main())
