"""Which e-mail addresses people are known by, and how these are kept and found."""

import re

from afriflow.core.errors import FieldError, InvalidRequest

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,190}\.[^@\s.\x00-\x1f\x7f]{1,63}")


def same_address(email: str) -> str:
    """Write an address as it is kept and found."""
    return email.strip().lower()[:254]


def check_address(email: str) -> str:
    """Give an address as it is kept. Raises InvalidRequest."""
    kept = same_address(email)
    if not _EMAIL.fullmatch(kept):
        raise InvalidRequest([FieldError("/email", "invalid_email")])
    return kept
