"""The commands that open and list provider accounts; a secret is asked for or read from a file, and never typed as an option."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from afriflow.cli.desk import database_at_hand, who_types
from afriflow.cli.words import asynchronous, database_settings, language, t
from afriflow.core.clock import SystemClock
from afriflow.core.ids import Ids
from afriflow.core.permission import ALL_PERMISSIONS
from afriflow.core.transaction import Mode
from afriflow.port.factory import specs
from afriflow.port.question import Question, WrongAnswer, questions

if TYPE_CHECKING:
    from afriflow.merchants.accounts import Accounts

_MERCHANT = click.option("--merchant", "merchant_id", required=True, help=t("of_merchant"))
_IN_MODE = click.option("--mode", type=click.Choice(["test", "live"]), default="test", show_default=True)


@click.group(help=t("account"))
def account() -> None:
    """Dispatch to what is done with provider accounts."""


@account.command(help=t("account_add"))
@click.argument("provider")
@_MERCHANT
@_IN_MODE
@click.option("--set", "given", multiple=True, help=t("account_set"))
@click.option("--secret-file", "files", multiple=True, help=t("account_secret_file"))
@click.option(
    "--priority", type=click.IntRange(0, 1000), default=100, show_default=True, help=t("account_priority")
)
@click.option("--base-url", default=None, help=t("account_base_url"))
@asynchronous
async def add(
    provider: str,
    merchant_id: str,
    mode: str,
    given: tuple[str, ...],
    files: tuple[str, ...],
    priority: int,
    base_url: str | None,
) -> None:
    from afriflow.merchants.keys import caller_of_merchant  # noqa: PLC0415 — other commands need no database
    from afriflow.merchants.open_account import add_account  # noqa: PLC0415

    if provider not in specs():
        raise click.ClickException(t("no_provider", known=", ".join(specs())))
    asked = questions(specs()[provider].config_type)
    answers = _answers(provider, asked, given, files)
    accounts = _accounts()
    async with database_at_hand() as database, database.transaction() as connection:
        caller = await caller_of_merchant(connection, merchant_id, Mode(mode), who_types())
        acting = replace(caller, permissions=ALL_PERMISSIONS)
        try:
            account_id = await add_account(
                connection,
                accounts,
                Ids(SystemClock()),
                acting,
                provider,
                answers,
                priority=priority,
                base_url=base_url,
            )
        except WrongAnswer as wrong:
            raise click.ClickException(f"{wrong.name}: {wrong.said(language())}") from wrong
        made = await accounts.account(connection, merchant_id, account_id)
    click.echo(t("account_opened", id=account_id, url=made.callback_url))


@account.command(name="list", help=t("account_list"))
@_MERCHANT
@_IN_MODE
@asynchronous
async def list_(merchant_id: str, mode: str) -> None:
    accounts = _accounts()
    async with database_at_hand() as database, database.connection() as connection:
        for item in await accounts.contracts(connection, merchant_id, Mode(mode)):
            status = f"paused: {item.paused_why}" if item.paused_at else "active"
            click.echo(f"{item.account.id}  {item.priority:>4}  {item.account.base_url}  {status}")


def _answers(
    provider: str, asked: Sequence[Question], given: tuple[str, ...], files: tuple[str, ...]
) -> dict[str, str]:
    """Take what was given, and ask for the secrets that an account needs and nobody gave."""
    fields = {item.name: item for item in asked}
    answers: dict[str, str] = {}
    for text, from_file in [(text, False) for text in given] + [(text, True) for text in files]:
        name, sign, value = text.partition("=")
        if not sign:
            raise click.ClickException(t("account_form", text=text))
        if name not in fields:
            known = ", ".join(fields)
            raise click.ClickException(t("account_unknown_field", provider=provider, name=name, known=known))
        if fields[name].secret and not from_file:
            raise click.ClickException(t("account_secret_in_argv", name=name))
        answers[name] = _content(value).strip() if from_file else value
    for item in asked:
        if item.required and item.name not in answers:
            answers[item.name] = click.prompt(item.label(language()), hide_input=item.secret)
    return answers


def _content(path: str) -> str:
    return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")


def _accounts() -> "Accounts":
    from afriflow.merchants.accounts import Accounts  # noqa: PLC0415
    from afriflow.merchants.unlock import open_vault  # noqa: PLC0415

    settings = database_settings()
    return Accounts(open_vault(settings), settings.base_url)
