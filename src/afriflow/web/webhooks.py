"""Where providers knock: POST /api/webhooks/{provider} and /{provider}/{account}; the inbox does the rest."""

from collections.abc import Iterable
from typing import Any

from litestar import MediaType, Request, Response, route
from litestar.params import FromPath

from afriflow.core.errors import NotFound, TooLarge
from afriflow.port.provider import Notification
from afriflow.web.auth import House


@route(
    ["/api/webhooks/{provider:str}", "/api/webhooks/{provider:str}/{account_id:str}"],
    http_method=["POST", "PUT", "GET", "HEAD"],
    status_code=200,
    media_type=MediaType.TEXT,
    tags=["Webhooks"],
    summary="Provider notifications",
    public="what a notification says is believed by its signature only",
    request_max_body_size=None,  # `_body` holds its own limit, which is larger than the API's
)
async def receive(
    request: Request[Any, Any, Any],
    house: House,
    provider: FromPath[str],
) -> Response[str]:
    """Keep a provider's notification, whatever it holds, and answer 200 once it is on disk.

    GET and HEAD are probes. A forged one is kept as evidence and answered 200 too: a sender who may not come in
    learns nothing, and a provider whose signature we misjudge does not give up.
    """
    if request.method in {"GET", "HEAD"}:
        return Response("", status_code=200)
    account_id: str | None = request.path_params.get("account_id")  # the shorter of the two paths has none
    if account_id is not None and "\x00" in account_id:
        raise NotFound(id="")
    body = await _body(request, house.settings.notification_body_bytes_max)
    headers = read_headers(request.scope["headers"])
    notification = Notification(request.method, request.url.path, headers, body, house.clock.now())
    await house.receiver.receive(provider, account_id, notification)
    return Response("", status_code=200)


def read_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Give headers by name in lower case, as a signature is judged over them.

    What stands twice is one list (RFC 9110, 5.3): whoever adds a second signature has made another of the first.
    """
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


async def _body(request: Request[Any, Any, Any], bytes_max: int) -> bytes:
    """Read what was sent, and never more than may be kept. Raises TooLarge."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > bytes_max:
            raise TooLarge(limit_bytes=bytes_max)
    return bytes(content)
