"""What is counted of orders that come to an end: how, after how long, and why not."""

from datetime import datetime

from afriflow.core.transaction import OPEN, Step
from afriflow.db.engine import Record
from afriflow.observe.metrics import NO_OPERATOR, ORDERS_ENDED, ORDERS_FAILED


def tell_end(kind: str, method: Record, order: Record, step: Step, now: datetime) -> None:
    """Count an order that this step ends. method: the row with its operator. order: as it was before.

    Counted before the commit: one that is rolled back is counted again when it comes again, which is rare enough.
    """
    after = step.attempt
    if order["status"] not in OPEN or after.status in OPEN:
        return
    labels = (kind, order["mode"], order["provider"], method["method_operator"] or NO_OPERATOR)
    seconds = (now - order["created_at"]).total_seconds()
    ORDERS_ENDED.labels(*labels, after.status.value).observe(max(0.0, seconds))
    if after.failure is not None:
        ORDERS_FAILED.labels(*labels, after.failure.code.value).inc()
