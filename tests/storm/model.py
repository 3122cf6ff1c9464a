"""Three model providers, one of each idempotency class, as adapters see them: two translations and no more.

A knows an order by our id and takes it once; B can be asked by our id but takes an order as often as it is sent;
C knows only the token that it gave. They speak plain JSON through the product's own HTTP port.
"""

import hashlib
import hmac
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from afriflow.core.clock import Clock
from afriflow.core.evidence import Failed, Missing, NotSent, Pending, Refused, Succeeded, Unclear, Word
from afriflow.core.method import ActionType, Failure, FailureCode, MethodType, NextAction
from afriflow.core.money import Money
from afriflow.core.transaction import Mode
from afriflow.port.factory import specs
from afriflow.port.http import NoAnswer, NothingSent, ProviderHttp, Reply
from afriflow.port.money_out import PayoutOrder, RefundOrder
from afriflow.port.provider import (
    Account,
    Answer,
    Authenticity,
    Authorization,
    Keep,
    Memory,
    Notification,
    Order,
    Report,
    Resend,
    Route,
    Spec,
    Verdict,
)

SECRET = b"a secret of three model providers"
ON_THE_PHONE = NextAction(ActionType.APPROVE_ON_PHONE)
# A and B promise that what they do not know a quarter of an hour after the last send will never come.
QUARANTINE_SECONDS = 900


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What an account of a model provider needs."""

    label: str


class Speaker:
    """What all three have in common: how they are spoken to, and how their notifications are read."""

    def __init__(self, account: Account, http: ProviderHttp, clock: Clock, memory: Memory) -> None:
        self._account, self._http = account, http

    async def authenticate(self, notification: Notification) -> Authenticity:
        told = notification.headers.get("x-signature", "")
        if not self._account.provider.endswith("a"):
            return Authenticity(Verdict.HINT, "unsigned")
        proven = hmac.compare_digest(told, signature(notification.body))
        return Authenticity(Verdict.SIGNED if proven else Verdict.FORGED, "signature")

    def handle_webhook(self, notification: Notification) -> tuple[Report, ...]:
        told = msgspec.json.decode(notification.body)
        return (Report(word_of(told), told["reference"], told.get("token")),)

    async def _post(self, path: str, body: dict[str, Any]) -> Answer:
        try:
            reply = await self._send("POST", path, body)
        except NothingSent as error:
            return Answer(NotSent(Failure(FailureCode.PROVIDER_UNAVAILABLE, str(error))))
        except NoAnswer as error:
            return Answer(Unclear(str(error)))
        told = reply.json_object()
        if told is None or reply.status >= 500 or reply.status == 429:
            return Answer(Unclear(f"HTTP {reply.status}"))
        if reply.status == 400:
            elsewhere = told.get("code") == "operator_unavailable"
            code = FailureCode.OPERATOR_UNAVAILABLE if elsewhere else FailureCode.AMOUNT_OUT_OF_BOUNDS
            return Answer(Refused(Failure(code), elsewhere))
        word = word_of(told)
        return Answer(Pending(ON_THE_PHONE) if isinstance(word, Pending) else word)

    async def _ask(self, path: str) -> Answer:
        try:
            reply = await self._send("GET", path, {})
        except (NothingSent, NoAnswer) as error:
            return Answer(Unclear(str(error)))
        if reply.status == 404:
            return Answer(Missing())
        told = reply.json_object()
        if told is None or reply.status != 200:
            return Answer(Unclear(f"HTTP {reply.status}"))
        return Answer(word_of(told))

    async def _send(self, method: str, path: str, body: dict[str, Any]) -> Reply:
        content = msgspec.json.encode(body) if body else b""
        operation, _, _ = path.partition("/")  # a label of metrics: no id in it
        return await self._http.send(operation, method, f"{self._account.base_url}/{path}", body=content)


class ModelAdapter(Speaker):
    """A and B: what differs is what the provider promises, and that stands in the SPEC."""

    async def initiate(self, order: Order, keep: Keep) -> Answer:
        return await self._start("payments", order, {"phone": order.method.msisdn.e164})  # type: ignore[union-attr]

    async def payout(self, order: PayoutOrder, keep: Keep) -> Answer:
        return await self._start("payouts", order, {"phone": order.method.msisdn.e164})  # type: ignore[union-attr]

    async def refund(self, order: RefundOrder, keep: Keep) -> Answer:
        return await self._start("refunds", order, {"payment": order.payment_reference})

    async def verify(self, order: Order) -> Answer:
        return await self._ask(f"payments/{order.reference}")

    async def verify_payout(self, order: PayoutOrder) -> Answer:
        return await self._ask(f"payouts/{order.reference}")

    async def verify_refund(self, order: RefundOrder) -> Answer:
        return await self._ask(f"refunds/{order.reference}")

    async def _start(self, what: str, order: Any, facts: dict[str, Any]) -> Answer:
        body = {"id": order.reference, "amount": order.money.amount_minor, **facts}
        return await self._post(what, body)


class TokenAdapter(Speaker):
    """C: create, keep the token, then charge; without a token there is nothing to ask for."""

    async def initiate(self, order: Order, keep: Keep) -> Answer:
        if order.provider_reference is not None:
            return await self.verify(order)
        try:
            made = await self._send(
                "POST", "invoices", {"id": order.reference, "amount": order.money.amount_minor}
            )
        except NothingSent as error:
            return Answer(NotSent(Failure(FailureCode.PROVIDER_UNAVAILABLE, str(error))))
        except NoAnswer as error:
            return Answer(Unclear(str(error)))
        told = made.json_object() or {}
        if made.status != 201 or "token" not in told:
            return Answer(Unclear(f"HTTP {made.status}"))
        token = str(told["token"])
        await keep(token)
        answer = await self._post(f"invoices/{token}/charge", {"phone": order.method.msisdn.e164})  # type: ignore[union-attr]
        if isinstance(answer.word, NotSent | Refused):
            # The invoice exists: only its own state may end the attempt.
            answer = Answer(Unclear(f"charge: {type(answer.word).__name__}"))
        return Answer(answer.word, token)

    async def verify(self, order: Order) -> Answer:
        if order.provider_reference is None:
            return Answer(Unclear("no token was ever received"))
        answer = await self._ask(f"invoices/{order.provider_reference}")
        return Answer(answer.word, order.provider_reference)


def word_of(told: Mapping[str, Any]) -> Word:
    """Read their status; what is not theirs decides nothing and calls a person."""
    match told.get("status"):
        case "pending" | "duplicate":
            return Pending()
        case "completed":
            return Succeeded(Money(int(told["amount"]), "XOF"), str(told["reference"]), "op-1")
        case "failed":
            return Failed(Failure(FailureCode(str(told["reason"]))))
        case other:
            return Unclear(f"unknown status {other!r}", alert=True)


def signature(body: bytes) -> str:
    return hmac.new(SECRET, body, hashlib.sha256).hexdigest()


def identify(notification: Notification) -> tuple[str, ...]:
    try:
        told = msgspec.json.decode(notification.body)
        return tuple(str(told[name]) for name in ("reference", "token") if told.get(name))
    except (ValueError, TypeError, AttributeError):
        return ()


def spec(letter: str, resend: Resend, quarantine_seconds: int | None, adapter: type[Any]) -> Spec:
    name = f"model_{letter.lower()}"
    routes = tuple(
        Route("SN", MethodType.MOBILE_MONEY, "XOF", Authorization.APPROVE_ON_PHONE, operator)
        for operator in ("orange_sn", "free_sn", "expresso_sn")
    )
    return Spec(
        name=name,
        title=name,
        idempotency=letter,
        resend=resend,
        missing_is_final_after_seconds=quarantine_seconds,
        base_urls={Mode.TEST: f"http://{name}.test", Mode.LIVE: f"http://{name}.live"},
        routes=routes,
        config_type=ModelConfig,
        adapter=adapter,
        identify=identify,
        payout_routes=() if letter == "C" else routes,
        payout_resend=resend,
        demo_config={"label": name},
    )


MODELS = {
    found.name: found
    for found in (
        spec("A", Resend.ALWAYS, QUARANTINE_SECONDS, ModelAdapter),
        spec("B", Resend.NEVER, QUARANTINE_SECONDS, ModelAdapter),
        spec("C", Resend.BEFORE_REFERENCE, None, TokenAdapter),
    )
}


@contextmanager
def installed() -> Generator[None]:
    """Put the models beside the real providers in this process, as installed packages would, for a while."""
    specs().update(MODELS)
    try:
        yield
    finally:
        for name in MODELS:
            del specs()[name]
