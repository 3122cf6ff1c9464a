"""What operators tell their payers, as pawaPay passes it on: read in its documented shape, harmless in any other."""

import json
from importlib.resources import files
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from afriflow.core.method import ActionType, Authorization, Channel, Guide, NextAction, PaymentMethod
from afriflow.db.engine import Record
from afriflow.ledger.present import store_action
from afriflow.ledger.present_action import show_action
from afriflow.port.bounds import Bound
from afriflow.port.http import Reply
from afriflow.providers.pawapay import tables, toolkit, wire
from afriflow.providers.pawapay.guide import guide_in
from afriflow.providers.pawapay.wire import Kind

FIXTURES = files("afriflow.providers.pawapay").joinpath("fixtures")
GUIDE = Guide(
    channels=(
        Channel(
            title={"fr": "Pas de demande de PIN ?", "en": "No PIN prompt?"},
            steps={"fr": ("Composez *115#",), "en": ("Dial *115#",)},
            link="tel:*115%23",
        ),
    ),
    payee="Acme",
)


def documented(name: str) -> toolkit.Configuration:
    body = json.loads(FIXTURES.joinpath(f"{name}.json").read_text("utf-8"))["body"]
    read = toolkit.configuration_in(Reply(200, {}, json.dumps(body).encode()))
    assert read is not None
    return read


def limits(name: str) -> toolkit.Limits:
    return next(item for item in documented(name).limits if item.kind is Kind.DEPOSIT)


def test_the_documented_instructions_are_read_with_the_name_that_the_prompt_shows() -> None:
    told = limits("activeconf-response")
    assert (told.guide, told.auth_type) == (GUIDE, "PROVIDER_AUTH")
    assert {
        item.guide for item in documented("activeconf-response").limits if item.kind is not Kind.DEPOSIT
    } == {None}


def test_where_no_instructions_are_printed_the_name_of_the_prompt_still_is() -> None:
    assert limits("activeconf-response-list").guide == Guide(payee="Acme")
    assert guide_in({}, {}) is None


def test_a_guide_outlives_the_database() -> None:
    bound = Bound(False, "mtn_zm", "ZMW", 1, 2, 2, True, Authorization.APPROVE_ON_PHONE, GUIDE)  # noqa: FBT003
    kept = json.loads(json.dumps(msgspec.to_builtins([bound])))
    assert msgspec.convert(kept, tuple[Bound, ...]) == (bound,)


def instructed(**channel: Any) -> Guide | None:
    return guide_in({}, {"pinPromptInstructions": {"channels": [channel]}})


def test_a_step_without_text_is_its_template_filled_in_from_itself_or_its_channel() -> None:
    guide = instructed(
        variables={"code": "*1#", "menu": "7"},
        instructions={
            "en": [{"template": "Dial {{code}}"}, {"template": "Press {{ menu }}", "variables": {"menu": 2}}]
        },
    )
    assert guide is not None
    assert guide.channels[0].steps == {"en": ("Dial *1#", "Press 2")}


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("tel:*115%23", True),
        ("https://operator.example/app?x=1", True),
        ("http://operator.example", False),
        ("javascript:alert(1)", False),
        ("tel:*115#;ext=<script>", False),
        (' https://x.example" onclick="', False),
        (["tel:1"], False),
        (None, False),
    ],
)
def test_a_link_can_only_dial_or_open_a_page(link: object, kept: bool) -> None:
    guide = instructed(quickLink=link, instructions={"en": [{"text": "Do"}]})
    assert guide is not None
    assert guide.channels[0].link == (link if kept else None)


def test_strangers_words_are_few_and_plain() -> None:
    guide = instructed(
        displayName={"en": "a\u202eb\n\x00c" * 99, "de": "x"},
        instructions={"en": [{"text": "t" * 9999}] * 99, "fr": "no list", "de": [{"text": "x"}]},
    )
    assert guide is not None
    (channel,) = guide.channels
    assert set(channel.title) == set(channel.steps) == {"en"}
    assert len(channel.title["en"]) == 200
    assert channel.title["en"].isprintable()
    assert [len(step) for step in channel.steps["en"]] == [200] * 10
    for junk in (None, [], "x", {"channels": {}}, {"channels": [1, None, {"instructions": [[]]}]}):
        assert guide_in({"nameDisplayedToCustomer": 7}, {"authTokenInstructions": junk}) is None


def test_what_pawapay_tells_of_the_account_goes_before_the_table() -> None:
    method = cast("PaymentMethod", SimpleNamespace(operator="mtn_zm", country="ZM"))
    told = Bound(False, "mtn_zm", "ZMW", None, None, None, True, Authorization.OTP_FIRST, GUIDE)  # noqa: FBT003
    other = Bound(True, "mtn_zm", "ZMW", None, None, None, True)  # noqa: FBT003
    provider = tables.provider_for(method, "ZMW", (other, told))
    assert provider is not None
    assert (provider.auth_type, provider.guide) == ("PREAUTH", GUIDE)
    assert wire.approval(provider) is None
    silent = tables.provider_for(method, "ZMW", (other,))
    assert silent is not None
    assert (silent.auth_type, silent.guide) == ("PROVIDER_AUTH", None)


def shown(action: NextAction, language: str) -> str:
    row = {
        "next_action": json.loads(json.dumps(store_action(action))),
        "method_operator": "mtn_zm",
        "amount_minor": 1500,
        "currency": "ZMW",
    }
    told = show_action(cast("Record", row), "K15", language)
    assert told is not None
    return told.message


def test_the_operators_words_follow_ours_in_the_payers_language() -> None:
    prompt = NextAction(ActionType.APPROVE_ON_PHONE, guide=GUIDE)
    assert shown(prompt, "fr").endswith("Rien ne s'affiche\xa0? Composez *115#.")
    assert shown(prompt, "en").endswith("No prompt? Dial *115#.")
    code = NextAction(ActionType.ENTER_OTP, code="*144*{amount}#", guide=GUIDE)
    assert shown(code, "en").endswith("as your operator explains, then enter it here. Dial *115#.")


def test_without_the_payers_language_the_words_are_ours() -> None:
    english = Guide((Channel({}, {"en": ("Dial *115#!",)}),), by_hand=True)
    prompt = NextAction(ActionType.APPROVE_ON_PHONE, guide=english)
    assert shown(prompt, "en").endswith("Dial *115#!")
    assert "Ouvrez la demande sur votre téléphone" in shown(prompt, "fr")
    code = NextAction(ActionType.ENTER_OTP, code="*144*{amount}#", guide=english)
    assert "*144*15#" in shown(code, "fr")
    bare = NextAction(ActionType.APPROVE_ON_PHONE)
    assert shown(bare, "en") == shown(NextAction(ActionType.APPROVE_ON_PHONE, guide=Guide(payee="A")), "en")
