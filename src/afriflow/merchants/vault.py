"""How secrets are kept: sealed under their merchant's data key, which is kept wrapped, and bound to their row.

docs/decisions/0017-sealed-under-a-key-per-merchant.md
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from afriflow.core.place import Place
from afriflow.db.engine import Connection
from afriflow.merchants import vault_store as store
from afriflow.merchants.key_encryption import (
    NONCE_BYTES,
    SECRET_BYTES_MIN,
    KeyEncryption,
    LocalKeys,
    Unsealable,
    derive,
)

# The first byte names the way a value was sealed. 1: under a key of the whole installation; it still opens.
_OLD, _NOW = b"\x01", b"\x02"
_NUMBER_BYTES = 4
_HEADER_BYTES = len(_NOW) + _NUMBER_BYTES


@dataclass(frozen=True, slots=True)
class _DataKey:
    wrapped: bytes
    cipher: AESGCM


@dataclass(frozen=True, slots=True)
class _Ring:
    """A merchant's data keys by number. stale_at: by the loop's clock; then a newer one may be there to seal with."""

    keys: dict[int, _DataKey]
    stale_at: float


class Vault:
    """Seals values and derives keys.

    root: 32 bytes or more, from the setting `secret_key`; never changes, since hashes and ids are derived from it.
    keys: what wraps data keys, None = a key derived from the root. cache_seconds: how long a data key that is newer
    than ours may go unnoticed when we seal.
    """

    def __init__(
        self,
        root: bytes,
        keys: KeyEncryption | None = None,
        *,
        random: Callable[[int], bytes] = secrets.token_bytes,
        cache_seconds: float = 60.0,
    ) -> None:
        if len(root) < SECRET_BYTES_MIN:
            raise ValueError(f"secret_key needs {SECRET_BYTES_MIN} bytes or more")
        self.keys = keys or LocalKeys([root], random)
        self._random = random
        self.cache_seconds = cache_seconds
        self._old_cipher = AESGCM(derive(root, b"seal"))
        self._pepper = derive(root, b"hash")
        self._index_key = derive(root, b"blind index")
        self.attempt_secret = derive(root, b"attempt ids")
        self._rings: dict[str, _Ring] = {}

    async def seal(self, connection: Connection, value: object, place: Place) -> bytes:
        """Encrypt a JSON value for this place, under its merchant's newest data key."""
        return await self.seal_bytes(connection, msgspec.json.encode(value), place)

    async def unseal(self, connection: Connection, sealed: bytes, place: Place) -> object:
        """Decrypt what `seal` made for this very place. Raises Unsealable for anything else."""
        return msgspec.json.decode(await self.unseal_bytes(connection, sealed, place))

    async def seal_bytes(self, connection: Connection, content: bytes, place: Place) -> bytes:
        """Encrypt bytes as they are."""
        ring = self._rings.get(place.merchant_id)
        if ring is None or asyncio.get_running_loop().time() >= ring.stale_at:
            ring = await self._load(connection, place.merchant_id)
        header, nonce = header_of(max(ring.keys)), self._random(NONCE_BYTES)
        cipher = ring.keys[max(ring.keys)].cipher
        return header + nonce + cipher.encrypt(nonce, content, _bound_to(header, place))

    async def unseal_bytes(self, connection: Connection, sealed: bytes, place: Place) -> bytes:
        """Decrypt what `seal_bytes` made for this very place. Raises Unsealable for anything else."""
        if sealed[:1] == _OLD:
            return _decrypt(self._old_cipher, sealed[1:], str(place).encode(), place)
        header, number = sealed[:_HEADER_BYTES], int.from_bytes(sealed[1:_HEADER_BYTES])
        if sealed[:1] != _NOW or len(sealed) < _HEADER_BYTES:
            raise Unsealable(place=str(place))
        ring = self._rings.get(place.merchant_id)
        if ring is None or number not in ring.keys:
            ring = await self._load(connection, place.merchant_id)
        if number not in ring.keys:
            raise Unsealable(place=str(place), reason=f"there is no data key {number}")
        return _decrypt(ring.keys[number].cipher, sealed[_HEADER_BYTES:], _bound_to(header, place), place)

    def hash(self, token: str) -> bytes:
        """Give the keyed hash under which a random token is stored and found; no use without the secret key."""
        return hmac.new(self._pepper, token.encode(), hashlib.sha256).digest()

    def index(self, merchant_id: str, text: str) -> bytes:
        """Give the blind index by which a sealed text is found among its merchant's, and by nobody without the root."""
        content = msgspec.json.encode([merchant_id, text])
        return hmac.new(self._index_key, content, hashlib.sha256).digest()

    async def make_key(self, connection: Connection, merchant_id: str, number: int) -> bool:
        """Write a merchant's data key of this number; False when it is there already."""
        wrapped = await self.keys.wrap(self._random(32), _place_of_key(merchant_id, number))
        made = await connection.execute(
            store.DATA_KEY_INSERT, merchant_id, number, wrapped, self.keys.current
        )
        return made == "INSERT 0 1"

    async def rewrap(self, connection: Connection, merchant_id: str, number: int) -> None:
        """Wrap a data key under the current key-encryption key. What it sealed stays as it is."""
        row = await connection.fetchrow(store.DATA_KEY_LOCK, merchant_id, number)
        if row is None or row["wrapped_by"] == self.keys.current:
            return
        place = _place_of_key(merchant_id, number)
        key = await self.keys.unwrap(row["wrapped"], row["wrapped_by"], place)
        wrapped = await self.keys.wrap(key, place)
        await connection.execute(store.DATA_KEY_REWRAP, merchant_id, number, wrapped, self.keys.current)

    async def _load(self, connection: Connection, merchant_id: str) -> _Ring:
        """Read a merchant's data keys, and make the first one. What may yet be rolled back is not remembered."""
        rows = await connection.fetch(store.DATA_KEYS, merchant_id)
        if not rows:
            await self.make_key(connection, merchant_id, 1)
            rows = await connection.fetch(store.DATA_KEYS, merchant_id)
        known = self._rings.get(merchant_id)
        keys: dict[int, _DataKey] = {}
        for row in rows:
            key = known.keys.get(row["number"]) if known else None
            if key is None or key.wrapped != row["wrapped"]:
                place = _place_of_key(merchant_id, row["number"])
                unwrapped = await self.keys.unwrap(row["wrapped"], row["wrapped_by"], place)
                key = _DataKey(row["wrapped"], AESGCM(unwrapped))
            keys[row["number"]] = key
        ring = _Ring(keys, asyncio.get_running_loop().time() + self.cache_seconds)
        if all(row["committed"] for row in rows):
            self._rings[merchant_id] = ring
        return ring


def header_of(number: int) -> bytes:
    """Give the bytes with which everything begins that was sealed under the merchant's data key of this number."""
    return _NOW + number.to_bytes(_NUMBER_BYTES)


def _bound_to(header: bytes, place: Place) -> bytes:
    """Write what is authenticated with a value: its place and the version of its sealing."""
    return msgspec.json.encode([place.table, place.column, place.row, place.merchant_id, header.hex()])


def _place_of_key(merchant_id: str, number: int) -> bytes:
    return msgspec.json.encode(["data_keys", "wrapped", number, merchant_id])


def _decrypt(cipher: AESGCM, content: bytes, bound_to: bytes, place: Place) -> bytes:
    try:
        return cipher.decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError) as error:
        raise Unsealable(place=str(place)) from error
