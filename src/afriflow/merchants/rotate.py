"""How keys are changed while payments go on: data keys are wrapped again, and on demand what they sealed is sealed again.

Every step commits by itself and looks at the rows for what is left, so that it may be stopped and called again.
"""

import asyncio
from dataclasses import dataclass

from afriflow.core.place import Place
from afriflow.db.engine import Database
from afriflow.merchants import audit_log
from afriflow.merchants import vault_store as store
from afriflow.merchants.vault import Vault, header_of

# Rows of one transaction: some milliseconds of locks, so that a payment that needs one of them does not notice.
_BATCH = 100
# Whose audit log it is: that of the installation.
EVERYBODY = ""


@dataclass(frozen=True, slots=True)
class Rotator:
    """Changes keys. vault: with the new key-encryption key first."""

    database: Database
    vault: Vault

    async def rewrap(self) -> int:
        """Wrap every data key under the current key-encryption key; gives how many were wrapped by another."""
        done = 0
        while True:
            async with self.database.transaction() as connection:
                rows = await connection.fetch(
                    store.DATA_KEYS_WRAPPED_BY_OTHERS, self.vault.keys.current, _BATCH
                )
                for row in rows:
                    await self.vault.rewrap(connection, row["merchant_id"], row["number"])
            done += len(rows)
            if not rows:
                return done

    async def renew(self) -> int:
        """Give every merchant a new data key and seal everything again under it; gives how many values.

        Waits until every process has noticed the new keys, so that nothing is sealed under an old one behind us.
        """
        for merchant_id, number in await self._newest():
            async with self.database.connection() as connection:
                await self.vault.make_key(connection, merchant_id, number + 1)
        await asyncio.sleep(self.vault.cache_seconds)
        return await self.reseal()

    async def reseal(self) -> int:
        """Seal again whatever is not sealed under its merchant's newest data key: where `renew` was stopped."""
        done = 0
        for merchant_id, number in await self._newest():
            for sealed in store.SEALED_COLUMNS:
                done += await self._reseal(sealed, merchant_id, header_of(number))
        return done

    async def note(self, who: str, keys: int, values: int) -> None:
        """Say in the audit log of the installation what was done. keys, values: how many."""
        async with self.database.transaction() as connection:
            await audit_log.write(
                connection,
                merchant_id=EVERYBODY,
                who=who,
                action="keys.rotated",
                subject=self.vault.keys.current,
                details={"keys": keys, "values": values},
            )

    async def _newest(self) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        last: str | None = None
        while True:
            async with self.database.connection() as connection:
                rows = await connection.fetch(store.NEWEST_DATA_KEYS, last, _BATCH)
            found += [(row["merchant_id"], row["number"]) for row in rows]
            if not rows:
                return found
            last = rows[-1]["merchant_id"]

    async def _reseal(self, sealed: store.SealedColumn, merchant_id: str, header: bytes) -> int:
        done, last = 0, ""
        while True:
            async with self.database.transaction() as connection:
                rows = await connection.fetch(sealed.batch, merchant_id, last, header, _BATCH)
                for row in rows:
                    place = Place(sealed.table, sealed.column, merchant_id, row["row"])
                    content = await self.vault.unseal_bytes(connection, row["sealed"], place)
                    again = await self.vault.seal_bytes(connection, content, place)
                    await connection.execute(sealed.again, merchant_id, row["row"], row["sealed"], again)
            done += len(rows)
            if not rows:
                return done
            last = rows[-1]["row"]
