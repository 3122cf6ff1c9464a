"""What a PayDunya account needs to work, and where PayDunya answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from afriflow.core.transaction import Mode
from afriflow.port.provider import Secret

# https://developers.paydunya.com/doc/FR/softpay ("Endpoints API LIVE", "SANDBOX INVOICE TOKEN"), read 2026-10.
BASE_URLS: Mapping[Mode, str] = {
    Mode.TEST: "https://app.paydunya.com/sandbox-api/v1",
    Mode.LIVE: "https://app.paydunya.com/api/v1",
}

# How the private key of each mode begins (the same page, in its examples). The master key serves both modes.
PRIVATE_KEY_PREFIXES: Mapping[Mode, str] = {Mode.TEST: "test_", Mode.LIVE: "live_"}

# PayDunya's payouts have no sandbox (https://developers.paydunya.com/doc/EN/api_deboursement, read 2026-10).
LIVE_ONLY_HOSTS = frozenset({"app.paydunya.com", "paydunya.com"})


@dataclass(frozen=True, slots=True)
class PayDunyaConfig:
    """The keys of one application in PayDunya's dashboard, and what its API leaves open.

    softpay_base_url: where SoftPay answers, when it is not where invoices do. PayDunya's own sandbox has none
    (integrators get an HTML 404 page there, 2026-08 and 2026-09), so there everything goes through the hosted page
    unless this is set. payer_email: sent to SoftPay where the payer left no address; integrators send it empty.
    expire_after_hours: when PayDunya cancels an unpaid invoice by itself; 24 is what integrators see, not documented.
    disburse_base_url: where payouts answer, when it is not `/api/v2` beside the account's base. mtn_cm: whether MTN
    Cameroon is used; its answer names XAF, and in which currency an invoice is then meant is documented nowhere.
    """

    master_key: Secret
    private_key: Secret
    token: Secret
    softpay_base_url: str | None = None
    payer_email: str = ""
    expire_after_hours: int = 24
    disburse_base_url: str | None = None
    mtn_cm: bool = False
