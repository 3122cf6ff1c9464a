"""What is measured of the whole house is true, or is not said."""

import math
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from afriflow.core.errors import Unavailable
from afriflow.observe import metrics
from afriflow.reconcile.measure import Measure


class Away:
    """PostgreSQL, which is not there, and Redis, which is not there either."""

    asked = 0

    def occupancy(self) -> dict[str, int]:
        return {"idle": 0, "used": 0}

    @asynccontextmanager
    async def connection(self) -> Any:
        self.asked += 1
        raise Unavailable(reason="away")
        yield

    async def ping(self) -> None:
        raise ConnectionError


async def test_without_postgresql_nothing_old_is_told_as_if_it_were_true() -> None:
    metrics.VIOLATIONS.labels("a rule").set(3)
    metrics.ORDERS_OPEN.labels("payment", "live", "a provider", "unknown").set(7)
    metrics.AUDIT_AGE.set(1)
    away = Away()
    measure = Measure(away, away, SimpleNamespace(not_closed=list), 60.0)  # type: ignore[arg-type]
    text = (await metrics.exposition([measure.read])).decode()
    assert "afriflow_database_up 0.0" in text
    assert "afriflow_redis_up 0.0" in text
    assert "afriflow_invariant_violations{" not in text
    assert "afriflow_orders_open{" not in text
    assert math.isnan(metrics.REGISTRY.get_sample_value("afriflow_audit_age_seconds") or 0)
    await metrics.exposition([measure.read, measure.read])
    assert away.asked == 1, "it was asked again within the minute for which an answer counts"
