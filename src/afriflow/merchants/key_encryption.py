"""What wraps data keys: a port with two questions, and the keys that an installation keeps itself."""

from collections.abc import Callable, Sequence
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from afriflow.core.errors import Fault

NONCE_BYTES = 12  # NIST SP 800-38D
SECRET_BYTES_MIN = 32


class Unsealable(Fault):
    """A sealed value does not open: another key sealed it, or it was moved between rows."""

    code = "unsealable"


class KeyEncryption(Protocol):
    """Wraps and unwraps data keys. A key management service stands here behind two calls and a time limit:
    a data key is asked for once per process and merchant, and a database connection waits for the answer.
    """

    @property
    def current(self) -> str:
        """Name the key that wraps now; data keys under another one are waiting for `afriflow rotate-keys`."""
        ...

    async def wrap(self, key: bytes, place: bytes) -> bytes:
        """Encrypt a data key under the current key. place: authenticated with it, and asked for again."""
        ...

    async def unwrap(self, wrapped: bytes, name: str, place: bytes) -> bytes:
        """Decrypt a data key. name: of the key that wrapped it. Raises Unsealable."""
        ...


class LocalKeys:
    """Key-encryption keys out of the settings: the first one wraps, all of them unwrap.

    secrets: 32 bytes or more each; ValueError otherwise.
    """

    def __init__(self, secrets: Sequence[bytes], random: Callable[[int], bytes]) -> None:
        if not secrets or any(len(secret) < SECRET_BYTES_MIN for secret in secrets):
            raise ValueError(f"a key-encryption key needs {SECRET_BYTES_MIN} bytes or more")
        self._random = random
        self._ciphers = {
            derive(secret, b"name of a key", 6).hex(): AESGCM(derive(secret, b"key encryption"))
            for secret in secrets
        }

    @property
    def current(self) -> str:
        return next(iter(self._ciphers))

    async def wrap(self, key: bytes, place: bytes) -> bytes:
        nonce = self._random(NONCE_BYTES)
        return nonce + self._ciphers[self.current].encrypt(nonce, key, place)

    async def unwrap(self, wrapped: bytes, name: str, place: bytes) -> bytes:
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise Unsealable(place=place.decode(), reason=f"no key is called {name}")
        try:
            return cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], place)
        except (InvalidTag, ValueError) as error:
            raise Unsealable(place=place.decode()) from error


def derive(secret: bytes, purpose: bytes, length: int = 32) -> bytes:
    """Derive a key for one purpose (RFC 5869). secret: of full entropy, no password. length: bytes."""
    return HKDF(hashes.SHA256(), length, salt=None, info=b"afriflow " + purpose).derive(secret)
