"""What happened in a run, in order, as one hash: two runs of one seed are the same run or they are not."""

import hashlib
from collections import deque


class Trace:
    """Counts boundaries and keeps what passed them for the hash; keeps the last ones for people."""

    def __init__(self, keep: int = 400) -> None:
        self.count = 0
        self.last: deque[tuple[str, str]] = deque(maxlen=keep)
        self._told: list[bytes] = []
        self._seen: dict[tuple[str, str], bytes] = {}

    def note(self, who: str, what: str) -> int:
        """Add one boundary and give its number."""
        self.count += 1
        line = (who, what)
        self.last.append(line)
        short = self._seen.get(line)
        if short is None:
            self._told.append(repr(line).encode())
            short = self._seen[line] = len(self._seen).to_bytes(4, "big")
        self._told.append(short)
        return self.count

    def digest(self) -> str:
        return hashlib.blake2b(b"".join(self._told), digest_size=16).hexdigest()

    def tail(self) -> list[str]:
        """The last boundaries, readable."""
        return [f"{who}|{' '.join(what.split())[:160]}" for who, what in self.last]
