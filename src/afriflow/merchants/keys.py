"""Who is asking: API keys that name merchant and mode, and people who sign in to the dashboard."""

import asyncio
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from afriflow.core.errors import NotFound, Unauthenticated
from afriflow.core.ids import Ids
from afriflow.core.permission import ALL_PERMISSIONS, Permission, Role
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection
from afriflow.merchants import audit_log, store
from afriflow.merchants.vault import Vault

_passwords = PasswordHasher()
# Verified against when the address is unknown, so that both answers take the same time.
_NOBODY = _passwords.hash(secrets.token_urlsafe(16))


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


async def make_person(
    connection: Connection, ids: Ids, *, merchant_id: str, email: str, password: str
) -> None:
    """Let a person sign in; the password is kept as argon2id."""
    await connection.execute(
        store.PERSON_INSERT, email.strip().lower(), merchant_id, ids.new("per"), _passwords.hash(password)
    )


async def sign_in(
    connection: Connection, vault: Vault, *, email: str, password: str, session_seconds: int
) -> str:
    """Check a password and open a session; gives the session's token. Raises Unauthenticated."""
    row = await connection.fetchrow(store.PERSON, email.strip().lower()[:254])
    try:
        # 150 ms of hashing belong beside the event loop, not in it.
        await asyncio.to_thread(_passwords.verify, row["password_hash"] if row else _NOBODY, password[:1024])
    except VerificationError as error:
        raise Unauthenticated from error
    if row is None:
        raise Unauthenticated
    token = secrets.token_urlsafe(32)
    await connection.execute(
        store.SESSION_INSERT,
        vault.hash(token),
        row["merchant_id"],
        row["id"],
        row["email"],
        float(session_seconds),
    )
    await _write(connection, row["merchant_id"], row["email"], "person.signed_in", row["id"])
    return token


async def sign_in_failed(connection: Connection, email: str, reason: str) -> None:
    """Write down that somebody tried to be this person; of an address that nobody has there is nothing to write."""
    row = await connection.fetchrow(store.PERSON, email.strip().lower()[:254])
    if row is not None:
        await _write(
            connection, row["merchant_id"], row["email"], "person.sign_in_failed", row["id"], reason=reason
        )


async def caller_of_session(connection: Connection, vault: Vault, token: str, mode: Mode) -> Caller:
    """Find who is signed in. Raises Unauthenticated."""
    row = await connection.fetchrow(store.SESSION, vault.hash(token))
    if row is None:
        raise Unauthenticated
    return Caller(
        row["merchant_id"],
        row["name"],
        mode,
        row["country"],
        row["language"],
        row["email"],
        Role.OWNER.permissions,
    )


async def sign_out(connection: Connection, vault: Vault, token: str) -> None:
    """End a session; in a transaction."""
    ended = await connection.fetchrow(store.SESSION_DELETE, vault.hash(token))
    if ended is not None:
        await _write(
            connection, ended["merchant_id"], ended["email"], "person.signed_out", ended["person_id"]
        )


async def prune_sessions(connection: Connection) -> None:
    await connection.execute(store.SESSIONS_PRUNE)


async def _write(
    connection: Connection, merchant_id: str, email: str, action: str, person_id: str, **details: str
) -> None:
    await audit_log.write(
        connection, merchant_id=merchant_id, who=email, action=action, subject=person_id, details=details
    )
