"""The commands of whoever looks after an installation: what waits for a person, and the person's decisions."""

import getpass
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from afriflow.cli.words import asynchronous, database_settings, t
from afriflow.core.clock import SystemClock
from afriflow.core.errors import NotFound
from afriflow.core.ids import Ids
from afriflow.core.transaction import Mode
from afriflow.db.engine import Database
from afriflow.observe.begin import begin

if TYPE_CHECKING:
    from afriflow.checkout.resolve import Resolver
    from afriflow.merchants.keys import Caller


@click.command(help=t("resolve"))
@click.argument("subject_id")
@click.option("--attempt", "attempt_id", default=None, help=t("resolve_attempt"))
@click.option(
    "--as", "outcome", type=click.Choice(["succeeded", "failed"]), required=True, help=t("resolve_as")
)
@click.option("--reason", required=True, help=t("resolve_reason"))
@click.option("--proof", required=True, help=t("resolve_proof"))
@click.option("--operator-reference", default=None, help=t("resolve_operator_reference"))
@asynchronous
async def resolve(
    subject_id: str,
    attempt_id: str | None,
    outcome: str,
    reason: str,
    proof: str,
    operator_reference: str | None,
) -> None:
    from afriflow.checkout.resolve import Decision  # noqa: PLC0415 — other commands need no database

    if _is_payment(subject_id) != (attempt_id is not None):
        raise click.ClickException(t("resolve_which"))
    decision = Decision(
        succeeded=outcome == "succeeded", reason=reason, proof=proof, operator_reference=operator_reference
    )
    async with _at_the_desk(subject_id) as (resolver, caller):
        if attempt_id is not None:
            await resolver.resolve(caller, subject_id, attempt_id, decision)
        else:
            await resolver.resolve_out(caller, subject_id, decision)
    click.echo(t("resolved", id=subject_id))


@click.command(help=t("review"))
@click.argument("subject_id")
@click.option("--reason", required=True, help=t("review_reason"))
@asynchronous
async def review(subject_id: str, reason: str) -> None:
    async with _at_the_desk(subject_id) as (resolver, caller):
        if _is_payment(subject_id):
            await resolver.review(caller, subject_id, reason)
        else:
            await resolver.review_out(caller, subject_id, reason)
    click.echo(t("reviewed", id=subject_id))


def _is_payment(subject_id: str) -> bool:
    return subject_id.startswith("txn_")


@click.command(help=t("prompts"))
@click.argument("merchant_id")
@click.argument("what", type=click.Choice(["lift", "restore"]))
@asynchronous
async def prompts(merchant_id: str, what: str) -> None:
    from afriflow.merchants.prompts import put_prompts_unlimited  # noqa: PLC0415

    lifted = what == "lift"
    async with database_at_hand() as database, database.transaction() as connection:
        await put_prompts_unlimited(connection, merchant_id, unlimited=lifted, who=who_types())
    click.echo(t("prompts_lifted" if lifted else "prompts_restored", id=merchant_id))


@asynccontextmanager
async def _at_the_desk(subject_id: str) -> AsyncGenerator[tuple["Resolver", "Caller"]]:
    """Act for the merchant whose payment, refund or payout it is, under the name of who is signed in to this machine."""
    from afriflow.checkout.resolve import Resolver  # noqa: PLC0415
    from afriflow.ledger.record import Recorder  # noqa: PLC0415
    from afriflow.ledger.record_out import OutRecorder  # noqa: PLC0415
    from afriflow.ledger.search import owner_of  # noqa: PLC0415
    from afriflow.merchants.keys import caller_of_merchant  # noqa: PLC0415

    async with database_at_hand() as database:
        async with database.connection() as connection:
            owner = await owner_of(connection, subject_id)
            if owner is None:
                raise NotFound(id=subject_id)
            merchant_id, mode = owner
            caller = await caller_of_merchant(connection, merchant_id, Mode(mode), who_types())
        clock = SystemClock()
        ids = Ids(clock)
        recorder = Recorder(ids, clock, database_settings().base_url)
        yield Resolver(database, recorder, OutRecorder(ids, clock, recorder), clock), caller


def who_types() -> str:
    """Name who is signed in to this machine, for what they decide."""
    return f"terminal:{getpass.getuser()}"


@asynccontextmanager
async def database_at_hand() -> AsyncGenerator[Database]:
    """Open the database of a command, and close it."""
    settings = database_settings()
    begin(settings, "desk")
    database = await Database.connect(
        settings.database_url, connections_max=1, statement_timeout_seconds=settings.statement_timeout_seconds
    )
    try:
        yield database
    finally:
        await database.close()


@click.group(help=t("jobs"))
def jobs() -> None:
    """Dispatch to what is done with held jobs."""


@jobs.command(help=t("jobs_held"))
@asynchronous
async def held() -> None:
    from afriflow.jobs.held import explained_jobs  # noqa: PLC0415

    async with database_at_hand() as database, database.connection() as connection:
        for job in await explained_jobs(connection):
            click.echo(f"{job.id:>10}  {job.updated:%Y-%m-%d %H:%M:%S}  {job.task:<10}{job.raised}")


@jobs.command(help=t("jobs_release"))
@click.argument("job_ids", type=int, nargs=-1)
@click.option("--all", "everything", is_flag=True, help=t("jobs_release_all"))
@asynchronous
async def release(job_ids: tuple[int, ...], *, everything: bool) -> None:
    from afriflow.jobs.held import explained_jobs  # noqa: PLC0415
    from afriflow.merchants.release import release as let_run  # noqa: PLC0415

    async with database_at_hand() as database, database.transaction() as connection:
        there = await explained_jobs(connection)
        chosen = [job for job in there if everything or job.id in job_ids]
        await let_run(connection, who_types(), chosen)
    click.echo(t("jobs_released", count=len(chosen)))
