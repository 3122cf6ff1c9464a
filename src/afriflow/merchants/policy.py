"""What a merchant wants done without being asked each time; one row per mode, defaults where there is none."""

from afriflow.core.review import LatePolicy
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection
from afriflow.merchants import audit_log, store
from afriflow.merchants.keys import Caller


async def late_policy_of(connection: Connection, merchant_id: str, mode: Mode) -> LatePolicy:
    """Say what is done with money that comes after the session is over."""
    stored: str | None = await connection.fetchval(store.LATE_POLICY, merchant_id, mode)
    return LatePolicy(stored) if stored else LatePolicy.HOLD


async def put_late_policy(connection: Connection, caller: Caller, policy: LatePolicy) -> None:
    """Decide it, for what comes from now on; in a transaction."""
    await connection.execute(store.LATE_POLICY_PUT, caller.merchant_id, caller.mode, policy, caller.who)
    await audit_log.write(
        connection,
        merchant_id=caller.merchant_id,
        who=caller.who,
        action="policy.changed",
        subject="late_success",
        details={"mode": caller.mode, "late_success": policy},
    )
