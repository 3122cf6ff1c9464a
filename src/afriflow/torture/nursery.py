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
    """A process that the nursery bore. Whoever asks or strikes does so through the nursery, which has not buried it yet:
    a number alone may long be somebody else's.
    """

    def __init__(self, nursery: "Nursery", which: int, pid: int) -> None:
        self._nursery, self._which, self.pid = nursery, which, pid

    def poll(self) -> int | None:
        """Tell that it ended; None while it lives."""
        return None if self._nursery.strike(self._which, 0) else -1

    def send_signal(self, sig: int) -> None:
        """Do to it what is to be done; nothing when it has ended."""
        self._nursery.strike(self._which, sig)

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
        which, pid = self._ask("bear", command, env, str(log))
        return Child(self, which, pid)

    def strike(self, which: int, sig: int) -> bool:
        """Send a signal to a child, 0 for none at all; False when it has ended."""
        return self._process.poll() is None and self._ask("strike", which, sig)

    def close(self) -> None:
        """End it, and with it everybody it bore that still lives."""
        self._process.communicate()

    def _ask(self, *wish: Any) -> Any:
        wishes, answers = self._process.stdin, self._process.stdout
        if wishes is None or answers is None:
            raise RuntimeError("a nursery without pipes")
        print(json.dumps(wish), file=wishes, flush=True)
        return json.loads(answers.readline())


def _bear() -> None:
    from afriflow.serve import serve, work  # noqa: PLC0415 — the weight that is carried once

    commands: dict[str, Any] = {"serve": serve, "work": work}
    living: dict[int, int] = {}
    for which, line in enumerate(sys.stdin):
        verb, *wish = json.loads(line)
        if verb == "bear":
            pid = os.fork()
            if pid == 0:
                _live(commands[wish[0]], wish[1], Path(wish[2]))
            living[which] = pid
            answer: Any = (which, pid)
        else:
            answer = _strike(living, *wish)
        print(json.dumps(answer), flush=True)
    for which in list(living):
        _strike(living, which, signal.SIGKILL)


def _strike(living: dict[int, int], which: int, sig: int) -> bool:
    """Strike a child that lives. Until it is waited for, its number is given to nobody else, so none else is struck."""
    pid = living.get(which)
    if pid is not None and os.waitpid(pid, os.WNOHANG)[0] == pid:
        del living[which]
        pid = None
    if pid is not None and sig:
        os.kill(pid, sig)
    return pid is not None


def _live(command: Any, env: dict[str, str], log: Path) -> None:
    """Become the process that was wished for, as a shell would have started it; never returns."""
    import uvloop  # noqa: PLC0415 — not on every system

    from afriflow.settings import Settings  # noqa: PLC0415

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
