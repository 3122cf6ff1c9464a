"""What is true when it is over: our books and the providers' say the same of every payment, and no rule is broken."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from afriflow.core.errors import AfriFlowError
from afriflow.db.engine import Record
from afriflow.jobs.held import held_jobs
from afriflow.reconcile.audit import look_at_everything
from afriflow.torture import store
from afriflow.torture.people import Merchant
from afriflow.torture.stage import Stage

_POLL_SECONDS = 0.5
# Our references are UUIDs: a provider's order has one for its own id, or keeps what we said with it.
_REFERENCE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
# What the last fault set in motion still arrives: a late order, a held request.
_AFTERMATH_SECONDS = 9.0
_HELD_MAX = 100
_READ_MAX = 200
_PATHS = {"in": "transactions", "out": "payouts", "back": "refunds"}


@dataclass(slots=True)
class Verdict:
    """What was found. settled_seconds: since the faults ended, None when it never was. statuses: of all payments."""

    settled_seconds: float | None = None
    statuses: Counter[str] = field(default_factory=Counter[str])
    late: int = 0
    violations: list[str] = field(default_factory=list[str])


async def judge(stage: Stage, merchant: Merchant, patience_seconds: float) -> Verdict:
    """Wait until everything has settled, then compare everything with everything."""
    verdict = Verdict()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while loop.time() - begun < patience_seconds:
        quiet = await _is_quiet(stage)
        if quiet and verdict.settled_seconds is None:
            verdict.settled_seconds = round(loop.time() - begun, 1)
        elif not quiet:
            verdict.settled_seconds = None
        if quiet and loop.time() - begun > _AFTERMATH_SECONDS:
            break
        stage.raise_the_dead()
        await asyncio.sleep(_POLL_SECONDS)
    else:
        verdict.violations.append(f"not settled {patience_seconds:.0f} s after the last fault")
    verdict.violations += merchant.broken_promises
    await _compare(stage, merchant, verdict)
    async with stage.fleet.house.database.connection() as connection:
        held = await held_jobs(connection, _HELD_MAX)
        found = await look_at_everything(connection)
    verdict.violations += [f"held job: {row['task']} {bytes(row['payload'] or b'').decode()}" for row in held]
    verdict.violations += [
        f"audit {item.rule}: {item.subject_id} {item.detail}" for items in found.values() for item in items
    ]
    return verdict


async def _is_quiet(stage: Stage) -> bool:
    """Whether nothing is under way but what no money moved for: attempts whose payers ignore the prompt, and orders that
    never arrived, of which the provider's own quarantine lets us believe so only after a quarter of an hour and more.
    """
    if stage.payers.deciding:
        return False
    try:
        async with stage.fleet.house.database.connection() as connection:
            rows = await connection.fetch(store.UNDER_WAY)
    except AfriFlowError:
        return False
    if any(row["kind"] not in {"attempt", "never arrived"} for row in rows):
        return False
    moved = _moved(stage, "in") + _moved(stage, "out") + _moved(stage, "back")
    return not any(moved[row["reference"]] for row in rows)


async def _compare(stage: Stage, merchant: Merchant, verdict: Verdict) -> None:
    async with stage.fleet.house.database.connection() as connection:
        payments = {row["id"]: row for row in await connection.fetch(store.PAYMENTS)}
        sent = {row["id"]: row for row in await connection.fetch(store.MONEY_OUT)}
    for key, made in merchant.made.items():
        if made not in payments and made not in sent:
            verdict.violations.append(f"lost: {key} was answered 201 as {made}")
    taken = _moved(stage, "in")
    for row in payments.values():
        verdict.statuses[row["status"]] += 1
        verdict.late += row["late"]
        verdict.violations += _books(row, sum(taken[reference] for reference in row["attempts"]))
        verdict.violations += _heard(row, "transaction", stage.ears.told.get(row["id"], ()))
    ours = {reference for row in payments.values() for reference in row["attempts"]}
    verdict.violations += [f"money of no attempt of ours: {reference}" for reference in set(taken) - ours]
    gone = _moved(stage, "out") + _moved(stage, "back")
    for row in sent.values():
        verdict.statuses[f"{row['kind']} {row['status']}"] += 1
        verdict.violations += _books(row, gone[row["reference"]])
        verdict.violations += _heard(row, row["kind"], stage.ears.told.get(row["id"], ()))
    strangers = set(gone) - {row["reference"] for row in sent.values()}
    verdict.violations += [f"money sent for no order of ours: {reference}" for reference in strangers]
    # Through the front door as well; all of them would only take long.
    for key, made in list(merchant.made.items())[:_READ_MAX]:
        if not await merchant.find(f"/api/{_PATHS[key.partition('-')[0]]}/{made}"):
            verdict.violations.append(f"lost: {made} is not found at the API")


def _books(row: Record, moved: int) -> list[str]:
    """Compare how often money moved with how we say it stands; a payment's statuses and an order's are told alike."""
    said = f"{row['id']} is {row['status']}"
    if moved > 1:
        return [f"money moved {moved} times: {said}"]
    if moved and row["status"] != "succeeded":
        return [f"money moved, but {said}"]
    if not moved and row["status"] == "succeeded":
        return [f"no money moved, but {said}"]
    # An order of money out that never arrived is `unknown` until the provider's quarantine is over.
    if row["status"] in {"requires_payment_method", "requires_action", "processing", "pending"}:
        return [f"open: {said}"]
    # Money after the end of the time to pay is for a person to decide about; nothing else here is.
    return [f"needs review: {said}"] if row["needs_review"] and not row["late"] else []


def _heard(row: Record, kind: str, told: Sequence[tuple[int, str]]) -> list[str]:
    """Every number from 1 on was heard, in order of first hearing, the last being how it stands."""
    numbers = list(dict.fromkeys(number for number, _ in told))
    if numbers != list(range(1, row["sequence"] + 1)):
        return [f"heard {numbers} of {row['sequence']} events: {row['id']}"]
    kinds = dict(told)
    asks = kinds[row["sequence"]] == f"{kind}.needs_review"
    last = kinds[row["sequence"] - asks]
    as_told = {"not_sent": "failed", "never_received": "failed", "unknown": "processing"}
    if last != f"{kind}.{as_told.get(row['status'], row['status'])}":
        return [f"heard {last} last: {row['id']} is {row['status']}"]
    return []


def _moved(stage: Stage, way: str) -> Counter[str]:
    """Count by our references how often the providers' own books say that money moved: in, out, or back."""
    found: Counter[str] = Counter()
    for seat in stage.fleet.seats.values():
        for moved in seat.notebook.every("moved"):
            if moved["way"] == way:
                found.update(set(_REFERENCE.findall(f"{moved['order']} {moved['said']}".lower())))
    return found
