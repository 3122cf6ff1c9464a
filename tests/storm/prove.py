"""The long proof: simulated payments, crash schedules, races and planted bugs, as many as asked for, written down.

scripts/prove [--payments 1000000] [--crashes 20000] [--races 50] [--bugs] [--torture FILE] [--write]

The payments take hours: where they stand is kept in build/payments.json after every run, and who asks again goes on
from there. What had been violated by then is played again first.
"""

import argparse
import gc
import json
import os
import platform
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from storm.crashes import schedules
from storm.ground import twin
from storm.hunt import Catch
from storm.planted import BUGS
from storm.run import Happened, Plan, run
from storm.trust import render

ROOT = Path(__file__).parents[2]
# What was kept of the last proof, so that parts of it can be made anew.
KEPT = ROOT / "docs" / "trust.json"
# How far the payments are.
GOES_ON = ROOT / "build" / "payments.json"
PAYMENTS_OF_A_RUN = 50
RIVALS = 100


def play(plan: Plan) -> Happened:
    """One run on an empty twin; memory is looked after between runs, not in the middle of one."""
    gc.disable()
    happened = run(plan, twin)
    if gc.get_count()[0] > _LEFT_MAX:
        gc.collect()
        gc.freeze()  # what stays (what is compiled, counters) need not be gone through again after each run
    return happened


# So many objects left behind are worth a look.
_LEFT_MAX = 20_000


def play_timed(plan: Plan) -> tuple[Happened, float]:
    """One run and its processor seconds; whatever breaks it is a violation, so that a long proof goes on."""
    begun = time.process_time()
    try:
        happened = play(plan)
    except Exception as error:  # noqa: BLE001 — it is seen
        place = traceback.extract_tb(error.__traceback__)[-1]
        broken = [f"{error!r} at {Path(place.filename).name}:{place.lineno}"]
        happened = Happened(plan.seed, plan.payments, broken, "", 0, Counter[str](), Counter[str]())
    return happened, time.process_time() - begun


@dataclass(slots=True)
class Part:
    """What many runs came to. mended: violations of earlier commits whose seeds are clean by now."""

    runs: int = 0
    payments: int = 0
    boundaries: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    violations: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    injected: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)

    def count(self, happened: Happened, cpu_seconds: float) -> None:
        """Add one run, and say at once what is wrong with it."""
        self.runs += 1
        self.payments += happened.payments
        self.boundaries += happened.boundaries
        self.cpu_seconds += cpu_seconds
        self.injected = dict((Counter(self.injected) + happened.seen).most_common())
        self.ends = dict((Counter(self.ends) + happened.ends).most_common())
        for line in happened.violations:
            self.violations.append(f"seed {happened.seed}: {line}")
            print(f"VIOLATION seed {happened.seed}: {line}", flush=True)


def play_all(
    plans: Iterable[Plan], what: str, jobs: int, part: Part | None = None, kept: Path | None = None
) -> Part:
    """Play many runs on so many processors, on top of what `part` has already. kept: where it stands after each."""
    part = part or Part()
    begun, before = time.monotonic() - part.seconds, (part.payments, part.seconds)
    part.commits = list(dict.fromkeys([*part.commits, commit()]))
    for happened, cpu_seconds in _played(plans, jobs):
        part.count(happened, cpu_seconds)
        part.seconds = time.monotonic() - begun
        if kept is not None:
            kept.parent.mkdir(exist_ok=True)
            kept.with_suffix(".new").write_bytes(msgspec.json.encode(part))
            kept.with_suffix(".new").replace(kept)
        if part.runs % 100 == 0:
            pace = (part.payments - before[0]) / (part.seconds - before[1])
            core = part.payments / part.cpu_seconds
            said = f"{what}: {part.payments} payments, {pace:.0f} a second, {core:.0f} per core"
            print(f"{said}, {len(part.violations)} violations", flush=True)
    return part


