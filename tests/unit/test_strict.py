"""How a JSON body is read: what is doubtful is refused, and everything that is wrong is named at once."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afriflow.checkout.request import CheckoutRequest
from afriflow.core.errors import InvalidRequest, MalformedBody, PanNotAllowed
from afriflow.core.language import say
from afriflow.routing.rules import Rules
from afriflow.web.strict import read_body

DEPTH_MAX = 20
GOOD = {"amount": 5000, "currency": "XOF", "country": "SN", "reference": "order-1"}


def read(body: Any, kind: Any = CheckoutRequest) -> Any:
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return read_body(raw, kind, depth_max=DEPTH_MAX)


def faults(body: Any, kind: Any = CheckoutRequest) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as raised:
        read(body, kind)
    found = {fault.pointer: fault.code for fault in raised.value.errors}
    assert len(found) == len(raised.value.errors), "one field was named twice"
    return found


def malformed(body: Any) -> str:
    with pytest.raises(MalformedBody) as raised:
        read(body)
    return str(raised.value.facts["reason"])


def test_a_good_body_is_read() -> None:
    assert read({**GOOD, "metadata": {"a": 1, "b": None, "c": True, "d": "é"}}).metadata["d"] == "é"


class TestWhatIsNoJson:
    @pytest.mark.parametrize(
        "body",
        [
            b"", b" ", b"{", b"}", b"{]", b"nul", b"{} {}", b"{'a': 1}", b'{"a": 1,}', b'{"a": 01}', b'{"a": .5}',
            b'{"a": 0x1}', b'{"a": "\x00"}', b'{"a": "\n"}', b"\x00", b"\xef\xbb\xbf{}", b'{"a": 1} // no', b"{a: 1}",
        ],
    )  # fmt: skip
    def test_it_is_malformed(self, body: bytes) -> None:
        assert malformed(body)

    @pytest.mark.parametrize(
        "body", [b"\xff", b'{"a": "\xe9"}', b'{"a": "\xed\xa0\x80"}', '{"a": 1}'.encode("utf-16")]
    )
    def test_it_must_be_utf_8(self, body: bytes) -> None:
        assert malformed(body) == "not UTF-8"

    @pytest.mark.parametrize("body", ["null", "[]", '"text"', "5", "true", "[{}]"])
    def test_it_must_be_an_object(self, body: str) -> None:
        assert malformed(body) == "not an object"

    @pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
    def test_what_is_no_number_is_refused_wherever_it_stands(self, name: str) -> None:
        assert malformed('{"metadata": {"a": ' + name + "}}") == f"{name} is no number"

    @pytest.mark.parametrize(
        "body", ['{"amount": 1, "amount": 1}', '{"a": {"b": [{"c": 1, "c": 2}]}}', '{"a": 1, "\\u0061": 2}']
    )
    def test_a_key_that_stands_twice_is_refused_at_any_depth(self, body: str) -> None:
        assert malformed(body).endswith("stands twice")

    @pytest.mark.parametrize("text", ['"\\ud800"', '"\\udfff x"', '{"\\ud83d": 1}', '"\\ud83d\\u0041"'])
    def test_half_of_a_surrogate_pair_is_refused(self, text: str) -> None:
        assert malformed('{"description": ' + text + "}") == "not UTF-8"

    def test_a_whole_surrogate_pair_is_a_character(self) -> None:
        assert (
            read(json.dumps({**GOOD, "description": "\N{BAGUETTE BREAD}"})).description
            == "\N{BAGUETTE BREAD}"
        )

    @pytest.mark.parametrize(
        "number", ["1" * 20, "1" * 21, "-" + "1" * 20, str(2**63), str(-(2**64)), "9" * 4301, "1" * 60_000]
    )
    def test_a_number_longer_than_any_amount_is_refused_without_being_computed(self, number: str) -> None:
        assert malformed('{"metadata": {"a": ' + number + "}}") == "a number is longer than any amount"

    @pytest.mark.parametrize("number", [2**63 - 1, -(2**63) + 1])
    def test_what_our_columns_hold_is_read_and_can_be_written_again(self, number: int) -> None:
        found = read({**GOOD, "metadata": {"a": number}})
        assert json.loads(msgspec.json.encode(found))["metadata"]["a"] == number


class TestDepth:
    # Around every limit there is: ours, those of the reader and of the interpreter, and far past them.
    @pytest.mark.parametrize("depth", [21, 22, 100, 330, 490, 500, 650, 900, 990, 1000, 1100, 5000, 30_000])
    @pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
    def test_too_deep_is_malformed(self, depth: int, opening: str, closing: str) -> None:
        inner = opening * (depth - 1) + "1" + closing * (depth - 1)
        assert malformed('{"metadata":' + inner + "}") == f"nested deeper than {DEPTH_MAX}"

    def test_as_deep_as_allowed_is_read_on(self) -> None:
        inner = '{"a":' * (DEPTH_MAX - 1) + "1" + "}" * (DEPTH_MAX - 1)
        assert faults({**GOOD, "metadata": json.loads(inner)}) == {"/metadata/a": "wrong_type"}


class TestFields:
    @pytest.mark.parametrize("amount", [5000.0, 0.5, "5000", True, None, [], {}, 1e300, -0.0])
    def test_an_amount_is_an_integer_and_nothing_like_it(self, amount: object) -> None:
        assert faults({**GOOD, "amount": amount}) == {"/amount": "wrong_type"}

    def test_an_exponent_makes_no_integer(self) -> None:
        assert faults('{"amount":5e3,"currency":"XOF","country":"SN","reference":"a"}') == {
            "/amount": "wrong_type"
        }

    def test_an_unknown_field_is_named_at_each_level(self) -> None:
        body = {
            **GOOD,
            "amout": 1,
            "customer": {"nom": "Awa"},
            "payment_method": {"phone": "771234567", "pin": "0000"},
        }
        assert faults(body) == {
            "/amout": "unknown_field",
            "/customer/nom": "unknown_field",
            "/payment_method/pin": "unknown_field",
        }

    @pytest.mark.parametrize(
        ("name", "pointer"),
        [
            ("a/b", "/a~1b"),
            ("a~b", "/a~0b"),
            ("~1", "/~01"),
            ("a.b", "/a.b"),
            ("", "/"),
            ("a`b", "/a`b"),
            ("a\nb", "/a\nb"),
        ],
    )
    def test_a_pointer_is_written_as_rfc_6901_says(self, name: str, pointer: str) -> None:
        assert faults({**GOOD, name: 1}) == {pointer: "unknown_field"}

    def test_all_that_is_missing_is_named(self) -> None:
        assert faults({}) == dict.fromkeys(("/amount", "/currency", "/country", "/reference"), "missing")
        assert faults({"amount": "x"}) == {
            "/amount": "wrong_type",
            **dict.fromkeys(("/currency", "/country", "/reference"), "missing"),
        }

    def test_many_faults_are_named_at_once(self) -> None:
        body = {
            "amount": "x",
            "currency": 5,
            "reference": "",
            "description": "d" * 201,
            "customer": {"name": 1, "email": 2, "zip": "x"},
            "payment_method": {"type": "cheque", "otp": 1234},
            "metadata": {"ok": 1, "float": 1.5, "list": [], "k" * 41: 1},
            "expires_in": "soon",
            "extra": None,
        }
        assert faults(body) == {
            "/amount": "wrong_type",
            "/currency": "wrong_type",
            "/country": "missing",
            "/reference": "too_short",
            "/description": "too_long",
            "/customer/name": "wrong_type",
            "/customer/email": "wrong_type",
            "/customer/zip": "unknown_field",
            "/payment_method/type": "invalid_value",
            "/payment_method/otp": "wrong_type",
            "/metadata/float": "wrong_type",
            "/metadata/list": "wrong_type",
            f"/metadata/{'k' * 41}": "too_long",
            "/expires_in": "wrong_type",
            "/extra": "unknown_field",
        }

    def test_faults_in_lists_are_named_by_their_place(self) -> None:
        body = {
            "rules": [{"prefer": ["a"]}, {"when": {"contry": "SN"}}, {"exclude": "a"}, {"prefer": ["a", 5]}]
        }
        found = faults(body, Rules)
        assert found["/rules/1/when/contry"] == "unknown_field"
        assert found["/rules/2/exclude"] == "wrong_type"

    def test_an_endless_list_of_faults_ends(self) -> None:
        assert len(faults({**GOOD, **{f"x{number}": 1 for number in range(500)}})) == 20
        assert len(faults({**GOOD, "metadata": {f"x{number}": [] for number in range(500)}})) == 20

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"reference": "a\x00b"}, "/reference"),
            ({"customer": {"name": "\x00"}}, "/customer/name"),
            ({"metadata": {"a": "\x00"}}, "/metadata/a"),
            ({"metadata": {"\x00": 1}}, "/metadata"),
            ({"\x00": 1}, ""),
        ],
    )
    def test_nul_which_no_column_holds_is_refused_wherever_it_stands(self, body: Any, pointer: str) -> None:
        assert faults({**GOOD, **body}) == {pointer: "invalid_text"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [*GOOD, "description", "customer", "payment_method", "metadata", "expires_in", "locale"]
)


@given(st.dictionaries(NAMES | st.text(max_size=8), JSON, max_size=8))
def test_whatever_json_comes_it_is_a_value_or_a_no_with_reasons(fields: dict[str, Any]) -> None:
    try:
        found = read(json.dumps({**GOOD, **fields}))
    except InvalidRequest as error:
        spoken = [say(f"field.{fault.code}", "fr", **fault.facts) for fault in error.errors]
    except MalformedBody as error:
        spoken = [str(error.facts["reason"])]
    except PanNotAllowed as error:
        spoken = [str(error.facts["pointer"])]
    else:
        # What was read can be fingerprinted, which is to say written.
        spoken = [msgspec.json.encode(found, order="deterministic").decode()]
    assert spoken
    assert all(spoken)


@given(st.binary(max_size=200))
def test_whatever_bytes_come_it_is_a_value_or_a_no(body: bytes) -> None:
    with pytest.raises((InvalidRequest, MalformedBody)):
        read(body)


@given(st.text(alphabet='{}[]",:\\u0dDeE+-.1 atrulsn', max_size=60))
def test_whatever_looks_like_json_is_a_value_or_a_no(body: str) -> None:
    with pytest.raises((InvalidRequest, MalformedBody)):
        read(body)
