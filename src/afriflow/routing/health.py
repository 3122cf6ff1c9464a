"""Whether a provider account is well enough to be asked: circuit breakers per account, operation and operator.

Each call needs two circuits: the account's, and the operator's in it. They only choose among providers and never
block a question about money that may have moved. The fleet shares them in Redis; while Redis is away each process
goes on from the last state that it saw, by the same rules. Losing them is harmless.
"""

import asyncio
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from redis.asyncio import Redis
from redis.exceptions import RedisError

from afriflow.core.evidence import Failed, NotSent, Pending, Refused, Succeeded, Unclear, Word
from afriflow.core.method import FailureCode
from afriflow.observe.log import logger
from afriflow.port.forced import Forced
from afriflow.routing.circuit import BreakerLimits, Circuit, Seen, State, Verdict

_log = logger("routing")
# After an error Redis is left alone this long, so that a hung one costs one timeout and not one a call.
_REDIS_PAUSE_SECONDS = 1.0
_KEY = "afriflow:breaker:"
# The circuit of a whole account, in names and metrics.
ALL_OPERATORS = "*"
# Those who met the same outage must not all come back in the same second.
_JITTER = (0.8, 1.2)
_STATES: tuple[State, ...] = (State.CLOSED, State.OPEN, State.HALF_OPEN)
_TURNS: tuple[State | None, ...] = (None, State.OPEN, State.CLOSED)


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether an account may be asked, to be handed back with `tell`. wait_seconds: how long it stays closed to us."""

    allowed: bool
    account_id: str
    operation: str
    operator: str | None
    wait_seconds: float = 0.0
    probe: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """A circuit of the fleet that has just opened or closed. operator: None = the whole account."""

    operation: str
    operator: str | None
    state: State
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class Known:
    """A circuit as this process knows it. operator: ALL_OPERATORS = the whole account."""

    account_id: str
    operation: str
    operator: str
    state: State


class Health:
    """Asks and tells the circuits. chance: draws probes' names and the jitter of pauses."""

    def __init__(self, redis: "Redis", limits: BreakerLimits, chance: random.Random) -> None:
        self._limits = limits
        self._chance = chance
        self._script = redis.register_script(
            files("afriflow.routing").joinpath("breaker.lua").read_text("utf-8")
        )
        self._circuits: dict[str, Circuit] = {}
        self._redis_rests_until = 0.0

    async def look(
        self, account_id: str, operation: str, operators: Collection[str]
    ) -> dict[str | None, Seen]:
        """Tell how an account is, under None, and how each of these operators is in it. Takes no probe."""
        names: list[str | None] = [None, *operators]
        keys = [_key(account_id, operation, name) for name in names]
        shared = await self._run(keys, ["look"] * len(keys))
        now = _now()
        circuits = [self._circuit(key) for key in keys]
        if shared is None:
            return dict(zip(names, (circuit.look(now) for circuit in circuits), strict=True))
        for circuit, seen in zip(circuits, shared, strict=True):
            circuit.adopt(now, seen)
        return dict(zip(names, shared, strict=True))

    async def ask(
        self,
        account_id: str,
        operation: str,
        operator: str | None,
        forced: Mapping[str | None, Forced] = MappingProxyType({}),
    ) -> Permission:
        """May this account be asked now? What it allows must be followed by `tell`.

        forced: the circuits, by operator, that a person has decided about; they are not asked themselves. Whom this process already knows to be closed is not asked for in Redis, and while it is unsure no more than
        the probes ask: a herd that meets a hung Redis would otherwise all be let through.
        """
        probe = f"{self._chance.getrandbits(64):016x}"
        names = [None, operator] if operator else [None]
        is_shut = any(forced[name].is_open for name in names if name in forced)
        keys = [_key(account_id, operation, name) for name in names if name not in forced]
        if is_shut or not keys:
            return Permission(not is_shut, account_id, operation, operator, probe=probe)
        circuits = [self._circuit(key) for key in keys]
        here = [circuit.look(_now()) for circuit in circuits]
        if all(seen.allowed for seen in here):
            here = [circuit.ask(_now(), probe) for circuit in circuits]
            shared = await self._run(keys, ["ask"] * len(keys), probe)
            for circuit, seen in zip(circuits, shared or (), strict=False):
                circuit.adopt(_now(), seen, probe)
            here = shared or here
        wait_seconds = max(seen.wait_seconds for seen in here)
        allowed = all(seen.allowed for seen in here)
        return Permission(allowed, account_id, operation, operator, wait_seconds, probe)

    async def tell(
        self, permission: Permission, word: Word, *, seconds: float, limited: bool = False
    ) -> list[Turn]:
        """Report how a call ended; gives the fleet's circuits that opened or closed by it.

        seconds: how long it took. limited: the provider asked us to be slower, and is well.
        """
        names = [None, permission.operator] if permission.operator else [None]
        keys = _keys(permission.account_id, permission.operation, permission.operator)
        slow = seconds > self._limits.slow_seconds
        verdicts = judge(word, slow=slow, limited=limited)[: len(keys)]
        jitter = self._chance.uniform(*_JITTER)
        circuits = [self._circuit(key) for key in keys]
        here = [
            circuit.tell(_now(), verdict, permission.probe, jitter)
            for circuit, verdict in zip(circuits, verdicts, strict=True)
        ]
        shared = await self._run(keys, [verdict.value for verdict in verdicts], permission.probe, jitter)
        for circuit, seen in zip(circuits, shared or (), strict=False):
            circuit.adopt(_now(), seen, permission.probe)
        turns = [
            Turn(permission.operation, name, seen.turned, seen.wait_seconds)
            for name, seen in zip(names, shared or here, strict=True)
            if seen.turned is not None
        ]
        for turn in turns:
            facts = {
                "account_id": permission.account_id,
                "operation": turn.operation,
                "operator": turn.operator,
            }
            _log.warning("breaker_turns", state=turn.state, seconds=round(turn.wait_seconds, 1), **facts)
        return turns if shared else []  # alone, a process speaks for itself and not for the fleet

    def not_closed(self) -> Iterator[Known]:
        """Tell the circuits that this process has met and that do not let everybody through now."""
        for key, circuit in self._circuits.items():
            state = circuit.look(_now()).state
            if state is not State.CLOSED:
                account, operation, operator = key.removeprefix(_KEY).rsplit(":", 2)
                yield Known(account.strip("{}"), operation, operator, state)

    def _circuit(self, key: str) -> Circuit:
        return self._circuits.setdefault(key, Circuit(self._limits))

    async def _run(
        self, keys: Sequence[str], verbs: Sequence[str], probe: str = "", jitter: float = 1.0
    ) -> list[Seen] | None:
        if _now() < self._redis_rests_until:
            return None
        limits = self._limits
        numbers = (
            limits.window_seconds,
            limits.calls_min,
            limits.failure_percent,
            limits.lost_in_a_row,
            limits.open_seconds,
            limits.open_seconds_max,
            limits.probes,
            limits.lease_seconds,
            jitter,
        )
        try:
            answers: list[list[int]] = await self._script(keys=list(keys), args=[probe, *numbers, *verbs])
        except (RedisError, OSError, TimeoutError) as error:
            self._redis_rests_until = _now() + _REDIS_PAUSE_SECONDS
            _log.warning("redis_away", reason=type(error).__name__)
            return None
        return [
            Seen(bool(allowed), wait / 1000, _STATES[state], rounds, bool(is_probe), _TURNS[turned])
            for allowed, wait, state, rounds, is_probe, turned in answers
        ]


