"""The production stations put together on simulated ground: one assembly a process, on one shared database."""

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from storm.other_side import OtherSide, Wire
from storm.process import Process
from storm.redis import Memory, Redis

from afriflow.assembly import Assembly, Ground, breaker_limits, put_together
from afriflow.core.ids import Ids
from afriflow.core.review import LatePolicy
from afriflow.core.transaction import Mode
from afriflow.db.engine import Database
from afriflow.delivery.endpoints import add_endpoint
from afriflow.merchants.accounts import Accounts, make_merchant
from afriflow.merchants.keys import Caller
from afriflow.merchants.policy import put_late_policy
from afriflow.merchants.vault import Vault
from afriflow.observe.log import with_ids
from afriflow.port.factory import PaymentFactory
from afriflow.port.reach import Lines
from afriflow.routing.health import Health
from afriflow.settings import Settings

BEGINNING = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
SETTINGS = Settings(
    public_url="https://pay.test",
    secret_key="a secret of a simulated run, 32 bytes or more",
    allow_private_addresses=True,
)
MERCHANT = "mer_simulated"
CALLER = Caller(MERCHANT, "Boutique", Mode.TEST, "SN", "fr", "key_simulated")


class Clock:
    """The loop's time as a wall clock that may be wrong. skew_seconds: by how much."""

    def __init__(self, loop: Any, skew_seconds: float = 0.0) -> None:
        self._loop, self._beginning = loop, BEGINNING + timedelta(seconds=skew_seconds)
        self._read = (-1.0, self._beginning)

    def now(self) -> datetime:
        seconds = self._loop.time()
        if seconds != self._read[0]:  # many ask at one moment
            self._read = (seconds, self._beginning + timedelta(seconds=seconds))
        return self._read[1]


@dataclass(frozen=True, slots=True)
class Paged:
    """Calls for a person, collected in place of a log."""

    calls: list[dict[str, Any]]

    def __call__(self, _: Any, __: str, event: dict[str, Any]) -> Any:
        if event.get("page"):
            self.calls.append(event)
        raise structlog.DropEvent


@asynccontextmanager
async def paging() -> AsyncGenerator[list[dict[str, Any]]]:
    """Collect what calls a person, and write no log: a million payments would write a disk full."""
    before = structlog.get_config()
    calls: list[dict[str, Any]] = []
    structlog.configure(
        processors=[with_ids, Paged(calls)],
        wrapper_class=structlog.make_filtering_bound_logger(40),
        cache_logger_on_first_use=False,
    )
    try:
        yield calls
    finally:
        structlog.configure(**before)


def settle_in(
    process: Process, others: OtherSide, memory: Memory, clock: Clock, chance: random.Random
) -> Assembly:
    """Put the stations together in a process."""
    wire: Any = Wire(process.gate, others)
    redis: Any = Redis(process.gate, memory, others)
    database = Database(process.pool)
    vault = Vault(SETTINGS.secret_key.encode(), random=chance.randbytes)
    return put_together(
        Ground(
            settings=SETTINGS,
            clock=clock,
            chance=chance,
            ids=Ids(clock, chance.randbytes),
            vault=vault,
            database=database,
            redis=redis,
            provider_lines=Lines(wire, wire),
            delivery_lines=Lines(wire, wire),
            accounts=Accounts(vault, SETTINGS.base_url),
            factory=PaymentFactory(
                Lines(wire, wire), clock, timeout_seconds=SETTINGS.provider_timeout_seconds
            ),
            health=Health(redis, breaker_limits(SETTINGS), chance),
        )
    )


async def furnish(house: Assembly, order: list[str], late_policy: LatePolicy) -> None:
    """Open the merchant's accounts at the three models, in this order of priority, and an endpoint of its shop."""
    async with house.database.transaction() as connection:
        await make_merchant(
            connection, house.ids, name="Boutique", country="SN", language="fr", merchant_id=MERCHANT
        )
        for priority, name in enumerate(order, start=1):
            await house.accounts.open_account(
                connection,
                merchant_id=MERCHANT,
                account_id=f"{name}_account",
                mode=Mode.TEST,
                provider=name,
                config={"label": name},
                priority=priority,
            )
        await put_late_policy(connection, CALLER, late_policy)
        await add_endpoint(
            connection,
            house.vault,
            house.ids,
            merchant_id=MERCHANT,
            mode=Mode.TEST,
            url="http://shop.test/hooks",
            who=CALLER.who,
        )
