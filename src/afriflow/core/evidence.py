"""What we know of an attempt, and from whom: the only thing that may change its state.

A timeout is not here, and neither is an exhausted retry: they say nothing about money. What says nothing is
`Unclear`, and leaves the attempt as it was.
"""

from dataclasses import dataclass
from enum import StrEnum

from afriflow.core.method import Failure, NextAction
from afriflow.core.money import Money


class Source(StrEnum):
    ANSWER = "answer"  # the provider's answer to our initiate
    VERIFY = "verify"  # the provider's answer to our question
    CALLBACK = "callback"  # a notification whose signature proves who sent it
    HUMAN = "human"  # an audited decision of a person


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte of the order left this machine, or nothing that can move money did.

    failure: why; usually provider_unavailable.
    """

    failure: Failure


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider documents that it refused before processing: no prompt, no money, and there will be none.

    elsewhere: whether another provider may do better (its fault), or would say the same (the order's fault).
    """

    failure: Failure
    elsewhere: bool


@dataclass(frozen=True, slots=True)
class Pending:
    """The provider has the order; the payer or the operator has still to act."""

    next_action: NextAction | None = None


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The provider says that it has the money.

    paid: what it says it got, None when it does not say or says it in a form that is no exact amount.
    reference: our attempt's id as the provider gives it back, None when it does not.
    operator_reference: the operator's own number of the transfer, which the payer finds in the SMS.
    """

    paid: Money | None
    reference: str | None
    operator_reference: str | None = None

    def doubt(self, money: Money, reference: str) -> str | None:
        """Say why it cannot be believed as it stands (S7), None when amount, currency and reference agree."""
        if self.reference != reference:
            return "the provider's success names another reference"
        if self.paid is None:
            return "the provider's success names no exact amount"
        if self.paid != money:
            return f"the provider's success names {self.paid.text()} {self.paid.currency}"
        return None


@dataclass(frozen=True, slots=True)
class Failed:
    """The provider's final word: no money came."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Missing:
    """The provider says that it does not know the order. Not a failure: it may still arrive."""


@dataclass(frozen=True, slots=True)
class NeverReceived:
    """The provider did not know the order long after the last moment at which it could have arrived.

    Made by the follow-up alone, from `Missing` and the provider's documented quarantine.
    """


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nothing that decides: a timeout, a broken connection, a server error, a word we do not know.

    reason: short and for engineers. alert: whether a person must look (an unknown status word always). review: whether
    the order itself is in doubt and marked for a person (the provider holds our id for something else).
    """

    reason: str
    alert: bool = False
    review: bool = False


Word = NotSent | Refused | Pending | Succeeded | Failed | Missing | NeverReceived | Unclear


@dataclass(frozen=True, slots=True)
class Evidence:
    """One word about one attempt.

    provider_reference: the provider's own id of the order, when this word brought it. by, note, proof: of a person: who
    decided, why, and what it rests on.
    """

    source: Source
    word: Word
    provider_reference: str | None = None
    by: str | None = None
    note: str | None = None
    proof: str | None = None

    def is_proof(self, *, unknown: bool, sends: int) -> bool:
        """Whether a word that nothing came of an order is about everything that was sent of it; true of other words.

        unknown: nobody has heard of the order since it may have been sent. sends: how often it was permitted to be.
        """
        match self.word:
            case NotSent():
                # Only the sender can know that nothing left, and only while nobody else was permitted to send.
                return self.source is Source.ANSWER and unknown and sends == 1
            case Refused():
                return sends == 1  # one send's refusal says nothing of the others
            case NeverReceived():
                return unknown
            case _:
                return True
