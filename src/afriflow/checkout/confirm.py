"""What the payer gives later: a one-time code, or the method itself; each starts at most one live attempt."""

from dataclasses import dataclass

from afriflow.checkout.call import Planned
from afriflow.checkout.create import opening
from afriflow.checkout.give_code import CodeGiver
from afriflow.checkout.look_alike import LookAlikes
from afriflow.checkout.plan import Planner, expire_key
from afriflow.checkout.prompt_limit import PromptLimit
from afriflow.checkout.request import ConfirmRequest, check_otp, read_method
from afriflow.checkout.send import Sender
from afriflow.core.clock import Clock
from afriflow.core.errors import NotConfirmable, NotFound
from afriflow.core.ids import Ids
from afriflow.core.method import PaymentMethod
from afriflow.core.money import Money
from afriflow.core.transaction import OPEN, Mode, TransactionStatus
from afriflow.db.engine import Connection, Database, Record, one
from afriflow.jobs.queue import trace_of
from afriflow.ledger import store
from afriflow.ledger.method import customer_phone, keep_method, load_method
from afriflow.ledger.present import store_action
from afriflow.ledger.record import Recorder
from afriflow.merchants.keys import Caller
from afriflow.observe.log import bound
from afriflow.observe.trace import is_tracing, span
from afriflow.routing.choose import Decision, Wish
from afriflow.routing.route import Router

_CONFIRMABLE = frozenset({TransactionStatus.REQUIRES_PAYMENT_METHOD, TransactionStatus.REQUIRES_ACTION})


@dataclass(frozen=True, slots=True)
class Confirmer:
    """The use-case behind POST /api/transactions/{id}/confirm and the hosted page's forms."""

    database: Database
    router: Router
    recorder: Recorder
    planner: Planner
    sender: Sender
    code_giver: CodeGiver
    look_alikes: LookAlikes
    prompt_limit: PromptLimit
    ids: Ids
    clock: Clock

    async def confirm(self, caller: Caller, transaction_id: str, request: ConfirmRequest) -> None:
        """Take what the payer gave: start the payment with it, or go on with one that waits for a code.

        Raises InvalidRequest, NotFound, NotConfirmable (nothing is waited for, or the time is over), NoRoute, TooManyPrompts;
        InvalidOtp and CodeNotPassedOn where another code may be given.
        """
        check_otp(request.otp, "/otp")
        async with self.database.connection() as connection:
            row = await connection.fetchrow(
                store.TRANSACTION, caller.merchant_id, caller.mode, transaction_id
            )
            if row is None:
                raise NotFound(id=transaction_id)
            attempts = await connection.fetch(store.ATTEMPTS, caller.merchant_id, transaction_id)
            # The job that ends the session carries the trace of the checkout, which may be half an hour ago.
            parent = await trace_of(connection, expire_key(transaction_id)) if is_tracing() else None
        with (
            bound(transaction_id=transaction_id, merchant_id=caller.merchant_id),
            span("confirm", parent=parent),
        ):
            live = any(attempt["status"] in OPEN for attempt in attempts)
            if live and request.otp is not None and request.payment_method is None:
                await self.code_giver.give(caller, transaction_id, request.otp)
            else:
                await self._start(caller, row, request)

    async def _start(self, caller: Caller, row: Record, request: ConfirmRequest) -> None:
        """Begin the payment with what the payer chose."""
        transaction_id = row["id"]
        async with self.database.connection() as connection:
            method = await self._method(connection, row, request)
        otp = request.otp or (request.payment_method.otp if request.payment_method else None)
        wish = Wish(Money(row["amount_minor"], row["currency"]), method, has_otp=otp is not None)
        decision = await self.router.route(caller, wish)
        planned = await self._commit(caller, transaction_id, method, decision, otp)
        if planned is not None:
            await self.sender.send(caller, planned, decision.candidates[1:], otp)

    async def _method(self, connection: Connection, row: Record, request: ConfirmRequest) -> PaymentMethod:
        if request.payment_method is not None:
            if row["status"] != TransactionStatus.REQUIRES_PAYMENT_METHOD and not row["payer_chooses"]:
                raise NotConfirmable(status=row["status"])
            fallback = await customer_phone(connection, self.planner.vault, row)
            return read_method(request.payment_method, row["country"], Mode(row["mode"]), fallback)
        if request.otp is None or row["payment_method_id"] is None:
            raise NotConfirmable(status=row["status"])
        stored = await one(connection, store.METHOD, row["merchant_id"], row["payment_method_id"])
        return await load_method(connection, self.planner.vault, stored)

    async def _commit(
        self, caller: Caller, transaction_id: str, method: PaymentMethod, decision: Decision, otp: str | None
    ) -> Planned | None:
        async with self.database.transaction() as connection:
            row = await self.recorder.lock(connection, caller.merchant_id, transaction_id)
            attempts = await connection.fetch(store.ATTEMPTS, caller.merchant_id, transaction_id)
            live = any(attempt["status"] in OPEN for attempt in attempts)
            over = row["expires_at"] <= self.clock.now()
            if live or over or row["status"] not in _CONFIRMABLE:
                raise NotConfirmable(status=row["status"])
            status, action = opening(method, decision, otp)
            method_id = await keep_method(connection, self.planner.vault, self.ids, caller, method)
            await connection.execute(
                store.TRANSACTION_CHOOSE,
                caller.merchant_id,
                transaction_id,
                method_id,
                decision.stored(),
                store_action(action),
                status,
            )
            before, row = row, await self.recorder.lock(connection, caller.merchant_id, transaction_id)
            told = [status.value] if status != before["status"] else []
            facts = {"operator": method.operator, "status": status.value, "by": caller.who}
            story = [(None, "Confirmed", "payer", facts)]
            story += await self.look_alikes.note(connection, row, method)
            await self.recorder.tell(connection, row, told=told, story=story)
            if action is not None:
                return None
            row = await self.recorder.lock(connection, caller.merchant_id, transaction_id)
            account = decision.candidates[0].contract.account
            planned = await self.planner.plan(connection, caller, row, account, otp)
            await self.prompt_limit.admit(connection, row, method, decision)
            return planned
