"""The other side of a simulated run: providers with their books, payers with their phones, the merchant's shop.

Everything here is the truth that our books are held against. It talks to us only as the network would: a session
that may lose, delay or double what is said, and notifications that come when they come.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Self

import aiohttp
import msgspec
from storm.model import signature
from storm.swarm import Swarm

# How long a prompt stands on a phone.
PROMPT_SECONDS = 120.0
# How long an invoice that nobody charges can still be charged.
INVOICE_SECONDS = 3600.0
HIDDEN_SECONDS_MAX = 600.0  # below what A and B promise: what they break nobody could survive
LATE_SECONDS_MAX = 600.0


@dataclass(eq=False, slots=True)
class Entry:
    """One order in a provider's book.

    moved: when the money moved, and paid: how much. taken_back: the provider says later that it failed after all.
    can_move: whether the money still may.
    """

    provider: str
    what: str
    reference: str
    amount: int
    born: float
    token: str = ""
    status: str = "pending"
    reason: str = ""
    visible_from: float = 0.0
    prompted: bool = False
    moved: float | None = None
    paid: int = 0
    taken_back: bool = False

    @property
    def can_move(self) -> bool:
        return self.status == "pending"


@dataclass(slots=True)
class Said:
    """An answer on its way back."""

    status: int
    body: bytes


@dataclass(eq=False, slots=True)
class OtherSide:
    """Providers, payers and shop of one run. notify: brings a notification to one of our processes."""

    swarm: Swarm
    chance: random.Random
    notify: Callable[[str, dict[str, str], bytes], None]
    seen: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    books: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    by_token: dict[str, Entry] = field(default_factory=dict)
    on_the_way: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    told: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    contradictions: list[str] = field(default_factory=list)
    calm: bool = False
    query_dead: frozenset[str] = frozenset()
    permitted: Callable[[str], None] = lambda _: None
    _present: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        strengths = {fault.name: getattr(self.swarm, fault.name) for fault in fields(self.swarm)}
        self._present = {name: strength for name, strength in strengths.items() if strength > 0}

    # ── what the network does ──────────────────────────────────────────────────────────────────────────────────
    def strikes(self, fault: str) -> bool:
        """Draw whether a fault happens now; each draw is counted, so that a run can say what it saw."""
        strength = self._present.get(fault)
        if strength is not None and not self.calm and self.chance.random() < strength:
            self.seen[fault] += 1
            return True
        return False

    async def call(self, method: str, url: str, body: bytes, timeout_seconds: float) -> Said:
        """Carry one request of ours to a provider and its answer back, as a network does."""
        host, _, path = url.removeprefix("http://").partition("/")
        provider = host.removesuffix(".test")
        if method == "POST":
            self.permitted(self._reference(path, body))
        if self.strikes("refuse_connection"):
            raise aiohttp.ConnectionTimeoutError("refused")
        await asyncio.sleep(self.chance.uniform(0.01, 0.4))
        if method == "GET" and provider in self.query_dead and not self.calm:
            self.seen["query_dead"] += 1
            return Said(503, b"<html>down</html>")
        if self.strikes("lose_request"):
            raise aiohttp.ServerDisconnectedError("lost")
        if method == "POST" and self.strikes("arrive_late"):
            delay = min(LATE_SECONDS_MAX, timeout_seconds + self.chance.expovariate(1 / 60))
            reference = self._reference(path, body)
            # An invoice that arrives late can be paid by nobody: its address went with its answer.
            self.on_the_way[reference] += path != "invoices"
            asyncio.get_running_loop().call_later(delay, self._arrive_late, provider, path, body, reference)
            await asyncio.sleep(timeout_seconds)
            raise TimeoutError
        if self.strikes("error_before"):
            return Said(500, b'{"error": "internal"}')
        if self.strikes("too_many"):
            return Said(429, b'{"error": "slow down"}')
        answer = self.arrive(provider, method, path, body)
        await asyncio.sleep(self.chance.uniform(0.01, 0.4))
        if self.strikes("lose_answer"):
            raise aiohttp.ServerDisconnectedError("answer lost")
        if self.strikes("hang"):
            await asyncio.sleep(timeout_seconds)
            raise TimeoutError
        if self.strikes("error_after"):
            return Said(502, b"<html>bad gateway</html>")
        if self.strikes("garbage"):
            return Said(200, self.chance.choice([b"", b"[]", b'{"status":', b"null", b"<html>"]))
        return answer

    def _reference(self, path: str, body: bytes) -> str:
        """Whose order a request is about: the id in it, or the invoice's."""
        return self.by_token[path.split("/")[1]].reference if "/" in path else msgspec.json.decode(body)["id"]

    def _arrive_late(self, provider: str, path: str, body: bytes, reference: str) -> None:
        self.on_the_way[reference] -= path != "invoices"
        self.arrive(provider, "POST", path, body)

    # ── what the providers do ──────────────────────────────────────────────────────────────────────────────────
    def arrive(self, provider: str, method: str, path: str, body: bytes) -> Said:
        parts = path.split("/")
        if method == "GET":
            return self._ask(provider, parts[0], parts[1])
        asked = msgspec.json.decode(body) if body else {}
        if parts[0] == "invoices" and len(parts) == 3:
            return self._charge(self.by_token[parts[1]])
        if parts[0] == "invoices":
            token = f"tok-{len(self.by_token) + 1}"
            entry = self._enter(provider, "invoices", asked)
            entry.token = token
            self.by_token[token] = entry
            return _said(201, {"token": token})
        if provider == "model_a" and self._find(provider, parts[0], asked["id"]):
            return _said(200, {"status": "duplicate", "reference": asked["id"]})
        if self.strikes("refused"):
            code = self.chance.choice(["operator_unavailable", "amount_out_of_bounds"])
            return _said(400, {"error": "refused", "code": code})
        return self._charge(self._enter(provider, parts[0], asked))

    def _enter(self, provider: str, what: str, asked: dict[str, Any]) -> Entry:
        now = asyncio.get_running_loop().time()
        entry = Entry(provider, what, asked["id"], asked["amount"], now)
        if what == "invoices":
            asyncio.get_running_loop().call_later(INVOICE_SECONDS, self._lapse, entry)
        elif self.strikes("hidden"):
            entry.visible_from = now + self.chance.uniform(0, HIDDEN_SECONDS_MAX)
        self.books[entry.reference].append(entry)
        return entry

    def _find(self, provider: str, what: str, name: str) -> Entry | None:
        found = [self.by_token[name]] if name in self.by_token else self.books.get(name, [])
        return next((entry for entry in found if (entry.provider, entry.what) == (provider, what)), None)

    def _ask(self, provider: str, what: str, name: str) -> Said:
        entry = self._find(provider, what, name)
        if entry is None or entry.visible_from > asyncio.get_running_loop().time():
            return _said(404, {"error": "not_found"})
        if self.strikes("unknown_word"):
            return _said(200, {"status": "IN_LIMBO", "reference": entry.reference})
        return _said(200, self._shown(entry))

    def _shown(self, entry: Entry) -> dict[str, Any]:
        shown = {"status": entry.status, "reference": entry.reference, "amount": entry.paid or entry.amount}
        return {**shown, "reason": entry.reason, "token": entry.token or None}

    def _charge(self, entry: Entry) -> Said:
        """Put the prompt on the phone (or the transfer into the operator's hands) once."""
        if entry.prompted or entry.status != "pending":
            return _said(200, {"status": "duplicate", "reference": entry.reference})
        entry.prompted = True
        loop, chance = asyncio.get_running_loop(), self.chance
        lot = chance.random()
        if entry.what in {"payouts", "refunds"}:
            decision, after = ("completed", "") if lot < 0.8 else ("failed", "unspecified"), 1.0
        elif lot < 0.72:
            decision, after = ("completed", ""), min(PROMPT_SECONDS - 1, chance.expovariate(1 / 15))
        elif lot < 0.82:
            decision, after = ("failed", "payer_declined"), chance.uniform(2, 60)
        elif lot < 0.9:
            decision, after = ("failed", "insufficient_funds"), chance.uniform(2, 60)
        else:
            decision, after = ("failed", "payer_timeout"), PROMPT_SECONDS
        if self.strikes("settle_late"):
            after += chance.uniform(900, 6 * 86_400)
        loop.call_later(after, self._settle, entry, *decision)
        if self.strikes("forge_callback"):
            loop.call_later(chance.uniform(0, after), self._forge, entry)
        return _said(202, {"status": "pending", "reference": entry.reference})

    def _settle(self, entry: Entry, status: str, reason: str) -> None:
        loop = asyncio.get_running_loop()
        entry.status, entry.reason = status, reason
        if status == "completed":
            entry.moved = loop.time()
            entry.paid = entry.amount + (100 if self.strikes("wrong_amount") else 0)
            if self.strikes("take_back"):
                loop.call_later(self.chance.uniform(1, 3000), self._take_back, entry)
        if self.strikes("lose_callback"):
            return
        delay = self.swarm.callback_delay_seconds
        copies = 1 + self.strikes("double_callback")
        for _ in range(copies):
            loop.call_later(self.chance.uniform(0, 0.2 + (0 if self.calm else delay)), self._tell, entry)

    def _take_back(self, entry: Entry) -> None:
        """The operator reverses what it had told: the books say failed from now on."""
        entry.taken_back, entry.status, entry.reason = True, "failed", "unspecified"
        self._tell(entry)

    def _lapse(self, entry: Entry) -> None:
        if not entry.prompted:
            self._settle(entry, "failed", "payer_timeout")

    def _tell(self, entry: Entry) -> None:
        body = msgspec.json.encode(self._shown(entry))
        signed = {"x-signature": signature(body)} if entry.provider == "model_a" else {}
        self.notify(entry.provider, signed, body)

    def _forge(self, entry: Entry) -> None:
        """Somebody who knows the id says that it was paid; no signature of theirs is right."""
        told = {"status": "completed", "reference": entry.reference, "amount": entry.amount, "reason": ""}
        self.notify(entry.provider, {"x-signature": "0" * 64}, msgspec.json.encode(told))

    # ── what the shop does ─────────────────────────────────────────────────────────────────────────────────────
    async def hear(self, body: bytes) -> int:
        """The merchant's server hears an event; gives its HTTP status."""
        await asyncio.sleep(self.chance.uniform(0.01, 0.3))
        if self.strikes("shop_deaf"):
            return self.chance.choice([500, 503, 404])
        told = msgspec.json.decode(body)
        kind, said = told["type"].rpartition(".")[2], told["data"].get("status")
        if kind in {"succeeded", "failed", "expired", "cancelled"} and kind != said:
            self.contradictions.append(f"H45: {told['type']} brings an object that is {said}")
        self.told[told["data"]["id"]].append(told)
        if self.strikes("shop_forgets_to_answer"):
            raise aiohttp.ServerDisconnectedError("no answer")
        return 200


