"""A provider that holds our id for something else: a person is called, nothing is paid, failed or sent again."""

from typing import Any

from afriflow.port.factory import specs


async def test_an_id_that_the_provider_holds_for_another_amount_needs_a_person(
    fleet: Any, session: Any, people: Any
) -> None:
    fleet.start("api", "serve")
    await fleet.answers(session)
    seat = f"{fleet.others_url}/simulators/pawapay"
    merchant, _ = people(
        session, fleet.url, fleet.ready.merchant.api_key, f"{fleet.others_url}/simulators/phone"
    )
    async with session.put(f"{seat}/faults", json={"refuse_connection": 1.0}) as response:
        assert response.status == 200
    made = await merchant.pay("mtn_zm", "+260763456129", "ZM", amount=1500, currency="ZMW")
    assert [attempt["status"] for attempt in made["attempts"]] == ["unknown"]
    async with session.put(f"{seat}/faults", json={}) as response:
        assert response.status == 200
    account = {"phoneNumber": "260763456129", "provider": "MTN_MOMO_ZMB"}
    another = {
        "depositId": made["attempts"][0]["reference"],
        "amount": "99",
        "currency": "ZMW",
        "payer": {"type": "MMO", "accountDetails": account},
    }
    token = {"authorization": f"Bearer {specs()['pawapay'].demo_config['token']}"}
    async with session.post(f"{seat}/v2/deposits", json=another, headers=token) as response:
        assert (await response.json())["status"] == "ACCEPTED"
    for _ in range(2):
        _, seen = await merchant.call("POST", f"/api/transactions/{made['id']}/verify")
        assert (seen["status"], seen["needs_review"]) == ("processing", True)
        assert [attempt["status"] for attempt in seen["attempts"]] == ["unknown"]
    _, shown = await merchant.call("GET", f"/api/events?transaction={made['id']}")
    kinds = [event["type"] for event in shown["data"]]
    assert kinds.count("transaction.needs_review") == 1
