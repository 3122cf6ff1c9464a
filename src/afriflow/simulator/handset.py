"""What the payer's phone knows and does: prompts that wait for a PIN, codes that arrive, links that are opened.

One handset holds the phones of all payers and serves all simulators. Providers put prompts on it (`ask`), the
person decides (`decide`, by the page or the JSON of `phone`), and the provider that asked hears of it.
"""

import asyncio
import logging
import random as randomness
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import msgspec

from afriflow.core.clock import Clock
from afriflow.simulator.http import Work
from afriflow.simulator.notebook import Notebook, Value

_log = logging.getLogger("afriflow.simulator")

# How long a one-time code is good for. Operators do not publish it; a person needs a minute to type it over.
CODE_LIFE_SECONDS = 900


class PromptKind(StrEnum):
    PIN = "pin"  # a USSD or app prompt: enter your PIN to pay
    OTP = "otp"  # a message with a one-time code, to be typed elsewhere
    REDIRECT = "redirect"  # a link or QR code that opens the wallet's page


class Action(StrEnum):
    """What the person does. NO_FUNDS, WRONG_PIN: approves, and the wallet refuses."""

    APPROVE = "approve"
    DECLINE = "decline"
    IGNORE = "ignore"
    NO_FUNDS = "no_funds"
    WRONG_PIN = "wrong_pin"


