"""What the queue keeps of a job that failed: where it was raised and why, and nothing that anybody said to us."""

from datetime import timedelta

from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.types import JOB_STATUS

from afriflow.observe.redact import redact_text


class RedactedQueries(Queries):
    """The engine's own, which would write the text of every exception as it is."""

    async def log_jobs(self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]) -> None:
        await super().log_jobs([(job, status, _fit(raised)) for job, status, raised in job_status])

    async def retry_job(self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        await super().retry_job(job, delay, _fit(traceback_record))


def _fit(raised: TracebackRecord | None) -> TracebackRecord | None:
    if raised is None:
        return None
    context = {name: redact_text(str(value)) for name, value in (raised.additional_context or {}).items()}
    return raised.model_copy(
        update={
            "exception_message": redact_text(raised.exception_message),
            "traceback": redact_text(raised.traceback),
            "additional_context": context,
        }
    )
