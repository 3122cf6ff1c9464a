"""The embedded PostgreSQL: durable as in production, small as on a laptop, reached by a Unix socket alone."""

import shutil
import signal
import struct
from pathlib import Path
from urllib.parse import quote

from afriflow.local.account import Account, private_folder
from afriflow.local.process import Ending, ServerProcess, ask
from afriflow.local.programs import postgres_programs

# The part of the socket's name that PostgreSQL fixes; the length of a Unix socket's path is limited.
SOCKET_NAME = ".s.PGSQL.5432"

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # A payment that was answered is on the disk: never to be traded for speed, not even in a demo.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "max_wal_size": "256MB",
    "autovacuum": "on",
    # Our statements take a millisecond; compiling one takes fifty.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}

# SIGINT: open transactions are rolled back; SIGQUIT: at once, and the next start recovers.
_ENDING: Ending = ((signal.SIGINT, 30), (signal.SIGQUIT, 5), (signal.SIGKILL, 5))

# Recovery after a kill replays at most max_wal_size; a slow disk may need a minute for it.
_PATIENCE_SECONDS = 120
# A killed server's backends live on for a moment, and no second server may join them.
_BACKENDS_LEFT = "shared memory block"


# The protocol's startup message (version 3.0), its "ready for query, idle", and the field of one refusal.
_PARAMETERS = b"user\0afriflow\0database\0afriflow\0\0"
_HELLO = struct.pack("!II", 8 + len(_PARAMETERS), 3 << 16) + _PARAMETERS
_READY = b"Z\0\0\0\x05I"
_NO_SUCH_DATABASE = b"C3D000\0"


class Postgres:
    """One data directory, and one database `afriflow` whose owner has the same name."""

    name = "postgres"

    def __init__(self, home: Path, sockets: Path, account: Account | None) -> None:
        self._programs = postgres_programs()
        self._data = home / "postgres"
        self._sockets = sockets
        self._process = ServerProcess("PostgreSQL", self._data, home / "log" / "postgres.log", account)

    @property
    def url(self) -> str:
        """With the port, which names the socket: else PGPORT in somebody's environment would."""
        return f"postgresql://afriflow@/afriflow?host={quote(str(self._sockets))}&port=5432"

    @property
    def pid(self) -> int | None:
        return self._process.pid

    async def start(self) -> None:
        """Ends when the database answers."""
        await self._process.bring_up(self._launch, self._answers, _PATIENCE_SECONDS, passing=_BACKENDS_LEFT)

    async def stop(self) -> None:
        await self._process.end(_ENDING)

    async def _create(self) -> None:
        """Made beside its place and then moved: a killed initdb leaves no half of a database there."""
        draft = self._data.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        private_folder(draft, self._process.account)
        command = [str(self._programs / "initdb"), "-D", str(draft), "-U", "afriflow", "--auth=trust"]
        await self._process.run([*command, "--encoding=UTF8", "--no-locale", "--data-checksums"], draft)
        draft.rename(self._data)

    async def _launch(self) -> None:
        await self._process.end_leftover(self._data / "postmaster.pid", _ENDING)
        if not self._data.exists():
            await self._create()
        settings = _SETTINGS | {"unix_socket_directories": str(self._sockets)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self._data), *options]
        self._process.spawn(command, self._data, self._sockets)

    async def _answers(self) -> bool:
        # Asked in its own protocol: no client library reads its environment here, and nothing is left open.
        answer = await ask(self._sockets / SOCKET_NAME, _HELLO, _READY)
        if _NO_SUCH_DATABASE in answer:
            command = [str(self._programs / "createdb"), "-h", str(self._sockets), "-U", "afriflow"]
            await self._process.run([*command, "afriflow"], self._sockets)
        return answer.endswith(_READY)
