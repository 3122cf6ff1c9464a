"""What is true when it is over: our books and the providers' say the same of every payment, and no rule is broken."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from afriflow.core.errors import AfriFlowError
from afriflow.core.transaction import FINAL
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
# Through the front door as well as in the tables; all of them would only take long.
_READ_MAX = 200


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
    """Whether nothing is under way but attempts that nobody paid: their payers ignore the prompt, for hours."""
    if stage.payers.deciding:
        return False
    try:
        async with stage.fleet.house.database.connection() as connection:
            rows = await connection.fetch(store.UNDER_WAY)
    except AfriFlowError:
        return False
    if any(row["kind"] != "attempt" for row in rows):
        return False
    taken = _taken(stage)
    return not any(taken[row["reference"]] for row in rows)


async def _compare(stage: Stage, merchant: Merchant, verdict: Verdict) -> None:
    async with stage.fleet.house.database.connection() as connection:
        payments = {row["id"]: row for row in await connection.fetch(store.PAYMENTS)}
    taken = _taken(stage)
    for number, transaction_id in merchant.made.items():
        row = payments.get(transaction_id)
        if row is None:
            verdict.violations.append(f"lost: payment {number} was answered 201 as {transaction_id}")
            continue
        verdict.statuses[row["status"]] += 1
        verdict.late += row["late"]
        verdict.violations += _books(row, sum(taken[reference] for reference in row["attempts"]))
        verdict.violations += _heard(row, stage.ears.told.get(transaction_id, ()))
    ours = {reference for row in payments.values() for reference in row["attempts"]}
    verdict.violations += [f"money of no attempt of ours: {reference}" for reference in set(taken) - ours]
    for transaction_id in list(merchant.made.values())[:_READ_MAX]:
        try:
            await merchant.read(transaction_id)
        except LookupError:
            verdict.violations.append(f"lost: {transaction_id} is not found at the API")


def _books(row: Record, paid: int) -> list[str]:
    said = f"{row['id']} is {row['status']}"
    if paid > 1:
        return [f"charged {paid} times: {said}"]
    if paid and row["status"] != "succeeded":
        return [f"paid, but {said}"]
    if not paid and row["status"] == "succeeded":
        return [f"not paid, but {said}"]
    if row["status"] not in FINAL:
        return [f"open: {said}"]
    return [f"needs review: {said}"] if row["needs_review"] else []


def _heard(row: Record, told: Sequence[tuple[int, str]]) -> list[str]:
    """Every number from 1 on was heard, in order of first hearing, the last being how it stands."""
    numbers = list(dict.fromkeys(number for number, _ in told))
    if numbers != list(range(1, row["sequence"] + 1)):
        return [f"heard {numbers} of {row['sequence']} events: {row['id']}"]
    kinds = dict(told)
    if kinds[row["sequence"]] != f"transaction.{row['status']}":
        return [f"heard {kinds[row['sequence']]} last: {row['id']} is {row['status']}"]
    return []


def _taken(stage: Stage) -> Counter[str]:
    """Count by our references how often the providers' own books say that money came."""
    taken: Counter[str] = Counter()
    for seat in stage.fleet.seats.values():
        for moved in seat.notebook.every("moved"):
            if moved["way"] == "in":
                taken.update(set(_REFERENCE.findall(f"{moved['order']} {moved['said']}".lower())))
    return taken
