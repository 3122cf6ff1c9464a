"""Whether an address may be told anything: https on a public host, unless test mode may go anywhere.

What is judged here is what is written; where the name leads is judged when it is connected to (`port/reach.py`).
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from yarl import URL

from afriflow.core.transaction import Mode
from afriflow.port.reach import PUBLIC

# Names that never stand in the public tree (RFC 6761, RFC 6762, ICANN 2024-07-29).
_NEVER_PUBLIC = frozenset({"localhost", "localdomain", "local", "internal"})


class ForbiddenTarget(Exception):
    """No merchant's server can be there."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Where merchants may be told. ports: of public hosts. private_in_test: test mode may tell any host and port."""

    ports: Sequence[int]
    private_in_test: bool

    def judge(self, url: str, mode: Mode) -> URL:
        """Read an address as it will be called. Raises ForbiddenTarget."""
        try:
            target = URL(url)
            host = target.host
            port = target.port
        except (ValueError, UnicodeError) as error:
            raise ForbiddenTarget("no address") from error
        if target.scheme not in {"http", "https"} or not host or not port:
            raise ForbiddenTarget("no address of a server")
        if target.user is not None or target.password is not None:
            raise ForbiddenTarget("an address with a name or password in it")
        if self.private_in_test and mode is Mode.TEST:
            return target
        if target.scheme != "https":
            raise ForbiddenTarget("not https")
        if port not in self.ports:
            raise ForbiddenTarget(f"port {port}")
        if not _may_be_public(host):
            raise ForbiddenTarget(f"{host} is not a public host")
        return target


def _may_be_public(host: str) -> bool:
    """Tell what a host is by its writing: an address that is public, or a name of the public tree."""
    try:
        return PUBLIC.allows(str(ipaddress.ip_address(host)))
    except ValueError:
        pass
    labels = host.rstrip(".").split(".")
    # What ends in a number is read as an IPv4 address by some, in octal, in hexadecimal or as one number by others
    # (https://url.spec.whatwg.org/#ends-in-a-number-checker).
    last = labels[-1].lower()
    return len(labels) > 1 and not (last[:1].isdigit() or last in _NEVER_PUBLIC)
