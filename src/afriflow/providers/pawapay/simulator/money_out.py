"""What becomes of payouts and refunds: reserved from the wallet, queued while the operator is slow, done or released.

docs.pawapay.io/v2/docs/payouts and /refunds. Nobody has to approve anything. A deposit has one refund at a time, and
never more refunded than it brought.
"""

from decimal import Decimal
from typing import Any, cast

from afriflow.providers.pawapay.simulator.forms import PAYOUT, REFUND, Form, RejectedError
from afriflow.providers.pawapay.simulator.gate import failure_reason
from afriflow.providers.pawapay.simulator.operations import ENDS, House, Later, Operations, parsed
from afriflow.providers.pawapay.simulator.rules import (
    check_allowed,
    check_amount,
    check_business,
    check_open,
)
from afriflow.providers.pawapay.simulator.sandbox import COMPANY, STUCK, Rail, rails
from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.notebook import Value

# "More than 20 payouts may be rejected": docs.pawapay.io/v2/api-reference/payouts/initiate-bulk-payout
_BULK_MAX = 20
# How often a queued operation looks whether its operator is back; a person who takes it off the list sees it go.
_QUEUE_PAUSE_SECONDS = 0.2


class MoneyOut(Operations):
    """Payouts or refunds of one account."""

    async def fail_enqueued(self, request: Request) -> Response:
        """Cancel what waits for its operator; it fails a moment later."""
        operation = self.find(request.parts["id"])
        if operation is None or operation["status"] != "ENQUEUED":
            return self._no(request.parts["id"], operation, "Only what is enqueued can be cancelled.")
        operation_id = operation[self._id_field]
        request.afterwards(0, lambda: self._end(operation_id, "MANUALLY_CANCELLED", only_from="ENQUEUED"))
        return json_response(200, {self._id_field: request.parts["id"], "status": "ACCEPTED"})

    def resume(self) -> None:
        """Take up after a restart what was under way."""
        for operation in self._seat.notebook.every(self._kind):
            if operation["status"] == "ENQUEUED":
                self._proceed_later(operation[self._id_field], self._seat.later)
            elif operation["status"] not in ENDS:
                self._end_when_due(operation, operation["inside_outcome"])

    def _reserved(self, order: dict[str, Any], rail: Rail, recipient: dict[str, Any], **more: Any) -> Value:
        """Make an operation and reserve its money. Raises RejectedError."""
        behaviour = self._house.dial.now
        outcome = rail.outcome_of(recipient["accountDetails"]["phoneNumber"], payout=True)
        operation = self._kept(
            {**order, "recipient": recipient},
            rail.country,
            **more,
            inside_outcome=outcome or behaviour.money_out_ends,
            inside_due=self._due(behaviour.settle_after_seconds),
        )
        if rail.provider in behaviour.delayed_providers:
            operation["status"] = "ENQUEUED"
        amount = Decimal(order["amount"])
        if not self._house.wallets.move(operation, order[self._id_field], -amount, "reserved"):
            message = f"The wallet of {rail.country} does not hold enough."
            raise RejectedError(200, "PAWAPAY_WALLET_OUT_OF_FUNDS", message)
        return operation

    def _undo(self, operation: Value) -> None:
        self._release(operation, "undone")

    def _after_end(self, operation: Value) -> None:
        if operation["status"] == "FAILED":
            self._release(operation, "released")

    def _release(self, operation: Value, why: str) -> None:
        self._house.wallets.move(operation, operation[self._id_field], Decimal(operation["amount"]), why)

    def _set_going(self, operation: Value, later: Later) -> None:
        operation_id, outcome = operation[self._id_field], operation["inside_outcome"]
        if operation["status"] == "ENQUEUED":
            self._proceed_later(operation_id, later)
        elif outcome != STUCK:
            later(self._house.dial.now.settle_after_seconds, lambda: self._end(operation_id, outcome))

    def _proceed_later(self, operation_id: str, later: Later) -> None:
        later(_QUEUE_PAUSE_SECONDS, lambda: self._proceed(operation_id))

    async def _proceed(self, operation_id: str) -> None:
        """Go on with what was queued, once its operator is no longer slow."""
        behaviour = self._house.dial.now

        def proceed(operation: Value) -> Value | None:
            provider = operation["recipient"]["accountDetails"]["provider"]
            if operation["status"] != "ENQUEUED" or provider in behaviour.delayed_providers:
                return None
            due = self._due(behaviour.settle_after_seconds)
            return {**operation, "status": "PROCESSING", "inside_due": due}

        going = self._seat.notebook.change(self._kind, operation_id.lower(), proceed)
        if going is not None:
            self._set_going(going, self._seat.later)
        elif (self.find(operation_id) or {}).get("status") == "ENQUEUED":
            self._proceed_later(operation_id, self._seat.later)


