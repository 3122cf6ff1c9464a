"""Whatever is sent, the answer is a clear no, never a 5xx, and no payment moves by it."""

import asyncio
import base64
import hashlib
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from afriflow.core.clock import SystemClock
from afriflow.core.ids import Ids
from afriflow.core.language import say
from afriflow.core.operator import countries, operators
from afriflow.core.transaction import Mode
from afriflow.ledger.notification import read_body
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.api_keys import make_key
from afriflow.port.factory import specs
from afriflow.providers.pawapay.signatures import Signed, sign

METHOD = {"type": "mobile_money", "operator": "orange_sn", "phone": "+221771234567"}


def a_phone() -> str:
    return "+22177" + str(uuid.uuid4().int)[:7]


def a_body(**fields: Any) -> dict[str, Any]:
    reference = f"bad-{uuid.uuid4().hex[:12]}"
    return {"amount": 5000, "currency": "XOF", "country": "SN", "reference": reference, **fields}


@pytest.fixture(scope="module")
def about(rows: Any, vault: Any) -> Any:
    """Finds the notifications that were kept with these bytes, in the order in which they came."""

    async def look(body: bytes) -> list[Any]:
        newest = await rows.fetch("SELECT * FROM webhook_events ORDER BY id DESC LIMIT 200")
        return [row for row in reversed(newest) if await read_body(rows, vault, row) == body]

    return look


@pytest.fixture(scope="module")
async def stranger(demo: dict[str, Any], rows: Any, vault: Any, people: Any, session: Any) -> Any:
    """Another merchant of the same installation, with a test and a live key."""
    merchant_id = await make_merchant(rows, Ids(SystemClock()), name="Stranger", country="GH", language="en")
    keys = {
        mode: await make_key(rows, vault, Ids(SystemClock()), merchant_id=merchant_id, mode=mode)
        for mode in Mode
    }
    merchant, _ = people(session, demo["url"], keys[Mode.TEST], demo["phone_url"])
    merchant.live_key = keys[Mode.LIVE]
    return merchant


@pytest.fixture
def refused(merchant: Any) -> Any:
    """Sends what must be refused, and holds the answer to the contract of every problem document."""

    async def send(
        method: str, path: str, body: Any = None, *, status: int, code: str, headers: Any = None, **how: Any
    ) -> Any:
        given, problem = await merchant.call(method, path, body, headers=headers, **how)
        assert given == status, (given, problem)
        check_problem(merchant.last_headers, problem, given, path)
        assert problem["code"] == code, problem
        return problem

    return send


def check_problem(headers: Any, problem: Any, status: int, path: str) -> None:
    assert headers["content-type"].partition(";")[0] == "application/problem+json"
    assert set(problem) >= {"type", "title", "status", "detail", "instance", "code"}
    assert problem["status"] == status
    assert problem["type"] == f"urn:afriflow:error:{problem['code']}"
    assert problem["detail"]
    assert "{" not in problem["detail"]
    for fault in problem.get("errors", []):
        assert set(fault) == {"pointer", "code", "detail"}
        assert fault["detail"]


@pytest.fixture
def faulty(refused: Any) -> Any:
    """Sends a checkout that must be refused with exactly these faults."""

    async def send(body: Any, expected: dict[str, str]) -> Any:
        problem = await refused(
            "POST",
            "/api/checkout",
            body,
            headers={"idempotency-key": uuid.uuid4().hex},
            status=422,
            code="invalid_request",
        )
        assert {fault["pointer"]: fault["code"] for fault in problem["errors"]} == expected
        return problem

    return send


