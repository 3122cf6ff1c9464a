"""The commands that read who did what, and check that nobody changed it afterwards."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from afriflow.cli.desk import database_at_hand
from afriflow.cli.words import asynchronous, t

if TYPE_CHECKING:
    from afriflow.merchants.audit_log import Entry, Head

# In a file of anchors, what belongs to no merchant but to the installation.
_NOBODY = "-"


@click.group(name="audit-log", help=t("audit_log"))
def audit_log() -> None:
    """Dispatch to what is done with the audit log."""


@audit_log.command(name="list", help=t("audit_log_list"))
@click.option("--merchant", default=None, help=t("audit_log_merchant"))
@click.option("--who", default=None, help=t("audit_log_who"))
@click.option("--action", default=None, help=t("audit_log_action"))
@click.option("--subject", default=None, help=t("audit_log_subject"))
@click.option("--since", type=click.DateTime(), default=None, help=t("audit_log_since"))
@click.option("--until", type=click.DateTime(), default=None, help=t("audit_log_until"))
@click.option("--before", type=int, default=None, help=t("audit_log_before"))
@click.option("--limit", default=50, show_default=True, help=t("audit_log_limit"))
@click.option("--json", "as_json", is_flag=True, help=t("audit_log_json"))
@asynchronous
async def list_(
    merchant: str | None,
    who: str | None,
    action: str | None,
    subject: str | None,
    since: datetime | None,
    until: datetime | None,
    before: int | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    from afriflow.merchants.audit_log import Wanted, entries, heads  # noqa: PLC0415

    wanted = Wanted(who, action, subject, _utc(since), _utc(until), before)
    async with database_at_hand() as database, database.snapshot() as connection:
        merchants = [merchant] if merchant else [head.merchant_id for head in await heads(connection)]
        for merchant_id in merchants:
            for entry in await entries(connection, merchant_id, wanted, limit):
                click.echo(_as_json(merchant_id, entry) if as_json else _as_line(merchant_id, entry))


@audit_log.command(help=t("audit_log_verify"))
@click.option(
    "--anchors", "path", type=click.Path(path_type=Path, exists=True), help=t("audit_log_verify_anchors")
)
@asynchronous
async def verify(path: Path | None) -> None:
    from afriflow.merchants.audit_log import verify as check  # noqa: PLC0415

    known = _read_anchors(path) if path else {}
    async with database_at_hand() as database, database.snapshot() as connection:
        verdicts = await check(connection, known)
    for verdict in verdicts:
        if verdict.why is None:
            click.echo(f"✓ {_anchor(verdict.head)}")
        else:
            sentence = t(f"audit_log_{verdict.why}", sequence=verdict.broken_at)
            click.echo(f"✗ {verdict.head.merchant_id or _NOBODY}  {sentence}")
    sys.exit(1 if any(verdict.why for verdict in verdicts) else 0)


@audit_log.command(help=t("audit_log_anchors"))
@asynchronous
async def anchors() -> None:
    from afriflow.merchants.audit_log import heads  # noqa: PLC0415

    async with database_at_hand() as database, database.connection() as connection:
        for head in await heads(connection):
            click.echo(_anchor(head))


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _as_line(merchant_id: str, entry: "Entry") -> str:
    details = msgspec.json.encode(entry.details).decode()
    at = f"{entry.at:%Y-%m-%d %H:%M:%S}"
    return f"{merchant_id or _NOBODY}  {entry.sequence:>6}  {at}  {entry.who}  {entry.action}  {entry.subject}  {details}"


def _as_json(merchant_id: str, entry: "Entry") -> str:
    return msgspec.json.encode({"merchant_id": merchant_id, **msgspec.to_builtins(entry)}).decode()


def _anchor(head: "Head") -> str:
    return f"{head.merchant_id or _NOBODY} {head.sequence} {head.hash.hex()}"


def _read_anchors(path: Path) -> dict[str, "Head"]:
    """Read what `anchors` printed once, or the lines of `verify`. Raises ValueError for anything else."""
    from afriflow.merchants.audit_log import Head  # noqa: PLC0415

    found: dict[str, Head] = {}
    for line in path.read_text().splitlines():
        name, sequence, digest = line.removeprefix("✓ ").split()
        merchant_id = "" if name == _NOBODY else name
        found[merchant_id] = Head(merchant_id, int(sequence), bytes.fromhex(digest))
    return found
