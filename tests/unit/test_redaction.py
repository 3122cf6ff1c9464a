"""What is kept or logged of a conversation shows no secret and no whole phone number."""

import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afriflow.observe import log
from afriflow.port.http import LOGGED_CHARACTERS_MAX, redact_body, redact_headers
from afriflow.port.provider import Secret


class TestHeaders:
    @pytest.mark.parametrize(
        "name",
        [
            "Authorization",
            "authorization",
            "PAYDUNYA-MASTER-KEY",
            "PAYDUNYA-PRIVATE-KEY",
            "PAYDUNYA-TOKEN",
            "Cookie",
            "Set-Cookie",
        ],
    )
    def test_a_secret_header_is_hidden_however_it_is_written(self, name: str) -> None:
        assert redact_headers({name: "canary"}) == {name: "•••"}

    def test_the_others_stay_readable(self) -> None:
        kept = {"Content-Type": "application/json", "Signature": "sig-pp=:abc=:"}
        assert redact_headers(kept) == kept


class TestBodies:
    @pytest.mark.parametrize(
        "name",
        [
            "otp",
            "otp_code",
            "orange_money_otp",
            "preAuthorisationCode",
            "PIN",
            "user_pin",
            "password",
            "secret",
            "client_secret",
            "hash",
            "cvv",
            "card_number",
            "authorization_code",
        ],
    )
    def test_a_secret_field_is_hidden_at_any_depth(self, name: str) -> None:
        for body in ({name: "canary"}, {"a": [{"b": {name: "canary"}}]}, {name: {"deep": "canary"}}):
            text = redact_body(json.dumps(body).encode())
            assert "canary" not in text
            assert "•••" in text

    @pytest.mark.parametrize("name", ["shopping", "hashtag", "pinned", "secretary", "otpion"])
    def test_a_field_that_only_sounds_like_one_stays(self, name: str) -> None:
        assert json.loads(redact_body(json.dumps({name: "plain"}).encode())) == {name: "plain"}

    @pytest.mark.parametrize(
        "number", ["221771234567", "+221771234567", "771234567", "0707080910", "22997000000"]
    )
    @pytest.mark.parametrize("around", ['{"x": "%s"}', '{"x": "to %s,"}', "to %s, please", "a=%s&b"])
    def test_a_long_number_is_masked_in_json_and_in_anything_else(self, number: str, around: str) -> None:
        text = redact_body((around % number).encode())
        assert number.lstrip("+")[-9:] not in text
        assert "•••" in text

    def test_a_long_number_at_the_end_of_a_sentence_is_masked(self) -> None:
        assert "771234567" not in redact_body(b'{"message": "No wallet has 771234567."}')

    def test_a_number_that_is_a_json_number_is_masked_too(self) -> None:
        assert "771234567" not in redact_body(b'{"phone": 221771234567}')

    @pytest.mark.parametrize("name", ["phone", "payer_phone", "customerMsisdn", "PhoneNumber"])
    def test_a_short_national_number_is_hidden_where_the_name_says_what_it_is(self, name: str) -> None:
        for value in ("90123456", 90123456):
            assert "90123456" not in redact_body(json.dumps({name: value}).encode())

    def test_amounts_dates_and_ids_stay_readable(self) -> None:
        body = {
            "amount": "5000000",
            "created": "2026-11-22T12:00:00Z",
            "depositId": "b2f7c1de-0000-4000-8000-000000000001",
            "date": 20261122,
        }
        assert json.loads(redact_body(json.dumps(body).encode())) == body

    @pytest.mark.parametrize("body", [b"data%5Bhash%5D=0123abcdef&x=1", b"data[hash]=0123abcdef&x=1"])
    def test_the_hash_in_a_form_is_hidden(self, body: bytes) -> None:
        text = redact_body(body)
        assert "0123abcdef" not in text
        assert text.endswith("&x=1")

    def test_it_is_cut_to_what_a_row_holds(self) -> None:
        assert len(redact_body(b"x" * 1_000_000)) == LOGGED_CHARACTERS_MAX

    def test_a_nul_which_postgresql_has_not_is_replaced(self) -> None:
        assert "\x00" not in redact_body(b"a\x00b")
        redact_body(b'{"a": "\\u0000"}').encode()

    @given(st.binary(max_size=500))
    def test_any_bytes_can_be_kept(self, body: bytes) -> None:
        assert "\x00" not in redact_body(body)

    def test_depth_is_no_fault(self) -> None:
        assert redact_body(b"[" * 100_000)
        assert redact_body(b'{"a":' * 900 + b"1" + b"}" * 900)

    def test_what_cannot_be_stored_as_text_is_replaced(self) -> None:
        redact_body(b'{"a": "\\ud800"}').encode()


class TestLogs:
    @pytest.mark.parametrize(
        ("text", "hidden"),
        [
            ("called +221771234567 twice", "1234567"),
            ("key sk_test_BNizO4aLNL09TU5y2LIILAIrcSUtHvE1ihd7BT9WV2I refused", "BNizO4aL"),
            ("sk_live_abcdefgh12345678", "abcdefgh"),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw==", "MfKQ9r8G"),
        ],
    )
    def test_keys_and_numbers_are_taken_out_of_whatever_is_logged(self, text: str, hidden: str) -> None:
        for name in ("event", "reason", "exception"):
            event: MutableMapping[str, Any] = {name: text}
            assert hidden not in log._scrub(None, "", event)[name]

    def test_ids_amounts_and_times_stay(self) -> None:
        event = {
            "transaction_id": "txn_01m82cxbkpcvfw5j24qz8cmbzc",
            "seconds": 5,
            "at": "2026-11-22T12:00:00Z",
        }
        assert log._scrub(None, "", dict(event)) == event


def test_a_secret_shows_itself_to_nobody_who_does_not_ask() -> None:
    secret = Secret("canary")
    for text in (repr(secret), str(secret), f"{secret}", f"{secret!r}", repr([secret]), repr({"a": secret})):
        assert "canary" not in text
    assert secret.reveal() == "canary"
