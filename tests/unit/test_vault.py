"""Secrets open only where they were sealed, with the keys that sealed them."""

import asyncio
import secrets
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from afriflow.core.place import Place
from afriflow.merchants.key_encryption import LocalKeys, Unsealable, derive
from afriflow.merchants.vault import Vault, header_of

KEY = b"a secret of a test, 32 bytes or more"
OTHER = b"another secret of a test, and as long"
PLACE = Place("provider_accounts", "sealed", "mer_1", "pawapay_1")


class DataKeys:
    """The table of data keys, as far as the vault asks it. committed: what `created_at < now()` says."""

    def __init__(self, *, committed: bool = True) -> None:
        self.rows: dict[tuple[str, int], dict[str, Any]] = {}
        self.asked = 0
        self.committed = committed

    async def fetch(self, _: str, merchant_id: str) -> list[Any]:
        self.asked += 1
        return [
            {"number": number, "committed": self.committed, **row}
            for (merchant, number), row in self.rows.items()
            if merchant == merchant_id
        ]

    async def execute(self, query: str, merchant_id: str, number: int, wrapped: bytes, name: str) -> str:
        if query.lstrip().startswith("INSERT") and (merchant_id, number) in self.rows:
            return "INSERT 0 0"
        self.rows[merchant_id, number] = {"wrapped": wrapped, "wrapped_by": name}
        return "INSERT 0 1"

    async def fetchrow(self, _: str, merchant_id: str, number: int) -> Any:
        return self.rows.get((merchant_id, number))

    async def fetchval(self, *_: object) -> Any:
        raise NotImplementedError


@pytest.fixture
def rows() -> DataKeys:
    return DataKeys()


def vault_of(root: bytes = KEY, *wrapping: bytes, **how: Any) -> Vault:
    return Vault(root, LocalKeys(wrapping, secrets.token_bytes) if wrapping else None, **how)


@pytest.mark.parametrize("value", ["whsec_x", {"token": "t", "number": 5}, {}, [], None, "ü€\n"])
async def test_what_is_sealed_opens_again(rows: DataKeys, value: object) -> None:
    sealed = await vault_of().seal(rows, value, PLACE)
    assert await vault_of().unseal(rows, sealed, PLACE) == value


async def test_bytes_come_back_as_they_were(rows: DataKeys) -> None:
    content = b"\x01\x02{not json\xff"
    assert (
        await vault_of().unseal_bytes(rows, await vault_of().seal_bytes(rows, content, PLACE), PLACE)
        == content
    )


async def test_what_is_sealed_shows_nothing_and_looks_different_each_time(rows: DataKeys) -> None:
    vault = vault_of()
    first, second = [await vault.seal(rows, {"token": "canary-1234"}, PLACE) for _ in range(2)]
    assert first != second
    assert b"canary" not in first


@pytest.mark.parametrize(
    "place",
    [
        Place("provider_accounts", "sealed", "mer_1", "pawapay_2"),
        Place("provider_accounts", "sealed", "mer_2", "pawapay_1"),
        Place("webhook_endpoints", "sealed", "mer_1", "pawapay_1"),
        Place("provider_accounts", "other", "mer_1", "pawapay_1"),
        Place("", "", "mer_1", ""),
    ],
)
async def test_a_value_moved_to_another_row_does_not_open(rows: DataKeys, place: Place) -> None:
    vault = vault_of()
    sealed = await vault.seal(rows, "secret", PLACE)
    await vault.seal(rows, "his own", Place("provider_accounts", "sealed", "mer_2", "pawapay_1"))
    with pytest.raises(Unsealable):
        await vault.unseal(rows, sealed, place)


async def test_every_merchant_has_a_key_of_its_own(rows: DataKeys) -> None:
    vault = vault_of()
    for merchant in ("mer_1", "mer_2"):
        await vault.seal(rows, "x", Place("t", "c", merchant, "r"))
    assert list(rows.rows) == [("mer_1", 1), ("mer_2", 1)]
    # Wrapped keys do not serve for another merchant either.
    rows.rows["mer_2", 1] = rows.rows["mer_1", 1]
    with pytest.raises(Unsealable):
        await vault_of().seal(rows, "x", Place("t", "c", "mer_2", "r"))


async def test_another_secret_key_opens_nothing(rows: DataKeys) -> None:
    sealed = await vault_of().seal(rows, "secret", PLACE)
    with pytest.raises(Unsealable):
        await vault_of(OTHER).unseal(rows, sealed, PLACE)


async def test_every_changed_byte_is_noticed(rows: DataKeys) -> None:
    vault = vault_of()
    sealed = await vault.seal(rows, "secret", PLACE)
    for index in range(len(sealed)):
        changed = bytes([*sealed[:index], sealed[index] ^ 1, *sealed[index + 1 :]])
        with pytest.raises(Unsealable):
            await vault.unseal(rows, changed, PLACE)


