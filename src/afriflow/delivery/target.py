"""Whether an address may be delivered to: never into our own network, unless test mode was told to."""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit


class ForbiddenTarget(Exception):
    """The address leads to where no merchant's server can be."""


async def check_target(url: str, *, private_allowed: bool) -> None:
    """Refuse an address that resolves to anything but public hosts. Raises ForbiddenTarget, OSError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ForbiddenTarget("not an http address")
    if private_allowed:
        return
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    for *_, address in found:
        if not ipaddress.ip_address(address[0]).is_global:
            raise ForbiddenTarget(f"{parts.hostname} is not a public host")
