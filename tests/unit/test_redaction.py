"""What is kept or logged of a conversation shows no secret and no whole phone number."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afriflow.core.evidence import (
    Evidence,
    Failed,
    Missing,
    NotSent,
    Pending,
    Refused,
    Source,
    Unclear,
    Word,
)
from afriflow.core.method import Failure, FailureCode
from afriflow.ledger.said import fit_to_keep
from afriflow.observe.redact import redact, redact_text
from afriflow.port.http import LOGGED_CHARACTERS_MAX, redact_body, redact_headers, secrets_in
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

    @pytest.mark.parametrize(
        "number",
        ["4111111111111111", "4111 1111 1111 1111", "77 123 45 67", "+221 77 123 45 67", "77-123-45-67"],
    )
    @pytest.mark.parametrize("around", ['{"x": "%s"}', "no wallet has %s, sorry"])
    def test_cards_and_numbers_in_groups_are_masked_too(self, number: str, around: str) -> None:
        assert number not in redact_body((around % number).encode())

    def test_an_answer_that_quotes_what_was_sent_gives_away_no_secret_of_it(self) -> None:
        headers = {
            "Authorization": "Bearer canary-token",
            "X-Key": "canary-key",
            "Accept": "application/json",
        }
        body = {
            "orange_money_otp": "canary-otp",
            "phone_number": 90123456,
            "deep": [{"pin": "4321"}],
            "a": 5000,
        }
        quoted = f"{headers} {body} 5000 application/json".encode()
        sent = secrets_in(headers, json.dumps(body).encode())
        assert sent == {"canary-token", "canary-key", "canary-otp", "90123456", "4321"}
        for answer in (quoted, json.dumps({"message": quoted.decode()}).encode()):
            text = redact_body(answer, sent)
            assert [secret for secret in sent if secret in text] == []
            assert "5000 application/json" in text

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


class TestWhatLeavesTheHouse:
    @pytest.mark.parametrize(
        ("text", "hidden"),
        [
            ("called +221771234567 twice", "1234567"),
            ("called 00221771234567 twice", "1234567"),
            ("'221771234567'", "1234567"),
            ("to 771234567.", "771234567"),
            ("to +221 77 123 45 67, now", "123 45 67"),
            ("to 77 123 45 67", "123 45 67"),
            ("to 77-123-45-67", "123-45-67"),
            ("to 07 07 12 34 56", "07 12 34"),
            ("key sk_test_BNizO4aLNL09TU5y2LIILAIrcSUtHvE1ihd7BT9WV2I refused", "BNizO4aL"),
            ("sk_live_abcdefgh12345678", "abcdefgh"),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw==", "MfKQ9r8G"),
            ("Authorization: Bearer abcdefghijk", "abcdefghijk"),
            ("jwt eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "c2ln"),
            ("postgresql://afriflow:hunter2@db/afriflow", "hunter2"),
            ('{"password": "correct horse"}', "horse"),
            ("otp=123456&x=1", "123456"),
            ("https://pay.example/pay/0123456789abcdefghjkmnpqrstvwxyz", "0123456789abcdef"),
            ("card 4111 1111 1111 1111", "1111 1111"),
            ("card 5555555555554444", "5555"),
            ("asked by awa.ndiaye+shop@payer.example", "awa.ndiaye"),
            ("?email=awa%40payer.example", "awa"),
            ("session Zk3vQ8wLr1Nf6Xc0Yb9Td4Ga7Hs2Jm5Pq8Ue1Io3Wx0y", "Zk3vQ8wL"),
            ("link 7g3nw0c9k2hx5rz8qy1mvt4pjd6sbfae", "7g3nw0c9"),
            ("secret JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "JBSWY3DP"),
            ("code 7hq2-m4kd-9xwp-7hq2-m4kd-9xwp", "m4kd"),
        ],
    )
    def test_keys_cards_and_numbers_are_taken_out_of_whatever_is_said(self, text: str, hidden: str) -> None:
        for value in (text, [text], {"deep": {"er": (text, 1)}}, ValueError(text), {text}):
            assert hidden not in repr(redact(value))

    @pytest.mark.parametrize("name", ["otp", "payer_phone", "Authorization", "set-cookie", "body", "api_key"])
    def test_what_is_called_a_secret_is_hidden_whatever_it_looks_like(self, name: str) -> None:
        assert redact({name: "plain"}) == {name: "•••"}

    def test_ids_amounts_addresses_and_times_stay(self) -> None:
        event = {
            "transaction_id": "txn_01m82cxbkpcvfw5j24qz8cmbzc",
            "provider_id": "b2f7c1de-1234-4000-8000-000000000001",
            "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
            "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "place": "src/afriflow/ledger/record_out.py, line 70, in _look_after_cause",
            "release": "afriflow@0.1.0",
            "seconds": 5,
            "amount": "5 000 F CFA",
            "job_id": "12345678",
            "at": "2026-11-22T12:00:00.123456Z",
            "when": "2026-11-22 12:00:00",
            "where": "127.0.0.1:5432",
            "tasks": ["process", "deliver"],
            "nothing": None,
        }
        assert redact(event) == event

    @given(st.text(max_size=200))
    def test_any_text_can_be_looked_at_and_looking_twice_changes_nothing_more(self, text: str) -> None:
        once = redact_text(text)
        assert redact_text(once) == once


SAID = "no wallet has 70123456 (221771234567, awa@payer.example), key sk_test_abcdefgh1234"


@pytest.mark.parametrize(
    "word",
    [
        Failed(Failure(FailureCode.UNSPECIFIED, "70123456", SAID)),
        Refused(Failure(FailureCode.INVALID_PHONE, None, SAID), elsewhere=False),
        NotSent(Failure(FailureCode.PROVIDER_UNAVAILABLE, None, SAID)),
        Unclear(SAID, alert=True),
    ],
)
def test_a_providers_reason_is_kept_without_whom_it_is_about(word: Word) -> None:
    kept = fit_to_keep(Evidence(Source.VERIFY, word)).word
    assert type(kept) is type(word)
    assert "no wallet has •••" in repr(kept)
    for secret in ("70123456", "1234567", "awa", "abcdefgh"):
        assert secret not in repr(kept)


def test_a_word_without_a_reason_is_kept_as_it_is() -> None:
    for word in (Pending(), Missing(), Failed(Failure(FailureCode.PAYER_DECLINED))):
        evidence = Evidence(Source.ANSWER, word, "provider-reference-123456789")
        assert fit_to_keep(evidence) == evidence


def test_a_secret_shows_itself_to_nobody_who_does_not_ask() -> None:
    secret = Secret("canary")
    for text in (repr(secret), str(secret), f"{secret}", f"{secret!r}", repr([secret]), repr({"a": secret})):
        assert "canary" not in text
    assert secret.reveal() == "canary"
