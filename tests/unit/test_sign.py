"""Standard Webhooks 1.0: what we sign any verifier accepts, and nothing else passes ours."""

import base64
import hashlib
import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afriflow.delivery.sign import make_secret, sign, verify

NOW = 1_614_265_330
BODY = b'{"test": 2432232314}'
# The vector that the specification's own libraries test with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def headers(**changes: str) -> dict[str, str]:
    made = {"webhook-id": MESSAGE_ID, "webhook-timestamp": str(NOW), "webhook-signature": SIGNATURE}
    return {**made, **{name.replace("_", "-"): value for name, value in changes.items()}}


def accepted(
    given_headers: dict[str, str], body: bytes = BODY, *, secret: str = SECRET, now: int = NOW
) -> bool:
    return verify(secret, given_headers, body, now=now, tolerance_seconds=300)


def test_the_specifications_vector_is_what_we_sign_and_what_we_accept() -> None:
    assert sign([SECRET], MESSAGE_ID, NOW, BODY) == headers()
    assert accepted(headers())


def test_a_secret_is_new_each_time_and_long_enough() -> None:
    secrets = {make_secret() for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        assert re.fullmatch(r"whsec_[A-Za-z0-9+/]+={0,2}", secret)
        assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"))) <= 64


def test_while_a_secret_rotates_both_the_old_and_the_new_verify() -> None:
    old, new = make_secret(), make_secret()
    made = sign([new, old], "evt_1", NOW, BODY)
    assert len(made["webhook-signature"].split(" ")) == 2
    assert accepted(made, secret=old)
    assert accepted(made, secret=new)
    assert not accepted(made, secret=make_secret())


def test_a_message_of_another_version_beside_ours_does_not_disturb() -> None:
    assert accepted(headers(webhook_signature=f"v1a,unknown {SIGNATURE}"))
    assert not accepted(headers(webhook_signature=SIGNATURE.replace("v1,", "v2,")))


@pytest.mark.parametrize("offset", [-300, -299, 0, 299, 300])
def test_a_clock_may_differ_by_the_tolerance(offset: int) -> None:
    assert accepted(headers(), now=NOW + offset)


@pytest.mark.parametrize("offset", [-301, 301, 86_400])
def test_an_old_message_and_one_of_the_future_are_replays(offset: int) -> None:
    assert not accepted(headers(), now=NOW + offset)


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_id": "msg_other"},
        {"webhook_id": ""},
        {"webhook_timestamp": str(NOW + 1)},
        {"webhook_timestamp": f"+{NOW}"},
        {"webhook_timestamp": f" {NOW}"},
        {"webhook_timestamp": f"{NOW}.0"},
        {"webhook_timestamp": f"0{NOW}"},
        {"webhook_timestamp": "1_614_265_330"},
        {"webhook_timestamp": "١٦١٤٢٦٥٣٣٠"},
        {"webhook_timestamp": "²"},
        {"webhook_timestamp": "1" * 400},
        {"webhook_timestamp": ""},
        {"webhook_signature": ""},
        {"webhook_signature": "v1,"},
        {"webhook_signature": SIGNATURE.lower()},
        {"webhook_signature": SIGNATURE.rstrip("=")},
        {"webhook_signature": SIGNATURE + "="},
        {"webhook_signature": SIGNATURE + "\n"},
        {"webhook_signature": SIGNATURE.replace("/", "_").replace("+", "-")},
        {"webhook_signature": SIGNATURE.removeprefix("v1,")},
        {"webhook_signature": SIGNATURE[:-4] + "AAA="},
    ],
)
def test_whatever_is_changed_is_refused(changes: dict[str, str]) -> None:
    assert not accepted(headers(**changes))


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(name: str) -> None:
    left = headers()
    del left[name]
    assert not accepted(left)


@given(st.binary(max_size=200))
def test_another_body_is_refused(body: bytes) -> None:
    assert accepted(headers(), body) is (body == BODY)


@given(
    st.dictionaries(st.sampled_from(list(headers())), st.text(max_size=80)),
    st.binary(max_size=50),
    st.text(max_size=60),
)
def test_odd_headers_and_secrets_are_refused_without_a_fault(
    odd: dict[str, str], body: bytes, secret: str
) -> None:
    assert not accepted({**headers(), **odd, "webhook-id": "another"}, body)
    verify(secret, {**headers(), **odd}, body, now=NOW, tolerance_seconds=300)


def test_a_lone_surrogate_in_a_header_is_refused_without_a_fault() -> None:
    for name in headers():
        assert not accepted({**headers(), name: "\ud800"})


def test_an_independent_verifier_of_ten_lines_accepts_what_we_sign() -> None:
    secret = make_secret()
    made = sign([secret], "evt_01", NOW, BODY)
    content = b".".join([made["webhook-id"].encode(), made["webhook-timestamp"].encode(), BODY])
    key = base64.b64decode(secret.split("_", 1)[1])
    digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert made["webhook-signature"] == f"v1,{digest}"
