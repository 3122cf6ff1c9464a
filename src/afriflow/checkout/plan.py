"""How an attempt comes to be: its row, its id at the provider and its follow-up job, before a byte is sent."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from afriflow.checkout.call import AnyOrder, Planned
from afriflow.core.ids import Ids, attempt_uuid
from afriflow.core.money import Money
from afriflow.db.engine import Connection, Record, one
from afriflow.jobs.queue import enqueue
from afriflow.ledger import store
from afriflow.ledger.method import load_method, phone_index
from afriflow.ledger.record import remember_reference
from afriflow.merchants.keys import Caller
from afriflow.merchants.vault import Vault
from afriflow.port.money_out import RefundOrder
from afriflow.port.provider import Account, Order, Secret

FOLLOW = "follow"
EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Planner:
    """What planning needs from outside. lease_seconds: how long one send may take."""

    ids: Ids
    vault: Vault
    base_url: str
    lease_seconds: int
    first_check_seconds: int

    async def plan(
        self, connection: Connection, caller: Caller, transaction: Record, account: Account, otp: str | None
    ) -> Planned:
        """Write the next attempt of a locked transaction, in state `unknown`: from the commit on it may have been sent.

        The partial unique index refuses a second live attempt (S1).
        """
        merchant_id, transaction_id = transaction["merchant_id"], transaction["id"]
        attempts = await connection.fetch(store.ATTEMPTS, merchant_id, transaction_id)
        number = len(attempts) + 1
        key = transaction["idempotency_key"]
        reference = attempt_uuid(self.vault.attempt_secret, merchant_id, transaction["mode"], key, number)
        attempt_id = self.ids.new("att")
        order = await self.order(
            connection,
            caller.merchant_name,
            transaction,
            transaction["payment_method_id"],
            reference,
            None,
            otp,
        )
        permitted_at = asyncio.get_running_loop().time()
        await connection.execute(
            store.ATTEMPT_INSERT,
            merchant_id,
            attempt_id,
            transaction["mode"],
            transaction_id,
            number,
            account.provider,
            account.id,
            reference,
            transaction["amount_minor"],
            transaction["currency"],
            transaction["payment_method_id"],
            body_hash(order, account, self.vault),
            float(self.lease_seconds),
        )
        attempt = await one(connection, store.ATTEMPT, merchant_id, attempt_id)
        await remember_reference(connection, attempt, reference)
        await enqueue(
            connection,
            FOLLOW,
            {"merchant_id": merchant_id, "attempt_id": attempt_id},
            key=follow_key(attempt_id),
            delay_seconds=self.first_check_seconds,
        )
        return Planned(attempt, account, order, 1, permitted_at)

    async def order(
        self,
        connection: Connection,
        merchant_name: str,
        transaction: Record,
        method_id: str,
        reference: str,
        provider_reference: str | None,
        otp: str | None,
    ) -> Order:
        """Build what the adapter is given, always the same for the same attempt.

        method_id: the attempt's own; the payer may have chosen another since.
        """
        row = await one(connection, store.METHOD, transaction["merchant_id"], method_id)
        customer: dict[str, Any] = transaction["customer"]
        page = f"{self.base_url}/pay/{transaction['token']}"
        return Order(
            reference=reference,
            transaction_id=transaction["id"],
            merchant_name=merchant_name,
            money=Money(transaction["amount_minor"], transaction["currency"]),
            method=await load_method(connection, self.vault, row),
            return_url=f"{page}/return",
            cancel_url=f"{page}/cancelled",
            created_at=transaction["created_at"],
            description=transaction["description"],
            customer_name=customer.get("name"),
            customer_email=customer.get("email"),
            language=transaction["language"],
            provider_reference=provider_reference,
            otp=Secret(otp) if otp else None,
        )


def body_hash(order: AnyOrder, account: Account, vault: Vault) -> bytes:
    """Hash what must never differ between two sends of one order (S3); of a phone its index, which nobody can guess."""
    facts: list[object] = [order.reference, account.id, order.money.amount_minor, order.money.currency]
    if isinstance(order, RefundOrder):
        facts.append(order.payment_reference)
    else:
        facts += [order.method.operator, phone_index(vault, account.merchant_id, order.method).hex()]
    return hashlib.sha256(msgspec.json.encode(facts)).digest()


def follow_key(attempt_id: str) -> str:
    return f"follow:{attempt_id}"


def expire_key(transaction_id: str) -> str:
    return f"expire:{transaction_id}"


async def plan_expiry(
    connection: Connection, merchant_id: str, transaction_id: str, now: datetime, expires_at: datetime
) -> None:
    """Put the end of the session on the clock."""
    await enqueue(
        connection,
        EXPIRE,
        {"merchant_id": merchant_id, "transaction_id": transaction_id},
        key=expire_key(transaction_id),
        delay_seconds=max(1.0, (expires_at - now).total_seconds()),
    )
