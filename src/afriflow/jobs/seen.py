"""How a job is seen: one line when it ends, a span in the trace of what put it off, and its time counted."""

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from afriflow.jobs.queue import traced
from afriflow.observe.log import bound, logger
from afriflow.observe.metrics import JOBS
from afriflow.observe.trace import Kind, span
from afriflow.observe.work import gathering

_log = logger("jobs")


@dataclass
class End:
    """How a run ended. outcome: done, waits, again (failed, and tried again), held
    or stopped (its worker was). again_in_seconds: if it is known.
    """

    outcome: str = "done"
    again_in_seconds: float | None = None


@contextmanager
def seen(task: str, headers: Mapping[str, Any], **ids: str) -> Generator[End]:
    """Look on while a job runs. headers: what it took along of the work that put it off."""
    end, begun = End(), _now()
    request_id = headers.get("request_id")
    known = {**ids, **({"request_id": str(request_id)} if request_id else {})}
    with bound(**known), gathering() as found:
        raised: BaseException | None = None
        try:
            with span(f"job {task}", Kind.CONSUMER, parent=traced(headers), task=task) as step:
                try:
                    yield end
                except Exception as error:  # noqa: BLE001 — raised again; a wait is no failure of the span
                    raised = error
                    if end.outcome != "waits":
                        step.fail(type(error).__name__)
                except asyncio.CancelledError:
                    end.outcome = "stopped"
                    raise
                finally:
                    step.tell(**found, outcome=end.outcome)
            if raised is not None:
                raise raised
        finally:
            seconds = _now() - begun
            JOBS.labels(task, end.outcome).observe(seconds)
            again = (
                {} if end.again_in_seconds is None else {"again_in_seconds": round(end.again_in_seconds, 1)}
            )
            facts = {"task": task, "outcome": end.outcome, "duration_ms": int(seconds * 1000), **again}
            _log.info("job", **{**found, **facts})


def _now() -> float:
    return asyncio.get_running_loop().time()
