"""What every answer carries, whoever made it: what a browser may do with it, and how much a key may still ask."""

from typing import Any

from afriflow.web.pace import Level

# Nothing at all: an answer that is no page of ours is shown to nobody. Pages bring a policy of their own.
_NOTHING = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"cache-control", b"no-store"),  # names, masked numbers, amounts; what may be kept says so itself
    (b"content-security-policy", _NOTHING),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # the address of a payment page is its key
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
# Two years, as browsers' preload lists want it; only where we are reached by https, or nobody would reach us at all.
_HSTS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")


async def complete_answer(message: Any, scope: Any) -> None:
    """Add what an answer does not say itself."""
    if message["type"] != "http.response.start":
        return
    headers: list[tuple[bytes, bytes]] = list(message["headers"])
    said = {name.lower() for name, _ in headers}
    headers += [item for item in _HEADERS if item[0] not in said]
    if scope["litestar_app"].state.house.settings.base_url.startswith("https:"):
        headers.append(_HSTS)
    level: Level | None = scope.get("state", {}).get("pace")
    if level is not None:
        headers += level.headers()
    message["headers"] = headers
