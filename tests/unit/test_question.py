"""An account's questions come from its provider's config, whatever provider it is, and so do the reasons to refuse an answer."""

import dataclasses
from typing import Any

import pytest

from afriflow.core.transaction import Mode
from afriflow.port.factory import specs
from afriflow.port.question import WrongAnswer, check_answers, questions, read_answers

PRIVATE = {"master_key": "m", "private_key": "live_private_x", "token": "t"}


@pytest.mark.parametrize("name", specs())
def test_every_field_is_asked_for_in_both_languages(name: str) -> None:
    asked = questions(specs()[name].config_type)
    assert [item.name for item in asked] == [
        field.name for field in dataclasses.fields(specs()[name].config_type)
    ]
    for item in asked:
        for language in ("fr", "en"):
            assert item.label(language)
            assert item.hint(language)
        assert item.label("fr") != item.label("en") or item.label("en") == "Token"
        assert item.hint("fr") != item.hint("en")
        assert not (item.name.endswith("_url") and not item.by_installation), "an address that we would call"


@pytest.mark.parametrize("name", specs())
def test_what_a_demo_holds_is_accepted_and_nothing_that_is_required_may_be_missing(name: str) -> None:
    spec = specs()[name]
    check_answers(spec, Mode.TEST, read_answers(spec, spec.demo_config))
    for item in questions(spec.config_type):
        if item.required:
            with pytest.raises(WrongAnswer) as refused:
                check_answers(spec, Mode.TEST, read_answers(spec, {**spec.demo_config, item.name: ""}))
            assert refused.value.name == item.name
            assert refused.value.said("fr") == "ce champ est obligatoire"


@pytest.mark.parametrize(
    ("provider", "mode", "answers", "name", "said"),
    [
        ("pawapay", Mode.TEST, {"token": "jeton à accents"}, "token", "le jeton d'API"),
        (
            "pawapay",
            Mode.TEST,
            {"token": "t", "signed_answers": "never"},
            "signed_answers",
            "valeurs possibles",
        ),
        (
            "pawapay",
            Mode.TEST,
            {"token": "t", "private_key_pem": "no key", "key_id": "k"},
            "private_key_pem",
            "clé",
        ),
        ("pawapay", Mode.TEST, {"token": "t", "customer_message": "é"}, "customer_message", "4 à 22 lettres"),
        ("paydunya", Mode.TEST, PRIVATE, "private_key", "mode réel"),
        (
            "paydunya",
            Mode.LIVE,
            {**PRIVATE, "closed_operators": "nobody"},
            "closed_operators",
            "nobody : connus",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_field_in_the_readers_language(
    provider: str, mode: Mode, answers: dict[str, str], name: str, said: str
) -> None:
    spec = specs()[provider]
    with pytest.raises(WrongAnswer) as refused:
        check_answers(spec, mode, read_answers(spec, answers))
    assert refused.value.name == name
    assert said in refused.value.said("fr")
    assert refused.value.said("en") != refused.value.said("fr")


def test_numbers_and_switches_are_read_from_text() -> None:
    spec = specs()["paydunya"]
    given: dict[str, Any] = {"expire_after_hours": "12", "mtn_cm": "yes"}
    assert read_answers(spec, given) == {"expire_after_hours": 12, "mtn_cm": True}
    with pytest.raises(WrongAnswer) as refused:
        read_answers(spec, {"expire_after_hours": "a day"})
    assert refused.value.said("fr") == "un nombre est attendu"
