"""The servers of one home: one holder at a time, started together, found again, ended in order."""

import fcntl
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from afriflow.local import postgres, valkey
from afriflow.local.account import Account, account_for, give, private_folder
from afriflow.local.errors import LocalServersBusy, LocalServersForeign
from afriflow.local.postgres import Postgres
from afriflow.local.valkey import Valkey

# The shortest limit of any system that we run on is macOS's: 104 bytes with the closing zero.
_SOCKET_PATH_BYTES_MAX = 103
_SOCKETS_PREFIX = "afriflow-"


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the settings would say; empty for a server that was not asked for."""

    database_url: str
    redis_url: str


class _Server(Protocol):
    name: str

    @property
    def url(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class LocalServers:
    """PostgreSQL and Valkey on Unix sockets, with their data, logs and sockets under `home`."""

    def __init__(self, home: Path, *, postgres: bool = True, redis: bool = True) -> None:
        # Resolved, since a left-over server is recognised by its data's path.
        self._home = home.expanduser().resolve()
        self._kinds = [kind for kind, wanted in ((Postgres, postgres), (Valkey, redis)) if wanted]
        self._servers: list[_Server] = []
        self._lock: BinaryIO | None = None

    async def start(self) -> Addresses:
        """Bring up what does not run; called again after a server was killed, it starts that one anew."""
        try:
            if self._lock is None:
                try:
                    self._take_home()
                except PermissionError:
                    # The servers' own refusal would come later and in words that help nobody.
                    raise LocalServersForeign(home=str(self._home)) from None
            for server in self._servers:
                await server.start()
        except BaseException:
            await self.stop()
            raise
        urls = {server.name: server.url for server in self._servers}
        return Addresses(urls.get(Postgres.name, ""), urls.get(Valkey.name, ""))

    async def stop(self) -> None:
        """End what runs, last started first, and let go of the home; nothing to do the second time."""
        for server in reversed(self._servers):
            await server.stop()
        self._servers = []
        if self._lock is not None:
            self._forget_sockets()
            self._lock.close()
            self._lock = None

    @property
    def process_ids(self) -> dict[str, int]:
        """Those that run, by the names `postgres` and `redis`."""
        return {server.name: server.pid for server in self._servers if server.pid is not None}

    def _take_home(self) -> None:
        """Everything that must stand before a server can start, beginning with the lock."""
        self._home.mkdir(mode=0o755, parents=True, exist_ok=True)
        account = account_for(self._home)
        self._lock = _locked(self._home, account)
        private_folder(self._home / "log", account)
        sockets = private_folder(self._sockets(), account)
        self._servers = [kind(self._home, sockets, account) for kind in self._kinds]

    def _sockets(self) -> Path:
        """Under home, or in a short folder noted in home where a client could not read that path."""
        folder = self._home / "run"
        longest = max(postgres.SOCKET_NAME, valkey.SOCKET_NAME, key=len)
        # PostgreSQL's clients take a comma for the end of one host and the beginning of the next.
        if len(os.fsencode(folder / longest)) <= _SOCKET_PATH_BYTES_MAX and "," not in str(folder):
            return folder
        self._forget_sockets()
        short = tempfile.mkdtemp(prefix=_SOCKETS_PREFIX, dir="/tmp")
        (self._home / "sockets").write_text(short)
        return Path(short)

    def _forget_sockets(self) -> None:
        """Also those of a run that was killed."""
        note = self._home / "sockets"
        if not note.exists():
            return
        folder = Path(note.read_text())
        # Never more than what we made, whatever came to stand in the note.
        if folder.name.startswith(_SOCKETS_PREFIX) and folder.parent == Path("/tmp"):  # noqa: S108
            shutil.rmtree(folder, ignore_errors=True)
        note.unlink()


def _locked(home: Path, account: Account | None) -> BinaryIO:
    """Held until closed, or until we die: the kernel then lets go of it for us."""
    path = home / "lock"
    lock = path.open("a+b")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise LocalServersBusy(home=str(home), holder=path.read_text() or "?") from None
    give(path, account)
    lock.truncate(0)
    lock.write(str(os.getpid()).encode())
    lock.flush()
    return lock
