"""An event loop whose time is virtual and whose order is drawn from a seed: the same seed, the same run.

Whatever is ready runs in a drawn order; when nothing is ready, time jumps to the next timer. There are no threads,
no sockets and no real clock in it, so that a week of follow-ups takes milliseconds.
"""

import asyncio
import heapq
import random
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, TypeVar

Result = TypeVar("Result")


# A run of fifty payments takes some fifty thousand steps; what takes so many goes in circles.
STEPS_MAX = 1_000_000


class Standstill(Exception):
    """Nothing is ready and nothing is on the clock, though somebody still waits; or it goes on without end."""


class _Handle:
    """What asyncio's handles are to tasks, futures and timers, and nothing else: most of a run's time went there."""

    __slots__ = ("args", "callback", "cancelled", "context")

    def __init__(self, callback: Callable[..., Any], args: tuple[Any, ...], context: Context) -> None:
        self.callback, self.args, self.context = callback, args, context
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class SeededLoop(asyncio.BaseEventLoop):
    """asyncio's own loop with another heart. chance: draws which ready callback runs next."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._draw = chance.random
        self._time = 0.0
        self._ready: list[_Handle] = []  # picked from by lot, where asyncio has a queue
        self._timers: list[tuple[float, int, _Handle]] = []
        self._count = 0

    def time(self) -> float:
        return self._time

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:
        handle = _Handle(callback, args, copy_context() if context is None else context)
        self._ready.append(handle)
        return handle

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        handle = _Handle(callback, args, copy_context() if context is None else context)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, handle))
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        return self.call_at(self._time + delay, callback, *args, context=context)

    def _run_once(self) -> None:
        """Run until somebody says stop."""
        ready, draw = self._ready, self._draw
        for _ in range(STEPS_MAX):
            if self._stopping:
                return
            if not ready:
                self._turn_the_clock()
            place = int(draw() * len(ready))
            handle = ready[place]
            ready[place] = ready[-1]
            ready.pop()
            if handle.cancelled:
                continue
            try:
                handle.context.run(handle.callback, *handle.args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 — as asyncio does: whoever plays hears of it
                self.call_exception_handler({"exception": error})
        raise Standstill("it never comes to an end")

    def _turn_the_clock(self) -> None:
        timers, ready = self._timers, self._ready
        while timers and (not ready or timers[0][0] <= self._time):
            when, _, handle = heapq.heappop(timers)
            if not handle.cancelled:
                self._time = max(self._time, when)
                ready.append(handle)
        if not ready:
            raise Standstill

    def _asyncgen_firstiter_hook(self, agen: object) -> None:
        """Keep no list of generators: a run closes none at its end, and each transaction of ours is one."""

    def _process_events(self, event_list: object) -> None: ...

    def _write_to_self(self) -> None: ...


def run_seeded(main: Callable[[], Coroutine[Any, Any, Result]], seed: int | str) -> Result:
    """Run to the end in a loop of its own; raises what `main` raises, and what any task raised that nobody awaited."""
    loop = SeededLoop(random.Random(f"order {seed}"))
    unheard: list[BaseException] = []
    loop.set_exception_handler(lambda _, facts: unheard.append(facts.get("exception") or RuntimeError(facts)))
    try:
        asyncio.set_event_loop(loop)
        result = loop.run_until_complete(main())
        rest = asyncio.all_tasks(loop)
        for task in rest:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    if unheard:
        raise unheard[0]
    return result
