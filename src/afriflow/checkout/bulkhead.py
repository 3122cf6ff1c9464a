"""How much one provider account may have to do at once: a hanging one cannot take the others' places.

Orders and questions have places of their own, so that neither starves the other. Who finds none waits a moment and
hears ProviderBusy: provably nothing was sent. Places are this process' own; so is what a provider's 429 asked for,
which every process hears for itself.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from afriflow.core.errors import ProviderBusy
from afriflow.observe.log import logger
from afriflow.port.factory import OpenProvider

_log = logger("checkout")
# Where nobody knows when a place will be free: about what one call takes.
_LOOK_AGAIN_SECONDS = 5.0
# Those who were turned away together must not come again together.
_SPREAD = (1.0, 1.5)


class Errand(StrEnum):
    ORDER = "order"  # money may move: a payer waits
    QUESTION = "question"  # how does it stand? a job waits, and can wait longer


@dataclass(frozen=True, slots=True)
class BulkheadLimits:
    """The reasons stand beside the settings of the same names (provider_…)."""

    orders_max: int
    questions_max: int
    order_wait_seconds: float
    question_wait_seconds: float
    rest_seconds: int
    rest_seconds_max: int

    def places(self, errand: Errand) -> int:
        return self.orders_max if errand is Errand.ORDER else self.questions_max

    def patience(self, errand: Errand) -> float:
        return self.order_wait_seconds if errand is Errand.ORDER else self.question_wait_seconds


class Bulkheads:
    """The places of every account. chance: spreads those who are turned away."""

    def __init__(self, limits: BulkheadLimits, chance: random.Random) -> None:
        self._limits = limits
        self._chance = chance
        self._places: dict[tuple[str, Errand], asyncio.Semaphore] = {}
        self._rests_until: dict[tuple[str, Errand], float] = {}

    @asynccontextmanager
    async def place(self, account_id: str, errand: Errand) -> AsyncGenerator[None]:
        """Hold a place while the provider is called. Raises ProviderBusy, with when to come again."""
        begun = _now()
        rest = self._rests_until.get((account_id, errand), 0.0) - begun
        patience = self._limits.patience(errand)
        if rest > patience:
            raise self._busy(rest)
        free = self._places.setdefault((account_id, errand), asyncio.Semaphore(self._limits.places(errand)))
        try:
            async with asyncio.timeout(patience):
                await asyncio.sleep(max(0.0, rest))
                await free.acquire()
        except TimeoutError:
            raise self._busy(_LOOK_AGAIN_SECONDS) from None
        try:
            yield
        finally:
            free.release()

    def heed(self, opened: OpenProvider, errand: Errand) -> bool:
        """Leave a provider alone that asked for it in the call just made: no such errand goes there for so long."""
        asked, account_id = opened.http.rest_seconds, opened.account.id
        if asked is None:
            return False
        seconds = min(asked or self._limits.rest_seconds, self._limits.rest_seconds_max)
        until = _now() + seconds
        self._rests_until[account_id, errand] = max(until, self._rests_until.get((account_id, errand), 0.0))
        _log.warning("provider_limits_us", account_id=account_id, errand=errand, seconds=round(seconds, 1))
        return True

    def _busy(self, seconds: float) -> ProviderBusy:
        return ProviderBusy(retry_after_seconds=max(1, round(seconds * self._chance.uniform(*_SPREAD))))


def _now() -> float:
    return asyncio.get_running_loop().time()
