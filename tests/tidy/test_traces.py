"""What is known of a provider is held by something: a fixture that is there, or a test of that name."""

import ast
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tidy.sources import ROOT

from afriflow.port.factory import specs

TRACES = ROOT / "tests/conformance/traces"


@cache
def facts(provider: str) -> list[dict[str, Any]]:
    return tomllib.loads((TRACES / f"{provider}.toml").read_text("utf-8"))["fact"]


@cache
def names_of(path: Path) -> frozenset[str]:
    """Name the tests of a file; those of a class as Class::test and by the test alone."""
    names: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            inner = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
            names |= {name for item in inner for name in (item.name, f"{node.name}::{item.name}")}
    return frozenset(name for name in names if name.rpartition("::")[2].startswith("test_"))


def is_there(held_by: str) -> bool:
    file, _, test = held_by.partition("::")
    path = ROOT / file
    return path.is_file() and (not test or test in names_of(path))


def test_every_provider_has_its_trace_and_every_trace_its_provider() -> None:
    assert {path.stem for path in TRACES.glob("*.toml")} == set(specs())


@pytest.mark.parametrize("provider", sorted(specs()))
def test_every_fact_has_a_source_and_something_that_holds_it(provider: str) -> None:
    for fact in facts(provider):
        assert set(fact) == {"what", "source", "held_by"}, fact
        assert fact["what"].strip(), fact
        assert fact["source"].strip(), fact
        assert fact["held_by"], fact
    gone = [held_by for fact in facts(provider) for held_by in fact["held_by"] if not is_there(held_by)]
    assert not gone, "\n".join(gone)


def test_a_fact_that_nothing_holds_is_noticed() -> None:
    here = "tests/tidy/test_traces.py"
    assert is_there(here)
    assert is_there(f"{here}::test_a_fact_that_nothing_holds_is_noticed")
    assert not is_there(f"{here}::test_that_nobody_wrote")
    assert not is_there("tests/tidy/nothing.py")
