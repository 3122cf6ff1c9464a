"""Pages of the dashboard that say what is new without being loaded again: one stream each, which says no more than
that something changed; the page then asks for its region anew, as who looks at it may see it.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from litestar import Request, get
from litestar.response import Stream

from afriflow.core.errors import Unavailable
from afriflow.core.permission import Permission
from afriflow.ledger.watch import End, Listener, Watch
from afriflow.settings import Settings
from afriflow.web.auth import House, Me, Who, require_person
from afriflow.web.form import read_query
from afriflow.web.sign_in import HOME

# Browsers join a broken stream again after this; a process that goes away is replaced within seconds.
_AGAIN = b"retry: 3000\n\n"
_CHANGED = b"event: changed\ndata: 1\n\n"
_END = b"event: end\ndata: 1\n\n"  # and do not come again
_STILL_HERE = b":\n\n"
_MILLISECONDS_DIGITS_MAX = 14


@get(
    f"{HOME}/live", include_in_schema=False, guards=[require_person], permission=Permission.TRANSACTIONS_READ
)
async def tell_changes(request: Request[Any, Any, Any], house: House, caller: Who, me: Me) -> Stream:
    """Say `changed` whenever something did, of one payment (`about`) or of any, since the page was made (`since`)."""
    about, since = read_query(request, "about") or None, _moment(read_query(request, "since"))
    listener = Listener(me.merchant_id, caller.mode, me.person_id, about, since)

    async def is_in() -> bool:
        try:
            return await house.people.door.is_in(me)
        except Unavailable:  # asked again soon
            return True

    told = _told(request.app.state.watch, listener, is_in, house.settings)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}  # proxies pass each word on at once
    return Stream(told, media_type="text/event-stream", headers=headers)


async def _told(
    watch: Watch, listener: Listener, is_in: Callable[[], Awaitable[bool]], settings: Settings
) -> AsyncGenerator[bytes]:
    loop = asyncio.get_running_loop()
    looked_at = loop.time()
    watch.listen(listener)
    try:
        yield _AGAIN
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(listener.called.wait(), settings.live_heartbeat_seconds)
            if listener.end is not None:
                break
            if loop.time() - looked_at >= settings.live_heartbeat_seconds:
                looked_at = loop.time()
                if not await is_in():
                    listener.end = End.OVER
                    break
            if not listener.called.is_set():
                yield _STILL_HERE
                continue
            listener.called.clear()
            yield _CHANGED
            # Many changes at once are one for a page.
            await asyncio.sleep(settings.live_pause_seconds)
        if listener.end is End.OVER:
            yield _END
    finally:
        watch.leave(listener)


def _moment(milliseconds: str) -> datetime | None:
    """Read when a page was made; what is no such time counts as long ago."""
    if (
        not (milliseconds.isascii() and milliseconds.isdigit())
        or len(milliseconds) > _MILLISECONDS_DIGITS_MAX
    ):
        return None
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
