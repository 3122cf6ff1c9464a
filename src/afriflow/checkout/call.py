"""The two things that are said to a provider about an order, whichever way its money goes: do it, and how is it?"""

import asyncio
from dataclasses import dataclass, field

from afriflow.core.errors import Fault
from afriflow.db.engine import Record
from afriflow.ledger.store import OUT, PAYMENT, Sending
from afriflow.port.factory import OpenProvider
from afriflow.port.money_out import PayoutOrder, Payouts, RefundOrder, Refunds
from afriflow.port.provider import Account, Answer, Keep, Order, Resend
from afriflow.routing.route import MONEY_IN, MONEY_OUT

AnyOrder = Order | PayoutOrder | RefundOrder


@dataclass(frozen=True, slots=True)
class Planned:
    """An order whose intent is committed and which may now be sent, once.

    row: its attempt or disbursement. send: the number of this send. permitted_at: when its lease began, by the
    loop's clock, and not later.
    """

    row: Record
    account: Account
    order: AnyOrder
    send: int
    permitted_at: float = field(default_factory=lambda: asyncio.get_running_loop().time())


async def start(opened: OpenProvider, order: AnyOrder, keep: Keep) -> Answer:
    """Tell the provider to do it. Raises Fault when the adapter has no such ability."""
    adapter = opened.adapter
    match order:
        case Order():
            return await adapter.initiate(order, keep)
        case PayoutOrder() if isinstance(adapter, Payouts):
            return await adapter.payout(order, keep)
        case RefundOrder() if isinstance(adapter, Refunds):
            return await adapter.refund(order, keep)
        case _:
            raise Fault(reason=f"{opened.spec.name} cannot carry a {type(order).__name__}")


async def ask(opened: OpenProvider, order: AnyOrder) -> Answer:
    """Ask the provider how it stands. Raises Fault when the adapter has no such ability."""
    adapter = opened.adapter
    match order:
        case Order():
            return await adapter.verify(order)
        case PayoutOrder() if isinstance(adapter, Payouts):
            return await adapter.verify_payout(order)
        case RefundOrder() if isinstance(adapter, Refunds):
            return await adapter.verify_refund(order)
        case _:
            raise Fault(reason=f"{opened.spec.name} cannot carry a {type(order).__name__}")


def kind_of(row: Record) -> str:
    """Say what an order's row is: payment, refund or payout."""
    return row.get("kind", "payment")


def ids_of(row: Record) -> dict[str, str]:
    """Name an order for those who look on: its row's own id, and whose and of which payment it is."""
    own = "attempt_id" if kind_of(row) == "payment" else "disbursement_id"
    payment = {"transaction_id": row["transaction_id"]} if row["transaction_id"] else {}
    return {"merchant_id": row["merchant_id"], "account_id": row["account_id"], own: row["id"], **payment}


def statements(row: Record) -> Sending:
    """Give the statements of the table that an order stands in."""
    return PAYMENT if kind_of(row) == "payment" else OUT


def resend_of(opened: OpenProvider, row: Record) -> Resend:
    """Say when this order may be sent again."""
    return opened.spec.resend if kind_of(row) == "payment" else opened.spec.payout_resend


def operation_of(row: Record) -> str:
    """Name the circuit breaker."""
    return MONEY_IN if kind_of(row) == "payment" else MONEY_OUT


def operator_of(order: AnyOrder) -> str | None:
    """Name the operator whose wallet the money comes from or goes to, where the order knows it."""
    return None if isinstance(order, RefundOrder) else order.method.operator
