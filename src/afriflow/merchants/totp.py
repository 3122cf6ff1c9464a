"""Codes from an authenticator app: RFC 6238 as every app speaks it, SHA-1, 30 s, six digits."""

import base64
import hmac
from datetime import datetime
from urllib.parse import quote

SECRET_BYTES = 20  # RFC 4226 §4 R6 recommends 160 bits
_STEP_SECONDS = 30
_DIGITS = 6


def code_at(secret: bytes, step: int) -> str:
    """Give the code of one step of time. step: whole half minutes since 1970."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**_DIGITS:0{_DIGITS}}"


def step_at(now: datetime) -> int:
    return int(now.timestamp()) // _STEP_SECONDS


def find_step(secret: bytes, code: str, now: datetime) -> int | None:
    """Find which step's code this is: now's, or one beside it, since clocks differ and people type (RFC 6238 §5.2)."""
    this = step_at(now)
    matches = [
        step
        for step in (this - 1, this, this + 1)
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode())
    ]
    return matches[-1] if matches else None


def in_base32(secret: bytes) -> str:
    """Write a secret as people type it into an app."""
    return base64.b32encode(secret).decode().rstrip("=")


def app_link(secret: bytes, email: str) -> str:
    """Give the address that apps read from a QR code (the Key Uri Format that all of them know)."""
    return f"otpauth://totp/AfriFlow:{quote(email)}?secret={in_base32(secret)}&issuer=AfriFlow"
