"""How often one phone may be asked to pay, whoever asks: no merchant can be used to plague a person with prompts.

Counted in PostgreSQL, in the transaction that permits the attempt and by a keyed hash of the number: correct without
Redis, and no list of phone numbers. A payment counts once, however many providers it tries: the next one is asked
only where the last one provably did nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from afriflow.checkout import prompts_store as store
from afriflow.core.errors import TooManyPrompts
from afriflow.core.method import Authorization, PaymentMethod
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Record
from afriflow.merchants.vault import Vault
from afriflow.routing.choose import Decision

# What makes a phone ring; where the payer dials or opens a page, nobody can be plagued.
_RINGING = frozenset({Authorization.APPROVE_ON_PHONE, Authorization.OTP_AFTER})
_WINDOW_SECONDS = 600.0
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class PromptLimits:
    """The settings of the same names. live_seconds: how long a prompt may stand on a phone."""

    live_seconds: float
    per_ten_minutes_max: int
    per_day_max: int
    pauses_seconds: Sequence[int]
    in_test: bool

    def wait_seconds(self, ages_seconds: Sequence[float], *, open_: bool) -> float:
        """Say how long the phone is to be left alone; 0 = not at all.

        ages_seconds: of the prompts of the last day, newest first. open_: whether the newest may still be answered.
        """
        if not ages_seconds:
            return 0.0
        newest = ages_seconds[0]
        waits = [self.pauses_seconds[min(len(ages_seconds), len(self.pauses_seconds)) - 1] - newest]
        if open_:
            waits.append(self.live_seconds - newest)
        for count, window_seconds in (
            (self.per_ten_minutes_max, _WINDOW_SECONDS),
            (self.per_day_max, DAY_SECONDS),
        ):
            if len(ages_seconds) >= count:
                waits.append(window_seconds - ages_seconds[count - 1])
        return max(0.0, *waits)


@dataclass(frozen=True, slots=True)
class PromptLimit:
    """Admits prompts, one after the other for each phone."""

    vault: Vault
    limits: PromptLimits

    async def admit(
        self, connection: Connection, transaction: Record, method: PaymentMethod, decision: Decision
    ) -> None:
        """Count the prompt that this database transaction permits. Raises TooManyPrompts; then nothing may be kept.

        Others who ask the same phone wait here until the transaction ends, so call it last.
        """
        mode = Mode(transaction["mode"])
        if method.msisdn is None or (mode is Mode.TEST and not self.limits.in_test):
            return
        if not any(candidate.route.authorization in _RINGING for candidate in decision.candidates):
            return
        phone_hash = self.vault.hash(f"prompt|{mode}|{method.msisdn.e164}")
        await connection.execute(store.PROMPT_LOCK, int.from_bytes(phone_hash[:8], "big", signed=True))
        rows = await connection.fetch(
            store.PROMPTS_OF_PHONE, mode, phone_hash, DAY_SECONDS, self.limits.per_day_max
        )
        ages: list[float] = [row["age_seconds"] for row in rows]
        wait = self.limits.wait_seconds(ages, open_=bool(rows) and rows[0]["open"])
        merchant_id = transaction["merchant_id"]
        if wait > 0 and not await connection.fetchval(store.PROMPTS_UNLIMITED, merchant_id):
            raise TooManyPrompts(retry_after_seconds=int(wait) + 1)
        await connection.execute(store.PROMPT_INSERT, merchant_id, transaction["id"], mode, phone_hash)
