"""How this pawaPay behaves where its documents leave room: one set of values, turned at `PUT {seat}/behaviour`."""

from typing import Annotated, Literal

import msgspec

from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.notebook import Notebook

Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]


class Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be turned; what is left out of a PUT goes back to its default.

    settle_after_seconds: from acceptance to the end of a magic number; the sandbox "finishes in seconds".
    prompt_expires_after_seconds: how long a PIN prompt waits; operators give about two minutes.
    wrong_token_http: docs/failure_codes says 403, the OpenAPI 401. signed_callbacks: the dashboard's switch.
    client_reference_in_callbacks: sources contradict each other. closed_providers: "CLOSED" in availability.
    delayed_providers: "DELAYED": payouts and refunds wait as ENQUEUED until the provider is taken off the list.
    not_allowed: providers that are not enabled on the account. authorization_url_after_seconds: how long a wallet
    takes to give the address of its page. money_out_ends: what becomes of payouts and refunds to numbers without
    magic: COMPLETED, STUCK or a failure code. payment_page_seconds: how long a payment page can be used.
    reference_shapes: active-conf and availability as the API reference prints them, not as the guides do.
    signing_algorithm, signature_encoding: of all that pawaPay signs; ECDSA in DER was seen live, the rest is documented.
    signed_answers: "asked" signs what a request with Accept-Signature is answered, "never" ignores it, "falsely" signs
    something else.
    benin_short_numbers: predict-provider writes Benin's numbers without the 01 of 2024; which one it does is not known.
    public_keys_shown: False answers for the keys with a server error.
    words: puts another word in the place of a status or failure code, to see what we make of unknown ones.
    """

    settle_after_seconds: Seconds = 1.0
    prompt_expires_after_seconds: Seconds = 120.0
    wrong_token_http: Literal[401, 403] = 401
    signed_callbacks: bool = True
    signed_answers: Literal["asked", "never", "falsely"] = "asked"
    signing_algorithm: Literal[
        "ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-v1_5-sha256", "rsa-pss-sha512"
    ] = "ecdsa-p256-sha256"
    signature_encoding: Literal["der", "raw"] = "der"
    client_reference_in_callbacks: bool = False
    closed_providers: tuple[str, ...] = ()
    delayed_providers: tuple[str, ...] = ()
    not_allowed: tuple[str, ...] = ()
    authorization_url_after_seconds: Seconds = 0.2
    money_out_ends: str = "COMPLETED"
    payment_page_seconds: Seconds = 900.0
    reference_shapes: bool = False
    benin_short_numbers: bool = False
    public_keys_shown: bool = True
    words: dict[str, str] = {}


class BehaviourDial:
    """The values as they stand, kept where every process of the simulator reads them."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    @property
    def now(self) -> Behaviour:
        return msgspec.convert(self._notebook.get("behaviour", "now") or {}, Behaviour)

    async def show(self, request: Request) -> Response:  # noqa: ARG002 - a handler
        return json_response(200, msgspec.to_builtins(self.now))

    async def set(self, request: Request) -> Response:
        try:
            behaviour = msgspec.json.decode(request.body, type=Behaviour)
        except msgspec.DecodeError as error:
            return json_response(400, {"error": "invalid_behaviour", "detail": str(error)})
        self._notebook.put("behaviour", "now", msgspec.to_builtins(behaviour))
        return json_response(200, msgspec.to_builtins(behaviour))
