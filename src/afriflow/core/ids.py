"""How things are named: prefixed ids that sort by time, and provider ids derived from the merchant's key."""

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime

from afriflow.core.clock import Clock

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case: no i, l, o, u to misread


class Ids:
    """Makes ids like `txn_01jd…`: 48 bits of milliseconds, 80 bits of chance, as ULIDs are.

    Within one process they rise strictly, also inside a millisecond: lists ordered by id tell a story in order.
    """

    def __init__(self, clock: Clock, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._last = 0

    def new(self, prefix: str) -> str:
        """Give a new id.

        prefix: what it names, without the underscore: txn, att, evt, whe, dlv, mer.
        """
        milliseconds = int(self._clock.now().timestamp() * 1000)
        number = (milliseconds << 80) | int.from_bytes(self._random_bytes(10), "big")
        number = self._last = max(number, self._last + 1)
        return f"{prefix}_{_base32(number, 26)}"

    def token(self) -> str:
        """Give an unguessable token (160 bits) for a link that a payer opens without signing in."""
        return _base32(int.from_bytes(self._random_bytes(20), "big"), 32)


def first_id(prefix: str, moment: datetime, later_milliseconds: int = 0) -> str:
    """Give the smallest id that can be made so long after a moment: ids of before are smaller, all others are not.

    What lies before 1970 or far ahead is as good as the ends of time.
    """
    milliseconds = min(max(0, int(moment.timestamp() * 1000) + later_milliseconds), (1 << 48) - 1)
    return f"{prefix}_{_base32(milliseconds << 80, 26)}"


def last_id(prefix: str) -> str:
    """Give what no id of a prefix is above."""
    return f"{prefix}_{_ALPHABET[-1] * 26}"


def attempt_uuid(secret: bytes, merchant_id: str, mode: str, key: str, number: int) -> str:
    """Derive the id under which a provider knows an attempt.

    Derived and not drawn, so that a database that lost its last seconds sends the same id again and a
    provider that is idempotent by our id (pawaPay's depositId) recognises it. UUIDv4-shaped, because
    pawaPay asks for that form (docs.pawapay.io/v2/api-reference/deposits/initiate-deposit).

    key: the merchant's Idempotency-Key of the checkout. number: the attempt's number, from 1.
    """
    text = "\x1f".join((merchant_id, mode, key, str(number)))
    digest = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _base32(number: int, length: int) -> str:
    return "".join([_ALPHABET[number >> 5 * place & 31] for place in range(length - 1, -1, -1)])
