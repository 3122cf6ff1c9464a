"""The commands that let people in where nobody is in yet, or nobody can be asked: the first owner, a lost password."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from afriflow.cli.desk import database_at_hand, who_types
from afriflow.cli.words import asynchronous, database_settings, t
from afriflow.core.clock import SystemClock
from afriflow.core.errors import NotFound, SettingsMissing
from afriflow.core.ids import Ids
from afriflow.core.language import LANGUAGES
from afriflow.core.permission import Role
from afriflow.db.engine import Database

if TYPE_CHECKING:
    from afriflow.merchants.team import Team

_ROLES = click.Choice([role.value for role in Role])


@click.group(help=t("merchant"))
def merchant() -> None:
    """Dispatch to what is done with merchants."""


@merchant.command(help=t("merchant_create"))
@click.argument("name")
@click.option("--owner", required=True, help=t("merchant_owner"))
@click.option("--country", required=True, help=t("merchant_country"))
@click.option("--language", type=click.Choice(LANGUAGES), default="fr", show_default=True)
@asynchronous
async def create(name: str, owner: str, country: str, language: str) -> None:
    from afriflow.core.operator import countries  # noqa: PLC0415 — other commands need none of these
    from afriflow.merchants.accounts import make_merchant  # noqa: PLC0415
    from afriflow.merchants.address import check_address  # noqa: PLC0415

    if country.upper() not in countries():
        raise click.ClickException(t("no_country", value=country, known=", ".join(countries())))
    check_address(owner)
    async with _team() as (team, database):
        async with database.transaction() as connection:
            ids = Ids(SystemClock())
            merchant_id = await make_merchant(
                connection, ids, name=name, country=country.upper(), language=language
            )
        link = await team.invite(merchant_id, who_types(), owner, Role.OWNER)
    click.echo(t("merchant_created", id=merchant_id, link=link, hours=_hours()))


@click.group(help=t("person"))
def person() -> None:
    """Dispatch to what is done with people."""


@person.command(help=t("person_invite"))
@click.argument("email")
@click.option("--merchant", "merchant_id", required=True, help=t("person_merchant"))
@click.option("--role", type=_ROLES, required=True, help=t("person_role"))
@asynchronous
async def invite(email: str, merchant_id: str, role: str) -> None:
    from afriflow.merchants.accounts import merchant_is_there  # noqa: PLC0415

    async with _team() as (team, database):
        async with database.connection() as connection:
            if not await merchant_is_there(connection, merchant_id):
                raise NotFound(id=merchant_id)
        link = await team.invite(merchant_id, who_types(), email, Role(role))
    click.echo(t("person_link", link=link, hours=_hours()))


@person.command(help=t("person_reset"))
@click.argument("email")
@click.option("--forget-second-factor", is_flag=True, help=t("person_forget"))
@asynchronous
async def reset(email: str, *, forget_second_factor: bool) -> None:
    async with _team() as (team, _):
        merchant_id, person_id = await team.find_person(email)
        link = await team.reset(merchant_id, who_types(), person_id, forget_factor=forget_second_factor)
    click.echo(t("person_link", link=link, hours=_hours()))


@person.command(help=t("person_suspend"))
@click.argument("email")
@asynchronous
async def suspend(email: str) -> None:
    async with _team() as (team, _):
        merchant_id, person_id = await team.find_person(email)
        await team.suspend(merchant_id, who_types(), person_id)
    click.echo(t("person_suspended", email=email))


@person.command(help=t("person_resume"))
@click.argument("email")
@asynchronous
async def resume(email: str) -> None:
    async with _team() as (team, _):
        merchant_id, person_id = await team.find_person(email)
        await team.resume(merchant_id, who_types(), person_id)
    click.echo(t("person_resumed", email=email))


@asynccontextmanager
async def _team() -> AsyncGenerator[tuple["Team", Database]]:
    from afriflow.merchants.people import put_people  # noqa: PLC0415
    from afriflow.merchants.unlock import open_vault  # noqa: PLC0415

    settings = database_settings()
    # A link that was made under another secret key opens nothing.
    if not settings.secret_key and not (Path(settings.home) / "secret_key").exists():
        raise SettingsMissing(names="AFRIFLOW_SECRET_KEY")
    clock = SystemClock()
    async with database_at_hand() as database:
        yield put_people(database, open_vault(settings), Ids(clock), clock, settings).team, database


def _hours() -> int:
    return database_settings().person_link_seconds // 3600
