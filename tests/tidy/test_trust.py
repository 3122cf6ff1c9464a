"""The page of proofs says what the last run found, and that it found nothing wrong."""

import json

from storm.trust import render
from tidy.sources import ROOT


def test_the_page_of_proofs_is_what_the_last_run_wrote() -> None:
    found = json.loads((ROOT / "docs" / "trust.json").read_text())
    assert (ROOT / "TRUST.md").read_text() == render(found)
    for part in ("payments", "crashes", "races"):
        assert found[part]["violations"] == []
    assert found["bugs"]["missed"] == []
