"""pawaPay: mobile money of twenty countries through one contract (docs.pawapay.io, Merchant API v2)."""

from collections.abc import Callable

from afriflow.core.clock import Clock
from afriflow.core.method import MethodType
from afriflow.core.transaction import Mode
from afriflow.port.http import ProviderHttp
from afriflow.port.provider import Account, Memory, PaymentProvider, Resend, Route, SandboxPayer, Spec
from afriflow.providers.pawapay.adapter import PawaPayAdapter
from afriflow.providers.pawapay.config import PawaPayConfig
from afriflow.providers.pawapay.tables import AUTHORIZATIONS, Provider, providers
from afriflow.providers.pawapay.wire import identify

# The guide fails an order that is not found at once, pawaPay's own engineers after 15 minutes: the stricter holds.
MISSING_IS_FINAL_AFTER_SECONDS = 900

_adapter: Callable[[Account, ProviderHttp, Clock, Memory], PaymentProvider] = PawaPayAdapter


def _route(provider: Provider, decimals: int) -> Route:
    return Route(
        country=provider.country,
        method=MethodType.MOBILE_MONEY,
        currency=provider.currency,
        authorization=AUTHORIZATIONS[provider.auth_type],
        operator=provider.operator,
        decimals=decimals,
    )


SPEC = Spec(
    name="pawapay",
    title="pawaPay",
    idempotency="A",
    resend=Resend.ALWAYS,
    missing_is_final_after_seconds=MISSING_IS_FINAL_AFTER_SECONDS,
    base_urls={Mode.TEST: "https://api.sandbox.pawapay.io", Mode.LIVE: "https://api.pawapay.io"},
    routes=tuple(_route(provider, provider.decimals) for provider in providers()),
    payout_routes=tuple(_route(provider, provider.payout_decimals) for provider in providers()),
    payout_resend=Resend.ALWAYS,
    config_type=PawaPayConfig,
    adapter=_adapter,
    identify=identify,
    documentation_url="https://docs.pawapay.io/v2/docs",
    demo_config={"token": "test_pawapay_token_for_the_simulator"},
    # docs.pawapay.io/v2/docs/test_numbers
    sandbox_payers=(
        SandboxPayer("orange_sn", "XOF", "221773456789", pays=True),
        SandboxPayer("orange_sn", "XOF", "221773456049", pays=False),
    ),
)
