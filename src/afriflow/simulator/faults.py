"""What goes wrong between a provider and us, drawn from one seed: the same seed breaks the same requests.

A provider's simulator works faultlessly until somebody turns a knob: `PUT {seat}/faults` with the knobs as JSON
sets all of them (what is left out is off), `{}` makes it whole again, `GET {seat}/faults` reads them.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import msgspec

from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.notebook import Notebook

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
# What is later than an hour is not late but lost; tests of days turn the clock instead.
SECONDS_MAX = 3600
Seconds = Annotated[float, msgspec.Meta(ge=0, le=SECONDS_MAX)]


class Knobs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often each thing goes wrong, 0 = never, 1 = always; the README of the kit says what each one does."""

    seed: int = 1
    refuse_connection: Probability = 0.0
    too_many_requests: Probability = 0.0
    late_arrival: Probability = 0.0
    late_arrival_seconds: Seconds = 60.0
    error_500: Probability = 0.0
    html_502: Probability = 0.0
    broken_json: Probability = 0.0
    empty_answer: Probability = 0.0
    lose_answer: Probability = 0.0
    slow_answer: Probability = 0.0
    slow_answer_seconds: Seconds = 10.0
    dead_query: Probability = 0.0
    hidden_order: Probability = 0.0
    hidden_order_seconds: Seconds = 60.0
    wrong_amount_in_answer: Probability = 0.0
    unknown_word_in_answer: Probability = 0.0
    late_settlement: Probability = 0.0
    late_settlement_seconds: Seconds = 900.0
    callback_before_answer: Probability = 0.0
    lose_callback: Probability = 0.0
    duplicate_callback: Probability = 0.0
    callback_copies: Annotated[int, msgspec.Meta(ge=2, le=5)] = 2
    delay_callback_seconds: Seconds = 0.0
    reorder_callback: Probability = 0.0
    forge_callback: Probability = 0.0
    wrong_amount_in_callback: Probability = 0.0
    unknown_word_in_callback: Probability = 0.0
    rotate_key: Probability = 0.0


class Mishap(StrEnum):
    """What may befall one request, by the name of its knob."""

    REFUSE_CONNECTION = "refuse_connection"
    TOO_MANY_REQUESTS = "too_many_requests"
    LATE_ARRIVAL = "late_arrival"
    ERROR_500 = "error_500"
    HTML_502 = "html_502"
    BROKEN_JSON = "broken_json"
    EMPTY_ANSWER = "empty_answer"
    LOSE_ANSWER = "lose_answer"
    SLOW_ANSWER = "slow_answer"
    DEAD_QUERY = "dead_query"
    WRONG_AMOUNT = "wrong_amount_in_answer"
    UNKNOWN_WORD = "unknown_word_in_answer"
    CALLBACK_BEFORE_ANSWER = "callback_before_answer"


class Fate(StrEnum):
    """What may befall one callback, by the name of its knob."""

    LOST = "lose_callback"
    DUPLICATED = "duplicate_callback"
    REORDERED = "reorder_callback"
    FORGED = "forge_callback"
    WRONG_AMOUNT = "wrong_amount_in_callback"
    UNKNOWN_WORD = "unknown_word_in_callback"
    KEY_ROTATED = "rotate_key"


@dataclass(frozen=True, slots=True)
class Luck:
    """What befalls one request. before: an error of the server comes in place of processing, not of its answer."""

    struck: frozenset[Mishap]
    before: bool


_Kind = TypeVar("_Kind", bound=StrEnum)


class Faults:
    """The knobs of one seat and the dice behind them.

    Each request and each callback throws all its dice, also those whose knob is off, so that turning one knob
    does not change where another strikes.
    """

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._kept: dict[str, Any] | None = None
        self._knobs = Knobs()
        self._throw_dice(self._knobs.seed)

    @property
    def knobs(self) -> Knobs:
        """The knobs as they stand; read from the notebook, where another process may have turned them."""
        kept = self._notebook.get("faults", "knobs")
        if kept is not None and kept != self._kept:
            self._kept = kept
            self._knobs = msgspec.convert(kept["knobs"], Knobs)
            self._throw_dice(self._knobs.seed)
        return self._knobs

    def turn(self, knobs: Knobs) -> None:
        """Set all knobs and throw the dice afresh from their seed, also when they are the same as before."""
        turns = (self._notebook.get("faults", "knobs") or {"turns": 0})["turns"] + 1
        self._notebook.put("faults", "knobs", {"turns": turns, "knobs": msgspec.to_builtins(knobs)})

    def luck(self) -> Luck:
        """Draw what befalls the next request."""
        knobs = self.knobs
        return Luck(_struck(Mishap, knobs, self._request_dice), before=self._request_dice.random() < 0.5)

    def fate(self) -> frozenset[Fate]:
        """Draw what befalls the next callback."""
        knobs = self.knobs
        return _struck(Fate, knobs, self._callback_dice)

    def settlement_seconds(self) -> float:
        """Draw how much later than usual comes what the next order, or its payer's decision, sets in motion."""
        knobs = self.knobs
        late = self._settlement_dice.random() < knobs.late_settlement
        return knobs.late_settlement_seconds if late else 0.0

    def hides(self, order: str, made_at: datetime, now: datetime) -> bool:
        """Tell whether an order is still hidden from who asks for it; once it was seen, it stays."""
        knobs = self.knobs
        unlucky = random.Random(f"hidden {knobs.seed} {order}").random() < knobs.hidden_order
        return unlucky and now - made_at < timedelta(seconds=knobs.hidden_order_seconds)

    async def show(self, request: Request) -> Response:  # noqa: ARG002 - a handler
        return json_response(200, msgspec.to_builtins(self.knobs))

    async def set(self, request: Request) -> Response:
        """Turn the knobs as the body says; 400 with the reason when it is not understood to the last word."""
        try:
            knobs = msgspec.json.decode(request.body, type=Knobs)
        except msgspec.DecodeError as error:
            known = ", ".join(Knobs.__struct_fields__)
            return json_response(400, {"error": "invalid_faults", "detail": str(error), "known": known})
        self.turn(knobs)
        return json_response(200, msgspec.to_builtins(knobs))

    def _throw_dice(self, seed: int) -> None:
        """Make the dice of requests, callbacks and settlements, apart, since these come in no fixed order."""
        self._request_dice = random.Random(f"requests {seed}")
        self._callback_dice = random.Random(f"callbacks {seed}")
        self._settlement_dice = random.Random(f"settlements {seed}")


def _struck(kinds: Iterable[_Kind], knobs: Knobs, dice: random.Random) -> frozenset[_Kind]:
    return frozenset([kind for kind in kinds if dice.random() < getattr(knobs, kind)])
