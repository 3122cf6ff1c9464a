"""PayDunya's side, from its documents: invoices, SoftPay, the hosted page, payouts and the notifications."""

import random as randomness
from functools import partial

from afriflow.core.clock import Clock
from afriflow.providers.paydunya.simulator.api import NO_TRANSACTION, Api
from afriflow.providers.paydunya.simulator.charges import in_sandbox, paths, second_step
from afriflow.providers.paydunya.simulator.disburse import Disburse
from afriflow.providers.paydunya.simulator.invoices import Invoices
from afriflow.providers.paydunya.simulator.legacy import Legacy
from afriflow.providers.paydunya.simulator.magic import ENDINGS
from afriflow.providers.paydunya.simulator.payouts import Payouts
from afriflow.providers.paydunya.simulator.softpay import SoftPay
from afriflow.providers.paydunya.simulator.switches import Switchboard
from afriflow.providers.paydunya.simulator.till import Till
from afriflow.simulator.handset import Handset
from afriflow.simulator.http import Query, Response
from afriflow.simulator.seat import Seat, SeatSettings
from afriflow.simulator.words import Words

__all__ = ["ENDINGS", "build"]

# The paths of the two modes, as documented under https://app.paydunya.com.
MODES = {"/sandbox-api/v1": "test", "/api/v1": "live"}
PAYOUTS = "/api/v2/disburse"
# How often a refused notification comes again is documented nowhere; one integrator's notes speak of three times.
RETRY_PAUSES_SECONDS = (2, 10, 30)

_BROKEN = Response(
    500, b"<html><h1>Whoops, looks like something went wrong.</h1></html>", "text/html; charset=utf-8"
)

# The two amounts of an invoice's live answers, then the flat one of payouts.
_WORDS = Words(
    amounts=(("invoice", "total_amount"), ("invoice", "total_amount_without_fees"), ("amount",)),
    statuses=(("status",),),
)


def build(settings: SeatSettings, handset: Handset, clock: Clock, random: randomness.Random) -> Seat:
    """Make the seat. Its account's base URL is `{public_url}/sandbox-api/v1`, as the real one's path."""
    seat = Seat(
        "paydunya",
        settings,
        clock,
        random,
        server_error=_BROKEN,
        words=_WORDS,
        retry_pauses_seconds=RETRY_PAUSES_SECONDS,
    )
    switches = Switchboard(seat.notebook)
    invoices = Invoices(seat, switches)
    api = Api(settings, invoices, switches)
    softpay = SoftPay(settings, invoices, handset, switches)
    till = Till(settings, invoices, handset)
    legacy = Legacy(seat, invoices, handset)
    disburse = Disburse(seat, Payouts(seat, invoices, switches), switches)
    for base, mode in MODES.items():
        seat.api("POST", f"{base}/checkout-invoice/create", partial(api.create, mode=mode))
        confirm = f"{base}/checkout-invoice/confirm/{{token}}"
        seat.query("GET", confirm, partial(api.confirm, mode=mode), Query(invoices.made_at, NO_TRANSACTION))
        seat.api("POST", confirm, partial(api.confirm_by_post, mode=mode))
        if mode == "test":
            seat.api(
                "POST", f"{base}/softpay/{in_sandbox()['path']}", partial(softpay.pay_as_customer, mode=mode)
            )
        for path in paths():
            seat.api("POST", f"{base}/softpay/{path}", partial(softpay.charge, mode=mode, path=path))
        seat.api("POST", f"{base}/softpay/{second_step()['path']}", partial(softpay.confirm_code, mode=mode))
        seat.api("POST", f"{base}/direct-pay/credit-account", partial(legacy.credit_account, mode=mode))
        seat.api("POST", f"{base}/opr/create", partial(legacy.create, mode=mode))
        seat.api("POST", f"{base}/opr/charge", partial(legacy.charge, mode=mode))
    _add_payouts(seat, disburse)
    for page in ("/checkout/invoice/{token}", "/sandbox-checkout/invoice/{token}", "/wallet/{path}/{token}"):
        seat.page("GET", page, till.show)
        seat.page("POST", page, till.decide)
    seat.page("GET", "/", till.overview)
    seat.page("GET", "/paydunya.css", till.style)
    seat.page("GET", "/switches", switches.show)
    seat.page("PUT", "/switches", switches.set)
    seat.on_decision(handset, softpay.decided)
    seat.on_start(invoices.resume)
    seat.on_start(disburse.resume)
    return seat


def _add_payouts(seat: Seat, disburse: Disburse) -> None:
    """Add payouts, which have one address for both modes: PayDunya's own have no sandbox."""
    seat.api("POST", f"{PAYOUTS}/get-invoice", disburse.get_invoice)
    seat.api("POST", f"{PAYOUTS}/submit-invoice", disburse.submit)
    asked = Query(disburse.made_at, NO_TRANSACTION)
    seat.query("POST", f"{PAYOUTS}/check-status", disburse.status, asked)
    seat.api("GET", f"{PAYOUTS}/check-balance", disburse.balance)
    seat.api("GET", f"{PAYOUTS}/check-balance/{{account}}", disburse.balance)
    seat.page("GET", "/balances", disburse.show_balances)
    seat.page("PUT", "/balances", disburse.set_balances)
