"""Which Python value stands for which SQL value: what asyncpg takes as a parameter and what a table keeps."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from sqlglot import exp

from afriflow.db.engine import json_text

INTEGERS = {"int2": 15, "int4": 31, "int8": 63}
_NAMES = {
    exp.DataType.Type.TEXT: "text",
    exp.DataType.Type.SMALLINT: "int2",
    exp.DataType.Type.INT: "int4",
    exp.DataType.Type.BIGINT: "int8",
    exp.DataType.Type.BIGSERIAL: "int8",
    exp.DataType.Type.BOOLEAN: "bool",
    exp.DataType.Type.VARBINARY: "bytea",
    exp.DataType.Type.TIMESTAMPTZ: "timestamptz",
    exp.DataType.Type.INTERVAL: "interval",
    exp.DataType.Type.JSONB: "jsonb",
    exp.DataType.Type.DOUBLE: "float8",
    exp.DataType.Type.UUID: "uuid",
}


class Unsupported(Exception):
    """The twin does not know this construct; it says so when a statement is compiled, never later."""


class Json(str):
    """A jsonb as a table keeps it: text, so that no value given out is ever the one that is kept."""

    __slots__ = ()


def type_name(node: exp.DataType) -> str:
    """Give PostgreSQL's short name of a type; an enum has its own."""
    if node.this is exp.DataType.Type.ARRAY:
        return type_name(node.expressions[0]) + "[]"
    if node.this is exp.DataType.Type.USERDEFINED:
        return node.args["kind"].sql().split(".")[-1]
    if node.this not in _NAMES:
        raise Unsupported(f"type {node.sql()}")
    return _NAMES[node.this]


# What the driver takes as it is; everything else is looked at.
_AS_IT_IS = {
    "text": "{0}.__class__ is str and '\\0' not in {0}",
    "int2": "{0}.__class__ is int and -0x8000 <= {0} < 0x8000",
    "int4": "{0}.__class__ is int and -0x80000000 <= {0} < 0x80000000",
    "int8": "{0}.__class__ is int and -0x8000000000000000 <= {0} < 0x8000000000000000",
    "timestamptz": "{0}.__class__ is datetime and {0}.tzinfo is UTC",
}


def parameters(kinds: list[str], enums: dict[str, tuple[str, ...]]) -> Callable[[tuple[Any, ...]], list[Any]]:
    """Give the function that takes a statement's parameters, as the driver does. Raises DataError, InterfaceError."""
    names: dict[str, Any] = {"datetime": datetime, "UTC": UTC, "wrong": _wrong_number}
    taken: list[str] = []
    for at, kind in enumerate(kinds):
        names[f"take{at}"] = taker(kind, enums)
        as_it_is = _AS_IT_IS.get(kind, "False").format(f"a{at}")
        taken.append(f"a{at} if a{at} is None or ({as_it_is}) else take{at}(a{at})")
    given = "".join(f"a{at}, " for at in range(len(kinds)))
    lines = ["def take(given):", f"    if len(given) != {len(kinds)}: raise wrong({len(kinds)}, len(given))"]
    lines += [f"    {given}= given"] if kinds else []
    exec("\n".join([*lines, f"    return [{', '.join(taken)}]"]), names)  # noqa: S102 — our own text
    return names["take"]


def _wrong_number(wanted: int, given: int) -> asyncpg.InterfaceError:
    return asyncpg.InterfaceError(
        f"the server expects {wanted} arguments for this query, {given} were passed"
    )


def taker(kind: str, enums: dict[str, tuple[str, ...]]) -> Callable[[Any], Any]:
    """Give the function that takes a parameter of a type as asyncpg would, or refuses it as asyncpg would."""
    if kind.endswith("[]"):
        item = taker(kind[:-2], enums)
        return lambda values: [None if value is None else item(value) for value in values]
    if kind in enums:
        labels = set(enums[kind])

        def label(value: Any) -> str:
            text = _text(value)
            if text not in labels:
                raise asyncpg.InvalidTextRepresentationError(f"invalid input value for enum {kind}: {text!r}")
            return text

        return label
    if kind in INTEGERS:
        bits = INTEGERS[kind]
        return lambda value: _integer(value, bits)
    if kind not in _TAKERS:
        raise Unsupported(f"a parameter of type {kind}")
    return _TAKERS[kind]


