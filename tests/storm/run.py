"""One simulated run: customers, payers, providers and our processes under one seed, to the end of everything.

`run(seed)` plays it and gives what happened; `storm.judge` says whether it may have happened.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from storm import judge
from storm.house import CALLER, SETTINGS, Clock, furnish, paging, settle_in
from storm.loop import run_seeded
from storm.model import MODELS, installed
from storm.other_side import OtherSide
from storm.process import Process
from storm.redis import Memory
from storm.swarm import Swarm, draw
from storm.trace import Trace
from storm.work import STALE, TAKE_OVER, Queue, Worker

from afriflow.checkout.request import CheckoutRequest, ConfirmRequest, MethodInput, read_checkout
from afriflow.checkout.request_out import PayoutRequest, RefundRequest, read_payout
from afriflow.core.errors import AfriFlowError, KeyReused, ReferenceTaken, Unavailable
from afriflow.core.review import LatePolicy
from afriflow.core.transaction import Mode
from afriflow.port.provider import Notification

OPERATORS = {"orange_sn": "77", "free_sn": "76", "expresso_sn": "70"}
# How long customers come, and how long faults go on: afterwards everything must come to its end.
SHOPPING_SECONDS = 600.0
FAULTS_SECONDS = 1500.0
# The ladder's last rung is seven days; what settles late has settled by then.
HORIZON_SECONDS = 8 * 86_400.0
RESTART_SECONDS = 2.0
# A killed worker's jobs are taken over once its heartbeat is this old.
TAKE_OVER_SECONDS = SETTINGS.worker_heartbeat_seconds


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run is made of.

    swarm: its faults, None = drawn from the seed. rivals: how many send each checkout at once, None = as customers
    do. crash_at: boundaries at which whichever process of ours is there dies.
    """

    seed: int
    payments: int = 50
    swarm: Swarm | None = None
    rivals: int | None = None
    crash_at: frozenset[int] = frozenset()


@dataclass(slots=True)
class Happened:
    """What one run came to. violations: sentences; empty is what we want."""

    seed: int
    payments: int
    violations: list[str]
    digest: str
    boundaries: int
    seen: Counter[str]
    ends: Counter[str]
    last: list[str] = field(default_factory=list)


# What a run stands on: gives a pool for one process. Called as pools(clock) → a maker of pools.
Ground = Callable[[Any], Any]


def run(plan: Plan, ground: Ground) -> Happened:
    """Play one run to its end and judge it."""

    async def play() -> Happened:
        return await _Run(plan, ground).play()

    with installed():
        return run_seeded(play, plan.seed)