class TestFieldsOfACheckout:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"amout": 5000}, {"/amout": "unknown_field"}),
            ({"customer": {"age": 30}}, {"/customer/age": "unknown_field"}),
            ({"payment_method": {**METHOD, "pin": "0000"}}, {"/payment_method/pin": "unknown_field"}),
            ({"amount": "5000"}, {"/amount": "wrong_type"}),
            ({"amount": 5000.0}, {"/amount": "wrong_type"}),
            ({"amount": True}, {"/amount": "wrong_type"}),
            ({"amount": None}, {"/amount": "wrong_type"}),
            ({"amount": 0}, {"/amount": "amount_not_positive"}),
            ({"amount": -1}, {"/amount": "amount_not_positive"}),
            ({"amount": 1_000_000_000_001}, {"/amount": "amount_too_large"}),
            ({"amount": 2**63 - 1}, {"/amount": "amount_too_large"}),
            ({"currency": "XXX"}, {"/currency": "unknown_currency"}),
            ({"currency": "xof"}, {"/currency": "unknown_currency"}),
            ({"currency": "EUR"}, {"/currency": "currency_not_of_country"}),
            ({"country": "FR"}, {"/country": "unknown_country"}),
            ({"country": "sn"}, {"/country": "unknown_country"}),
            ({"country": ""}, {"/country": "unknown_country"}),
            ({"reference": ""}, {"/reference": "too_short"}),
            ({"reference": "x" * 101}, {"/reference": "too_long"}),
            ({"reference": "a\tb\x07"}, {"/reference": "invalid_text"}),
            ({"description": "x" * 201}, {"/description": "too_long"}),
            ({"customer": {"phone": "+33612345678"}}, {"/customer/phone": "invalid_phone"}),
            ({"customer": {"email": "nobody"}}, {"/customer/email": "invalid_email"}),
            ({"customer": {"email": "a\x01@example.test"}}, {"/customer/email": "invalid_email"}),
            ({"customer": []}, {"/customer": "wrong_type"}),
            ({"payment_method": {**METHOD, "type": "cheque"}}, {"/payment_method/type": "invalid_value"}),
            ({"payment_method": {**METHOD, "phone": "+2250707080910"}}, {"/payment_method/phone": "invalid_phone"}),
            ({"payment_method": {**METHOD, "phone": "12"}}, {"/payment_method/phone": "invalid_phone"}),
            ({"payment_method": {"operator": "orange_sn"}}, {"/payment_method/phone": "phone_missing"}),
            ({"payment_method": {**METHOD, "operator": "orange_ci"}}, {"/payment_method/operator": "unknown_operator"}),
            ({"payment_method": {**METHOD, "operator": "acme_sn"}}, {"/payment_method/operator": "unknown_operator"}),
            ({"payment_method": {**METHOD, "otp": "12 34"}}, {"/payment_method/otp": "invalid_otp"}),
            ({"payment_method": {"type": "card", "phone": "771234567"}}, {"/payment_method": "unexpected_operator"}),
            ({"return_url": "javascript:alert(1)"}, {"/return_url": "invalid_url"}),
            ({"return_url": "https://a b/"}, {"/return_url": "invalid_url"}),
            ({"cancel_url": "https://user:pass@shop.example/"}, {"/cancel_url": "invalid_url"}),
            ({"cancel_url": "https://shop.example:99999/"}, {"/cancel_url": "invalid_url"}),
            ({"cancel_url": "http://[::1"}, {"/cancel_url": "invalid_url"}),
            ({"metadata": {"a": 1.5}}, {"/metadata/a": "wrong_type"}),
            ({"metadata": {"a": {"b": 1}}}, {"/metadata/a": "wrong_type"}),
            ({"metadata": {"k" * 41: 1}}, {f"/metadata/{'k' * 41}": "too_long"}),
            ({"metadata": {"a": "x" * 501}}, {"/metadata": "metadata_too_large"}),
            ({"metadata": {f"k{n}": n for n in range(51)}}, {"/metadata": "metadata_too_large"}),
            ({"expires_in": 1}, {"/expires_in": "expires_in_out_of_bounds"}),
            ({"expires_in": 604_801}, {"/expires_in": "expires_in_out_of_bounds"}),
            ({"locale": "de"}, {"/locale": "unknown_locale"}),
        ],
    )  # fmt: skip
    async def test_what_is_wrong_is_named_with_its_place(
        self, faulty: Any, fields: dict[str, Any], expected: dict[str, str]
    ) -> None:
        await faulty(a_body(**fields), expected)

    async def test_everything_that_is_wrong_is_named_at_once(self, faulty: Any) -> None:
        body = a_body(
            amount=0, currency="EUR", locale="de", return_url="x", customer={"email": "x", "phone": "1"}
        )
        expected = {
            "/amount": "amount_not_positive",
            "/currency": "currency_not_of_country",
            "/locale": "unknown_locale",
            "/return_url": "invalid_url",
            "/customer/email": "invalid_email",
            "/customer/phone": "invalid_phone",
        }
        await faulty(body, expected)

    async def test_all_that_is_missing_is_named(self, faulty: Any) -> None:
        await faulty({}, dict.fromkeys(("/amount", "/currency", "/country", "/reference"), "missing"))

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"reference": "a\x00"}, "/reference"),
            ({"description": "\x00"}, "/description"),
            ({"currency": "XOF\x00"}, "/currency"),
            ({"country": "S\x00"}, "/country"),
            ({"customer": {"name": "\x00"}}, "/customer/name"),
            ({"customer": {"email": "a\x00@example.test"}}, "/customer/email"),
            ({"customer": {"phone": "\x0077 123 45 67"}}, "/customer/phone"),
            ({"payment_method": {**METHOD, "operator": "orange_sn\x00"}}, "/payment_method/operator"),
            ({"payment_method": {**METHOD, "phone": "\x00771234567"}}, "/payment_method/phone"),
            ({"payment_method": {**METHOD, "otp": "\x00"}}, "/payment_method/otp"),
            ({"return_url": "https://a/\x00"}, "/return_url"),
            ({"metadata": {"a": "\x00"}}, "/metadata/a"),
            ({"metadata": {"a\x00": 1}}, "/metadata"),
            ({"locale": "\x00"}, "/locale"),
        ],
    )
    async def test_a_nul_is_refused_in_every_text(self, faulty: Any, fields: Any, pointer: str) -> None:
        await faulty(a_body(**fields), {pointer: "invalid_text"})

    async def test_odd_but_harmless_text_is_kept_as_it_is(self, merchant: Any) -> None:
        name = "Ọlá 'Robert\"); DROP TABLE 🥖 <script> \u202e {x} %s"
        status, made = await merchant.checkout(
            customer={"name": name}, description=name, metadata={name[:40]: name, "n": 2**63 - 1}
        )
        assert status == 201, made
        read = await merchant.read(made["id"])
        assert (read["customer"]["name"], read["description"]) == (name, name)
        assert read["metadata"] == {name[:40]: name, "n": 2**63 - 1}

    async def test_an_operator_whom_nobody_carries_is_refused_with_each_reason(
        self, refused: Any, merchant: Any
    ) -> None:
        carried = {route.operator for spec in specs().values() for route in spec.routes}
        nobodys = next(operator for operator in operators().values() if operator.id not in carried)
        country = countries()[nobodys.country]
        method = {"operator": nobodys.id, "phone": country.calling_code + "7712345678"}
        body = a_body(country=country.alpha2, currency=country.currencies[0], payment_method=method)
        problem = await refused(
            "POST",
            "/api/checkout",
            body,
            headers={"idempotency-key": uuid.uuid4().hex},
            status=422,
            code="no_route",
        )
        assert {item["provider"] for item in problem["considered"]} == set(specs())
        assert {item["code"] for item in problem["considered"]} <= {"operator", "country", "currency"}
        assert all(item["why"] and item["account"] for item in problem["considered"])
        _, found = await merchant.call("GET", f"/api/transactions?reference={body['reference']}")
        assert found["data"] == []

    async def test_an_amount_below_what_anybody_takes_says_how_much_that_is(self, refused: Any) -> None:
        body = a_body(amount=199, payment_method={**METHOD, "operator": "expresso_sn"})
        problem = await refused(
            "POST",
            "/api/checkout",
            body,
            headers={"idempotency-key": uuid.uuid4().hex},
            status=422,
            code="no_route",
        )
        reasons = {item["provider"]: item for item in problem["considered"]}
        assert reasons["paydunya"]["code"] == "below_minimum"
        assert "200" in reasons["paydunya"]["why"]


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"", b"{", b"nonsense", b"[]", b"null", b'"text"', b"5", b"\xff\xfe", b'{"amount": NaN}', b"\x00" * 100,
            b'{"amount": Infinity}', b'{"amount": 1, "amount": 2}', b'{"customer": {"name": "a", "name": "b"}}',
            b'{"reference": "\\ud800"}', b'{"amount": ' + b"9" * 5000 + b"}", b'{"amount": 99999999999999999999}',
            b'{"metadata":' + b'{"a":' * 25 + b"1" + b"}" * 25 + b"}", b"[" * 30_000, b'{"a":' * 700 + b"1" + b"}" * 700,
        ],
    )  # fmt: skip
    async def test_what_is_no_json_as_we_want_it_is_malformed(self, refused: Any, body: bytes) -> None:
        headers = {"idempotency-key": uuid.uuid4().hex, "content-type": "application/json"}
        await refused("POST", "/api/checkout", data=body, headers=headers, status=400, code="malformed_body")

    @pytest.mark.parametrize("size", [64 * 1024 + 1, 1_000_000])
    async def test_a_body_that_is_too_large_is_refused_by_its_size(self, refused: Any, size: int) -> None:
        headers = {"idempotency-key": uuid.uuid4().hex, "content-type": "application/json"}
        body = json.dumps(a_body(description="x" * size)).encode()
        problem = await refused(
            "POST", "/api/checkout", data=body, headers=headers, status=413, code="body_too_large"
        )
        assert "65536" in problem["detail"].replace("\u202f", "").replace(" ", "")

    async def test_a_body_that_does_not_say_its_size_is_refused_too(self, refused: Any) -> None:
        async def endless() -> AsyncIterator[bytes]:
            for _ in range(40):
                yield b" " * 4096

        headers = {"idempotency-key": uuid.uuid4().hex, "content-type": "application/json"}
        await refused(
            "POST", "/api/checkout", data=endless(), headers=headers, status=413, code="body_too_large"
        )

    @pytest.mark.parametrize(
        "content_type",
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json", ""],
    )
    async def test_another_content_type_is_refused(self, refused: Any, content_type: str) -> None:
        await refused(
            "POST",
            "/api/checkout",
            data=json.dumps(a_body()).encode(),
            headers={"idempotency-key": uuid.uuid4().hex, "content-type": content_type},
            status=415,
            code="unsupported_media_type",
        )

    @pytest.mark.parametrize(
        ("method", "path", "body", "pointer"),
        [
            ("POST", "/api/webhook-endpoints", {"url": "https://shop.example/\x00"}, "/url"),
            ("POST", "/api/webhook-endpoints", {"url": "https://shop.example", "x": 1}, "/x"),
            ("POST", "/api/webhook-endpoints", {}, "/url"),
            ("POST", "/api/webhook-endpoints", {"url": "ftp://shop.example"}, "/url"),
            ("POST", "/api/webhook-endpoints", {"url": "https://" + "x" * 2000}, "/url"),
            ("POST", "/api/providers/any/pause", {"reason": "\x00"}, "/reason"),
            ("POST", "/api/providers/any/pause", {"reason": ""}, "/reason"),
            ("PUT", "/api/routing/rules", {"rules": [{"prefer": ["\x00"]}]}, "/rules/0/prefer/0"),
            ("PUT", "/api/routing/rules", {"rules": [{"when": {"amount_min": 1.5}}]}, "/rules/0/when/amount_min"),
            ("PUT", "/api/routing/rules", {"rules": [{}] * 101}, "/rules"),
            ("POST", "/api/routing/preview", a_body(), "/payment_method"),
            ("POST", "/api/transactions/txn_x/confirm", {"otp": "\x00"}, "/otp"),
            ("POST", "/api/transactions/txn_x/confirm", {"otp": "1 2"}, "/otp"),
            ("POST", "/api/transactions/txn_x/confirm", {"pin": "1"}, "/pin"),
        ],
    )  # fmt: skip
    async def test_every_other_body_is_read_as_strictly(
        self, refused: Any, method: str, path: str, body: Any, pointer: str
    ) -> None:
        problem = await refused(method, path, body, status=422, code="invalid_request")
        assert [fault["pointer"] for fault in problem["errors"]] == [pointer]