def _refused(value: object, wanted: str) -> asyncpg.DataError:
    return asyncpg.DataError(f"invalid input for query argument: {value!r} ({wanted} is wanted)")


def _text(value: Any) -> str:
    if value.__class__ is not str:
        if not isinstance(value, str):
            raise _refused(value, "str")
        value = str.__str__(value)
    if "\x00" in value:
        raise asyncpg.CharacterNotInRepertoireError('invalid byte sequence for encoding "UTF8": 0x00')
    return value


def _integer(value: Any, bits: int) -> int:
    if not isinstance(value, int):
        raise _refused(value, "an integer")
    if not -(1 << bits) <= value < (1 << bits):
        raise _refused(value, f"a number of {bits + 1} bits")
    return int(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refused(value, "a boolean")
    return value


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise _refused(value, "bytes")
    return bytes(value)


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _refused(value, "an aware datetime")
    return value.astimezone(UTC)


def _span(value: Any) -> timedelta:
    if not isinstance(value, timedelta):
        raise _refused(value, "a timedelta")
    return value


def _float(value: Any) -> float:
    if isinstance(value, str) or not hasattr(value, "__float__"):
        raise _refused(value, "a float")
    return float(value)


def _json(value: Any) -> Json:
    """Keep what jsonb would: one order of keys (by length, then bytes), and no NUL in any text."""
    text = json_text(value)
    if len(text) > 2:
        if "\\u0000" in text:
            raise asyncpg.UntranslatableCharacterError("unsupported Unicode escape sequence")
        text = json_text(_ordered(msgspec.json.decode(text)))
    return Json(text)


def _ordered(value: Any) -> Any:
    if value.__class__ is dict:
        if len(value) > 1:
            plain = "".join(value).isascii()
            keys = sorted(sorted(value), key=len if plain else lambda key: len(key.encode()))
            return {key: _ordered(value[key]) for key in keys}
        return {key: _ordered(item) for key, item in value.items()}
    return [_ordered(item) for item in value] if value.__class__ is list else value


_TAKERS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "bool": _boolean,
    "bytea": _bytes,
    "timestamptz": _moment,
    "interval": _span,
    "float8": _float,
    "jsonb": _json,
}


def fit(value: int | None, kind: str) -> int | None:
    """Let a number into a narrower column, or refuse it as PostgreSQL does."""
    bits = INTEGERS[kind]
    if value is not None and not -(1 << bits) <= value < (1 << bits):
        raise asyncpg.NumericValueOutOfRangeError(f"{kind} out of range")
    return value


class Record:
    """A row as asyncpg gives it: by name or place; a json value is decoded when it is first looked at."""

    __slots__ = ("_names", "_values")

    def __init__(self, names: dict[str, int], values: list[Any]) -> None:
        self._names = names
        self._values = values

    def __getitem__(self, key: str | int) -> Any:
        if key.__class__ is slice:
            return tuple(self)[key]
        place = self._names[key] if key.__class__ is str else key
        value = self._values[place]
        if value.__class__ is Json:
            value = self._values[place] = msgspec.json.decode(str(value))
        return value

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self._names else default

    def keys(self) -> Any:
        return iter(self._names)

    def values(self) -> Any:
        return iter(tuple(self))

    def items(self) -> Any:
        return iter([(name, self[place]) for name, place in self._names.items()])

    def __iter__(self) -> Any:
        return iter([self[place] for place in range(len(self._values))])

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record | tuple) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"<Record {' '.join(f'{name}={value!r}' for name, value in self.items())}>"
