"""The OpenAPI document as tests read it: its operations, what a value lacks to be as described, and values that are."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}

# What a text or number of this name may hold, wherever it stands.
_VALUES: Mapping[str, Any] = {
    "amount": 5000,
    "country": "SN",
    "currency": "XOF",
    "from": "2026-11-01T00:00:00Z",
    "operator": "orange_sn",
    "otp": "123456",
    "phone": "+221771234567",
    "type": "mobile_money",
    "url": "https://shop.example/hooks",
}


@dataclass(frozen=True)
class Operation:
    """One operation. permission: None = it asks for no key. parameters: the names of those in its path."""

    method: str
    path: str
    permission: str | None
    parameters: tuple[str, ...]
    body: Any

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


def operations(described: Any) -> Iterator[tuple[str, str, Any]]:
    for path, item in described["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield method, path, operation


def operations_with_keys(described: Any) -> list[Operation]:
    """Every operation that asks for a key."""
    return [
        Operation(
            method,
            path,
            needed["key"][0],
            tuple(item["name"] for item in operation.get("parameters", ()) if item["in"] == "path"),
            operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema"),
        )
        for method, path, operation in operations(described)
        for needed in operation["security"]
    ]


def everything(node: Any, at: str = "#") -> Iterator[tuple[str, Any]]:
    """Every node of the document with its place."""
    yield at, node
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from everything(inner, f"{at}/{name}")
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from everything(inner, f"{at}/{index}")


def resolved(described: Any, schema: Any) -> Any:
    while "$ref" in schema:
        node = described
        for step in schema["$ref"].removeprefix("#/").split("/"):
            node = node[step.replace("~1", "/").replace("~0", "~")]
        schema = node
    return schema


def faults(described: Any, schema: Any, value: Any, at: str = "") -> list[str]:
    """What in a value is not as its schema says: as much of JSON Schema as we use."""
    schema = resolved(described, schema)
    for several in ("oneOf", "anyOf"):
        if several in schema:
            tried = [faults(described, option, value, at) for option in schema[several]]
            return [] if any(not found for found in tried) else min(tried, key=len)
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value!r} is none of {schema['enum']}"]
    types = schema.get("type")
    types = {types} if isinstance(types, str) else set(types or ())
    kinds = {
        "null": value is None,
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "string": isinstance(value, str),
        "array": isinstance(value, list),
        "object": isinstance(value, dict),
    }
    if types and not any(kinds[name] for name in types):
        return [f"{at}: {value!r} is no {types}"]
    found: list[str] = []
    if isinstance(value, dict) and (types == {"object"} or "properties" in schema):
        known, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
        found += [f"{at}: {name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, inner in value.items():
            if name in known:
                found += faults(described, known[name], inner, f"{at}/{name}")
            elif isinstance(rest, dict):
                found += faults(described, rest, inner, f"{at}/{name}")
            elif known:
                found.append(f"{at}: {name} is not described")
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, inner in enumerate(value):
            found += faults(described, schema["items"], inner, f"{at}/{index}")
    return found


def example(described: Any, schema: Any, name: str = "", *, whole: bool = False, **known: Any) -> Any:
    """A value as its schema says. whole: with every field it may have. known: what fields of these names hold."""
    schema = resolved(described, schema)
    options = [item for several in ("oneOf", "anyOf") for item in schema.get(several, ())]
    kinds = schema.get("type", ())
    if options:
        real = [item for item in options if resolved(described, item).get("type") != "null"]
        return example(described, real[0], name, whole=whole, **known)
    if "enum" in schema:
        return _VALUES["type"] if _VALUES["type"] in schema["enum"] else schema["enum"][0]
    if "object" in kinds or "properties" in schema:
        wanted = schema.get("properties", {}) if whole else schema.get("required", ())
        fields = schema.get("properties", {})
        return {item: example(described, fields[item], item, whole=whole, **known) for item in wanted}
    if "array" in kinds:
        return [example(described, schema["items"], name, whole=whole, **known)]
    if name in known:
        return known[name]
    if "boolean" in kinds:
        return True
    if name in _VALUES:
        return _VALUES[name]
    return (
        max(1, schema.get("minimum", 1))
        if {"integer", "number"} & {*([kinds] if isinstance(kinds, str) else kinds)}
        else uuid.uuid4().hex
    )


def objects_in(value: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object inside a value, itself first, with the pointer to it."""
    if isinstance(value, dict):
        yield at, value
        for name, inner in value.items():
            yield from objects_in(inner, f"{at}/{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from objects_in(inner, f"{at}/{index}")