class TestKeysAndReferences:
    async def test_a_checkout_without_a_key_is_refused(self, refused: Any) -> None:
        await refused("POST", "/api/checkout", a_body(), status=400, code="idempotency_key_missing")

    @pytest.mark.parametrize("key", ["", " ", '""', "é", "a\tb", "x" * 256, '" "'])
    async def test_a_key_that_is_none_is_refused(self, refused: Any, key: str) -> None:
        code = "idempotency_key_malformed" if key.strip() else "idempotency_key_missing"
        await refused(
            "POST", "/api/checkout", a_body(), headers={"idempotency-key": key}, status=400, code=code
        )

    @pytest.mark.parametrize("key", ["x", "x" * 255, "a b", "order:1042/é".replace("é", "e"), '"', "{}"])
    async def test_any_other_key_will_do(self, merchant: Any, key: str) -> None:
        status, made = await merchant.checkout(key=f"{key[:200]}")
        assert status == 201, made
        status, again = await merchant.checkout(key=f"{key[:200]}")
        assert (status, again["code"]) == (422, "idempotency_key_reused")

    async def test_a_reference_that_is_taken_names_its_payment(self, refused: Any, merchant: Any) -> None:
        body = a_body()
        status, made = await merchant.checkout(**body)
        assert status == 201
        problem = await refused(
            "POST",
            "/api/checkout",
            {**body, "amount": 1},
            headers={"idempotency-key": uuid.uuid4().hex},
            status=409,
            code="reference_taken",
        )
        assert problem["transaction_id"] == made["id"]
        assert made["id"] in problem["detail"]

    async def test_the_same_key_and_reference_of_another_merchant_are_no_matter(
        self, merchant: Any, stranger: Any
    ) -> None:
        key, body = uuid.uuid4().hex, a_body()
        status, mine = await merchant.checkout(key=key, **body)
        assert status == 201
        status, theirs = await stranger.checkout(key=key, **body)
        assert status == 201
        assert mine["id"] != theirs["id"]


