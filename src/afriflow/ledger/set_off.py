"""What a step sets in motion: jobs that commit with it, so that neither exists without the other."""

from collections.abc import Sequence

from afriflow.core.review import Cause, LatePolicy
from afriflow.core.transaction import Step, TransactionStatus
from afriflow.db.engine import Connection, Record
from afriflow.jobs.queue import enqueue

ASK = "ask"
GIVE_BACK = "give_back"


async def ask_again(connection: Connection, merchant_id: str, order_id: str) -> None:
    """Have the provider asked how an order stands, whatever we hold it for."""
    payload = {"merchant_id": merchant_id, "attempt_id": order_id}
    await enqueue(connection, ASK, payload, key=f"ask:{order_id}")


async def set_off(
    connection: Connection, attempt: Record, others: Sequence[Record], step: Step, late_policy: LatePolicy
) -> None:
    """Put off what follows a step of a payment.

    attempt: as it was before. others: of the same transaction. A success beside a live attempt waits as surplus: when
    that attempt ends without money, its provider is asked again; when it succeeds, the surplus goes back.
    """
    merchant_id = attempt["merchant_id"]
    if step.ask:
        await ask_again(connection, merchant_id, attempt["id"])
    if step.refund is not None:
        await _give_back(connection, merchant_id, attempt["id"], step.refund)
    surplus = [other["id"] for other in others if other["surplus"]]
    if not step.changed or not surplus:
        return
    if step.transaction.status is not TransactionStatus.SUCCEEDED:
        await ask_again(connection, merchant_id, surplus[0])
    elif late_policy is LatePolicy.AUTO_REFUND:
        for attempt_id in surplus:
            await _give_back(connection, merchant_id, attempt_id, Cause.OVERPAID)


async def _give_back(connection: Connection, merchant_id: str, attempt_id: str, cause: Cause) -> None:
    payload = {"merchant_id": merchant_id, "attempt_id": attempt_id, "cause": cause.value}
    await enqueue(connection, GIVE_BACK, payload, key=f"give_back:{cause}:{attempt_id}")
