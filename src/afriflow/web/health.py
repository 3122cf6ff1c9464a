"""Whether this process lives and can work; the truth and nothing comfortable."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get

from afriflow.assembly import Assembly
from afriflow.core.errors import AfriFlowError
from afriflow.db.condition import schema_of
from afriflow.db.migrate import known_revisions
from afriflow.jobs.condition import is_worked

_FITS = frozenset({"ok", "newer"})


@dataclass
class Readiness:
    """What a balancer and a person are told. works: of a worker, whether it takes jobs."""

    house: Assembly
    works: Callable[[], bool] | None = None

    async def look(self) -> tuple[bool, dict[str, Any]]:
        """Say whether work may be sent here, and how everything stands that it hangs on.

        Needed: PostgreSQL with our schema. Told, since payments go on without: Redis, and somebody who works jobs.
        """
        schema, workers = "away", "unknown"
        try:
            async with self.house.database.connection() as connection:
                schema = await asyncio.to_thread(_judge, await schema_of(connection))
                if schema in _FITS:
                    workers = "ok" if await is_worked(connection) else "silent"
        except AfriFlowError:
            schema = "away"
        ready = schema in _FITS and (self.works is None or self.works())
        facts = {
            "status": "ready" if ready else "not_ready",
            "database": "away" if schema == "away" else "ok",
            "schema": "unknown" if schema == "away" else schema,
            "redis": await self._redis(),
            "workers": workers,
        }
        return ready, facts

    async def _redis(self) -> str:
        try:
            await self.house.redis.ping()  # pyright: ignore[reportUnknownMemberType]
        except Exception:  # noqa: BLE001 — whatever it is, Redis did not answer
            return "away"
        return "ok"


def _judge(revision: str | None) -> str:
    """Compare the database's schema with ours: a newer one is a release that is being rolled out, and fits us too."""
    newest, *older = known_revisions()
    if revision is None:
        return "missing"
    return "ok" if revision == newest else "old" if revision in older else "newer"


@get("/health/live", tags=["Operations"], summary="Is the process alive?", public="asked by load balancers")
async def live() -> dict[str, str]:
    """Answer as long as the event loop turns."""
    return {"status": "alive"}


@get("/health/ready", tags=["Operations"], summary="Can it take payments?", public="asked by load balancers")
async def ready(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Say whether requests may be sent here: 503 without PostgreSQL, or with an older schema."""
    is_ready, facts = await request.app.state.readiness.look()
    return Response(facts, status_code=200 if is_ready else 503)
