"""/openapi.json is a valid description, complete, and true: what it promises is what comes."""

import re
import uuid
from typing import Any

import pytest
from openapi import everything, faults, operations, resolved

# The contract: what merchants' programs are written against. A route may join; none may silently go.
OPERATIONS = {
    ("post", "/api/checkout"),
    ("get", "/api/payment-methods"),
    ("get", "/api/transactions"),
    ("get", "/api/transactions/{transaction_id}"),
    ("post", "/api/transactions/{transaction_id}/confirm"),
    ("post", "/api/transactions/{transaction_id}/cancel"),
    ("post", "/api/transactions/{transaction_id}/verify"),
    ("post", "/api/payouts/batches"),
    ("get", "/api/payouts/batches"),
    ("get", "/api/payouts/batches/{batch_id}"),
    ("get", "/api/webhook-endpoints"),
    ("post", "/api/webhook-endpoints"),
    ("delete", "/api/webhook-endpoints/{endpoint_id}"),
    ("get", "/api/events"),
    ("post", "/api/events/{event_id}/resend"),
    ("get", "/api/providers"),
    ("post", "/api/providers/{account_id}/pause"),
    ("post", "/api/providers/{account_id}/resume"),
    ("get", "/api/routing/rules"),
    ("put", "/api/routing/rules"),
    ("post", "/api/routing/preview"),
    ("post", "/api/webhooks/{provider}"),
    ("post", "/api/webhooks/{provider}/{account_id}"),
    ("get", "/health/live"),
    ("get", "/health/ready"),
    ("get", "/metrics"),
}
TYPES = {"null", "boolean", "object", "array", "number", "string", "integer"}


@pytest.fixture(scope="module")
async def described(demo: Any, session: Any) -> Any:
    async with session.get(f"{demo['url']}/openapi.json") as response:
        assert response.status == 200
        assert response.headers["content-type"].startswith("application/json")
        return await response.json()


class TestTheDocument:
    def test_it_says_what_it_is(self, described: Any) -> None:
        assert re.fullmatch(r"3\.1\.\d+", described["openapi"])
        assert described["info"]["title"] == "AfriFlow"
        assert described["info"]["version"]
        assert described["info"]["description"]

    def test_every_route_is_in_it(self, described: Any) -> None:
        assert {(method, path) for method, path, _ in operations(described)} >= OPERATIONS

    def test_nothing_but_the_api_is_in_it(self, described: Any) -> None:
        assert [
            path for path in described["paths"] if not path.startswith(("/api/", "/health/", "/metrics"))
        ] == []

    def test_every_reference_leads_somewhere(self, described: Any) -> None:
        references = [node for at, node in everything(described) if at.endswith("/$ref")]
        assert len(references) > 20
        for reference in references:
            assert resolved(described, {"$ref": reference})

    def test_every_schema_is_referred_to(self, described: Any) -> None:
        used = {node.rpartition("/")[2] for at, node in everything(described) if at.endswith("/$ref")}
        assert set(described["components"]["schemas"]) - used == set()

    def test_every_operation_is_complete(self, described: Any) -> None:
        names: list[str] = []
        for method, path, operation in operations(described):
            where = f"{method} {path}"
            names.append(operation["operationId"])
            assert operation.get("summary"), where
            assert operation.get("tags"), where
            assert operation["responses"], where
            assert any(status.startswith("2") for status in operation["responses"]), where
            for status, answer in operation["responses"].items():
                assert re.fullmatch(r"[1-5]\d\d|default", status), where
                assert answer["description"], where
            in_path = {item["name"] for item in operation.get("parameters", ()) if item["in"] == "path"}
            assert in_path == set(re.findall(r"{(\w+)}", path)), where
            for parameter in operation.get("parameters", ()):
                assert parameter["schema"], (where, parameter["name"])
                assert parameter["in"] in {"path", "query", "header"}
        assert len(names) == len(set(names))

    def test_every_operation_is_explained(self, described: Any) -> None:
        silent = [
            (method, path) for method, path, item in operations(described) if not item.get("description")
        ]
        assert silent == []

    def test_no_choice_is_between_something_and_anything(self, described: Any) -> None:
        choices = [(at, node) for at, node in everything(described) if at.endswith(("/oneOf", "/anyOf"))]
        assert choices
        assert [at for at, node in choices if {} in node] == []

    def test_schemas_speak_json_schema(self, described: Any) -> None:
        for name, schema in described["components"]["schemas"].items():
            for at, node in everything(schema, name):
                if at.endswith("/type") and isinstance(node, str) and "/properties/type" not in at:
                    assert node in TYPES, at
                if at.endswith("/required") and isinstance(node, list):
                    assert all(isinstance(item, str) for item in node), at

    def test_every_body_is_described(self, described: Any) -> None:
        bodies = {
            (method, path): operation["requestBody"]["content"]["application/json"]["schema"]
            for method, path, operation in operations(described)
            if "requestBody" in operation
        }
        wanted = {
            ("post", "/api/checkout"): {"amount", "currency", "country", "reference"},
            ("post", "/api/transactions/{transaction_id}/confirm"): set(),
            ("post", "/api/webhook-endpoints"): {"url"},
            ("post", "/api/providers/{account_id}/pause"): {"reason"},
            ("put", "/api/routing/rules"): set(),
            ("post", "/api/routing/preview"): {"amount", "currency", "country", "reference"},
        }
        assert set(bodies) >= set(wanted)
        for operation, required in wanted.items():
            schema = resolved(described, bodies[operation])
            assert set(schema.get("required", ())) == required, operation
            assert schema["properties"], operation
            assert schema["additionalProperties"] is False, operation

    def test_a_no_is_described_everywhere(self, described: Any) -> None:
        for method, path, operation in operations(described):
            content = operation["responses"]["default"]["content"]
            schema = resolved(described, content["application/problem+json"]["schema"])
            assert set(schema["required"]) >= {"type", "title", "status", "detail", "instance", "code"}, (
                method,
                path,
            )

    def test_the_key_of_a_checkout_is_required(self, described: Any) -> None:
        parameters = described["paths"]["/api/checkout"]["post"]["parameters"]
        [key] = [item for item in parameters if item["name"].lower() == "idempotency-key"]
        assert key["required"] is True

    def test_who_may_ask_is_said(self, described: Any) -> None:
        schemes = described["components"]["securitySchemes"]
        assert {(scheme["type"], scheme["scheme"]) for scheme in schemes.values()} == {("http", "bearer")}
        for method, path, operation in operations(described):
            guarded = operation.get("security", described.get("security"))
            is_open = path.startswith(("/api/webhooks/", "/health/", "/metrics"))
            assert (guarded == []) is is_open, (method, path)

    async def test_a_person_can_read_it(self, demo: Any, session: Any) -> None:
        async with session.get(f"{demo['url']}/docs") as response:
            text = await response.text()
            assert response.status == 200
            assert response.headers["content-type"].startswith("text/html")
        assert "/api/checkout" in text


