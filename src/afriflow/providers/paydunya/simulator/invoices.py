"""What becomes of an invoice: pending until it is completed, cancelled or failed, and then never anything else.

Confirm and IPN hold the same content (https://developers.paydunya.com/doc/FR/softpay §5, /doc/FR/http_json, read
2026-10; the fields that only live answers have after integrators' logs).
"""

import hashlib
import json
import string
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from afriflow.providers.paydunya.simulator.notification import encode
from afriflow.providers.paydunya.simulator.switches import Switchboard
from afriflow.simulator.http import Request, Work
from afriflow.simulator.notebook import Value
from afriflow.simulator.seat import Seat

# Integrators see an unpaid invoice cancelled about a day after it was made; not documented.
EXPIRES_AFTER = timedelta(hours=24)
# The payer's fees in SoftPay's documented answers.
FEES = 100
# Long enough for the answer of the request that settled the invoice to be on its way.
NOTIFY_AFTER_SECONDS = 0.1
# What a payment that was on its way when the simulator stopped still needs after it starts again.
RESUME_AFTER_SECONDS = 0.5

_ALPHABET = string.ascii_letters + string.digits
# A notification of PayDunya's, as a merchant logged its sender.
_USER_AGENT = "GuzzleHttp/6.2.1 curl/7.38.0 PHP/5.6.40"

Later = Callable[[float, Work], None]


