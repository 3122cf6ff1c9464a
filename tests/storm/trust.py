"""TRUST.md: what the proofs found, with what is needed to repeat them, and what they do not prove."""

from statistics import median
from typing import Any

NAMES = {
    "arrive_late": "requests that arrive minutes late",
    "database_lost_after": "database connections lost after the statement or commit took effect",
    "database_lost_before": "database connections lost before it",
    "die": "processes killed at a boundary",
    "double_callback": "notifications sent twice",
    "error_after": "HTTP 502 after the order was taken",
    "error_before": "HTTP 500 before it was looked at",
    "forge_callback": "forged notifications",
    "garbage": "answers that are no answer",
    "hang": "answers slower than the time limit",
    "hidden": "orders that their provider does not know for minutes",
    "killed": "processes killed by a schedule",
    "lose_answer": "lost answers",
    "lose_callback": "notifications never sent",
    "lose_request": "lost requests",
    "query_dead": "questions that got no answer",
    "redis_flushed": "Redis emptied",
    "redis_lost": "calls to Redis that found nobody",
    "refuse_connection": "refused connections",
    "refused": "orders refused before processing",
    "settle_late": "settlements up to six days late",
    "shop_deaf": "events that the merchant refused",
    "shop_forgets_to_answer": "events heard and not acknowledged",
    "stall": "processes that stood still, up to 50 minutes",
    "take_back": "successes that became failures at the provider",
    "too_many": "HTTP 429",
    "unknown_word": "status words that nobody documents",
    "wrong_amount": "other amounts than asked for",
}


def render(found: dict[str, Any]) -> str:
    """Write the page. found: what `storm.prove` kept."""
    parts = [
        _HEAD.format(machine=found["machine"]),
        _simulated(found),
        _torture(found["torture"]) if "torture" in found else "",
        _LIMITS,
    ]
    return "\n".join(part for part in parts if part)


def _simulated(found: dict[str, Any]) -> str:
    rows = ["| what | how much | on commit | violations |", "| --- | --- | --- | --- |"]
    if payments := found.get("payments"):
        first, last = payments["seeds"]
        pace = payments["payments"] / payments["cpu_seconds"]
        what = f"{_n(payments['payments'])} in {_n(payments['runs'])} runs, seeds {first} to {last}, {pace:.0f} a second and core"
        rows.append(
            f"| payments under all faults | {what} | {_commits(payments)} | {len(payments['violations'])}, {len(payments['mended'])} were mended |"
        )
    if again := found.get("again"):
        first, last = again["seeds"]
        what = f"{_n(again['payments'])} once more, seeds {first} to {last}: {again['why']}"
        rows.append(f"| the same | {what} | {_commits(again)} | {len(again['violations'])} |")
    if crashes := found.get("crashes"):
        rows.append(
            f"| crash schedules | {_n(crashes['runs'])} | {_commits(crashes)} | {len(crashes['violations'])} |"
        )
    if races := found.get("races"):
        what = f"{_n(races['payments'])} keys, each sent by {races['rivals']} at once"
        rows.append(f"| races for one key | {what} | {_commits(races)} | {len(races['violations'])} |")
    if bugs := found.get("bugs"):
        missed = ", ".join(bugs["missed"]) or "none missed"
        caught = f"{bugs['caught']} of {bugs['planted']} seen"
        rows.append(f"| planted bugs | {caught} | {_commits(bugs)} | {missed} |")
    lines = ["## Simulated", "", *rows, "", *_mended(found), "Injected while the payments were played:", ""]
    injected = found.get("payments", {}).get("injected", {})
    lines += ["| fault | times |", "| --- | --- |"]
    lines += [f"| {NAMES[name]} | {_n(times)} |" for name, times in injected.items() if name in NAMES]
    return "\n".join([*lines, ""])


def _commits(part: dict[str, Any]) -> str:
    return ", ".join(f"`{commit}`" for commit in part["commits"])


def _mended(found: dict[str, Any]) -> list[str]:
    """What was found on the way, and is clean since."""
    lines = found.get("payments", {}).get("mended", [])
    if not lines:
        return []
    seeds = ", ".join(dict.fromkeys(line.split()[1].rstrip(":") for line in lines))
    said = (
        f"Violations found on the way, at seeds {seeds}, are mended, and their seeds clean since; tests keep one of "
        "each kind and say whose fault it was."
    )
    return [said, ""]


def _torture(found: dict[str, Any]) -> str:
    plan, blows = found["plan"], found["blows"]
    came = sum(number for name, number in found["statuses"].items() if " " not in name)
    rows = {
        "for": f"{plan['seconds']:.0f} s, seed {plan['seed']}, {plan['apis']} API processes, {plan['workers']} workers",
        "payments asked for": _n(came),
        "struck": ", ".join(f"{_n(number)} × {name}" for name, number in blows.items()),
        "lines gone bad": ", ".join(
            f"{_n(sum(kinds.values()))} × {name}" for name, kinds in found["lines"].items()
        ),
        "all settled after the faults ended": f"{found['settled_seconds']:.0f} s (wanted: 60)",
        "a dead worker's job taken over": f"{found['taken_over_seconds']:.0f} s at most (wanted: 30)",
        "API back": f"{median(found['api_back_seconds']):.2f} s, {max(found['api_back_seconds']):.2f} s at most (wanted: 3)",
        "violations": str(len(found.get("violations", []))),
    }
    lines = [
        "## Tortured",
        "",
        "Real processes, `afriflow torture`, on commit " + f"`{found['commit']}`.",
        "",
    ]
    lines += ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())]
    return "\n".join([*lines, ""])


def _n(number: int) -> str:
    return f"{number:,}".replace(",", " ")


_HEAD = """# What has been proven, and what has not

Written by `scripts/prove` from its last runs ({machine}). A violation is a breach of what we promise: a payer charged twice, a payment called failed while its money may move, money that nobody takes note of, an event that the merchant does not hear, an attempt that nobody follows. Each comes with its seed, and the same seed is the same run.

The production stations run under a seeded event loop in virtual time, on the product's own SQL ([why](docs/decisions/0015-the-simulation-runs-our-own-sql.md)), against providers of all three classes; eight days pass in each run. The witness sees every commit and reads the truth in the providers' books.
"""

_LIMITS = """## Limits

- The database of the simulation is a twin in memory. Random histories and whole runs are held against PostgreSQL, boundary by boundary; plans, disks and replication are not in it.
- The providers of the simulation are models of the three classes. pawaPay and PayDunya are played by their simulators in the conformance suite and the torture, written from their documents; no real account has been asked.
- The queue's engine is not in the simulation; its promises are tested on the real one.
- A class C provider (neither idempotent nor searchable) cannot be made safe by us alone: at most one send can be paid, and an overpayment is detected and put before a person.
- A machine that stands still between its last look at the clock and the byte on the wire can still send late; [0016](docs/decisions/0016-a-send-leaves-within-its-lease.md) says what catches it then.
- Times of recovery were measured on two shared cores while other work ran on them.
- Nobody outside has audited this.

Again: `scripts/prove --payments 1000000 --crashes 20000 --races 50 --bugs --write`, and `afriflow torture --seconds 600 --kill-every 1`.
"""
