"""Who the servers run as: ourselves, or, when we are root, a user without rights."""

import os
import pwd
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from afriflow.local.errors import LocalServersUnreachable


@dataclass(frozen=True, slots=True)
class Account:
    """`None` in its place means ourselves."""

    name: str
    uid: int
    gid: int

    def command(self, program: list[str], folders: tuple[Path, ...]) -> list[str]:
        """The same program, run as this user, with a right of passage only where a folder is closed to it."""
        closed = next((folder for folder in folders if not self._enters(folder)), None)
        if closed is not None and sys.platform != "linux":
            raise LocalServersUnreachable(user=self.name, folder=str(closed))
        launcher = str(Path(__file__).with_name("unprivileged.py"))
        passage = "plain" if closed is None else "pass"
        # Isolated and without site packages: this one instant as root runs nothing but the standard library.
        return [sys.executable, "-I", "-S", launcher, str(self.uid), str(self.gid), passage, *program]

    def _enters(self, folder: Path) -> bool:
        whole = folder.resolve()
        return all(self._passes(step) for step in (whole, *whole.parents))

    def _passes(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        return bool(status.st_mode & (0o010 if status.st_gid == self.gid else 0o001))


def account_for(home: Path) -> Account | None:
    """As root: the home's owner, so that root does not take a user's data away; else nobody."""
    if os.geteuid() != 0:
        return None
    owner = home.stat().st_uid
    entry = pwd.getpwnam("nobody")
    if owner != 0:
        # An owner without a name (a container's bare number) would be refused by initdb.
        with suppress(KeyError):
            entry = pwd.getpwuid(owner)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def private_folder(path: Path, account: Account | None) -> Path:
    """Made if missing; only the servers' user enters it (and root)."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    give(path, account)
    return path


def give(path: Path, account: Account | None) -> None:
    """Nothing to do unless we are root."""
    if account is not None:
        os.chown(path, account.uid, account.gid)
