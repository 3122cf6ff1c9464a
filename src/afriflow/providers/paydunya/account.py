"""What a PayDunya account needs to work, and where PayDunya answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from afriflow.core.transaction import Mode
from afriflow.port.provider import Route, Secret
from afriflow.providers.paydunya.operators import Wallet, wallets

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
    closed_operators: our ids, separated by commas, of operators that PayDunya has not opened for this account, or
    that it does not carry as it is thought here (Celtiis stands in no document). page_operators: those that are paid
    on PayDunya's page though SoftPay could charge them (integrators contradict the documented fields of Wizall).
    """

    master_key: Secret
    private_key: Secret
    token: Secret
    softpay_base_url: str | None = None
    payer_email: str = ""
    expire_after_hours: int = 24
    disburse_base_url: str | None = None
    mtn_cm: bool = False
    closed_operators: str = ""
    page_operators: str = ""

    def __post_init__(self) -> None:
        for name in ("closed_operators", "page_operators"):
            unknown = sorted(_ids(getattr(self, name)) - wallets().keys())
            if unknown:
                raise ValueError(f"{name}: {', '.join(unknown)}: expected some of {', '.join(wallets())}")
        without_page = sorted(id_ for id_ in self.on_page if wallets()[id_].channel is None)
        if without_page:
            raise ValueError(f"page_operators: no page is known for {', '.join(without_page)}")

    @property
    def on_page(self) -> frozenset[str]:
        """The operators that take PayDunya's page."""
        return _ids(self.page_operators)

    def opens(self, wallet: Wallet) -> bool:
        """Whether the account carries a wallet: it needs no switch, or has it on, and is not closed here."""
        switched_on = wallet.switch is None or bool(getattr(self, wallet.switch))
        return switched_on and wallet.operator not in _ids(self.closed_operators)


def opens(config: PayDunyaConfig, route: Route) -> bool:
    """Whether an account carries a route, in or out; cards need no setting."""
    return route.operator is None or config.opens(wallets()[route.operator])


def _ids(text: str) -> frozenset[str]:
    return frozenset(word for part in text.split(",") if (word := part.strip()))
