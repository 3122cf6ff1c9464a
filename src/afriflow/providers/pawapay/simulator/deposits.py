"""What becomes of a deposit: accepted once, put before the payer, ended by the payer or the clock, told by a callback.

docs.pawapay.io/v2/api-reference/deposits. Magic numbers end by themselves after a moment; any other number gets a
PIN prompt on the handset and waits for its person.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from afriflow.providers.pawapay.simulator.behaviour import BehaviourDial
from afriflow.providers.pawapay.simulator.gate import failure_reason
from afriflow.providers.pawapay.simulator.keys import KeyRing
from afriflow.providers.pawapay.simulator.rules import (
    RejectedError,
    check_business,
    check_form,
    flat_metadata,
)
from afriflow.providers.pawapay.simulator.sandbox import COMPANY, COMPLETED, STUCK, Rail
from afriflow.simulator.handset import Action, Handset, Prompt
from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.notebook import Value
from afriflow.simulator.seat import Seat

_ENDS = frozenset({"COMPLETED", "FAILED"})
# What the person does, as pawaPay reports it. A wrong PIN has no code of its own: "the customer did not authorise".
_OUTCOMES = {
    Action.APPROVE: COMPLETED,
    Action.DECLINE: "PAYMENT_NOT_APPROVED",
    Action.WRONG_PIN: "PAYMENT_NOT_APPROVED",
    Action.NO_FUNDS: "INSUFFICIENT_BALANCE",
}
_NOT_APPROVED = "PAYMENT_NOT_APPROVED"
# Fields of our own in a kept deposit, which nobody sees.
_INSIDE = frozenset({"outcome", "due", "prompt"})


class Deposits:
    """The deposits of one account."""

    def __init__(self, seat: Seat, handset: Handset, dial: BehaviourDial, keys: KeyRing) -> None:
        self._seat = seat
        self._handset = handset
        self._dial = dial
        self._keys = keys

    async def initiate(self, request: Request) -> Response:
        """Accept, reject, or ignore as a duplicate; the id alone decides which is one."""
        body: object = None
        try:
            body = _parsed(request)
            order = check_form(body)
            known = self._find(order["depositId"])
            if known is not None:
                return self._answer(known["depositId"], "DUPLICATE_IGNORED", created=known["created"])
            rail = check_business(order, self._dial.now)
        except RejectedError as rejection:
            fields = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
            deposit_id = fields.get("depositId") if rejection.echoes_id else None
            reason = failure_reason(self._word(rejection.code), rejection.message)
            return json_response(
                rejection.http,
                {"depositId": deposit_id, "status": self._word("REJECTED"), "failureReason": reason},
            )
        deposit = self._accept(order, rail)
        if not self._seat.notebook.put_new("deposit", deposit["depositId"].lower(), deposit):
            return self._answer(deposit["depositId"], "DUPLICATE_IGNORED", created=deposit["created"])
        self._set_going(deposit, rail, request)
        return self._answer(
            deposit["depositId"], "ACCEPTED", created=deposit["created"], nextStep="FINAL_STATUS"
        )

    async def show(self, request: Request) -> Response:
        deposit = self._find(request.parts["id"])
        if deposit is None:
            return json_response(200, {"status": self._word("NOT_FOUND")})
        return json_response(200, {"status": self._word("FOUND"), "data": self._seen(deposit, places=2)})

    async def resend_callback(self, request: Request) -> Response:
        """Send the callback again, for a deposit that has ended."""
        deposit_id = request.parts["id"]
        deposit = self._find(deposit_id)
        if deposit is None or deposit["status"] not in _ENDS:
            code = "NOT_FOUND" if deposit is None else "INVALID_STATE"
            reason = failure_reason(code, "The callback cannot be sent again.")
            return json_response(
                200, {"depositId": deposit_id, "status": "REJECTED", "failureReason": reason}
            )
        request.afterwards(0, lambda: self._call_back(deposit))
        return json_response(200, {"depositId": deposit_id, "status": "ACCEPTED"})

    async def decided(self, prompt: Prompt, action: Action) -> None:
        """Hear what the payer did; who ignores the prompt lets it expire."""
        if action in _OUTCOMES:
            await self._end(prompt.order, _OUTCOMES[action])

    def resume(self) -> None:
        """Take up after a restart what was under way."""
        for deposit in self._seat.notebook.every("deposit"):
            if deposit["status"] not in _ENDS:
                self._wait_for_end(deposit)
                if deposit["prompt"]:
                    self._handset.arm(deposit["prompt"], self._seat.later)

    def _accept(self, order: Any, rail: Rail) -> Value:
        phone_number = order["payer"]["accountDetails"]["phoneNumber"]
        outcome = rail.outcome_of(phone_number)
        if outcome is None and rail.auth_type == "PREAUTH":
            # The payer has authorised beforehand, if the code is one that this phone was sent. Which failure code
            # a wrong one gets is not documented.
            right = self._handset.redeem_code(phone_number, order["preAuthorisationCode"])
            outcome = COMPLETED if right else _NOT_APPROVED
        kept = ("depositId", "amount", "currency", "payer", "customerMessage", "clientReferenceId")
        now = self._seat.clock.now().astimezone(UTC)
        return {
            **{name: order[name] for name in kept if name in order},
            "country": rail.country,
            "created": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "metadata": flat_metadata(order.get("metadata", [])),
            "status": "PROCESSING",
            "outcome": outcome,
            "due": (now + self._patience(outcome)).isoformat(),
            "prompt": None,
        }

    def _patience(self, outcome: str | None) -> timedelta:
        """Tell how long a deposit is under way: until its magic acts, or until its prompt expires."""
        behaviour = self._dial.now
        seconds = (
            behaviour.prompt_expires_after_seconds if outcome is None else behaviour.settle_after_seconds
        )
        return timedelta(seconds=seconds)

    def _set_going(self, deposit: Value, rail: Rail, request: Request) -> None:
        if deposit["outcome"] == STUCK:
            return
        if deposit["outcome"] is not None:
            seconds = self._patience(deposit["outcome"]).total_seconds()
            request.afterwards(seconds, lambda: self._end(deposit["depositId"], deposit["outcome"]))
            return
        payee = deposit.get("customerMessage") or COMPANY
        prompt = self._handset.ask(
            phone=deposit["payer"]["accountDetails"]["phoneNumber"],
            provider=self._seat.name,
            order=deposit["depositId"],
            text=f"{rail.display_name}: {deposit['amount']} {deposit['currency']} → {payee}. PIN?",
            amount=deposit["amount"],
            currency=deposit["currency"],
            later=request.afterwards,
        )
        deposit = {**deposit, "prompt": prompt.id}
        self._seat.notebook.put("deposit", deposit["depositId"].lower(), deposit)
        self._wait_for_end(deposit)

    def _wait_for_end(self, deposit: Value) -> None:
        """Let a deposit end when its time has come, whoever has forgotten it meanwhile."""
        if deposit["outcome"] == STUCK:
            return
        left = datetime.fromisoformat(deposit["due"]) - self._seat.clock.now()
        outcome = deposit["outcome"] or _NOT_APPROVED
        self._seat.later(max(0.0, left.total_seconds()), lambda: self._end(deposit["depositId"], outcome))

    async def _end(self, deposit_id: str, outcome: str) -> None:
        """Give a deposit its final state, once, and tell it."""

        def end(deposit: Value) -> Value | None:
            if deposit["status"] in _ENDS:
                return None
            if outcome == COMPLETED:
                operator_number = str(int(hashlib.sha256(deposit_id.encode()).hexdigest()[:10], 16))
                return {**deposit, "status": "COMPLETED", "providerTransactionId": operator_number}
            reason = failure_reason(outcome, "The payment was not successful.")
            return {**deposit, "status": "FAILED", "failureReason": reason}

        ended = self._seat.notebook.change("deposit", deposit_id.lower(), end)
        if ended is None:
            return
        if ended["prompt"]:
            self._handset.withdraw(ended["prompt"])
        await self._call_back(ended)

    async def _call_back(self, deposit: Value) -> None:
        url = self._seat.settings.callback_url
        behaviour = self._dial.now
        told = self._seen(deposit, places=4)
        if not behaviour.client_reference_in_callbacks:
            told.pop("clientReferenceId", None)
        body = json.dumps(told, separators=(",", ":")).encode()
        signed = behaviour.signed_callbacks
        await self._seat.callbacks.send(
            url, body, lambda body: self._keys.headers_for(url, body, signed=signed)
        )

    def _seen(self, deposit: Value, *, places: int) -> dict[str, Any]:
        """Show a deposit as pawaPay does: amounts with zeros that nobody sent, 2 in answers, 4 in real callbacks."""
        seen = {name: value for name, value in deposit.items() if name not in _INSIDE}
        seen["amount"] = f"{Decimal(seen['amount']):.{places}f}"
        seen["status"] = self._word(seen["status"])
        if "failureReason" in seen:
            code = self._word(seen["failureReason"]["failureCode"])
            seen["failureReason"] = {**seen["failureReason"], "failureCode": code}
        return seen

    def _find(self, deposit_id: str) -> Value | None:
        return self._seat.notebook.get("deposit", deposit_id.lower())

    def _answer(self, deposit_id: str, status: str, **more: str) -> Response:
        return json_response(200, {"depositId": deposit_id, "status": self._word(status), **more})

    def _word(self, word: str) -> str:
        return self._dial.now.words.get(word, word)


def _parsed(request: Request) -> object:
    try:
        return request.json()
    except ValueError as error:
        raise RejectedError(
            400, "INVALID_INPUT", "We were unable to parse the payload of the request."
        ) from error
