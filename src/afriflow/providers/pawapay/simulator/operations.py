"""What deposits, payouts and refunds share at pawaPay: taken once by their id, shown, ended once, told by a callback.

docs.pawapay.io/v2/api-reference. The id alone decides what is a duplicate, and rejected ids are not kept.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from afriflow.providers.pawapay.simulator.behaviour import BehaviourDial
from afriflow.providers.pawapay.simulator.forms import Form, RejectedError, check_form, flat_metadata
from afriflow.providers.pawapay.simulator.gate import failure_reason
from afriflow.providers.pawapay.simulator.keys import KeyRing
from afriflow.providers.pawapay.simulator.sandbox import COMPLETED, STUCK
from afriflow.providers.pawapay.simulator.wallets import Wallets
from afriflow.simulator.handset import Handset
from afriflow.simulator.http import Request, Response, Work, json_response
from afriflow.simulator.notebook import Value
from afriflow.simulator.seat import Seat

ENDS = frozenset({"COMPLETED", "FAILED"})
Later = Callable[[float, Work], None]


@dataclass(frozen=True, slots=True)
class House:
    """What all operations of one account work with."""

    seat: Seat
    handset: Handset
    dial: BehaviourDial
    keys: KeyRing
    wallets: Wallets


class Operations:
    """The operations of one kind. What begins with "inside_" in a kept one is ours, and nobody sees it."""

    _way = "in"

    def __init__(self, house: House, kind: str, form: Form) -> None:
        self._house = house
        self._seat = house.seat
        self._kind = kind
        self._form = form
        self._id_field = form.id_field

    async def initiate(self, request: Request) -> Response:
        status, answer = self.take(parsed(request), request.afterwards)
        return json_response(status, answer)

    def take(self, body: object, later: Later) -> tuple[int, dict[str, Any]]:
        """Accept, reject, or ignore as a duplicate; gives HTTP status and answer. later: for what it sets in motion."""
        try:
            order = check_form(body, self._form)
            operation_id = order[self._id_field]
            known = self.find(operation_id)
            if known is None:
                operation = self._accepted(order)
                if self._seat.notebook.put_new(self._kind, operation_id.lower(), operation):
                    self._set_going(operation, later)
                    return 200, self._answer(operation, "ACCEPTED", **self._next_step(operation))
                self._undo(operation)
                known = operation
            return 200, self._answer(known, "DUPLICATE_IGNORED")
        except RejectedError as rejection:
            fields = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
            reason = failure_reason(self._word(rejection.code), rejection.message)
            answer = {
                self._id_field: fields.get(self._id_field) if rejection.echoes_id else None,
                "status": self._word("REJECTED"),
                "failureReason": reason,
            }
            return rejection.http, answer

    async def show(self, request: Request) -> Response:
        operation = self.find(request.parts["id"])
        if operation is None:
            return self.unknown()
        return json_response(200, {"status": self._word("FOUND"), "data": self._seen(operation, places=2)})

    def unknown(self) -> Response:
        return json_response(200, {"status": self._word("NOT_FOUND")})

    def made_at(self, request: Request) -> datetime | None:
        """Tell when what a request asks for was accepted."""
        operation = self.find(request.parts["id"])
        return datetime.fromisoformat(operation["created"]) if operation else None

    async def resend_callback(self, request: Request) -> Response:
        """Send the callback again, for an operation that has ended."""
        operation = self.find(request.parts["id"])
        if operation is None or operation["status"] not in ENDS:
            return self._no(request.parts["id"], operation, "The callback cannot be sent again.")
        request.afterwards(0, lambda: self._call_back(operation))
        return json_response(200, {self._id_field: request.parts["id"], "status": "ACCEPTED"})

    def find(self, operation_id: str) -> Value | None:
        return self._seat.notebook.get(self._kind, operation_id.lower())

    def _accepted(self, order: dict[str, Any]) -> Value:
        """Make an operation of a request that may be carried. Raises RejectedError."""
        raise NotImplementedError

    def _undo(self, operation: Value) -> None:
        """Take back what accepting did, when another process was quicker with the same id."""

    def _set_going(self, operation: Value, later: Later) -> None:
        raise NotImplementedError

    def _next_step(self, operation: Value) -> dict[str, str]:  # noqa: ARG002 - deposits have one
        return {}

    def _after_end(self, operation: Value) -> None:
        raise NotImplementedError

    def _kept(self, order: dict[str, Any], country: str, **more: Any) -> Value:
        """Make what is kept of an order; more: fields of its own."""
        fields = ("amount", "currency", "payer", "recipient", "customerMessage", "clientReferenceId")
        metadata = {"metadata": flat_metadata(order["metadata"])} if "metadata" in order else {}
        now = self._seat.clock.now().astimezone(UTC)
        return {
            self._id_field: order[self._id_field],
            **{name: order[name] for name in fields if name in order},
            "country": country,
            "created": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            **metadata,
            "status": "PROCESSING",
            **more,
        }

    def _due(self, seconds: float) -> str:
        return (self._seat.clock.now() + timedelta(seconds=seconds)).isoformat()

    def _end_when_due(self, operation: Value, outcome: str) -> None:
        """Let an operation end when its time has come, whoever has forgotten it meanwhile."""
        if outcome == STUCK:
            return
        left = datetime.fromisoformat(operation["inside_due"]) - self._seat.clock.now()
        operation_id = operation[self._id_field]
        self._seat.later(max(0.0, left.total_seconds()), lambda: self._end(operation_id, outcome))

    async def _end(self, operation_id: str, outcome: str, *, only_from: str | None = None) -> None:
        """Give an operation its final state, once, and tell it. only_from: the state it must be in."""

        def end(operation: Value) -> Value | None:
            if operation["status"] in ENDS or only_from not in {None, operation["status"]}:
                return None
            if outcome == COMPLETED:
                operator_number = str(int(hashlib.sha256(operation_id.encode()).hexdigest()[:10], 16))
                return {**operation, "status": "COMPLETED", "providerTransactionId": operator_number}
            reason = failure_reason(outcome, f"The {self._kind} was not successful.")
            return {**operation, "status": "FAILED", "failureReason": reason}

        ended = self._seat.notebook.change(self._kind, operation_id.lower(), end)
        if ended is not None:
            if ended["status"] == COMPLETED:
                self._seat.moved(self._way, operation_id, ended["amount"])
            self._after_end(ended)
            await self._call_back(ended)

    async def _call_back(self, operation: Value) -> None:
        url = self._seat.settings.callback_url
        behaviour = self._house.dial.now
        told = self._seen(operation, places=4)
        if not behaviour.client_reference_in_callbacks:
            told.pop("clientReferenceId", None)
        signed = behaviour.signed_callbacks
        await self._seat.callbacks.send(
            url,
            told,
            paid=COMPLETED,
            encode=lambda told: json.dumps(told, separators=(",", ":")).encode(),
            headers=lambda body: self._house.keys.headers_for(url, body, signed=signed),
        )

    def _seen(self, operation: Value, *, places: int) -> dict[str, Any]:
        """Show an operation as pawaPay does: amounts with zeros nobody sent, 2 in answers, 4 in real callbacks."""
        seen = {name: value for name, value in operation.items() if not name.startswith("inside_")}
        seen["amount"] = f"{Decimal(seen['amount']):.{places}f}"
        seen["status"] = self._word(seen["status"])
        if "failureReason" in seen:
            code = self._word(seen["failureReason"]["failureCode"])
            seen["failureReason"] = {**seen["failureReason"], "failureCode": code}
        return seen

    def _answer(self, operation: Value, status: str, **more: str) -> dict[str, Any]:
        named = {self._id_field: operation[self._id_field], "status": self._word(status)}
        return {**named, "created": operation["created"], **more}

    def _no(self, operation_id: str, operation: Value | None, message: str) -> Response:
        """Refuse to act on an operation: because there is none, or because of its state."""
        code = "NOT_FOUND" if operation is None else "INVALID_STATE"
        reason = failure_reason(code, message)
        return json_response(
            200, {self._id_field: operation_id, "status": "REJECTED", "failureReason": reason}
        )

    def _word(self, word: str) -> str:
        return self._house.dial.now.words.get(word, word)


def parsed(request: Request) -> object:
    """Read a body as JSON; None, which is the form of nothing, when it is none."""
    try:
        return request.json()
    except ValueError:
        return None
