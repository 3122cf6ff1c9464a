"""The stations put together, once per process: whoever needs one finds it here, made with its limits."""

import ipaddress
import random
from collections.abc import Sequence
from dataclasses import dataclass, fields

from redis.asyncio import Redis

from afriflow.checkout.approve import Approvals
from afriflow.checkout.batch import Batcher
from afriflow.checkout.bulkhead import BulkheadLimits, Bulkheads
from afriflow.checkout.confirm import Confirmer
from afriflow.checkout.create import Creator
from afriflow.checkout.disburse import Disburser
from afriflow.checkout.follow import Follower, FollowLimits
from afriflow.checkout.give_back import GiverBack
from afriflow.checkout.give_code import CodeGiver
from afriflow.checkout.idempotency import Idempotency
from afriflow.checkout.link import Links
from afriflow.checkout.look_alike import LookAlikes
from afriflow.checkout.plan import Planner
from afriflow.checkout.plan_out import OutPlanner
from afriflow.checkout.prompt_limit import PromptLimit, PromptLimits
from afriflow.checkout.request import Limits
from afriflow.checkout.resolve import Resolver
from afriflow.checkout.send import Sender
from afriflow.checkout.session import Sessions
from afriflow.core.clock import Clock, SystemClock
from afriflow.core.ids import Ids
from afriflow.db.engine import Database
from afriflow.db.redis import open_redis
from afriflow.delivery.deliver import Deliverer, DeliveryLimits
from afriflow.delivery.probe import Prober
from afriflow.delivery.replay import Replayer, ReplayLimits
from afriflow.delivery.target import Targets
from afriflow.inbox.process import Processor
from afriflow.inbox.receive import Receiver
from afriflow.ledger.record import Recorder
from afriflow.ledger.record_out import OutRecorder
from afriflow.ledger.tally import Tallier
from afriflow.merchants.accounts import Accounts
from afriflow.merchants.people import People, put_people
from afriflow.merchants.unlock import open_vault
from afriflow.merchants.vault import Vault
from afriflow.port.factory import PaymentFactory
from afriflow.port.reach import Lines, Reach, open_lines
from afriflow.reconcile.audit import Auditor
from afriflow.reconcile.forget import Forgetter, Retention
from afriflow.reconcile.measure import Measure
from afriflow.reconcile.remind import Reminder
from afriflow.reconcile.sweep import Sweeper
from afriflow.routing.announce import Announcer
from afriflow.routing.circuit import BreakerLimits
from afriflow.routing.health import Health
from afriflow.routing.hours import Hours, put_hours
from afriflow.routing.refresh import Refresher
from afriflow.routing.rehearse import Rehearser, put_rehearser
from afriflow.routing.route import Router
from afriflow.routing.standing import Weigher, standing_limits
from afriflow.routing.wallets import Wallets, put_wallets
from afriflow.settings import Settings


@dataclass(frozen=True, slots=True)
class Ground:
    """What every station stands on: settings, time, lots, secrets, and the connections to the outside."""

    settings: Settings
    clock: Clock
    chance: random.Random
    ids: Ids
    vault: Vault
    database: Database
    redis: "Redis"
    provider_lines: Lines
    delivery_lines: Lines
    accounts: Accounts
    factory: PaymentFactory
    health: Health

    async def close(self) -> None:
        """Let go of everything that is open to the outside."""
        await self.provider_lines.close()
        await self.delivery_lines.close()
        await self.redis.aclose()
        await self.database.close()


@dataclass(frozen=True, slots=True)
class Assembly(Ground):
    """Every station of this process."""

    router: Router
    rehearser: Rehearser
    wallets: Wallets
    hours: Hours
    announcer: Announcer
    recorder: Recorder
    creator: Creator
    links: Links
    confirmer: Confirmer
    follower: Follower
    sessions: Sessions
    disburser: Disburser
    approvals: Approvals
    giver_back: GiverBack
    receiver: Receiver
    processor: Processor
    targets: Targets
    deliverer: Deliverer
    prober: Prober
    replayer: Replayer
    sweeper: Sweeper
    reminder: Reminder
    resolver: Resolver
    auditor: Auditor
    refresher: Refresher
    forgetter: Forgetter
    people: People
    weigher: Weigher
    tallier: Tallier
    measure: Measure
    checkout_limits: Limits


