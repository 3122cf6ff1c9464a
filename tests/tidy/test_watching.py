"""The dashboard and the alerts ask for what there is: every query is PromQL, and its metrics and labels exist."""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram, Info
from prometheus_client.metrics import MetricWrapperBase
from tidy.sources import ROOT

from afriflow import __version__
from afriflow.observe import metrics

ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/afriflow.json"
PAGE = ROOT / "docs/operations/observability.md"
# What Prometheus adds to each series, and what its own collector of a process gives.
SCRAPED = {"job", "instance", "role"}
OF_THE_PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
_SUFFIXES = {Counter: ("_total",), Gauge: ("",), Histogram: ("_bucket", "_count", "_sum"), Info: ("_info",)}


def declared() -> list[MetricWrapperBase]:
    return [item for item in vars(metrics).values() if isinstance(item, MetricWrapperBase)]


def series() -> dict[str, set[str]]:
    """Name every series that can be asked for, with its labels."""
    found: dict[str, set[str]] = {name: set(SCRAPED) for name in OF_THE_PROCESS}
    found["afriflow_build_info"] = {"version", "python", *SCRAPED}
    for metric in declared():
        for suffix in _SUFFIXES[type(metric)]:
            labels = {*metric._labelnames, *SCRAPED} | ({"le"} if suffix == "_bucket" else set())
            found[metric._name + suffix] = labels
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Every query with where it stands; what Grafana puts in is put in."""
    for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]:
        yield from ((rule["alert"], rule["expr"]) for rule in group["rules"])
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        for target in panel.get("targets", []):
            text = target["expr"].replace("$__rate_interval", "5m")
            yield panel["title"], re.sub(r"\$(mode|kind|provider)\b", "x", text)


def faults(query: str) -> list[str]:
    """Say what a query asks for that is not there."""
    known, found = series(), list[str]()
    _look(promql_parser.parse(query), known, found)
    return found


def _look(part: Any, known: dict[str, set[str]], found: list[str]) -> set[str]:
    """Look through a query; gives the labels that what is below a part can have."""
    if isinstance(part, promql_parser.MatrixSelector):
        part = part.vector_selector
    if isinstance(part, promql_parser.VectorSelector):
        if part.name not in known:
            found.append(f"no metric {part.name}")
            return set()
        asked = {matcher.name for matcher in part.matchers.matchers}
        found += [f"{part.name} has no label {label}" for label in asked - known[part.name]]
        return known[part.name]
    below = [_look(inner, known, found) for inner in _inside(part)]
    labels = set[str]().union(*below)
    if isinstance(part, promql_parser.AggregateExpr):
        named = set(part.modifier.labels if part.modifier else [])
        found += [f"nothing in {part} has the label {label}" for label in named - labels]
        return named
    return labels


def _inside(part: Any) -> list[Any]:
    named = [getattr(part, name, None) for name in ("lhs", "rhs", "expr")]
    return [inner for inner in [*named, *getattr(part, "args", [])] if inner is not None]


def test_every_query_asks_for_what_there_is() -> None:
    found = [f"{where}: {fault}" for where, query in queries() for fault in faults(query)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("afriflow_nothing > 0", "no metric"),
        ('rate(afriflow_pages_total{why="x"}[5m])', "no label why"),
        ("sum by (task) (afriflow_pages_total)", "the label task"),
        ("sum by (le) (rate(afriflow_job_seconds_count[5m]))", "the label le"),
    ],
)
def test_a_wrong_query_is_seen(query: str, fault: str) -> None:
    assert fault in "".join(faults(query))


def test_values_of_labels_are_words_that_are_said() -> None:
    """A misspelt outcome would never come, and its alert never either."""
    said = {
        "state": {"due", "later", "running", "held", "open", "closed", "half_open", "idle", "used"},
        "outcome": {
            "succeeded",
            "failed",
            "not_sent",
            "never_received",
            "done",
            "waits",
            "again",
            "given_up",
        },
        "status": {"unknown", "pending", "planned", "2xx", "3xx", "4xx", "5xx"},
        "word": {"Succeeded", "Pending", "Refused", "Failed", "NotSent", "Unclear", "Missing"},
        "verdict": {"signed", "hint", "forged", "probe"},
        "schedule": {"sweep", "audit", "remind", "refresh", "prune"},
        "kind": {"payment", "refund", "payout", "x"},
        "mode": {"live", "test", "x"},
    }
    wrong = [
        f"{where}: {label}={value}"
        for where, query in queries()
        for label, value in re.findall(r'(\w+)\s*!?="([^"]*)"', query)
        if label in said and value not in said[label]
    ]
    assert not wrong


def test_every_metric_is_on_the_page_and_on_the_dashboard() -> None:
    page, asked = PAGE.read_text("utf-8"), " ".join(query for _, query in queries())
    names = [metric._name for metric in declared()]
    assert [name for name in names if name not in page] == []
    assert [name for name in names if name not in asked] == []


def test_every_alert_says_how_soon_and_what() -> None:
    for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"page", "ticket"}
            assert rule["annotations"]["summary"]


def test_labels_are_few_and_none_names_a_payment() -> None:
    for metric in declared():
        assert not {label for label in metric._labelnames if label.endswith("_id") or label == "reference"}
        assert len(metric._labelnames) <= 5, metric._name


def test_the_release_that_is_reported_is_the_one_that_is_built() -> None:
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")
