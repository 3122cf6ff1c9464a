"""Which contracts with providers a merchant has, and whether people have paused them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from afriflow.core.errors import BadAccount, NotFound
from afriflow.core.ids import Ids
from afriflow.core.place import Place
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Record
from afriflow.merchants import store
from afriflow.merchants.standing import Standing
from afriflow.merchants.vault import Vault
from afriflow.port.bounds import Bound
from afriflow.port.factory import fill_config, secret_fields, specs
from afriflow.port.forced import Forced
from afriflow.port.provider import Account, Spec


@dataclass(frozen=True, slots=True)
class Contract:
    """A provider account as routing sees it.

    priority: smaller is asked first. standings: how it has done lately, where that is known.
    """

    account: Account
    spec: Spec
    priority: int
    paused_at: datetime | None
    paused_by: str | None
    paused_why: str | None
    standings: tuple[Standing, ...] = ()


class Accounts:
    """Reads and writes provider accounts; credentials leave the vault only here."""

    def __init__(self, vault: Vault, base_url: str) -> None:
        self._vault = vault
        self._base_url = base_url

    async def open_account(
        self,
        connection: Connection,
        *,
        merchant_id: str,
        account_id: str,
        mode: Mode,
        provider: str,
        config: Mapping[str, Any],
        base_url: str | None = None,
        priority: int = 100,
    ) -> None:
        """Create or change an account. base_url: None = the provider's own for this mode.

        Raises BadAccount when the config does not fit, KeyError for a provider that is not installed.
        """
        spec = specs()[provider]
        fill_config(spec, account_id, config)
        for other, url in spec.base_urls.items():
            if other is not mode and urlsplit(base_url or spec.base_urls[mode]) == urlsplit(url):
                raise BadAccount(account_id=account_id, reason=f"{url} is for {other} mode")  # S13
        secret_names = secret_fields(spec.config_type)
        open_part = {name: value for name, value in config.items() if name not in secret_names}
        secret_part = {name: value for name, value in config.items() if name in secret_names}
        await connection.execute(
            store.ACCOUNT_UPSERT,
            merchant_id,
            account_id,
            mode,
            provider,
            (base_url or spec.base_urls[mode]).rstrip("/"),
            open_part,
            await self._vault.seal(connection, secret_part, _place(merchant_id, account_id)),
            priority,
        )

    async def contracts(self, connection: Connection, merchant_id: str, mode: Mode) -> list[Contract]:
        """List a merchant's accounts in one mode, first priority first; those of missing providers are left out."""
        rows = await connection.fetch(store.ACCOUNTS, merchant_id, mode)
        return [await self._contract(connection, row) for row in rows if row["provider"] in specs()]

    async def all_contracts(self, connection: Connection) -> list[Contract]:
        """List every account of every merchant: for what runs by the clock."""
        rows = await connection.fetch(store.ACCOUNTS_OF_ALL)
        return [await self._contract(connection, row) for row in rows if row["provider"] in specs()]

    async def keep_bounds(self, connection: Connection, account: Account, bounds: Sequence[Bound]) -> None:
        """Remember what the provider told of an account."""
        stored = msgspec.to_builtins(list(bounds))
        await connection.execute(store.ACCOUNT_BOUNDS, account.merchant_id, account.id, stored)

    async def account(self, connection: Connection, merchant_id: str, account_id: str) -> Account:
        """Give one account. Raises NotFound."""
        row = await connection.fetchrow(store.ACCOUNT, merchant_id, account_id)
        if row is None:
            raise NotFound(id=account_id)
        return await self._account(connection, row)

    async def merchant_name(self, connection: Connection, merchant_id: str) -> str:
        row = await connection.fetchrow(store.MERCHANT, merchant_id)
        return row["name"] if row else ""

    async def owner(self, connection: Connection, provider: str, account_id: str) -> str | None:
        """Tell whose account an address of our webhooks names."""
        return await connection.fetchval(store.ACCOUNT_OWNER, account_id, provider)

    async def pause(
        self, connection: Connection, *, merchant_id: str, mode: Mode, account_id: str, who: str, why: str
    ) -> None:
        """Take an account out of routing; what it already carries is followed as before. Raises NotFound."""
        done = await connection.execute(store.ACCOUNT_PAUSE, merchant_id, mode, account_id, who, why)
        if done == "UPDATE 0":
            raise NotFound(id=account_id)

    async def resume(self, connection: Connection, *, merchant_id: str, mode: Mode, account_id: str) -> None:
        """Put an account back. Raises NotFound."""
        if await connection.execute(store.ACCOUNT_RESUME, merchant_id, mode, account_id) == "UPDATE 0":
            raise NotFound(id=account_id)

    async def put_forced(
        self,
        connection: Connection,
        *,
        merchant_id: str,
        mode: Mode,
        account_id: str,
        circuit: tuple[str, str | None],
        forced: Forced | None,
        now: datetime,
    ) -> None:
        """Keep what people decided about a circuit, in place of what they decided before; None: nothing any more.

        circuit: its operation and operator. What has ended by itself goes with it. Raises NotFound.
        """
        row = await connection.fetchrow(store.ACCOUNT_FORCED_LOCK, merchant_id, mode, account_id)
        if row is None:
            raise NotFound(id=account_id)
        before = msgspec.convert(row["forced"] or [], list[Forced])
        others = [item for item in before if item.until > now and (item.operation, item.operator) != circuit]
        held = msgspec.to_builtins(others if forced is None else [*others, forced])
        await connection.execute(store.ACCOUNT_FORCED, merchant_id, account_id, held)

    async def _contract(self, connection: Connection, row: Record) -> Contract:
        paused = (row["paused_at"], row["paused_by"], row["paused_why"])
        standings = msgspec.convert(row["standings"] or [], tuple[Standing, ...])
        account = await self._account(connection, row)
        return Contract(account, specs()[row["provider"]], row["priority"], *paused, standings)

    async def _account(self, connection: Connection, row: Record) -> Account:
        spec = specs()[row["provider"]]
        place = _place(row["merchant_id"], row["id"])
        secret_part = cast("dict[str, Any]", await self._vault.unseal(connection, row["sealed"], place))
        return Account(
            id=row["id"],
            merchant_id=row["merchant_id"],
            provider=row["provider"],
            mode=Mode(row["mode"]),
            base_url=row["base_url"],
            callback_url=f"{self._base_url}/api/webhooks/{row['provider']}/{row['id']}",
            config=fill_config(spec, row["id"], {**row["config"], **secret_part}),
            bounds=msgspec.convert(row["bounds"] or [], tuple[Bound, ...]),
            forced=msgspec.convert(row["forced"] or [], tuple[Forced, ...]),
        )


async def merchant_is_there(connection: Connection, merchant_id: str) -> bool:
    return await connection.fetchrow(store.MERCHANT, merchant_id) is not None


async def make_merchant(
    connection: Connection,
    ids: Ids,
    *,
    name: str,
    country: str,
    language: str,
    merchant_id: str | None = None,
) -> str:
    """Register a merchant and give its id."""
    merchant_id = merchant_id or ids.new("mer")
    await connection.execute(store.MERCHANT_INSERT, merchant_id, name, country, language)
    return merchant_id


def _place(merchant_id: str, account_id: str) -> Place:
    return Place("provider_accounts", "sealed", merchant_id, account_id)
