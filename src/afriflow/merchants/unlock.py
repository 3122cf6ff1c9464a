"""Which secrets this installation has, and the vault that they open."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path

from afriflow.merchants.key_encryption import LocalKeys
from afriflow.merchants.vault import Vault
from afriflow.settings import Settings


def open_vault(settings: Settings, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> Vault:
    """Make the vault. Raises ValueError for a key that is too short, OSError for a file that is not there."""
    root, secrets_ = secret_key(settings), [key.encode() for key in wrapping_keys(settings)]
    # The root's own key comes last: it wrapped what was written while there was no other.
    keys = LocalKeys([*secrets_, root], random_bytes)
    return Vault(root, keys, random=random_bytes, cache_seconds=settings.data_key_cache_seconds)


def wrapping_keys(settings: Settings) -> list[str]:
    """Give the key-encryption keys in their order: those of the environment, then those of the file."""
    keys = list(settings.key_encryption_keys)
    if settings.key_encryption_keys_file:
        text = Path(settings.key_encryption_keys_file).read_text(encoding="utf-8")
        keys += [line.strip() for line in text.splitlines() if line.strip()]
    return keys


def secret_key(settings: Settings) -> bytes:
    """Give the secret that everything is sealed with: the setting, or one made once in the home directory."""
    if settings.secret_key:
        return settings.secret_key.encode()
    path = Path(settings.home) / "secret_key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    return hashlib.sha256(path.read_bytes()).digest()
