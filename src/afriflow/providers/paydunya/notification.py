"""What PayDunya's notification (IPN) holds, in whichever of its encodings it comes.

Documented is a form with PHP's nested keys under `data` (https://developers.paydunya.com/doc/FR/softpay §5, read
2026-10), brackets percent-encoded on the wire. Seen by integrators as well: `data` as JSON, as JSON encoded twice,
as a query string, and a JSON body with or without `data` around. Everybody can send us anything: what is too large,
too deep, ambiguous or hostile is not read at all.
"""

import json
import re
from collections.abc import Mapping
from typing import NoReturn, cast
from urllib.parse import parse_qsl, unquote_plus

# What our webhook accepts at all; a real one has 1 to 3 kB.
BODY_BYTES_MAX = 256 * 1024
# PHP's own default of max_input_vars: PayDunya could not read more itself.
_FIELDS_MAX = 1_000
# data → invoice → items → item_0 → name is five; more is nothing of PayDunya's.
_DEPTH_MAX = 8
# form → data as text → JSON that was encoded twice; there is no fourth layer.
_LAYERS_MAX = 4
_HOSTILE_KEY = re.compile(r"__.*|prototype|constructor", re.IGNORECASE | re.DOTALL)
_FORM_KEY = re.compile(r"([^\[\]]{1,100})((?:\[[^\[\]]{0,100}\])*)", re.DOTALL)


class _UnreadableError(ValueError):
    """It is no notification that PayDunya could have sent."""


def is_probe(body: bytes) -> bool:
    """Tell whether somebody only tries if we answer: PayDunya sends `data=` before it accepts a payout."""
    return body.strip() in {b"", b"data", b"data="}


def read_notification(body: bytes) -> Mapping[str, object] | None:
    """Give what stands under `data` (or the whole, where nothing does); None when it can't be read safely."""
    if len(body) > BODY_BYTES_MAX:
        return None
    try:
        return _unwrap(_read_text(body.decode("utf-8-sig", "replace").strip(), _LAYERS_MAX), _LAYERS_MAX)
    except (ValueError, RecursionError):
        return None


def _unwrap(found: dict[str, object], layers: int) -> dict[str, object]:
    inner = found.get("data")
    if inner is None:
        return found
    if layers == 0 or "hash" in found or not isinstance(inner, dict | str):
        raise _UnreadableError
    if isinstance(inner, str):
        inner = _read_text(inner.strip(), layers - 1)
    return _unwrap(cast("dict[str, object]", inner), layers - 1)


def _read_text(text: str, layers: int) -> dict[str, object]:
    if layers == 0 or not text:
        raise _UnreadableError
    if text[:3].lower() in {"%7b", "%22"}:  # percent-encoded once more
        return _read_text(unquote_plus(text).strip(), layers - 1)
    if text[0] not in '{"':
        return _read_form(text)
    value: object = json.loads(text, object_pairs_hook=_plain_object, parse_constant=_refuse)
    if isinstance(value, str):
        return _read_text(value.strip(), layers - 1)
    if not isinstance(value, dict):
        raise _UnreadableError
    found = cast("dict[str, object]", value)
    if _depth(found) > _DEPTH_MAX:
        raise _UnreadableError
    return found


def _read_form(text: str) -> dict[str, object]:
    root: dict[str, object] = {}
    for name, value in parse_qsl(
        text, keep_blank_values=True, strict_parsing=True, max_num_fields=_FIELDS_MAX
    ):
        match = _FORM_KEY.fullmatch(name)
        if match is None:
            raise _UnreadableError
        keys = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        if len(keys) > _DEPTH_MAX:
            raise _UnreadableError
        _put(root, keys, value)
    return root


def _put(node: dict[str, object], keys: list[str], value: str) -> None:
    for key in keys[:-1]:
        inner = node.setdefault(_checked(key) or str(len(node)), {})
        if not isinstance(inner, dict):  # a value and a branch under one name
            raise _UnreadableError
        node = cast("dict[str, object]", inner)
    last = _checked(keys[-1]) or str(len(node))
    if last in node:
        raise _UnreadableError
    node[last] = value


def _plain_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = {_checked(name): value for name, value in pairs}
    if len(fields) != len(pairs):
        raise _UnreadableError
    return fields


def _checked(key: str) -> str:
    if _HOSTILE_KEY.fullmatch(key):
        raise _UnreadableError
    return key


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, cast("dict[str, object]", value).values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, cast("list[object]", value)), default=0)
    return 0


def _refuse(_constant: str) -> NoReturn:
    raise _UnreadableError
