"""Who is asking: API keys that name merchant and mode, and whoever else acts for a merchant."""

import secrets
from dataclasses import dataclass

from afriflow.core.errors import NotFound, Unauthenticated
from afriflow.core.ids import Ids
from afriflow.core.permission import ALL_PERMISSIONS, Permission
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection
from afriflow.merchants import store
from afriflow.merchants.vault import Vault


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


async def make_key(connection: Connection, vault: Vault, ids: Ids, *, merchant_id: str, mode: Mode) -> str:
    """Make an API key and give it once; only its keyed hash is kept."""
    key = f"sk_{mode}_{secrets.token_urlsafe(32)}"
    hint = f"sk_{mode}_…{key[-4:]}"
    await connection.execute(store.KEY_INSERT, vault.hash(key), merchant_id, mode, ids.new("key"), hint)
    return key


async def caller_of_key(connection: Connection, vault: Vault, authorization: str) -> Caller:
    """Find whose key an Authorization header brings. Raises Unauthenticated."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.startswith(("sk_test_", "sk_live_")) or len(key) > 200:
        raise Unauthenticated
    row = await connection.fetchrow(store.KEY_OWNER, vault.hash(key))
    if row is None or not key.startswith(f"sk_{row['mode']}_"):
        raise Unauthenticated
    return Caller(
        row["merchant_id"],
        row["name"],
        Mode(row["mode"]),
        row["country"],
        row["language"],
        row["id"],
        ALL_PERMISSIONS,
    )


async def caller_of_merchant(connection: Connection, merchant_id: str, mode: Mode, who: str) -> Caller:
    """Act for a merchant where neither key nor person is asked for: a payer on the hosted page. Raises NotFound."""
    row = await connection.fetchrow(store.MERCHANT, merchant_id)
    if row is None:
        raise NotFound(id=merchant_id)
    return Caller(merchant_id, row["name"], mode, row["country"], row["language"], who)
