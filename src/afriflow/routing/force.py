"""A person's decision about a circuit goes before what the circuit knows, until its time is over."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from afriflow.core.errors import FieldError, InvalidRequest
from afriflow.port.factory import specs
from afriflow.port.forced import Forced
from afriflow.port.provider import Account
from afriflow.routing.circuit import Seen


def forced_now(account: Account, operation: str, now: datetime) -> Mapping[str | None, Forced]:
    """Give what people decided about an account's circuits of one operation and what still holds, by operator."""
    return {
        item.operator: item for item in account.forced if item.operation == operation and item.until > now
    }


def overrule(seen: Seen, forced: Forced | None, now: datetime) -> Seen:
    """Say whether a circuit may be asked, where a person has decided that; its own state stays to be seen."""
    if forced is None:
        return seen
    wait_seconds = (forced.until - now).total_seconds() if forced.is_open else 0.0
    return replace(seen, allowed=not forced.is_open, wait_seconds=wait_seconds)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decides about a circuit. seconds: for how long. The rest as in `Forced`."""

    operation: str
    operator: str | None
    is_open: bool
    seconds: int
    why: str

    def about(self, account: Account, by: str, now: datetime, seconds_max: int) -> Forced:
        """Give it an end. Raises InvalidRequest where it names no circuit of the account or would last too long."""
        faults, spec = list[FieldError](), specs()[account.provider]
        if not 1 <= self.seconds <= seconds_max:
            bounds = {"minimum": 1, "maximum": seconds_max}
            faults.append(FieldError("/expires_in", "expires_in_out_of_bounds", bounds))
        carried = {route.operator for route in (*spec.routes, *spec.payout_routes)}
        if self.operator is not None and self.operator not in carried:
            faults.append(FieldError("/operator", "operator_not_carried", {"value": self.operator}))
        if faults:
            raise InvalidRequest(faults)
        until = now + timedelta(seconds=self.seconds)
        return Forced(self.operation, self.operator, self.is_open, until, by, self.why)