def judge(word: Word, *, slow: bool = False, limited: bool = False) -> tuple[Verdict, Verdict]:
    """Say what a word tells about the account and about the operator in it; what payers do counts as good.

    What gives no usable answer counts against both: where one operator is down the others keep the account closed,
    where the network is down the account opens for all. A revoked key is the account's matter alone.
    """
    account, operator = _judge(word)
    if limited:
        return Verdict.RELEASE, Verdict.RELEASE
    if slow:  # an answer that comes when the payer has gone is as good as none
        return (
            Verdict.BAD if account is Verdict.GOOD else account,
            Verdict.BAD if operator is Verdict.GOOD else operator,
        )
    return account, operator


def _judge(word: Word) -> tuple[Verdict, Verdict]:
    match word:
        case Unclear(alert=alert):
            verdict = Verdict.BAD if alert else Verdict.LOST
            return verdict, verdict
        case NotSent(failure=failure):
            verdict = Verdict.LOST if failure.code.is_providers_fault else Verdict.RELEASE
            return verdict, verdict
        case Refused(failure=failure) if failure.code is FailureCode.PROVIDER_REJECTED:
            return Verdict.BAD, Verdict.RELEASE
        case Refused(failure=failure) | Failed(failure=failure) if failure.code.is_providers_fault:
            of_account = failure.code is FailureCode.PROVIDER_UNAVAILABLE
            return (Verdict.BAD if of_account else Verdict.GOOD), Verdict.BAD
        case Refused() | Failed() | Pending() | Succeeded():
            return Verdict.GOOD, Verdict.GOOD
        case _:
            return Verdict.RELEASE, Verdict.RELEASE


def _keys(account_id: str, operation: str, operator: str | None) -> list[str]:
    names = [None, operator] if operator else [None]
    return [_key(account_id, operation, name) for name in names]


def _key(account_id: str, operation: str, operator: str | None) -> str:
    return f"{_KEY}{{{account_id}}}:{operation}:{operator or ALL_OPERATORS}"


def _now() -> float:
    return asyncio.get_running_loop().time()
