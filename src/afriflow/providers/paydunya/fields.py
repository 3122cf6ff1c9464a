"""What stands in PayDunya's JSON and forms, read without trusting it: texts, codes, branches, tokens."""

import re
from collections.abc import Mapping
from typing import cast

# Live tokens have 20 or 21 letters and digits, sandbox ones "test_" and 10; it becomes part of an address.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}")
_TEXT_CHARACTERS_MAX = 300


def text_of(value: object) -> str:
    """Make text that a database and a page can hold of whatever came: no NUL, no half characters, not endless."""
    if not isinstance(value, str):
        return ""
    whole = value.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    return whole.strip()[:_TEXT_CHARACTERS_MAX]


def code_of(answer: Mapping[str, object]) -> str | None:
    """Give response_code as text; one client guards against a list of one."""
    code = answer.get("response_code")
    if isinstance(code, list):
        listed = cast("list[object]", code)
        code = listed[0] if len(listed) == 1 else None
    return text_of(code) if isinstance(code, str) else None


def branch_of(content: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Give what stands under a name; PHP writes an empty object as `[]`."""
    value = content.get(name)
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def token_of(value: object) -> str | None:
    """Give a token that may stand in an address; None for anything else."""
    return value if isinstance(value, str) and _TOKEN.fullmatch(value) else None
