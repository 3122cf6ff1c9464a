"""Every setting has a reason, is read from the environment under its own name, and is refused by name when it is wrong."""

from dataclasses import fields
from pathlib import Path

import pytest

from afriflow.settings import Settings


def test_every_setting_says_why_it_is_as_it_is() -> None:
    for item in fields(Settings):
        assert len(item.metadata["reason"]) > 10, item.name


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("AFRIFLOW_PORT", "0", "port", 0),
        ("AFRIFLOW_HOME", "/srv/afriflow", "home", Path("/srv/afriflow")),
        ("AFRIFLOW_STATEMENT_TIMEOUT_SECONDS", "2.5", "statement_timeout_seconds", 2.5),
        ("AFRIFLOW_FOLLOW_LADDER_SECONDS", "1,2, 30", "follow_ladder_seconds", (1, 2, 30)),
        ("AFRIFLOW_ALLOW_PRIVATE_ADDRESSES", "true", "allow_private_addresses", True),
        ("AFRIFLOW_ALLOW_PRIVATE_ADDRESSES", "No", "allow_private_addresses", False),
        (
            "AFRIFLOW_PROVIDER_NETWORKS",
            "10.8.0.0/16, fd00::/8",
            "provider_networks",
            ("10.8.0.0/16", "fd00::/8"),
        ),
        ("DATABASE_URL", "postgresql://a/b", "database_url", "postgresql://a/b"),
        ("REDIS_URL", "redis://a", "redis_url", "redis://a"),
        ("AFRIFLOW_LANGUAGE", "fr", "language", "fr"),
    ],
)
def test_a_variable_is_read_as_what_it_is(variable: str, text: str, name: str, value: object) -> None:
    assert getattr(Settings.from_environment({variable: text}), name) == value


def test_our_own_name_comes_before_the_common_one_and_an_override_before_both() -> None:
    environ = {"DATABASE_URL": "postgresql://common/x", "AFRIFLOW_DATABASE_URL": "postgresql://ours/x"}
    assert Settings.from_environment(environ).database_url == "postgresql://ours/x"
    assert Settings.from_environment(environ, database_url="given").database_url == "given"


def test_an_empty_variable_is_no_variable() -> None:
    assert Settings.from_environment({"AFRIFLOW_PORT": ""}).port == Settings().port


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("AFRIFLOW_PORT", "eight thousand"),
        ("AFRIFLOW_FOLLOW_LADDER_SECONDS", "1,,2"),
        ("AFRIFLOW_STATEMENT_TIMEOUT_SECONDS", "soon"),
        ("AFRIFLOW_ALLOW_PRIVATE_ADDRESSES", "perhaps"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(variable: str, text: str) -> None:
    with pytest.raises(ValueError, match=variable):
        Settings.from_environment({variable: text})


def test_where_we_are_is_what_we_are_told_or_where_we_listen() -> None:
    assert Settings(host="127.0.0.1", port=8123).base_url == "http://127.0.0.1:8123"
    assert Settings(public_url="https://pay.example/").base_url == "https://pay.example"


def test_the_ladders_mean_what_the_contract_promises() -> None:
    settings = Settings()
    assert list(settings.follow_ladder_seconds) == sorted(set(settings.follow_ladder_seconds))
    assert settings.follow_ladder_seconds[-1] == 7 * 86_400
    assert len(settings.delivery_ladder_seconds) + 1 >= 13
    assert sum(settings.delivery_ladder_seconds) >= 75 * 3600
    # A send counts as dead only after the slowest provider's call would have been over.
    assert settings.idempotency_lease_seconds > settings.send_lease_seconds > 45
    assert settings.request_body_bytes_max == 64 * 1024
    assert settings.request_depth_max == 20
