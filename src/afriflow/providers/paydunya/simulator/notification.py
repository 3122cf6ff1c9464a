"""How an IPN is written: as PHP's http_build_query does it, or as one of the ways that integrators saw besides."""

import json
from typing import Any, cast
from urllib.parse import quote_plus

_FORM = "application/x-www-form-urlencoded"


def encode(content: dict[str, Any], notation: str) -> tuple[bytes, str]:
    """Give body and content type.

    notation: "form" (documented), "json_in_form", "json_twice", "query_in_form", "json", "json_flat".
    """
    text = json.dumps(content, ensure_ascii=False)
    match notation:
        case "json_in_form":
            return f"data={quote_plus(text)}".encode(), _FORM
        case "json_twice":
            return f"data={quote_plus(quote_plus(text))}".encode(), _FORM
        case "query_in_form":
            return f"data={quote_plus('&'.join(_inner(content)))}".encode(), _FORM
        case "json":
            return json.dumps(
                {"data": content}, ensure_ascii=False
            ).encode(), "application/json; charset=utf-8"
        case "json_flat":
            return text.encode(), "application/json"
        case _:
            return "&".join(_pairs("data", content)).encode(), _FORM


def _inner(content: dict[str, Any]) -> list[str]:
    return [pair for name, value in content.items() for pair in _pairs(name, value)]


def _pairs(name: str, value: object) -> list[str]:
    """Write a value by PHP's rules.

    Nested names stand in brackets, percent-encoded; null and the empty are left out; true is 1 and false is 0; a
    space is a plus.
    """
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return [pair for key, inner in fields.items() for pair in _pairs(f"{name}[{key}]", inner)]
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [pair for key, inner in enumerate(items) for pair in _pairs(f"{name}[{key}]", inner)]
    if value is None:
        return []
    text = str(int(value)) if isinstance(value, bool) else str(value)
    return [f"{quote_plus(name)}={quote_plus(text)}"]
