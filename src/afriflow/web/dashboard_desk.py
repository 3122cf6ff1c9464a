"""The dashboard's third part: what waits for a person, and the person's decisions, each kept with who and why."""

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.errors import Refusal
from afriflow.core.permission import Permission
from afriflow.jobs.held import HeldJob, explained_jobs
from afriflow.merchants.release import release
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import back_to, dashboard_page, read_id
from afriflow.web.dashboard_out import read_decision
from afriflow.web.form import read_form, require_own_page
from afriflow.web.render import go_to
from afriflow.web.sign_in import HOME

_WORDS_MAX = 500
# Where the thing that a job is about is shown, by how its id begins.
_SHOWN_AT = {
    "txn": f"{HOME}/transactions/",
    "att": f"{HOME}?q=",
    "ref": f"{HOME}/money-out/refunds/",
    "pyt": f"{HOME}/money-out/payouts/",
    "whe": f"{HOME}/notifications/",
}
# What only a release of ours mends; the queue keeps what was raised by its name.
_MISTAKES = (
    "TypeError",
    "KeyError",
    "IndexError",
    "LookupError",
    "AttributeError",
    "ValueError",
    "AssertionError",
)


class DecisionPages(Controller):
    """What people decide about a payment."""

    path = f"{HOME}/transactions/{{transaction_id:str}}"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @post("/review", permission=Permission.TRANSACTIONS_RESOLVE)
    async def review(
        self, request: Request[Any, Any, Any], house: House, caller: Who, transaction_id: FromPath[str]
    ) -> Response[None]:
        """Take a payment off the table; somebody will ask why, so a reason is wanted."""
        reason = (await read_form(request)).get("reason", "")[:_WORDS_MAX]
        if not reason:
            return back_to(transaction_id, "reason_missing")
        try:
            await house.resolver.review(caller, read_id(transaction_id), reason)
        except Refusal as refusal:
            return back_to(transaction_id, refusal)
        return back_to(transaction_id, "review")

    @post("/attempts/{attempt_id:str}/resolve", permission=Permission.TRANSACTIONS_RESOLVE)
    async def resolve(
        self,
        request: Request[Any, Any, Any],
        house: House,
        caller: Who,
        transaction_id: FromPath[str],
        attempt_id: FromPath[str],
    ) -> Response[None]:
        """End an attempt as a person knows that it ended."""
        decision = read_decision(await read_form(request))
        if decision is None:
            return back_to(transaction_id, "reason_missing")
        try:
            await house.resolver.resolve(caller, read_id(transaction_id), read_id(attempt_id), decision)
        except Refusal as refusal:
            return back_to(transaction_id, refusal)
        return back_to(transaction_id, "resolve")


class JobPages(Controller):
    """Jobs that wait for a person."""

    path = f"{HOME}/jobs"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.JOBS_READ)
    async def list_(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """List the merchant's held jobs and why each is held."""
        async with house.database.connection() as connection:
            jobs = await explained_jobs(connection, caller.merchant_id)
        return dashboard_page(request, caller, "jobs.html", jobs=jobs, about=_about, why=_why)

    @post("/release", permission=Permission.JOBS_WRITE)
    async def release_(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[None]:
        """Let one held job, or all of them, run again."""
        wanted = (await read_form(request)).get("job", "")
        async with house.database.transaction() as connection:
            mine = await explained_jobs(connection, caller.merchant_id)
            await release(connection, caller.who, [job for job in mine if wanted in {"", str(job.id)}])
        return go_to(f"{HOME}/jobs?done=release")


def _about(job: HeldJob) -> str:
    """Tell where what a job is about is shown; empty where it has no page of its own."""
    subject = job.key.rpartition(":")[2]
    shown_at = _SHOWN_AT.get(subject.partition("_")[0], "")
    return f"{shown_at}{subject}" if shown_at else ""


def _why(job: HeldJob) -> str:
    """Say which kind of reason it waits for: hold, mistake, or tries that are used up."""
    raised = job.raised.partition(":")[0].rpartition(".")[2]
    return "hold" if raised == "Hold" else "mistake" if raised in _MISTAKES else "tries"