class TestWhoAsks:
    @pytest.mark.parametrize(
        "authorization",
        ["", "Bearer", "Bearer ", "Basic c2s6", "Bearer sk_test_wrong", "Bearer sk_live_wrong", "sk_test_x",
         "Bearer sk_test_" + "x" * 5000, "Bearer sk_test_é", "Bearer sk_test_x y"],
    )  # fmt: skip
    async def test_without_a_valid_key_nothing_is_read(
        self, session: Any, demo: Any, authorization: str
    ) -> None:
        for method, path in (
            ("GET", "/api/transactions"),
            ("POST", "/api/checkout"),
            ("GET", "/api/providers"),
        ):
            headers = {"authorization": authorization.encode().decode("latin-1")}
            async with session.request(method, demo["url"] + path, headers=headers, data=b"{") as response:
                problem = await response.json(content_type=None)
                assert response.status == 401
                assert response.headers["www-authenticate"] == "Bearer"
                check_problem(response.headers, problem, 401, path)

    async def test_a_key_of_one_mode_does_not_pass_for_the_other(
        self, session: Any, demo: Any, stranger: Any
    ) -> None:
        turned = stranger.api_key.replace("sk_test_", "sk_live_")
        headers = {"authorization": f"Bearer {turned}"}
        async with session.get(demo["url"] + "/api/transactions", headers=headers) as response:
            assert response.status == 401

    async def test_what_belongs_to_somebody_else_is_not_there(
        self, merchant: Any, stranger: Any, people: Any, session: Any, demo: Any
    ) -> None:
        made = await merchant.pay("orange_sn", a_phone())
        account = made["attempts"][0]["account"]
        _, told = await merchant.call("GET", f"/api/events?transaction={made['id']}")
        _, ends = await merchant.call("GET", "/api/webhook-endpoints")
        requests: list[tuple[str, str, Any]] = [
            ("GET", f"/api/transactions/{made['id']}", None),
            ("POST", f"/api/transactions/{made['id']}/cancel", None),
            ("POST", f"/api/transactions/{made['id']}/verify", None),
            ("POST", f"/api/transactions/{made['id']}/confirm", {"otp": "1234"}),
            ("POST", f"/api/events/{told['data'][0]['id']}/resend", None),
            ("DELETE", f"/api/webhook-endpoints/{ends['data'][0]['id']}", None),
            ("POST", f"/api/providers/{account}/pause", {"reason": "mine now"}),
            ("POST", f"/api/providers/{account}/resume", None),
        ]
        live, _ = people(session, demo["url"], stranger.live_key, "")
        for other in (stranger, live):
            for method, path, body in requests:
                status, problem = await other.call(method, path, body)
                assert (status, problem["code"]) == (404, "not_found"), path
            for path in ("/api/transactions", "/api/events", "/api/webhook-endpoints", "/api/providers"):
                assert made["id"] not in str(await other.call("GET", path))
        assert (await merchant.read(made["id"]))["status"] == "processing"

    async def test_what_is_not_there_is_answered_alike(self, refused: Any) -> None:
        for transaction_id in ("txn_nothing", "x" * 3000, "%2e%2e", "a'--", "txn_%F0%9F%A5%96", "%ff", "0"):
            await refused("GET", f"/api/transactions/{transaction_id}", status=404, code="not_found")


