"""A merchant's server for the demo: hears what AfriFlow tells it, checks who says so, and shows what it heard."""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from litestar import MediaType, Request, Response, get, post

from afriflow.core.clock import Clock
from afriflow.delivery.sign import verify
from afriflow.web.webhooks import read_headers

# Enough to look at; a demo is not an archive.
_HEARD_MAX = 500


@dataclass(slots=True)
class Shop:
    """What the demo merchant has heard, newest last. secret: of its webhook endpoint."""

    clock: Clock
    secret: Callable[[], str]
    tolerance_seconds: int
    heard: deque[dict[str, Any]] = field(default_factory=lambda: deque[dict[str, Any]](maxlen=_HEARD_MAX))

    def keep(self, event: dict[str, Any]) -> None:
        """Remember what was heard."""
        self.heard.append(event)

    def handlers(self) -> list[Any]:
        """Give the routes: POST what AfriFlow tells, GET what was heard."""

        @post(
            "/simulators/shop/webhooks", status_code=200, include_in_schema=False, media_type=MediaType.TEXT
        )
        async def hear(request: Request[Any, Any, Any]) -> Response[str]:
            body = await request.body()
            headers = read_headers(request.scope["headers"])
            now = int(self.clock.now().timestamp())
            genuine = verify(self.secret(), headers, body, now=now, tolerance_seconds=self.tolerance_seconds)
            if not genuine:
                return Response("not from AfriFlow", status_code=400)
            self.keep({"id": headers["webhook-id"], **json.loads(body)})
            return Response("thank you", status_code=200)

        @get("/simulators/shop/webhooks", include_in_schema=False)
        async def show() -> dict[str, Any]:
            return {"data": list(self.heard)}

        return [hear, show]
