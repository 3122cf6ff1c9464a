"""How a message to the merchant comes to be: written with the change it tells, in one transaction, or not at all."""

import msgspec

from afriflow.core.clock import Clock
from afriflow.core.ids import Ids
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection
from afriflow.delivery import store
from afriflow.jobs.queue import enqueue

TASK = "deliver"
# Merchants wait for this word to hand over the goods; follow-ups can wait a moment.
PRIORITY = 5


def delivery_key(delivery_id: str) -> str:
    return f"deliver:{delivery_id}"


async def stage(
    connection: Connection,
    *,
    ids: Ids,
    clock: Clock,
    merchant_id: str,
    mode: Mode,
    subject_id: str,
    sequence: int,
    kind: str,
    data: object,
) -> None:
    """Write an event and one delivery with its job for each endpoint of the merchant in this mode that wants it.

    subject_id: the transaction or disbursement. sequence: gapless per subject, from 1. kind: "transaction.succeeded", …  data: the object as it is now;
    the bytes are made here once and sent verbatim however late (H45).
    """
    event_id = ids.new("evt")
    payload = msgspec.json.encode(
        {"type": kind, "timestamp": clock.now(), "data": data, "sequence": sequence}
    )
    await connection.execute(
        store.EVENT_INSERT, merchant_id, event_id, mode, subject_id, sequence, kind, payload
    )
    for row in await connection.fetch(store.ENDPOINTS_THAT_HEAR, merchant_id, mode):
        if row["types"] is not None and kind not in row["types"]:
            continue
        await stage_delivery(
            connection,
            ids=ids,
            merchant_id=merchant_id,
            mode=mode,
            event_id=event_id,
            endpoint_id=row["id"],
            subject_id=subject_id,
            sequence=sequence,
            kind=kind,
        )


async def stage_delivery(
    connection: Connection,
    *,
    ids: Ids,
    merchant_id: str,
    mode: Mode,
    event_id: str,
    endpoint_id: str,
    subject_id: str,
    sequence: int,
    kind: str,
    priority: int = PRIORITY,
) -> str:
    """Write one delivery and its job; gives the delivery's id. The event is given by what stands in its row."""
    delivery_id = ids.new("dlv")
    await connection.execute(
        store.DELIVERY_INSERT,
        merchant_id,
        delivery_id,
        mode,
        event_id,
        endpoint_id,
        subject_id,
        sequence,
        kind,
    )
    payload = {"merchant_id": merchant_id, "delivery_id": delivery_id}
    await enqueue(connection, TASK, payload, key=delivery_key(delivery_id), priority=priority)
    return delivery_id
