"""The commands: what a person types, in French and in English."""

import os
import sys
from typing import Any

import click

from afriflow.cli.account import account
from afriflow.cli.api_keys import key
from afriflow.cli.audit_log import audit_log
from afriflow.cli.client import breaker, checkout, providers, transactions
from afriflow.cli.desk import jobs, prompts, resolve, review
from afriflow.cli.keys import rotate_keys
from afriflow.cli.people import merchant, person
from afriflow.cli.proof import audit, torture
from afriflow.cli.simulate import simulate
from afriflow.cli.words import asynchronous, database_settings, said, settings_at_hand, t
from afriflow.port.factory import specs
from afriflow.port.provider import Spec
from afriflow.settings import Settings


@click.group(help=t("afriflow"))
def main() -> None:
    """Dispatch to a command."""


@main.command(help=t("start"))
@asynchronous
async def start() -> None:
    from afriflow.demo.run import start as run  # noqa: PLC0415 — other commands need no demo

    await run(Settings.from_environment(), _welcome)


def _welcome(facts: dict[str, Any]) -> None:
    click.echo(
        t(
            "ready",
            url=facts["url"],
            dashboard_url=facts["dashboard_url"],
            user=facts["dashboard_user"],
            password=facts["dashboard_password"],
            phone_url=facts["phone_url"],
            api_key=facts["api_key"],
            first_payment=facts["first_payment"],
        )
    )


@main.command(help=t("serve"))
@asynchronous
async def serve() -> None:
    from afriflow.serve import serve as run  # noqa: PLC0415

    await run(Settings.from_environment())


@main.command(help=t("work"))
@asynchronous
async def work() -> None:
    from afriflow.serve import work as run  # noqa: PLC0415

    await run(Settings.from_environment())


@main.command(help=t("migrate"))
@asynchronous
async def migrate() -> None:
    from afriflow.db.grants import grant  # noqa: PLC0415
    from afriflow.db.migrate import migrate as run  # noqa: PLC0415
    from afriflow.merchants.unlock import open_vault  # noqa: PLC0415

    settings = database_settings()
    await run(settings.database_url, unlock=lambda: open_vault(settings))
    click.echo(t("migrated"))
    if settings.database_role:
        await grant(settings.database_url, settings.database_role)
        click.echo(t("granted", role=settings.database_role))


@main.command(help=t("doctor"))
@click.option("--provider", default=None, help=t("doctor_provider"))
@asynchronous
async def doctor(provider: str | None) -> None:
    from afriflow.conformance.checkup import check_up  # noqa: PLC0415
    from afriflow.doctor import examine  # noqa: PLC0415

    if provider is None:
        findings = await examine(database_settings())
    else:
        findings = await check_up(settings_at_hand(), _spec(provider), os.environ)
    sys.exit(0 if said(findings) else 1)


@main.command(help=t("conformance"))
@click.argument("provider")
@click.option("--live", is_flag=True, help=t("conformance_live"))
@asynchronous
async def conformance(provider: str, live: bool) -> None:
    from afriflow.conformance.run import NotReady, run  # noqa: PLC0415

    try:
        findings = await run(Settings.from_environment(), _spec(provider), os.environ if live else None)
    except NotReady as lack:
        said([lack.finding])
        sys.exit(3)
    sys.exit(0 if said(findings) else 1)


def _spec(provider: str) -> Spec:
    found = specs().get(provider)
    if found is None:
        raise click.ClickException(t("no_provider", known=", ".join(specs())))
    return found


for _command in (
    audit,
    audit_log,
    torture,
    simulate,
    checkout,
    transactions,
    providers,
    breaker,
    resolve,
    review,
    prompts,
    jobs,
    rotate_keys,
    merchant,
    person,
    account,
    key,
):
    main.add_command(_command)
