"""The second proof of who it is: an app's code, which is taken once, or one of the codes kept for a lost phone."""

import secrets
from datetime import datetime

from afriflow.core.place import Place
from afriflow.db.engine import Connection
from afriflow.merchants import people_store as store
from afriflow.merchants import totp
from afriflow.merchants.vault import Vault

# As many as others give; each works once.
_RECOVERY_CODES = 10
# 24 characters of 32: 120 bits, so that the keyed hash that is kept of one says nothing even to whoever has the key.
_RECOVERY_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RECOVERY_CHARACTERS = 24
_GROUP_CHARACTERS = 4


async def begin(connection: Connection, vault: Vault, merchant_id: str, person_id: str) -> None:
    """Make a secret that counts as soon as a code of it has come back; one that waited is forgotten."""
    secret = secrets.token_bytes(totp.SECRET_BYTES)
    sealed = await vault.seal_bytes(
        connection, secret, _place("second_factor_pending_sealed", merchant_id, person_id)
    )
    await connection.execute(store.FACTOR_PENDING_SET, merchant_id, person_id, sealed)


async def waiting_secret(
    connection: Connection, vault: Vault, merchant_id: str, person_id: str
) -> bytes | None:
    """Give the secret that waits for its first code."""
    row = await connection.fetchrow(store.FACTOR, merchant_id, person_id)
    if row is None or row["second_factor_pending_sealed"] is None:
        return None
    place = _place("second_factor_pending_sealed", merchant_id, person_id)
    return await vault.unseal_bytes(connection, row["second_factor_pending_sealed"], place)


async def switch_on(
    connection: Connection, vault: Vault, merchant_id: str, person_id: str, code: str, now: datetime
) -> list[str] | None:
    """Switch it on with the first code; gives the recovery codes, this once. None: it is not the right code."""
    row = await connection.fetchrow(store.FACTOR, merchant_id, person_id)
    if row is None or row["second_factor_pending_sealed"] is None:
        return None
    pending = row["second_factor_pending_sealed"]
    secret = await vault.unseal_bytes(
        connection, pending, _place("second_factor_pending_sealed", merchant_id, person_id)
    )
    step = totp.find_step(secret, only_digits(code), now)
    if step is None:
        return None
    sealed = await vault.seal_bytes(
        connection, secret, _place("second_factor_sealed", merchant_id, person_id)
    )
    done = await connection.execute(store.FACTOR_CONFIRM, merchant_id, person_id, step, pending, sealed)
    return None if done == "UPDATE 0" else await renew_recovery(connection, vault, merchant_id, person_id)


async def renew_recovery(connection: Connection, vault: Vault, merchant_id: str, person_id: str) -> list[str]:
    """Make new recovery codes in place of the old ones; only their keyed hashes are kept."""
    await connection.execute(store.RECOVERY_FORGET, merchant_id, person_id)
    codes = [
        "".join(secrets.choice(_RECOVERY_ALPHABET) for _ in range(_RECOVERY_CHARACTERS))
        for _ in range(_RECOVERY_CODES)
    ]
    for code in codes:
        await connection.execute(
            store.RECOVERY_INSERT, merchant_id, person_id, _recovery_hash(vault, person_id, code)
        )
    groups = range(0, _RECOVERY_CHARACTERS, _GROUP_CHARACTERS)
    return ["-".join(code[at : at + _GROUP_CHARACTERS] for at in groups) for code in codes]


async def forget(connection: Connection, merchant_id: str, person_id: str) -> None:
    """Switch it off."""
    await connection.execute(store.FACTOR_FORGET, merchant_id, person_id)
    await connection.execute(store.RECOVERY_FORGET, merchant_id, person_id)


async def take(
    connection: Connection, vault: Vault, merchant_id: str, person_id: str, text: str, now: datetime
) -> bool:
    """Tell whether this is a code that counts, and use it up: an app's of now, or a recovery code."""
    row = await connection.fetchrow(store.FACTOR, merchant_id, person_id)
    if row is None or row["second_factor_since"] is None:
        return False
    place = _place("second_factor_sealed", merchant_id, person_id)
    secret = await vault.unseal_bytes(connection, row["second_factor_sealed"], place)
    step = totp.find_step(secret, only_digits(text), now)
    if step is not None:
        done = await connection.execute(store.FACTOR_STEP_TAKE, merchant_id, person_id, step)
    else:
        code = _recovery_hash(vault, person_id, text)
        done = await connection.execute(store.RECOVERY_TAKE, merchant_id, person_id, code)
    return done.endswith(" 1")


def only_digits(text: str) -> str:
    """Read a code as apps show it, with a space in its middle."""
    return "".join(text.split())


def _recovery_hash(vault: Vault, person_id: str, text: str) -> bytes:
    typed = text.lower().replace("-", "").replace(" ", "")
    return vault.hash(f"recovery {person_id} {typed}")


def _place(column: str, merchant_id: str, person_id: str) -> Place:
    return Place("people", column, merchant_id, person_id)
