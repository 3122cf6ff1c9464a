"""What a provider tells of an account while it runs decides who is asked: limits, closed operators, outages."""

from typing import Any

import pytest

from afriflow.core.method import MethodType, PaymentMethod
from afriflow.core.money import Money
from afriflow.routing.choose import Decision, Wish
from afriflow.web.api_providers import shown_accounts


@pytest.fixture
async def behave(fleet: Any, session: Any) -> Any:
    """Turns pawaPay's simulator and looks again, as the schedule does."""

    async def put(**behaviour: Any) -> None:
        url = f"{fleet.others_url}/simulators/pawapay/behaviour"
        async with session.put(url, json=behaviour) as response:
            assert response.status == 200, await response.text()
        # Adapters keep a configuration for some minutes; another process, or a later time, asks anew.
        fleet.house.factory._memories.clear()
        await fleet.house.refresher.refresh()

    return put


async def decide(fleet: Any, amount: int = 5000) -> Decision:
    method = PaymentMethod(MethodType.MOBILE_MONEY, "SN", "orange_sn")
    return await fleet.house.router.consider(fleet.ready.caller, Wish(Money(amount, "XOF"), method))


async def test_an_operator_that_its_provider_calls_closed_is_left_out_until_it_is_open_again(
    fleet: Any, behave: Any
) -> None:
    await behave()
    assert (await decide(fleet)).stored()["chosen"] == "pawapay"
    await behave(closed_providers=["ORANGE_SEN"])
    decision = (await decide(fleet)).stored()
    assert decision["chosen"] == "paydunya"
    assert {item["code"] for item in decision["considered"] if item["provider"] == "pawapay"} == {"closed"}
    await behave()
    assert (await decide(fleet)).stored()["chosen"] == "pawapay"


async def test_a_provider_that_cannot_be_asked_keeps_what_it_told_last(
    fleet: Any, behave: Any, session: Any
) -> None:
    await behave(closed_providers=["ORANGE_SEN"])
    async with session.put(
        f"{fleet.others_url}/simulators/pawapay/faults", json={"refuse_connection": 1.0}
    ) as response:
        assert response.status == 200
    fleet.house.factory._memories.clear()
    await fleet.house.refresher.refresh()
    assert (await decide(fleet)).stored()["chosen"] == "paydunya"


async def test_what_an_account_carries_is_shown_as_its_provider_tells_it(fleet: Any, behave: Any) -> None:
    await behave(closed_providers=["FREE_SEN"])
    shown = {item.provider: item for item in await shown_accounts(fleet.house, fleet.ready.caller)}
    pawapay, paydunya = shown["pawapay"], shown["paydunya"]
    carried = {route.operator: route for route in pawapay.routes if route.country == "SN"}
    assert set(carried) == {"orange_sn", "wave_sn"}, "what is closed is not carried"
    assert carried["orange_sn"].maximum_minor is not None
    assert {route.operator for route in pawapay.payout_routes} >= {"orange_sn", "wave_sn", "mtn_zm"}
    assert (pawapay.refunds, paydunya.refunds) == (True, False)