async def assemble(settings: Settings, *, clock: Clock | None = None) -> Assembly:
    """Open all and put the stations together. Raises what PostgreSQL raises when it is away; Redis may be."""
    return put_together(await _open(settings, clock or SystemClock()))


def put_together(ground: Ground) -> Assembly:
    """Put the stations on their ground; opens nothing itself, so that a simulation can bring a ground of its own."""
    settings, database, clock, ids = ground.settings, ground.database, ground.clock, ground.ids
    accounts, factory = ground.accounts, ground.factory
    vault, lease = ground.vault, settings.send_lease_seconds
    first_check, base_url = settings.follow_ladder_seconds[0], settings.base_url
    there = (database, accounts, factory)
    router = Router(database, accounts, ground.health, clock, standing_limits(settings))
    recorder = Recorder(ids, clock, base_url)
    out_recorder = OutRecorder(ids, clock, recorder)
    planner = Planner(ids, vault, base_url, lease, first_check)
    out_planner = OutPlanner(ids, clock, vault, lease, first_check)
    announcer = Announcer(database, accounts, ids, clock, settings.breaker_forced_seconds_max)
    bulkheads = Bulkheads(_bulkhead_limits(settings), ground.chance)
    gate = (ground.health, announcer, bulkheads)
    sender = Sender(database, factory, *gate, recorder, planner, clock, settings.failover_attempts_max)
    idempotency = Idempotency(
        database,
        ground.redis,
        wait_seconds=settings.idempotency_wait_seconds,
        lease_seconds=settings.idempotency_lease_seconds,
        cache_seconds=settings.idempotency_cache_seconds,
    )
    orders = (recorder, out_recorder, planner, out_planner)
    follower = Follower(*there, *orders, sender, bulkheads, clock, _follow_limits(settings))
    code_giver = CodeGiver(database, factory, recorder, follower, sender, clock)
    paying, look_alikes = (router, recorder, planner, sender), LookAlikes(vault, settings.look_alike_seconds)
    beside = (look_alikes, PromptLimit(vault, _prompt_limits(settings)), ids, clock)
    targets = Targets(settings.webhook_ports, private_in_test=settings.allow_private_addresses)
    delivery = (vault, clock, ground.delivery_lines, targets, _delivery_limits(settings))
    deliverer = Deliverer(database, *delivery, ground.chance)
    outgoing = (factory, recorder, out_recorder, out_planner, sender, follower, ids)
    disburser = Disburser(database, idempotency, accounts, router, *outgoing)
    limits = Limits(settings.session_seconds, settings.session_seconds_min, settings.session_seconds_max)
    creator = Creator(database, idempotency, *paying, *beside, base_url)
    return Assembly(
        **{field.name: getattr(ground, field.name) for field in fields(ground)},
        router=router,
        rehearser=put_rehearser(router, clock, settings),
        wallets=put_wallets(factory, clock, settings),
        hours=put_hours(database, settings),
        announcer=announcer,
        recorder=recorder,
        creator=creator,
        links=Links(database, creator, ids, clock, limits),
        confirmer=Confirmer(database, *paying, code_giver, *beside),
        follower=follower,
        sessions=Sessions(database, recorder, follower),
        disburser=disburser,
        approvals=Approvals(disburser, Batcher(disburser), clock, settings.payout_approval_seconds),
        giver_back=GiverBack(disburser),
        receiver=Receiver(*there, vault, ids, clock),
        processor=Processor(*there, vault, recorder, out_recorder, follower.check, clock),
        targets=targets,
        deliverer=deliverer,
        prober=Prober(database, vault, ids, clock, deliverer),
        replayer=Replayer(database, ids, clock, _replay_limits(settings)),
        # Twice the ladder: what is older has long been marked unresolved and is asked for by hand.
        sweeper=Sweeper(database, 2 * settings.follow_ladder_seconds[-1]),
        reminder=Reminder(database),
        resolver=Resolver(database, recorder, out_recorder, clock),
        auditor=Auditor(database),
        refresher=Refresher(*there),
        forgetter=Forgetter(database, clock, _retention(settings)),
        weigher=Weigher(database, router.standing_limits),
        tallier=Tallier(database),
        people=put_people(database, ground.vault, ids, clock, settings),
        checkout_limits=limits,
        measure=Measure(database, ground.redis, ground.health, settings.metrics_fresh_seconds),
    )


