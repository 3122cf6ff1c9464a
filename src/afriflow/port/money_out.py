"""What a provider may also be able to do: give money back, and send it to people.

The capability exists when the adapter has the methods; nothing is declared twice and nothing answers "not
implemented". The rules are those of a payment: words only, whatever cannot be proven is `Unclear`, and the same
order may be sent again only as `Spec.payout_resend` allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from afriflow.core.method import PaymentMethod
from afriflow.core.money import Money
from afriflow.port.provider import Answer, Keep


@dataclass(frozen=True, slots=True)
class PayoutOrder:
    """Money to a person's wallet, the same for ever.

    reference: our id, UUIDv4-shaped; the provider must give it back. provider_reference: the provider's own id, once
    it gave one. description: for the recipient, at most 200 characters.
    """

    reference: str
    payout_id: str
    merchant_name: str
    money: Money
    method: PaymentMethod
    created_at: datetime
    recipient_name: str | None = None
    description: str | None = None
    language: str = "en"
    provider_reference: str | None = None


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """Money back to who paid, whole or in part.

    payment_reference: our id of the attempt that brought the money. payment_provider_reference: the provider's.
    """

    reference: str
    refund_id: str
    money: Money
    payment_reference: str
    payment_provider_reference: str | None
    created_at: datetime
    provider_reference: str | None = None


@runtime_checkable
class Payouts(Protocol):
    """An adapter that can send money out."""

    async def payout(self, order: PayoutOrder, keep: Keep) -> Answer:
        """Ask the provider to send the money; never raises for network or provider."""
        ...

    async def verify_payout(self, order: PayoutOrder) -> Answer:
        """Ask how a payout stands; moves no money."""
        ...


@runtime_checkable
class BulkPayouts(Payouts, Protocol):
    """An adapter that can send many payouts out in one call, each of which stands for itself.

    bulk_max: how many. Only for providers that know an order by our reference: nothing is kept before the call.
    """

    bulk_max: int

    async def payout_bulk(self, orders: Sequence[PayoutOrder]) -> Sequence[Answer]:
        """Ask the provider to send the money; the answers in the order of the orders. Never raises for network or provider."""
        ...


@runtime_checkable
class Refunds(Protocol):
    """An adapter that can give money back by its own means."""

    async def refund(self, order: RefundOrder, keep: Keep) -> Answer:
        """Ask the provider to give the money back; never raises for network or provider."""
        ...

    async def verify_refund(self, order: RefundOrder) -> Answer:
        """Ask how a refund stands; moves no money."""
        ...
