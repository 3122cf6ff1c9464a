"""What goes wrong between a provider and us, drawn from one seed: the same seed breaks the same requests.

A provider's simulator works faultlessly until somebody turns a knob: `PUT {seat}/faults` with the knobs as JSON
sets all of them (what is left out is off), `{}` makes it whole again, `GET {seat}/faults` reads them.
"""

import random
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.notebook import Notebook

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
# A callback that is later than an hour is not late but lost; tests of days turn the clock instead.
DELAY_SECONDS_MAX = 3600


class Knobs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often each thing goes wrong, 0 = never, 1 = always.

    lose_answer: the request is processed, and the connection dies under the answer.
    error_500: HTTP 500 in the provider's words; in half of the cases the request was processed before.
    refuse_connection: the connection dies before anything is processed.
    lose_callback, duplicate_callback: a callback is never sent, or twice. delay_callback_seconds: all come so late.
    callback_before_answer: what an order sets in motion is over, callback included, before the order is answered.
    """

    seed: int = 1
    lose_answer: Probability = 0.0
    error_500: Probability = 0.0
    refuse_connection: Probability = 0.0
    lose_callback: Probability = 0.0
    duplicate_callback: Probability = 0.0
    delay_callback_seconds: Annotated[float, msgspec.Meta(ge=0, le=DELAY_SECONDS_MAX)] = 0.0
    callback_before_answer: Probability = 0.0


@dataclass(frozen=True, slots=True)
class Mishap:
    """What befalls one request. error_500_before, _after: in place of processing, or of its answer."""

    refuse_connection: bool
    error_500_before: bool
    error_500_after: bool
    lose_answer: bool
    callback_before_answer: bool


@dataclass(frozen=True, slots=True)
class Fate:
    """What befalls one callback."""

    lost: bool
    duplicated: bool
    delay_seconds: float


class Faults:
    """The knobs of one seat and the dice behind them.

    Each request and each callback throws all its dice, also those whose knob is off, so that turning one knob
    does not change where another strikes.
    """

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._kept: dict[str, Any] | None = None
        self._knobs = Knobs()
        self._request_dice, self._callback_dice = _dice(self._knobs.seed)

    @property
    def knobs(self) -> Knobs:
        """The knobs as they stand; read from the notebook, where another process may have turned them."""
        kept = self._notebook.get("faults", "knobs")
        if kept is not None and kept != self._kept:
            self._kept = kept
            self._knobs = msgspec.convert(kept["knobs"], Knobs)
            self._request_dice, self._callback_dice = _dice(self._knobs.seed)
        return self._knobs

    def turn(self, knobs: Knobs) -> None:
        """Set all knobs and throw the dice afresh from their seed, also when they are the same as before."""
        turns = (self._notebook.get("faults", "knobs") or {"turns": 0})["turns"] + 1
        self._notebook.put("faults", "knobs", {"turns": turns, "knobs": msgspec.to_builtins(knobs)})

    def mishap(self) -> Mishap:
        """Draw what befalls the next request."""
        knobs = self.knobs
        refuse, error, half, lose, early = (self._request_dice.random() for _ in range(5))
        strikes = error < knobs.error_500
        return Mishap(
            refuse_connection=refuse < knobs.refuse_connection,
            error_500_before=strikes and half < 0.5,
            error_500_after=strikes and half >= 0.5,
            lose_answer=lose < knobs.lose_answer,
            callback_before_answer=early < knobs.callback_before_answer,
        )

    def fate(self) -> Fate:
        """Draw what befalls the next callback."""
        knobs = self.knobs
        lose, double = (self._callback_dice.random() for _ in range(2))
        return Fate(
            lose < knobs.lose_callback, double < knobs.duplicate_callback, knobs.delay_callback_seconds
        )

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


def _dice(seed: int) -> tuple[random.Random, random.Random]:
    """Make the dice of requests and of callbacks, apart, since the two come in no fixed order."""
    return random.Random(f"requests {seed}"), random.Random(f"callbacks {seed}")
