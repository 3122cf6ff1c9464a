"""A payment that waits for the payer's one-time code after it began; optional for an adapter.

`initiate` answers `Pending` with the action `enter_otp`; the code that the payer then gets is given here. (A code that
the payer gets before anything is asked of the provider comes with the order: `Authorization.OTP_FIRST`.)
"""

from typing import Protocol, runtime_checkable

from afriflow.core.method import NextAction
from afriflow.port.provider import Answer, Order


@runtime_checkable
class TakesCode(Protocol):
    """An adapter that can be given a code for a payment that waits for it."""

    async def give_code(self, order: Order, asked: NextAction) -> Answer:
        """Give the code, `order.otp`, once; this may move the money. Never raises for network or provider.

        asked: the action that asked for it, as `initiate` gave it.
        `Refused` with invalid_otp: the code is wrong, nothing was charged, and another may be given. `NotSent`: it
        did not leave this machine, and may be given again. After `Unclear` it is never given again, only asked about.
        """
        ...
