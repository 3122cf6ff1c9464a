"""What deposits, payouts and refunds have in common: asking how one stands, and what a known id means."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from afriflow.core.evidence import Missing, NotSent, Unclear, Word
from afriflow.core.method import Failure, FailureCode
from afriflow.core.money import Money
from afriflow.port.http import NoAnswer, NothingSent, Reply
from afriflow.providers.pawapay import wire
from afriflow.providers.pawapay.caller import Caller, NotProven
from afriflow.providers.pawapay.tables import Provider
from afriflow.providers.pawapay.wire import Kind

# A number of Benin comes back in 8 digits or in 10: what both forms end in tells one wallet from another.
_PHONE_END = 8


@dataclass(frozen=True, slots=True)
class Meant:
    """What we asked pawaPay for. provider: who carries a deposit. phone_number: as sent, None where none was."""

    kind: Kind
    reference: str
    money: Money
    provider: Provider | None = None
    phone_number: str | None = None


@dataclass(frozen=True, slots=True)
class Ack:
    """What pawaPay said to a request about an operation. accepted None = it is not known. code: why it was refused."""

    accepted: bool | None
    code: str | None = None
    message: str | None = None


class Operations(Caller):
    """The common half of deposits and money out."""

    async def resend_callback(self, kind: str, reference: str) -> Ack:
        """Have the callback of an operation that has ended sent again. kind: "deposit", "payout" or "refund"."""
        return await self._act("resend_callback", f"{Kind(kind).path}/resend-callback/{reference}")

    async def _begin(self, meant: Meant, body: bytes) -> Word:
        """Send an initiation and read its answer; a known id is answered with how it stands."""
        operation = "initiate" if meant.kind is Kind.DEPOSIT else meant.kind.value
        reply = await self._sent(lambda: self._initiate(operation, meant.kind.path, body))
        if not isinstance(reply, Reply):
            return reply
        word = wire.initiation_word(reply, meant.provider)
        return await self._word(meant, is_known=True) if word is None else word

    async def _sent(self, send: Callable[[], Awaitable[Reply]]) -> Reply | Word:
        try:
            return await send()
        except NothingSent as error:
            return NotSent(Failure(FailureCode.PROVIDER_UNAVAILABLE, None, str(error)))
        except NoAnswer as error:
            return Unclear(f"no answer to initiate: {error}", alert=isinstance(error, NotProven))

    async def _word(self, meant: Meant, *, is_known: bool = False) -> Word:
        """Ask how an operation stands. is_known: pawaPay has just said that it has the id.

        It compares ids only, so that what it holds under ours is compared here: with what we meant.
        """
        operation = await self._found(meant)
        if isinstance(operation, Missing) and is_known:
            return Unclear("pawaPay has the id and does not find it", alert=True)
        if not isinstance(operation, Mapping):
            return operation
        if (other := _difference(operation, meant)) is not None:
            return Unclear(f"pawaPay has our id with another {other}", alert=True, review=True)
        return wire.operation_word(operation, meant.kind, asked_for=meant.reference, provider=meant.provider)

    async def _found(self, meant: Meant) -> Mapping[str, Any] | Word:
        operation = "verify" if meant.kind is Kind.DEPOSIT else f"verify_{meant.kind.value}"
        try:
            reply = await self._ask(operation, f"{meant.kind.path}/{meant.reference}")
        except (NothingSent, NoAnswer) as error:
            return Unclear(f"no answer to verify: {error}", alert=isinstance(error, NotProven))
        return wire.found(reply, meant.kind, meant.reference)

    async def _act(self, operation: str, path: str) -> Ack:
        """Ask for something about an operation (docs.pawapay.io/v2/api-reference: resend, cancel enqueued)."""
        try:
            reply = await self._ask(operation, path, "POST")
        except (NothingSent, NoAnswer) as error:
            return Ack(None, None, str(error))
        body = reply.json_object() or {}
        code, message = wire.failure_reason(body)
        if reply.status == 200 and body.get("status") == "ACCEPTED":
            return Ack(accepted=True)
        # v1 answered FAILED where v2 says REJECTED; both with a reason.
        if reply.status in {200, 400, 401, 403} and code:
            return Ack(accepted=False, code=code, message=message)
        return Ack(None, None, f"HTTP {reply.status}")


def _difference(operation: Mapping[str, Any], meant: Meant) -> str | None:
    """Name what pawaPay holds differently, None where all that it shows agrees.

    An amount that cannot be read is no difference here; a success is not believed without one.
    """
    shown = wire.money_of(operation)
    if shown is not None and shown != meant.money:
        return "amount"
    phone = wire.phone_of(operation)
    if meant.phone_number and phone and phone[-_PHONE_END:] != meant.phone_number[-_PHONE_END:]:
        return "phone"
    return None
