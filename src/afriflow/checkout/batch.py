"""POST /api/payouts/batches: many payouts under one key, each an ordinary one, in as few calls as their providers allow.

All are written down in one transaction or none is: what one of them is refused for, nobody is paid for.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import msgspec

from afriflow.checkout.call import Planned
from afriflow.checkout.create import Reply
from afriflow.checkout.disburse import Disburser
from afriflow.checkout.idempotency import Claim, make_claim
from afriflow.checkout.request_out import WantedPayout
from afriflow.core.errors import Fault, NoRoute
from afriflow.ledger import store
from afriflow.ledger.search_out import read_batch
from afriflow.merchants.keys import Caller
from afriflow.observe.log import bound
from afriflow.port.money_out import BulkPayouts
from afriflow.routing.choose import Decision, Wish


@dataclass(frozen=True, slots=True)
class Batcher:
    """The use-case behind a batch of payouts."""

    disburser: Disburser

    async def pay(self, caller: Caller, key: str, wanted: Sequence[WantedPayout]) -> Reply:
        """Send money to many people. Raises what a payout raises; NoRoute names the reference of the first without one."""
        house = self.disburser
        claim = make_claim(caller, key, "payout_batch", [item.request for item in wanted])
        if (repeat := await house.idempotency.find(claim)) is not None:
            return Reply(
                repeat.response or await self._answer(claim, caller, repeat.object_id), replayed=True
            )
        decisions = [await self._route(caller, item) for item in wanted]
        batch_id = house.ids.new("bat")
        with bound(batch_id=batch_id, merchant_id=caller.merchant_id):
            planned = await self._write(caller, claim, batch_id, wanted, decisions)
            if planned is None:
                repeat = await house.idempotency.find(claim)
                if repeat is None:
                    raise Fault(reason="a key that was taken is gone")
                return Reply(
                    repeat.response or await self._answer(claim, caller, repeat.object_id), replayed=True
                )
            await self._send(planned)
            return Reply(await self._answer(claim, caller, batch_id), replayed=False)

    async def _route(self, caller: Caller, item: WantedPayout) -> Decision:
        try:
            return await self.disburser.router.route(caller, Wish(item.money, item.method, is_payout=True))
        except NoRoute as error:
            raise NoRoute(error.considered, reference=item.request.reference) from error

    async def _write(
        self,
        caller: Caller,
        claim: Claim,
        batch_id: str,
        wanted: Sequence[WantedPayout],
        decisions: Sequence[Decision],
    ) -> list[Planned] | None:
        """Commit every intent with all that belongs to it; None when another request has the key."""
        house = self.disburser
        places = [
            (item, decision, number, house.ids.new("pyt"))  # ids rise, so that they keep the merchant's order
            for number, (item, decision) in enumerate(zip(wanted, decisions, strict=True))
        ]
        # Two batches that name the same references wait for each other in one direction only.
        places.sort(key=lambda place: place[0].request.reference)
        planned: list[Planned] = []
        async with house.database.transaction() as connection:
            if not await house.idempotency.claim(connection, claim, batch_id):
                return None
            await connection.execute(store.BATCH_INSERT, caller.merchant_id, batch_id, caller.mode)
            for item, decision, number, payout_id in places:
                # No merchant's key holds a line break: no single payout derives the same id.
                key = f"{claim.key}\n{number}"
                planned.append(
                    await house.plan_payout(connection, caller, item, decision, payout_id, key, batch_id)
                )
                await house.tell_created(connection, caller, planned[-1])
        return planned

    async def _send(self, planned: Sequence[Planned]) -> None:
        """Call with nothing open, together where the provider takes many, and commit each answer."""

        def account_of(item: Planned) -> str:
            return item.account.id

        calls = [
            self._send_group(list(group))
            for _, group in groupby(sorted(planned, key=account_of), key=account_of)
        ]
        await asyncio.gather(*calls)

    async def _send_group(self, planned: Sequence[Planned]) -> None:
        house = self.disburser
        adapter = house.factory.open(planned[0].account).adapter
        if not isinstance(adapter, BulkPayouts):
            await asyncio.gather(*(house.send(item) for item in planned))
            return
        for begin in range(0, len(planned), adapter.bulk_max):
            part = planned[begin : begin + adapter.bulk_max]
            opened = house.factory.open(part[0].account)
            answers = await house.sender.call_together(opened, part)
            for item, answer in zip(part, answers, strict=True):
                await house.land(opened, item, answer)

    async def _answer(self, claim: Claim, caller: Caller, batch_id: str) -> bytes:
        async with self.disburser.database.connection() as connection:
            body = msgspec.json.encode(await read_batch(connection, caller, batch_id))
        await self.disburser.idempotency.answer(claim, body)
        return body
