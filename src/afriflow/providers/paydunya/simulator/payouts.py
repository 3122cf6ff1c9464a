"""The books of payouts: each is created, then pending, then sent or failed, and its money leaves one balance once."""

import string
from typing import Any

from afriflow.providers.paydunya.simulator.invoices import Invoices
from afriflow.providers.paydunya.simulator.notification import encode
from afriflow.providers.paydunya.simulator.switches import Switchboard
from afriflow.simulator.notebook import Value
from afriflow.simulator.seat import Seat

# withdraw_mode and the country whose account pays: the documented ones, then those that integrators name.
MODES = {
    "orange-money-senegal": "SN", "free-money-senegal": "SN", "expresso-senegal": "SN", "wave-senegal": "SN",
    "mtn-benin": "BJ", "moov-benin": "BJ", "mtn-ci": "CI", "orange-money-ci": "CI", "moov-ci": "CI", "wave-ci": "CI",
    "t-money-togo": "TG", "orange-money-mali": "ML",
    "moov-togo": "TG", "orange-money-burkina": "BF", "moov-burkina-faso": "BF", "mtn-cameroun": "CM",
    "djamo-sn": "SN", "djamo-ci": "CI", "celtiis-cash": "BJ",
}  # fmt: skip
# Enough for a day of trying, little enough to run out of.
BALANCE_AT_START = 10_000_000

_TOKEN_CHARACTERS = string.ascii_letters + string.digits


class Payouts:
    """All payouts of one seat, kept in its notebook. Tests read the book `transfer`: money that left, by token."""

    def __init__(self, seat: Seat, invoices: Invoices, switches: Switchboard) -> None:
        self._seat = seat
        self._invoices = invoices
        self._switches = switches
        self._book = seat.notebook

    def make(self, order: dict[str, Any], country: str) -> Value:
        payout: Value = {
            **order,
            "country": country,
            "status": "created",
            "disburse_id": str(order.get("disburse_id") or ""),
            "put_off": False,
            "due": None,
            "transaction_id": f"TFA-TX-{self._draw(10)}",
            "disburse_tx_id": "",
            "created_at": self._seat.clock.now().isoformat(),
            "updated_at": self._now(),
        }
        while True:  # after a restart the same seed draws the same tokens again
            token = self._draw(20)
            if self._book.put_new("payout", token, {**payout, "token": token}):
                if payout["disburse_id"]:
                    self._book.put_new("disburse_id", payout["disburse_id"], {"token": token})
                return {**payout, "token": token}

    def find(self, token: str) -> Value | None:
        return self._book.get("payout", token)

    def is_created(self, token: str) -> bool:
        return (self.find(token) or {"status": ""})["status"] == "created"

    def every(self) -> list[Value]:
        return self._book.every("payout")

    def is_free(self, disburse_id: str, *, token: str) -> bool:
        """Tell whether an id may be used for a token: it was never used, or for this very one."""
        holder = self._book.get("disburse_id", disburse_id) if disburse_id else None
        return holder is None or holder["token"] == token

    def put_off(self, token: str) -> None:
        self._book.change("payout", token, lambda payout: {**payout, "put_off": True})

    def take(self, token: str, disburse_id: str) -> Value | None:
        """Take a payout's money off the balance and its id out of use; None when there is not enough of it.

        Only what is `created` is taken, and only once, whoever asks at the same time.
        """
        facts = {"status": "pending", "disburse_id": disburse_id, "updated_at": self._now()}
        taken = self._book.change("payout", token, lambda payout: _if(payout, "created", facts))
        if taken is None:
            return None
        if disburse_id:
            self._book.put_new("disburse_id", disburse_id, {"token": token})
        if self._move(taken["country"], -taken["amount"]):
            return taken
        self._book.change("payout", token, lambda payout: _if(payout, "pending", {"status": "created"}))
        return None

    def expect(self, token: str, status: str) -> None:
        """Write down how a payout will end by itself."""
        self._book.change("payout", token, lambda payout: _if(payout, "pending", {"due": status}))

    def end(self, token: str, status: str) -> Value | None:
        """End a payout that is on its way; None when it has ended before. What failed goes back to the balance."""
        facts = {"status": status, "due": None, "updated_at": self._now(), "disburse_tx_id": self._draw(12)}
        ended = self._book.change("payout", token, lambda payout: _if(payout, "pending", facts))
        if ended is not None and status == "success":
            self._book.put_new("transfer", token, {"amount": ended["amount"], "to": ended["account_alias"]})
            self._seat.moved("out", token, str(ended["amount"]), ended["disburse_id"])
        if ended is not None and status == "failed":
            self._move(ended["country"], ended["amount"])
        return ended

    def balances(self) -> dict[str, int]:
        return {
            country: (self._book.get("balance", country) or {"held": BALANCE_AT_START})["held"]
            for country in dict.fromkeys(MODES.values())
        }

    def fill(self, balances: dict[str, int]) -> None:
        for country, held in balances.items():
            self._book.put("balance", country, {"held": held})

    def content(self, payout: Value) -> dict[str, Any]:
        """Write what check-status and callback share, in the documented order."""
        return {
            "hash": self._invoices.hash(),
            "status": payout["status"],
            "token": payout["token"],
            "withdraw_mode": payout["withdraw_mode"],
            "amount": f"{payout['amount']}.00",
            "updated_at": payout["updated_at"],
            "disburse_id": payout["disburse_id"],
            "transaction_id": payout["transaction_id"],
            "disburse_tx_id": payout["disburse_tx_id"],
        }

    async def notify(self, payout: Value) -> None:
        """Tell the merchant how a payout ended: flat fields, as JSON in a form (the encoding that was seen)."""
        chosen = self._switches.now.notification
        notation, content = "json_in_form" if chosen == "form" else chosen, self.content(payout)
        headers = {"content-type": encode(content, notation)[1]}
        await self._seat.callbacks.send(
            str(payout["callback_url"]),
            content,
            paid="success",
            encode=lambda content: encode(content, notation)[0],
            headers=lambda _: headers,
        )

    def _move(self, country: str, amount: int) -> bool:
        """Add to a balance, or take from it what is there."""
        self._book.put_new("balance", country, {"held": BALANCE_AT_START})

        def add(balance: Value) -> Value | None:
            held = balance["held"] + amount
            return {"held": held} if held >= 0 else None

        return self._book.change("balance", country, add) is not None

    def _draw(self, length: int) -> str:
        return "".join(self._seat.random.choices(_TOKEN_CHARACTERS, k=length))

    def _now(self) -> str:
        return self._seat.clock.now().strftime("%d/%m/%Y %H:%M:%S")


def _if(payout: Value, status: str, facts: dict[str, Any]) -> Value | None:
    return {**payout, **facts} if payout["status"] == status else None
