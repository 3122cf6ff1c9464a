"""What a simulator remembers, and whether it survives a restart: one small SQLite table of JSON values.

SQLite and not a JSON file: a storm writes hundreds of orders a second, and a process that is killed between two
writes must find the first one whole. Several server processes may share one file, as they share one provider.
"""

import json
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Value = dict[str, Any]

# How long one process waits for another's write; writes take well under a millisecond.
LOCK_WAIT_SECONDS = 5

_SCHEMA = """
CREATE TABLE IF NOT EXISTS notes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    UNIQUE (kind, key)
)
"""


class Notebook:
    """Values by kind and key, in the order in which they were first written.

    file: where they are kept; None = in memory, gone with the process.
    """

    def __init__(self, file: Path | None) -> None:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(
            str(file) if file else ":memory:", timeout=LOCK_WAIT_SECONDS, isolation_level=None
        )
        # A killed process loses nothing; only a power cut could, and no simulated money is worth an fsync.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    def get(self, kind: str, key: str) -> Value | None:
        row = self._database.execute(
            "SELECT value FROM notes WHERE kind = ? AND key = ?", (kind, key)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, key: str, value: Value) -> None:
        """Write a value, over an older one if there is."""
        self._database.execute(
            "INSERT INTO notes (kind, key, value) VALUES (?, ?, ?)"
            " ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value",
            (kind, key, json.dumps(value)),
        )

    def put_new(self, kind: str, key: str, value: Value) -> bool:
        """Write a value unless the key is taken; tells whether it was written."""
        cursor = self._database.execute(
            "INSERT INTO notes (kind, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (kind, key, json.dumps(value)),
        )
        return cursor.rowcount == 1

    def change(self, kind: str, key: str, decide: Callable[[Value], Value | None]) -> Value | None:
        """Change a value with nobody in between.

        decide: gives the new value, or None to leave it. Gives back the new value, None when nothing changed.
        """
        with self._alone():
            value = self.get(kind, key)
            changed = decide(value) if value is not None else None
            if changed is not None:
                self.put(kind, key, changed)
            return changed

    def every(self, kind: str) -> list[Value]:
        """Give all values of a kind, oldest first."""
        rows = self._database.execute("SELECT value FROM notes WHERE kind = ? ORDER BY number", (kind,))
        return [json.loads(row[0]) for row in rows.fetchall()]

    def keep_last(self, kind: str, count: int) -> None:
        """Forget all but the newest so many values of a kind."""
        self._database.execute(
            "DELETE FROM notes WHERE kind = ? AND number NOT IN"
            " (SELECT number FROM notes WHERE kind = ? ORDER BY number DESC LIMIT ?)",
            (kind, kind, count),
        )

    @contextmanager
    def _alone(self) -> Generator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")
