"""What becomes of a deposit: put before the payer by prompt, code or page, and ended by the payer or the clock.

docs.pawapay.io/v2/docs/deposits. Magic numbers end by themselves after a moment; any other number gets a PIN prompt
on the handset, or a link to the wallet's page, and waits for its person.
"""

import hashlib
from decimal import Decimal
from typing import Any

from afriflow.providers.pawapay.simulator.forms import DEPOSIT
from afriflow.providers.pawapay.simulator.operations import ENDS, House, Later, Operations
from afriflow.providers.pawapay.simulator.rules import check_business
from afriflow.providers.pawapay.simulator.sandbox import COMPANY, COMPLETED, STUCK, rails
from afriflow.simulator.handset import Action, Prompt, PromptKind
from afriflow.simulator.notebook import Value

_NOT_APPROVED = "PAYMENT_NOT_APPROVED"
# What the person does, as pawaPay reports it. A wrong PIN has no code of its own: "the customer did not authorise".
_OUTCOMES = {
    Action.APPROVE: COMPLETED,
    Action.DECLINE: _NOT_APPROVED,
    Action.WRONG_PIN: _NOT_APPROVED,
    Action.NO_FUNDS: "INSUFFICIENT_BALANCE",
}


class Deposits(Operations):
    """The deposits of one account."""

    def __init__(self, house: House) -> None:
        super().__init__(house, "deposit", DEPOSIT)
        self._handset = house.handset

    async def decided(self, prompt: Prompt, action: Action) -> None:
        """Hear what the payer did; who ignores the prompt lets it expire."""
        if action in _OUTCOMES:
            await self._end(prompt.order, _OUTCOMES[action])

    def resume(self) -> None:
        """Take up after a restart what was under way."""
        for deposit in self._seat.notebook.every("deposit"):
            if deposit["status"] in ENDS:
                continue
            self._end_when_due(deposit, deposit["inside_outcome"] or _NOT_APPROVED)
            if deposit["inside_prompt"]:
                self._handset.arm(deposit["inside_prompt"], self._seat.later)
            elif deposit.get("nextStep") == "GET_AUTH_URL":
                self._open_page_soon(deposit, self._seat.later)

    def behind_page(self, token: str) -> Value | None:
        """Give the deposit that is approved on this page of a wallet."""
        page = self._seat.notebook.get("page", token)
        return self.find(page["depositId"]) if page else None

    def _accepted(self, order: dict[str, Any]) -> Value:
        behaviour = self._house.dial.now
        rail = check_business(order, behaviour)
        phone_number = order["payer"]["accountDetails"]["phoneNumber"]
        outcome = rail.outcome_of(phone_number)
        if outcome is None and rail.auth_type == "PREAUTH":
            # The payer has authorised beforehand, if the code is one that this phone was sent. Which failure code
            # a wrong one gets is not documented.
            right = self._handset.redeem_code(phone_number, order["preAuthorisationCode"])
            outcome = COMPLETED if right else _NOT_APPROVED
        redirect: dict[str, str] = {}
        if rail.auth_type == "REDIRECT_AUTH":
            urls = {name: order[name] for name in ("successfulUrl", "failedUrl")}
            redirect = {**urls, "nextStep": "GET_AUTH_URL"}
        seconds = (
            behaviour.prompt_expires_after_seconds if outcome is None else behaviour.settle_after_seconds
        )
        inside = {"inside_outcome": outcome, "inside_due": self._due(seconds), "inside_prompt": None}
        return self._kept(order, rail.country, **redirect, **inside)

    def _next_step(self, operation: Value) -> dict[str, str]:
        return {"nextStep": operation.get("nextStep", "FINAL_STATUS")}

    def _set_going(self, operation: Value, later: Later) -> None:
        deposit_id, outcome = operation["depositId"], operation["inside_outcome"]
        if outcome == STUCK:
            return
        if outcome is not None:
            later(self._house.dial.now.settle_after_seconds, lambda: self._end(deposit_id, outcome))
            return
        if "nextStep" in operation:
            self._open_page_soon(operation, later)
        else:
            self._ask(operation, PromptKind.PIN, "PIN?", later)
        self._end_when_due(operation, _NOT_APPROVED)

    def _ask(self, deposit: Value, kind: PromptKind, question: str, later: Later) -> None:
        """Put a deposit before its payer and remember with what."""
        account = deposit["payer"]["accountDetails"]
        payee = deposit.get("customerMessage") or COMPANY
        name = rails()[account["provider"]].display_name
        prompt = self._handset.ask(
            phone=account["phoneNumber"],
            provider=self._seat.name,
            order=deposit["depositId"],
            text=f"{name}: {deposit['amount']} {deposit['currency']} → {payee}. {question}",
            amount=deposit["amount"],
            currency=deposit["currency"],
            kind=kind,
            link=deposit.get("authorizationUrl"),
            later=later,
        )
        self._seat.notebook.change(
            "deposit", deposit["depositId"].lower(), lambda kept: {**kept, "inside_prompt": prompt.id}
        )

    def _open_page_soon(self, deposit: Value, later: Later) -> None:
        later(
            self._house.dial.now.authorization_url_after_seconds,
            lambda: self._open_page(deposit["depositId"]),
        )

    async def _open_page(self, deposit_id: str) -> None:
        """Have the wallet's page, and tell its address by a callback of its own."""
        token = hashlib.sha256(f"{self._seat.settings.seed} {deposit_id}".encode()).hexdigest()[:32]
        url = f"{self._seat.settings.public_url}/wallet/{token}"
        self._seat.notebook.put("page", token, {"depositId": deposit_id})

        def open_page(deposit: Value) -> Value | None:
            if deposit["status"] in ENDS or "authorizationUrl" in deposit:
                return None
            return {**deposit, "nextStep": "REDIRECT_TO_AUTH_URL", "authorizationUrl": url}

        opened = self._seat.notebook.change("deposit", deposit_id.lower(), open_page)
        if opened is not None:
            self._ask(opened, PromptKind.REDIRECT, "Approve in the app.", self._seat.later)
            await self._call_back(opened)

    def _after_end(self, operation: Value) -> None:
        if operation["inside_prompt"]:
            self._handset.withdraw(operation["inside_prompt"])
        if operation["status"] == "COMPLETED":
            amount = Decimal(operation["amount"])
            self._house.wallets.move(operation, operation["depositId"], amount, "deposit")
