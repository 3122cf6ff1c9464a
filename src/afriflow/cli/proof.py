"""The commands that prove what we promise: of this database, and of the whole under fire."""

import asyncio
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from afriflow.cli.words import asynchronous, database_settings, language, t
from afriflow.core.language import say

if TYPE_CHECKING:
    from afriflow.torture.run import Progress, Result

# What two processors carry while a process dies every second; more is a test of the backlog, not of recovery.
_RATE = 8.0
# Who looks at a table sees the pattern in a few.
_SHOWN_MAX = 5


@click.command(help=t("audit"))
@click.option("--json", "as_json", is_flag=True, help=t("audit_json"))
@asynchronous
async def audit(*, as_json: bool) -> None:
    from afriflow.db.engine import Database  # noqa: PLC0415 — other commands need no database
    from afriflow.reconcile.audit import look_at_everything  # noqa: PLC0415

    settings = database_settings()
    database = await Database.connect(
        settings.database_url, connections_max=1, statement_timeout_seconds=settings.audit_timeout_seconds
    )
    try:
        async with database.connection() as connection:
            found = await look_at_everything(connection)
    finally:
        await database.close()
    count = sum(len(violations) for violations in found.values())
    if as_json:
        rules = [
            {"rule": rule.name, "promise": rule.promise, "violations": violations}
            for rule, violations in found.items()
        ]
        click.echo(msgspec.json.format(msgspec.json.encode({"violations": count, "rules": rules})).decode())
        sys.exit(1 if count else 0)
    for rule, violations in found.items():
        mark = f"✗ {len(violations):>4}" if violations else "✓     "
        click.echo(f"{mark}  {rule.promise:<4}{say(f'audit.{rule.name}', language())}")
        for item in violations[:_SHOWN_MAX]:
            click.echo(f"             {item.subject_id}  {item.detail}")
        if len(violations) > _SHOWN_MAX:
            click.echo(f"             {t('audit_more', count=len(violations) - _SHOWN_MAX)}")
    click.echo(t("audit_broken", count=count) if count else t("audit_clean", rules=len(found)))
    sys.exit(1 if count else 0)


@click.command(help=t("torture"))
@click.option("--seconds", default=60.0, show_default=True, help=t("torture_seconds"))
@click.option("--seed", type=int, default=None, help=t("torture_seed"))
@click.option("--kill-every", default=1.0, show_default=True, help=t("torture_kill_every"))
@click.option("--rate", default=_RATE, show_default=True, help=t("torture_rate"))
@click.option("--result", "path", type=click.Path(path_type=Path), default=None, help=t("torture_result"))
@asynchronous
async def torture(
    seconds: float, seed: int | None, kill_every: float, rate: float, path: Path | None
) -> None:
    from afriflow.torture.run import Plan  # noqa: PLC0415 — other commands need no servers of their own
    from afriflow.torture.run import torture as run  # noqa: PLC0415

    plan = Plan(seconds, seed if seed is not None else random.randrange(10**6), kill_every, rate)
    click.echo(t("torture_begins", command=plan.command))
    result = await run(plan, _tell)
    if path is not None:
        content = msgspec.json.format(msgspec.json.encode(result.public()))
        await asyncio.to_thread(path.write_bytes, content)
    _conclude(result)
    sys.exit(1 if result.violations else 2 if result.slow else 0)


def _tell(progress: "Progress") -> None:
    click.echo(
        t(
            "torture_progress",
            second=progress.second,
            payments=progress.payments,
            kills=progress.kills,
            postgres=progress.postgres,
            redis=progress.redis,
        )
    )


def _conclude(result: "Result") -> None:
    click.echo(
        t(
            "torture_done",
            offered=result.offered,
            answered=result.answered,
            statuses=", ".join(f"{name} {n}" for name, n in sorted(result.statuses.items())),
            blows=", ".join(f"{name} {n}" for name, n in sorted(result.blows.items())),
            lines=sum(sum(struck.values()) for struck in result.lines.values()),
            settled=result.settled_seconds,
            taken_over=result.taken_over_seconds,
            api_back=f"{result.api_back_median_seconds:.2f} / {result.api_back_max_seconds:.2f}",
            postgres_back=f"{max(result.postgres_back_seconds, default=0):.2f}",
        )
    )
    for violation in result.violations:
        click.echo(f"✗ {violation}")
    if result.violations:
        click.echo(t("torture_failed", count=len(result.violations), command=result.plan.command))
    else:
        click.echo(t("torture_held"))
    if result.slow:
        click.echo(t("torture_slow", names=", ".join(result.slow)))
