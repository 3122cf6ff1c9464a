"""The command that changes the keys under which secrets are kept, while payments go on."""

import click

from afriflow.cli.desk import database_at_hand, who_types
from afriflow.cli.words import asynchronous, database_settings, t


@click.command(name="rotate-keys", help=t("rotate_keys"))
@click.option("--reencrypt", is_flag=True, help=t("rotate_keys_reencrypt"))
@click.option("--resume", is_flag=True, help=t("rotate_keys_resume"))
@asynchronous
async def rotate_keys(*, reencrypt: bool, resume: bool) -> None:
    from afriflow.merchants.rotate import Rotator  # noqa: PLC0415 — other commands need no vault
    from afriflow.merchants.unlock import open_vault  # noqa: PLC0415

    async with database_at_hand() as database:
        rotator = Rotator(database, open_vault(database_settings()))
        keys, values = await rotator.rewrap(), 0
        click.echo(t("rotated_keys", count=keys))
        if reencrypt or resume:
            values = await (rotator.renew() if reencrypt else rotator.reseal())
            click.echo(t("rotated_values", count=values))
        await rotator.note(who_types(), keys, values)