class Invoices:
    """All invoices of one seat, kept in its notebook."""

    def __init__(self, seat: Seat, switches: Switchboard) -> None:
        self._seat = seat
        self._switches = switches
        self.later = seat.later

    def create(self, mode: str, order: dict[str, Any], amount: int) -> Value:
        """Make an invoice under a token of its own; two equal orders are two invoices."""
        invoice: Value = {
            "mode": mode,
            "amount": amount,
            "order": order,
            "status": "pending",
            "created_at": self._seat.clock.now().isoformat(),
            "fail_reason": "",
            "payer": {},
            "payment_method": "",
            "due": None,
            "prompt": None,
        }
        while True:  # the dice fall the same after a restart: a token that is taken is drawn anew
            token = self._token(mode)
            if self._seat.notebook.put_new("invoice", token, {**invoice, "token": token}):
                return {**invoice, "token": token}

    def find(self, token: str) -> Value | None:
        """Give an invoice as it stands now: one that is a day old has been cancelled meanwhile."""
        invoice = self._seat.notebook.get("invoice", token)
        if invoice is None or invoice["status"] != "pending":
            return invoice
        if self._seat.clock.now() < self.expires_at(invoice):
            return invoice
        return self.settle(token, "cancelled", later=self.later) or self._seat.notebook.get("invoice", token)

    def made_at(self, request: Request) -> datetime | None:
        """Tell when the invoice was made that a request asks for."""
        invoice = self._seat.notebook.get("invoice", request.parts["token"])
        return datetime.fromisoformat(invoice["created_at"]) if invoice else None

    def expires_at(self, invoice: Value) -> datetime:
        return datetime.fromisoformat(invoice["created_at"]) + EXPIRES_AFTER

    def newest(self, count: int) -> list[Value]:
        return self._seat.notebook.every("invoice")[-count:][::-1]

    def note(self, token: str, **facts: Any) -> None:
        """Write down facts about a pending invoice: who pays, with what, and what is due to happen by itself."""
        self._seat.notebook.change("invoice", token, lambda invoice: _if_pending(invoice, facts))

    def note_code(self, token: str, phone: str) -> str:
        """Remember that a code was sent for an invoice, and give the number under which it is redeemed."""
        while True:
            number = f"{self._seat.random.randrange(10**8, 10**9)}"
            if self._seat.notebook.put_new("code", number, {"token": token, "phone": phone}):
                return number

    def code_sent(self, number: str) -> Value | None:
        return self._seat.notebook.get("code", number)

    def settle(
        self, token: str, status: str, *, later: Later, fail_reason: str = "", notifications: int = 1
    ) -> Value | None:
        """End an invoice and have it notified; None when it has ended before."""
        facts = {"status": status, "fail_reason": fail_reason, "due": None}
        settled = self._seat.notebook.change("invoice", token, lambda invoice: _if_pending(invoice, facts))
        if settled is not None and status == "completed":
            said = json.dumps(settled["order"].get("custom_data"))
            self._seat.moved("in", token, str(settled["amount"]), said)
        if settled is not None:
            for _ in range(notifications):
                later(NOTIFY_AFTER_SECONDS, lambda: self.notify(settled))
        return settled

    def settle_later(self, token: str, seconds: float, status: str, *, later: Later) -> None:
        """Have an invoice end by itself, also when the simulator stops and starts in between."""
        self.note(token, due=status)

        async def end() -> None:
            self.settle(token, status, later=self.later)

        later(seconds, end)

    def resume(self) -> None:
        """Take up what was due when the simulator stopped."""
        for invoice in self._seat.notebook.every("invoice"):
            if invoice["status"] == "pending" and invoice["due"]:
                self.settle_later(invoice["token"], RESUME_AFTER_SECONDS, invoice["due"], later=self.later)

    async def notify(self, invoice: Value) -> None:
        """Tell the merchant, at the invoice's own address or the account's."""
        url = branch(invoice["order"], "actions").get("callback_url") or self._seat.settings.callback_url
        if not str(url).startswith(("http://", "https://")):
            return
        notation, content = self._switches.now.notification, self.content(invoice)
        headers = {"content-type": encode(content, notation)[1], "user-agent": _USER_AGENT}
        await self._seat.callbacks.send(
            str(url),
            content,
            paid="completed",
            encode=lambda content: encode(content, notation)[0],
            headers=lambda _: headers,
        )

    def content(self, invoice: Value) -> dict[str, Any]:
        """Write what confirm answers; PHP writes what is empty as a list, also where an object belongs."""
        order = invoice["order"]
        asked = branch(order, "invoice")
        actions = branch(order, "actions")
        content: dict[str, Any] = {
            "response_code": "00",
            "response_text": "Transaction Found",
            "hash": self.hash(),
            "invoice": {
                "token": invoice["token"],
                "items": asked.get("items") or [],
                "taxes": asked.get("taxes") or [],
                "total_amount": invoice["amount"],
                "description": asked.get("description") or "",
            },
            "custom_data": order.get("custom_data") or [],
            "actions": {
                name: actions.get(name) or "" for name in ("cancel_url", "callback_url", "return_url")
            },
            "mode": invoice["mode"],
            "status": invoice["status"],
            "fail_reason": invoice["fail_reason"],
        }
        if invoice["mode"] == "live" or self._switches.now.payer_bears_fees:
            content["invoice"] |= self._livebranch(invoice)
        if invoice["status"] == "completed":
            content |= self._receipt(invoice)
        return content

    def hash(self) -> str:
        """Give the constant that stands in every answer and notification: SHA-512 of the master key."""
        return hashlib.sha512(self._seat.settings.config.get("master_key", "").encode()).hexdigest()

    def _livebranch(self, invoice: Value) -> dict[str, Any]:
        fees = FEES if self._switches.now.payer_bears_fees else 0
        return {
            "pal_is_on": 0,
            "total_amount": invoice["amount"] + fees,
            "total_amount_without_fees": invoice["amount"],
            "expire_date": self.expires_at(invoice).strftime("%Y-%m-%d %H:%M:%S"),
        }

    def _receipt(self, invoice: Value) -> dict[str, Any]:
        payer = {"name": "", "phone": "", "email": "", **invoice["payer"]}
        base = self._seat.settings.public_url.rstrip("/")
        test = invoice["mode"] == "test"
        checkout = "sandbox-checkout" if test else "checkout"
        receipt: dict[str, Any] = {
            "customer": payer,
            "receipt_url": f"{base}/{checkout}/receipt/pdf/{invoice['token']}.pdf",
        }
        if not test:
            payer["payment_method"] = invoice["payment_method"].replace("-", "_")
            receipt["receipt_identifier"] = f"RCT{invoice['token'][:8].upper()}"
            receipt["provider_reference"] = f"PRV{invoice['token'][-8:].upper()}"
        return receipt

    def _token(self, mode: str) -> str:
        characters = "".join(self._seat.random.choices(_ALPHABET, k=10 if mode == "test" else 20))
        return f"test_{characters}" if mode == "test" else characters


def branch(order: dict[str, Any], name: str) -> dict[str, Any]:
    """Give what stands under a name of a merchant's order; nothing when it is no object, as PHP's `[]`."""
    value: object = order.get(name)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _if_pending(invoice: Value, facts: dict[str, Any]) -> Value | None:
    return {**invoice, **facts} if invoice["status"] == "pending" else None
