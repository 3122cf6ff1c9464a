"""Alembic's entry: online only, over asyncpg, one migrator at a time, each step a transaction of its own."""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from afriflow.db.tables import metadata

# Any constant serves; this one spells "afriflow" on a phone's keys.
_LOCK = 23743569


def _run(connection: Connection) -> None:
    # Of the session and not of a transaction: a step may end its own, to build an index beside payments.
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
    # A migration that waits for a lock makes every payment behind it wait too: rather fail and try again.
    connection.execute(text("SET lock_timeout = '5s'"))
    connection.commit()
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def _online(database_url: str) -> None:
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(database_url), poolclass=NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


asyncio.run(_online(context.config.attributes["database_url"]))
