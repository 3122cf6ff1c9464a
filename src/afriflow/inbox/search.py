"""Reading what providers notified: a list that stays quick at any size, and one with the bytes that came."""

from dataclasses import dataclass

from afriflow.core.errors import NotFound
from afriflow.core.ids import last_id
from afriflow.db.engine import Connection, Record
from afriflow.inbox import search_store as sql
from afriflow.ledger.notification import read_body
from afriflow.merchants.keys import Caller
from afriflow.merchants.vault import Vault
from afriflow.port.provider import Verdict

# Whether a sender only tried our address is kept nowhere.
VERDICTS = tuple(item.value for item in Verdict if item is not Verdict.PROBE)
STATES = ("received", "handled", "ignored", "unmatched")


@dataclass(frozen=True, slots=True)
class NotificationFilter:
    """What a list is narrowed to; None = any."""

    provider: str | None = None
    verdict: str | None = None
    status: str | None = None


async def providers_of(connection: Connection, caller: Caller) -> list[str]:
    """Name the providers at which a merchant has accounts in this mode: nobody else can notify it."""
    return [row["provider"] for row in await connection.fetch(sql.PROVIDERS, caller.merchant_id, caller.mode)]


async def notifications_at(
    connection: Connection,
    caller: Caller,
    wanted: NotificationFilter,
    *,
    limit: int,
    before: str | None = None,
) -> list[Record]:
    """List notifications, newest first, each with what it is about. before: ids below this one."""
    providers = [wanted.provider] if wanted.provider else await providers_of(connection, caller)
    verdicts = [wanted.verdict] if wanted.verdict else VERDICTS
    states = [wanted.status] if wanted.status else STATES
    place = (caller.merchant_id, caller.mode)
    return await connection.fetch(
        sql.NOTIFICATIONS, *place, providers, verdicts, states, before or last_id("whe"), limit
    )


async def notification_of(
    connection: Connection, vault: Vault, caller: Caller, notification_id: str
) -> tuple[Record, bytes | None]:
    """Give one notification with its content; None where that had its time. Raises NotFound."""
    row = await connection.fetchrow(sql.NOTIFICATION, caller.merchant_id, caller.mode, notification_id)
    if row is None:
        raise NotFound(id=notification_id)
    return row, await read_body(connection, vault, row) if row["body"] else None
