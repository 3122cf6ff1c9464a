"""What every provider must be able to do, said once: start a payment, tell how it stands, read its notifications.

An adapter is two translations, ours to theirs and theirs to ours. It keeps no state, opens no database, and never
decides what becomes of a payment: it returns words (`core.evidence`), and the ledger decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from afriflow.core.clock import Clock
from afriflow.core.evidence import Word
from afriflow.core.method import Authorization, Guide, MethodType, NextAction, PaymentMethod
from afriflow.core.money import Money
from afriflow.core.transaction import Mode
from afriflow.port.bounds import Bound
from afriflow.port.forced import Forced
from afriflow.port.http import ProviderHttp


class Secret:
    """A value that no log, traceback or repr shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(•••)"


@dataclass(frozen=True, slots=True)
class Account:
    """A merchant's contract with a provider.

    base_url: where this account's provider answers; a setting, so that a sandbox or a simulator can stand there.
    callback_url: the public address of our webhook for this account; signatures are checked against it and not
    against the Host that a proxy left. config: the provider's own config type, filled and checked by the factory.
    bounds: what the provider last told of the account, empty where it does not. forced: the circuits that people hold
    open or closed; nothing of an adapter's.
    """

    id: str
    merchant_id: str
    provider: str
    mode: Mode
    base_url: str
    callback_url: str
    config: Any
    bounds: tuple[Bound, ...] = ()
    forced: tuple[Forced, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """What an adapter is asked to bring in: one attempt, the same for ever.

    reference: our id of the attempt, UUIDv4-shaped; the provider must give it back with the money.
    provider_reference: the provider's own id, once it gave one (PayDunya's invoice token).
    otp: the payer's one-time code, in memory only. last_sent_at: None until it was sent once. description: at most 200 characters, for the payer.
    return_url, cancel_url: pages of ours (no query string), where the provider may send the payer back to.
    """

    reference: str
    transaction_id: str
    merchant_name: str
    money: Money
    method: PaymentMethod
    return_url: str
    cancel_url: str
    created_at: datetime
    description: str | None = None
    customer_name: str | None = None
    customer_email: str | None = None
    language: str = "en"
    provider_reference: str | None = None
    otp: Secret | None = None
    last_sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider said to `initiate` or `verify`, with its own id of the order when it gave one."""

    word: Word
    provider_reference: str | None = None


class Keep(Protocol):
    """Awaited between two steps of one initiate: commits the provider's own id before money can move under it.

    next_action: what the payer can do from now on, where that is known, so that a crash here loses no page address.
    Raises when another process has taken this send over; the adapter lets that pass.
    """

    async def __call__(self, provider_reference: str, next_action: NextAction | None = None) -> None: ...


class Verdict(StrEnum):
    """How far a notification's sender is proven, decided when it arrives and kept with it."""

    SIGNED = "signed"  # a signature over this very message: it is evidence
    HINT = "hint"  # a shared constant, or nothing at all where nothing is promised: go and ask
    FORGED = "forged"  # something that should prove the sender is wrong or missing where it is required
    PROBE = "probe"  # the provider tries whether we are there; no content


@dataclass(frozen=True, slots=True)
class Notification:
    """A provider's message to us, as it came.

    headers: names in lower case. path: as requested, without the query.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Authenticity:
    """The verdict on a notification. reason: short, for the person who reads the inbox; never a secret."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a notification says about one order.

    reference: our id of the attempt when it carries it; provider_reference: the provider's id; one of both is set.
    """

    word: Word
    reference: str | None = None
    provider_reference: str | None = None


class PaymentProvider(Protocol):
    """A provider account, ready to use."""

    async def initiate(self, order: Order, keep: Keep) -> Answer:
        """Ask the provider to collect the money.

        Never raises for what the network or the provider does: whatever cannot be proven unsent or read as a
        documented answer is `Unclear`. With the same order it may be called again only as `Spec.resend` allows.
        """
        ...

    async def verify(self, order: Order) -> Answer:
        """Ask the provider how the order stands; never raises for network or provider, moves no money."""
        ...

    async def authenticate(self, notification: Notification) -> Authenticity:
        """Judge who sent a notification, at receipt; may fetch and cache the provider's public keys."""
        ...

    def handle_webhook(self, notification: Notification) -> tuple[Report, ...]:
        """Translate a notification, without any I/O; empty when it speaks of nothing we know how to read."""
        ...


# What adapters of one account may remember between uses (public keys, limits); nothing that decides about money.
Memory = dict[str, Any]


class Resend(StrEnum):
    """When the same order may be sent to the provider again after an unclear answer."""

    ALWAYS = "always"  # idempotent by our id (class A)
    BEFORE_REFERENCE = "before_reference"  # until the provider gave its id, nothing payable exists
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Route:
    """One thing a provider can carry: a method of an operator in a country and a currency.

    minimum_minor, maximum_minor: limits in minor units; None = not known. decimals: how many the provider carries.
    guide: what the operator tells its payers, where the provider passes it on.
    """

    country: str
    method: MethodType
    currency: str
    authorization: Authorization
    operator: str | None = None
    minimum_minor: int | None = None
    maximum_minor: int | None = None
    decimals: int = 0
    guide: Guide | None = None


@dataclass(frozen=True, slots=True)
class SandboxPayer:
    """A number that acts by itself in the provider's sandbox. digits: country code first. pays: or declines."""

    operator: str
    currency: str
    digits: str
    pays: bool


@dataclass(frozen=True, slots=True)
class Spec:
    """What a provider is, declared in its folder's `__init__.py` as SPEC and found by the factory.

    idempotency: class A (by our id), B (queryable by our reference), C (neither).
    missing_is_final_after_seconds: how long after the last send "I do not know it" may be believed; None = never.
    config_type: a frozen dataclass of what an account needs; `Secret` fields are sealed in the vault.
    adapter: makes a ready `PaymentProvider`. demo_config: what the simulator's account is opened with. identify:
    reads the ids of orders out of a notification without judging it, to find out whose it is (our references and the
    provider's, both). payout_routes: what it can send out; `authorization` says nothing there. payout_resend: when
    the same payout or refund may be sent again. opens: whether an account with this config carries a route, in or out,
    where contracts or uncertain facts differ from account to account. fits: raises WrongAnswer for keys of the other mode. sandbox_payers: for `afriflow conformance --live`.
    """

    name: str
    title: str
    idempotency: str
    resend: Resend
    missing_is_final_after_seconds: int | None
    base_urls: Mapping[Mode, str]
    routes: tuple[Route, ...]
    config_type: type[Any]
    adapter: Callable[[Account, ProviderHttp, Clock, Memory], PaymentProvider]
    identify: Callable[[Notification], tuple[str, ...]]
    documentation_url: str = ""
    payout_routes: tuple[Route, ...] = ()
    payout_resend: Resend = Resend.NEVER
    demo_config: Mapping[str, str] = field(default_factory=dict[str, str])
    sandbox_payers: tuple[SandboxPayer, ...] = ()
    opens: Callable[[Any, Route], bool] = lambda _config, _route: True
    fits: Callable[[Any, Mode], None] = lambda _config, _mode: None
