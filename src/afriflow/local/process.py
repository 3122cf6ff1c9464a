"""How a server's process is started, recognised after we died without ending it, and ended."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from afriflow.local.account import Account, give
from afriflow.local.errors import LocalServersFailed

# A server's signals, mildest first, with the seconds that each may take.
Ending: TypeAlias = tuple[tuple[signal.Signals, float], ...]

_POLL_SECONDS = 0.02
_COMPLAINTS = ("FATAL", "PANIC", "error:", "Error:")
_PASSING_SECONDS = 15
_ANSWER_SECONDS = 5
# An old log is kept once beside the new one: these servers run on small disks.
_LOG_BYTES_MAX = 5_000_000
# Nothing of the caller's environment changes what a server does or in which language its log is.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class ServerProcess:
    """One server of one home; its data folder stands in its arguments, by which it is recognised."""

    def __init__(self, program: str, data: Path, log: Path, account: Account | None) -> None:
        self.program = program
        self.data = data
        self.account = account
        self._log = log
        self._log_start = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """None when it does not run, whether it was never started, was ended, or was killed."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def bring_up(
        self,
        launch: Callable[[], Awaitable[None]],
        answers: Callable[[], Awaitable[bool]],
        patience_seconds: float,
        passing: str | None = None,
    ) -> None:
        """Ends when it answers; `passing` is a complaint that goes away by itself, so that it is launched again."""
        begun = time.monotonic()
        launched = False
        while True:
            elapsed = time.monotonic() - begun
            if self.pid is None:
                if launched and not self._passes(passing, elapsed):
                    raise self.failed(self.words())
                await launch()
                launched = True
            # One that was just killed may still count as running, but it does not answer.
            if await answers():
                return
            if elapsed > patience_seconds:
                raise self.failed(self.words())
            await asyncio.sleep(_POLL_SECONDS)

    def spawn(self, command: list[str], *folders: Path) -> None:
        """Start it; `folders` are those that it must be able to enter."""
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES_MAX:
            self._log.replace(self._log.with_suffix(".1.log"))
        with self._log.open("ab") as log:
            give(self._log, self.account)
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                self.command(command, *folders),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_ENVIRONMENT,
                cwd="/",
                umask=0o077,
                # The terminal's Ctrl-C is for us alone: we end the servers after our last write.
                start_new_session=True,
            )

    async def run(self, command: list[str], *folders: Path) -> None:
        """Run one of the server's own tools to its end."""
        done = await asyncio.to_thread(
            subprocess.run,
            self.command(command, *folders),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=_ENVIRONMENT,
            cwd="/",
            umask=0o077,
            start_new_session=True,
            check=False,
        )
        if done.returncode != 0:
            raise self.failed(done.stderr or done.stdout)

    def command(self, command: list[str], *folders: Path) -> list[str]:
        """The command as it is run: as root, through the launcher."""
        if self.account is None:
            return command
        return self.account.command(command, (Path(command[0]).parent, *folders))

    def _passes(self, passing: str | None, elapsed_seconds: float) -> bool:
        return passing is not None and elapsed_seconds < _PASSING_SECONDS and passing in self.words()

    def words(self) -> str:
        """What it logged since it was last started."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def failed(self, words: str) -> LocalServersFailed:
        """From the last complaint on, since its details follow it; or else the last line."""
        lines = [line.strip() for line in words.splitlines() if line.strip()] or ["?"]
        complaints = [
            number for number, line in enumerate(lines) if any(word in line for word in _COMPLAINTS)
        ]
        told = " ".join(lines[complaints[-1] if complaints else -1 :])
        return LocalServersFailed(program=self.program, words=told, log=str(self._log))

    async def end(self, ending: Ending) -> None:
        """Returns when the process is gone."""
        if self.pid is not None:
            await _end(self.pid, ending, lambda: self.pid is not None)

    async def end_leftover(self, pid_file: Path, ending: Ending) -> None:
        """End the server that a process of ours started and, killed, could not end."""
        pid = _first_number(pid_file)
        if pid is not None and self._is_ours(pid):
            await _end(pid, ending, lambda: self._is_ours(pid))
        elif pid is not None and _exists(pid):
            # The number went to a stranger, and the servers would take him for one of theirs and refuse to start.
            await asyncio.to_thread(pid_file.unlink, missing_ok=True)

    def _is_ours(self, pid: int) -> bool:
        return str(self.data) in _command_line(pid)


async def ask(socket: Path, question: bytes, until: bytes) -> bytes:
    """The answer up to these bytes, or up to where the server hung up; empty where nobody listens."""
    try:
        reader, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return b""
    try:
        writer.write(question)
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await reader.readuntil(until)
    except asyncio.IncompleteReadError as ended:
        return ended.partial
    except OSError:
        return b""
    finally:
        writer.close()


async def _end(pid: int, ending: Ending, runs: Callable[[], bool]) -> None:
    for number, seconds in ending:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        for _ in range(round(seconds / _POLL_SECONDS)):
            if not runs():
                return
            await asyncio.sleep(_POLL_SECONDS)


def _first_number(file: Path) -> int | None:
    """None where there is none; PostgreSQL writes a negative one for a server without connections, never ours."""
    try:
        number = int(file.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return number if number > 0 else None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _command_line(pid: int) -> str:
    """Empty for a process that is gone or that only waits to be reaped."""
    if Path("/proc/self/cmdline").exists():
        with suppress(OSError):
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).replace("\0", " ")
        return ""
    ps = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    shown = subprocess.run(ps, capture_output=True, check=False)
    return os.fsdecode(shown.stdout)
