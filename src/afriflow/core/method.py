"""How someone pays and what they have to do next: the payment method, the next action, the failure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from afriflow.core.msisdn import Msisdn


class MethodType(StrEnum):
    MOBILE_MONEY = "mobile_money"
    CARD = "card"  # by redirect only; no card number ever reaches us


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """What the payer pays with.

    operator: our operator id ("orange_sn"), None for a card. msisdn: the wallet's number, None for a card.
    """

    type: MethodType
    country: str
    operator: str | None = None
    msisdn: Msisdn | None = None


class Authorization(StrEnum):
    """What the payer does to approve, as far as it is known before asking the provider."""

    APPROVE_ON_PHONE = "approve_on_phone"
    OTP_FIRST = "otp_first"  # the payer gets a code before we ask the provider
    OTP_AFTER = "otp_after"  # the payer gets a code from the provider, and gives it to us
    REDIRECT = "redirect"


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to an operator's prompt or code. title, steps: by language. link: what a tap opens (tel:, https:)."""

    title: Mapping[str, str]
    steps: Mapping[str, tuple[str, ...]]
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Guide:
    """What an operator tells its payers to do, in its own words.

    payee: the name that the prompt shows. by_hand: the prompt does not come by itself, the payer has to call it up.
    """

    channels: tuple[Channel, ...] = ()
    payee: str | None = None
    by_hand: bool = False


class ActionType(StrEnum):
    APPROVE_ON_PHONE = "approve_on_phone"
    ENTER_OTP = "enter_otp"
    REDIRECT = "redirect"
    SHOW_QR = "show_qr"
    DIAL_USSD = "dial_ussd"


# What only the payer can do, so that the transaction says `requires_action`; a prompt already on the phone does not.
ACTIONS_OF_THE_PAYER = frozenset(
    {ActionType.ENTER_OTP, ActionType.REDIRECT, ActionType.SHOW_QR, ActionType.DIAL_USSD}
)


@dataclass(frozen=True, slots=True)
class NextAction:
    """What the payer has to do now.

    url: where to send the payer (redirect, show_qr). payload: what the QR code holds. code: the USSD code to dial.
    expires_at: when the prompt or the link stops working, None when the provider does not say. guide: the operator's
    own words about it, where the provider passes them on.
    """

    type: ActionType
    url: str | None = None
    payload: str | None = None
    code: str | None = None
    expires_at: datetime | None = None
    guide: Guide | None = None


class FailureCode(StrEnum):
    """Why no money came: one vocabulary for all providers."""

    PAYER_DECLINED = "payer_declined"
    PAYER_TIMEOUT = "payer_timeout"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    PAYER_LIMIT_REACHED = "payer_limit_reached"
    PAYER_NOT_FOUND = "payer_not_found"
    INVALID_PHONE = "invalid_phone"
    INVALID_OTP = "invalid_otp"
    OPERATOR_UNAVAILABLE = "operator_unavailable"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    PROVIDER_REJECTED = "provider_rejected"
    AMOUNT_OUT_OF_BOUNDS = "amount_out_of_bounds"
    NOT_APPROVED = "not_approved"  # by the second person of a payout: nobody was ever asked for it
    UNSPECIFIED = "unspecified"

    @property
    def payer_can_retry(self) -> bool:
        """Whether the payer can mend it alone: same amount, another try, another number or another method."""
        return self not in {
            FailureCode.PROVIDER_REJECTED,
            FailureCode.AMOUNT_OUT_OF_BOUNDS,
            FailureCode.NOT_APPROVED,
        }

    @property
    def is_providers_fault(self) -> bool:
        """Whether it speaks about the health of the provider; what the payer did never opens a breaker."""
        return self in {
            FailureCode.OPERATOR_UNAVAILABLE,
            FailureCode.PROVIDER_UNAVAILABLE,
            FailureCode.UNSPECIFIED,
        }


# What stands in a failure as the provider's code where it was we who ended it, or a person: no word of a provider's.
BUSY, BREAKER_OPEN, BY_HAND = OUR_OWN_WORDS = ("busy", "breaker_open", "by_hand")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed.

    provider_code, provider_message: the provider's own words, for operators of the system, never for payers.
    """

    code: FailureCode
    provider_code: str | None = None
    provider_message: str | None = None
