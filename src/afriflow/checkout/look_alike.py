"""Two payments of one amount from one phone, shortly after each other: said, never refused.

A double click or two open tabs make two keys and two references for one order, and no key can tell; a person can.
"""

from dataclasses import dataclass

from afriflow.core.method import PaymentMethod
from afriflow.db.engine import Connection, Record
from afriflow.ledger import store
from afriflow.ledger.method import phone_index
from afriflow.ledger.record import Entry
from afriflow.merchants.vault import Vault

SAME_PHONE_AND_AMOUNT = "same_phone_and_amount"


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Looks for them. window_seconds: how long after a payment another one is taken for it."""

    vault: Vault
    window_seconds: int

    async def note(self, connection: Connection, row: Record, method: PaymentMethod | None) -> list[Entry]:
        """Keep a warning on a transaction that looks like another; gives what its story says of it.

        row: the transaction, with its method already kept in this database transaction: whoever pays by the same one
        waits for us and sees us, so that of two at once the second one is warned about.
        """
        if method is None or method.msisdn is None:
            return []
        other: str | None = await connection.fetchval(
            store.TRANSACTION_LOOK_ALIKE,
            row["merchant_id"],
            row["mode"],
            phone_index(self.vault, row["merchant_id"], method),
            row["amount_minor"],
            row["currency"],
            row["id"],
            float(self.window_seconds),
        )
        if other is None:
            return []
        warnings = [{"code": SAME_PHONE_AND_AMOUNT, "transaction": other}]
        await connection.execute(store.TRANSACTION_WARN, row["merchant_id"], row["id"], warnings)
        return [(None, "LookAlike", "us", {"other": other, "status": row["status"]})]
