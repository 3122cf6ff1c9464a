"""Writes the parts of the documentation that the code knows better: settings, errors, and what follows what.

`documents()` gives each file as it must be; a test compares them with what is committed.
"""

import csv
import importlib
import pkgutil
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import afriflow
from afriflow.core.errors import AfriFlowError, Refusal, Unavailable
from afriflow.core.evidence import (
    Evidence,
    Failed,
    Missing,
    NeverReceived,
    NotSent,
    Pending,
    Refused,
    Source,
    Succeeded,
    Unclear,
)
from afriflow.core.language import keys
from afriflow.core.method import ActionType, Failure, FailureCode, NextAction
from afriflow.core.money import Money
from afriflow.core.session import end_session
from afriflow.core.transaction import (
    AttemptState,
    AttemptStatus,
    TransactionState,
    TransactionStatus,
    apply_evidence,
)
from afriflow.jobs.policy import RULES
from afriflow.port.factory import specs
from afriflow.settings import Settings

ROOT = Path(__file__).parents[1]
_MADE = "<!-- Made by scripts/docs from the code; do not edit by hand. -->"
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
# Importing these does something.
_NOT_TO_IMPORT = ("afriflow.__main__", "afriflow.db.migrations")


def documents() -> dict[Path, str]:
    """Give every generated file with the text that it must hold."""
    architecture, security = ROOT / "docs/architecture.md", ROOT / "docs/security/README.md"
    return {
        ROOT / "docs/reference/settings.md": settings(),
        ROOT / "docs/reference/errors.md": errors(),
        ROOT / "docs/reference/traces.md": traces(),
        architecture: filled(
            architecture.read_text("utf-8"),
            {"attempts": attempts(), "transactions": transactions(), "jobs": jobs()},
        ),
        security: filled(security.read_text("utf-8"), {"counts": counts(), "gaps": gaps()}),
    }


def filled(text: str, parts: dict[str, str]) -> str:
    """Put parts between their marks. Raises ValueError when a mark is missing."""
    for name, part in parts.items():
        begin, end = f"<!-- {name}: made by scripts/docs -->\n", f"<!-- /{name} -->"
        text = text[: text.index(begin) + len(begin)] + part + "\n" + text[text.index(end) :]
    return text


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    escaped = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *escaped]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# ── settings ────────────────────────────────────────────────────────────────────────────────────────────────────
def settings() -> str:
    rows = [
        (f"`AFRIFLOW_{item.name.upper()}`", _default(item.name, item.default), item.metadata["reason"])
        for item in fields(Settings)
    ]
    return f"""{_MADE}

# Settings

Settings come from the environment and from nowhere else. Each has a default that runs `scripts/start`; an empty value counts as none. Lists are comma-separated. Yes and no are `true` and `false`. A value that cannot be read stops the program with the variable's name.

`DATABASE_URL` and `REDIS_URL` are read too, where the names below are not set. `afriflow serve` and `afriflow work` want `DATABASE_URL`, `REDIS_URL` and `AFRIFLOW_SECRET_KEY`.

{table(("variable", "default", "what for, and why so"), rows)}

The commands that speak to a running AfriFlow (`checkout`, `transactions`, `providers`) also read `AFRIFLOW_URL` and `AFRIFLOW_API_KEY`; without them they speak to the one that `scripts/start` runs in `AFRIFLOW_HOME`.
"""


def _default(name: str, value: Any) -> str:
    if value is MISSING or value == "":
        return "none"
    if isinstance(value, Path):
        return f"`~/{value.relative_to(Path.home())}`"
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return f"`{','.join(value)}`" if value else "none"
    if isinstance(value, tuple) and "_seconds" not in name:
        return f"`{','.join(map(str, value))}`"
    if isinstance(value, tuple):
        return f"`{','.join(map(str, value))}` ({', '.join(_duration(item) for item in value)})"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if "_bytes_" in name and value % 1024 == 0:
        return f"`{value}` ({value // 1024} KiB)"
    if "seconds" in name and value >= 60:
        return f"`{value}` ({_duration(value)})"
    return f"`{value}`"


