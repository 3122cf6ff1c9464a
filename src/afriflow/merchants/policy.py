"""What a merchant wants done without being asked each time; one row per mode, defaults where there is none."""

from collections.abc import Mapping
from enum import StrEnum

from afriflow.core.errors import FieldError, InvalidRequest
from afriflow.core.money import AMOUNT_MINOR_MAX, EXPONENTS
from afriflow.core.permission import Permission, Role
from afriflow.core.review import LatePolicy
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection
from afriflow.merchants import approval_store, audit_log, people_store, store
from afriflow.merchants.keys import Caller

_MONEY_OUT = frozenset({Permission.REFUNDS_WRITE, Permission.PAYOUTS_WRITE})


class FactorPolicy(StrEnum):
    """Of whom a second factor is wanted where money is real. MONEY: of roles that can send money out."""

    NOBODY = "nobody"
    MONEY = "money"
    EVERYBODY = "everybody"

    def includes(self, role: Role) -> bool:
        return self is FactorPolicy.EVERYBODY or (
            self is FactorPolicy.MONEY and bool(role.permissions & _MONEY_OUT)
        )


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


async def approval_limits_of(connection: Connection, merchant_id: str, mode: Mode) -> dict[str, int]:
    """Say above which amounts a payout waits for a second person, in minor units by currency; others never wait."""
    return await connection.fetchval(approval_store.LIMITS, merchant_id, mode) or {}


async def put_approval_limits(connection: Connection, caller: Caller, limits: Mapping[str, int]) -> None:
    """Decide it, for what is asked for from now on; in a transaction. Raises InvalidRequest."""
    pointer = "/payout_approval_above"
    faults = [
        FieldError(f"{pointer}/{name[:8]}", "unknown_currency", {"value": name[:8]})
        for name in limits
        if name not in EXPONENTS
    ]
    faults += [
        FieldError(f"{pointer}/{name}", "amount_too_large", {"limit": AMOUNT_MINOR_MAX})
        for name, amount in limits.items()
        if amount > AMOUNT_MINOR_MAX
    ]
    faults += [
        FieldError(f"{pointer}/{name}", "amount_not_positive")
        for name, amount in limits.items()
        if amount < 0
    ]
    if faults:
        raise InvalidRequest(faults)
    before = await approval_limits_of(connection, caller.merchant_id, caller.mode)
    await connection.execute(
        approval_store.LIMITS_PUT, caller.merchant_id, caller.mode, dict(limits), caller.who
    )
    await audit_log.write(
        connection,
        merchant_id=caller.merchant_id,
        who=caller.who,
        action="policy.changed",
        subject="payout_approval",
        details={"mode": caller.mode, "before": before, "after": dict(limits)},
    )


async def factor_policy_of(connection: Connection, merchant_id: str) -> FactorPolicy:
    """Say of whom a second factor is wanted in live mode."""
    stored: str | None = await connection.fetchval(people_store.FACTOR_POLICY, merchant_id)
    return FactorPolicy(stored) if stored else FactorPolicy.MONEY


async def put_factor_policy(connection: Connection, merchant_id: str, who: str, policy: FactorPolicy) -> None:
    """Decide it, from the next page on that anybody looks at."""
    await connection.execute(people_store.FACTOR_POLICY_PUT, merchant_id, policy.value, who)
    await audit_log.write(
        connection,
        merchant_id=merchant_id,
        who=who,
        action="policy.changed",
        subject="second_factor",
        details={"second_factor": policy},
    )
