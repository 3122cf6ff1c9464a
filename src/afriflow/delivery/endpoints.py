"""Where merchants want to be told: their endpoints, each with a secret of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from afriflow.core.clock import Clock
from afriflow.core.errors import EndpointDisabled, NotFound, SecretRotating
from afriflow.core.ids import Ids
from afriflow.core.place import Place
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Record, one
from afriflow.delivery import endpoints_store, store
from afriflow.delivery.event_types import read_types
from afriflow.delivery.sign import make_secret
from afriflow.delivery.stage import stage_delivery
from afriflow.merchants import audit_log
from afriflow.merchants.keys import Caller
from afriflow.merchants.vault import Vault

# What `disabled_why` says where a person, and not the receiver, has ended it.
DISABLED_BY = "disabled by {who}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of a merchant. secret: given in full only to the one who made it.

    types: None = every event. old_secret_until: the secret before signs beside this one until then.
    """

    id: str
    mode: Mode
    url: str
    description: str
    types: Sequence[str] | None
    secret: str
    old_secret_until: datetime | None
    created_at: datetime
    disabled_at: datetime | None
    disabled_why: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of an endpoint; None = stays as it is. types: empty = every event."""

    url: str | None = None
    description: str | None = None
    types: Sequence[str] | None = None
    enabled: bool | None = None


async def add_endpoint(
    connection: Connection,
    vault: Vault,
    ids: Ids,
    *,
    merchant_id: str,
    mode: Mode,
    url: str,
    who: str,
    description: str = "",
    types: Sequence[str] = (),
) -> Endpoint:
    """Register an address; from now on it gets the events of this mode that it wants. who: for the audit log.

    types: empty = every event. Raises InvalidRequest for one that there is not.
    """
    endpoint_id, secret, wanted = ids.new("wep"), make_secret(), read_types(types)
    sealed = await vault.seal(connection, secret, _place(merchant_id, endpoint_id))
    place = (merchant_id, endpoint_id, mode)
    await connection.execute(store.ENDPOINT_INSERT, *place, url, sealed, description, wanted)
    await _write(connection, merchant_id, who, "endpoint.added", endpoint_id, mode=mode, url=url)
    row = await one(connection, store.ENDPOINT, merchant_id, mode, endpoint_id)
    return await _endpoint(connection, vault, row)


async def endpoints_of(connection: Connection, vault: Vault, merchant_id: str, mode: Mode) -> list[Endpoint]:
    """List a merchant's endpoints, newest first."""
    rows = await connection.fetch(store.ENDPOINTS, merchant_id, mode)
    return [await _endpoint(connection, vault, row) for row in rows]


async def endpoint_of(connection: Connection, vault: Vault, caller: Caller, endpoint_id: str) -> Endpoint:
    """Give one endpoint of the caller's. Raises NotFound."""
    row = await connection.fetchrow(store.ENDPOINT, caller.merchant_id, caller.mode, endpoint_id)
    if row is None:
        raise NotFound(id=endpoint_id)
    return await _endpoint(connection, vault, row)


async def change_endpoint(
    connection: Connection, vault: Vault, caller: Caller, endpoint_id: str, change: Change
) -> Endpoint:
    """Change what an endpoint is told, where, and whether at all. Raises NotFound, InvalidRequest."""
    place = (caller.merchant_id, caller.mode, endpoint_id)
    before = await connection.fetchrow(endpoints_store.ENDPOINT_LOCK, *place)
    if before is None:
        raise NotFound(id=endpoint_id)
    enabled = before["disabled_at"] is None if change.enabled is None else change.enabled
    after = {
        "url": before["url"] if change.url is None else change.url,
        "description": before["description"] if change.description is None else change.description,
        "types": before["types"] if change.types is None else read_types(change.types),
    }
    why = DISABLED_BY.format(who=caller.who)
    await connection.execute(endpoints_store.ENDPOINT_CHANGE, *place, *after.values(), enabled, why)
    changed = {name: value for name, value in after.items() if value != before[name]}
    if enabled != (before["disabled_at"] is None):
        changed["enabled"] = enabled
    if changed:
        details = {"mode": caller.mode, **changed}
        await _write(connection, caller.merchant_id, caller.who, "endpoint.changed", endpoint_id, **details)
    return await endpoint_of(connection, vault, caller, endpoint_id)


