"""Where PayDunya's documents leave a choice, or integrators saw more than one behaviour: which one is played."""

from typing import Annotated, Literal

import msgspec

from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.notebook import Notebook


class Switches(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All off is the default; Moov waits the documented 30 s.

    notification: the encoding of the IPN; "form" is the documented one, the others were seen by integrators.
    sandbox_has_no_softpay: SoftPay is an HTML 404 page under the sandbox's base, as integrators found it.
    confirm_by_post: whether confirm answers a POST too, which the official Python client sends from one object.
    payer_bears_fees: SoftPay and confirm name fees of 100 that the payer pays on top. held_seconds: how long Moov of
    Côte d'Ivoire waits for the payer. disburse_not_enabled: payouts answer 401, as for an application without them.
    disburse_wants_live_keys: payouts refuse test keys, as PayDunya itself does; off, so that they can be tried at all.
    status_hides_id: check-status repeats no disburse_id, which the documents call optional.
    """

    notification: Literal["form", "json_in_form", "json_twice", "query_in_form", "json", "json_flat"] = "form"
    sandbox_has_no_softpay: bool = False
    confirm_by_post: bool = False
    payer_bears_fees: bool = False
    held_seconds: Annotated[float, msgspec.Meta(ge=0, le=60)] = 30
    disburse_not_enabled: bool = False
    disburse_wants_live_keys: bool = False
    status_hides_id: bool = False


class Switchboard:
    """The switches of one seat; they stay as they are when it starts again."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    @property
    def now(self) -> Switches:
        return msgspec.convert(self._notebook.get("switches", "all") or {}, Switches)

    async def show(self, _request: Request) -> Response:
        return json_response(200, msgspec.to_builtins(self.now))

    async def set(self, request: Request) -> Response:
        """Set all switches; what is left out is off."""
        try:
            switches = msgspec.json.decode(request.body, type=Switches)
        except msgspec.DecodeError as error:
            known = ", ".join(Switches.__struct_fields__)
            return json_response(400, {"error": "invalid_switches", "detail": str(error), "known": known})
        self._notebook.put("switches", "all", msgspec.to_builtins(switches))
        return json_response(200, msgspec.to_builtins(switches))
