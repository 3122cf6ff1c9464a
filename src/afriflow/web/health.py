"""Whether this process lives and can work; the truth and nothing comfortable."""

from typing import Any

from litestar import Response, get

from afriflow.core.errors import AfriFlowError
from afriflow.db.condition import answers
from afriflow.web.auth import House


@get("/health/live", tags=["Operations"], summary="Is the process alive?", public="asked by load balancers")
async def live() -> dict[str, str]:
    """Answer as long as the event loop turns."""
    return {"status": "alive"}


@get("/health/ready", tags=["Operations"], summary="Can it take payments?", public="asked by load balancers")
async def ready(house: House) -> Response[dict[str, Any]]:
    """Ask PostgreSQL, which we need, and Redis, which we can do without."""
    database, redis = "ok", "ok"
    try:
        async with house.database.connection() as connection:
            await answers(connection)
    except AfriFlowError:
        database = "away"
    try:
        await house.redis.ping()  # pyright: ignore[reportUnknownMemberType]
    except Exception:  # noqa: BLE001 — whatever it is, Redis did not answer
        redis = "away"
    status = "ready" if database == "ok" else "not_ready"
    body = {"status": status, "database": database, "redis": redis}
    return Response(body, status_code=200 if database == "ok" else 503)
