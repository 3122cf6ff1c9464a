"""How money out is ordered: the disbursement, its id at the provider and its follow-up job, before a byte is sent."""

import asyncio
from dataclasses import dataclass
from typing import Any

from afriflow.checkout.call import Planned
from afriflow.checkout.plan import FOLLOW, body_hash, follow_key
from afriflow.core.clock import Clock
from afriflow.core.ids import Ids, attempt_uuid
from afriflow.core.method import PaymentMethod
from afriflow.core.money import Money
from afriflow.core.review import Cause
from afriflow.db.engine import Connection, Record, one
from afriflow.jobs.queue import enqueue
from afriflow.ledger import store
from afriflow.ledger.method import load_method
from afriflow.ledger.record import remember_reference
from afriflow.merchants.keys import Caller
from afriflow.merchants.vault import Vault
from afriflow.port.money_out import PayoutOrder, RefundOrder
from afriflow.port.provider import Account


@dataclass(frozen=True, slots=True)
class Intent:
    """What is wanted, checked and ready to be written.

    transaction_id: of a refund. merchant_reference: of a payout, unique. payment: the attempt whose money goes back.
    cause: why, where nobody asked for it. batch_id: of a payout that was ordered with others.
    """

    kind: str
    money: Money
    country: str
    method_id: str
    language: str
    metadata: dict[str, Any]
    description: str | None = None
    transaction_id: str | None = None
    payment: Record | None = None
    cause: Cause | None = None
    merchant_reference: str | None = None
    recipient_name: str | None = None
    routing: dict[str, Any] | None = None
    batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class OutPlanner:
    """What planning needs from outside; the limits are those of payments."""

    ids: Ids
    clock: Clock
    vault: Vault
    lease_seconds: int
    first_check_seconds: int

    async def plan(
        self,
        connection: Connection,
        caller: Caller,
        account: Account,
        disbursement_id: str,
        key: str,
        intent: Intent,
    ) -> Planned | None:
        """Write the disbursement in state `unknown`; None when its reference or its cause is taken."""
        reference = attempt_uuid(
            self.vault.attempt_secret, caller.merchant_id, caller.mode, f"{intent.kind}:{key}", 1
        )
        row = await one(connection, store.METHOD, caller.merchant_id, intent.method_id)
        method = await load_method(connection, self.vault, row)
        order = self._order(caller.merchant_name, disbursement_id, reference, intent, method)
        permitted_at = asyncio.get_running_loop().time()
        inserted = await connection.execute(
            store.DISBURSEMENT_INSERT,
            caller.merchant_id,
            disbursement_id,
            caller.mode,
            intent.kind,
            intent.money.amount_minor,
            intent.money.currency,
            intent.country,
            intent.transaction_id,
            intent.merchant_reference,
            intent.method_id,
            intent.recipient_name,
            intent.description,
            intent.metadata,
            intent.language,
            account.provider,
            account.id,
            intent.routing,
            reference,
            body_hash(order, account, self.vault),
            intent.cause,
            intent.payment["id"] if intent.payment else None,
            intent.batch_id,
            float(self.lease_seconds),
        )
        if inserted == "INSERT 0 0":
            return None
        row = await one(connection, store.DISBURSEMENT, caller.merchant_id, disbursement_id)
        await remember_reference(connection, row, reference, intent.kind)
        await enqueue(
            connection,
            FOLLOW,
            {"merchant_id": caller.merchant_id, "attempt_id": disbursement_id},
            key=follow_key(disbursement_id),
            delay_seconds=self.first_check_seconds,
        )
        return Planned(row, account, order, 1, permitted_at)

    async def order(
        self, connection: Connection, merchant_name: str, row: Record
    ) -> PayoutOrder | RefundOrder:
        """Build what the adapter is given again, always the same for the same disbursement."""
        stored = await one(connection, store.METHOD, row["merchant_id"], row["payment_method_id"])
        method = await load_method(connection, self.vault, stored)
        payment = None
        if row["kind"] == "refund":
            payment = await payment_of(connection, row)
        intent = Intent(
            kind=row["kind"],
            money=Money(row["amount_minor"], row["currency"]),
            country=row["country"],
            method_id=row["payment_method_id"],
            language=row["language"],
            metadata=row["metadata"],
            description=row["description"],
            transaction_id=row["transaction_id"],
            payment=payment,
            recipient_name=row["recipient_name"],
        )
        return self._order(
            merchant_name,
            row["id"],
            row["reference"],
            intent,
            method,
            row["provider_reference"],
            row["created_at"],
        )

    def _order(
        self,
        merchant_name: str,
        disbursement_id: str,
        reference: str,
        intent: Intent,
        method: PaymentMethod,
        provider_reference: str | None = None,
        created_at: Any = None,
    ) -> PayoutOrder | RefundOrder:
        created_at = created_at or self.clock.now()
        if intent.payment is not None:
            return RefundOrder(
                reference=reference,
                refund_id=disbursement_id,
                money=intent.money,
                payment_reference=intent.payment["reference"],
                payment_provider_reference=intent.payment["provider_reference"],
                created_at=created_at,
                provider_reference=provider_reference,
            )
        return PayoutOrder(
            reference=reference,
            payout_id=disbursement_id,
            merchant_name=merchant_name,
            money=intent.money,
            method=method,
            created_at=created_at,
            recipient_name=intent.recipient_name,
            description=intent.description,
            language=intent.language,
            provider_reference=provider_reference,
        )


async def payment_of(connection: Connection, refund: Record) -> Record:
    """Find the attempt whose money a refund gives back; refunds of before attempts were noted mean the one that paid."""
    if refund["payment_attempt_id"] is not None:
        return await one(connection, store.ATTEMPT, refund["merchant_id"], refund["payment_attempt_id"])
    return await one(connection, store.ATTEMPT_THAT_PAID, refund["merchant_id"], refund["transaction_id"])
