"""pawaPay's side of the wire, written from its documents: money in and out, callbacks, pages and toolkit.

It shares no code with the adapter; `../fixtures/`, the documented examples, judge both.
"""

import random as randomness

from afriflow.core.clock import Clock
from afriflow.providers.pawapay.simulator.behaviour import BehaviourDial
from afriflow.providers.pawapay.simulator.deposits import Deposits
from afriflow.providers.pawapay.simulator.gate import SERVER_ERROR, Gate
from afriflow.providers.pawapay.simulator.keys import KeyRing
from afriflow.providers.pawapay.simulator.money_out import MoneyOut, Payouts, Refunds
from afriflow.providers.pawapay.simulator.operations import House
from afriflow.providers.pawapay.simulator.pages import Pages
from afriflow.providers.pawapay.simulator.toolkit import Toolkit
from afriflow.providers.pawapay.simulator.wallets import Wallets
from afriflow.simulator.handset import Handset
from afriflow.simulator.http import Query
from afriflow.simulator.seat import Seat, SeatSettings
from afriflow.simulator.words import Words

# pawaPay tries a callback for 15 minutes, at a spacing that it does not publish: these make 900 s.
CALLBACK_PAUSES_SECONDS = (1, 2, 5, 10, 30, 60, 120, 240, 432)

# A status answer wraps what a callback says in `data` (docs.pawapay.io/v2/api-reference/deposits).
WORDS = Words(amounts=(("data", "amount"), ("amount",)), statuses=(("data", "status"), ("status",)))


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
        words=WORDS,
        retry_pauses_seconds=CALLBACK_PAUSES_SECONDS,
    )
    dial = BehaviourDial(seat.notebook)
    keys = KeyRing(seat.notebook, clock, dial)
    wallets = Wallets(seat.notebook)
    gate = Gate(seat, dial, keys)
    house = House(seat, handset, dial, keys, wallets)
    deposits = Deposits(house)
    payouts = Payouts(house)
    refunds = Refunds(house, deposits)
    pages = Pages(house, deposits)
    toolkit = Toolkit(settings, dial)

    # docs.pawapay.io/v2/api-reference
    kinds = {"deposit": deposits, "payout": payouts, "refund": refunds}
    for kind, operations in kinds.items():
        path = f"/v2/{kind}s"
        seat.api("POST", path, gate.guarded(operations.initiate, id_field=f"{kind}Id"))
        asked = Query(operations.made_at, operations.unknown())
        seat.query("GET", f"{path}/{{id}}", gate.guarded(operations.show), asked)
        seat.api("POST", f"{path}/resend-callback/{{id}}", gate.guarded(operations.resend_callback))
        if isinstance(operations, MoneyOut):
            seat.api("POST", f"{path}/fail-enqueued/{{id}}", gate.guarded(operations.fail_enqueued))
        seat.on_start(operations.resume)
    seat.api("POST", "/v2/payouts/bulk", gate.guarded(payouts.initiate_bulk, id_field="payoutId"))
    seat.api("POST", "/v2/paymentpage", gate.guarded(pages.begin_session))
    seat.api("GET", "/v2/wallet-balances", gate.guarded(wallets.balances))
    seat.api("GET", "/v2/active-conf", gate.guarded(toolkit.active_configuration))
    seat.api("GET", "/v2/availability", gate.guarded(toolkit.availability))
    seat.api("POST", "/v2/predict-provider", gate.guarded(toolkit.predict_provider))
    # pawaPay's own example code asks for the keys without a token (pawaPay/signatures-node-example).
    seat.api("GET", "/v2/public-key/http", keys.show)

    seat.page("GET", "/behaviour", dial.show)
    seat.page("PUT", "/behaviour", dial.set)
    seat.on_rotation(keys.rotate)

    seat.page("GET", "/book", wallets.book)
    seat.page("PUT", "/wallets", wallets.fund)

    seat.page("GET", "/wallet/{token}", pages.show_wallet)
    seat.page("POST", "/wallet/{token}", pages.decide_in_wallet)
    seat.page("GET", "/paywith", pages.show_session)
    seat.page("POST", "/paywith", pages.pay_in_session)
    seat.page("GET", "/pawapay.css", pages.style)

    seat.on_decision(handset, deposits.decided)
    return seat
