"""Documentation that cannot lie: what it lists is what there is, and what it says twice it says alike."""

import importlib.util
import re
import warnings
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import pytest
from litestar.exceptions import LitestarDeprecationWarning
from tidy.sources import ROOT

from afriflow.app import build_app
from afriflow.cli import main
from afriflow.port.factory import specs
from afriflow.settings import Settings
from afriflow.web.reference import document

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img[^>]+src=\"([^\"]+)\"|<a[^>]+href=\"([^\"]+)\"")
_REASON_CHARACTERS_MIN = 10


def read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def without_code(text: str) -> str:
    return _FENCE.sub("", text)


def headings(text: str) -> list[str]:
    return re.findall(r"^(#+ .+)$", without_code(text), re.MULTILINE)


def anchor(heading: str) -> str:
    """Name a heading as GitHub does in links."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.lstrip("# ")).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def broken_links(path: str, text: str) -> list[str]:
    """Name the links of a page that lead nowhere in this repository."""
    broken: list[str] = []
    for found in _LINK.findall(without_code(text)):
        link = next(filter(None, found))
        if re.match(r"[a-z]+:", link):
            continue
        file, _, place = link.partition("#")
        target = (ROOT / path).parent / file if file else ROOT / path
        anchors = (
            [anchor(line) for line in headings(target.read_text("utf-8"))]
            if target.suffix == ".md" and target.exists()
            else []
        )
        if not target.exists() or (place and place not in anchors):
            broken.append(f"{path}: {link}")
    return broken


@pytest.fixture(scope="module")
def generated() -> dict[Path, str]:
    """What scripts/docs would write."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts/reference.py")
    assert spec
    assert spec.loader
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    return reference.documents()


@pytest.fixture(scope="module")
def app() -> Any:
    """The site, built without the servers that it would speak to."""
    with warnings.catch_warnings():
        # What the framework will want in its next major version is no matter of the documentation.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        return build_app(
            cast("Any", SimpleNamespace(settings=Settings(), redis=None, database=None, clock=None))
        )


def test_what_the_code_knows_better_is_written_as_it_knows_it(generated: dict[Path, str]) -> None:
    stale = [
        str(path.relative_to(ROOT)) for path, text in generated.items() if path.read_text("utf-8") != text
    ]
    assert not stale, f"run scripts/docs: {stale}"


def test_every_setting_has_a_name_on_the_page_and_a_reason() -> None:
    page = read("docs/reference/settings.md")
    for item in fields(Settings):
        assert f"`AFRIFLOW_{item.name.upper()}`" in page
        assert len(item.metadata["reason"]) >= _REASON_CHARACTERS_MIN, item.name


def test_every_command_and_option_is_on_the_page_of_commands() -> None:
    page = read("docs/reference/cli.md")
    wanted = {f"`afriflow {name}`" for name in main.commands}
    wanted |= {
        f"`{option}`"
        for command in main.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    assert [text for text in sorted(wanted) if text not in page] == []
    named = set(re.findall(r"`afriflow ([a-z-]+)`", page))
    assert named - set(main.commands) == set(), "a command that is none any more"


def test_every_script_is_on_the_page_of_commands() -> None:
    page = read("docs/reference/cli.md")
    scripts = [path.name for path in (ROOT / "scripts").iterdir() if not path.suffix and path.is_file()]
    assert [name for name in scripts if f"`scripts/{name}`" not in page] == []


def test_every_operation_has_a_heading_on_the_page_of_the_api(app: Any) -> None:
    there = {
        (method.upper(), re.sub(r"\{[^}]*\}", "{}", path).rstrip("/"))
        for path, operations in document(app)["paths"].items()
        for method in operations
    }
    shown = {
        (method, re.sub(r"\{[^}]*\}", "{}", path))
        for method, path in re.findall(r"^### ([A-Z]+) (\S+)$", read("docs/reference/api.md"), re.MULTILINE)
    }
    # Said in words beside POST: what else the door for notifications opens to.
    probes = {(method, path) for method, path in there if "/webhooks/{}" in path and method != "POST"}
    assert there - probes - shown == set()
    assert shown - there == set(), "an operation that is none any more"


def test_every_page_for_people_is_named_on_the_page_of_the_api(app: Any) -> None:
    page = read("docs/reference/api.md")
    first = {"/".join(route.path.split("/")[:2]) for route in app.routes}
    hidden = {"", "/", "/static", "/framework"}
    assert [
        path for path in sorted(first - hidden) if f"`{path}" not in page and f" {path}/" not in page
    ] == []


def test_both_readmes_say_the_same_things_in_the_same_order() -> None:
    english, french = read("README.md"), read("README.fr.md")
    assert [line.count("#") for line in headings(english)] == [line.count("#") for line in headings(french)]
    tables = [re.findall(r"^\|", without_code(text), re.MULTILINE) for text in (english, french)]
    assert len(tables[0]) == len(tables[1])


def test_both_readmes_show_the_same_commands() -> None:
    shown = [_FENCE.findall(read(name)) for name in ("README.md", "README.fr.md")]
    assert [language for language, _ in shown[0]] == [language for language, _ in shown[1]]
    # A picture has words in it, which are translated; commands have none.
    commands = [[block for block in blocks if block[0] != "mermaid"] for blocks in shown]
    assert commands[0] == commands[1]


@pytest.mark.parametrize(
    ("readme", "words"),
    [("README.md", "operators in {} countries"), ("README.fr.md", "opérateurs dans {} pays")],
)
def test_the_readme_counts_what_each_provider_carries(readme: str, words: str) -> None:
    page = read(readme)
    for spec in specs().values():
        operators = {route.operator for route in spec.routes if route.operator}
        countries = {route.country for route in spec.routes}
        claim = f"[{spec.title}](src/afriflow/providers/{spec.name}/README.md) ({len(operators)} {words.format(len(countries))}"
        assert claim in page


def test_every_link_in_the_docs_leads_somewhere(texts: dict[str, str]) -> None:
    broken = [
        link for name, text in texts.items() if name.endswith(".md") for link in broken_links(name, text)
    ]
    assert not broken, "\n".join(broken)


def test_a_link_that_leads_nowhere_is_noticed() -> None:
    text = (
        "# One heading\n[a](#one-heading) [b](#two) [c](nowhere.md) [d](https://example.org/x) ![e](LICENSE)"
    )
    assert broken_links("docs-of-a-test.md", text.replace("(#one-heading)", "(LICENSE)")) == [
        "docs-of-a-test.md: #two",
        "docs-of-a-test.md: nowhere.md",
    ]


def test_every_decision_is_listed_and_says_who_enforces_it(texts: dict[str, str]) -> None:
    folder = "docs/decisions/"
    decisions = {
        name.removeprefix(folder): text for name, text in texts.items() if name.startswith(f"{folder}0")
    }
    assert decisions
    for name, text in decisions.items():
        assert f"]({name})" in texts[f"{folder}README.md"], name
        wanted = ["## Context", "## Decision", "## Consequences", "## Alternatives", "## Who enforces it"]
        assert [line for line in headings(text) if line.startswith("## ")] == wanted, name
        assert re.search(r"^## Decision\n> \S", text, re.MULTILINE), f"{name}: no line to quote"
