"""What happened in a run, in order, as one hash: two runs of one seed are the same run or they are not."""

import hashlib
from collections import deque


class Trace:
    """Counts boundaries and hashes what passed them; keeps the last ones for people."""

    def __init__(self, keep: int = 400) -> None:
        self.count = 0
        self.last: deque[tuple[str, str]] = deque(maxlen=keep)
        self._hash = hashlib.blake2b(digest_size=16)
        self._seen: dict[tuple[str, str], bytes] = {}

    def note(self, who: str, what: str) -> int:
        """Add one boundary and give its number."""
        self.count += 1
        line = (who, what)
        self.last.append(line)
        short = self._seen.get(line)
        if short is None:
            self._hash.update(repr(line).encode())
            short = self._seen[line] = len(self._seen).to_bytes(4, "big")
        self._hash.update(short)
        return self.count

    def digest(self) -> str:
        return self._hash.hexdigest()

    def tail(self) -> list[str]:
        """The last boundaries, readable."""
        return [f"{who}|{' '.join(what.split())[:160]}" for who, what in self.last]
