"""The embedded Valkey: a cache and a referee between processes, whose loss costs speed and never a payment."""

import signal
from pathlib import Path
from urllib.parse import quote

from afriflow.local.account import Account, private_folder
from afriflow.local.process import Ending, ServerProcess, ask
from afriflow.local.programs import valkey_program

SOCKET_NAME = "valkey.sock"

_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    # The title would hide the arguments by which a left-over server is recognised.
    "set-proc-title": "no",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory": "128mb",
    # An evicted idempotency key or breaker would be a silent lie; a refused write is seen.
    "maxmemory-policy": "noeviction",
}

_ENDING: Ending = ((signal.SIGTERM, 10), (signal.SIGKILL, 5))
# Loading a full append-only file of 128 MB takes a few seconds on a slow disk.
_PATIENCE_SECONDS = 60


class Valkey:
    """One data folder and one socket."""

    name = "redis"

    def __init__(self, home: Path, sockets: Path, account: Account | None) -> None:
        self._program = valkey_program()
        self._data = home / "valkey"
        self._socket = sockets / SOCKET_NAME
        self._pid_file = self._data / "valkey.pid"
        self._process = ServerProcess("Valkey", self._data, home / "log" / "valkey.log", account)

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self._socket))}"

    @property
    def pid(self) -> int | None:
        return self._process.pid

    async def start(self) -> None:
        """Ends when it answers a PING."""
        await self._process.bring_up(self._launch, self._answers, _PATIENCE_SECONDS)

    async def stop(self) -> None:
        await self._process.end(_ENDING)

    async def _launch(self) -> None:
        private_folder(self._data, self._process.account)
        await self._process.end_leftover(self._pid_file, _ENDING)
        settings = _SETTINGS | {
            "unixsocket": str(self._socket),
            "dir": str(self._data),
            "pidfile": str(self._pid_file),
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        self._process.spawn([str(self._program), *options], self._data, self._socket.parent)

    async def _answers(self) -> bool:
        # "-LOADING …" while the data of the last run is being read.
        return await ask(self._socket, b"PING\r\n", b"\r\n") == b"+PONG\r\n"
