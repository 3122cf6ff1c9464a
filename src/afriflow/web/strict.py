"""How a JSON body is read: strictly, once, with every fault named and pointed at.

RFC 8259 leaves duplicate keys, NaN and lone surrogates to the reader; for money each of them is refused.
"""

import json
import re
from typing import Any, TypeVar, cast

import msgspec
from litestar import Request

from afriflow.core.errors import FieldError, InvalidRequest, MalformedBody, UnsupportedMediaType

T = TypeVar("T")
# Faults reported at once; a body with more was not written by someone who reads the list.
_FAULTS_MAX = 20
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$?(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\.\.\.)\]")


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON body is read with `read_body` into the type that the handler asks for."""

    async def json(self) -> Any:
        content_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise UnsupportedMediaType
        field = self.route_handler.parsed_data_field
        return read_body(
            await self.body(), field.annotation if field else Any, depth_max=self.app.state.depth_max
        )


def read_body(body: bytes, kind: type[T], *, depth_max: int) -> T:
    """Read a body into a type. Raises MalformedBody (not JSON as we want it), InvalidRequest (not what is asked for)."""
    try:
        raw = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_int=_bounded_int,
        )
        json.dumps(raw, ensure_ascii=False).encode("utf-8")  # a lone surrogate has no UTF-8
    except UnicodeError as error:
        raise MalformedBody(reason="not UTF-8") from error
    except RecursionError as error:
        raise MalformedBody(reason=f"nested deeper than {depth_max}") from error
    except json.JSONDecodeError as error:
        raise MalformedBody(reason=f"{error.msg}, line {error.lineno} column {error.colno}") from error
    except ValueError as error:
        raise MalformedBody(reason=str(error)) from error
    if not isinstance(raw, dict):
        raise MalformedBody(reason="not an object")
    if _depth(raw) > depth_max:
        raise MalformedBody(reason=f"nested deeper than {depth_max}")
    return _convert(cast("dict[str, Any]", raw), kind)


def _convert(raw: dict[str, Any], kind: type[T]) -> T:
    """Convert, and on a fault take the field out and look for the next one, so that the caller hears of all."""
    faults: list[FieldError] = []
    while len(faults) < _FAULTS_MAX:
        try:
            value = msgspec.convert(raw, kind, strict=True)
        except msgspec.ValidationError as error:
            fault, path = _fault(str(error))
            if any(known.pointer == fault.pointer for known in faults):
                break  # taken out, and missed: it was required
            faults.append(fault)
            if not _take_out(raw, path):
                break
            continue
        if faults:
            break
        return value
    raise InvalidRequest(faults)


def _fault(message: str) -> tuple[FieldError, list[str]]:
    match = _AT.match(message)
    what, place = (match["what"], match["path"] or "") if match else (message, "")
    path = [key or index for key, index in _STEP.findall(place)]
    if unknown := re.search(r"contains unknown field `(.*)`", what):
        path.append(unknown[1])
        return FieldError(_pointer(path), "unknown_field"), path
    if missing := re.search(r"missing required field `(.*)`", what):
        path.append(missing[1])
        return FieldError(_pointer(path), "missing"), path
    if length := re.search(r"of length (<=|>=) (\d+)", what):
        code = "too_long" if length[1] == "<=" else "too_short"
        return FieldError(_pointer(path), code, {"limit": int(length[2])}), path
    if expected := re.search(r"Expected `([^`]*)`", what):
        return FieldError(_pointer(path), "wrong_type", {"expected": expected[1].replace("`", "")}), path
    return FieldError(_pointer(path), "invalid_value", {"reason": what}), path


def _pointer(path: list[str]) -> str:
    """Write a path as RFC 6901 does."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)


def _take_out(raw: Any, path: list[str]) -> bool:
    """Remove what a path leads to; False when there is nothing to remove."""
    for step in path[:-1]:
        if isinstance(raw, dict) and step in raw:
            raw = cast("dict[str, Any]", raw)[step]
        else:
            return False
    if not path or not isinstance(raw, dict) or path[-1] not in raw:
        return False
    del raw[path[-1]]
    return True


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:40]!r} stands twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _bounded_int(text: str) -> int:
    if len(text) > 20:
        raise ValueError("a number is longer than any amount")
    return int(text)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, cast("dict[str, Any]", value).values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, cast("list[Any]", value)), default=0)
    return 0
