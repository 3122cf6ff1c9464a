"""Money that goes back without anybody asking: late or paid twice, by the merchant's policy, exactly once.

The job may run as often as it likes: the refund is unique by transaction, cause and attempt, is planned like any
other, sent once and followed until it is known. What cannot be given back goes before a person.
"""

from dataclasses import dataclass

from afriflow.checkout.disburse import Disburser
from afriflow.checkout.plan_out import Intent
from afriflow.core.errors import Fault
from afriflow.core.language import say
from afriflow.core.money import Money
from afriflow.core.review import Cause, Review
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Record, one
from afriflow.jobs.queue import Payload
from afriflow.ledger import store
from afriflow.merchants.keys import caller_of_merchant
from afriflow.observe.log import bound
from afriflow.port.money_out import Refunds

# Who asked, as the story shows it.
_WHO = "policy"


@dataclass(frozen=True, slots=True)
class GiverBack:
    """The job behind the policy `auto_refund`."""

    disburser: Disburser

    async def give_back(self, payload: Payload) -> None:
        """Refund one attempt's money. payload: merchant_id, attempt_id, cause."""
        merchant_id, attempt_id, cause = (
            payload["merchant_id"],
            payload["attempt_id"],
            Cause(payload["cause"]),
        )
        house = self.disburser
        async with house.database.connection() as connection:
            payment = await one(connection, store.ATTEMPT, merchant_id, attempt_id)
            account = await house.accounts.account(connection, merchant_id, payment["account_id"])
            caller = await caller_of_merchant(connection, merchant_id, Mode(payment["mode"]), _WHO)
        with bound(transaction_id=payment["transaction_id"], attempt_id=attempt_id):
            if not isinstance(house.factory.open(account).adapter, Refunds):
                await self._to_a_person(payment, f"{account.provider} cannot give money back by itself")
                return
            disbursement_id = house.ids.new("ref")
            async with house.database.transaction() as connection:
                row = await house.recorder.lock(connection, merchant_id, payment["transaction_id"])
                amount = await self._reserve(connection, row, payment, cause)
                if amount == 0:
                    return
                intent = _intent(row, payment, amount, cause)
                # No merchant's key can hold a control character, so this one is nobody else's.
                key = f"\x1f{cause}:{attempt_id}"
                planned = await house.out_planner.plan(
                    connection, caller, account, disbursement_id, key, intent
                )
                if planned is None:
                    raise Fault(reason="a refund that was not there is there", attempt_id=attempt_id)
                facts = {"status": "processing", "by": _WHO}
                await house.out_recorder.tell(
                    connection, planned.row, ["created", "processing"], ("Created", "us", facts)
                )
            await house.send(planned)

    async def _reserve(self, connection: Connection, row: Record, payment: Record, cause: Cause) -> int:
        """Take what can go back from the locked payment; 0 when it went back already, by us or by the merchant."""
        arguments = (row["merchant_id"], row["id"], cause, payment["id"])
        if await connection.fetchval(store.REFUND_OF_CAUSE, *arguments):
            return 0
        if cause is Cause.OVERPAID:  # beside the payment, and so is its refund
            return payment["amount_minor"]
        left: int = row["amount_minor"] - row["refund_reserved_minor"]
        if left > 0:
            await connection.execute(store.REFUND_RESERVE, row["merchant_id"], row["mode"], row["id"], left)
        return left

    async def _to_a_person(self, payment: Record, why: str) -> None:
        async with self.disburser.database.transaction() as connection:
            await self.disburser.recorder.flag(
                connection,
                merchant_id=payment["merchant_id"],
                transaction_id=payment["transaction_id"],
                review=Review.REFUND,
                why=why,
            )


def _intent(row: Record, payment: Record, amount_minor: int, cause: Cause) -> Intent:
    return Intent(
        kind="refund",
        money=Money(amount_minor, row["currency"]),
        country=row["country"],
        method_id=payment["payment_method_id"],
        language=row["language"],
        metadata={},
        description=say(f"cause.{cause}", row["language"]),
        transaction_id=row["id"],
        payment=payment,
        cause=cause,
    )
