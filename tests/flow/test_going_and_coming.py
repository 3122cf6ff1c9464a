"""Processes are told to go and come again, one after the other, under load: nobody who pays or asks notices."""

import asyncio
import contextlib
import itertools
import signal
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from conftest import eventually
from phones import a_phone

from afriflow.torture.fleet import Fleet, free_port

GRACE_SECONDS = 30


@dataclass
class Balancer:
    """What stands before several API processes: asks each whether it is ready, and sends to those that are.

    It keeps connections open, and sends nothing a second time: whatever a process breaks is seen.
    """

    session: aiohttp.ClientSession
    doors: list[str]
    api_key: str
    ready: set[str] = field(default_factory=set[str])
    failed: list[str] = field(default_factory=list[str])
    sent: int = 0

    async def look(self) -> None:
        for door in self.doors:
            try:
                async with self.session.get(f"{door}/health/ready") as answer:
                    (self.ready.add if answer.status == 200 else self.ready.discard)(door)
            except aiohttp.ClientError:
                self.ready.discard(door)

    async def watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(0.1)

    async def send(self, number: int, method: str, path: str, body: Any = None) -> Any:
        self.sent += 1
        doors = sorted(self.ready)
        if not doors:
            self.failed.append("nobody is ready")
            return None
        headers = {"authorization": f"Bearer {self.api_key}", "idempotency-key": uuid.uuid4().hex}
        door = doors[number % len(doors)]
        try:
            async with self.session.request(method, door + path, json=body, headers=headers) as answer:
                if answer.status >= 500:
                    self.failed.append(f"{method} {path}: {answer.status} {await answer.text()}")
                return await answer.json()
        except aiohttp.ClientError as error:
            self.failed.append(f"{method} {path} to {door}: {error!r}")


async def load(balancer: Balancer, made: list[str]) -> None:
    """Payments, and questions about them, ten each second, until it is cancelled."""
    for number in itertools.count():
        if number % 2 or not made:
            body = {
                "amount": 5000,
                "currency": "XOF",
                "country": "SN",
                "reference": uuid.uuid4().hex,
                "payment_method": {
                    "type": "mobile_money",
                    "operator": "orange_sn",
                    "phone": a_phone("+22177", 7),
                },
            }
            answer = await balancer.send(number, "POST", "/api/checkout", body)
            if answer:
                made.append(answer["id"])
        else:
            await balancer.send(number, "GET", f"/api/transactions/{made[-1]}")
        await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def beside(*works: Any) -> AsyncIterator[None]:
    """Do these things meanwhile."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
        assert not [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_rolling_restart_of_two_apis_and_a_worker_fails_no_request_and_loses_no_job(
    fleet: Fleet, people: Any
) -> None:
    doors = {name: free_port() for name in ("api 1", "api 2")}
    hurry = {"AFRIFLOW_SHUTDOWN_NOTICE_SECONDS": "1"}

    def start(name: str) -> None:
        fleet.start(name, "serve", AFRIFLOW_PORT=str(doors[name]), **hurry)

    for name in doors:
        start(name)
    fleet.start("worker", "work", **hurry)
    async with aiohttp.ClientSession(trust_env=False) as session:
        urls = {name: f"http://127.0.0.1:{port}" for name, port in doors.items()}
        for url in urls.values():
            await fleet.answers(session, url)
        balancer, made = Balancer(session, list(urls.values()), fleet.ready.merchant.api_key), list[str]()
        await balancer.look()
        async with beside(balancer.watch(), load(balancer, made)):
            await asyncio.sleep(1)
            for name, url in urls.items():
                process = fleet.processes[name]
                process.send_signal(signal.SIGTERM)
                begun = time.monotonic()
                assert await asyncio.to_thread(process.wait, GRACE_SECONDS) == 0
                assert time.monotonic() - begun >= 1, "it went before anybody could notice"
                start(name)
                await fleet.answers(session, url)
                await eventually(lambda: asyncio.sleep(0, balancer.ready), lambda r: len(r) == 2, "both")
            worker = fleet.processes["worker"]
            worker.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(worker.wait, GRACE_SECONDS) == 0
            fleet.start("worker", "work", **hurry)
            await asyncio.sleep(1)
        assert balancer.failed == []
        assert balancer.sent >= 40
        merchant, _ = people(session, urls["api 1"], balancer.api_key, f"{fleet.others_url}/simulators/phone")
        last = await merchant.read(made[-1])
        assert last["status"] in {"processing", "requires_action"}
        async with fleet.house.database.connection() as connection:
            known = await connection.fetchval(
                "SELECT count(*) FROM attempts WHERE transaction_id = ANY($1::text[])", made
            )
        assert known == len(made), "each payment that was answered is there, with its one attempt"
