"""Routing rules on the dashboard: drafted, tried on an example and on last week's payments, put in force, taken back."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from desk import Desk, Visitor

from afriflow.core.method import MethodType, PaymentMethod
from afriflow.core.money import Money
from afriflow.core.permission import Role
from afriflow.core.transaction import Mode
from afriflow.merchants.api_keys import make_key
from afriflow.merchants.keys import Caller
from afriflow.routing.choose import Wish
from afriflow.routing.route import rules_of
from afriflow.routing.rules import Rule, Rules, When

ROUTING = "/dashboard/routing"
NEW = f"{ROUTING}/draft/rules/new"


class Shop:
    """A merchant with an account at each provider, and somebody who is signed in."""

    def __init__(self, desk: Desk, visitor: Visitor, merchant_id: str) -> None:
        self.desk, self.visitor, self.id = desk, visitor, merchant_id
        self.caller = Caller(merchant_id, "Boutique", Mode.TEST, "SN", "en", visitor.email)
        self.accounts = {name: f"{name}_{merchant_id[-8:].lower()}" for name in ("pawapay", "paydunya")}

    async def open_accounts(self) -> None:
        configs = {
            "pawapay": {"token": "a token"},
            "paydunya": {"master_key": "m", "private_key": "test_private_1", "token": "t"},
        }
        async with self.desk.house.database.transaction() as connection:
            for priority, (name, config) in enumerate(configs.items(), 1):
                await self.desk.house.accounts.open_account(
                    connection, merchant_id=self.id, account_id=self.accounts[name], mode=Mode.TEST,
                    provider=name, config=config, priority=priority,
                )  # fmt: skip

    async def in_force(self) -> Rules:
        async with self.desk.house.database.connection() as connection:
            return await rules_of(connection, self.caller)

    def revision(self) -> str:
        [found, *_] = re.findall(r'name="revision" value="(\d+)"', self.visitor.page)
        return found

    async def draft(self, *rules: dict[str, str]) -> None:
        """Begin a draft and add rules to it, as people do."""
        await self.visitor.get(ROUTING)
        await self.visitor.post(f"{ROUTING}/draft")
        for rule in rules:
            await self.visitor.get(NEW)
            answer = await self.visitor.post(NEW, revision=self.revision(), **rule)
            assert answer.status == 303, answer.words
        await self.visitor.get(ROUTING)

    async def publish(self) -> Any:
        [seen] = re.findall(r'name="seen" value="(\w+)"', self.visitor.page)
        return await self.visitor.post(f"{ROUTING}/publish", revision=self.revision(), seen=seen)

    async def paid(self, at: datetime, operator: str, amount: int, **fact: Any) -> str:
        """Write a payment down as it was decided under the rules in force; fact: what was recorded otherwise."""
        house, method = self.desk.house, PaymentMethod(MethodType.MOBILE_MONEY, "SN", operator)
        decision = (await house.router.consider(self.caller, Wish(Money(amount, "XOF"), method))).stored()
        decision["considered"] = [
            {**item, **fact.get(item["provider"], {})} for item in decision["considered"]
        ]
        transaction_id, method_id = house.ids.new("txn"), house.ids.new("pm")
        await self.desk.rows.execute(
            "INSERT INTO payment_methods (merchant_id, id, mode, type, country, operator, msisdn_index)"
            " VALUES ($1, $2, 'test', 'mobile_money', 'SN', $3, $4)",
            self.id, method_id, operator, method_id.encode(),
        )  # fmt: skip
        await self.desk.rows.execute(
            "INSERT INTO transactions (merchant_id, id, mode, status, amount_minor, currency, country, reference,"
            " customer, payment_method_id, payer_chooses, language, metadata, routing, idempotency_key, token,"
            " created_at, expires_at) VALUES ($1, $2, 'test', 'processing', $3, 'XOF', 'SN', $2, '{}', $4, false,"
            " 'en', '{}', $5, $2, $2, $6, $6)",
            self.id, transaction_id, amount, method_id, json.dumps(decision), at,
        )  # fmt: skip
        return transaction_id


@pytest.fixture
async def shop(desk: Desk) -> Shop:
    merchant_id = await desk.merchant()
    made = Shop(desk, await desk.come_in(merchant_id=merchant_id), merchant_id)
    await made.open_accounts()
    return made


async def test_a_rule_is_drafted_tried_and_put_in_force(shop: Shop) -> None:
    await shop.draft(
        {"country": "SN", "operator": "orange_sn", "amount_max": "10 000 F CFA", "prefer": "paydunya"}
    )
    page = shop.visitor.page
    assert "up to F CFA 10,000" in page
    assert "First PayDunya (all its accounts)." in page
    assert await shop.in_force() == Rules()  # a draft moves nothing

    tried = (await shop.visitor.get(f"{ROUTING}?means=SN/orange_sn&amount=5000")).words
    before, after = re.findall(r"Would go to <strong>(\w+)</strong>", tried)
    assert (before, after) == ("pawaPay", "PayDunya")
    assert "No rule fits." in tried
    assert "Rule 1 decides." in tried
    above = (await shop.visitor.get(f"{ROUTING}?means=SN/orange_sn&amount=10001")).words
    assert re.findall(r"Would go to <strong>(\w+)</strong>", above) == ["pawaPay", "pawaPay"]

    assert (await shop.publish()).location == f"{ROUTING}?done=rules"
    when = When(country="SN", operator="orange_sn", amount_max=10_000)
    assert await shop.in_force() == Rules((Rule(when, prefer=("paydunya",)),))
    [entry] = await shop.desk.rows.fetch(
        "SELECT who, details FROM audit_log WHERE merchant_id = $1 AND action = 'routing.changed'",
        shop.id,
    )
    assert entry["who"] == shop.visitor.email
    details = json.loads(entry["details"])
    assert (details["mode"], details["before"]) == ("test", [])
    kept = {"country": "SN", "operator": "orange_sn", "amount_max": 10_000}
    assert details["after"] == [{"when": kept, "prefer": ["paydunya"]}]
    assert "draft" not in re.findall(r'id="(\w+)"', (await shop.visitor.get(ROUTING)).text)


@pytest.mark.parametrize(
    ("entered", "field", "sentence"),
    [
        ({"country": "SN", "operator": "mtn_bj"}, "operator", "mtn_bj is not an operator of SN"),
        ({"country": "XX"}, "country", "XX is not a country we know"),
        ({"country": "SN", "currency": "GHS"}, "currency", "SN is not paid in GHS"),
        ({"amount_min": "5000"}, "amount_min", "Choose the currency of this amount as well."),
        ({"country": "SN", "amount_min": "much"}, "amount_min", "This is not an amount in XOF."),
        ({"country": "SN", "amount_min": "9", "amount_max": "8"}, "amount_max", "The maximum is below"),
        ({"method": "card", "operator": "orange_sn"}, "operator", "A card has no operator or phone"),
    ],
)
async def test_what_no_payment_could_fit_is_said_beside_its_field_and_kept(
    shop: Shop, entered: dict[str, str], field: str, sentence: str
) -> None:
    await shop.draft()
    await shop.visitor.get(NEW)
    answer = await shop.visitor.post(NEW, revision=shop.revision(), prefer="paydunya", **entered)
    assert answer.status == 422
    assert sentence in re.sub(r"\s+", " ", answer.words)
    assert f'id="wrong-{field}"' in answer.text
    for value in entered.values():
        assert re.search(
            rf'value="{value}"|<option[^>]* selected>{value}|value="{value}" selected', answer.text
        )
    assert re.search(r'value="paydunya" selected', answer.text)
    assert "The draft holds no rule" in (await shop.visitor.get(ROUTING)).words


async def test_a_rule_that_names_nobody_is_refused_by_the_page_and_the_api_alike(shop: Shop) -> None:
    await shop.draft()
    await shop.visitor.get(NEW)
    answer = await shop.visitor.post(NEW, revision=shop.revision(), prefer="acc_gone")
    assert answer.status == 422
    assert "acc_gone is neither a provider nor one of your accounts." in answer.words
    faults = await api_faults(shop, [{"prefer": ["acc_gone"]}, {"when": {"amount_min": 2, "amount_max": 1}}])
    assert faults == [
        ("/rules/0/prefer/0", "unknown_account"),
        ("/rules/1/when/amount_max", "amounts_crossed"),
    ]
    mine = shop.accounts["pawapay"]
    assert await api_faults(shop, [{"prefer": [mine], "exclude": [mine]}]) == [
        ("/rules/0/exclude/0", "named_twice")
    ]
    assert await shop.in_force() == Rules()


async def test_rules_are_moved_changed_and_removed(shop: Shop) -> None:
    await shop.draft(
        {"country": "SN", "prefer": "paydunya"}, {"country": "CI", "exclude": "paydunya"}, {"country": "SN"}
    )
    assert "Never reached: rule 1 already fits" in shop.visitor.page
    step = f"{ROUTING}/draft/step"
    old = shop.revision()
    await shop.visitor.post(step, revision=old, rule="2", step="up")
    again = await shop.visitor.post(step, revision=old, rule="2", step="remove")  # a click that comes twice
    assert again.location == f"{ROUTING}?refused=rules_changed"
    await shop.visitor.get(ROUTING)
    await shop.visitor.post(step, revision=shop.revision(), rule="3", step="remove")
    shown = (await shop.visitor.get(f"{ROUTING}/draft/rules/1")).text
    assert re.search(r'<option value="CI" selected>', shown)
    assert re.search(r'name="exclude" value="paydunya" checked', shown)
    revision = shop.revision()
    path = f"{ROUTING}/draft/rules/1"
    await shop.visitor.post(path, revision=revision, country="CI", method="card", exclude="pawapay")
    assert (await shop.visitor.post(path, revision=revision, country="BJ")).status == 409
    assert '<option value="BJ" selected>' in shop.visitor.page  # what was entered is kept
    await shop.visitor.get(ROUTING)
    await shop.publish()
    assert await shop.in_force() == Rules(
        (
            Rule(When(country="CI", method="card"), exclude=("pawapay",)),
            Rule(When(country="SN"), prefer=("paydunya",)),
        )
    )


async def test_rules_that_were_changed_meanwhile_are_not_overwritten_unseen(shop: Shop) -> None:
    await shop.draft({"country": "SN", "prefer": "paydunya"})
    other = Rules((Rule(When(country="BJ"), exclude=("pawapay",)),))
    async with shop.desk.house.database.transaction() as connection:
        await shop.desk.house.router.put_rules(connection, shop.caller, other)
    assert (await shop.publish()).location == f"{ROUTING}?refused=rules_changed"
    assert await shop.in_force() == other
    await shop.visitor.get(ROUTING)
    assert (await shop.publish()).location == f"{ROUTING}?done=rules"


async def test_earlier_rules_are_listed_and_come_back_as_a_draft(shop: Shop) -> None:
    await shop.draft({"country": "SN", "prefer": "paydunya"})
    await shop.publish()
    first = await shop.in_force()
    await shop.draft({"country": "BJ", "exclude": "pawapay"})
    await shop.publish()
    assert len((await shop.in_force()).rules) == 2
    page = (await shop.visitor.get(ROUTING)).text
    [number] = re.findall(r'name="version" value="(\d+)"', page)
    await shop.visitor.post(f"{ROUTING}/draft", version=number)
    await shop.visitor.get(ROUTING)
    await shop.publish()
    assert await shop.in_force() == first
    assert (await shop.visitor.post(f"{ROUTING}/draft", version="999")).status == 404


async def test_who_may_only_read_sees_the_rules_and_changes_nothing(shop: Shop) -> None:
    await shop.draft({"country": "SN", "prefer": "paydunya"})
    reader = await shop.desk.come_in(Role.READ_ONLY, shop.id)
    page = await reader.get(ROUTING)
    assert "First PayDunya (all its accounts)." in page.words
    assert f'action="{ROUTING}' not in page.text.replace(f'action="{ROUTING}#preview"', "")
    assert (await reader.post(f"{ROUTING}/draft")).status == 403
    assert (await reader.get(NEW)).status == 403


async def test_putting_in_force_wants_a_fresh_proof_and_drafting_does_not(shop: Shop) -> None:
    await shop.desk.rows.execute(
        "UPDATE dashboard_sessions SET proven_at = proven_at - make_interval(hours => 1) WHERE merchant_id = $1",
        shop.id,
    )
    await shop.draft({"country": "SN", "prefer": "paydunya"})
    assert (await shop.publish()).status == 403
    assert await shop.in_force() == Rules()


async def test_last_weeks_payments_are_routed_again_as_they_were_recorded(shop: Shop) -> None:
    """By hand: 12 went to pawaPay. Without it for Orange above 5 000, 4 go to PayDunya: one of them could not then."""
    now = shop.desk.clock.now()
    await shop.paid(now - timedelta(days=8), "orange_sn", 9_000)  # too old
    for hour in range(5):
        await shop.paid(now - timedelta(hours=30 - hour), "orange_sn", 2_000)
    for hour in range(3):
        await shop.paid(now - timedelta(hours=20 - hour), "orange_sn", 9_000)
    away = {"code": "unhealthy", "rank": None, "facts": {"until": "…"}}
    await shop.paid(now - timedelta(hours=10), "orange_sn", 9_000, paydunya=away)
    for hour in range(3):
        await shop.paid(now - timedelta(hours=5 - hour), "wave_sn", 9_000)
    rules = [{"when": {"operator": "orange_sn", "amount_min": 5_001}, "exclude": ["pawapay"]}]
    status, found = await api(shop, "POST", "/api/routing/replay", {"rules": rules})
    assert status == 200, found
    assert (found["payments"], found["moved"], found["refused"], found["as_then"]) == (12, 4, 1, 12)
    assert (found["complete"], found["health_unknown"]) == (True, 0)
    shares = {(item["provider"], item["operator"]): item for item in found["shares"]}
    counts = {key: (item["then"], item["in_force"], item["proposed"]) for key, item in shares.items()}
    assert counts == {
        ("pawapay", "orange_sn"): (9, 9, 5),
        ("paydunya", "orange_sn"): (0, 0, 3),
        ("", "orange_sn"): (0, 0, 1),
        ("pawapay", "wave_sn"): (3, 3, 3),
    }
    assert await shop.in_force() == Rules()

    await shop.draft({"operator": "orange_sn", "amount_min": "5 001", "exclude": "pawapay"})
    page = (await shop.visitor.get(f"{ROUTING}/replay")).words
    assert "under the rules in force: 4 of 12." in page
    assert "Payments that would find nobody any more: 1." in page
    assert "All routed payments of the last 7 days were replayed." in page


async def test_how_accounts_had_done_then_counts_and_not_how_they_do_now(shop: Shop) -> None:
    now = shop.desk.clock.now()
    behind = {"facts": {"percent": 60, "outcomes": 40}, "code": "behind", "rank": 2}
    ahead = {"facts": {"percent": 97, "outcomes": 40}, "code": "chosen", "rank": 1}
    await shop.paid(now - timedelta(hours=1), "orange_sn", 2_000, pawapay=behind, paydunya=ahead)
    _, found = await api(shop, "POST", "/api/routing/replay", {"rules": []})
    [share] = found["shares"]
    assert (share["provider"], share["then"], share["in_force"]) == ("paydunya", 1, 1)


async def test_only_the_newest_are_replayed_where_there_are_too_many(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearser = shop.desk.house.rehearser
    now = shop.desk.clock.now()
    ids = [await shop.paid(now - timedelta(hours=9 - hour), "orange_sn", 2_000) for hour in range(5)]
    assert ids == sorted(ids)
    monkeypatch.setattr("afriflow.routing.rehearse._ROWS", 2)
    object.__setattr__(rehearser, "limits", type(rehearser.limits)(7, 4, 60))
    try:
        found = await rehearser.rehearse(shop.caller, Rules())
        assert (found.payments, found.complete, found.back_to) == (4, False, now - timedelta(hours=8))
        object.__setattr__(rehearser, "limits", type(rehearser.limits)(7, 6, 60))
        found = await rehearser.rehearse(shop.caller, Rules())
        assert (found.payments, found.complete) == (5, True)
    finally:
        object.__setattr__(rehearser, "limits", type(rehearser.limits)(7, 10_000, 5))


async def api(shop: Shop, method: str, path: str, body: Any) -> tuple[int, Any]:
    async with shop.desk.house.database.transaction() as connection:
        house = shop.desk.house
        key = await make_key(connection, house.vault, house.ids, merchant_id=shop.id, mode=Mode.TEST)
    headers = {"authorization": f"Bearer {key}", "accept-language": "en"}
    async with shop.desk.session.request(method, shop.desk.url + path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def api_faults(shop: Shop, rules: list[Any]) -> list[tuple[str, str]]:
    status, problem = await api(shop, "PUT", "/api/routing/rules", {"rules": rules})
    assert status == 422
    return [(fault["pointer"], fault["code"]) for fault in problem["errors"]]
