"""How the schema comes to be: Alembic's numbered steps, run from code, under one lock."""

import asyncio
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Protocol

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from afriflow.core.place import Place
from afriflow.db.condition import schema_of
from afriflow.db.engine import Connection


def alembic_config(database_url: str) -> Config:
    """Give Alembic's configuration without a file. database_url: as asyncpg reads it."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["database_url"] = database_url
    return config


@cache
def known_revisions() -> tuple[str, ...]:
    """Name the steps of the schema that this release knows, the newest first."""
    steps = ScriptDirectory.from_config(alembic_config("")).walk_revisions()
    return tuple(step.revision for step in steps)


async def is_behind(connection: Connection) -> str | None:
    """Give the database's revision where this code wants a newer one, empty where there is no schema yet.

    None: it is the newest, or newer than this code knows, which the code that came before still runs on.
    """
    revision = await schema_of(connection)
    if revision is None:
        return ""
    return revision if revision in known_revisions()[1:] else None


class Sealer(Protocol):
    """What a step needs that seals what stood in clear before: the vault."""

    async def seal(self, connection: Connection, value: object, place: Place) -> bytes: ...
    async def seal_bytes(self, connection: Connection, content: bytes, place: Place) -> bytes: ...
    def index(self, merchant_id: str, text: str) -> bytes: ...


async def migrate(
    database_url: str, revision: str = "head", *, unlock: Callable[[], Sealer] | None = None
) -> None:
    """Bring the database to a schema, the newest unless another is named; a second run changes nothing.

    Payments may go on meanwhile: what a step may do is held by a test (tests/tidy/test_migrations.py).
    unlock: opens the vault, where a step finds something to seal; a database without rows needs none.
    """
    config = alembic_config(database_url)
    config.attributes["unlock"] = unlock
    await asyncio.to_thread(command.upgrade, config, revision)
