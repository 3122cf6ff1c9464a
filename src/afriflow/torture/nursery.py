"""Where processes are born quickly: one has the product's code loaded and forks the others, real ones, on demand.

Starting Python anew costs a second of a processor, and a fleet that loses a process a second would do nothing else.
What is killed, and what it leaves behind, is the same. Run as a module, this is that process: wishes in, numbers out.
"""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

_POLL_SECONDS = 0.005


class Child:
    """A process that the nursery bore, and buries, so that here its number is all there is."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """Tell that it ended; None while it lives."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return -1
        return None

    def send_signal(self, sig: int) -> None:
        """Do to it what is to be done; nothing when it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises TimeoutError."""
        waited = 0.0
        while (code := self.poll()) is None:
            if timeout is not None and waited > timeout:
                raise TimeoutError
            time.sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS
        return code


class Nursery:
    """Bears processes until it is closed; what still lives then is killed, also when we are killed ourselves."""

    def __init__(self, env: dict[str, str]) -> None:
        command = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def bear(self, command: str, env: dict[str, str], log: Path) -> Child:
        """Start `serve` or `work`: takes a hundredth of a second."""
        wishes, numbers = self._process.stdin, self._process.stdout
        if wishes is None or numbers is None:
            raise RuntimeError("a nursery without pipes")
        print(json.dumps([command, env, str(log)]), file=wishes, flush=True)
        return Child(int(numbers.readline()))

    def close(self) -> None:
        """End it, and with it everybody it bore."""
        self._process.communicate()


def _bear() -> None:
    from afriflow.serve import serve, work  # noqa: PLC0415 — the weight that is carried once

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are gone at once
    commands: dict[str, Any] = {"serve": serve, "work": work}
    born: list[int] = []
    for wish in sys.stdin:
        command, env, log = json.loads(wish)
        pid = os.fork()
        if pid == 0:
            _live(commands[command], env, Path(log))
        born.append(pid)
        print(pid, flush=True)
    for pid in born:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _live(command: Any, env: dict[str, str], log: Path) -> None:
    """Become the process that was wished for, as a shell would have started it; never returns."""
    import uvloop  # noqa: PLC0415 — not on every system

    from afriflow.settings import Settings  # noqa: PLC0415

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as words, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(words.fileno(), 1)
        os.dup2(words.fileno(), 2)
    code = 1
    try:
        uvloop.run(command(Settings.from_environment(env)))
        code = 0
    except BaseException:  # noqa: BLE001 — as the interpreter does at the end of a program
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    _bear()
