"""The job that tells a merchant: sign, post, keep what was answered, back off, give up loudly."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from afriflow.core.clock import Clock
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Database, Record
from afriflow.delivery import store
from afriflow.delivery.endpoints import secrets_of
from afriflow.delivery.sign import sign
from afriflow.delivery.stage import delivery_key
from afriflow.delivery.target import ForbiddenTarget, Targets
from afriflow.jobs.queue import Payload, Snooze, wake
from afriflow.merchants.vault import Vault
from afriflow.observe.log import bound, logger, page
from afriflow.observe.metrics import DELIVERIES
from afriflow.observe.redact import redact_text
from afriflow.observe.trace import Kind, span
from afriflow.port.reach import Lines

_log = logger("delivery")
# Enough of the merchant's answer to see what went wrong.
_EXCERPT_CHARACTERS = 2_000
# The payload's own order makes the next one wait; looked at again so long after the one before has been tried.
_BLOCKED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """ladder_seconds: pauses between tries; one more try than pauses. The rest as the settings of the same names."""

    ladder_seconds: Sequence[int]
    timeout_seconds: float
    answer_bytes_max: int


@dataclass(frozen=True, slots=True)
class Message:
    """What goes out in one try. secrets: all that sign it now."""

    event_id: str
    mode: Mode
    url: str
    body: bytes
    secrets: Sequence[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try. status: None where nothing answered, and then `error` says why."""

    status: int | None
    answer: str
    error: str | None
    duration_ms: int
    retry_after_seconds: float = 0

    @property
    def heard(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Deliverer:
    """Delivers one message a call; made once per process. chance: for jitter."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        lines: Lines,
        targets: Targets,
        limits: DeliveryLimits,
        chance: random.Random,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._lines = lines
        self._targets = targets
        self._limits = limits
        self._chance = chance

    async def deliver(self, payload: Payload) -> None:
        """Try to deliver. payload: merchant_id, delivery_id. Raises Snooze until it is heard or given up."""
        merchant_id, delivery_id = payload["merchant_id"], payload["delivery_id"]
        with bound(merchant_id=merchant_id, delivery_id=delivery_id):
            async with self._database.connection() as connection:
                row = await connection.fetchrow(store.DELIVERY, merchant_id, delivery_id)
                if row is None or row["status"] != "waiting":
                    return
                blocked_until = await connection.fetchval(
                    store.DELIVERY_BLOCKED_UNTIL,
                    merchant_id,
                    row["endpoint_id"],
                    row["subject_id"],
                    row["sequence"],
                )
                gone = row["url"] is None or row["disabled_at"] is not None
                secrets = () if gone else await self._secrets(connection, row)
            if blocked_until is not None:
                wait = (blocked_until - self._clock.now()).total_seconds()
                raise Snooze(max(0, wait) + _BLOCKED_SECONDS)
            if gone:
                await self._keep(row, Outcome(None, "", "the endpoint is gone or disabled", 0), "given_up", 0)
                return
            with (
                bound(**_ids(row)),
                span("tell merchant", Kind.CLIENT, type=row["type"], tries=row["tries"] + 1) as step,
            ):
                to = (row["event_id"], Mode(row["mode"]), row["url"], row["payload"])
                outcome = await self.post(Message(*to, secrets))
                step.tell(http__response__status_code=outcome.status, heard=outcome.heard)
            await self._judge(row, outcome)

    async def _secrets(self, connection: Connection, row: Record) -> list[str]:
        return await secrets_of(connection, self._vault, row["endpoint_id"], row, self._clock.now())

    async def post(self, message: Message) -> Outcome:
        """Try once; keeps nothing, and raises nothing whatever the other side does."""
        now = self._clock.now()
        headers = {
            "content-type": "application/json",
            "user-agent": "AfriFlow/1",
            **sign(message.secrets, message.event_id, int(now.timestamp()), message.body),
        }
        timeout = aiohttp.ClientTimeout(total=self._limits.timeout_seconds)
        status, answer, error, retry_after = None, "", None, 0.0
        try:
            target = self._targets.judge(message.url, message.mode)
            async with self._lines.of(message.mode).post(
                target, data=message.body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                status = response.status
                content = await response.content.read(self._limits.answer_bytes_max)
                # Whatever a merchant's server says of its customers is not ours to keep.
                answer = redact_text(content.decode("utf-8", "replace").replace("\x00", "�"))
                text = response.headers.get("retry-after", "")
                retry_after = (
                    float(text) if text.isascii() and text.isdigit() and status in {429, 503} else 0.0
                )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, ForbiddenTarget) as raised:
            error = f"{type(raised).__name__}: {raised}"[:500]
        duration_ms = int((self._clock.now() - now).total_seconds() * 1000)
        return Outcome(status, answer[:_EXCERPT_CHARACTERS], error, duration_ms, min(retry_after, 3600.0))

    async def _judge(self, row: Record, outcome: Outcome) -> None:
        if outcome.heard:
            await self._keep(row, outcome, "delivered", 0)
            return
        ladder = self._limits.ladder_seconds
        if outcome.status == 410:  # Standard Webhooks: the receiver wants no more
            async with self._database.connection() as connection:
                await connection.execute(
                    store.ENDPOINT_DISABLE,
                    row["merchant_id"],
                    row["mode"],
                    row["endpoint_id"],
                    "answered 410 Gone",
                )
        if outcome.status == 410 or row["tries"] >= len(ladder):
            await self._keep(row, outcome, "given_up", 0)
            page("delivery_given_up", endpoint_id=row["endpoint_id"], tries=row["tries"] + 1)
            return
        tries: int = row["tries"]
        pause = max(ladder[tries] * self._chance.uniform(0.8, 1.2), outcome.retry_after_seconds)
        await self._keep(row, outcome, "waiting", pause)
        raise Snooze(pause)

    async def _keep(self, row: Record, outcome: Outcome, status: str, pause_seconds: float) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(
                store.DELIVERY_TRIED,
                row["merchant_id"],
                row["id"],
                outcome.status,
                outcome.answer,
                outcome.error,
                outcome.duration_ms,
                status,
                pause_seconds,
            )
            if status != "waiting":
                following = await connection.fetchval(
                    store.DELIVERY_NEXT,
                    row["merchant_id"],
                    row["endpoint_id"],
                    row["subject_id"],
                    row["sequence"],
                )
                if following:
                    await wake(connection, delivery_key(following))
        DELIVERIES.labels(status).observe(outcome.duration_ms / 1000)
        _log.info(
            "delivery_tried",
            type=row["type"],
            status=outcome.status,
            outcome=status,
            error=outcome.error,
            duration_ms=outcome.duration_ms,
            **_ids(row),
        )


def _ids(row: Record) -> dict[str, str]:
    """Name a message for those who look on."""
    subject = "transaction_id" if row["subject_id"].startswith("txn_") else "subject_id"
    return {"event_id": row["event_id"], "endpoint_id": row["endpoint_id"], subject: row["subject_id"]}
