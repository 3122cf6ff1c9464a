"""The API for merchants' servers: where they are told, what, under which secret, and once more."""

from datetime import UTC, datetime

from litestar import Controller, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from afriflow.assembly import Assembly
from afriflow.checkout.request import check_url
from afriflow.core.errors import FieldError, InvalidRequest
from afriflow.core.permission import Permission
from afriflow.core.transaction import Mode
from afriflow.delivery import endpoints
from afriflow.delivery.endpoints import Change
from afriflow.delivery.replay import Range, replays_of
from afriflow.delivery.target import ForbiddenTarget
from afriflow.ledger.search import make_cursor, read_cursor
from afriflow.web.api_setup import Cursor, Limit, read_id
from afriflow.web.auth import House, Who, require_key
from afriflow.web.endpoint import (
    EndpointChange,
    EndpointList,
    EndpointRequest,
    ReplayList,
    ReplayRequest,
    RotateRequest,
    ShownEndpoint,
    ShownReplay,
    ShownTest,
    show_endpoint,
    show_replay,
    show_test,
)


class EndpointController(Controller):
    """Where merchants want to be told."""

    path = "/api/webhook-endpoints"
    guards = [require_key]
    tags = ["Webhooks"]

    @post("/", permission=Permission.WEBHOOKS_WRITE, status_code=201, summary="Register an endpoint")
    async def add(self, house: House, caller: Who, data: JSONBody[EndpointRequest]) -> ShownEndpoint:
        """Register an address; its secret is in this answer and in no other."""
        _require_good(check_endpoint_url(house, data.url, caller.mode))
        async with house.database.transaction() as connection:
            made = await endpoints.add_endpoint(
                connection,
                house.vault,
                house.ids,
                merchant_id=caller.merchant_id,
                mode=caller.mode,
                url=data.url,
                who=caller.who,
                description=data.description,
                types=data.types,
            )
        return show_endpoint(made, secret=made.secret)

    @get("/", permission=Permission.WEBHOOKS_READ, summary="List endpoints")
    async def list_(self, house: House, caller: Who) -> EndpointList:
        """List the endpoints of the key's mode."""
        async with house.database.connection() as connection:
            found = await endpoints.endpoints_of(connection, house.vault, caller.merchant_id, caller.mode)
        return EndpointList([show_endpoint(item) for item in found])

    @get("/{endpoint_id:str}", permission=Permission.WEBHOOKS_READ, summary="Read an endpoint")
    async def read(self, house: House, caller: Who, endpoint_id: FromPath[str]) -> ShownEndpoint:
        """Give one endpoint, without its secret."""
        async with house.database.connection() as connection:
            return show_endpoint(
                await endpoints.endpoint_of(connection, house.vault, caller, read_id(endpoint_id))
            )

    @patch("/{endpoint_id:str}", permission=Permission.WEBHOOKS_WRITE, summary="Change an endpoint")
    async def change(
        self, house: House, caller: Who, endpoint_id: FromPath[str], data: JSONBody[EndpointChange]
    ) -> ShownEndpoint:
        """Change its address, description or events, or switch it off and on.

        Of what happens while it is off it is not told, and what waited for it is given up; a replay brings it.
        """
        if data.url is not None:
            _require_good(check_endpoint_url(house, data.url, caller.mode))
        wanted = Change(data.url, data.description, data.types, data.enabled)
        async with house.database.transaction() as connection:
            return show_endpoint(
                await endpoints.change_endpoint(connection, house.vault, caller, read_id(endpoint_id), wanted)
            )

    @delete(
        "/{endpoint_id:str}",
        permission=Permission.WEBHOOKS_WRITE,
        status_code=204,
        summary="Forget an endpoint",
    )
    async def remove(self, house: House, caller: Who, endpoint_id: FromPath[str]) -> None:
        """Forget an endpoint; what waits for it is not sent any more."""
        async with house.database.transaction() as connection:
            await endpoints.remove_endpoint(
                connection,
                merchant_id=caller.merchant_id,
                mode=caller.mode,
                endpoint_id=read_id(endpoint_id),
                who=caller.who,
            )

    @post(
        "/{endpoint_id:str}/rotate-secret",
        permission=Permission.WEBHOOKS_WRITE,
        status_code=200,
        summary="Give an endpoint a new secret",
    )
    async def rotate(
        self, house: House, caller: Who, endpoint_id: FromPath[str], data: JSONBody[RotateRequest]
    ) -> ShownEndpoint:
        """Make a new secret, which is in this answer and in no other; for a time the old one signs beside it."""
        seconds = read_overlap(house, data.overlap_seconds)
        async with house.database.transaction() as connection:
            made = await endpoints.rotate_secret(
                connection, house.vault, house.clock, caller, read_id(endpoint_id), seconds
            )
        return show_endpoint(made, secret=made.secret)

    @post(
        "/{endpoint_id:str}/test",
        permission=Permission.WEBHOOKS_WRITE,
        status_code=200,
        summary="Send a test event",
    )
    async def test(self, house: House, caller: Who, endpoint_id: FromPath[str]) -> ShownTest:
        """Send an event of type `endpoint.test` now, once, and say what your server answered."""
        return show_test(await house.prober.probe(caller, read_id(endpoint_id)))

    @post(
        "/{endpoint_id:str}/replay",
        permission=Permission.WEBHOOKS_WRITE,
        status_code=202,
        summary="Send the events of a time again",
    )
    async def replay(
        self, house: House, caller: Who, endpoint_id: FromPath[str], data: JSONBody[ReplayRequest]
    ) -> ShownReplay:
        """Send the events of a time again to one endpoint: the same bytes under the same ids and numbers, in order.

        They go out in batches, behind what happens now. Asked for twice while it runs, it is one replay.
        """
        wanted = Range(_utc(data.since, "/from"), data.until and _utc(data.until, "/to"), data.types)
        return show_replay(await house.replayer.begin(caller, read_id(endpoint_id), wanted))

    @get("/{endpoint_id:str}/replays", permission=Permission.WEBHOOKS_READ, summary="List replays")
    async def replays(
        self, house: House, caller: Who, endpoint_id: FromPath[str], limit: Limit = 20, cursor: Cursor = None
    ) -> ReplayList:
        """List an endpoint's replays, newest first."""
        limit = min(limit, house.settings.page_limit_max)
        before = read_cursor(cursor) if cursor else None
        async with house.database.connection() as connection:
            found = await endpoints.endpoint_of(connection, house.vault, caller, read_id(endpoint_id))
            rows = await replays_of(connection, caller, found.id, limit=limit + 1, before=before)
        shown = [show_replay(row) for row in rows[:limit]]
        return ReplayList(shown, make_cursor(shown[-1].id) if len(rows) > limit else None)


