"""How the schema comes to be: Alembic's numbered steps, run from code, under one lock."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config


def alembic_config(database_url: str) -> Config:
    """Give Alembic's configuration without a file. database_url: as asyncpg reads it."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["database_url"] = database_url
    return config


async def migrate(database_url: str) -> None:
    """Bring the database to the newest schema; a second run changes nothing."""
    await asyncio.to_thread(command.upgrade, alembic_config(database_url), "head")
