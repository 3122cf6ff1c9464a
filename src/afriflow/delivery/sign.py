"""How a message to a merchant proves where it comes from: Standard Webhooks 1.0, symmetric (v1).

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence

# The specification allows 24 to 64 bytes.
_SECRET_BYTES = 32
# How a message is written, and no other way. No point in an id: it parts what is signed. Twenty signatures at most:
# a secret rotates from one to the next.
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = r"v[0-9]{1,2}[a-z]?,[A-Za-z0-9+/]{1,200}={0,2}"
_LIST = re.compile(rf"{_SIGNATURE}(?: {_SIGNATURE}){{0,19}}")


def make_secret() -> str:
    """Give a new endpoint secret, "whsec_" and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(secrets_: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Give the three headers of a message.

    secrets_: all secrets that are valid now; more than one while a secret rotates. timestamp: Unix seconds.
    """
    signatures = [f"v1,{_signature(secret, message_id, str(timestamp), body)}" for secret in secrets_]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now: int, tolerance_seconds: int) -> bool:
    """Tell whether a message is what we signed; never raises, whatever the headers hold.

    headers: names in lower case. now: Unix seconds.
    """
    timestamp = headers.get("webhook-timestamp", "")
    message_id = headers.get("webhook-id", "")
    given = headers.get("webhook-signature", "")
    if not (_MESSAGE_ID.fullmatch(message_id) and _TIMESTAMP.fullmatch(timestamp) and _LIST.fullmatch(given)):
        return False
    if abs(now - int(timestamp)) > tolerance_seconds:
        return False
    try:
        expected = f"v1,{_signature(secret, message_id, timestamp, body)}".encode()
    except (binascii.Error, ValueError):
        return False
    return any(hmac.compare_digest(expected, candidate.encode()) for candidate in given.split(" "))


def _signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    content = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
