"""Where merchants want to be told: their endpoints, each with a secret of its own."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from afriflow.core.errors import NotFound
from afriflow.core.ids import Ids
from afriflow.core.place import Place
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Record, one
from afriflow.delivery import store
from afriflow.delivery.sign import make_secret
from afriflow.delivery.stage import stage_delivery
from afriflow.merchants import audit_log
from afriflow.merchants.vault import Vault


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of a merchant. secret: given in full only to the one who made it."""

    id: str
    mode: Mode
    url: str
    secret: str
    created_at: datetime
    disabled_at: datetime | None
    disabled_why: str | None


async def add_endpoint(
    connection: Connection, vault: Vault, ids: Ids, *, merchant_id: str, mode: Mode, url: str, who: str
) -> Endpoint:
    """Register an address; from now on it gets every event of this mode. who: for the audit log."""
    endpoint_id, secret = ids.new("wep"), make_secret()
    sealed = await vault.seal(connection, secret, _place(merchant_id, endpoint_id))
    await connection.execute(store.ENDPOINT_INSERT, merchant_id, endpoint_id, mode, url, sealed)
    await _write(connection, merchant_id, mode, who, "endpoint.added", endpoint_id, url)
    row = await one(connection, store.ENDPOINT, merchant_id, mode, endpoint_id)
    return await _endpoint(connection, vault, row)


async def endpoints_of(connection: Connection, vault: Vault, merchant_id: str, mode: Mode) -> list[Endpoint]:
    """List a merchant's endpoints, newest first."""
    rows = await connection.fetch(store.ENDPOINTS, merchant_id, mode)
    return [await _endpoint(connection, vault, row) for row in rows]


async def remove_endpoint(
    connection: Connection, *, merchant_id: str, mode: Mode, endpoint_id: str, who: str
) -> None:
    """Forget an endpoint; its waiting deliveries end. who: for the audit log. Raises NotFound."""
    url = await connection.fetchval(store.ENDPOINT_DELETE, merchant_id, mode, endpoint_id)
    if url is None:
        raise NotFound(id=endpoint_id)
    await _write(connection, merchant_id, mode, who, "endpoint.removed", endpoint_id, url)


async def resend(
    connection: Connection, ids: Ids, *, merchant_id: str, mode: Mode, event_id: str
) -> list[str]:
    """Send an event again, the same bytes, to every endpoint there is now; gives the new deliveries' ids.

    Raises NotFound.
    """
    event = await connection.fetchrow(store.EVENT, merchant_id, mode, event_id)
    if event is None:
        raise NotFound(id=event_id)
    return [
        await stage_delivery(
            connection,
            ids=ids,
            merchant_id=merchant_id,
            mode=mode,
            event_id=event_id,
            endpoint_id=row["id"],
            subject_id=event["subject_id"],
            sequence=event["sequence"],
        )
        for row in await connection.fetch(store.ENDPOINT_IDS, merchant_id, mode)
    ]


async def secret_of(
    connection: Connection, vault: Vault, merchant_id: str, endpoint_id: str, sealed: bytes
) -> str:
    """Open an endpoint's secret. Raises Unsealable."""
    return cast("str", await vault.unseal(connection, sealed, _place(merchant_id, endpoint_id)))


async def _write(
    connection: Connection, merchant_id: str, mode: Mode, who: str, action: str, endpoint_id: str, url: str
) -> None:
    await audit_log.write(
        connection,
        merchant_id=merchant_id,
        who=who,
        action=action,
        subject=endpoint_id,
        details={"mode": mode, "url": url},
    )


def _place(merchant_id: str, endpoint_id: str) -> Place:
    return Place("webhook_endpoints", "sealed_secret", merchant_id, endpoint_id)


async def _endpoint(connection: Connection, vault: Vault, row: Record) -> Endpoint:
    return Endpoint(
        id=row["id"],
        mode=Mode(row["mode"]),
        url=row["url"],
        secret=await secret_of(connection, vault, row["merchant_id"], row["id"], row["sealed_secret"]),
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
        disabled_why=row["disabled_why"],
    )