async def test_what_is_cut_short_does_not_open(rows: DataKeys) -> None:
    vault = vault_of()
    sealed = await vault.seal(rows, "secret", PLACE)
    for length in range(len(sealed)):
        with pytest.raises(Unsealable):
            await vault.unseal(rows, sealed[:length], PLACE)


async def test_an_error_tells_where_and_never_what(rows: DataKeys) -> None:
    vault = vault_of()
    sealed = await vault.seal(rows, "canary-1234", PLACE)
    with pytest.raises(Unsealable) as raised:
        await vault.unseal(rows, sealed, Place("a", "b", "mer_1", "d"))
    assert raised.value.facts == {"place": "a|b|mer_1|d"}
    assert "canary" not in repr(raised.value)


async def test_what_was_sealed_before_there_were_data_keys_opens(rows: DataKeys) -> None:
    nonce = bytes(12)
    content = AESGCM(derive(KEY, b"seal")).encrypt(
        nonce, b'"old"', b"provider_accounts|sealed|mer_1|pawapay_1"
    )
    assert await vault_of().unseal(rows, b"\x01" + nonce + content, PLACE) == "old"
    with pytest.raises(Unsealable):
        await vault_of().unseal(rows, b"\x01" + nonce + content, Place("t", "c", "mer_1", "r"))


async def test_a_data_key_that_may_be_rolled_back_is_not_remembered() -> None:
    rows, vault = DataKeys(committed=False), vault_of()
    await vault.seal(rows, "x", PLACE)
    rows.rows.clear()
    await vault.seal(rows, "x", PLACE)
    assert list(rows.rows) == [("mer_1", 1)]


async def test_the_database_is_asked_for_a_data_key_once(rows: DataKeys) -> None:
    vault = vault_of()
    sealed = [await vault.seal(rows, "x", PLACE) for _ in range(20)]
    for each in sealed:
        await vault.unseal(rows, each, PLACE)
    assert rows.asked == 2  # before and after the first key was made


async def test_a_process_seals_under_a_newer_data_key_when_its_memory_is_stale(rows: DataKeys) -> None:
    vault = vault_of(cache_seconds=0.05)
    await vault.seal(rows, "x", PLACE)
    await vault_of().make_key(rows, "mer_1", 2)
    await asyncio.sleep(0.06)
    assert (await vault.seal(rows, "x", PLACE)).startswith(header_of(2))


async def test_what_a_newer_data_key_sealed_opens_at_once(rows: DataKeys) -> None:
    vault, other = vault_of(), vault_of()
    old = await vault.seal(rows, "old", PLACE)
    await other.make_key(rows, "mer_1", 2)
    new = await other.seal(rows, "new", PLACE)
    assert (await vault.unseal(rows, new, PLACE), await other.unseal(rows, old, PLACE)) == ("new", "old")


async def test_a_key_is_wrapped_again_and_opens_what_it_sealed(rows: DataKeys) -> None:
    sealed = await vault_of().seal(rows, "secret", PLACE)
    changing = vault_of(KEY, OTHER, KEY)
    await changing.rewrap(rows, "mer_1", 1)
    again = dict(rows.rows["mer_1", 1])
    await changing.rewrap(rows, "mer_1", 1)
    assert rows.rows["mer_1", 1] == again
    assert await vault_of(KEY, OTHER).unseal(rows, sealed, PLACE) == "secret"
    with pytest.raises(Unsealable) as raised:
        await vault_of().unseal(rows, sealed, PLACE)
    assert raised.value.facts["reason"] == f"no key is called {changing.keys.current}"


def test_a_token_is_found_by_its_hash_with_the_same_root_alone() -> None:
    assert vault_of().hash("sk_test_1") == vault_of(KEY, OTHER).hash("sk_test_1")
    assert vault_of().hash("sk_test_1") != vault_of().hash("sk_test_2")
    assert vault_of().hash("sk_test_1") != vault_of(OTHER).hash("sk_test_1")
    assert len(vault_of().hash("x")) == 32


def test_a_blind_index_finds_a_text_among_one_merchants_alone() -> None:
    index = vault_of().index("mer_1", "+221771234567")
    assert index == vault_of(KEY, OTHER).index("mer_1", "+221771234567")
    assert index not in {
        vault_of().index("mer_2", "+221771234567"),
        vault_of().index("mer_1", "+221771234568"),
        vault_of(OTHER).index("mer_1", "+221771234567"),
        vault_of().hash("+221771234567"),
    }


def test_what_is_derived_for_one_purpose_serves_no_other() -> None:
    vault = vault_of()
    assert vault.attempt_secret == vault_of().attempt_secret
    assert vault.attempt_secret not in {vault.hash(""), KEY, vault_of(KEY + b"!").attempt_secret}


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(b"too short")
    with pytest.raises(ValueError, match="32 bytes"):
        LocalKeys([KEY, b"too short"], secrets.token_bytes)
