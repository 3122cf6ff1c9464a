"""The dashboard's queues: what only a person can decide, oldest first, with its age, its reason and the way to the decision."""

from typing import Any
from urllib.parse import urlencode

from babel.dates import format_timedelta
from litestar import Controller, Request, Response, get
from litestar.params import FromPath

from afriflow.core.errors import InvalidRequest, NotFound
from afriflow.core.permission import Permission
from afriflow.ledger.needs import count_needs
from afriflow.ledger.waiting import QUEUES, Waiting, waiting
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import dashboard_page
from afriflow.web.form import read_query, require_own_page
from afriflow.web.render import go_to, page_language
from afriflow.web.sign_in import HOME

_ROWS = 25
_KINDS = ("payments", "refunds", "payouts")
# As `ledger.needs` counts them.
_COUNTED = {"unresolved": "unresolved", "needs_review": "review"}


class QueuePages(Controller):
    """What waits for people."""

    path = f"{HOME}/queue"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.TRANSACTIONS_READ)
    async def first(self, house: House, caller: Who) -> Response[None]:
        """Begin where something waits."""
        async with house.database.connection() as connection:
            needs = await count_needs(connection, caller.merchant_id, caller.mode, house.clock.now())
        return go_to(f"{HOME}/queue/{max(QUEUES, key=lambda queue: _count(needs, queue) > 0)}")

    @get("/{queue:str}", permission=Permission.TRANSACTIONS_READ)
    async def list_(
        self, request: Request[Any, Any, Any], house: House, caller: Who, queue: FromPath[str]
    ) -> Response[Any]:
        """List one queue."""
        if queue not in QUEUES:
            raise NotFound(id="")
        here, now = f"{HOME}/queue/{queue}", house.clock.now()
        language, cursor = page_language(request, caller.language), read_query(request, "cursor") or None
        async with house.database.connection() as connection:
            try:
                found, following = await waiting(
                    connection, caller, queue, language, limit=_ROWS, cursor=cursor
                )
            except InvalidRequest:  # a cursor that was cut off: begin anew
                return go_to(here)
            needs = await count_needs(connection, caller.merchant_id, caller.mode, now)
        return dashboard_page(
            request,
            caller,
            "queue.html",
            queue=queue,
            queues=[(name, _count(needs, name)) for name in QUEUES],
            shown=[
                (item, _address(item), format_timedelta(now - item.created_at, locale=language))
                for item in found
            ],
            next_url=f"{here}?{urlencode({'cursor': following})}" if following else None,
            first_url=here if cursor else None,
        )


def _count(needs: Any, queue: str) -> int:
    return sum(needs[f"{kind}_{_COUNTED[queue]}"] for kind in _KINDS)


def _address(item: Waiting) -> str:
    if item.kind == "payment":
        return f"{HOME}/transactions/{item.id}"
    return f"{HOME}/money-out/{item.kind}s/{item.id}"
