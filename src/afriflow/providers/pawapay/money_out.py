"""How money leaves an account at pawaPay: payouts to wallets, refunds of deposits, and taking back what still waits.

docs.pawapay.io/v2/docs/payouts and /refunds. Idempotent by our id as deposits are; nobody has to approve anything, so
all that is not final is simply pending. Fees, wallets and their funds are pawaPay's matter.
"""

from collections.abc import Sequence

from afriflow.core.evidence import NotSent, Word
from afriflow.core.method import Failure, FailureCode
from afriflow.port.http import Reply
from afriflow.port.money_out import PayoutOrder, RefundOrder
from afriflow.port.provider import Answer, Keep
from afriflow.providers.pawapay import requests, wire
from afriflow.providers.pawapay.operations import Ack, Meant, Operations
from afriflow.providers.pawapay.tables import Provider, provider_for
from afriflow.providers.pawapay.wire import Kind

# "More than 20 payouts may be rejected": docs.pawapay.io/v2/api-reference/payouts/initiate-bulk-payout
BULK_MAX = 20

_NO_ROUTE = NotSent(Failure(FailureCode.PROVIDER_REJECTED, "no_route"))


class MoneyOut(Operations):
    """`BulkPayouts` and `Refunds` (port/money_out.py)."""

    bulk_max = BULK_MAX

    async def payout(self, order: PayoutOrder, keep: Keep) -> Answer:  # noqa: ARG002 - our id is theirs
        provider = _carrier(order)
        if provider is None:
            return Answer(_NO_ROUTE)
        body = requests.payout_body(order, provider, self._config)
        return Answer(await self._begin(self._payout(order), body))

    async def verify_payout(self, order: PayoutOrder) -> Answer:
        return Answer(await self._word(self._payout(order)))

    async def payout_bulk(self, orders: Sequence[PayoutOrder]) -> tuple[Answer, ...]:
        """Send many payouts in one request; each stands for itself, and the answers come in the orders' order.

        Raises ValueError for more than pawaPay takes.
        """
        if len(orders) > BULK_MAX:
            raise ValueError(f"at most {BULK_MAX} payouts in one request")
        carried = [(order, provider) for order in orders if (provider := _carrier(order)) is not None]
        words: dict[str, Word] = {}
        if carried:
            body = requests.payouts_body(carried, self._config)
            reply = await self._sent(lambda: self._initiate("payout_bulk", f"{Kind.PAYOUT.path}/bulk", body))
            references = [order.reference for order, _ in carried]
            said = (
                wire.bulk_words(reply, references) if isinstance(reply, Reply) else [reply] * len(references)
            )
            for (order, _), word in zip(carried, said, strict=True):
                known = self._payout(order)
                words[order.reference] = await self._word(known, is_known=True) if word is None else word
        return tuple(Answer(words.get(order.reference, _NO_ROUTE)) for order in orders)

    async def refund(self, order: RefundOrder, keep: Keep) -> Answer:  # noqa: ARG002 - our id is theirs
        return Answer(await self._begin(_refund(order), requests.refund_body(order)))

    async def verify_refund(self, order: RefundOrder) -> Answer:
        return Answer(await self._word(_refund(order)))

    async def cancel_enqueued(self, kind: str, reference: str) -> Ack:
        """Take back a payout or refund that waits for its operator. kind: "payout" or "refund".

        Accepted is not cancelled: it fails as MANUALLY_CANCELLED a moment later, and a callback says so.
        """
        return await self._act("cancel_enqueued", f"{Kind(kind).path}/fail-enqueued/{reference}")

    def _payout(self, order: PayoutOrder) -> Meant:
        phone_number = requests.phone_number(order.method, self._config)
        return Meant(Kind.PAYOUT, order.reference, order.money, phone_number=phone_number)


def _refund(order: RefundOrder) -> Meant:
    return Meant(Kind.REFUND, order.reference, order.money)


def _carrier(order: PayoutOrder) -> Provider | None:
    return None if order.method.msisdn is None else provider_for(order.method, order.money.currency)
