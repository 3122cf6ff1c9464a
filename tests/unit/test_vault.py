"""Secrets open only where they were sealed, with the key that sealed them."""

import pytest

from afriflow.merchants.vault import Unsealable, Vault

KEY = b"a secret of a test, 32 bytes or more"
PLACE = "provider_accounts|sealed|mer_1|pawapay_1"


@pytest.fixture
def vault() -> Vault:
    return Vault(KEY)


@pytest.mark.parametrize("value", ["whsec_x", {"token": "t", "number": 5}, {}, [], None, "ü€\n"])
def test_what_is_sealed_opens_again(vault: Vault, value: object) -> None:
    assert vault.open(vault.seal(value, PLACE), PLACE) == value


def test_what_is_sealed_shows_nothing_and_looks_different_each_time(vault: Vault) -> None:
    first, second = (vault.seal({"token": "canary-1234"}, PLACE) for _ in range(2))
    assert first != second
    assert b"canary" not in first


@pytest.mark.parametrize(
    "place",
    [
        "provider_accounts|sealed|mer_1|pawapay_2",
        "provider_accounts|sealed|mer_2|pawapay_1",
        "webhook_endpoints|sealed_secret|mer_1|pawapay_1",
        "",
    ],
)
def test_a_value_moved_to_another_row_does_not_open(vault: Vault, place: str) -> None:
    with pytest.raises(Unsealable):
        vault.open(vault.seal("secret", PLACE), place)


def test_another_secret_key_opens_nothing(vault: Vault) -> None:
    with pytest.raises(Unsealable):
        Vault(KEY + b"!").open(vault.seal("secret", PLACE), PLACE)


def test_every_changed_byte_is_noticed(vault: Vault) -> None:
    sealed = vault.seal("secret", PLACE)
    for index in range(len(sealed)):
        changed = bytes([*sealed[:index], sealed[index] ^ 1, *sealed[index + 1 :]])
        with pytest.raises(Unsealable):
            vault.open(changed, PLACE)


def test_what_is_cut_short_does_not_open(vault: Vault) -> None:
    sealed = vault.seal("secret", PLACE)
    for length in range(len(sealed)):
        with pytest.raises(Unsealable):
            vault.open(sealed[:length], PLACE)


def test_an_error_tells_where_and_never_what(vault: Vault) -> None:
    with pytest.raises(Unsealable) as raised:
        vault.open(vault.seal("canary-1234", PLACE), "elsewhere")
    assert raised.value.facts == {"place": "elsewhere"}
    assert "canary" not in repr(raised.value)


def test_a_token_is_found_by_its_hash_with_the_same_key_alone(vault: Vault) -> None:
    assert vault.hash("sk_test_1") == Vault(KEY).hash("sk_test_1")
    assert vault.hash("sk_test_1") != vault.hash("sk_test_2")
    assert vault.hash("sk_test_1") != Vault(KEY + b"!").hash("sk_test_1")
    assert len(vault.hash("x")) == 32


def test_what_is_derived_for_one_purpose_serves_no_other(vault: Vault) -> None:
    assert vault.attempt_secret == Vault(KEY).attempt_secret
    assert vault.attempt_secret not in {vault.hash(""), KEY, Vault(KEY + b"!").attempt_secret}


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(b"too short")