async def rotate_secret(
    connection: Connection, vault: Vault, clock: Clock, caller: Caller, endpoint_id: str, overlap_seconds: int
) -> Endpoint:
    """Give an endpoint a new secret; the old one signs beside it for so long. 0 = not at all, as after a leak.

    Raises NotFound, and SecretRotating while an older one still signs: a third secret would shut out whoever has not
    yet come to the second.
    """
    place = (caller.merchant_id, caller.mode, endpoint_id)
    row = await connection.fetchrow(endpoints_store.ENDPOINT_LOCK, *place)
    if row is None:
        raise NotFound(id=endpoint_id)
    now, until = clock.now(), row["old_secret_until"]
    if overlap_seconds and until is not None and until > now:
        raise SecretRotating(until=until.isoformat(timespec="seconds"))
    old = await _secret(connection, vault, caller.merchant_id, endpoint_id, row["sealed_secret"])
    sealed = await vault.seal(connection, make_secret(), _place(caller.merchant_id, endpoint_id))
    sealed_old, ends = None, None
    if overlap_seconds:
        sealed_old = await vault.seal(connection, old, _old_place(caller.merchant_id, endpoint_id))
        ends = now + timedelta(seconds=overlap_seconds)
    await connection.execute(endpoints_store.ENDPOINT_ROTATE, *place, sealed, sealed_old, ends)
    details = {"mode": caller.mode, "overlap_seconds": overlap_seconds}
    await _write(
        connection, caller.merchant_id, caller.who, "endpoint.secret_rotated", endpoint_id, **details
    )
    return await endpoint_of(connection, vault, caller, endpoint_id)


async def remove_endpoint(
    connection: Connection, *, merchant_id: str, mode: Mode, endpoint_id: str, who: str
) -> None:
    """Forget an endpoint; its waiting deliveries end. who: for the audit log. Raises NotFound."""
    url = await connection.fetchval(store.ENDPOINT_DELETE, merchant_id, mode, endpoint_id)
    if url is None:
        raise NotFound(id=endpoint_id)
    await _write(connection, merchant_id, who, "endpoint.removed", endpoint_id, mode=mode, url=url)


async def resend(
    connection: Connection,
    ids: Ids,
    *,
    merchant_id: str,
    mode: Mode,
    event_id: str,
    endpoint_id: str | None = None,
) -> list[str]:
    """Send an event again, the same bytes, to every endpoint that hears, or to one; gives the new deliveries' ids.

    Who asks for one event wants it, whatever types an endpoint has chosen. Raises NotFound, and EndpointDisabled where
    the one that is named hears nothing.
    """
    event = await connection.fetchrow(store.EVENT, merchant_id, mode, event_id)
    if event is None:
        raise NotFound(id=event_id)
    hearing = [row["id"] for row in await connection.fetch(store.ENDPOINTS_THAT_HEAR, merchant_id, mode)]
    if endpoint_id is not None and endpoint_id not in hearing:
        raise EndpointDisabled
    return [
        await stage_delivery(
            connection,
            ids=ids,
            merchant_id=merchant_id,
            mode=mode,
            event_id=event_id,
            endpoint_id=item,
            subject_id=event["subject_id"],
            sequence=event["sequence"],
            kind=event["type"],
        )
        for item in hearing
        if endpoint_id in {None, item}
    ]


async def secrets_of(
    connection: Connection, vault: Vault, endpoint_id: str, row: Record, now: datetime
) -> list[str]:
    """Open the secrets that sign now, the newest first. row: with what an endpoint's row says of them. Raises Unsealable."""
    merchant_id = row["merchant_id"]
    found = [await _secret(connection, vault, merchant_id, endpoint_id, row["sealed_secret"])]
    if row["sealed_old_secret"] and row["old_secret_until"] > now:
        place = _old_place(merchant_id, endpoint_id)
        found.append(cast("str", await vault.unseal(connection, row["sealed_old_secret"], place)))
    return found


async def _secret(
    connection: Connection, vault: Vault, merchant_id: str, endpoint_id: str, sealed: bytes
) -> str:
    return cast("str", await vault.unseal(connection, sealed, _place(merchant_id, endpoint_id)))


async def _write(
    connection: Connection, merchant_id: str, who: str, action: str, endpoint_id: str, **details: object
) -> None:
    await audit_log.write(
        connection, merchant_id=merchant_id, who=who, action=action, subject=endpoint_id, details=details
    )


def _place(merchant_id: str, endpoint_id: str) -> Place:
    return Place("webhook_endpoints", "sealed_secret", merchant_id, endpoint_id)


def _old_place(merchant_id: str, endpoint_id: str) -> Place:
    return Place("webhook_endpoints", "sealed_old_secret", merchant_id, endpoint_id)


async def _endpoint(connection: Connection, vault: Vault, row: Record) -> Endpoint:
    return Endpoint(
        id=row["id"],
        mode=Mode(row["mode"]),
        url=row["url"],
        description=row["description"],
        types=row["types"],
        secret=await _secret(connection, vault, row["merchant_id"], row["id"], row["sealed_secret"]),
        old_secret_until=row["old_secret_until"],
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
        disabled_why=row["disabled_why"],
    )