class _Run:
    """The state of one run."""

    def __init__(self, plan: Plan, ground: Ground) -> None:
        self.plan = plan
        chance = random.Random(f"run {plan.seed}")
        self.chance = chance
        self.swarm = plan.swarm if plan.swarm is not None else draw(chance)
        self.loop: Any = asyncio.get_running_loop()
        self.trace = Trace()
        self.pools = ground(Clock(self.loop).now)
        self.queue = Queue(self.pools(), Clock(self.loop))
        self.redis = Memory()
        self.others = OtherSide(self.swarm, random.Random(f"others {plan.seed}"), self._notify)
        self.others.query_dead = frozenset(name for name in MODELS if self.others.strikes("query_dead"))
        self.judge = judge.Witness(self.others)
        self.processes: dict[str, Process] = {}
        self.houses: dict[str, Any] = {}
        self.workers: dict[str, Worker] = {}
        self.answered: dict[str, str] = {}
        self.number = 0
        self.stalls: list[Any] = []

    async def play(self) -> Happened:
        async with paging() as self.pages:
            self.others.calm = True
            self._start("janitor")
            self.judge.late_policy = self.chance.choice(list(LatePolicy))
            order = self.chance.sample(list(MODELS), len(MODELS))
            await furnish(self.houses["janitor"], order, self.judge.late_policy)
            self.others.calm = False
            for name in ("api 1", "api 2", "worker 1", "worker 2"):
                self._start(name)
            chaos = asyncio.create_task(self._flush())
            customers = [asyncio.create_task(self._customer(number)) for number in range(self.plan.payments)]
            await asyncio.sleep(FAULTS_SECONDS)
            self.others.calm = True
            chaos.cancel()
            await asyncio.gather(*customers)
            await asyncio.sleep(HORIZON_SECONDS - self.loop.time())
            house = self.houses["janitor"]
            async with house.database.connection() as connection:
                found = await self.judge.verdict(connection, self.answered, self.pages)
        seen = Counter(self.others.seen)
        return Happened(
            self.plan.seed,
            self.plan.payments,
            found.violations,
            self.trace.digest(),
            self.trace.count,
            seen + found.seen,
            found.ends,
            self.trace.tail() if found.violations else [],
        )

    # ── our processes ──────────────────────────────────────────────────────────────────────────────────────────
    def _start(self, name: str) -> Process:
        """Start a process; the janitor is the machine itself: it has no bad days."""
        self.number += 1
        chance = random.Random(f"{name} {self.number} {self.plan.seed}")
        calm = name == "janitor"
        process = Process(
            name,
            self.trace,
            self.pools(),
            _Never() if calm else self.others,
            self.judge,
            self.queue.ring,
            frozenset() if calm else self.plan.crash_at,
        )
        most = 0.0 if calm else self.swarm.clock_skew_seconds
        clock = Clock(self.loop, chance.uniform(-most, most))
        house = settle_in(process, self.others, self.redis, clock, chance)
        self.processes[name], self.houses[name] = process, house
        process.gate.on_stall = lambda: self._stall(name, process)  # type: ignore[method-assign]
        process.on_death = lambda: self._died(name, process)
        if name.startswith("worker"):
            worker = Worker(process, house, self.queue, chance, self._take_over_later)
            self.workers[name] = worker
            process.spawn(worker.run())
        return process

    def _died(self, name: str, process: Process) -> None:
        self.others.seen["killed"] += bool(self.plan.crash_at)
        self.loop.call_later(RESTART_SECONDS, self._restart, name, process)
        if name in self.workers:
            self._take_over_later(self.workers[name])

    def _restart(self, name: str, process: Process) -> None:
        if self.processes[name] is process:
            self._start(name)

    def _take_over_later(self, worker: Worker) -> None:
        # A moment more: a heart that stopped just now is not old yet.
        later = TAKE_OVER_SECONDS + 0.1
        self.loop.call_later(later, lambda: self.processes["janitor"].spawn(self._take_over(worker)))

    async def _take_over(self, silent: Worker) -> None:
        """Give back what nobody keeps a heartbeat of. silent: who died, stands still or lost its database."""
        workers = [worker for worker in self.workers.values() if worker is not silent or worker.beats]
        beating = {job_id for worker in workers for job_id in worker.running}
        async with self.houses["janitor"].database.connection() as connection:
            stale = await connection.fetch(STALE, float(TAKE_OVER_SECONDS))
            left = [row["id"] for row in stale if row["id"] not in beating]
            await connection.execute(TAKE_OVER, left, float(TAKE_OVER_SECONDS))
        self.queue.ring()

    def _stall(self, name: str, process: Process) -> None:
        """A suspended machine or a frozen disk: mostly a minute, sometimes longer than any patience."""
        often = self.chance.random() < 0.8
        seconds = self.chance.uniform(20, 120) if often else self.chance.uniform(120, 3000)
        if name in self.workers and seconds > TAKE_OVER_SECONDS + 1:
            self._take_over_later(self.workers[name])
        self.stalls.append(
            self.loop.create_task(process.gate.stall(seconds, process.pool.lower.hang_up_on_idle))
        )

    async def _flush(self) -> None:
        while self.swarm.redis_flush_pause_seconds:
            await asyncio.sleep(self.chance.expovariate(1 / self.swarm.redis_flush_pause_seconds))
            self.redis.flush()
            self.others.seen["redis_flushed"] += 1

    # ── what comes to us ───────────────────────────────────────────────────────────────────────────────────────
    async def _ask(self, work: Callable[[Any], Any]) -> Any:
        """Let some API process do something, as a request through a load balancer; gives None when it died of it."""
        name = self.chance.choice(["api 1", "api 2"])
        process = self.processes[name]
        if process.dead:
            await asyncio.sleep(0.1)
            raise Unavailable(reason="nobody listens")
        task = process.spawn(work(self.houses[name]))
        await asyncio.wait([task])
        if task.cancelled():
            raise Unavailable(reason="the connection broke")
        return task.result()

    def _notify(self, provider: str, headers: dict[str, str], body: bytes) -> None:
        asyncio.get_running_loop().create_task(self._bring(provider, headers, body))

    async def _bring(self, provider: str, headers: dict[str, str], body: bytes) -> None:
        """A provider brings a notification, and comes again a few times when nobody takes it."""
        notification = Notification(
            "POST", f"/api/webhooks/{provider}", headers, body, Clock(self.loop).now()
        )
        for pause in (1, 10, 60, 600, 0):
            try:
                await self._ask(
                    lambda house: house.receiver.receive(provider, f"{provider}_account", notification)
                )
                return
            except Unavailable:
                await asyncio.sleep(pause)
        self.others.seen["notification_never_taken"] += 1

    async def _insist(self, work: Callable[[Any], Any]) -> Any:
        """Ask as a good client does: the same again until there is an answer."""
        while True:
            try:
                return await self._ask(work)
            except Unavailable:
                await asyncio.sleep(self.chance.uniform(0.5, 3))
            except AfriFlowError as error:
                if error.code != "idempotency_in_progress":
                    raise
                await asyncio.sleep(self.chance.uniform(2, 30))

    async def _customer(self, number: int) -> None:
        """One customer from the wish to pay to whatever comes of it."""
        chance = random.Random(f"customer {number} {self.plan.seed}")
        await asyncio.sleep(chance.uniform(0, SHOPPING_SECONDS if self.plan.payments > 1 else 1))
        operator = chance.choice(list(OPERATORS))
        phone = f"+221{OPERATORS[operator]}{chance.randrange(10**7):07d}"
        method = MethodInput(operator=operator, phone=phone)
        chooses_later = chance.random() < 0.2
        request = CheckoutRequest(
            amount=chance.randrange(100, 90_000),
            currency="XOF",
            country="SN",
            reference=f"order-{number}",
            payment_method=None if chooses_later else method,
            expires_in=chance.choice([60, 300, 1800, None]),
        )
        key = f"key-{number}"
        checkout = read_checkout(request, Mode.TEST, "fr", self.houses["janitor"].checkout_limits)
        # An impatient client, or its retry that overtook it.
        senders = self.plan.rivals or (3 if chance.random() < 0.2 else 1)
        replies = await asyncio.gather(
            *(
                self._insist(lambda house: house.creator.create(CALLER, key, checkout))
                for _ in range(senders)
            ),
            return_exceptions=True,
        )
        refused = [reply for reply in replies if isinstance(reply, BaseException)]
        if refused:
            for error in refused:
                if not isinstance(error, AfriFlowError) or error.code != "no_route":
                    raise error
            return  # no provider could be asked just then: said so, and nothing is left behind
        for reply in replies:
            self.judge.answered(key, reply.body)
        transaction_id = self.judge.keys[key]
        self.answered[transaction_id] = key
        await self._misuse(chance, key, checkout)
        if chooses_later:
            await self._choose(chance, transaction_id, method)
        if chance.random() < 0.1:
            await asyncio.sleep(chance.uniform(1, 60))
            await self._try(lambda house: house.follower.verify(CALLER, transaction_id))
        if chance.random() < 0.05:
            await asyncio.sleep(chance.uniform(1, 100))
            await self._try(lambda house: house.sessions.cancel(CALLER, transaction_id))
        if chance.random() < 0.3:
            await self._money_out(chance, number, transaction_id, method)

    async def _choose(self, chance: random.Random, transaction_id: str, method: MethodInput) -> None:
        """The payer chooses on our page, and tries again and again, as payers do; twice at once when impatient."""
        for _ in range(chance.choice([1, 2, 4])):
            await asyncio.sleep(chance.uniform(1, 90))
            wish = ConfirmRequest(
                payment_method=msgspec.structs.replace(method, operator=chance.choice(list(OPERATORS)))
            )
            clicks = chance.choice([1, 1, 2])
            await asyncio.gather(
                *(
                    self._try(lambda house, wish=wish: house.confirmer.confirm(CALLER, transaction_id, wish))
                    for _ in range(clicks)
                )
            )

    async def _misuse(self, chance: random.Random, key: str, checkout: Any) -> None:
        """The same key for something else, or another key for the same order: refused, and nothing happens."""
        if chance.random() >= 0.05:
            return
        body = checkout.request
        other = read_checkout(
            msgspec.structs.replace(body, amount=body.amount + 1),
            Mode.TEST,
            "fr",
            self.houses["janitor"].checkout_limits,
        )
        for name, wanted, error in ((key, other, KeyReused), (f"{key}-again", checkout, ReferenceTaken)):
            try:
                await self._insist(
                    lambda house, name=name, wanted=wanted: house.creator.create(CALLER, name, wanted)
                )
            except error:
                continue
            except AfriFlowError as refused:
                if refused.code == "no_route":
                    continue
                raise
            self.judge.violations.append(f"{name} was let through a second time")

    async def _money_out(
        self, chance: random.Random, number: int, transaction_id: str, method: MethodInput
    ) -> None:
        await asyncio.sleep(chance.uniform(30, 900))
        racers = chance.choice([1, 1, 3])
        await asyncio.gather(
            *(
                self._try(
                    lambda house, racer=racer: house.disburser.refund(
                        CALLER, f"refund-{number}-{racer}", RefundRequest(transaction=transaction_id)
                    )
                )
                for racer in range(racers)
            )
        )
        if chance.random() < 0.3:
            wanted = PayoutRequest(
                amount=chance.randrange(100, 9000),
                currency="XOF",
                country="SN",
                reference=f"out-{number}",
                payment_method=method,
            )
            payout = read_payout(wanted, Mode.TEST, "fr")
            await self._try(lambda house: house.disburser.payout(CALLER, f"payout-{number}", payout))

    async def _try(self, work: Callable[[Any], Any]) -> None:
        """Ask for something that may be refused with a reason; whatever else it says is a fault of ours."""
        try:
            await self._insist(work)
        except AfriFlowError as error:
            if error.code in {"internal", "fault"}:
                raise
            self.others.seen[f"refused {error.code}"] += 1


class _Never:
    def strikes(self, fault: str) -> bool:
        return False