class PromptState(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    DECLINED = "declined"
    IGNORED = "ignored"
    NO_FUNDS = "no_funds"
    WRONG_PIN = "wrong_pin"
    EXPIRED = "expired"  # withdrawn by the provider
    USED = "used"  # a code that was redeemed


_AFTER = {
    Action.APPROVE: PromptState.APPROVED,
    Action.DECLINE: PromptState.DECLINED,
    Action.IGNORE: PromptState.IGNORED,
    Action.NO_FUNDS: PromptState.NO_FUNDS,
    Action.WRONG_PIN: PromptState.WRONG_PIN,
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something on the screen of a phone.

    phone: international, digits only. provider: who hears of the decision. order: the provider's key of what is
    paid. text: as the operator writes it. amount: decimal text, None for a mere message. code: the one-time code.
    link: what to open. created_at: RFC 3339.
    """

    id: str
    phone: str
    provider: str
    order: str
    text: str
    amount: str | None
    currency: str | None
    kind: PromptKind
    created_at: str
    state: PromptState = PromptState.WAITING
    code: str | None = None
    link: str | None = None

    @property
    def can_be_decided(self) -> bool:
        return self.state is PromptState.WAITING and self.kind is not PromptKind.OTP


Listener = Callable[[Prompt, Action], Awaitable[None]]
Later = Callable[[float, Work], None]


class Handset:
    """All phones.

    storage: the folder in which prompts and settings outlive the process. auto_approve_after_seconds: how long until
    a prompt approves itself, unless the storage knows better; None = it waits for the person.
    """

    def __init__(
        self,
        clock: Clock,
        random: randomness.Random,
        *,
        storage: Path | None = None,
        auto_approve_after_seconds: float | None = None,
    ) -> None:
        self._clock = clock
        self._random = random
        self._notebook = Notebook(storage / "phone.sqlite3" if storage else None)
        self._listeners: dict[str, Listener] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._notebook.put_new("settings", "auto_approve", {"after_seconds": auto_approve_after_seconds})

    @property
    def auto_approve_after_seconds(self) -> float | None:
        return (self._notebook.get("settings", "auto_approve") or {})["after_seconds"]

    @auto_approve_after_seconds.setter
    def auto_approve_after_seconds(self, seconds: float | None) -> None:
        self._notebook.put("settings", "auto_approve", {"after_seconds": seconds})

    def on_decision(self, provider: str, listener: Listener) -> None:
        """Tell the handset who hears of decisions about a provider's prompts; called once, when the seat is built."""
        self._listeners[provider] = listener

    def ask(
        self,
        *,
        phone: str,
        provider: str,
        order: str,
        text: str,
        amount: str | None = None,
        currency: str | None = None,
        kind: PromptKind = PromptKind.PIN,
        code: str | None = None,
        link: str | None = None,
        later: Later | None = None,
    ) -> Prompt:
        """Put a prompt on a phone.

        later: the asking request's `afterwards` or the seat's `later`; with it the prompt approves itself when the
        handset is set so, without it only a person decides.
        """
        prompt = Prompt(
            id="",
            phone=digits_of(phone),
            provider=provider,
            order=order,
            text=text,
            amount=amount,
            currency=currency,
            kind=kind,
            created_at=self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            code=code,
            link=link,
        )
        # Drawn until free: after a restart the same seed draws the same ids again.
        while not prompt.id or not self._notebook.put_new("prompt", prompt.id, asdict(prompt)):
            prompt = replace(prompt, id=f"prm_{self._random.getrandbits(80):020x}")
        if later is not None:
            self.arm(prompt.id, later)
        return prompt

    def arm(self, prompt_id: str, later: Later) -> None:
        """Let a prompt approve itself in time, if the handset is set so; again after a restart."""
        seconds = self.auto_approve_after_seconds
        if seconds is not None:
            later(seconds, lambda: self._approve_by_itself(prompt_id))

    async def decide(self, prompt_id: str, action: Action) -> Prompt | None:
        """Do what the person does and let the provider act on it; None when there is nothing to decide (any more)."""
        prompt = self._settle(prompt_id, action)
        if prompt is not None:
            await self._tell(prompt, action)
        return prompt

    def decide_soon(self, prompt_id: str, action: Action) -> Prompt | None:
        """Do as `decide`, but do not wait for the provider: a person who tapped sees the next screen at once."""
        prompt = self._settle(prompt_id, action)
        if prompt is not None:
            task = asyncio.get_running_loop().create_task(self._tell(prompt, action))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return prompt

    def withdraw(self, prompt_id: str) -> None:
        """Take a prompt off the phone: the provider waits no longer. One that was ignored expires, too."""

        def expire(value: Value) -> Value | None:
            gone = value["state"] in {PromptState.WAITING, PromptState.IGNORED}
            return {**value, "state": PromptState.EXPIRED} if gone else None

        self._notebook.change("prompt", prompt_id, expire)

    def find(self, prompt_id: str) -> Prompt | None:
        value = self._notebook.get("prompt", prompt_id)
        return _prompt(value) if value else None

    def prompts(self, phone: str | None = None) -> list[Prompt]:
        """Give the prompts of one phone or of all, oldest first."""
        wanted = digits_of(phone) if phone else None
        prompts = [_prompt(value) for value in self._notebook.every("prompt")]
        return [prompt for prompt in prompts if wanted in {None, prompt.phone}]

    def is_open(self, prompt: Prompt) -> bool:
        """Tell whether the phone still shows it as current: not decided, and a code not grown stale."""
        if prompt.state is not PromptState.WAITING or prompt.kind is not PromptKind.OTP:
            return prompt.can_be_decided
        age = self._clock.now() - datetime.fromisoformat(prompt.created_at)
        return age < timedelta(seconds=CODE_LIFE_SECONDS)

    def send_code(self, *, phone: str, provider: str, order: str = "", text: str = "{code}") -> Prompt:
        """Send a one-time code by SMS; `{code}` in the text stands for it."""
        code = f"{self._random.randrange(10**6):06d}"
        return self.ask(
            phone=phone,
            provider=provider,
            order=order,
            text=text.replace("{code}", code),
            kind=PromptKind.OTP,
            code=code,
        )

    def redeem_code(self, phone: str, code: str) -> bool:
        """Use up a code that this phone was sent; False when it was not, or too long ago, or used before."""

        def use(value: Value) -> Value | None:
            return {**value, "state": PromptState.USED} if self.is_open(_prompt(value)) else None

        return any(
            prompt.code == code and self._notebook.change("prompt", prompt.id, use)
            for prompt in self.prompts(phone)
            if prompt.kind is PromptKind.OTP
        )

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._notebook.close()

    def _settle(self, prompt_id: str, action: Action) -> Prompt | None:
        def settle(value: Value) -> Value | None:
            prompt = _prompt(value)
            return asdict(replace(prompt, state=_AFTER[action])) if prompt.can_be_decided else None

        changed = self._notebook.change("prompt", prompt_id, settle)
        return _prompt(changed) if changed else None

    async def _tell(self, prompt: Prompt, action: Action) -> None:
        listener = self._listeners.get(prompt.provider)
        if listener is None:
            return
        try:
            await listener(prompt, action)
        except Exception:  # noqa: BLE001 - the person has decided; the log is where a broken simulator shows
            _log.exception("%s: a decision about %s", prompt.provider, prompt.order)

    async def _approve_by_itself(self, prompt_id: str) -> None:
        await self.decide(prompt_id, Action.APPROVE)


def digits_of(phone: str) -> str:
    """Give a number as it is kept here: digits only, country code first, no plus, no 00."""
    digits = "".join(character for character in phone if character.isascii() and character.isdigit())
    return digits.removeprefix("00")


def _prompt(value: Value) -> Prompt:
    return msgspec.convert(value, Prompt)
