"""Is a provider what its adapter takes it for? Four short stories, told of a simulator or of a real sandbox.

The adapter is asked alone, without database and queue: what the whole system makes of its words is tested elsewhere.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from afriflow.conformance.orders import order_of
from afriflow.core.clock import Clock
from afriflow.core.evidence import Failed, Missing, Pending, Succeeded, Unclear, Word
from afriflow.core.method import NextAction
from afriflow.port.examine import Finding
from afriflow.port.http import NoAnswer, ProviderHttp, Reply
from afriflow.port.provider import Account, Authorization, Memory, Order, PaymentProvider, Resend, Route, Spec

# How long a sandbox may take to end a payment of a number that acts by itself; pawaPay's "finishes in seconds".
END_SECONDS_MAX = 60
_PAUSE_SECONDS = 1.0


class Forgetful(ProviderHttp):
    """Speaks like the real client and loses the answer to the first request that could create something."""

    has_lost = False

    async def send(
        self,
        operation: str,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_seconds: float | None = None,
    ) -> Reply:
        reply = await super().send(
            operation, method, url, headers=headers, body=body, timeout_seconds=timeout_seconds
        )
        if method == "POST" and not self.has_lost:
            self.has_lost = True
            raise NoAnswer("lost on purpose")
        return reply


@dataclass
class _Kept:
    """What an adapter has us commit on its way."""

    reference: str | None = None

    async def __call__(self, provider_reference: str, next_action: NextAction | None = None) -> None:  # noqa: ARG002
        self.reference = provider_reference


@dataclass(frozen=True, slots=True)
class Stories:
    """The stories of one account. session: through which it is asked."""

    spec: Spec
    account: Account
    session: aiohttp.ClientSession
    clock: Clock
    timeout_seconds: float
    memory: Memory = field(default_factory=dict[str, Any])

    async def findings(self) -> list[Finding]:
        return [
            await self.of_an_order_nobody_sent(),
            await self.of_an_order_that_is_sent(),
            await self.of_a_lost_answer(),
            *[await self.of_a_payer(digits, pays=pays) for digits, pays in self._payers()],
        ]

    async def of_an_order_nobody_sent(self) -> Finding:
        order = self._order()
        # Some ask by an id of their own; any will do that they never gave.
        word = (await self._adapter().verify(replace(order, provider_reference=order.reference))).word
        return Finding("story_unknown", isinstance(word, Missing), {"word": _shown(word)})

    async def of_an_order_that_is_sent(self) -> Finding:
        """Send an order that waits for its payer, and ask for it."""
        kept, order, adapter = _Kept(), self._order(), self._adapter()
        answer = await adapter.initiate(order, kept)
        if not isinstance(answer.word, Pending | Succeeded):
            return Finding("story_sent", good=False, facts={"word": _shown(answer.word)})
        known = replace(order, provider_reference=answer.provider_reference or kept.reference)
        word = (await adapter.verify(known)).word
        return Finding("story_sent", isinstance(word, Pending | Succeeded), {"word": _shown(word)})

    async def of_a_lost_answer(self) -> Finding:
        """Lose the answer to an order, and find it again as the SPEC says that one may: by asking, or once more."""
        kept, order, adapter = _Kept(), self._order(), self._adapter(loses_an_answer=True)
        answer = await adapter.initiate(order, kept)
        if not isinstance(answer.word, Unclear):  # a timeout is never a failure, and no success either
            return Finding("story_lost", good=False, facts={"word": _shown(answer.word)})
        reference = answer.provider_reference or kept.reference
        known = replace(order, provider_reference=reference)
        word = (await adapter.verify(known)).word
        again = self.spec.resend is Resend.ALWAYS or (
            self.spec.resend is Resend.BEFORE_REFERENCE and reference is None
        )
        if again:  # also where it is known already: then nothing new may come of it
            word = (await adapter.initiate(known, kept)).word
        return Finding("story_lost", isinstance(word, Pending | Succeeded), {"word": _shown(word)})

    async def of_a_payer(self, digits: str, *, pays: bool) -> Finding:
        """Let a number of the sandbox decide: a success has our reference and the exact amount, a no a reason."""
        kept, order, adapter = _Kept(), self._order(digits), self._adapter()
        answer = await adapter.initiate(order, kept)
        known = replace(order, provider_reference=answer.provider_reference or kept.reference)
        word = answer.word
        for _ in range(int(END_SECONDS_MAX / _PAUSE_SECONDS)):
            if isinstance(word, Succeeded | Failed):
                break
            await asyncio.sleep(_PAUSE_SECONDS)
            word = (await adapter.verify(known)).word
        if not pays:
            return Finding("story_declined", isinstance(word, Failed), {"word": _shown(word)})
        exact = isinstance(word, Succeeded) and word.paid == order.money and word.reference == order.reference
        return Finding("story_paid", exact, {"word": _shown(word)})

    def _adapter(self, *, loses_an_answer: bool = False) -> PaymentProvider:
        kind = Forgetful if loses_an_answer else ProviderHttp
        http = kind(self.session, self.clock, timeout_seconds=self.timeout_seconds)
        return self.spec.adapter(self.account, http, self.clock, self.memory)

    def _payers(self) -> list[tuple[str, bool]]:
        return [(payer.digits, payer.pays) for payer in self.spec.sandbox_payers]

    def _order(self, digits: str | None = None) -> Order:
        """Make an order for a number of the sandbox; where it has none, one that is paid on a page."""
        payers = self.spec.sandbox_payers
        chosen = next((payer for payer in payers if digits in {None, payer.digits}), None)
        if chosen is not None:
            routes = [
                route
                for route in self.spec.routes
                if (route.operator, route.currency) == (chosen.operator, chosen.currency)
            ]
            return order_of(self.account, routes[0], self.clock, chosen.digits)
        return order_of(self.account, min(self.spec.routes, key=_ease), self.clock)


def _ease(route: Route) -> tuple[bool, bool]:
    """Put first what asks for no wallet, and last what asks for a code."""
    return route.operator is not None, route.authorization is Authorization.OTP_FIRST


def _shown(word: Word) -> str:
    """Show a word as engineers want it; nothing in it is secret."""
    shown = type(word).__name__
    match word:
        case Unclear():
            return f"{shown}: {word.reason}"
        case Failed():
            return f"{shown}: {word.failure.code} {word.failure.provider_code or ''}".rstrip()
        case _:
            return shown
