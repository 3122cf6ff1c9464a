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
    Action.IGNORE: 2,
    Action.NO_FUNDS: 5,
    Action.WRONG_PIN: 3,
}
_THINKS_SECONDS_MAX = 4.0
# Some take so long that the time to pay is over when they decide.
_HESITATE, _HESITATES_SECONDS_MAX = 0.06, 30.0
# One order in so many is a payout; of the payments so many are refunded, and so many are asked for twice at once.
_PAYOUT_EVERY, _REFUNDED, _TWICE = 10, 0.1, 0.1
# The same request may be taken later: the first one is at work, or every provider fails just now.
_LATER = frozenset({"idempotency_in_progress", "no_route"})
# Not every provider gives money back.
_NOT_THIS_ONE = frozenset({"refund_not_supported"})
# A client that does not back off is one more thing that goes wrong, and hides the others.
_ASK_AGAIN_SECONDS, _ASK_AGAIN_SECONDS_MAX = 0.3, 4.0
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
            most = _HESITATES_SECONDS_MAX if chance.random() < _HESITATE else _THINKS_SECONDS_MAX
            task = asyncio.get_running_loop().create_task(
                self._think(prompt.id, action, chance.uniform(0.1, most))
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
    """What the merchant heard, by what it is about: the numbers and kinds, in the order of hearing.

    paid: payments as they are first heard of as paid.
    """

    told: dict[str, list[tuple[int, str]]] = field(default_factory=dict[str, list[tuple[int, str]]])
    paid: "asyncio.Queue[str]" = field(default_factory=asyncio.Queue[str])

    def keep(self, event: dict[str, Any]) -> None:
        """Remember only what is compared afterwards: a long torture tells much."""
        subject_id, entry = event["data"]["id"], (event["sequence"], event["type"])
        heard = self.told.setdefault(subject_id, [])
        if event["type"] == "transaction.succeeded" and entry not in heard:
            self.paid.put_nowait(subject_id)
        heard.append(entry)


@dataclass(slots=True)
class Merchant:
    """A good client: the same key and body until there is an answer, at whichever door answers.

    doors: base URLs of the API processes. made: what was answered 201, payments, payouts and refunds, by its key.
    """

    session: aiohttp.ClientSession
    doors: Sequence[str]
    api_key: str
    seed: int
    session_seconds: int
    made: dict[str, str] = field(default_factory=dict[str, str])
    answers: Counter[str] = field(default_factory=Counter[str])
    broken_promises: list[str] = field(default_factory=list[str])

    async def order(self, number: int) -> None:
        """Take a payment or, now and then, send a payout."""
        method = _method(number)
        body = {"amount": 5000, "currency": "XOF", "country": method.pop("country"), "payment_method": method}
        if number % _PAYOUT_EVERY == 0:
            await self._insist("/api/payouts", body | {"reference": f"out-{number}"}, f"out-{number}")
        else:
            more = {"reference": f"in-{number}", "expires_in": self.session_seconds}
            await self._insist("/api/checkout", body | more, f"in-{number}")

    async def give_back(self, transaction_id: str) -> None:
        """Refund a part of one payment in a few."""
        if random.Random(f"{self.seed} {transaction_id}").random() < _REFUNDED:
            body = {"transaction": transaction_id, "amount": 1000}
            await self._insist("/api/refunds", body, f"back-{transaction_id}")

    async def find(self, path: str) -> bool:
        """Tell whether something is there, whichever door answers."""
        for turn in range(100):
            status, _ = await self._call(turn, "GET", path)
            if status in {200, 404}:
                return status == 200
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
        return False

    async def _insist(self, path: str, body: dict[str, Any], key: str) -> None:
        """Ask until it is answered; some ask twice at once, as double clicks do."""
        twice = random.Random(f"{self.seed} {key}").random() < _TWICE
        asked = (self._ask(path, body, key, copy) for copy in range(1 + twice))
        ids = {answer for answer in await asyncio.gather(*asked) if answer is not None}
        if len(ids) > 1:
            self.broken_promises.append(f"one key made {sorted(ids)}")
        if ids:
            self.made[key] = ids.pop()

    async def _ask(self, path: str, body: dict[str, Any], key: str, copy: int) -> str | None:
        """Give the id of what was made, None when it was refused for good."""
        chance, pause = random.Random(f"{self.seed} {key} {copy}"), _ASK_AGAIN_SECONDS
        turn = chance.randrange(len(self.doors))
        while True:
            status, answer = await self._call(turn, "POST", path, body, f"{self.seed}-{key}")
            self.answers[str(status)] += 1
            code = answer["code"] if status >= 400 else ""
            if status == 201:
                return answer["id"]
            if code in _NOT_THIS_ONE:
                return None
            if status not in {0, 503} and code not in _LATER:
                self.broken_promises.append(f"{path} answered {status}: {answer}"[:500])
            turn += 1
            await asyncio.sleep(min(pause, _ASK_AGAIN_SECONDS_MAX) * chance.uniform(0.5, 1))
            pause *= 2

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


def _method(number: int) -> dict[str, str]:
    operator, country, prefix, digits = _WAYS[number % len(_WAYS)]
    free = digits - len(_PLAIN_ENDING)
    phone = f"{prefix}{number % 10**free:0{free}d}{_PLAIN_ENDING}"
    return {"type": "mobile_money", "country": country, "operator": operator, "phone": phone}
