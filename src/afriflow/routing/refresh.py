"""Keeping up with the providers: what each account may do now, asked by the clock and kept for routing."""

from dataclasses import dataclass

from afriflow.db.engine import Database
from afriflow.merchants.accounts import Accounts
from afriflow.observe.log import logger, page
from afriflow.port.bounds import Bounds
from afriflow.port.factory import PaymentFactory

_log = logger("routing")


@dataclass(frozen=True, slots=True)
class Refresher:
    """Asks every account whose provider tells about it."""

    database: Database
    accounts: Accounts
    factory: PaymentFactory

    async def refresh(self) -> None:
        """Ask and keep; an account that cannot be asked keeps what it told last."""
        async with self.database.connection() as connection:
            contracts = await self.accounts.all_contracts(connection)
        for contract in contracts:
            adapter = self.factory.open(contract.account).adapter
            if not isinstance(adapter, Bounds):
                continue
            try:
                told = await adapter.bounds()
            except Exception as error:  # noqa: BLE001 — one account's adapter must not stop the others
                page("adapter_failed", provider=contract.account.provider, reason=repr(error)[:300])
                continue
            if told is None:
                _log.warning("bounds_not_told", account_id=contract.account.id)
            elif told != contract.account.bounds:
                async with self.database.connection() as connection:
                    await self.accounts.keep_bounds(connection, contract.account, told)
