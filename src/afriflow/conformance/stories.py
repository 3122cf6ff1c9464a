"""Is a provider what its adapter takes it for? Short stories, told of a simulator or of a real sandbox.

The adapter is asked alone, without database and queue: what the whole system makes of its words is tested elsewhere.
What goes wrong between the two is done here, on our end of the line, since no sandbox lets its answers be broken.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from afriflow.conformance.orders import new_reference, order_of
from afriflow.core.clock import Clock
from afriflow.core.evidence import Failed, Missing, Pending, Succeeded, Unclear, Word
from afriflow.core.method import NextAction
from afriflow.port.examine import Finding
from afriflow.port.http import NoAnswer, ProviderHttp, Reply
from afriflow.port.money_out import PayoutOrder, Payouts, RefundOrder, Refunds
from afriflow.port.provider import (
    Account,
    Answer,
    Authorization,
    Memory,
    Notification,
    Order,
    PaymentProvider,
    Resend,
    Route,
    Spec,
    Verdict,
)

# How long a sandbox may take to end a payment of a number that acts by itself; pawaPay's "finishes in seconds".
END_SECONDS_MAX = 60
_PAUSE_SECONDS = 1.0


class Mischief(StrEnum):
    """What becomes of the first request that could create something. Its value ends its finding's code."""

    ANSWER_LOST = "lost"
    REQUEST_LOST = "never_arrived"
    GATEWAY_SPEAKS = "gateway"
    ANSWER_CUT = "cut"


