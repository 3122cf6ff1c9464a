"""pawaPay's side of the wire, written from its documents: deposits, their callbacks, keys and toolkit.

It shares no code with the adapter; `../fixtures/`, the documented examples, judge both.
"""

import random as randomness

from afriflow.core.clock import Clock
from afriflow.providers.pawapay.simulator.behaviour import BehaviourDial
from afriflow.providers.pawapay.simulator.deposits import Deposits
from afriflow.providers.pawapay.simulator.gate import SERVER_ERROR, Gate
from afriflow.providers.pawapay.simulator.keys import KeyRing
from afriflow.providers.pawapay.simulator.toolkit import Toolkit
from afriflow.simulator.handset import Handset
from afriflow.simulator.seat import Seat, SeatSettings

# pawaPay tries a callback for 15 minutes, at a spacing that it does not publish: these make 900 s.
CALLBACK_PAUSES_SECONDS = (1, 2, 5, 10, 30, 60, 120, 240, 432)


def build(settings: SeatSettings, handset: Handset, clock: Clock, random: randomness.Random) -> Seat:
    """Make pawaPay's simulator.

    settings.config: `token`, and `private_key_pem` where the account accepts signed requests only.
    """
    seat = Seat(
        "pawapay",
        settings,
        clock,
        random,
        server_error=SERVER_ERROR,
        retry_pauses_seconds=CALLBACK_PAUSES_SECONDS,
    )
    dial = BehaviourDial(seat.notebook)
    keys = KeyRing(seat.notebook, clock)
    gate = Gate(seat, dial, keys)
    deposits = Deposits(seat, handset, dial, keys)
    toolkit = Toolkit(settings, dial, keys)

    # docs.pawapay.io/v2/api-reference
    seat.api("POST", "/v2/deposits", gate.guarded(deposits.initiate, id_field="depositId"))
    seat.api("GET", "/v2/deposits/{id}", gate.guarded(deposits.show))
    seat.api("POST", "/v2/deposits/resend-callback/{id}", gate.guarded(deposits.resend_callback))
    seat.api("GET", "/v2/active-conf", gate.guarded(toolkit.active_configuration))
    seat.api("GET", "/v2/availability", gate.guarded(toolkit.availability))
    seat.api("POST", "/v2/predict-provider", gate.guarded(toolkit.predict_provider))
    # pawaPay's own example code asks for the keys without a token (pawaPay/signatures-node-example).
    seat.api("GET", "/v2/public-key/http", keys.show)

    seat.page("GET", "/behaviour", dial.show)
    seat.page("PUT", "/behaviour", dial.set)
    seat.page("POST", "/rotate-key", keys.rotate)

    handset.on_decision("pawapay", deposits.decided)
    seat.on_start(deposits.resume)
    return seat