def _duration(seconds: float) -> str:
    return next(
        (f"{seconds // size:g} {unit}" for size, unit in _UNITS if seconds >= size and seconds % size == 0),
        f"{seconds:g} s",
    )


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────────
def errors() -> str:
    for module in pkgutil.walk_packages(afriflow.__path__, "afriflow."):
        if not module.name.startswith(_NOT_TO_IMPORT):
            importlib.import_module(module.name)
    kinds = sorted({AfriFlowError, *_below(AfriFlowError)}, key=lambda kind: (kind.status, kind.code))
    expected = [kind for kind in kinds if issubclass(kind, Refusal | Unavailable)]
    faults = [kind for kind in kinds if kind not in expected]
    failures = [
        (
            f"`{code}`",
            "yes" if code.payer_can_retry else "no",
            "yes" if code.is_providers_fault else "no",
            *_said(f"failure.{code}"),
        )
        for code in FailureCode
    ]
    return f"""{_MADE}

# Errors

## How a no looks

Every refusal is a [problem document](https://www.rfc-editor.org/rfc/rfc9457) (`application/problem+json`). `code` is stable and for programs; `detail` is for people, in the language of `Accept-Language` (`fr` or `en`), else the merchant's. `errors` names each field that is wrong, with an [RFC 6901](https://www.rfc-editor.org/rfc/rfc6901) pointer, or `?name` for a query parameter; all faults are named at once.

```json
{{
  "type": "urn:afriflow:error:invalid_request",
  "title": "Invalid request",
  "status": 422,
  "detail": "The request has fields that cannot be accepted; see errors.",
  "instance": "/api/checkout",
  "code": "invalid_request",
  "errors": [{{"pointer": "/amount", "code": "amount_not_positive", "detail": "The amount must be at least 1, in minor units."}}]
}}
```

Some codes carry more: `no_route` has `considered` (each provider account and why it was left out), `reference_taken` has `transaction_id`, `refund_exceeds_payment` has `remaining`, `refund_not_supported` has `instead` (the payout that would do the same), `internal_error` has `request_id`, the number to give when asking for help. `Retry-After` says when to come again, where that helps.

## Refusals

{table(("code", "HTTP", "English", "French"), [_error(kind) for kind in expected])}

## Faults

A person is called for each of these; callers see HTTP 500, or nothing where it happens in a job.

{table(("code", "HTTP", "English", "French"), [_error(kind) for kind in faults])}

## Faults of fields

{table(("code", "English", "French"), [_sentence("field.", key) for key in _keys("field.")])}

## Why a payment failed

One vocabulary for all providers, in `failure.code`. The provider's own words stay in the dashboard.

{table(("code", "payer can retry", "speaks of the provider's health", "English", "French"), failures)}

## Why a provider account was left out

In `routing.considered[].code`, and in `considered` of `no_route`.

{table(("code", "English", "French"), [_sentence("why.", key) for key in _keys("why.")])}
"""


