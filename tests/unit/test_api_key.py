"""An API key is random, whole or refused, and found by whoever scans for one."""

import re

import pytest

from afriflow.core.api_key import hint_of, is_api_key, write_api_key
from afriflow.core.errors import InvalidRequest
from afriflow.core.permission import Permission, read_scopes
from afriflow.core.transaction import Mode

# As scanners know keys of this family: a prefix and letters and digits, up to the next blank or quote.
SCANNER = re.compile(r"\b(?:sk|rk)_(?:test|live|prod)_[a-zA-Z0-9]{10,99}(?=[`'\"\s;]|$)")


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("chance", [bytes(32), b"\xff" * 32, bytes(range(32))], ids=["zeros", "ones", "some"])
def test_a_key_is_whole_and_a_scanner_finds_all_of_it(mode: Mode, chance: bytes) -> None:
    key = write_api_key(mode, chance)
    assert len(key) == len("sk_test_") + 43 + 6
    assert is_api_key(key)
    assert SCANNER.findall(f'API_KEY="{key}"') == [key]


def test_the_form_is_the_documented_one() -> None:
    """Whoever scans computes the checksum as the documentation says: this key must stay what it is."""
    assert write_api_key(Mode.TEST, bytes(31) + b"\x01") == "sk_test_" + "0" * 42 + "1" + "16yI7v"


def test_every_bit_of_chance_is_in_the_key() -> None:
    keys = {write_api_key(Mode.LIVE, (1 << bit).to_bytes(32, "big")) for bit in range(256)}
    assert len(keys) == 256


def test_one_wrong_character_anywhere_is_seen_without_asking_the_database() -> None:
    key = write_api_key(Mode.TEST, bytes(range(32)))
    for place in range(len(key)):
        other = "A" if key[place] != "A" else "B"
        assert not is_api_key(key[:place] + other + key[place + 1 :])
    assert not is_api_key(key.replace("sk_test", "sk_live"))
    assert not is_api_key(key[:-1])
    assert not is_api_key(key + "0")


def test_what_is_shown_for_ever_gives_nothing_away() -> None:
    key = write_api_key(Mode.LIVE, bytes(range(32)))
    assert hint_of(key) == f"sk_live_…{key[-4:]}"


def test_scopes_are_read_or_each_wrong_word_is_named() -> None:
    assert read_scopes(["transactions:read", " refunds:write "]) == {
        Permission.TRANSACTIONS_READ,
        Permission.REFUNDS_WRITE,
    }
    with pytest.raises(InvalidRequest) as refused:
        read_scopes(["transactions:read", "everything", "refunds"])
    assert [(fault.pointer, fault.facts["value"]) for fault in refused.value.errors] == [
        ("/scopes/1", "everything"),
        ("/scopes/2", "refunds"),
    ]