class Meddler(ProviderHttp):
    """Speaks like the real client, and does one mischief. Set `mischief` before use."""

    mischief: Mischief | None = None

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
        mischief = self.mischief if method == "POST" else None
        if mischief is not None:
            self.mischief = None
        if mischief is Mischief.REQUEST_LOST:
            raise NoAnswer("lost on purpose")
        reply = await super().send(
            operation, method, url, headers=headers, body=body, timeout_seconds=timeout_seconds
        )
        match mischief:
            case Mischief.ANSWER_LOST:
                raise NoAnswer("lost on purpose")
            case Mischief.GATEWAY_SPEAKS:
                return Reply(502, {"content-type": "text/html"}, b"<html><h1>502 Bad Gateway</h1></html>")
            case Mischief.ANSWER_CUT:
                return Reply(reply.status, reply.headers, reply.body[: len(reply.body) // 2])
            case _:
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
            *[await self.of_mischief(mischief) for mischief in Mischief],
            await self.of_a_forged_notification(),
            *[await self.of_a_payer(digits, pays=pays) for digits, pays in self._payers()],
            *await self.of_money_out(),
            *self.untold(),
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

    async def of_mischief(self, mischief: Mischief) -> Finding:
        """Hear nothing of use about an order, and find it again as the SPEC says that one may: ask, or send again."""
        kept, order, adapter = _Kept(), self._order(), self._adapter(mischief)
        code = f"story_{mischief}"
        answer = await adapter.initiate(order, kept)
        if not isinstance(answer.word, Unclear):  # a timeout is never a failure, and no success either
            return Finding(code, good=False, facts={"word": _shown(answer.word)})
        reference = answer.provider_reference or kept.reference
        known = replace(order, provider_reference=reference)
        word = (await adapter.verify(known)).word
        again = self.spec.resend is Resend.ALWAYS or (
            self.spec.resend is Resend.BEFORE_REFERENCE and reference is None
        )
        if again:  # also where it is known already: then nothing new may come of it
            word = (await adapter.initiate(known, kept)).word
        good = isinstance(word, Pending | Succeeded)
        if mischief is Mischief.REQUEST_LOST and not again:  # nobody may send it again, and there is nothing
            good = isinstance(word, Missing | Unclear)
        return Finding(code, good, {"word": _shown(word)})

    async def of_a_forged_notification(self) -> Finding:
        """Sign a success with a key that is nobody's; whoever has public keys is asked for them."""
        headers = {
            "content-type": "application/json",
            "content-digest": "sha-256=:bm9ib2R5:",
            "signature-input": 'sig-pp=("@method" "content-digest");alg="ecdsa-p256-sha256";keyid="NOBODY";created=1',
            "signature": "sig-pp=:bm9ib2R5:",
        }
        path = urlsplit(self.account.callback_url).path
        body = json.dumps({"status": "COMPLETED", "hash": "0" * 128}).encode()
        told = Notification("POST", path, headers, body, self.clock.now())
        verdict = (await self._adapter().authenticate(told)).verdict
        return Finding("story_forged", verdict in {Verdict.FORGED, Verdict.HINT}, {"word": verdict.value})

    async def of_money_out(self) -> list[Finding]:
        """Give a payment back whole, and pay somebody out, where the provider can and a number acts by itself."""
        digits = next((digits for digits, pays in self._payers() if pays), None)
        if digits is None:
            return []
        adapter, findings = self._adapter(), list[Finding]()
        order = self._order(digits)
        if isinstance(adapter, Refunds):
            kept, (word, provider_reference) = _Kept(), await self._paid(order)
            refund = RefundOrder(
                reference=new_reference(self.clock),
                refund_id="conformance",
                money=order.money,
                payment_reference=order.reference,
                payment_provider_reference=provider_reference,
                created_at=self.clock.now(),
            )
            if isinstance(word, Succeeded):
                answer = await adapter.refund(refund, kept)
                known = replace(refund, provider_reference=answer.provider_reference or kept.reference)
                word = await self._end(answer.word, partial(adapter.verify_refund, known))
            findings.append(_exact("story_refunded", word, refund))
        if isinstance(adapter, Payouts):
            kept = _Kept()
            payout = PayoutOrder(
                reference=new_reference(self.clock),
                payout_id="conformance",
                merchant_name=order.merchant_name,
                money=order.money,
                method=order.method,
                created_at=self.clock.now(),
                description=order.description,
            )
            answer = await adapter.payout(payout, kept)
            known = replace(payout, provider_reference=answer.provider_reference or kept.reference)
            word = await self._end(answer.word, partial(adapter.verify_payout, known))
            findings.append(_exact("story_paid_out", word, payout))
        return findings

    def untold(self) -> list[Finding]:
        """Say what cannot be told here, and why."""
        untold = ["story_untold_person", "story_untold_world"]
        if not self.spec.sandbox_payers:
            untold.insert(0, "story_untold_payers")
        elif not isinstance(self._adapter(), Refunds):
            untold.insert(0, "story_untold_refunds")
        facts = {"provider": self.spec.title}
        return [Finding(code, good=True, facts=facts, looked_at=False) for code in untold]

    async def of_a_payer(self, digits: str, *, pays: bool) -> Finding:
        """Let a number of the sandbox decide: a success has our reference and the exact amount, a no a reason."""
        order = self._order(digits)
        word, _ = await self._paid(order)
        if not pays:
            return Finding("story_declined", isinstance(word, Failed), {"word": _shown(word)})
        return _exact("story_paid", word, order)

    async def _paid(self, order: Order) -> tuple[Word, str | None]:
        """Send an order and wait for its end; gives the provider's own id too."""
        kept, adapter = _Kept(), self._adapter()
        answer = await adapter.initiate(order, kept)
        reference = answer.provider_reference or kept.reference
        known = replace(order, provider_reference=reference)
        return await self._end(answer.word, partial(adapter.verify, known)), reference

    async def _end(self, word: Word, ask: Callable[[], Awaitable[Answer]]) -> Word:
        """Ask until it has ended, for as long as a sandbox may take."""
        for _ in range(int(END_SECONDS_MAX / _PAUSE_SECONDS)):
            if isinstance(word, Succeeded | Failed):
                break
            await asyncio.sleep(_PAUSE_SECONDS)
            word = (await ask()).word
        return word

    def _adapter(self, mischief: Mischief | None = None) -> PaymentProvider:
        http = Meddler(self.session, self.clock, timeout_seconds=self.timeout_seconds)
        http.mischief = mischief
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


def _exact(code: str, word: Word, order: Order | RefundOrder | PayoutOrder) -> Finding:
    exact = isinstance(word, Succeeded) and word.paid == order.money and word.reference == order.reference
    return Finding(code, exact, {"word": _shown(word)})


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
