"""Every provider that tells what an account holds tells it exactly, and says nothing to a wrong key."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

from afriflow.conformance.credentials import account_in
from afriflow.core.clock import SystemClock
from afriflow.core.money import EXPONENTS
from afriflow.core.operator import countries
from afriflow.core.transaction import Mode
from afriflow.port.balances import Balances
from afriflow.port.factory import PaymentFactory, secret_fields, specs
from afriflow.port.reach import ANYWHERE, Lines, open_session
from afriflow.simulator.seat import simulated_providers
from afriflow.simulator.serve import standing_alone


def account_of(provider: str, base_url: str, **changed: str) -> Any:
    spec = specs()[provider]
    values = {**spec.demo_config, "base_url": base_url + urlsplit(spec.base_urls[Mode.TEST]).path, **changed}
    environ = {f"AFRIFLOW_LIVE_{provider}_{name}".upper(): value for name, value in values.items()}
    return account_in(environ, spec, "http://127.0.0.1")


@pytest.mark.parametrize("provider", simulated_providers())
async def test_balances_are_exact_and_shown_to_nobody_else(provider: str) -> None:
    spec, callback_url = specs()[provider], f"http://127.0.0.1/api/webhooks/{provider}"
    async with (
        standing_alone(provider, spec.demo_config, callback_url=callback_url) as base_url,
        open_session(connections_max=4, reach=ANYWHERE) as session,
    ):
        factory = PaymentFactory(Lines(session, session), SystemClock(), timeout_seconds=5)
        adapter = factory.open(account_of(provider, base_url)).adapter
        if not isinstance(adapter, Balances):
            pytest.skip("this provider does not tell")
        told = await adapter.balances()
        assert told
        for item in told:
            assert item.country in countries()
            assert item.currency in EXPONENTS
            assert isinstance(item.amount, Decimal)
        assert len({(item.country, item.currency, item.wallet) for item in told}) == len(told)
        name = min(secret_fields(spec.config_type) & set(spec.demo_config))
        wrong = account_of(provider, base_url, **{name: spec.demo_config[name] + "x"})
        stranger: Any = factory.open(wrong).adapter
        assert await stranger.balances() is None