def _below(kind: type[AfriFlowError]) -> Iterator[type[AfriFlowError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _error(kind: type[AfriFlowError]) -> tuple[str, ...]:
    return f"`{kind.code}`", str(kind.status), *_said(f"error.{kind.code}")


def _sentence(section: str, key: str) -> tuple[str, ...]:
    return f"`{key.removeprefix(section)}`", *_said(key)


def _said(key: str) -> tuple[str, str]:
    return keys("en")[key], keys("fr")[key]


def _keys(section: str) -> list[str]:
    return [key for key in keys("en") if key.startswith(section)]


# ── what is known of the providers, and what holds it ───────────────────────────────────────────────────────────
def traces() -> str:
    parts = [
        f"""{_MADE}

# What is known of the providers, and what holds it

Each fact with where it is said, and the fixture or test that would break if our side, or the simulator's, did otherwise. The facts are written in `tests/conformance/traces`, and a test sees to it that all that is named here exists. How certain they are stands on each provider's own page."""
    ]
    for spec in sorted(specs().values(), key=lambda spec: spec.name):
        path = ROOT / f"tests/conformance/traces/{spec.name}.toml"
        facts = tomllib.loads(path.read_text("utf-8"))["fact"]
        rows = [
            (fact["what"], fact["source"], "<br>".join(_trace(held_by) for held_by in fact["held_by"]))
            for fact in facts
        ]
        parts.append(f"## {spec.title}\n\n{table(('what', 'where it is said', 'held by'), rows)}")
    return "\n\n".join(parts) + "\n"


def _trace(held_by: str) -> str:
    """Link to a file; a test is named by its own words."""
    file, _, test = held_by.partition("::")
    name = test.rpartition("::")[2].removeprefix("test_").replace("_", " ") or Path(file).name
    return f"[{name}](../../{file})"


# ── what follows what ───────────────────────────────────────────────────────────────────────────────────────────
_MONEY = Money(5000, "XOF")
_PAID = Succeeded(_MONEY, "our reference")
_FAILURE = Failure(FailureCode.PAYER_DECLINED)
_WORDS = {
    "not sent": Evidence(Source.ANSWER, NotSent(_FAILURE)),
    "refused": Evidence(Source.ANSWER, Refused(_FAILURE, elsewhere=True)),
    "pending": Evidence(Source.ANSWER, Pending()),
    "succeeded": Evidence(Source.VERIFY, _PAID),
    "succeeded, but other amount or reference": Evidence(Source.VERIFY, Succeeded(_MONEY, "another")),
    "failed": Evidence(Source.VERIFY, Failed(_FAILURE)),
    "missing": Evidence(Source.VERIFY, Missing()),
    "never received": Evidence(Source.VERIFY, NeverReceived()),
    "unclear": Evidence(Source.ANSWER, Unclear("a timeout")),
}
_PAGE = Evidence(Source.ANSWER, Pending(NextAction(ActionType.REDIRECT, url="https://provider.example")))


def attempts() -> str:
    """The table of attempts: where each word leads from each status."""
    rows: list[list[str]] = []
    for status in AttemptStatus:
        row = [f"`{status}`"]
        for evidence in _WORDS.values():
            step = apply_evidence(_transaction(TransactionStatus.PROCESSING), _attempt(status), evidence)
            row.append(_cell(status, step.attempt.status, step.alert))
        rows.append(row)
    return table(["status", *_WORDS], rows)


def transactions() -> str:
    """The table of transactions: where a word about the open attempt leads, and what ends the session."""
    words = {
        "pending": (_WORDS["pending"], False, False),
        "pending, the payer has to act": (_PAGE, False, False),
        "succeeded": (_WORDS["succeeded"], False, False),
        "ended without money": (_WORDS["failed"], False, False),
        "… the payer chooses on our page": (_WORDS["failed"], True, False),
        "… another provider follows": (_WORDS["not sent"], False, True),
    }
    rows: list[list[str]] = []
    for status in TransactionStatus:
        row = [f"`{status}`"]
        for evidence, payer_chooses, another_follows in words.values():
            before = _transaction(status, payer_chooses=payer_chooses)
            step = apply_evidence(
                before, _attempt(AttemptStatus.UNKNOWN), evidence, another_follows=another_follows
            )
            moved = "" if step.transaction.status is status and step.transaction.needs_review else None
            late = "`late`" if step.transaction.late else ""
            review = "*needs review*" if step.transaction.needs_review else ""
            said = _cell(status, step.transaction.status, None) if moved is None else moved
            row.append(" ".join(part for part in (said, late, review) if part))
        ended = [end_session(_transaction(status), cancelled=cancelled) for cancelled in (True, False)]
        row += [_cell(status, step.transaction.status if step else status, None) for step in ended]
        rows.append(row)
    return table(["status", *words, "cancelled by the merchant", "time is over"], rows)


def jobs() -> str:
    """The table of what becomes of a job that raised."""
    rows: list[list[str]] = []
    for rule in RULES:
        names = ", ".join(f"`{kind.__name__}`" for kind in rule.classes)
        pauses = "the task's own (1 s, 5 s, 30 s, 2 min, 10 min, 1 h)"
        if rule.pauses_seconds is not None:
            pauses = ", ".join(_pause(seconds) for seconds in rule.pauses_seconds) or "held at once"
        rows.append([names, "waits" if rule.waits else pauses, rule.why])
    return table(["raised", "again after", "because"], rows)


# ── the map of ASVS ─────────────────────────────────────────────────────────────────────────────────────────────
def requirements() -> list[dict[str, str]]:
    """Read the map."""
    with (ROOT / "docs/security/asvs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def counts() -> str:
    """The table of how many requirements are in which state."""
    states = ("met", "partly", "missing", "not applicable")
    rows = [
        [f"level {level}", *(str(len(found)) for found in _by_state(level, states))] for level in ("1", "2")
    ]
    total = ["both", *(str(len(found)) for found in _by_state("12", states))]
    return table(["", *states], [*rows, total])


def _by_state(levels: str, states: Sequence[str]) -> list[list[dict[str, str]]]:
    mine = [item for item in requirements() if item["level"] in levels]
    return [[item for item in mine if item["state"] == state] for state in states]


def gaps() -> str:
    """The table of what is not met whole."""
    rows = [
        [f"V{item['id']}", item["level"], item["requirement"], item["state"], item["note"]]
        for item in requirements()
        if item["state"] in {"partly", "missing"}
    ]
    return table(["", "level", "requirement", "", "what there is, and what is not"], rows)


def _pause(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:g} s"


def _transaction(status: TransactionStatus, *, payer_chooses: bool = False) -> TransactionState:
    return TransactionState(status, _MONEY, payer_chooses)


def _attempt(status: AttemptStatus) -> AttemptState:
    return AttemptState(status, _MONEY, "our reference")


def _cell(before: Any, after: Any, alert: str | None) -> str:
    return ("·" if after is before else f"`{after}`") + (" ⚠" if alert else "")


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text, "utf-8")
        print(path.relative_to(ROOT))
