"""Which addresses our own calls may reach: whoever names a host must not lead us into our own network.

Names are resolved once, and refused unless every address they have is allowed; the very address that is then
connected to is judged again when its socket is made, so that neither a name that changes its mind nor an address
written in an unusual way leads anywhere else. The name itself stays in Host and SNI.
"""

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from afriflow.core.transaction import Mode

# How long an idle connection is used again. Apache (PayDunya's pages are PHP) and uvicorn close theirs after 5 s by
# default: an order written into one at that moment is lost, and nobody can know whether it was read.
IDLE_SECONDS_MAX = 3

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# https://www.iana.org/assignments/iana-ipv6-unicast-address-assignments: all that is routed in public.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# RFC 6052: the IPv4 address that a network without IPv4 translates to stands in the last 32 bits.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# What `ipaddress` holds for public and is not: tunnels that end anywhere (6to4, RFC 7526; its relays, RFC 3068),
# documentation (RFC 9637), what IETF protocols use among themselves (RFC 6890), and what is for many at once.
_NOT_PUBLIC: tuple[Network, ...] = (
    ipaddress.IPv6Network("2002::/16"),
    ipaddress.IPv6Network("3fff::/20"),
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv4Network("224.0.0.0/4"),
)


class ForbiddenAddress(OSError):
    """A call would have gone to where it may not go; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far calls may go: to public addresses, to these networks besides, or anywhere."""

    networks: Sequence[Network] = ()
    anywhere: bool = False

    def allows(self, address: str) -> bool:
        """Judge one address, as a socket takes it."""
        if self.anywhere:
            return True
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return _is_public(found) or any(found in network for network in self.networks)

    def socket(self, info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
        """Make the socket of one connection. Raises ForbiddenAddress."""
        family, kind, protocol, _, address = info
        if not self.allows(str(address[0])):
            raise ForbiddenAddress(f"{address[0]} is not a public address")
        return socket.socket(family, kind, protocol)


PUBLIC = Reach()
ANYWHERE = Reach(anywhere=True)


class ReachResolver(AbstractResolver):
    """Resolves names whose addresses are all within reach. names: what resolves them at all."""

    def __init__(self, reach: Reach, names: AbstractResolver) -> None:
        self._reach = reach
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Give a host's addresses. Raises ForbiddenAddress, OSError."""
        found = await self._names.resolve(host, port, family)
        for item in found:
            if not self._reach.allows(item["host"]):
                raise ForbiddenAddress(f"{host} is not a public host")
        return found

    async def close(self) -> None:
        await self._names.close()


@dataclass(frozen=True, slots=True)
class Lines:
    """The sessions that calls go out by. live: only to public addresses; test: as far as it was told to."""

    test: aiohttp.ClientSession
    live: aiohttp.ClientSession

    def of(self, mode: Mode) -> aiohttp.ClientSession:
        return self.live if mode is Mode.LIVE else self.test

    async def close(self) -> None:
        await self.test.close()
        await self.live.close()


def open_lines(*, connections_max: int, reach: Reach, private_in_test: bool) -> Lines:
    """Open the sessions of both modes. private_in_test: test mode may go anywhere, as on a developer's machine."""
    of_test = ANYWHERE if private_in_test else reach
    return Lines(
        test=open_session(connections_max=connections_max, reach=of_test),
        live=open_session(connections_max=connections_max, reach=reach),
    )


def open_session(
    *, connections_max: int, reach: Reach, names: AbstractResolver | None = None
) -> aiohttp.ClientSession:
    """Make a session whose every connection stays within reach; no proxy, no cookie, no redirect of its own.

    connections_max: simultaneous connections to one host; there is no bound over all of them, or a few hanging
    providers would take the others' places. names: resolves names; None = the system does.
    Answers come as they were sent: whoever reads one unpacks it within its own limit.
    """
    connector = aiohttp.TCPConnector(
        limit=0,
        limit_per_host=connections_max,
        keepalive_timeout=IDLE_SECONDS_MAX,
        resolver=ReachResolver(reach, names or aiohttp.ThreadedResolver()),
        socket_factory=reach.socket,
    )
    return aiohttp.ClientSession(
        connector=connector,
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"accept-encoding": "identity"},
    )


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_public(address.ipv4_mapped)
        if address in _NAT64:
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _GLOBAL_UNICAST or address.scope_id is not None:
            return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)
