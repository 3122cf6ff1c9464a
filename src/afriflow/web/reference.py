"""The API described by itself: /openapi.json from the handlers' own types, /docs as a page that needs no network."""

import re
from functools import cache
from typing import Any, cast

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.routes import HTTPRoute

from afriflow.core.permission import Permission
from afriflow.web.render import page_language, render

_REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "for people, in the language of Accept-Language"},
        "instance": {"type": "string"},
        "code": {"type": "string", "description": "stable, for programs"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "RFC 6901, or ?name for a query parameter"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "considered": {"type": "array", "items": {"type": "object"}},
        "transaction_id": {"type": "string"},
        "request_id": {"type": "string"},
    },
}


@get("/openapi.json", include_in_schema=False, public="a description of the API")
async def openapi_document(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Give the OpenAPI 3.1 document."""
    return document(request.app)


@get("/docs", include_in_schema=False, public="a description of the API")
async def reference_page(request: Request[Any, Any, Any]) -> Response[str]:
    """Show the document to a person."""
    language = page_language(request, request.app.state.house.settings.language)
    return render(request, "reference.html", language, document=document(request.app))


def _named_in_bodies(described: dict[str, Any]) -> set[str]:
    """Name the schemas that requests are made of, each with what it is made of in turn."""
    waiting: list[Any] = [
        operation.get("requestBody", {})
        for operations in described["paths"].values()
        for operation in operations.values()
    ]
    found: set[str] = set()
    for node in waiting:
        for name in set(_REFERENCE.findall(msgspec.json.encode(node).decode())) - found:
            found.add(name)
            waiting.append(described["components"]["schemas"][name])
    return found


def _permissions(app: Litestar) -> dict[tuple[str, str], Permission | None]:
    """Tell which permission each operation needs; None: it asks for no key."""
    return {
        (method, route.path_format): handler.opt.get("permission")
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
    }


@cache
def document(app: Litestar) -> dict[str, Any]:
    """Describe the API: what the handlers' types say, with our own way to say no."""
    described = _without_ellipses(msgspec.to_builtins(app.openapi_schema.to_schema()))
    schemas: dict[str, Any] = described["components"]["schemas"]
    schemas["Problem"] = _PROBLEM
    for name in _named_in_bodies(described):
        if (
            "properties" in schemas[name]
        ):  # an unknown field in what we are sent is refused: the document says so
            schemas[name]["additionalProperties"] = False
    no = {
        "description": "Refused; `code` says why.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            answers: dict[str, Any] = operation["responses"]
            answers.pop("400", None)  # the framework's form, which we never send
            answers["default"] = no
            operation["operationId"] = f"{method}{path.replace('/', '_').replace('{', '').replace('}', '')}"
            needed = _permissions(app)[method.upper(), path]
            operation["security"] = [{"key": [needed.value]}] if needed else []
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "Idempotency-Key":
                    parameter["required"] = True
                    parameter["schema"] = {"type": "string", "minLength": 1, "maxLength": 255}
    return described


def _without_ellipses(node: Any) -> Any:
    """Take out the second type of each bounded tuple: Litestar reads its `...` as one, which anything is."""
    if isinstance(node, list):
        return [_without_ellipses(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema = {name: _without_ellipses(value) for name, value in cast("dict[str, Any]", node).items()}
    match schema.get("oneOf"):
        case [only, empty] if empty == {}:
            return only
        case _:
            return schema
