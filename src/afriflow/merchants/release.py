"""Held jobs that a person lets run again, and that it was that person."""

from collections.abc import Sequence

from afriflow.db.engine import Connection
from afriflow.jobs.held import HeldJob, release_jobs
from afriflow.merchants import audit_log


async def release(connection: Connection, who: str, jobs: Sequence[HeldJob]) -> None:
    """Let them run again; in a transaction. who: for the audit logs of the merchants whose jobs they are."""
    await release_jobs(connection, [job.id for job in jobs])
    # By merchant: two people who release everything at once take the chains in the same order.
    for job in sorted(jobs, key=lambda job: (job.merchant_id, job.id)):
        await audit_log.write(
            connection,
            merchant_id=job.merchant_id,
            who=who,
            action="job.released",
            subject=str(job.id),
            details={"task": job.task, "raised": job.raised},
        )
