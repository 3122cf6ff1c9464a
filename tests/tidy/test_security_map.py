"""The map of ASVS is whole, and what it calls proven leads to something that is there."""

import csv
import re
from collections.abc import Iterator
from dataclasses import fields

from tidy.sources import ROOT

from afriflow.settings import Settings

# How many requirements each section of ASVS 5.0.0 has, and which of them only level 3 asks for.
SECTIONS = {
    1: (2, 10, 12, 3, 3),
    2: (3, 3, 5, 2),
    3: (1, 3, 5, 8, 8, 1, 5),
    4: (5, 5, 2, 4),
    5: (1, 6, 3, 3),
    6: (3, 12, 8, 6, 8, 4, 2, 4),
    7: (3, 4, 2, 5, 3, 2),
    8: (4, 4, 3, 2),
    9: (3, 4),
    10: (2, 3, 5, 16, 5, 2, 3),
    11: (4, 5, 5, 4, 2, 2, 2),
    12: (5, 2, 5),
    13: (4, 6, 4, 7),
    14: (2, 8, 3),
    15: (5, 5, 7, 4),
    16: (1, 5, 4, 3, 4),
    17: (2, 8, 2),
}
LEVEL_3 = """
1.2.10 1.3.12 1.5.3 2.3.5 2.4.2 3.1.1 3.2.3 3.3.5 3.4.7 3.4.8 3.5.6 3.5.7 3.5.8 3.6.1 3.7.3 3.7.4 3.7.5 4.1.4 4.1.5 4.2.2
4.2.3 4.2.4 4.2.5 5.2.4 5.2.5 5.2.6 5.3.3 6.3.5 6.3.6 6.3.7 6.3.8 6.4.5 6.4.6 6.5.6 6.5.7 6.5.8 6.6.4 6.7.1 6.7.2 7.5.3
8.1.3 8.1.4 8.2.4 8.3.2 8.3.3 8.4.2 10.2.3 10.3.5 10.4.12 10.4.13 10.4.14 10.4.15 10.4.16 11.1.3 11.1.4 11.2.4 11.2.5
11.3.4 11.3.5 11.5.2 11.6.2 11.7.1 11.7.2 12.1.4 12.1.5 12.3.5 13.1.2 13.1.3 13.1.4 13.2.6 13.3.3 13.3.4 13.4.6 13.4.7
14.2.5 14.2.6 14.2.7 14.2.8 15.1.4 15.1.5 15.2.4 15.2.5 15.4.1 15.4.2 15.4.3 15.4.4 16.5.4 17.1.2 17.2.5 17.2.6 17.2.7
17.2.8
""".split()  # noqa: SIM905 — numbers read better so
LEVEL_1 = """
1.2.1 1.2.2 1.2.3 1.2.4 1.2.5 1.3.1 1.3.2 1.5.1 2.1.1 2.2.1 2.2.2 2.3.1 3.2.1 3.2.2 3.3.1 3.4.1 3.4.2 3.5.1 3.5.2 3.5.3
4.1.1 4.4.1 5.2.1 5.2.2 5.3.1 5.3.2 6.1.1 6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.6 6.2.7 6.2.8 6.3.1 6.3.2 6.4.1 6.4.2 7.2.1
7.2.2 7.2.3 7.2.4 7.4.1 7.4.2 8.1.1 8.2.1 8.2.2 8.3.1 9.1.1 9.1.2 9.1.3 9.2.1 10.4.1 10.4.2 10.4.3 10.4.4 10.4.5 11.3.1
11.3.2 11.4.1 12.1.1 12.2.1 12.2.2 13.4.1 14.2.1 14.3.1 15.1.1 15.2.1 15.3.1
""".split()  # noqa: SIM905 — numbers read better so
STATES = {"met", "partly", "missing", "not applicable"}
_VARIABLES = {f"AFRIFLOW_{item.name.upper()}" for item in fields(Settings)}


def the_map() -> list[dict[str, str]]:
    with (ROOT / "docs/security/asvs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def asked_for() -> Iterator[str]:
    for chapter, sections in SECTIONS.items():
        for section, count in enumerate(sections, start=1):
            yield from (f"{chapter}.{section}.{number}" for number in range(1, count + 1))


def leads_nowhere(proof: str) -> bool:
    """Tell whether a proof names no setting, no file, or a test that its file has not."""
    if proof.startswith("AFRIFLOW_"):
        return proof not in _VARIABLES
    path, _, test = proof.partition("::")
    file = ROOT / path
    return not file.is_file() or bool(test and not re.search(rf"def {test}\(", file.read_text("utf-8")))


def test_every_requirement_of_levels_one_and_two_is_there_once_in_its_order() -> None:
    wanted = [item for item in asked_for() if item not in LEVEL_3]
    assert (len(list(asked_for())), len(wanted), len(LEVEL_1)) == (345, 253, 70)
    assert [item["id"] for item in the_map()] == wanted
    assert [item["id"] for item in the_map() if item["level"] == "1"] == LEVEL_1
    assert {item["level"] for item in the_map()} == {"1", "2"}


def test_what_is_met_has_a_proof_and_everything_has_its_reason() -> None:
    for item in the_map():
        assert item["state"] in STATES, item["id"]
        assert item["requirement"], item["id"]
        assert item["note"], item["id"]
        assert bool(item["proof"]) or item["state"] != "met", item["id"]


def test_every_proof_leads_to_something() -> None:
    proofs = {proof for item in the_map() for proof in item["proof"].split()}
    assert {proof for proof in proofs if leads_nowhere(proof)} == set()


def test_a_proof_that_leads_nowhere_is_noticed() -> None:
    for proof in (
        "AFRIFLOW_NOTHING",
        "tests/nothing.py",
        "tests/tidy/test_security_map.py::test_nothing",
        "tests",
    ):
        assert leads_nowhere(proof)
