"""How a JSON body is read: strictly, once, with every fault named and pointed at.

RFC 8259 leaves duplicate keys, NaN and lone surrogates to the reader; for money each of them is refused.
"""

import json
import re
from functools import reduce
from typing import Any, TypeVar, cast

import msgspec
from litestar import Request

from afriflow.core.errors import (
    FieldError,
    InvalidRequest,
    MalformedBody,
    PanNotAllowed,
    UnsupportedMediaType,
)
from afriflow.core.pan import holds_pan

T = TypeVar("T")
# Faults reported at once; a body with more was not written by someone who reads the list.
_FAULTS_MAX = 20
# "… - at `$.customer.name`"; of a map's entries msgspec says "…" for the name, or that it was the name itself.
_AT = re.compile(r"^(?P<what>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`)?$", re.DOTALL)
_SOME_ENTRY = "..."
_INTEGER_MAX = 2**63 - 1  # what our columns and encoders hold
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\.\.\.)\]")


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON body is read with `read_body` into the type that the handler asks for."""

    async def json(self) -> Any:
        content_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        packed = self.headers.get("content-encoding", "identity").strip().lower() != "identity"
        if (
            content_type != "application/json" or packed
        ):  # what unpacks to a thousand times its size stays packed
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
    fields = cast("dict[str, Any]", raw)
    _look_through(fields, depth_max)
    return convert(fields, kind)


def _look_through(raw: dict[str, Any], depth_max: int) -> None:
    """Refuse what no type can refuse: too much depth, NUL, which PostgreSQL has not in texts, and numbers of cards.

    Not by recursion, since the depth is what is in question.
    """
    waiting: list[tuple[Any, list[str]]] = [(raw, [])]
    while waiting:
        value, path = waiting.pop()
        if isinstance(value, dict):
            entries = list(cast("dict[str, Any]", value).items())
        elif isinstance(value, list):
            entries = [(str(index), item) for index, item in enumerate(cast("list[Any]", value))]
        else:
            if isinstance(value, str) and "\x00" in value:
                raise InvalidRequest([FieldError(_pointer(path), "invalid_text")])
            if holds_pan(str(value)):
                raise PanNotAllowed(pointer=_pointer(path))
            continue
        if len(path) >= depth_max:
            raise MalformedBody(reason=f"nested deeper than {depth_max}")
        if any("\x00" in name for name, _ in entries):
            raise InvalidRequest([FieldError(_pointer(path), "invalid_text")])
        if any(holds_pan(name) for name, _ in entries):
            raise PanNotAllowed(pointer=_pointer(path) or "/")
        waiting += [(item, [*path, name]) for name, item in entries]


def convert(raw: dict[str, Any], kind: type[T]) -> T:
    """Convert, and on a fault take the field out and look for the next one, so that the caller hears of all.

    raw: is taken apart on the way. Raises InvalidRequest.
    """
    faults = [FieldError(_pointer([name]), "missing") for name in _required(kind) if name not in raw]
    while len(faults) < _FAULTS_MAX:
        try:
            value = msgspec.convert(raw, kind, strict=True)
        except msgspec.ValidationError as error:
            found = _faults(str(error), raw, kind)
            new = [
                (fault, path)
                for fault, path in found
                if all(fault.pointer != known.pointer for known in faults)
            ]
            faults += [fault for fault, _ in new]
            if not new or not all(_take_out(raw, path) for _, path in new):
                break  # what was taken out was required, or cannot be taken out
            continue
        if faults:
            break
        return value
    raise InvalidRequest(faults[:_FAULTS_MAX])


def _required(kind: Any) -> list[str]:
    """Name the fields that must be there; of several that are missing msgspec names one."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return []
    return [field.encode_name for field in msgspec.structs.fields(kind) if field.required]


def _faults(message: str, raw: dict[str, Any], kind: type[Any]) -> list[tuple[FieldError, list[str]]]:
    """Read what msgspec says: what is wrong, and where; where it does not say which entries of a map, try each."""
    match = _AT.match(message)
    what, place = (match["what"], match["path"] or "") if match else (message, "")
    path = [key or index for key, index in _STEP.findall(place)]
    if match and match["key"]:
        path.append(_SOME_ENTRY)
    if _SOME_ENTRY in path:
        at = path.index(_SOME_ENTRY)
        names = _faulty_entries(raw, kind, path[:at], message)
        return [_fault(what, [*path[:at], name, *path[at + 1 :]]) for name in names] or [
            _fault(what, path[:at])
        ]
    return [_fault(what, path)]


def _faulty_entries(raw: dict[str, Any], kind: type[Any], path: list[str], message: str) -> list[str]:
    entries = cast("dict[str, Any]", reduce(_into, path, cast("Any", raw)))
    kept = dict(entries)
    names: list[str] = []
    for name, value in kept.items():
        entries.clear()
        entries[name] = value
        try:
            msgspec.convert(raw, kind, strict=True)
        except msgspec.ValidationError as error:
            if str(error) == message:
                names.append(name)
    entries.clear()
    entries.update(kept)
    return names[:_FAULTS_MAX]


def _fault(what: str, path: list[str]) -> tuple[FieldError, list[str]]:
    if unknown := re.search(r"contains unknown field `(.*)`", what, re.DOTALL):
        path = [*path, unknown[1]]
        return FieldError(_pointer(path), "unknown_field"), path
    if missing := re.search(r"missing required field `(.*)`", what):
        path = [*path, missing[1]]
        return FieldError(_pointer(path), "missing"), path
    if length := re.search(r"of length (<=|>=) (\d+)", what):
        code = "too_long" if length[1] == "<=" else "too_short"
        return FieldError(_pointer(path), code, {"limit": int(length[2])}), path
    if expected := re.search(r"Expected `([^`]*)`", what):
        return FieldError(_pointer(path), "wrong_type", {"expected": expected[1]}), path
    return FieldError(_pointer(path), "invalid_value", {"reason": without_value(what)}), path


def without_value(said: str) -> str:
    """Leave of what a library says of a value ("Invalid enum value 'x'") what is wrong with it: it may be anybody's secret."""
    return said.partition(" '")[0]


def _pointer(path: list[str]) -> str:
    """Write a path as RFC 6901 does."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)


def _take_out(raw: Any, path: list[str]) -> bool:
    """Remove what a path leads to; False when there is nothing to remove."""
    if not path:
        return False
    holder = reduce(_into, path[:-1], raw)
    if not isinstance(holder, dict) or path[-1] not in holder:
        return False
    del holder[path[-1]]
    return True


def _into(value: Any, step: str) -> Any:
    """Take one step of a path; None where it leads nowhere."""
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).get(step)
    if isinstance(value, list) and step.isdigit():
        return cast("list[Any]", value)[int(step)]
    return None


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
    if len(text) > 20 or abs(int(text)) > _INTEGER_MAX:
        raise ValueError("a number is longer than any amount")
    return int(text)