class TestWhatIsNotPossibleNow:
    async def test_an_open_attempt_cannot_be_cancelled_or_confirmed(
        self, refused: Any, merchant: Any
    ) -> None:
        made = await merchant.pay("orange_sn", a_phone())
        path = f"/api/transactions/{made['id']}"
        await refused("POST", f"{path}/cancel", status=409, code="not_cancellable")
        await refused("POST", f"{path}/confirm", {"otp": "1234"}, status=409, code="not_confirmable")
        await refused("POST", f"{path}/confirm", {}, status=409, code="not_confirmable")
        await refused(
            "POST", f"{path}/confirm", {"payment_method": METHOD}, status=409, code="not_confirmable"
        )
        assert (await merchant.read(made["id"]))["status"] == "processing"

    async def test_nothing_can_be_verified_before_it_was_sent(self, refused: Any, merchant: Any) -> None:
        _, made = await merchant.checkout()
        await refused("POST", f"/api/transactions/{made['id']}/verify", status=409, code="not_verifiable")

    async def test_a_cancelled_payment_stays_cancelled(self, refused: Any, merchant: Any) -> None:
        _, made = await merchant.checkout()
        path = f"/api/transactions/{made['id']}"
        for _ in range(2):
            status, cancelled = await merchant.call("POST", f"{path}/cancel")
            assert (status, cancelled["status"]) == (200, "cancelled")
        await refused(
            "POST", f"{path}/confirm", {"payment_method": METHOD}, status=409, code="not_confirmable"
        )

    async def test_a_paid_payment_cannot_be_cancelled(self, refused: Any, merchant: Any, demo: Any) -> None:
        await refused(
            "POST", f"/api/transactions/{demo['first_payment']}/cancel", status=409, code="not_cancellable"
        )


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "/api",
            "/api/nothing",
            "/api/checkout/x",
            "/api/v1/checkout",
            "/nothing",
            "/api/transactions/a/b/c",
        ],
    )
    async def test_an_unknown_route_is_not_there(self, refused: Any, path: str) -> None:
        await refused("GET", path, status=404, code="not_found")

    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", "/api/checkout"), ("DELETE", "/api/checkout"), ("PATCH", "/api/transactions"), ("PUT", "/api/events"), ("DELETE", "/api/webhooks/pawapay")],
    )  # fmt: skip
    async def test_a_wrong_method_is_said_to_be_one(self, refused: Any, method: str, path: str) -> None:
        await refused(method, path, status=405, code="method_not_allowed")

    async def test_a_wrong_method_names_the_right_ones(self, refused: Any, merchant: Any) -> None:
        await refused("GET", "/api/checkout", status=405, code="method_not_allowed")
        assert "POST" in merchant.last_headers["allow"]  # RFC 9110 §15.5.6

    @pytest.mark.parametrize(
        "path",
        [
            "/api/transactions/%00",
            "/api/webhooks/pawapay/%00",
            "/api/webhooks/%00",
            "/api/webhook-endpoints/%00",
        ],
    )
    async def test_a_nul_in_an_address_finds_nothing(self, merchant: Any, path: str) -> None:
        method = {"webhooks": "POST", "webhook-endpoints": "DELETE"}.get(path.split("/")[2], "GET")
        status, problem = await merchant.call(method, path)
        assert status in {404, 422}
        check_problem(merchant.last_headers, problem, status, path)

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0", "limit=-1", "limit=many", "limit=1.5", "cursor=!!!", "cursor=", "cursor=" + "A" * 300, "status=paid",
            "status=", "created_from=yesterday", "created_to=2026-13-01", "phone=12", "country=SENEGAL", "reference=%00",
            "provider=%00", "operator=%00", "cursor=AAA%00", "provider=" + "x" * 41, "phone=%00",
            "created_from=0001-01-01T00:00:00%2B14:00", "created_from=9999-12-31T23:59:59-14:00",
        ],
    )  # fmt: skip
    async def test_a_filter_that_makes_no_sense_is_refused(self, merchant: Any, query: str) -> None:
        status, problem = await merchant.call("GET", f"/api/transactions?{query}")
        assert status in {400, 422}, problem
        check_problem(merchant.last_headers, problem, status, "/api/transactions")

    @pytest.mark.parametrize("query", ["cursor=!!!", "limit=0", "limit=x", "transaction=%00", "type=%00"])
    async def test_so_is_one_of_the_events(self, merchant: Any, query: str) -> None:
        status, problem = await merchant.call("GET", f"/api/events?{query}")
        assert status in {400, 404, 422}, problem
        check_problem(merchant.last_headers, problem, status, "/api/events")

    @pytest.mark.parametrize(
        "query",
        ["", "country=FR", "country=", "country=SN&currency=XXX", "country=SN&amount=0", "country=SN&amount=x",
         "country=SN&amount=9999999999999", "country=SEN", "country=%00%00"],
    )  # fmt: skip
    async def test_so_is_one_of_the_payment_methods(self, merchant: Any, query: str) -> None:
        status, problem = await merchant.call("GET", f"/api/payment-methods?{query}")
        assert status in {400, 422}, problem
        check_problem(merchant.last_headers, problem, status, "/api/payment-methods")

    async def test_a_limit_above_ours_is_ours(self, merchant: Any) -> None:
        status, found = await merchant.call("GET", f"/api/transactions?limit={10**30}")
        assert status == 200
        assert 0 < len(found["data"]) <= 100


