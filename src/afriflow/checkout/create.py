"""POST /api/checkout: commit the intent, call the provider with nothing open, commit the answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from afriflow.checkout.call import Planned
from afriflow.checkout.code_first import asking_for_code
from afriflow.checkout.idempotency import Claim, Idempotency, make_claim
from afriflow.checkout.look_alike import LookAlikes
from afriflow.checkout.plan import Planner, plan_expiry
from afriflow.checkout.prompt_limit import PromptLimit
from afriflow.checkout.request import Checkout
from afriflow.checkout.send import Sender
from afriflow.core.clock import Clock
from afriflow.core.errors import Fault, ReferenceTaken
from afriflow.core.ids import Ids
from afriflow.core.method import NextAction, PaymentMethod
from afriflow.core.transaction import TransactionStatus
from afriflow.db.engine import Connection, Database, one
from afriflow.ledger import store as ledger_store
from afriflow.ledger.method import keep_method, seal_customer_phone
from afriflow.ledger.present import show_transaction, store_action
from afriflow.ledger.record import Recorder
from afriflow.merchants.keys import Caller
from afriflow.observe.log import bound
from afriflow.port.provider import Authorization
from afriflow.routing.choose import Decision, Wish
from afriflow.routing.route import Router

_ROUTE = "checkout"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the caller hears. body: JSON bytes. replayed: an earlier request with this key was answered so."""

    body: bytes
    replayed: bool