def _played(plans: Iterable[Plan], jobs: int) -> Iterator[tuple[Happened, float]]:
    if jobs == 1:
        yield from map(play_timed, plans)
        return
    pool = ProcessPoolExecutor(jobs)
    try:
        yield from pool.map(play_timed, plans, chunksize=4)
    finally:
        pool.shutdown(cancel_futures=True)


def play_payments(number: int, first: int, jobs: int, kept: Path) -> dict[str, Any]:
    """Play so many payments from the first seed on, going on where an earlier proof was stopped."""
    part = Part()
    if kept.exists():
        part = _again(msgspec.json.decode(kept.read_bytes(), type=Part))
    seeds = range(first + part.runs, first - (-number // PAYMENTS_OF_A_RUN))
    part = play_all((Plan(seed, PAYMENTS_OF_A_RUN) for seed in seeds), "payments", jobs, part, kept)
    return {"seeds": [first, first + part.runs - 1], **asdict(part)}


def _again(part: Part) -> Part:
    """Play again what had been violated: a seed that is clean by now has been mended since."""
    seeds = sorted({int(line.split()[1].rstrip(":")) for line in part.violations})
    clean = [f"seed {seed}:" for seed in seeds if not play_timed(Plan(seed))[0].violations]
    mended = [line for line in part.violations if line.startswith(tuple(clean))]
    left = [line for line in part.violations if line not in mended]
    return replace(part, violations=left, mended=part.mended + mended)


def main() -> None:
    asked = _asked()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the other processes end too
    found: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    if asked.bugs:  # first: a bug is planted before the product is imported
        found["bugs"] = _bugs(asked.jobs)
    if asked.payments:
        played = play_payments(asked.payments, asked.seed, asked.jobs, GOES_ON)
        found |= {"again": {"why": asked.again, **played}} if asked.again else {"payments": played}
    if asked.crashes:
        found["crashes"] = asdict(play_all(schedules(twin, asked.crashes), "crashes", asked.jobs))
    if asked.races:
        plans = (Plan(seed, payments=10, rivals=RIVALS) for seed in range(1, -(-asked.races // 10) + 1))
        found["races"] = {"rivals": RIVALS, **asdict(play_all(plans, "races", asked.jobs))}
    if asked.torture:
        found["torture"] = json.loads(Path(asked.torture).read_text())
    found["machine"] = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    if asked.write:
        KEPT.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        (ROOT / "TRUST.md").write_text(render(found))
    broken = sum(len(part.get("violations", ())) for part in found.values() if isinstance(part, dict))
    missed = len(found.get("bugs", {}).get("missed", ()))
    print(f"{broken} violations, {missed} planted bugs missed")
    sys.exit(1 if broken or missed else 0)


def _bugs(jobs: int) -> dict[str, Any]:
    """Hunt in a process of its own, where nothing of the product is imported."""
    command = [sys.executable, "-m", "storm.hunt", "--jobs", str(jobs), "--json"]
    said = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT / "tests")
    catches = [Catch(**line) for line in map(json.loads, said.stdout.splitlines())]
    missed = [catch.name for catch in catches if catch.seed is None]
    return {
        "planted": len(BUGS),
        "caught": len(catches) - len(missed),
        "missed": missed,
        "commits": [commit()],
    }


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--payments", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1, help="the first seed of the payments")
    parser.add_argument("--again", metavar="WHY", help="keep these payments beside those of before, and why")
    parser.add_argument("--crashes", type=int, default=0)
    parser.add_argument("--races", type=int, default=0, help="keys, each sent by 100 at once")
    parser.add_argument("--bugs", action="store_true")
    parser.add_argument("--torture", help="what `afriflow torture` wrote")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--write", action="store_true", help="keep the figures in docs/trust.json and write TRUST.md"
    )
    return parser.parse_args()


@cache
def commit() -> str:
    """Give the commit that is being proven."""
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()


if __name__ == "__main__":
    main()
