"""What an account's active configuration means for routing: limits in minor units, decimals, closed operators, and how
payers approve.
"""

from decimal import Decimal

from afriflow.core.money import parse_money
from afriflow.port.bounds import Bound
from afriflow.providers.pawapay.tables import AUTHORIZATIONS
from afriflow.providers.pawapay.toolkit import Limits, Toolkit
from afriflow.providers.pawapay.wire import Kind


class Bounded(Toolkit):
    """The part of the adapter that tells routing about the account."""

    async def bounds(self) -> tuple[Bound, ...] | None:
        told = await self.limits()
        if told is None:
            return None
        return tuple(
            Bound(
                outgoing=limit.kind is Kind.PAYOUT,
                operator=limit.operator,
                currency=limit.currency,
                minimum_minor=_minor(limit.minimum, limit),
                maximum_minor=_minor(limit.maximum, limit),
                decimals=limit.decimals,
                # DELAYED payouts wait and go out; whether DELAYED deposits are taken is disputed, so they are not sent
                # (docs.pawapay.io/v2/api-reference/toolkit/provider-availability says nothing of deposits).
                is_open=limit.status != "CLOSED" and (limit.status != "DELAYED" or limit.kind is Kind.PAYOUT),
                authorization=AUTHORIZATIONS.get(limit.auth_type or ""),
                guide=limit.guide,
            )
            for limit in told
            if limit.operator is not None and limit.kind in {Kind.DEPOSIT, Kind.PAYOUT}
        )


def _minor(amount: Decimal | None, limit: Limits) -> int | None:
    money = parse_money(f"{amount:f}", limit.currency) if amount is not None else None
    return money.amount_minor if money else None
