"""GET /metrics: what a Prometheus reads; counts of the whole house, and nothing of any one payment."""

import hmac
from typing import Any

from litestar import Request, Response, get

from afriflow.core.errors import NotFound, Unauthenticated
from afriflow.observe.metrics import CONTENT_TYPE, exposition


@get(
    "/metrics",
    public="asks for a token of its own",
    tags=["Operations"],
    summary="What is measured, for Prometheus",
    media_type=CONTENT_TYPE,
)
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Give what this process counted, and what PostgreSQL knows of the whole fleet.

    Asks for `AFRIFLOW_METRICS_TOKEN` as Bearer; where none is set there is nothing here for the world to see.
    """
    house = request.app.state.house
    token: str = house.settings.metrics_token
    if token:
        said = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(said.encode(), token.encode()):
            raise Unauthenticated
    elif not request.app.state.metrics_open:
        raise NotFound(id="")
    return Response(await exposition([house.measure.read]), media_type=CONTENT_TYPE)
