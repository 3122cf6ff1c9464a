"""What the merchant's wallets at pawaPay hold, one for each country and currency, and a book of all that moved.

docs.pawapay.io/v2/docs/payouts: money in goes to the wallet of the payer's country; a payout is reserved from that of
the recipient's country when it is accepted, and released when it fails. pawaPay's fees are agreed per merchant and
are none here.
"""

from decimal import Decimal
from typing import Any

import msgspec

from afriflow.providers.pawapay.simulator.sandbox import rails
from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.notebook import Notebook, Value

# Enough that nobody who tries payouts must top up first, in any currency of the table.
_OPENING = "10000000"


class _Funds(msgspec.Struct, forbid_unknown_fields=True):
    country: str
    currency: str
    balance: Decimal


class Wallets:
    """The wallets of one account."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        for country, currency in sorted(
            {(rail.country, currency) for rail in rails().values() for currency in rail.currencies}
        ):
            wallet = {"country": country, "currency": currency, "balance": _OPENING}
            notebook.put_new("wallet", f"{country} {currency}", wallet)

    def move(self, operation: Value, operation_id: str, amount: Decimal, why: str) -> bool:
        """Put an amount into the wallet of an operation, or take it out (negative); False when it is not there.

        why: "deposit", "reserved", "released"; each happens to an operation once.
        """

        def change(wallet: Value) -> Value | None:
            after = Decimal(wallet["balance"]) + amount
            return {**wallet, "balance": f"{after:f}"} if after >= 0 else None

        key = f"{operation['country']} {operation['currency']}"
        if self._notebook.change("wallet", key, change) is None:
            return False
        entry = {"wallet": key, "operation": operation_id, "why": why, "amount": f"{amount:f}"}
        self._notebook.put_new("entry", f"{why} {operation_id.lower()}", entry)
        return True

    async def balances(self, request: Request) -> Response:
        """Answer docs.pawapay.io/v2/api-reference/finances/wallet-balances; provider "" is the country's wallet."""
        wanted = request.query.get("country")
        balances = [
            {**wallet, "balance": f"{Decimal(wallet['balance']):.2f}", "provider": ""}
            for wallet in self._notebook.every("wallet")
            if wanted in {None, wallet["country"]}
        ]
        return json_response(200, {"balances": balances})

    async def book(self, request: Request) -> Response:  # noqa: ARG002 - a handler
        return json_response(200, self._notebook.every("entry"))

    async def fund(self, request: Request) -> Response:
        """Set what a wallet holds, as a top-up or a withdrawal does."""
        try:
            funds = msgspec.json.decode(request.body, type=_Funds)
        except msgspec.DecodeError as error:
            return json_response(400, {"error": "invalid_funds", "detail": str(error)})

        def change(wallet: Value) -> Value:
            return {**wallet, "balance": f"{funds.balance:f}"}

        changed: dict[str, Any] | None = self._notebook.change(
            "wallet", f"{funds.country} {funds.currency}", change
        )
        return json_response(200, changed) if changed else json_response(404, {"error": "no such wallet"})