class Payouts(MoneyOut):
    """The payouts of one account."""

    _way = "out"

    def __init__(self, house: House) -> None:
        super().__init__(house, "payout", PAYOUT)

    async def initiate_bulk(self, request: Request) -> Response:
        """Take many payouts, each for itself; one of the wrong form does not hold up the others."""
        body = parsed(request)
        items = cast("list[object]", body) if isinstance(body, list) else []
        if not 0 < len(items) <= _BULK_MAX:
            code = "INVALID_PARAMETER" if isinstance(body, list) else "INVALID_INPUT"
            reason = failure_reason(code, f"Expected an array of 1 to {_BULK_MAX} payouts.")
            return json_response(400, {"status": "REJECTED", "failureReason": reason})
        return json_response(200, [self.take(item, request.afterwards)[1] for item in items])

    def _accepted(self, order: dict[str, Any]) -> Value:
        rail = check_business(order, self._house.dial.now, self._kind)
        return self._reserved(order, rail, order["recipient"])


class Refunds(MoneyOut):
    """The refunds of one account. deposits: what they give back."""

    _way = "back"

    def __init__(self, house: House, deposits: Operations, form: Form = REFUND) -> None:
        super().__init__(house, "refund", form)
        self._deposits = deposits

    def _accepted(self, order: dict[str, Any]) -> Value:
        deposit = self._deposits.find(order["depositId"])
        if deposit is None:
            raise RejectedError(200, "NOT_FOUND", "The deposit was not found.")
        if deposit["status"] != "COMPLETED":
            raise RejectedError(200, "INVALID_STATE", "Only completed deposits can be refunded.")
        if ("amount" in order) != ("currency" in order):
            missing = "currency" if "amount" in order else "amount"
            raise RejectedError(400, "MISSING_PARAMETER", f"The '{missing}' parameter is required.")
        remaining = self._remaining(deposit)
        order = {"amount": f"{remaining:f}", "currency": deposit["currency"], **order}
        if order["currency"] != deposit["currency"]:
            raise RejectedError(200, "INVALID_CURRENCY", "The deposit has another currency.")
        if Decimal(order["amount"]) > remaining:
            raise RejectedError(200, "AMOUNT_TOO_LARGE", f"At most {remaining:f} can be refunded.")
        rail = rails()[deposit["payer"]["accountDetails"]["provider"]]
        behaviour = self._house.dial.now
        check_allowed(rail, behaviour, self._kind)
        check_amount(order, rail, self._kind)
        check_open(rail, behaviour, self._kind)
        # A refund carries no message of its own; the recipient reads the company's name.
        order = {**order, "customerMessage": COMPANY}
        return self._reserved(order, rail, deposit["payer"], inside_deposit=deposit["depositId"])

    def _remaining(self, deposit: Value) -> Decimal:
        """Tell what may still be given back. Raises RejectedError when nothing may, now or ever."""
        earlier = [
            refund
            for refund in self._seat.notebook.every("refund")
            if refund["inside_deposit"] == deposit["depositId"] and refund["status"] != "FAILED"
        ]
        if any(refund["status"] not in ENDS for refund in earlier):
            raise RejectedError(200, "REFUND_IN_PROGRESS", "Another refund of the deposit is in progress.")
        remaining = Decimal(deposit["amount"]) - sum(Decimal(refund["amount"]) for refund in earlier)
        if remaining <= 0:
            raise RejectedError(200, "DEPOSIT_ALREADY_REFUNDED", "The deposit has been refunded in full.")
        return remaining
