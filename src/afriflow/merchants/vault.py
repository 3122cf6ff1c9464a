"""How secrets are kept: sealed under keys derived from the one secret key, bound to the row they belong to."""

import hashlib
import hmac
import secrets

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from afriflow.core.errors import Fault

# Names the way a value was sealed, so that a later way can stand beside it.
_VERSION = b"\x01"
_NONCE_BYTES = 12  # NIST SP 800-38D


class Unsealable(Fault):
    """A sealed value does not open: another secret key sealed it, or it was moved between rows."""

    code = "unsealable"


class Vault:
    """Seals values and derives keys. secret: 32 bytes or more, from the setting `secret_key`."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:
            raise ValueError("secret_key needs 32 bytes or more")
        self._secret = secret
        self._cipher = AESGCM(self._derive(b"seal"))
        self._pepper = self._derive(b"hash")
        self.attempt_secret = self._derive(b"attempt ids")

    def seal(self, value: object, place: str) -> bytes:
        """Encrypt a JSON value. place: table, column, merchant and row, checked again when it is opened."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, msgspec.json.encode(value), place.encode())

    def open(self, sealed: bytes, place: str) -> object:
        """Decrypt what `seal` made for this very place. Raises Unsealable for anything else."""
        nonce, content = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _VERSION or len(nonce) != _NONCE_BYTES:
            raise Unsealable(place=place)
        try:
            return msgspec.json.decode(self._cipher.decrypt(nonce, content, place.encode()))
        except InvalidTag as error:
            raise Unsealable(place=place) from error

    def hash(self, token: str) -> bytes:
        """Give the keyed hash under which a random token is stored and found; no use without the secret key."""
        return hmac.new(self._pepper, token.encode(), hashlib.sha256).digest()

    def _derive(self, purpose: bytes) -> bytes:
        return HKDF(hashes.SHA256(), 32, salt=None, info=b"afriflow " + purpose).derive(self._secret)
