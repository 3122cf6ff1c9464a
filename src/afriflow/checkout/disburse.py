"""POST /api/refunds and /api/payouts: the same three phases as a payment, and never a second provider.

A refund first reserves what it gives back in one statement, so that no race can promise more than came.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from afriflow.checkout.call import Planned
from afriflow.checkout.create import Reply
from afriflow.checkout.follow import Follower
from afriflow.checkout.idempotency import Claim, Idempotency, make_claim
from afriflow.checkout.plan_out import Intent, OutPlanner
from afriflow.checkout.request_out import PayoutRequest, RefundRequest, WantedPayout
from afriflow.checkout.send import Sender
from afriflow.core.errors import (
    Fault,
    NotFound,
    NotRefundable,
    ReferenceTaken,
    RefundExceeds,
    RefundNotSupported,
)
from afriflow.core.evidence import Evidence, Source
from afriflow.core.ids import Ids
from afriflow.core.money import Money
from afriflow.core.transaction import TransactionStatus
from afriflow.db.engine import Connection, Database, Record, one
from afriflow.ledger import store
from afriflow.ledger.method import keep_method
from afriflow.ledger.present_out import show_disbursement
from afriflow.ledger.record import Recorder
from afriflow.ledger.record_out import OutRecorder
from afriflow.merchants.accounts import Accounts
from afriflow.merchants.keys import Caller
from afriflow.observe.log import bound
from afriflow.port.factory import OpenProvider, PaymentFactory
from afriflow.port.money_out import Refunds
from afriflow.port.provider import Account, Answer
from afriflow.routing.choose import Decision, Wish
from afriflow.routing.route import Router

_Write = Callable[[Connection, str], Awaitable[Planned]]


@dataclass(frozen=True, slots=True)
class Disburser:
    """Sends money out; the order of the fields is the order in which an order meets them."""

    database: Database
    idempotency: Idempotency
    accounts: Accounts
    router: Router
    factory: PaymentFactory
    recorder: Recorder
    out_recorder: OutRecorder
    out_planner: OutPlanner
    sender: Sender
    follower: Follower
    ids: Ids

    async def refund(self, caller: Caller, key: str, request: RefundRequest) -> Reply:
        """Give money back to who paid.

        Raises NotFound, NotRefundable (not paid), RefundExceeds, RefundNotSupported (with what can be done instead),
        KeyReused, KeyInFlight, Unavailable.
        """
        claim = make_claim(caller, key, "refund", request)
        if (repeat := await self.idempotency.find(claim)) is not None:
            return await self._replay(claim, caller, repeat.object_id, repeat.response)
        async with self.database.connection() as connection:
            row = await connection.fetchrow(
                store.TRANSACTION, caller.merchant_id, caller.mode, request.transaction
            )
            if row is None:
                raise NotFound(id=request.transaction)
            if row["status"] != TransactionStatus.SUCCEEDED:
                raise NotRefundable(status=row["status"])
            payment = await one(connection, store.ATTEMPT_THAT_PAID, caller.merchant_id, row["id"])
            account = await self.accounts.account(connection, caller.merchant_id, payment["account_id"])
        self._can_refund(account, row)
        remaining = row["amount_minor"] - row["refund_reserved_minor"]
        amount = request.amount if request.amount is not None else remaining
        if not 1 <= amount <= remaining:
            raise RefundExceeds(remaining=remaining)
        intent = Intent(
            kind="refund",
            money=Money(amount, row["currency"]),
            country=row["country"],
            method_id=payment["payment_method_id"],
            language=row["language"],
            metadata=dict(request.metadata),
            description=request.reason,
            transaction_id=row["id"],
            payment=payment,
        )

        async def write(connection: Connection, disbursement_id: str) -> Planned:
            reserved = await connection.execute(
                store.REFUND_RESERVE, caller.merchant_id, caller.mode, row["id"], amount
            )
            if reserved == "UPDATE 0":
                raise RefundExceeds(remaining=remaining)
            planned = await self.out_planner.plan(connection, caller, account, disbursement_id, key, intent)
            if planned is None:
                raise Fault(reason="a refund has no reference that could be taken")
            return planned

        return await self._carry_out(caller, claim, "ref", write)

    async def payout(self, caller: Caller, key: str, wanted: WantedPayout) -> Reply:
        """Send money to a person. Raises NoRoute, ReferenceTaken, KeyReused, KeyInFlight, Unavailable."""
        request: PayoutRequest = wanted.request
        claim = make_claim(caller, key, "payout", request)
        if (repeat := await self.idempotency.find(claim)) is not None:
            return await self._replay(claim, caller, repeat.object_id, repeat.response)
        decision = await self.router.route(caller, Wish(wanted.money, wanted.method, is_payout=True))

        async def write(connection: Connection, payout_id: str) -> Planned:
            return await self.plan_payout(connection, caller, wanted, decision, payout_id, key)

        return await self._carry_out(caller, claim, "pyt", write)

    async def plan_payout(
        self,
        connection: Connection,
        caller: Caller,
        wanted: WantedPayout,
        decision: Decision,
        payout_id: str,
        key: str,
        batch_id: str | None = None,
    ) -> Planned:
        """Write down a payout that is routed. key: what its id at the provider is derived from. Raises ReferenceTaken."""
        request, account = wanted.request, decision.candidates[0].contract.account
        intent = Intent(
            kind="payout",
            money=wanted.money,
            country=wanted.method.country,
            method_id=await keep_method(connection, self.out_planner.vault, self.ids, caller, wanted.method),
            language=wanted.language,
            metadata=dict(request.metadata),
            description=request.description,
            merchant_reference=request.reference,
            recipient_name=request.recipient.name,
            routing=decision.stored(),
            batch_id=batch_id,
        )
        planned = await self.out_planner.plan(connection, caller, account, payout_id, key, intent)
        if planned is None:
            taken = await one(
                connection,
                store.DISBURSEMENT_BY_REFERENCE,
                caller.merchant_id,
                caller.mode,
                "payout",
                request.reference,
            )
            raise ReferenceTaken(
                reference=request.reference, transaction_id=taken["id"], status=taken["status"]
            )
        return planned

    async def _carry_out(self, caller: Caller, claim: Claim, prefix: str, write: _Write) -> Reply:
        """Commit the intent with everything that belongs to it, call with nothing open, commit the answer."""
        disbursement_id = self.ids.new(prefix)
        with bound(disbursement_id=disbursement_id, merchant_id=caller.merchant_id):
            async with self.database.transaction() as connection:
                won = await self.idempotency.claim(connection, claim, disbursement_id)
                planned = await write(connection, disbursement_id) if won else None
                if planned is not None:
                    await self.tell_created(connection, caller, planned)
            if planned is None:
                repeat = await self.idempotency.find(claim)
                if repeat is None:
                    raise Fault(reason="a key that was taken is gone")
                return await self._replay(claim, caller, repeat.object_id, repeat.response)
            await self.send(planned)
            return Reply(await self._answer(claim, caller, disbursement_id), replayed=False)

    async def tell_created(self, connection: Connection, caller: Caller, planned: Planned) -> None:
        entry = ("Created", "merchant", {"status": "processing", "by": caller.who})
        await self.out_recorder.tell(connection, planned.row, ["created", "processing"], entry)

    async def send(self, planned: Planned) -> None:
        """Call with nothing open, commit the answer."""
        opened = self.factory.open(planned.account)
        await self.land(opened, planned, await self.sender.call(opened, planned))

    async def land(self, opened: OpenProvider, planned: Planned, answer: Answer) -> None:
        """Commit what was answered to an order."""
        async with self.database.transaction() as connection:
            row = planned.row
            await self.out_recorder.record(
                connection,
                merchant_id=row["merchant_id"],
                disbursement_id=row["id"],
                evidence=Evidence(Source.ANSWER, answer.word, answer.provider_reference),
            )
            await connection.execute(store.OUT.landed, row["merchant_id"], row["id"], planned.send)
            await self.recorder.keep_exchanges(connection, row, opened.http.exchanges)

    def _can_refund(self, account: Account, row: Record) -> None:
        """Refuse what the provider has no means for, and say what can be done: a payout to who paid."""
        if isinstance(self.factory.open(account).adapter, Refunds):
            return
        instead: dict[str, Any] = {
            "operation": "POST /api/payouts",
            "country": row["country"],
            "operator": row["method_operator"],
            "phone": row["method_phone"] or None,
        }
        raise RefundNotSupported(provider=account.provider, instead=instead)

    async def _replay(self, claim: Claim, caller: Caller, object_id: str, response: bytes | None) -> Reply:
        return Reply(response or await self._answer(claim, caller, object_id), replayed=True)

    async def _answer(self, claim: Claim, caller: Caller, disbursement_id: str) -> bytes:
        async with self.database.connection() as connection:
            row = await one(connection, store.DISBURSEMENT, caller.merchant_id, disbursement_id)
        body = msgspec.json.encode(show_disbursement(row))
        await self.idempotency.answer(claim, body)
        return body

    async def verify(self, caller: Caller, kind: str, disbursement_id: str) -> None:
        """Ask the provider now. Raises NotFound."""
        async with self.database.connection() as connection:
            row = await connection.fetchrow(
                store.DISBURSEMENT_OF_MODE, caller.merchant_id, caller.mode, kind, disbursement_id
            )
        if row is None:
            raise NotFound(id=disbursement_id)
        await self.follower.check(row)
