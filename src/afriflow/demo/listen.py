"""Which port we take: the one that was asked for, or a free one when the usual one is taken."""

import socket

from afriflow.core.errors import PortTaken


def listen(host: str, port: int, *, strict: bool) -> socket.socket:
    """Open the listening socket. strict: the port was asked for by name, so another one will not do.

    Raises PortTaken when no other may be used.
    """
    try:
        return _bound(host, port)
    except OSError as error:
        if strict:
            raise PortTaken(port=port) from error
        return _bound(host, 0)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by name: without it asyncio does not set TCP_NODELAY, and each answer waits 40 ms.
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
        opened.listen(2048)
    except OSError:
        opened.close()
        raise
    opened.set_inheritable(True)
    return opened