async def _open(settings: Settings, clock: Clock) -> Ground:
    redis, chance = open_redis(settings.redis_url, settings.redis_timeout_seconds), random.SystemRandom()
    vault = open_vault(settings, chance.randbytes)
    database = await Database.connect(
        settings.database_url,
        connections_max=settings.database_connections_max,
        statement_timeout_seconds=settings.statement_timeout_seconds,
    )
    provider_lines = _open_lines(settings, settings.provider_networks)
    return Ground(
        settings=settings,
        clock=clock,
        chance=chance,
        ids=Ids(clock),
        vault=vault,
        database=database,
        redis=redis,
        provider_lines=provider_lines,
        delivery_lines=_open_lines(settings, ()),
        accounts=Accounts(vault, settings.base_url),
        factory=PaymentFactory(provider_lines, clock, timeout_seconds=settings.provider_timeout_seconds),
        health=Health(redis, breaker_limits(settings), chance),
    )


def _open_lines(settings: Settings, networks: Sequence[str]) -> Lines:
    return open_lines(
        connections_max=settings.provider_connections_max,
        reach=Reach([ipaddress.ip_network(network) for network in networks]),
        private_in_test=settings.allow_private_addresses,
    )


def breaker_limits(settings: Settings) -> BreakerLimits:
    return BreakerLimits(
        window_seconds=settings.breaker_window_seconds,
        calls_min=settings.breaker_calls_min,
        failure_percent=settings.breaker_failure_percent,
        lost_in_a_row=settings.breaker_lost_in_a_row,
        open_seconds=settings.breaker_open_seconds,
        open_seconds_max=settings.breaker_open_seconds_max,
        probes=settings.breaker_probes,
        lease_seconds=settings.send_lease_seconds,
        slow_seconds=settings.breaker_slow_seconds,
    )


def _bulkhead_limits(settings: Settings) -> BulkheadLimits:
    return BulkheadLimits(
        orders_max=settings.provider_orders_max,
        questions_max=settings.provider_questions_max,
        order_wait_seconds=settings.provider_order_wait_seconds,
        question_wait_seconds=settings.provider_question_wait_seconds,
        rest_seconds=settings.provider_rest_seconds,
        rest_seconds_max=settings.provider_rest_seconds_max,
    )


def _prompt_limits(settings: Settings) -> PromptLimits:
    return PromptLimits(
        live_seconds=settings.prompt_live_seconds,
        per_ten_minutes_max=settings.prompts_per_ten_minutes_max,
        per_day_max=settings.prompts_per_day_max,
        pauses_seconds=settings.prompt_pauses_seconds,
        in_test=settings.prompt_limits_in_test,
    )


def _follow_limits(settings: Settings) -> FollowLimits:
    return FollowLimits(
        settings.follow_ladder_seconds, settings.resend_window_seconds, settings.unresolved_after_seconds
    )


def _delivery_limits(settings: Settings) -> DeliveryLimits:
    return DeliveryLimits(
        settings.delivery_ladder_seconds,
        settings.delivery_timeout_seconds,
        settings.delivery_answer_bytes_max,
    )


def _replay_limits(settings: Settings) -> ReplayLimits:
    return ReplayLimits(settings.replay_events_max, settings.replay_batch)


def _retention(settings: Settings) -> Retention:
    return Retention(
        settings.provider_logs_days,
        settings.notifications_days,
        settings.delivery_answers_days,
        settings.forget_batch,
    )
