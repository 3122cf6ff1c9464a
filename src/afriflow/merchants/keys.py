"""Who is asking: whoever acts for a merchant, whatever let them in."""

from dataclasses import dataclass

from afriflow.core.errors import NotFound
from afriflow.core.permission import Permission
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection
from afriflow.merchants import store


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever acts for a merchant, in one mode.

    who: an API key's id or a person's address, for records. permissions: what routes let them do.
    """

    merchant_id: str
    merchant_name: str
    mode: Mode
    country: str
    language: str
    who: str
    permissions: frozenset[Permission] = frozenset()


async def caller_of_merchant(connection: Connection, merchant_id: str, mode: Mode, who: str) -> Caller:
    """Act for a merchant where neither key nor person is asked for: a payer on the hosted page. Raises NotFound."""
    row = await connection.fetchrow(store.MERCHANT, merchant_id)
    if row is None:
        raise NotFound(id=merchant_id)
    return Caller(merchant_id, row["name"], mode, row["country"], row["language"], who)