class TestLanguages:
    @pytest.mark.parametrize(
        ("wanted", "language"),
        [
            (None, "fr"),  # the merchant's own
            ("en", "en"),
            ("fr", "fr"),
            ("en-GB,en;q=0.9", "en"),
            ("de, en;q=0.4, fr;q=0.6", "fr"),
            ("sw", "fr"),
            ("*", "fr"),
            ("en;q=\xb2, fr", "fr"),
            (";;;,,,q=q=q", "fr"),
        ],
    )
    async def test_a_no_is_said_in_the_callers_language(
        self, refused: Any, wanted: str | None, language: str
    ) -> None:
        headers = {"accept-language": wanted} if wanted else {}
        problem = await refused(
            "GET", "/api/transactions/txn_0", headers=headers, status=404, code="not_found"
        )
        assert problem["detail"] == say("error.not_found", language, id="txn_0")

    async def test_so_is_what_is_wrong_with_a_field(self, refused: Any) -> None:
        details = set()
        for language in ("fr", "en"):
            headers = {"idempotency-key": uuid.uuid4().hex, "accept-language": language}
            problem = await refused(
                "POST", "/api/checkout", a_body(amount=0), headers=headers, status=422, code="invalid_request"
            )
            details.add(problem["errors"][0]["detail"])
        assert len(details) == 2


