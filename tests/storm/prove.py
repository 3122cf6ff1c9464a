"""The long proof: simulated payments, crash schedules, races and planted bugs, as many as asked for, written down.

scripts/prove [--payments 1000000] [--crashes 20000] [--races 50] [--bugs] [--torture FILE] [--write]
"""

import argparse
import gc
import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from storm.crashes import schedules
from storm.ground import twin
from storm.hunt import Catch
from storm.planted import BUGS
from storm.run import Happened, Plan, run
from storm.trust import render

ROOT = Path(__file__).parents[2]
# What was kept of the last proof, so that parts of it can be made anew.
KEPT = ROOT / "docs" / "trust.json"
PAYMENTS_OF_A_RUN = 50
RIVALS = 100


def play(plan: Plan) -> Happened:
    """One run on an empty twin; memory is looked after between large runs, not in the middle of one."""
    gc.disable()
    happened = run(plan, twin)
    if happened.boundaries > _MANY:
        gc.collect()
    return happened


# A run of so many boundaries leaves enough behind to be worth a look through everything.
_MANY = 5_000


def play_all(plans: Iterable[Plan], what: str, jobs: int) -> dict[str, Any]:
    """Play many runs on so many processors; gives counts, and every violation with its seed."""
    begun, cpu = time.monotonic(), time.process_time()
    total: dict[str, Any] = {"runs": 0, "payments": 0, "boundaries": 0, "violations": []}
    seen, ends = Counter[str](), Counter[str]()
    for happened in _played(plans, jobs):
        total["runs"] += 1
        total["payments"] += happened.payments
        total["boundaries"] += happened.boundaries
        total["violations"] += [f"seed {happened.seed}: {line}" for line in happened.violations]
        seen += happened.seen
        ends += happened.ends
        if total["runs"] % 100 == 0:
            pace = total["payments"] / (time.monotonic() - begun)
            said = f"{what}: {total['payments']} payments, {pace:.0f} a second"
            print(f"{said}, {len(total['violations'])} violations", flush=True)
    total["seconds"] = round(time.monotonic() - begun)
    if jobs == 1:
        total["cpu_seconds"] = round(time.process_time() - cpu)
    return {**total, "injected": dict(seen.most_common()), "ends": dict(ends.most_common())}


def _played(plans: Iterable[Plan], jobs: int) -> Iterator[Happened]:
    if jobs == 1:
        yield from map(play, plans)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(play, plans, chunksize=4)


def main() -> None:
    asked = _asked()
    found: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    if asked.bugs:  # first: a bug is planted before the product is imported
        found["bugs"] = _bugs(asked.jobs)
    if asked.payments:
        first = asked.seed
        runs = -(-asked.payments // PAYMENTS_OF_A_RUN)
        plans = (Plan(seed, PAYMENTS_OF_A_RUN) for seed in range(first, first + runs))
        found["payments"] = {"seeds": [first, first + runs - 1], **play_all(plans, "payments", asked.jobs)}
    if asked.crashes:
        found["crashes"] = play_all(schedules(twin, asked.crashes), "crashes", asked.jobs)
    if asked.races:
        plans = (Plan(seed, payments=10, rivals=RIVALS) for seed in range(1, -(-asked.races // 10) + 1))
        found["races"] = {"rivals": RIVALS, **play_all(plans, "races", asked.jobs)}
    if asked.torture:
        found["torture"] = json.loads(Path(asked.torture).read_text())
    found["commit"] = _git("rev-parse", "--short=12", "HEAD")
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
    return {"planted": len(BUGS), "caught": len(catches) - len(missed), "missed": missed}


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--payments", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1, help="the first seed of the payments")
    parser.add_argument("--crashes", type=int, default=0)
    parser.add_argument("--races", type=int, default=0, help="keys, each sent by 100 at once")
    parser.add_argument("--bugs", action="store_true")
    parser.add_argument("--torture", help="what `afriflow torture` wrote")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--write", action="store_true", help="keep the figures in docs/trust.json and write TRUST.md"
    )
    return parser.parse_args()


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.strip()


if __name__ == "__main__":
    main()
