"""Spans of the work from a request to the merchant's event, where somebody collects them; else nothing at all.

Nothing here knows OpenTelemetry: `observe.otlp` brings it, where it is installed and told where to send.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol

# What says in which trace a job or request goes on: W3C's header `traceparent`.
Carrier = Mapping[str, str]


class Kind(StrEnum):
    SERVER = "server"  # somebody asked us
    CLIENT = "client"  # we ask somebody
    CONSUMER = "consumer"  # a job that was put off
    INTERNAL = "internal"


class Span(Protocol):
    """One step. Its facts are redacted; its name holds no id and no number."""

    def tell(self, **facts: object) -> None:
        """Add facts."""
        ...

    def rename(self, name: str) -> None:
        """Call it what is known only now."""
        ...

    def fail(self, why: str) -> None:
        """Mark it as failed. why: a word, not a message, which could hold anything."""
        ...


class Tracer(Protocol):
    """What `begin` is given."""

    def span(
        self, name: str, kind: Kind, parent: Carrier | None, facts: Mapping[str, object]
    ) -> AbstractContextManager[Span]: ...

    def carrier(self) -> dict[str, str] | None: ...


class _Nothing:
    """The span of who is not traced."""

    def __enter__(self) -> "Span":
        return self

    def __exit__(self, *_: object) -> None: ...

    def tell(self, **facts: object) -> None: ...

    def rename(self, name: str) -> None: ...

    def fail(self, why: str) -> None: ...


_NOTHING = _Nothing()
_tracer: Tracer | None = None


def begin_tracing(tracer: Tracer | None) -> None:
    """Have spans taken from now on, in this whole process; None = no more."""
    global _tracer  # noqa: PLW0603 — one per process, as the log is
    _tracer = tracer


def span(
    name: str, kind: Kind = Kind.INTERNAL, *, parent: Carrier | None = None, **facts: object
) -> AbstractContextManager[Span]:
    """Open a span for the time of a `with`.

    name: of the kind of work; ids are bound. parent: where it goes on from, None = what is under way here.
    """
    return _NOTHING if _tracer is None else _tracer.span(name, kind, parent, facts)


def carrier() -> dict[str, str] | None:
    """Give what a later piece of work needs to go on in this trace; None when nobody traces."""
    return None if _tracer is None else _tracer.carrier()


def is_tracing() -> bool:
    return _tracer is not None
