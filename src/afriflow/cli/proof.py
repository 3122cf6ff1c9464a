"""The commands that prove what we promise: of this database, and of the whole under fire."""

import sys

import click
import msgspec

from afriflow.cli.words import asynchronous, database_settings, language, t
from afriflow.core.language import say

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
