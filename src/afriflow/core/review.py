"""What a person has still to decide about a payment, and what merchants have decided for every payment beforehand."""

from enum import StrEnum


class Review(StrEnum):
    """Why a person must decide about a transaction."""

    MISMATCH = "mismatch"  # a success with another amount, currency or reference
    OVERPAID = "overpaid"  # two attempts brought money
    ANOTHER_ORDER = "another_order"  # money came under another order than the one that the provider gave us
    REVERSAL = "reversal"  # the provider says failed after it said succeeded
    LATE = "late"  # money came after the session, and the merchant wants to decide about such money
    REFUND = "refund"  # what should have gone back by itself did not


class LatePolicy(StrEnum):
    """What a merchant wants done with money that comes after the session is over."""

    HOLD = "hold"  # a person decides
    ACCEPT = "accept"
    AUTO_REFUND = "auto_refund"


class Cause(StrEnum):
    """Why money goes back without anybody asking for it."""

    LATE = "late"
    OVERPAID = "overpaid"
