"""An event loop whose time is virtual and whose order is drawn from a seed: the same seed, the same run.

Whatever is ready runs in a drawn order; when nothing is ready, time jumps to the next timer. There are no threads,
no sockets and no real clock in it, so that a week of follow-ups takes milliseconds.
"""

import asyncio
import heapq
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


# A run of fifty payments takes some fifty thousand steps; what takes so many goes in circles.
STEPS_MAX = 1_000_000


class Standstill(Exception):
    """Nothing is ready and nothing is on the clock, though somebody still waits; or it goes on without end."""


class SeededLoop(asyncio.BaseEventLoop):
    """asyncio's own loop with another heart. chance: draws which ready callback runs next."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self._time = 0.0
        self._ready: list[Any] = []  # picked from by lot, where asyncio has a queue
        self.steps = 0

    def time(self) -> float:
        return self._time

    def _run_once(self) -> None:
        if self.steps > STEPS_MAX:
            raise Standstill("it never comes to an end")
        if not self._ready:
            self._turn_the_clock()
        ready = self._ready
        for _ in range(len(ready)):
            if not ready:
                break
            place = int(self._chance.random() * len(ready))
            ready[place], ready[-1] = ready[-1], ready[place]
            handle = ready.pop()
            if not handle._cancelled:
                self.steps += 1
                handle._run()

    def _turn_the_clock(self) -> None:
        while self._scheduled:
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            if handle._cancelled:
                self._timer_cancelled_count -= 1
                continue
            self._time = max(self._time, handle._when)
            self._ready.append(handle)
            while self._scheduled and self._scheduled[0]._when <= self._time:
                following = heapq.heappop(self._scheduled)
                following._scheduled = False
                if following._cancelled:
                    self._timer_cancelled_count -= 1
                else:
                    self._ready.append(following)
            return
        if not self._stopping:
            raise Standstill

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