class TestCallbacks:
    """What providers, and those who pretend to be one, send us."""

    @pytest.fixture
    async def account(self, merchant: Any) -> Any:
        _, found = await merchant.call("GET", "/api/providers")
        return {item["provider"]: item["id"] for item in found["data"]}

    @pytest.fixture
    def knock(self, session: Any, demo: Any) -> Any:
        async def send(path: str, body: bytes = b"", method: str = "POST", **headers: str) -> int:
            url = f"{demo['url']}/api/webhooks/{path}"
            sent = {
                "content-type": "application/json",
                **{k.replace("_", "-"): v for k, v in headers.items()},
            }
            async with session.request(method, url, data=body or None, headers=sent) as response:
                await response.read()
                return response.status

        return send

    @pytest.fixture
    def kept(self, about: Any) -> Any:
        async def look(body: bytes) -> list[tuple[str, str]]:
            return [(row["verdict"], row["status"]) for row in await about(body)]

        return look

    @pytest.fixture
    async def waiting(self, merchant: Any) -> Any:
        """A payment whose payer has not decided, in both providers' hands."""
        pawapay = await merchant.pay("orange_sn", a_phone())
        paydunya = await merchant.pay("expresso_sn", a_phone())
        assert (pawapay["provider"], paydunya["provider"]) == ("pawapay", "paydunya")
        assert paydunya["status"] in {"processing", "requires_action"}
        return {"pawapay": pawapay, "paydunya": paydunya}

    async def settled(self, about: Any, body: bytes) -> str:
        """Wait until a notification has been read; says what became of it."""
        for _ in range(400):
            status = next((row["status"] for row in await about(body)), None)
            if status in {"handled", "ignored"}:
                return status
            await asyncio.sleep(0.05)
        raise AssertionError(f"nobody read it: {status}")

    def completed(self, made: Any) -> bytes:
        """What pawaPay would say of a paid deposit, to the letter."""
        body = {
            "depositId": made["attempts"][0]["reference"],
            "status": "COMPLETED",
            "amount": str(made["amount"]),
            "currency": made["currency"],
            "country": "SEN",
            "payer": {
                "type": "MMO",
                "accountDetails": {"phoneNumber": "221771234567", "provider": "ORANGE_SEN"},
            },
            "created": "2026-11-22T12:00:00Z",
            "providerTransactionId": uuid.uuid4().hex,
        }
        return json.dumps(body).encode()

    async def test_an_unsigned_success_is_asked_about_and_moves_nothing(
        self, knock: Any, waiting: Any, account: Any, merchant: Any, about: Any, kept: Any
    ) -> None:
        body = self.completed(waiting["pawapay"])
        assert await knock(f"pawapay/{account['pawapay']}", body) == 200
        assert await self.settled(about, body) == "handled"
        assert await kept(body) == [("hint", "handled")]
        assert (await merchant.read(waiting["pawapay"]["id"]))["status"] == "processing"

    async def test_a_success_signed_by_anybody_else_is_kept_and_ignored(
        self, knock: Any, waiting: Any, account: Any, merchant: Any, demo: Any, session: Any, kept: Any
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        url = f"{demo['url']}/api/webhooks/pawapay/{account['pawapay']}"
        async with session.get(f"{demo['simulators']['pawapay']['url']}/v2/public-key/http") as response:
            key_id = (await response.json())[0]["id"]
        body = self.completed(waiting["pawapay"])
        for name in (key_id, "a-key-of-mine"):
            signed = Signed("POST", url, {"content-type": "application/json"}, body)
            headers = sign(signed, pem, name, datetime.now(UTC), ecdsa_encoding="der")
            status = await knock(
                f"pawapay/{account['pawapay']}", body, **{k.replace("-", "_"): v for k, v in headers.items()}
            )
            assert status == 200
        verdicts = {verdict for verdict, _ in await kept(body)}
        assert "signed" not in verdicts
        assert "forged" in verdicts
        assert (await merchant.read(waiting["pawapay"]["id"]))["status"] == "processing"

    @pytest.mark.parametrize("signature", ["sig-pp=:AAAA:", "sig-pp=:!!:", "", "x" * 3000])
    async def test_half_a_signature_is_a_forged_one(
        self, knock: Any, waiting: Any, account: Any, merchant: Any, kept: Any, signature: str
    ) -> None:
        body = self.completed(waiting["pawapay"])
        assert await knock(f"pawapay/{account['pawapay']}", body, signature=signature) == 200
        assert await kept(body) == [("forged", "ignored")]
        assert (await merchant.read(waiting["pawapay"]["id"]))["status"] == "processing"

    def ipn(self, made: Any, demo: Any, **fields: Any) -> bytes:
        """What PayDunya would say of a paid invoice."""
        master = demo["simulators"]["paydunya"]["master_key"]
        data = {
            "response_code": "00",
            "hash": hashlib.sha512(master.encode()).hexdigest(),
            "invoice": {
                "token": made["attempts"][0]["provider_reference"],
                "total_amount": str(made["amount"]),
            },
            "custom_data": {"afriflow_reference": made["attempts"][0]["reference"]},
            "status": "completed",
            "mode": "test",
            **fields,
        }
        return json.dumps({"data": data, "nonce": uuid.uuid4().hex}).encode()

    async def test_a_success_with_another_hash_is_kept_and_ignored(
        self, knock: Any, waiting: Any, account: Any, merchant: Any, demo: Any, kept: Any
    ) -> None:
        for odd in (hashlib.sha512(b"mine").hexdigest(), "", None, 5, ["x"]):
            body = self.ipn(waiting["paydunya"], demo, hash=odd)
            assert await knock(f"paydunya/{account['paydunya']}", body) == 200
            assert await kept(body) == [("forged", "ignored")]
        assert (await merchant.read(waiting["paydunya"]["id"]))["status"] == waiting["paydunya"]["status"]

    async def test_even_the_right_hash_is_only_a_reason_to_ask(
        self, knock: Any, waiting: Any, account: Any, merchant: Any, demo: Any, about: Any, kept: Any
    ) -> None:
        body = self.ipn(waiting["paydunya"], demo)
        assert await knock(f"paydunya/{account['paydunya']}", body) == 200
        assert await self.settled(about, body) == "handled"
        assert await kept(body) == [("hint", "handled")]
        assert (await merchant.read(waiting["paydunya"]["id"]))["status"] == waiting["paydunya"]["status"]

    async def test_one_for_an_unknown_payment_is_kept_and_waits(
        self, knock: Any, account: Any, kept: Any
    ) -> None:
        body = json.dumps({"depositId": str(uuid.uuid4()), "status": "COMPLETED"}).encode()
        for path in (f"pawapay/{account['pawapay']}", "pawapay"):
            assert await knock(path, body) == 200
        assert await kept(body) == [("hint", "received")] * 2

    async def test_one_sent_to_another_account_is_not_tied_to_the_payment(
        self, knock: Any, waiting: Any, account: Any, merchant: Any, about: Any
    ) -> None:
        body = self.completed(waiting["pawapay"])
        assert await knock(f"paydunya/{account['paydunya']}", body) == 200
        (row,) = await about(body)
        assert (row["transaction_id"], row["status"]) == (None, "ignored")
        assert (await merchant.read(waiting["pawapay"]["id"]))["status"] == "processing"

    async def test_the_address_without_an_account_finds_the_payment_itself(
        self, knock: Any, waiting: Any, merchant: Any, about: Any
    ) -> None:
        body = self.completed(waiting["pawapay"])
        assert await knock("pawapay", body) == 200
        assert await self.settled(about, body) == "handled"
        (row,) = await about(body)
        assert row["transaction_id"] == waiting["pawapay"]["id"]
        assert row["merchant_id"]
        assert (await merchant.read(waiting["pawapay"]["id"]))["status"] == "processing"

    GARBAGE = (
        b"{}", b"[]", b"null", b"5", b'"x"', b"{", b"\xff\xfe\x00", b"\x00" * 50, b"data=", b"data[hash]=x", b"a" * 60_000,
        b'{"depositId": 5}', b'{"depositId": null, "status": []}', b'{"depositId": {"a": 1}}', b'{"depositId": "\\u0000"}',
        b'{"depositId": "\\ud800"}', b'{"depositId": "' + b"x" * 50_000 + b'"}', b"[" * 50_000, b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"data": {"invoice": {"token": "\\u0000"}, "hash": "x"}}', b'{"data": {"invoice": {"token": "\\ud800"}}}',
        b'{"depositId": "a", "depositId": "b"}', b"data%5Binvoice%5D%5Btoken%5D=%00", b"<xml/>", b"\x1f\x8b\x08",
    )  # fmt: skip

    @pytest.mark.parametrize("garbage", range(len(GARBAGE)))
    async def test_whatever_bytes_come_they_are_kept_and_harm_nobody(
        self, knock: Any, account: Any, kept: Any, garbage: int
    ) -> None:
        body = self.GARBAGE[garbage]
        for provider in ("pawapay", "paydunya"):
            for path in (f"{provider}/{account[provider]}", provider):
                assert await knock(path, body) == 200, path
                assert await knock(path, body, content_type="application/x-www-form-urlencoded") == 200, path
        assert len(await kept(body)) >= 4  # probes of PayDunya are no evidence of anything

    async def test_an_empty_body_is_a_probe_or_evidence_and_no_fault(self, knock: Any, account: Any) -> None:
        for provider in ("pawapay", "paydunya"):
            for path in (f"{provider}/{account[provider]}", provider):
                assert await knock(path) == 200

    async def test_probes_by_get_and_head_are_answered_and_not_kept(
        self, knock: Any, account: Any, rows: Any
    ) -> None:
        before = await rows.fetchval("SELECT count(*) FROM webhook_events WHERE method IN ('GET', 'HEAD')")
        for method in ("GET", "HEAD"):
            assert await knock(f"pawapay/{account['pawapay']}", method=method) == 200
            assert await knock("paydunya", method=method) == 200
        after = await rows.fetchval("SELECT count(*) FROM webhook_events WHERE method IN ('GET', 'HEAD')")
        assert after == before

    async def test_one_with_a_long_history_still_fits(self, knock: Any, account: Any, kept: Any) -> None:
        body = json.dumps({"depositId": str(uuid.uuid4()), "history": "x" * 200_000}).encode()
        assert await knock(f"pawapay/{account['pawapay']}", body) == 200
        assert len(await kept(body)) == 1

    async def test_one_that_is_too_large_is_refused(self, knock: Any, account: Any) -> None:
        assert await knock(f"pawapay/{account['pawapay']}", b"x" * 1_000_000) == 413
        assert await knock("pawapay", b"x" * (256 * 1024 + 1)) == 413

    @pytest.mark.parametrize("path", ["stripe", "stripe/any", "pawapay/nobody", "paydunya/nobody", "PAWAPAY"])
    async def test_an_unknown_provider_or_account_is_not_there(self, knock: Any, path: str) -> None:
        assert await knock(path, b'{"depositId": "x"}') == 404

    async def test_a_provider_cannot_speak_for_the_account_of_another(self, knock: Any, account: Any) -> None:
        assert await knock(f"pawapay/{account['paydunya']}", b"{}") == 404

    async def test_headers_of_any_kind_are_kept_but_no_credentials(
        self, knock: Any, account: Any, about: Any
    ) -> None:
        body = json.dumps({"nonce": uuid.uuid4().hex}).encode()
        secret = base64.b64encode(b"canary:canary").decode()
        odd = {"authorization": f"Basic {secret}", "cookie": "canary=1", "x_odd": "\xe9\xff" + "y" * 5000}
        assert await knock(f"pawapay/{account['pawapay']}", body, **odd) == 200
        text = (await about(body))[0]["headers"]
        assert "canary" not in text
        assert secret not in text
        assert "x-odd" in text


async def test_after_all_this_nothing_was_unforeseen_and_payments_go_through(
    merchant: Any, payer: Any, demo: Any
) -> None:
    log = (Path(demo["home"]) / "log" / "afriflow.log").read_text()
    assert [line for line in log.splitlines() if '"unforeseen"' in line or "job_held" in line] == []
    phone = a_phone()
    made = await merchant.pay("orange_sn", phone)
    await payer.decide(phone, "approve")
    await merchant.until(made["id"], "succeeded")
    await merchant.hears(made["id"], "created", "processing", "succeeded")
