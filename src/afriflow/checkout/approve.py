"""Payouts above a merchant's limit wait for a second person: nothing of one is ordered before, and nothing if nobody comes.

A payout that waits is a row of its own, and no order at all: it has no provider, no attempt and no id at a provider.
Approved, it is routed and becomes an ordinary payout under the id and the key that it has had from the beginning.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from afriflow.checkout import approve_store as store
from afriflow.checkout import store as checkout_store
from afriflow.checkout.batch import Batcher
from afriflow.checkout.create import Reply
from afriflow.checkout.disburse import Disburser
from afriflow.checkout.idempotency import make_claim
from afriflow.checkout.request import MethodInput
from afriflow.checkout.request_out import PayoutRequest, RecipientInput, WantedPayout
from afriflow.core.clock import Clock
from afriflow.core.errors import ApprovalWanted, NotFound, NotWaiting, ReferenceTaken, SecondPersonWanted
from afriflow.core.ids import last_id
from afriflow.core.money import Money
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Record, one
from afriflow.delivery.stage import stage
from afriflow.ledger import store as ledger_store
from afriflow.ledger.method import keep_method, load_method
from afriflow.ledger.present_out import REQUIRES_APPROVAL, Payout, show_waiting
from afriflow.merchants import audit_log
from afriflow.merchants.keys import Caller
from afriflow.merchants.policy import approval_limits_of
from afriflow.observe.log import bound
from afriflow.routing.choose import Wish

# What the clock ends in one round; the next one is five minutes later.
_OVERDUE_MAX = 200


@dataclass(frozen=True, slots=True)
class Approvals:
    """The door that every payout asked for goes through. seconds: how long one waits for its second person."""

    disburser: Disburser
    batcher: Batcher
    clock: Clock
    seconds: int

    async def payout(self, caller: Caller, key: str, wanted: WantedPayout) -> Reply:
        """Send money, or have it wait where it is much. Raises what `Disburser.payout` raises."""
        if not await self._above(caller, [wanted]):
            return await self.disburser.payout(caller, key, wanted)
        house, claim = self.disburser, make_claim(caller, key, "payout", wanted.request)
        if await house.idempotency.find(claim) is None:
            # Who would carry it is asked now, so that nobody waits for what cannot be; and again when it is approved.
            await house.router.route(caller, Wish(wanted.money, wanted.method, is_payout=True))
            payout_id = house.ids.new("pyt")
            with bound(disbursement_id=payout_id, merchant_id=caller.merchant_id):
                async with house.database.transaction() as connection:
                    if await house.idempotency.claim(connection, claim, payout_id):
                        body = await self._hold(connection, caller, key, wanted, payout_id)
                        return Reply(body, replayed=False)
        return await house.payout(caller, key, wanted)

    async def batch(self, caller: Caller, key: str, wanted: Sequence[WantedPayout]) -> Reply:
        """Send money to many. Raises ApprovalWanted where one of them needs a second person, who decides about each."""
        if above := await self._above(caller, wanted):
            raise ApprovalWanted(reference=above[0].request.reference)
        return await self.batcher.pay(caller, key, wanted)

    async def approve(self, caller: Caller, payout_id: str) -> None:
        """Order a payout that waits. Raises NotFound, NotWaiting, SecondPersonWanted, NoRoute, ReferenceTaken."""
        house = self.disburser
        async with house.database.connection() as connection:
            row = await self._row(connection, caller, payout_id)
            wanted = await self._wanted(connection, row)
        if row["asked_by"] == caller.who:
            raise SecondPersonWanted
        decision = await house.router.route(caller, Wish(wanted.money, wanted.method, is_payout=True))
        with bound(disbursement_id=payout_id, merchant_id=caller.merchant_id):
            async with house.database.transaction() as connection:
                await self._decide(connection, caller, payout_id, "approved", None)
                planned = await house.plan_payout(connection, caller, wanted, decision, payout_id, row["key"])
                # That it waited was the first word about it.
                about = (caller.merchant_id, payout_id)
                await connection.execute(ledger_store.DISBURSEMENT_TOLD, *about, 1, 0)
                planned = replace(planned, row=await one(connection, ledger_store.DISBURSEMENT, *about))
                facts = {"status": "processing", "by": row["asked_by"], "approved_by": caller.who}
                await house.out_recorder.tell(
                    connection, planned.row, ["created", "processing"], ("Created", "merchant", facts)
                )
            await house.send(planned)

    async def refuse(self, caller: Caller, payout_id: str, reason: str) -> None:
        """End a payout that waits: whoever asked for it may, too. Raises NotFound, NotWaiting."""
        async with self.disburser.database.transaction() as connection:
            await self._row(connection, caller, payout_id)
            await self._decide(connection, caller, payout_id, "refused", reason)
            await self._tell_end(connection, caller.merchant_id, caller.mode, payout_id)

    async def expire(self) -> None:
        """End what has waited too long: by the clock."""
        async with self.disburser.database.connection() as connection:
            overdue = await connection.fetch(store.OVERDUE, _OVERDUE_MAX)
        for row in overdue:
            async with self.disburser.database.transaction() as connection:
                if await connection.execute(store.EXPIRE, row["merchant_id"], row["id"]) == "UPDATE 1":
                    await self._tell_end(connection, row["merchant_id"], Mode(row["mode"]), row["id"])

    async def read(self, caller: Caller, payout_id: str) -> Payout:
        """Give a payout that waits, or was never approved. Raises NotFound."""
        async with self.disburser.database.connection() as connection:
            return show_waiting(await self._row(connection, caller, payout_id))

    async def waiting(self, caller: Caller, *, limit: int, after: str | None = None) -> list[Record]:
        """List what waits, newest first."""
        async with self.disburser.database.connection() as connection:
            return await connection.fetch(
                store.WAITING, caller.merchant_id, caller.mode, after or last_id("pyt"), limit
            )

    async def decided(self, caller: Caller, *, limit: int) -> list[Record]:
        """List what was decided, newest first."""
        async with self.disburser.database.connection() as connection:
            return await connection.fetch(store.DECIDED, caller.merchant_id, caller.mode, limit)

    async def _above(self, caller: Caller, wanted: Sequence[WantedPayout]) -> list[WantedPayout]:
        async with self.disburser.database.connection() as connection:
            limits = await approval_limits_of(connection, caller.merchant_id, caller.mode)
        return [
            item
            for item in wanted
            if item.money.currency in limits and item.money.amount_minor > limits[item.money.currency]
        ]

    async def _hold(
        self, connection: Connection, caller: Caller, key: str, wanted: WantedPayout, payout_id: str
    ) -> bytes:
        """Write down that it waits, and the answer with it. Raises ReferenceTaken."""
        request, about = wanted.request, (caller.merchant_id, caller.mode)
        vault, ids = self.disburser.out_planner.vault, self.disburser.ids
        taken = await connection.fetchrow(
            ledger_store.DISBURSEMENT_BY_REFERENCE, *about, "payout", request.reference
        )
        if taken is not None:
            raise ReferenceTaken(
                reference=request.reference, transaction_id=taken["id"], status=taken["status"]
            )
        inserted = await connection.execute(
            store.INSERT,
            caller.merchant_id,
            payout_id,
            caller.mode,
            key,
            wanted.money.amount_minor,
            wanted.money.currency,
            wanted.method.country,
            request.reference,
            await keep_method(connection, vault, ids, caller, wanted.method),
            request.recipient.name,
            request.description,
            dict(request.metadata),
            wanted.language,
            caller.who,
            float(self.seconds),
        )
        if inserted == "INSERT 0 0":
            other = await connection.fetchval(store.WAITING_BY_REFERENCE, *about, request.reference)
            raise ReferenceTaken(reference=request.reference, transaction_id=other, status=REQUIRES_APPROVAL)
        shown = await self._tell(connection, *about, payout_id, 1, REQUIRES_APPROVAL)
        body = msgspec.json.encode(shown)
        await connection.execute(checkout_store.KEY_ANSWER, *about, key, body)
        return body

    async def _decide(
        self, connection: Connection, caller: Caller, payout_id: str, status: str, reason: str | None
    ) -> None:
        about = (caller.merchant_id, caller.mode, payout_id)
        if await connection.execute(store.DECIDE, *about, status, caller.who, reason) == "UPDATE 0":
            raise NotWaiting
        await audit_log.write(
            connection,
            merchant_id=caller.merchant_id,
            who=caller.who,
            action=f"payout.{status}",
            subject=payout_id,
            details={"reason": reason} if reason else {},
        )

    async def _tell_end(self, connection: Connection, merchant_id: str, mode: Mode, payout_id: str) -> None:
        await self._tell(connection, merchant_id, mode, payout_id, 2, "failed")

    async def _tell(
        self, connection: Connection, merchant_id: str, mode: Mode, payout_id: str, sequence: int, word: str
    ) -> Payout:
        shown = show_waiting(await one(connection, store.APPROVAL, merchant_id, mode, payout_id))
        await stage(
            connection,
            ids=self.disburser.ids,
            clock=self.clock,
            merchant_id=merchant_id,
            mode=mode,
            subject_id=payout_id,
            sequence=sequence,
            kind=f"payout.{word}",
            data=shown,
        )
        return shown

    async def _row(self, connection: Connection, caller: Caller, payout_id: str) -> Record:
        if "\x00" in payout_id:
            raise NotFound(id="")
        row = await connection.fetchrow(store.APPROVAL, caller.merchant_id, caller.mode, payout_id)
        if row is None:
            raise NotFound(id=payout_id)
        return row

    async def _wanted(self, connection: Connection, row: Record) -> WantedPayout:
        """Make of the row what was asked for."""
        kept = await one(connection, ledger_store.METHOD, row["merchant_id"], row["payment_method_id"])
        method = await load_method(connection, self.disburser.out_planner.vault, kept)
        request = PayoutRequest(
            amount=row["amount_minor"],
            currency=row["currency"],
            country=row["country"],
            reference=row["merchant_reference"],
            payment_method=MethodInput(method.type, method.operator),
            recipient=RecipientInput(row["recipient_name"]),
            description=row["description"],
            metadata=row["metadata"],
        )
        return WantedPayout(request, Money(request.amount, request.currency), method, row["language"])