def _said(status: int, body: dict[str, Any]) -> Said:
    return Said(status, msgspec.json.encode(body))


class Wire:
    """An aiohttp session, as far as the product uses one, whose other end is the simulated other side."""

    def __init__(self, gate: Any, others: OtherSide) -> None:
        self._gate, self._others = gate, others

    def request(self, method: str, url: str, *, data: bytes | None, timeout: Any, **_: Any) -> "_Exchange":
        return _Exchange(
            self._gate, f"{method} {url}", self._others.call(method, url, data or b"", timeout.total)
        )

    def post(self, url: str, *, data: bytes, **_: Any) -> "_Exchange":
        return _Exchange(self._gate, f"POST {url}", self._hear(data))

    async def _hear(self, body: bytes) -> Said:
        return Said(await self._others.hear(body), b"")

    async def close(self) -> None: ...


class _Exchange:
    """One request in flight: passes our process's gate before it leaves and before its answer is read."""

    def __init__(self, gate: Any, label: str, call: Any) -> None:
        self._gate, self._label, self._call = gate, label, call
        self.headers: dict[str, str] = {}
        self.content = self

    async def __aenter__(self) -> Self:
        try:
            await self._gate.pass_through(f"> {self._label}")
        except BaseException:
            self._call.close()
            raise
        try:
            said = await self._call
        except Exception as error:
            await self._gate.pass_through(f"< {self._label} {type(error).__name__}")
            raise
        await self._gate.pass_through(f"< {self._label} {said.status}")
        self.status, self._body = said.status, said.body
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def read(self, size: int) -> bytes:
        body, self._body = self._body[:size], self._body[size:]
        return body
