"""PayDunya: wallets of Senegal, Côte d'Ivoire, Benin, Togo, Burkina Faso and Mali, and cards, in XOF; MTN of Cameroon."""

from afriflow.port.provider import Resend, Spec
from afriflow.providers.paydunya.account import BASE_URLS, PayDunyaConfig, fits, opens
from afriflow.providers.paydunya.adapter import PayDunyaAdapter, identify
from afriflow.providers.paydunya.operators import payout_routes, routes

SPEC = Spec(
    name="paydunya",
    title="PayDunya",
    idempotency="C",
    resend=Resend.BEFORE_REFERENCE,
    missing_is_final_after_seconds=None,  # nothing is documented about an invoice that confirm does not find
    base_urls=BASE_URLS,
    routes=routes(),
    opens=opens,
    fits=fits,
    config_type=PayDunyaConfig,
    adapter=PayDunyaAdapter,
    identify=identify,
    payout_routes=payout_routes(),
    # Only who has the token can send the money: without one nothing was sent, with one there is never another.
    payout_resend=Resend.ALWAYS,
    documentation_url="https://developers.paydunya.com/doc/FR/introduction",
    demo_config={
        "master_key": "demo0000-demo-0000-demo-simulator000",
        "private_key": "test_private_SimulatorOnlyNotARealKey",
        "token": "SimulatorOnlyToken00",
    },
)
