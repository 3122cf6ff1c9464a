"""How an API key is written: its mode in front, 256 bits of chance, and a checksum by which a scanner knows one it finds."""

import re
import zlib

from afriflow.core.transaction import Mode

RANDOM_BYTES = 32
# Letters and digits alone, so that a double click takes all of it and the scanners that know `sk_live_…` see it.
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARACTERS = 43  # 62^43 > 2^256
_CHECK_CHARACTERS = 6  # 62^6 > 2^32
_FORM = re.compile(r"sk_(test|live)_[0-9A-Za-z]{49}")
# Keys of before there was a checksum.
_OLDER_FORM = re.compile(r"sk_(test|live)_[0-9A-Za-z_-]{43}")


def write_api_key(mode: Mode, chance: bytes) -> str:
    """Write a key. chance: 32 random bytes."""
    text = f"sk_{mode}_{_base62(int.from_bytes(chance, 'big'), _RANDOM_CHARACTERS)}"
    return text + _checksum(text)


def is_api_key(text: str) -> bool:
    """Tell whether a text can be a key at all: of the right form, and not mistyped."""
    if _FORM.fullmatch(text):
        return _checksum(text[:-_CHECK_CHARACTERS]) == text[-_CHECK_CHARACTERS:]
    return _OLDER_FORM.fullmatch(text) is not None


def hint_of(key: str) -> str:
    """Give what of a key may be shown for ever: enough to tell two apart, nothing to guess with."""
    return f"{key[: len('sk_test_')]}…{key[-4:]}"


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CHECK_CHARACTERS)


def _base62(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))
