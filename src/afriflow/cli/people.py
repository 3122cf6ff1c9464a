"""The commands that let people in where nobody is in yet, or nobody can be asked: the first owner, a lost password."""

import getpass
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from afriflow.cli.words import asynchronous, database_settings, t
from afriflow.core.errors import NotFound, SettingsMissing
from afriflow.core.language import LANGUAGES
from afriflow.core.permission import Role

if TYPE_CHECKING:
    from afriflow.assembly import Assembly

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
    async with _house() as house:
        async with house.database.transaction() as connection:
            merchant_id = await make_merchant(
                connection, house.ids, name=name, country=country.upper(), language=language
            )
        link = await house.people.team.invite(merchant_id, _who(), owner, Role.OWNER)
    click.echo(t("merchant_created", id=merchant_id, link=link, hours=_hours(house)))


@click.group(help=t("person"))
def person() -> None:
    """Dispatch to what is done with people."""


@person.command(help=t("person_invite"))
@click.argument("email")
@click.option("--merchant", "merchant_id", required=True, help=t("person_merchant"))
@click.option("--role", type=_ROLES, required=True, help=t("person_role"))
@asynchronous
async def invite(email: str, merchant_id: str, role: str) -> None:
    async with _house() as house:
        async with house.database.connection() as connection:
            if not await house.accounts.merchant_name(connection, merchant_id):
                raise NotFound(id=merchant_id)
        link = await house.people.team.invite(merchant_id, _who(), email, Role(role))
    click.echo(t("person_link", link=link, hours=_hours(house)))


@person.command(help=t("person_reset"))
@click.argument("email")
@click.option("--forget-second-factor", is_flag=True, help=t("person_forget"))
@asynchronous
async def reset(email: str, *, forget_second_factor: bool) -> None:
    async with _house() as house:
        merchant_id, person_id = await house.people.team.find_person(email)
        link = await house.people.team.reset(
            merchant_id, _who(), person_id, forget_factor=forget_second_factor
        )
    click.echo(t("person_link", link=link, hours=_hours(house)))


@person.command(help=t("person_suspend"))
@click.argument("email")
@asynchronous
async def suspend(email: str) -> None:
    async with _house() as house:
        merchant_id, person_id = await house.people.team.find_person(email)
        await house.people.team.suspend(merchant_id, _who(), person_id)
    click.echo(t("person_suspended", email=email))


@person.command(help=t("person_resume"))
@click.argument("email")
@asynchronous
async def resume(email: str) -> None:
    async with _house() as house:
        merchant_id, person_id = await house.people.team.find_person(email)
        await house.people.team.resume(merchant_id, _who(), person_id)
    click.echo(t("person_resumed", email=email))


@asynccontextmanager
async def _house() -> "AsyncGenerator[Assembly]":
    from afriflow.assembly import assemble  # noqa: PLC0415
    from afriflow.observe.log import configure  # noqa: PLC0415

    settings = database_settings()
    if not settings.secret_key:  # a link made under another key opens nothing
        raise SettingsMissing(names="AFRIFLOW_SECRET_KEY")
    configure(log_format=settings.log_format, sentry_dsn=settings.sentry_dsn)
    house = await assemble(settings)
    try:
        yield house
    finally:
        await house.close()


def _who() -> str:
    return f"terminal:{getpass.getuser()}"


def _hours(house: "Assembly") -> int:
    return house.settings.person_link_seconds // 3600
