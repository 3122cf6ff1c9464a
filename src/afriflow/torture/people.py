"""Who takes part: payers who decide on their phones, and a merchant who asks until it is answered and hears events."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from afriflow.core.clock import SystemClock
from afriflow.demo.shop import Shop
from afriflow.simulator.handset import Action, Handset, Prompt

# Wallets with a prompt or a link on the phone: operator, country, prefix, digits behind it.
_WAYS = (("orange_sn", "SN", "+22177", 7), ("wave_sn", "SN", "+22178", 7), ("yas_tg", "TG", "+22890", 6))
# Simulators have plans of their own for some endings of a number, and none for this one.
_PLAIN_ENDING = "555"
# What payers do, and how often: most pay.
_DECISIONS = {
    Action.APPROVE: 72,
    Action.DECLINE: 12,
    Action.IGNORE: 8,
    Action.NO_FUNDS: 5,
    Action.WRONG_PIN: 3,
}
_THINKS_SECONDS_MAX = 4.0
_ASK_AGAIN_SECONDS = 0.3
_PATIENCE_SECONDS = 12


class Payers(Handset):
    """Every payer's phone; each decides for itself, as the seed says, whatever happens around it."""

    def __init__(self, seed: int) -> None:
        super().__init__(SystemClock(), random.Random(seed))
        self._seed = seed
        self._thinking: set[asyncio.Task[None]] = set()

    def ask(self, **what: Any) -> Prompt:
        """Put a prompt on a phone, whose owner decides in a moment."""
        prompt = super().ask(**what)
        if prompt.can_be_decided:
            chance = random.Random(f"{self._seed} {prompt.provider} {prompt.order}")
            [action] = chance.choices(list(_DECISIONS), list(_DECISIONS.values()))
            task = asyncio.get_running_loop().create_task(
                self._think(prompt.id, action, chance.uniform(0.1, _THINKS_SECONDS_MAX))
            )
            self._thinking.add(task)
            task.add_done_callback(self._thinking.discard)
        return prompt

    @property
    def deciding(self) -> int:
        """How many have not decided yet."""
        return len(self._thinking)

    async def _think(self, prompt_id: str, action: Action, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.decide(prompt_id, action)


@dataclass(slots=True)
class Ears(Shop):
    """What the merchant heard, by what it is about: the numbers and kinds, in the order of hearing."""

    told: dict[str, list[tuple[int, str]]] = field(default_factory=dict[str, list[tuple[int, str]]])

    def keep(self, event: dict[str, Any]) -> None:
        """Remember only what is compared afterwards: a long torture tells much."""
        self.told.setdefault(event["data"]["id"], []).append((event["sequence"], event["type"]))


@dataclass(slots=True)
class Merchant:
    """A good client: the same key and body until there is an answer, at whichever door answers.

    doors: base URLs of the API processes. made: payments by number, once they were answered 201.
    """

    session: aiohttp.ClientSession
    doors: Sequence[str]
    api_key: str
    seed: int
    session_seconds: int
    made: dict[int, str] = field(default_factory=dict[int, str])
    answers: Counter[str] = field(default_factory=Counter[str])
    broken_promises: list[str] = field(default_factory=list[str])

    async def buy(self, number: int) -> None:
        """One payment, asked for until it is taken; some ask twice at once, as double clicks do."""
        twice = random.Random(f"{self.seed} {number}").random() < 0.1
        ids = set(await asyncio.gather(*(self._insist(number, copy) for copy in range(1 + twice))))
        if len(ids) > 1:
            self.broken_promises.append(f"one key made {sorted(ids)}")
        self.made[number] = ids.pop()

    async def read(self, transaction_id: str) -> dict[str, Any]:
        """Read a payment at any door. Raises LookupError when it is not there."""
        for turn in range(100):
            status, found = await self._call(turn, "GET", f"/api/transactions/{transaction_id}")
            if status == 200:
                return found
            if status == 404:
                break
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
        raise LookupError(transaction_id)

    async def _insist(self, number: int, copy: int) -> str:
        operator, country, prefix, digits = _WAYS[number % len(_WAYS)]
        free = digits - len(_PLAIN_ENDING)
        phone = f"{prefix}{number % 10**free:0{free}d}{_PLAIN_ENDING}"
        body = {
            "amount": 5000,
            "currency": "XOF",
            "country": country,
            "reference": f"torture-{self.seed}-{number}",
            "payment_method": {"type": "mobile_money", "operator": operator, "phone": phone},
            "expires_in": self.session_seconds,
        }
        turn = number + copy
        while True:
            status, made = await self._call(
                turn, "POST", "/api/checkout", body, f"torture-{self.seed}-{number}"
            )
            self.answers[str(status)] += 1
            if status == 201:
                return made["id"]
            refused = status == 422 and made["code"] == "no_route"  # every provider fails just now
            if status not in {0, 409, 503} and not refused:
                self.broken_promises.append(f"checkout answered {status}: {made}"[:500])
            turn += 1
            await asyncio.sleep(_ASK_AGAIN_SECONDS)

    async def _call(
        self, turn: int, method: str, path: str, body: Any = None, key: str = ""
    ) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {self.api_key}", **({"idempotency-key": key} if key else {})}
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
        door = self.doors[turn % len(self.doors)]
        try:
            async with self.session.request(
                method, door + path, json=body, headers=headers, timeout=timeout
            ) as response:
                return response.status, await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return 0, None
