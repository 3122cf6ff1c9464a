"""The commands that make, list, replace and revoke API keys; a key goes to standard output, once, and nowhere else."""

import getpass
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from afriflow.cli.desk import database_at_hand
from afriflow.cli.words import asynchronous, database_settings, t
from afriflow.core.clock import SystemClock
from afriflow.core.ids import Ids
from afriflow.core.permission import ALL_PERMISSIONS, READ_PERMISSIONS, read_scopes
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection

if TYPE_CHECKING:
    from afriflow.merchants.keys import Caller
    from afriflow.merchants.vault import Vault

_DAY_SECONDS = 86_400
_IN_MODE = click.option("--mode", type=click.Choice(["test", "live"]), default="test", show_default=True)


@click.group(help=t("key"))
def key() -> None:
    """Dispatch to what is done with API keys."""


@key.command(help=t("key_create"))
@click.option("--merchant", "merchant_id", required=True, help=t("of_merchant"))
@_IN_MODE
@click.option("--name", default="", help=t("key_name"))
@click.option("--scope", "scopes", multiple=True, help=t("key_scope"))
@click.option("--read-only", is_flag=True, help=t("key_read_only"))
@click.option("--days", type=click.IntRange(min=1), default=None, help=t("key_days"))
@asynchronous
async def create(
    merchant_id: str, mode: str, name: str, scopes: tuple[str, ...], days: int | None, *, read_only: bool
) -> None:
    from afriflow.merchants.api_keys import make_key  # noqa: PLC0415 — other commands need no database

    wanted = READ_PERMISSIONS if read_only else read_scopes(scopes) if scopes else None
    async with _acting(merchant_id, Mode(mode)) as (connection, caller):
        made = await make_key(
            connection,
            _vault(),
            Ids(SystemClock()),
            merchant_id=caller.merchant_id,
            mode=caller.mode,
            name=name,
            scopes=wanted,
            lifetime_seconds=days and days * _DAY_SECONDS,
            who=caller.who,
        )
    click.echo(made)
    click.echo(t("key_once"), err=True)


@key.command(name="list", help=t("key_list"))
@click.option("--merchant", "merchant_id", required=True, help=t("of_merchant"))
@_IN_MODE
@asynchronous
async def list_(merchant_id: str, mode: str) -> None:
    from afriflow.merchants.api_keys import keys_of  # noqa: PLC0415

    async with database_at_hand() as database, database.connection() as connection:
        for item in await keys_of(connection, merchant_id, Mode(mode)):
            used = f"{item.used_at:%Y-%m-%d %H:%M}" if item.used_at else "-"
            ends = f"{item.expires_at:%Y-%m-%d %H:%M}" if item.expires_at else "-"
            scopes = "*" if item.scopes is None else ",".join(sorted(item.scopes))
            click.echo(f"{item.id}  {item.hint:<14}{item.status:<9}{used:<18}{ends:<18}{item.name}  {scopes}")


@key.command(help=t("key_rotate"))
@click.argument("key_id")
@click.option("--grace-seconds", type=click.IntRange(min=0), default=None, help=t("key_grace"))
@asynchronous
async def rotate(key_id: str, grace_seconds: int | None) -> None:
    from afriflow.merchants.api_keys import rotate_key  # noqa: PLC0415

    grace = database_settings().key_grace_seconds if grace_seconds is None else grace_seconds
    async with _acting_on(key_id) as (connection, caller):
        made = await rotate_key(connection, _vault(), Ids(SystemClock()), caller, key_id, grace_seconds=grace)
    click.echo(made)
    click.echo(t("key_rotated", seconds=grace), err=True)


@key.command(help=t("key_revoke"))
@click.argument("key_id")
@asynchronous
async def revoke(key_id: str) -> None:
    from afriflow.merchants.api_keys import revoke_key  # noqa: PLC0415

    async with _acting_on(key_id) as (connection, caller):
        await revoke_key(connection, caller, key_id)
    click.echo(t("key_revoked", id=key_id))


@asynccontextmanager
async def _acting(merchant_id: str, mode: Mode) -> AsyncGenerator[tuple[Connection, "Caller"]]:
    """Act for a merchant under the name of who is signed in to this machine, in one transaction. Raises NotFound."""
    async with database_at_hand() as database, database.transaction() as connection:
        yield connection, await _caller(connection, merchant_id, mode)


@asynccontextmanager
async def _acting_on(key_id: str) -> AsyncGenerator[tuple[Connection, "Caller"]]:
    from afriflow.merchants.api_keys import place_of_key  # noqa: PLC0415

    async with database_at_hand() as database, database.transaction() as connection:
        yield connection, await _caller(connection, *await place_of_key(connection, key_id))


async def _caller(connection: Connection, merchant_id: str, mode: Mode) -> "Caller":
    from afriflow.merchants.keys import caller_of_merchant  # noqa: PLC0415

    caller = await caller_of_merchant(connection, merchant_id, mode, f"terminal:{getpass.getuser()}")
    return replace(caller, permissions=ALL_PERMISSIONS)


def _vault() -> "Vault":
    from afriflow.merchants.unlock import open_vault  # noqa: PLC0415

    return open_vault(database_settings())