class TestItIsTrue:
    @pytest.fixture
    async def ids(self, merchant: Any, demo: Any) -> dict[str, str]:
        _, accounts = await merchant.call("GET", "/api/providers")
        return {
            "transaction_id": demo["first_payment"],
            "account_id": accounts["data"][0]["id"],
            "provider": "pawapay",
        }

    async def test_every_get_answers_as_described(
        self, described: Any, merchant: Any, ids: dict[str, str]
    ) -> None:
        needs = {"/api/payment-methods": "?country=SN&amount=5000&phone=771234567"}
        asked = 0
        for method, path, operation in operations(described):
            names = re.findall(r"{(\w+)}", path)
            if method != "get" or not set(names) <= set(ids):
                continue
            address = path.format(**ids) + needs.get(path, "")
            status, answer = await merchant.call("GET", address)
            assert str(status) in operation["responses"], (address, answer)
            content = operation["responses"][str(status)].get("content", {})
            if schema := content.get("application/json", {}).get("schema"):
                assert faults(described, schema, answer) == [], address
                asked += 1
        assert asked >= 9

    async def test_a_checkout_answers_as_described_whatever_becomes_of_it(
        self, described: Any, merchant: Any
    ) -> None:
        answers = described["paths"]["/api/checkout"]["post"]["responses"]
        schema = answers["201"]["content"]["application/json"]["schema"]
        for fields in (
            {},
            {"payment_method": {"operator": "orange_sn", "phone": "+22177" + str(uuid.uuid4().int)[:7]}},
            {"payment_method": {"type": "card"}},
            {
                "customer": {"name": "Awa", "email": "awa@example.test"},
                "metadata": {"a": 1, "b": None, "c": True},
            },
        ):
            status, made = await merchant.checkout(**fields)
            assert status == 201, made
            assert faults(described, schema, made) == []
            assert made["checkout_url"].startswith("http")

    async def test_a_no_answers_as_described(self, described: Any, merchant: Any) -> None:
        default = described["paths"]["/api/checkout"]["post"]["responses"]["default"]
        schema = default["content"]["application/problem+json"]["schema"]
        for fields in (
            {"amount": 0},
            {"currency": 5, "extra": 1},
            {"payment_method": {"operator": "wizall_sn", "phone": "771234567"}, "amount": 1},
        ):
            status, problem = await merchant.checkout(**fields)
            assert status == 422, problem
            assert faults(described, schema, problem) == []

    async def test_what_we_send_to_a_merchant_is_the_described_transaction(
        self, described: Any, merchant: Any, demo: Any
    ) -> None:
        _, found = await merchant.call("GET", f"/api/events?transaction={demo['first_payment']}")
        assert len(found["data"]) >= 3
        for event in found["data"]:
            schema = {"$ref": "#/components/schemas/Transaction"}
            assert faults(described, schema, event["payload"]["data"]) == []

    def test_the_checker_can_say_no(self, described: Any) -> None:
        schema = {"$ref": "#/components/schemas/Transaction"}
        assert "is missing" in faults(described, schema, {})[0]
        only = {"type": "object", "properties": {"a": {"type": ["integer", "null"]}}}
        assert faults(described, only, {"a": None}) == []
        assert faults(described, only, {"a": True})
        assert faults(described, only, {"a": "x"})
        assert faults(described, only, {"b": 1}) == [": b is not described"]
