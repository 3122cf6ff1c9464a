"""Both languages say the same things, and every sentence that a page asks for exists."""

import re
import string
from pathlib import Path

import pytest

from afriflow.core.language import LANGUAGES, keys
from afriflow.core.transaction import AttemptStatus, TransactionStatus

WEB = Path(__file__).parents[2] / "src" / "afriflow" / "web"
_ASKED = re.compile(r"say\(\s*['\"]((?:page|pay|dashboard|settings)\.[a-z_]+)['\"]\s*[,)]")


def facts_of(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_french_and_english_have_the_same_sentences_with_the_same_facts() -> None:
    """A sentence that only one language has is a page that breaks in the other."""
    french, english = keys("fr"), keys("en")
    assert set(french) == set(english)
    different = {key for key in french if facts_of(french[key]) != facts_of(english[key])}
    assert different == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_that_a_page_asks_for_exists(language: str) -> None:
    """Found by reading templates and modules."""
    files = [*WEB.rglob("*.html"), *WEB.glob("*.py")]
    asked = {key for file in files for key in _ASKED.findall(file.read_text("utf-8"))}
    assert len(asked) > 100
    built = {f"dashboard.attempt_{status}" for status in AttemptStatus}
    built |= {f"dashboard.status_{status}" for status in TransactionStatus}
    built |= {"dashboard.status_refunded", "dashboard.status_partially_refunded"}
    assert (asked | built) - set(keys(language)) == set()
