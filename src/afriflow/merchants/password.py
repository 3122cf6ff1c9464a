"""Which passwords are taken, and how they are kept: by the rules of NIST SP 800-63B, as argon2id.

Length counts, and that nobody guesses it; no rule says which characters it must have (§3.1.1.2). What guessers try
first, in any order and spelling, is told apart by zxcvbn, to which the person's own names are known words.
"""

import asyncio
import re
import secrets
import unicodedata
from collections.abc import Sequence
from typing import Any, cast

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from afriflow.core.errors import FieldError
from afriflow.core.operator import operators

# A password manager's longest stay far below; hashing more only costs us time.
PASSWORD_CHARACTERS_MAX = 256
# zxcvbn reads no more than this of a text; what is strong to here is strong.
_LOOKED_AT = 72
# Its scale from 0 to 4: 3 is a hundred million guesses and more, where we allow ten in a quarter of an hour.
_SCORE_MIN = 3
# What whoever works with us would think of, beside the wallets that we know, the merchant's name and the own address.
_OF_THE_HOUSE = (
    "afriflow orchestrator dashboard sandbox mobilemoney momo merchant cashier finance payment payout refund",
    "marchand caisse finances paiement versement remboursement argent boutique franc cfa xof xaf",
)

_hasher = PasswordHasher()
# Verified against when nobody has the address, so that both answers take the same time.
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))


def fault_of(password: str, known: Sequence[str], characters_min: int) -> FieldError | None:
    """Say why a password is not taken; None when it is. known: names that a guesser would try: e-mail, merchant."""
    text = _same(password)
    if len(text) < characters_min:
        return FieldError("/password", "too_short", {"limit": characters_min})
    if len(text) > PASSWORD_CHARACTERS_MAX:
        return FieldError("/password", "too_long", {"limit": PASSWORD_CHARACTERS_MAX})
    from zxcvbn import zxcvbn  # noqa: PLC0415 — its lists take a third of a second, and are needed rarely

    names = (*known, *_OF_THE_HOUSE, *(operator.wallet for operator in operators().values()))
    words = [word for name in names for word in (name, *re.split(r"[^\w]+|_", name)) if len(word) > 2]
    found = cast("dict[str, Any]", zxcvbn(text[:_LOOKED_AT], user_inputs=words, max_length=_LOOKED_AT))
    return FieldError("/password", "guessable") if found["score"] < _SCORE_MIN else None


async def hash_password(password: str) -> str:
    """Give the argon2id hash, with its parameters and salt, that is kept."""
    return await asyncio.to_thread(_hasher.hash, _same(password))


async def is_password(kept: str | None, password: str) -> bool:
    """Compare. kept: None where nobody has the address; that takes as long, and is never right."""
    try:
        # 150 ms of hashing belong beside the event loop, not in it.
        await asyncio.to_thread(_hasher.verify, kept or _NOBODY, _same(password))
    except VerificationError:
        return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Tell whether a hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(kept)


def _same(password: str) -> str:
    """Write what looks the same in the same way, whatever keyboard it came from (NIST SP 800-63B §3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
