"""What PayDunya's older calls answer, which its official clients still make: money to an account, payment on site.

After the official PHP, Python and JavaScript clients and the specification of the Ruby one; the documents no longer
show them. Texts that no source quotes are marked `(simulated)`.
"""

import re
from typing import Any

from afriflow.providers.paydunya.simulator.api import MINIMUM, error, read_amount, read_object, refuse_keys
from afriflow.providers.paydunya.simulator.invoices import Invoices, branch
from afriflow.simulator.handset import Handset
from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.seat import Seat

_CODE = re.compile(r"\d{4,6}", re.ASCII)


class Legacy:
    """Both older services, for both modes."""

    def __init__(self, seat: Seat, invoices: Invoices, handset: Handset) -> None:
        self._seat = seat
        self._invoices = invoices
        self._handset = handset

    async def credit_account(self, request: Request, *, mode: str) -> Response:
        """Send money to another account of PayDunya's (`direct-pay/credit-account`)."""
        refused = refuse_keys(self._seat.settings, request, mode)
        if refused is not None:
            return refused
        order = read_object(request)
        amount = read_amount(order.get("amount"))
        if not order.get("account_alias") or amount is None or amount <= 0:
            return error("4001", "(simulated) account_alias and amount are mandatory")
        number = len(self._seat.notebook.every("credit")) + 1
        transaction_id = f"TEST{number:06d}" if mode == "test" else f"TFA-TX-{number:010d}"
        self._seat.notebook.put_new(
            "credit", transaction_id, {"to": order["account_alias"], "amount": amount}
        )
        return json_response(
            200,
            {
                "response_code": "00",
                "response_text": "Transaction completed successfully",
                "description": f"(simulated) {amount} FCFA to {order['account_alias']}",
                "transaction_id": transaction_id,
            },
        )

    async def create(self, request: Request, *, mode: str) -> Response:
        """Begin a payment on site (`opr/create`): the payer gets a code, the merchant two tokens."""
        refused = refuse_keys(self._seat.settings, request, mode)
        if refused is not None:
            return refused
        order = read_object(request)
        asked: dict[str, Any] = branch(order, "invoice_data")
        payer = str(branch(order, "opr_data").get("account_alias") or "")
        amount = read_amount(branch(asked, "invoice").get("total_amount"))
        if amount is None or not payer or not branch(asked, "store").get("name"):
            return error("4001", "(simulated) total_amount, store.name and account_alias are mandatory")
        if amount < MINIMUM:
            return error("4003", "(simulated) the amount is under the minimum of 200 FCFA")
        made = self._invoices.create(mode, asked, amount)
        token = self._invoices.note_code(made["token"], payer)
        self._handset.send_code(
            phone=payer, provider="paydunya", order=made["token"], text="PayDunya: {code}"
        )
        return json_response(
            200,
            {
                "response_code": "00",
                "response_text": "(simulated) a code was sent",
                "description": "(simulated) a code was sent to the payer",
                "token": token,
                "invoice_token": made["token"],
            },
        )

    async def charge(self, request: Request, *, mode: str) -> Response:
        """End a payment on site with the payer's code (`opr/charge`)."""
        refused = refuse_keys(self._seat.settings, request, mode)
        if refused is not None:
            return refused
        order = read_object(request)
        sent = self._invoices.code_sent(str(order.get("token")))
        invoice = self._invoices.find(sent["token"]) if sent else None
        if sent is None or invoice is None or invoice["mode"] != mode:
            return error("4004", "No Transaction Found.")
        code = str(order.get("confirm_token"))
        if not _CODE.fullmatch(code) or code == "0000" or invoice["status"] != "pending":
            return error("3001", "(simulated) the code is wrong, or the payment has ended")
        self._handset.redeem_code(sent["phone"], code)
        self._invoices.note(invoice["token"], payer={"phone": sent["phone"]}, payment_method="paydunya")
        ended = self._invoices.settle(invoice["token"], "completed", later=request.afterwards) or invoice
        return json_response(
            200,
            {
                "response_code": "00",
                "response_text": "Transaction completed successfully",
                "invoice_data": self._invoices.content(ended),
            },
        )
