"""The API of policies: what a merchant wants done without being asked each time."""

import msgspec
from litestar import Controller, get, put
from litestar.params import JSONBody

from afriflow.core.permission import Permission
from afriflow.core.review import LatePolicy
from afriflow.db.engine import Connection
from afriflow.merchants.policy import (
    approval_limits_of,
    late_policy_of,
    put_approval_limits,
    put_late_policy,
)
from afriflow.web.auth import House, Who, require_key


class Policies(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """late_success: of money that comes after the session is over: hold for a person, accept, or auto_refund.

    payout_approval_above: by currency, in minor units: payouts of more wait for a second person; absent = as it is.
    """

    late_success: LatePolicy
    payout_approval_above: dict[str, int] | None = None


class PolicyController(Controller):
    """What is done without asking, per mode."""

    path = "/api/policies"
    guards = [require_key]
    tags = ["Policies"]

    @get("/", permission=Permission.SETTINGS_READ, summary="Read the policies")
    async def read(self, house: House, caller: Who) -> Policies:
        """Give the policies of the key's mode."""
        async with house.database.connection() as connection:
            return await _read(connection, caller)

    @put("/", permission=Permission.SETTINGS_WRITE, summary="Set the policies")
    async def set_(self, house: House, caller: Who, data: JSONBody[Policies]) -> Policies:
        """Set the policies of the key's mode, for what comes from now on."""
        async with house.database.transaction() as connection:
            await put_late_policy(connection, caller, data.late_success)
            if data.payout_approval_above is not None:
                await put_approval_limits(connection, caller, data.payout_approval_above)
            return await _read(connection, caller)


async def _read(connection: Connection, caller: Who) -> Policies:
    about = (connection, caller.merchant_id, caller.mode)
    return Policies(await late_policy_of(*about), await approval_limits_of(*about))
