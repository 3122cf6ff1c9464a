"""What a provider said of an order, as it may be kept and shown: its words are free text, and quote whom they are about."""

import re
from dataclasses import replace

from afriflow.core.evidence import Evidence, Failed, NotSent, Refused, Unclear
from afriflow.core.method import Failure
from afriflow.observe.redact import HIDDEN, redact_text

# A national number of eight digits looks like an amount of ten million: in a reason, neither is missed.
_LONG = re.compile(r"\d{8,}")


def fit_to_keep(evidence: Evidence) -> Evidence:
    """Take phone and card numbers, addresses and keys out of a provider's own words; the word itself stays."""
    word = evidence.word
    match word:
        case Failed() | NotSent() | Refused():
            return replace(evidence, word=replace(word, failure=_fit(word.failure)))
        case Unclear():
            return replace(evidence, word=replace(word, reason=_without_people(word.reason)))
        case _:
            return evidence


def _fit(failure: Failure) -> Failure:
    return replace(
        failure,
        provider_code=failure.provider_code and _without_people(failure.provider_code),
        provider_message=failure.provider_message and _without_people(failure.provider_message),
    )


def _without_people(text: str) -> str:
    return _LONG.sub(HIDDEN, redact_text(text))
