"""GET /metrics: what a Prometheus reads; counts of the whole house, and nothing of any one payment."""

from litestar import Response, get

from afriflow.assembly import Assembly
from afriflow.core.errors import Unavailable
from afriflow.observe.metrics import CONTENT_TYPE, exposition, gauge
from afriflow.reconcile.audit import last_report
from afriflow.web.auth import House

_VIOLATIONS = gauge(
    "afriflow_invariant_violations",
    "Rows that break a rule of the audit and are not put right. Must be 0.",
    "rule",
)
_AUDIT_AGE = gauge("afriflow_audit_age_seconds", "Since the audit last ended; one is due each minute.")


@get(
    "/metrics",
    public="counts of the whole house; a proxy keeps it inside",
    tags=["Operations"],
    summary="What is measured, for Prometheus",
    media_type=CONTENT_TYPE,
)
async def metrics(house: House) -> Response[bytes]:
    """Ask PostgreSQL for what it alone knows; the same answer from every process."""

    async def audit() -> None:
        await _read_audit(house)

    return Response(await exposition([audit]), media_type=CONTENT_TYPE)


async def _read_audit(house: Assembly) -> None:
    """Say what the last look found; without a database say nothing of it, which an alert can see too."""
    _VIOLATIONS.clear()
    try:
        async with house.database.connection() as connection:
            report = await last_report(connection)
    except Unavailable:
        _AUDIT_AGE.set(float("nan"))
        return
    _AUDIT_AGE.set(float("nan") if report.age_seconds is None else report.age_seconds)
    for rule, count in report.violations.items():
        _VIOLATIONS.labels(rule).set(count)
