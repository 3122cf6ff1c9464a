"""Whatever is done to a signed message on its way, it is refused, without a fault; `scripts/mutants` makes millions."""

import base64
import random
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
from mutants.hunt import SCHEMES, hunt

from afriflow.delivery import sign
from afriflow.providers.pawapay import signatures
from afriflow.providers.paydunya import adapter as paydunya
from afriflow.web import webhooks

# Signatures of pawaPay's answers are judged by the same code as those of its callbacks.
COUNTS = dict.fromkeys(SCHEMES, 20000) | {"pawapay-answers": 5_000}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", SCHEMES)
async def test_no_mutant_is_believed(name: str, seed: int) -> None:
    count = COUNTS[name] // 4
    found = await hunt(SCHEMES[name], count, seed)
    assert found.refused == found.mutants >= count
    assert found.faults == []
    assert found.same, "the documented equivalences have come too"


WEAKER: dict[str, tuple[str, Any, str, Any]] = {
    "padding of base64 may vary": ("pawapay-callbacks", signatures, "_is_canonical_base64", lambda _: True),
    "the address need not be covered": (
        "pawapay-callbacks",
        signatures,
        "_REQUIRED",
        ("@method", "content-digest"),
    ),
    "signatures live for a day": ("pawapay-callbacks", signatures, "SKEW_SECONDS", 86_400),
    "of two headers the last one counts": (
        "pawapay-callbacks",
        webhooks,
        "read_headers",
        lambda raw: {name.decode().lower(): value.decode("latin-1") for name, value in raw},
    ),
    "a hash may be written in capitals": (
        "paydunya",
        paydunya.hmac,
        "compare_digest",
        lambda one, other: one.lower() == other.lower(),
    ),
    "a list of signatures may be written anyhow": (
        "standard-webhooks",
        sign,
        "_LIST",
        re.compile(".*"),
    ),
}


@pytest.mark.parametrize("weakness", WEAKER)
async def test_a_weaker_verifier_would_be_found(weakness: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, module, attribute, weaker = WEAKER[weakness]
    monkeypatch.setattr(module, attribute, weaker)
    if attribute == "read_headers":
        monkeypatch.setattr("mutants.pawapay.read_headers", weaker)
    found = await hunt(SCHEMES[name], 1_500, seed=1)
    assert found.accepted or found.faults


def test_the_reference_library_believes_what_we_sign_and_we_what_it_signs() -> None:
    chance = random.Random(1)
    for number in range(200):
        secret = sign.make_secret()
        library = standardwebhooks.Webhook(secret)
        body = f'{{"text": "{chr(0xE9 + number)} {chance.random()}"}}'
        ours = sign.sign([sign.make_secret(), secret], f"evt_{number}", _now(), body.encode())
        assert library.verify(body, ours)["text"]
        theirs = {
            "webhook-id": f"msg_{number}",
            "webhook-timestamp": str(_now()),
            "webhook-signature": library.sign(f"msg_{number}", _moment(), body),
        }
        assert sign.verify(secret, theirs, body.encode(), now=_now(), tolerance_seconds=300)
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(sign.make_secret()).verify(body, ours)


def test_secrets_are_of_a_length_that_the_reference_library_takes() -> None:
    assert len(base64.b64decode(sign.make_secret().removeprefix("whsec_"))) == 32


def _moment() -> Any:
    return datetime.now(UTC)


def _now() -> int:
    return int(_moment().timestamp())
