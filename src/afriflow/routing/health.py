"""Whether a provider account is well enough to be asked: a circuit breaker per account and operation, in Redis.

It only chooses among providers and never blocks a question about money that may have moved. Losing it is harmless:
without Redis the last state that this process saw holds, and closed where it saw none.
"""

import secrets
import time
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from afriflow.core.evidence import Failed, NotSent, Pending, Refused, Succeeded, Unclear, Word
from afriflow.core.method import FailureCode
from afriflow.observe.log import logger

_log = logger("routing")
# After an error Redis is left alone this long, so that a hung one costs one timeout and not one a call.
_REDIS_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """The reasons stand beside the settings of the same names (breaker_…)."""

    window_seconds: int
    calls_min: int
    failure_percent: int
    open_seconds: int
    open_seconds_max: int
    probes: int
    lease_seconds: int


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether an account may be asked. wait_seconds: how long it stays closed to us. probe: the lease's name."""

    allowed: bool
    wait_seconds: int = 0
    probe: str = ""


class Health:
    """Asks and tells the breaker."""

    def __init__(self, redis: "Redis", limits: BreakerLimits) -> None:
        self._redis = redis
        self._limits = limits
        self._script = redis.register_script(
            files("afriflow.routing").joinpath("breaker.lua").read_text("utf-8")
        )
        self._open_until: dict[str, float] = {}  # by monotonic clock, for when Redis is away
        self._redis_rests_until = 0.0

    async def wait_seconds(self, account_id: str, operation: str) -> int:
        """How long the account is closed to us; 0 when it may be asked. Takes no probe."""
        key = _key(account_id, operation)
        answer = await self._run("look", key, "")
        if answer is None:
            return max(0, round(self._open_until.get(key, 0.0) - time.monotonic()))
        allowed, wait_seconds, _ = answer
        self._remember(key, 0 if allowed else wait_seconds)
        return 0 if allowed else max(1, wait_seconds)

    async def ask(self, account_id: str, operation: str) -> Permission:
        """May this account be asked now? An allowed probe must be followed by `tell`."""
        key, probe = _key(account_id, operation), secrets.token_hex(8)
        answer = await self._run("ask", key, probe)
        if answer is None:
            left = self._open_until.get(key, 0.0) - time.monotonic()
            return Permission(left <= 0, max(0, round(left)))
        allowed, wait_seconds, is_probe = answer
        self._remember(key, 0 if allowed else wait_seconds)
        return Permission(bool(allowed), wait_seconds, probe if is_probe else "")

    async def tell(self, account_id: str, operation: str, word: Word, permission: Permission) -> None:
        """Report how a call ended; what the payer or the merchant did counts for nothing."""
        verdict = judge(word)
        key = _key(account_id, operation)
        answer = await self._run(verdict, key, permission.probe)
        if answer is not None and verdict == "bad" and not answer[0] and answer[1]:
            self._remember(key, answer[1])
            _log.warning("breaker_opens", account_id=account_id, operation=operation, seconds=answer[1])

    def _remember(self, key: str, wait_seconds: int) -> None:
        if wait_seconds:
            self._open_until[key] = time.monotonic() + wait_seconds
        else:
            self._open_until.pop(key, None)

    async def _run(self, verb: str, key: str, probe: str) -> tuple[int, int, int] | None:
        if time.monotonic() < self._redis_rests_until:
            return None
        limits = self._limits
        arguments: list[Any] = [
            verb,
            limits.window_seconds,
            limits.calls_min,
            limits.failure_percent,
            limits.open_seconds,
            limits.open_seconds_max,
            limits.probes,
            limits.lease_seconds,
            probe,
        ]
        try:
            answer = await self._script(keys=[key], args=arguments)
        except (RedisError, OSError, TimeoutError) as error:
            self._redis_rests_until = time.monotonic() + _REDIS_PAUSE_SECONDS
            _log.warning("redis_away", reason=type(error).__name__)
            return None
        return int(answer[0]), int(answer[1]), int(answer[2])


def judge(word: Word) -> str:
    """Say what a word tells about the provider's health: good, bad, or nothing (release)."""
    match word:
        case Unclear():
            return "bad"
        case Refused(failure=failure) if failure.code is FailureCode.PROVIDER_REJECTED:
            return "bad"  # a revoked key refuses every payment: the account is unwell, whoever's fault it is
        case NotSent(failure=failure) | Refused(failure=failure) | Failed(failure=failure):
            return "bad" if failure.code.is_providers_fault else "good"
        case Pending() | Succeeded():
            return "good"
        case _:
            return "release"


def _key(account_id: str, operation: str) -> str:
    return f"afriflow:breaker:{{{account_id}}}:{operation}"
