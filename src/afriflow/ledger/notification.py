"""How what a provider sent is kept: byte for byte as it came but for card numbers, and sealed, since it names who pays."""

from afriflow.core.place import Place
from afriflow.db.engine import Connection, Record
from afriflow.merchants.vault import Vault


async def seal_body(
    connection: Connection, vault: Vault, merchant_id: str, event_id: str, body: bytes
) -> bytes:
    """Seal a body. merchant_id: whose the row is; it is sealed again when a row of nobody's finds its merchant."""
    return await vault.seal_bytes(connection, body, _place(merchant_id, event_id))


async def read_body(connection: Connection, vault: Vault, row: Record) -> bytes:
    """Open the body of a notification's row; empty when its time was over. Raises Unsealable."""
    if not row["body"]:
        return b""
    return await vault.unseal_bytes(connection, row["body"], _place(row["merchant_id"], row["id"]))


def _place(merchant_id: str, event_id: str) -> Place:
    return Place("webhook_events", "body", merchant_id, event_id)