def check_endpoint_url(house: Assembly, url: str, mode: Mode) -> FieldError | None:
    """Judge where a merchant wants to be told; None when it will do."""
    if fault := check_url(url, mode, "/url"):
        return fault
    try:
        house.targets.judge(url, mode)
    except ForbiddenTarget:
        ports = ", ".join(str(port) for port in house.targets.ports)
        return FieldError("/url", "webhook_url_not_allowed", {"ports": ports})
    return None


def read_overlap(house: Assembly, seconds: int | None) -> int:
    """Give how long two secrets sign. Raises InvalidRequest for longer than may be."""
    most = house.settings.secret_overlap_seconds_max
    if seconds is None:
        return house.settings.secret_overlap_seconds
    if seconds > most:
        raise InvalidRequest(
            [FieldError("/overlap_seconds", "out_of_bounds", {"minimum": 0, "maximum": most})]
        )
    return seconds


def _require_good(fault: FieldError | None) -> None:
    if fault is not None:
        raise InvalidRequest([fault])


def _utc(time: datetime, pointer: str) -> datetime:
    """Read a bound of time; one without an offset is UTC. Raises InvalidRequest for one outside the calendar."""
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise InvalidRequest([FieldError(pointer, "invalid_value", {"reason": "no such time"})]) from error
