"""Everything that can be refused or go wrong, as one tree with stable codes.

AfriFlowError
├── Refusal                     expected: the caller hears why, nobody is paged
│   ├── InvalidRequest          400 / 422, with one entry per field
│   ├── PanNotAllowed           400 a card's number, wherever it stands
│   ├── Unauthenticated         401; ApiKeyExpired
│   ├── Forbidden, PermissionDenied   403 not from our own page; the key or person lacks a permission
│   ├── ProofWanted, SecondFactorWanted   403 a person proves more before this
│   ├── WrongProof, LinkSpent   422, 410 a password, code or link that lets nobody in
│   ├── NotFound                404, also for what belongs to somebody else
│   ├── Conflict                409 reference taken, not cancellable, not confirmable, key in flight, last owner, rules changed
│   ├── LinkClosed              410 a payment link that nobody can pay through any more
│   ├── KeyReused               422
│   ├── InvalidOtp, CodeNotPassedOn   422, 503 the payer's code did nothing; it may be given again
│   ├── NoRoute                 422 nobody can carry this payment, with the reason for each candidate
│   ├── TooManyPrompts, TooManyRequests   429 a phone is left alone for a while, a caller slows down
│   ├── ProviderBusy            503 the provider has enough to do; nothing was sent
│   ├── TooLarge                413
│   └── PortTaken, SettingsMissing   at the start, told to whoever starts it
├── Unavailable                 503 we cannot promise anything now; try again
└── Fault                       a person must look: an unknown status word, a failed job, a contradiction

The sentences that people read stand in `core/language/`, one per code, in French and English.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong in a request.

    pointer: RFC 6901 pointer to the field. code: stable. facts: what the sentence of that code needs.
    """

    pointer: str
    code: str
    facts: Mapping[str, object] = field(default_factory=dict[str, object])


class AfriFlowError(Exception):
    """Anything of ours that is raised.

    facts: what the sentence of this code needs; never a secret, never a full phone number.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(self, **facts: object) -> None:
        super().__init__(self.code, facts)
        self.facts = facts


class Refusal(AfriFlowError):
    """An expected no."""

    code = "refused"
    status = 400


class InvalidRequest(Refusal):
    """The request is not one we can act on; `errors` says where and why."""

    code = "invalid_request"
    status = 422

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__()
        self.errors = tuple(errors)


class PanNotAllowed(Refusal):
    """A card's number, which must never be with us. `pointer`: where it stands; the number itself is nowhere."""

    code = "pan_not_allowed"
    status = 400


class MalformedBody(Refusal):
    """The body is no JSON object as RFC 8259 and our limits want it: UTF-8, no duplicate keys, no NaN."""

    code = "malformed_body"
    status = 400


class UnsupportedMediaType(Refusal):
    code = "unsupported_media_type"
    status = 415


class TooLarge(Refusal):
    code = "body_too_large"
    status = 413


class Unauthenticated(Refusal):
    code = "unauthenticated"
    status = 401


class ApiKeyExpired(Unauthenticated):
    code = "api_key_expired"


class Forbidden(Refusal):
    code = "forbidden"
    status = 403


class PermissionDenied(Refusal):
    """The key's scopes or the person's role do not bring what this needs. `permission`: which."""

    code = "permission_denied"
    status = 403


class ProofWanted(Forbidden):
    """Before this, a person proves anew who it is, by a code or the password. `wrong`: what was wrong with the last."""

    code = "proof_wanted"


class WrongProof(Refusal):
    """A password or code is wrong, or was used before."""

    code = "wrong_proof"
    status = 422


class SecondFactorWanted(Forbidden):
    """The merchant wants a second factor of this role in live mode, and the person has none yet."""

    code = "second_factor_wanted"


class LinkSpent(Refusal):
    """A link that lets somebody in was used, was replaced by a later one, or is too old."""

    code = "link_spent"
    status = 410


class NotFound(Refusal):
    code = "not_found"
    status = 404


class MethodNotAllowed(Refusal):
    code = "method_not_allowed"
    status = 405


class KeyMissing(Refusal):
    code = "idempotency_key_missing"
    status = 400


class KeyMalformed(Refusal):
    code = "idempotency_key_malformed"
    status = 400


class KeyReused(Refusal):
    code = "idempotency_key_reused"
    status = 422


class Conflict(Refusal):
    code = "conflict"
    status = 409


class NotificationForgotten(Conflict):
    """A notification's text was kept for a time that is over: there is nothing to read."""

    code = "notification_forgotten"


class NotificationUnreadable(Refusal):
    """A notification is in no form that its provider documents. `reason`: what the reading ended with."""

    code = "notification_unreadable"
    status = 422


