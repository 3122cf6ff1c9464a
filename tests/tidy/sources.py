"""How these tests read the product: its modules with their syntax trees, and every text of the repository."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "src" / "afriflow"
_TEXTS = {
    "",
    ".cfg",
    ".css",
    ".html",
    ".in",
    ".js",
    ".json",
    ".lua",
    ".mako",
    ".md",
    ".py",
    ".sql",
    ".svg",
    ".toml",
    ".txt",
    ".yml",
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file. name: its path below the product's folder, "checkout/create.py"."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @cached_property
    def prose(self) -> set[int]:
        """The ids of the string nodes that only people read: docstrings, and the reasons of settings."""
        found: set[int] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, Function | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
                found.add(id(node.body[0].value))  # type: ignore[union-attr]
            if isinstance(node, ast.Call) and called(node) == "_setting":
                found |= {id(argument) for argument in node.args[1:]}
        return found

    @cached_property
    def strings(self) -> list[tuple[int, str]]:
        """Line and text of each string that the program uses; `{}` stands where an f-string puts a value."""
        passed_over = set(self.prose)
        found: list[tuple[int, str]] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.JoinedStr):
                passed_over |= {id(part) for part in node.values}
                texts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
                found.append((node.lineno, "".join(texts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found += [(node.lineno, node.value)] * (id(node) not in passed_over)
        return found


def called(call: ast.Call) -> str:
    """The last name of what is called: `send` of `self._http.send(…)`."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def read_modules() -> list[Module]:
    paths = sorted(PRODUCT.rglob("*.py"))
    return [Module(str(path.relative_to(PRODUCT)), path.read_text("utf-8")) for path in paths]


def read_texts() -> dict[str, str]:
    """Every text of the repository by its path."""
    return {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in _files(ROOT)}


def _files(folder: Path) -> Iterator[Path]:
    """What belongs to the repository; what tools leave behind begins with a dot or with two underscores."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if not path.name.startswith((".", "__")) or path.name == ".ci":
                yield from _files(path)
        elif path.suffix in _TEXTS:
            yield path
