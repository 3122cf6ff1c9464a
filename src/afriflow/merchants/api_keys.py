"""The API keys of a merchant: made, shown once, looked up with each request, replaced beside the old one, revoked."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from afriflow.core.api_key import RANDOM_BYTES, hint_of, is_api_key, write_api_key
from afriflow.core.errors import ApiKeyExpired, ApiKeyNotActive, NotFound, PermissionDenied, Unauthenticated
from afriflow.core.ids import Ids
from afriflow.core.permission import ALL_PERMISSIONS, Permission
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Record
from afriflow.merchants import api_keys_store as store
from afriflow.merchants import audit_log
from afriflow.merchants.keys import Caller
from afriflow.merchants.vault import Vault


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as people see it. hint: its mode and last characters. scopes: None = every permission.

    status: active, expired or revoked. used_at: to the minute. replaced_by: the key that was made in its place.
    """

    id: str
    mode: Mode
    hint: str
    name: str
    scopes: frozenset[Permission] | None
    status: str
    made_by: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None
    replaced_by: str | None


async def make_key(
    connection: Connection,
    vault: Vault,
    ids: Ids,
    *,
    merchant_id: str,
    mode: Mode,
    name: str = "",
    scopes: Iterable[Permission] | None = None,
    lifetime_seconds: float | None = None,
    who: str = "afriflow",
    key_id: str | None = None,
) -> str:
    """Make an API key and give it, once: only its keyed hash is kept. In a transaction.

    scopes: None = every permission. lifetime_seconds: None = until it is revoked. who: for the audit log.
    """
    key, key_id = write_api_key(mode, secrets.token_bytes(RANDOM_BYTES)), key_id or ids.new("key")
    kept = None if scopes is None else sorted(item.value for item in scopes)
    await connection.execute(
        store.KEY_INSERT,
        vault.hash(key),
        merchant_id,
        mode,
        key_id,
        hint_of(key),
        name,
        kept,
        who,
        lifetime_seconds,
    )
    details = {"mode": mode, "name": name, "scopes": kept, "lifetime_seconds": lifetime_seconds}
    await audit_log.write(
        connection, merchant_id=merchant_id, who=who, action="key.created", subject=key_id, details=details
    )
    return key


async def caller_of_key(
    connection: Connection, vault: Vault, authorization: str, *, use_seconds: float = 60
) -> Caller:
    """Find whose key an Authorization header brings, in the database and nowhere else: a revoked one is refused at once.

    use_seconds: that it was used is written this seldom. Raises Unauthenticated, ApiKeyExpired.
    """
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not is_api_key(key):
        raise Unauthenticated
    row = await connection.fetchrow(store.KEY_OWNER, vault.hash(key), float(use_seconds))
    if row is None or not key.startswith(f"sk_{row['mode']}_"):
        raise Unauthenticated
    if row["expired"]:
        raise ApiKeyExpired
    if row["use_is_news"]:
        await connection.execute(store.KEY_USED, row["merchant_id"], row["id"], float(use_seconds))
    return Caller(
        merchant_id=row["merchant_id"],
        merchant_name=row["name"],
        mode=Mode(row["mode"]),
        country=row["country"],
        language=row["language"],
        who=row["id"],
        permissions=_permissions(row["scopes"]),
    )


async def keys_of(connection: Connection, merchant_id: str, mode: Mode) -> list[ApiKey]:
    """List a merchant's keys in one mode, newest first."""
    return [_shown(row) for row in await connection.fetch(store.KEYS, merchant_id, mode)]


async def place_of_key(connection: Connection, key_id: str) -> tuple[str, Mode]:
    """Tell whose key it is and in which mode, for whoever runs the installation. Raises NotFound."""
    row = await connection.fetchrow(store.KEY_PLACE, key_id)
    if row is None:
        raise NotFound(id=key_id)
    return row["merchant_id"], Mode(row["mode"])


def refuse_to_give_more(caller: Caller, scopes: Iterable[Permission] | None) -> None:
    """Nobody gives a key what they may not do themselves. Raises PermissionDenied."""
    beyond = sorted((ALL_PERMISSIONS if scopes is None else frozenset(scopes)) - caller.permissions)
    if beyond:
        raise PermissionDenied(permission=beyond[0].value)


async def rotate_key(
    connection: Connection, vault: Vault, ids: Ids, caller: Caller, key_id: str, *, grace_seconds: float
) -> str:
    """Make a key like another, which stays good for grace_seconds more; gives the new one, once. In a transaction.

    A key that was to live for a time is followed by one that lives as long. Raises NotFound, ApiKeyNotActive,
    PermissionDenied.
    """
    row = await connection.fetchrow(store.KEY_LOCK, caller.merchant_id, caller.mode, key_id)
    if row is None:
        raise NotFound(id=key_id)
    if row["revoked_at"] or row["expired"] or row["replaced_by"]:
        raise ApiKeyNotActive
    scopes = None if row["scopes"] is None else _permissions(row["scopes"])
    refuse_to_give_more(caller, scopes)
    made = ids.new("key")
    key = await make_key(
        connection,
        vault,
        ids,
        merchant_id=caller.merchant_id,
        mode=caller.mode,
        name=row["name"],
        scopes=scopes,
        lifetime_seconds=row["lifetime_seconds"],
        who=caller.who,
        key_id=made,
    )
    await connection.execute(store.KEY_REPLACED, caller.merchant_id, key_id, made, float(grace_seconds))
    await _write(connection, caller, "key.rotated", key_id, replaced_by=made, grace_seconds=grace_seconds)
    return key


async def revoke_key(connection: Connection, caller: Caller, key_id: str) -> None:
    """Refuse a key from the next request on, in every process; once more does nothing. In a transaction.

    Raises NotFound.
    """
    row = await connection.fetchrow(store.KEY_LOCK, caller.merchant_id, caller.mode, key_id)
    if row is None:
        raise NotFound(id=key_id)
    if row["revoked_at"] is None:
        await connection.execute(store.KEY_REVOKE, caller.merchant_id, caller.mode, key_id)
        await _write(connection, caller, "key.revoked", key_id, name=row["name"], hint=row["hint"])


def _permissions(scopes: list[str] | None) -> frozenset[Permission]:
    """Read what is kept; a word that this version does not know brings nothing."""
    return ALL_PERMISSIONS if scopes is None else frozenset(item for item in Permission if item in scopes)


def _shown(row: Record) -> ApiKey:
    return ApiKey(
        id=row["id"],
        mode=Mode(row["mode"]),
        hint=row["hint"],
        name=row["name"],
        scopes=None if row["scopes"] is None else _permissions(row["scopes"]),
        status="revoked" if row["revoked_at"] else "expired" if row["expired"] else "active",
        made_by=row["made_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
        revoked_at=row["revoked_at"],
        replaced_by=row["replaced_by"],
    )


async def _write(connection: Connection, caller: Caller, action: str, key_id: str, **details: object) -> None:
    await audit_log.write(
        connection,
        merchant_id=caller.merchant_id,
        who=caller.who,
        action=action,
        subject=key_id,
        details={"mode": caller.mode, **details},
    )