class EndpointDisabled(Conflict):
    """Nothing is sent to an endpoint that is disabled."""

    code = "endpoint_disabled"


class SecretRotating(Conflict):
    """The secret before the present one still signs. `until`: RFC 3339."""

    code = "secret_rotating"


class ReplayRunning(Conflict):
    """Another range of events is being sent to this endpoint. `replay_id`: which."""

    code = "replay_running"


class LinkClosed(Conflict):
    """Nobody can pay through this link any more. why: disabled, expired or used_up."""

    code = "link_closed"
    status = 410


class KeyInFlight(Conflict):
    """The first request with this key is still at work. `retry_after_seconds` is in the facts."""

    code = "idempotency_in_progress"


class ReferenceTaken(Conflict):
    code = "reference_taken"


class NotCancellable(Conflict):
    code = "not_cancellable"


class NotConfirmable(Conflict):
    code = "not_confirmable"


class ApiKeyNotActive(Conflict):
    """The key is expired, revoked or replaced: there is nothing to replace any more."""

    code = "api_key_not_active"


class InvalidOtp(Refusal):
    """The provider says that the payer's code is wrong or too old; nothing was charged, another may be given."""

    code = "invalid_otp"
    status = 422


class CodeNotPassedOn(Refusal):
    """The payer's code did not reach the provider; nothing was charged, it may be given again."""

    code = "code_not_passed_on"
    status = 503


class NotResolvable(Conflict):
    """Nothing here is a person's to decide: its provider may still answer, or it is decided."""

    code = "not_resolvable"


class NotRefundable(Conflict):
    code = "not_refundable"


class NotWaiting(Conflict):
    """A payout waits for nobody any more: somebody has decided, or its time was over."""

    code = "not_waiting"


class SecondPersonWanted(Refusal):
    """Whoever asked for a payout is not the second person that it waits for."""

    code = "second_person_wanted"
    status = 403


class ApprovalWanted(Refusal):
    """A payout of a batch needs a second person, who decides about single ones. `reference`: its."""

    code = "approval_wanted"
    status = 422


class RefundExceeds(Refusal):
    """More than is left of the payment. `remaining`: minor units."""

    code = "refund_exceeds_payment"
    status = 422


class RefundNotSupported(Refusal):
    """The provider has no means to give money back; `instead` names what can be done."""

    code = "refund_not_supported"
    status = 422


class AddressTaken(Conflict):
    """The e-mail address has an account already."""

    code = "address_taken"


class RulesChanged(Conflict):
    """The routing rules, or their draft, are not any more as they were seen."""

    code = "rules_changed"


class LastOwner(Conflict):
    """Nobody would be left who may invite people."""

    code = "last_owner"


class NotVerifiable(Conflict):
    code = "not_verifiable"


class TooManyPrompts(Refusal):
    """This phone was asked to pay too often, by whomever; nothing was sent. `retry_after_seconds` is in the facts."""

    code = "too_many_prompts"
    status = 429


class TooManyRequests(Refusal):
    """This key or address asks faster than it may. `retry_after_seconds` is in the facts."""

    code = "too_many_requests"
    status = 429


class ProviderBusy(Refusal):
    """A provider account has as much to do as it may; nothing was sent. `retry_after_seconds` is in the facts."""

    code = "provider_busy"
    status = 503


class NoRoute(Refusal):
    """No provider account can carry the payment now; `considered` names each and why not."""

    code = "no_route"
    status = 422

    def __init__(self, considered: Sequence[Mapping[str, object]], **facts: object) -> None:
        super().__init__(**facts)
        self.considered = tuple(considered)


class PortTaken(Refusal):
    """Somebody else listens where we were told to."""

    code = "port_taken"


class SettingsMissing(Refusal):
    """Production does not run on defaults that only a demo may have. `names`: of the settings."""

    code = "settings_missing"


class UnsafeSettings(Refusal):
    """Real money does not move under unsafe settings. `problems`: a line for each; `codes`: of the findings."""

    code = "unsafe_settings"


class SchemaOld(Refusal):
    """This release wants a newer schema than the database has. `schema`: the database's revision."""

    code = "schema_old"


class RoleMissing(Refusal):
    """A role that is to be granted what the product needs is not there. `role`: its name."""

    code = "role_missing"


class Unavailable(AfriFlowError):
    """The database is away or too slow: nothing was promised, nothing was lost."""

    code = "temporarily_unavailable"
    status = 503


class Fault(AfriFlowError):
    """Something that must not happen quietly."""

    code = "fault"


class BadAccount(Fault):
    """A provider account's credentials or settings do not fit what its provider needs."""

    code = "bad_provider_account"