@dataclass(frozen=True, slots=True)
class Creator:
    """The use-case. The order of the fields is the order in which a checkout meets them."""

    database: Database
    idempotency: Idempotency
    router: Router
    recorder: Recorder
    planner: Planner
    sender: Sender
    look_alikes: LookAlikes
    prompt_limit: PromptLimit
    ids: Ids
    clock: Clock
    base_url: str

    async def create(self, caller: Caller, key: str, checkout: Checkout) -> Reply:
        """Create a transaction and start paying it when the method is known.

        Raises KeyReused, KeyInFlight, ReferenceTaken, NoRoute, TooManyPrompts, Unavailable; nothing is written in any of these.
        """
        claim = make_claim(caller, key, _ROUTE, checkout.request)
        repeat = await self.idempotency.find(claim)
        if repeat is not None:
            return await self._replay(caller, claim, repeat.object_id, repeat.response)
        decision = await self._decide(caller, checkout)
        transaction_id = self.ids.new("txn")
        with bound(transaction_id=transaction_id, merchant_id=caller.merchant_id):
            won, planned = await self._commit_intent(caller, claim, checkout, decision, transaction_id)
            if not won:
                repeat = await self.idempotency.find(claim)
                if repeat is None:
                    raise Fault(reason="a key that was taken is gone")
                return await self._replay(caller, claim, repeat.object_id, repeat.response)
            if planned is not None and decision is not None:
                await self.sender.send(caller, planned, decision.candidates[1:], checkout.otp)
            return Reply(await self._answer(caller, claim, transaction_id), replayed=False)

    async def _decide(self, caller: Caller, checkout: Checkout) -> Decision | None:
        if checkout.method is None:
            return None
        wish = Wish(checkout.money, checkout.method, has_otp=checkout.otp is not None)
        return await self.router.route(caller, wish)

    async def _commit_intent(
        self, caller: Caller, claim: Claim, checkout: Checkout, decision: Decision | None, transaction_id: str
    ) -> tuple[bool, Planned | None]:
        """Write everything in one transaction; (False, None) when another request took the key first."""
        async with self.database.transaction() as connection:
            if not await self.idempotency.claim(connection, claim, transaction_id):
                return False, None
            method_id = None
            if checkout.method is not None:
                method_id = await keep_method(
                    connection, self.planner.vault, self.ids, caller, checkout.method
                )
            status, action = opening(checkout.method, decision, checkout.otp)
            expires_at = self.clock.now() + timedelta(seconds=checkout.session_seconds)
            await self._insert(
                connection,
                caller,
                claim,
                checkout,
                decision,
                transaction_id,
                method_id,
                status,
                action,
                expires_at,
            )
            await plan_expiry(connection, caller.merchant_id, transaction_id, self.clock.now(), expires_at)
            row = await self.recorder.lock(connection, caller.merchant_id, transaction_id)
            told = (
                ["created", status.value]
                if status is not TransactionStatus.REQUIRES_PAYMENT_METHOD
                else ["created"]
            )
            facts = {"status": status.value, "by": caller.who}
            story = [(None, "Created", "merchant", facts)]
            story += await self.look_alikes.note(connection, row, checkout.method)
            await self.recorder.tell(connection, row, told=told, story=story)
            if decision is None or action is not None:
                return True, None
            row = await self.recorder.lock(connection, caller.merchant_id, transaction_id)
            account = decision.candidates[0].contract.account
            planned = await self.planner.plan(connection, caller, row, account, checkout.otp)
            if checkout.method is not None:
                await self.prompt_limit.admit(connection, row, checkout.method, decision)
            return True, planned

    async def _insert(
        self,
        connection: Connection,
        caller: Caller,
        claim: Claim,
        checkout: Checkout,
        decision: Decision | None,
        transaction_id: str,
        method_id: str | None,
        status: TransactionStatus,
        action: NextAction | None,
        expires_at: datetime,
    ) -> None:
        request, token = checkout.request, self.ids.token()
        customer: dict[str, Any] = msgspec.to_builtins(request.customer)
        if checkout.customer_phone is not None:
            customer["phone"] = checkout.customer_phone.masked
        inserted = await connection.execute(
            ledger_store.TRANSACTION_INSERT,
            caller.merchant_id,
            transaction_id,
            caller.mode,
            status,
            checkout.money.amount_minor,
            checkout.money.currency,
            checkout.country.alpha2,
            request.reference,
            request.description,
            customer,
            method_id,
            checkout.method is None,
            checkout.language,
            request.return_url,
            request.cancel_url,
            request.metadata,
            store_action(action),
            decision.stored() if decision else None,
            claim.key,
            token,
            expires_at,
            await seal_customer_phone(
                connection, self.planner.vault, caller.merchant_id, transaction_id, checkout.customer_phone
            ),
        )
        if inserted == "INSERT 0 0":
            taken = await connection.fetchrow(
                ledger_store.TRANSACTION_BY_REFERENCE, caller.merchant_id, caller.mode, request.reference
            )
            transaction_id, taken_status = (taken["id"], taken["status"]) if taken else ("", "")
            raise ReferenceTaken(
                reference=request.reference, transaction_id=transaction_id, status=taken_status
            )
        await connection.execute(ledger_store.SESSION_INSERT, token, caller.merchant_id, transaction_id)

    async def _replay(
        self, caller: Caller, claim: Claim, transaction_id: str, response: bytes | None
    ) -> Reply:
        """Give the first answer again, or make it now when the first request died before it could."""
        return Reply(response or await self._answer(caller, claim, transaction_id), replayed=True)

    async def _answer(self, caller: Caller, claim: Claim, transaction_id: str) -> bytes:
        async with self.database.connection() as connection:
            row = await one(
                connection, ledger_store.TRANSACTION, caller.merchant_id, caller.mode, transaction_id
            )
            attempts = await connection.fetch(ledger_store.ATTEMPTS, caller.merchant_id, transaction_id)
        body = msgspec.json.encode(show_transaction(row, attempts, self.base_url))
        await self.idempotency.answer(claim, body)
        return body


def opening(
    method: PaymentMethod | None, decision: Decision | None, otp: str | None
) -> tuple[TransactionStatus, NextAction | None]:
    """Say in which state a payment begins: nobody chose, the payer needs a code first, or the provider is called."""
    if method is None or decision is None:
        return TransactionStatus.REQUIRES_PAYMENT_METHOD, None
    route = decision.candidates[0].route
    if route.authorization is Authorization.OTP_FIRST and otp is None:
        return TransactionStatus.REQUIRES_ACTION, asking_for_code(method, route)
    return TransactionStatus.PROCESSING, None
