"""The steps of the schema stand in one row: two with one number would hide each other, or leave two ends."""

import ast

from tidy.sources import PRODUCT

STEPS = sorted((PRODUCT / "db/migrations/versions").glob("[0-9]*_*.py"))


def said(path: object) -> dict[str, str | None]:
    tree = ast.parse(path.read_text("utf-8"))  # type: ignore[attr-defined]
    return {
        node.targets[0].id: ast.literal_eval(node.value)  # type: ignore[attr-defined]
        for node in tree.body
        if isinstance(node, ast.Assign) and "revision" in ast.unparse(node.targets[0])
    }


def test_each_step_follows_the_one_before_and_is_named_after_its_number() -> None:
    numbers = [f"{number:04d}" for number in range(1, len(STEPS) + 1)]
    assert [path.name[:4] for path in STEPS] == numbers
    expected = [
        {"revision": number, "down_revision": numbers[index - 1] if index else None}
        for index, number in enumerate(numbers)
    ]
    assert [said(path) for path in STEPS] == expected
