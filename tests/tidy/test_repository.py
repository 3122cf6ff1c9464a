"""What stands in the repository beside the product: locks that name no host, texts that name no machine, tests that speak."""

import ast
import hashlib
import re
from pathlib import Path
from typing import Any

from tidy.sources import PRODUCT

LOCKS = "requirements/"
# Put together here, so that this very line is none.
_HOME = re.compile(r"(?<![\w.-])/(?:home|Users)/[A-Za-z]\w*|(?<![\w.-])/" + r"root/\w|[A-Z]:\\+Users\\+\w")
_LOCKED = re.compile(
    r"[A-Za-z0-9][\w.\[\],-]*==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|#.*|    # .*|"
)
_NAME_WORDS_MIN = 4


def test_locks_name_exact_versions_with_hashes_and_no_host(texts: dict[str, str]) -> None:
    locks = {name: text for name, text in texts.items() if name.startswith(LOCKS) and name.endswith(".txt")}
    assert locks
    found = [
        f"{name}:{number}: {line}"
        for name, text in locks.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if not _LOCKED.fullmatch(line) or "://" in line
    ]
    assert not found, "\n".join(found)
    for name, text in locks.items():
        for requirement in re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]:
            assert "--hash=sha256:" in requirement, f"{name}: {requirement}"


def test_dependencies_name_no_host_either(texts: dict[str, str]) -> None:
    sources = [text for name, text in texts.items() if name == "pyproject.toml" or name.endswith(".in")]
    assert sources
    assert not [
        text for text in sources if re.search(r"index-url|find-links|trusted-host|\[\[?tool\.uv\.index", text)
    ]


def test_no_text_names_a_place_of_somebodys_machine(texts: dict[str, str]) -> None:
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if _HOME.search(line)
    ]
    assert not found, "\n".join(found)


def test_the_name_of_each_test_is_a_sentence(texts: dict[str, str]) -> None:
    short = [
        f"{name}:{node.lineno}: {node.name}"
        for name, text in texts.items()
        if name.startswith("tests/") and Path(name).name.startswith("test_")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        if len(node.name.split("_")) < _NAME_WORDS_MIN
    ]
    assert not short, "\n".join(short)


def test_every_script_says_first_what_it_does(texts: dict[str, Any]) -> None:
    scripts = {
        name: text
        for name, text in texts.items()
        if name.startswith(("scripts/", ".ci/")) and "." not in Path(name).name
    }
    assert scripts
    silent = [name for name, text in scripts.items() if not re.match(r"#!.*\n# [A-Z]", text)]
    assert not silent, "\n".join(silent)


def test_every_file_of_others_is_the_one_that_is_written_down() -> None:
    static = PRODUCT / "web" / "static"
    written = re.findall(
        r"^\| `([^`]+)` \| .* \| `([0-9a-f]{64})` \|$", (static / "VENDORED.md").read_text(), re.MULTILINE
    )
    kept = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in static.glob("*.min.js")}
    assert dict(written) == kept
