"""Which piece of work is under way: its ids stand on each line, report and span that come of it, and go along with its jobs."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType

from afriflow.observe import trace

_IDS: ContextVar[Mapping[str, str]] = ContextVar("ids")
_GATHERED: ContextVar[dict[str, str] | None] = ContextVar("gathered", default=None)
_NONE: Mapping[str, str] = MappingProxyType({})


class bound:  # noqa: N801 — read as a statement: with bound(transaction_id=…)
    """Bind ids (request_id, transaction_id, attempt_id, merchant_id, job_id, …) to all that happens inside."""

    __slots__ = ("_ids", "_token")

    def __init__(self, **ids: str) -> None:
        self._ids = ids

    def __enter__(self) -> None:
        self._token: Token[Mapping[str, str]] = _IDS.set({**_IDS.get(_NONE), **self._ids})
        gathered = _GATHERED.get()
        if gathered is not None:
            gathered.update(self._ids)

    def __exit__(self, *_: object) -> None:
        _IDS.reset(self._token)


@contextmanager
def gathering() -> Generator[dict[str, str]]:
    """Gather every id that is bound inside: what a request or job was about is known when it ends."""
    found = dict(_IDS.get(_NONE))
    token = _GATHERED.set(found)
    try:
        yield found
    finally:
        _GATHERED.reset(token)


def ids() -> Mapping[str, str]:
    """Give the ids that are bound here."""
    return _IDS.get(_NONE)


def luggage() -> dict[str, object] | None:
    """Give what a job takes along of the work that puts it off: the request's number and the trace; None when there is none."""
    request_id, traced = _IDS.get(_NONE).get("request_id"), trace.carrier()
    if request_id is None and traced is None:
        return None
    return {"request_id": request_id, **({"otel": traced} if traced else {})}
