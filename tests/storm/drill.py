"""The drill: people pay, a backup is taken, more people pay, everything since the backup is lost, and it is restored.

What was open in the backup is asked for and found paid. What was lost whole is asked for again by the merchant's server,
with the key that it has always had; the same id goes to the provider, who has that order already. Then the books of both
sides are compared: each payment once, nothing twice, nothing missing.
"""

import argparse
import asyncio
import contextlib
import os
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import asyncpg
from phones import a_phone

from afriflow.db.grants import APPLICATION, grant
from afriflow.local.programs import postgres_programs
from afriflow.reconcile.audit import look_at_everything
from afriflow.torture.fleet import Fleet
from afriflow.torture.nursery import Nursery
from afriflow.torture.stage import environment

AMOUNT_MINOR = 5000
# The provider that knows an order by our id; at another one only what the backup holds can be found again.
PROVIDER, OTHER = "pawapay", "paydunya"
SETTLED_SECONDS = 90.0


@dataclass
class Drill:
    """One drill. orders: what the merchant's server remembers: its keys and what it asked for."""

    fleet: Fleet
    session: aiohttp.ClientSession
    count: int
    say: Callable[[str], None]
    orders: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    async def run(self) -> None:
        """Pay, back up, pay, lose, restore, repeat, compare. Raises AssertionError where the books differ."""
        self.start()
        await self.fleet.answers(self.session)
        caller = self.fleet.ready.caller
        other = next(
            account.account.id for account in await self._contracts() if account.account.provider == OTHER
        )
        await self.fleet.house.announcer.pause(caller, other, "the drill is of one provider")
        self.fleet.handset.auto_approve_after_seconds = 0.2
        paid = await self._pay(self.count)
        await self._until(paid, {"succeeded"}, "paid before the backup")
        self.fleet.handset.auto_approve_after_seconds = None
        opened = await self._pay(self.count)
        backup = self.fleet.home / "backup.dump"
        with self._taking("backup"):
            await self._program("pg_dump", "--format=custom", f"--file={backup}", "afriflow")
        await self._approve(opened)
        self.fleet.handset.auto_approve_after_seconds = 0.2
        lost = await self._pay(self.count)
        await self._until([*opened, *lost], {"succeeded"}, "paid after the backup")
        self.say(f"{len(self.orders)} payments, {len(opened) + len(lost)} of them paid after the backup")
        with self._taking("restore"):
            await self._restore(backup)
        with self._taking("found again"):
            self.start()
            await self.fleet.answers(self.session)
            await self._until([*paid, *opened], {"succeeded"}, "found again at the provider")
        with self._taking("repeated"):
            gone = [key for key in lost if await self._status(key) is None]
            assert gone == lost, "the tail was not lost"
            answers = [str(name) async for name in self.fleet.house.redis.scan_iter("afriflow:idem:*")]
            assert all(any(key in name for name in answers) for key in lost), "Redis forgot on its own"
            await asyncio.gather(*(self._ask(key) for key in lost))
            await self._until(lost, {"succeeded"}, "repeated")
        await self._compare()

    def start(self) -> None:
        for name, command in (("api", "serve"), ("worker", "work")):
            self.fleet.start(name, command)

    @contextlib.contextmanager
    def _taking(self, what: str) -> Any:
        begun = time.monotonic()
        yield
        self.seconds[what] = round(time.monotonic() - begun, 1)
        self.say(f"{what}: {self.seconds[what]} s")

    async def _contracts(self) -> Any:
        caller = self.fleet.ready.caller
        async with self.fleet.house.database.connection() as connection:
            return await self.fleet.house.accounts.contracts(connection, caller.merchant_id, caller.mode)

    async def _pay(self, count: int) -> list[str]:
        keys = [uuid.uuid4().hex for _ in range(count)]
        for key in keys:
            self.orders[key] = {
                "amount": AMOUNT_MINOR,
                "currency": "XOF",
                "country": "SN",
                "reference": f"order-{key}",
                "payment_method": {
                    "type": "mobile_money",
                    "operator": "orange_sn",
                    "phone": a_phone("+22177", 7),
                },
            }
        await asyncio.gather(*(self._ask(key) for key in keys))
        return keys

    async def _ask(self, key: str) -> None:
        headers = {**self._headers(), "idempotency-key": key}
        url = f"{self.fleet.url}/api/checkout"
        async with self.session.post(url, json=self.orders[key], headers=headers) as answer:
            assert answer.status == 201, await answer.text()

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.fleet.ready.merchant.api_key}"}

    async def _status(self, key: str) -> str | None:
        url = f"{self.fleet.url}/api/transactions?reference=order-{key}"
        async with self.session.get(url, headers=self._headers()) as answer:
            found = (await answer.json())["data"]
        return found[0]["status"] if found else None

    async def _until(self, keys: Iterable[str], statuses: set[str], what: str) -> None:
        left = list(keys)
        deadline = time.monotonic() + SETTLED_SECONDS
        while left:
            assert time.monotonic() < deadline, f"{what}: {len(left)} are not after {SETTLED_SECONDS} s"
            left = [key for key in left if await self._status(key) not in statuses]
            await asyncio.sleep(0.2)

    async def _approve(self, keys: list[str]) -> None:
        url = f"{self.fleet.others_url}/simulators/phone/prompts"
        for key in keys:
            asked = {"phone": self.orders[key]["payment_method"]["phone"]}
            async with self.session.get(url, params=asked) as answer:
                waiting = [item for item in await answer.json() if item["state"] == "waiting"]
            assert len(waiting) == 1, asked
            async with self.session.post(f"{url}/{waiting[0]['id']}", json={"action": "approve"}) as answer:
                assert answer.status == 200

    async def _program(self, name: str, *words: str) -> None:
        """Run one of PostgreSQL's programs as the owner of the tables."""
        folder = parse_qs(urlsplit(self.fleet.owner_url).query)["host"][0]
        env = {**os.environ, "PGHOST": folder, "PGPORT": "5432", "PGUSER": "afriflow"}
        process = await asyncio.create_subprocess_exec(
            str(postgres_programs() / name),
            *words,
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()

    async def _restore(self, backup: Path) -> None:
        """Everything ends, and the database is as it was at the backup; Redis has answers of later, which count no more."""
        for name in list(self.fleet.processes):
            self.fleet.kill(name)
        await self._program("dropdb", "--force", "afriflow")
        await self._program("createdb", "afriflow")
        await self._program("pg_restore", "--exit-on-error", "--dbname=afriflow", str(backup))
        await grant(self.fleet.owner_url, APPLICATION)

    async def _compare(self) -> None:
        """Each order of the merchant is one payment that succeeded, and the provider took its money once."""
        async with self.session.get(f"{self.fleet.others_url}/simulators/{PROVIDER}/moved") as answer:
            moved = Counter(item["order"] for item in await answer.json() if item["way"] == "in")
        connection = await asyncpg.connect(self.fleet.owner_url)
        rows = await connection.fetch(
            """SELECT t.reference, t.status, a.reference AS attempt FROM transactions t
            JOIN attempts a ON a.merchant_id = t.merchant_id AND a.transaction_id = t.id"""
        )
        violations = [item for found in (await look_at_everything(connection)).values() for item in found]
        await connection.close()
        assert {row["reference"] for row in rows} == {f"order-{key}" for key in self.orders}
        assert {row["status"] for row in rows} == {"succeeded"}
        assert moved == Counter({row["attempt"]: 1 for row in rows}), "the provider's books are not ours"
        assert violations == []
        self.say(f"{len(rows)} payments, each paid once at the provider; the audit finds nothing")


async def drill(home: Path, count: int, say: Callable[[str], None]) -> dict[str, float]:
    """Play it with so many payments in each part, and tell how long its parts took."""
    async with contextlib.AsyncExitStack() as stack:
        nursery = Nursery(environment(home))
        stack.callback(nursery.close)
        fleet = Fleet(home, nursery.bear, environment)
        await fleet.open(stack)
        session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        played = Drill(fleet, session, count, say)
        try:
            await played.run()
        finally:
            for name in list(fleet.processes):
                fleet.kill(name)
        return played.seconds


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--payments", type=int, default=50, help="in each of the three parts")
    with tempfile.TemporaryDirectory(prefix="afriflow-drill-") as folder:
        asyncio.run(drill(Path(folder), arguments.parse_args().payments, print))
