"""Canaries: values of every kind that may be seen nowhere, and how they are found again wherever they may have got to."""

import base64
import os
import random
import re
import secrets
import string
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from afriflow.core.api_key import write_api_key
from afriflow.core.clock import SystemClock
from afriflow.core.ids import Ids
from afriflow.core.pan import holds_pan
from afriflow.core.transaction import Mode

_CHANCE = random.SystemRandom()
_IDS = Ids(SystemClock())
# What a person types as a number in ways of their own.
_WRITINGS = (
    "+221{a}{b}{c}{d}",
    "00221{a}{b}{c}{d}",
    "221{a}{b}{c}{d}",
    "{a}{b}{c}{d}",
    "{a} {b} {c} {d}",
    "+221 {a} {b} {c} {d}",
)


def _digits(count: int) -> str:
    return "".join(_CHANCE.choice(string.digits) for _ in range(count))


def _letters(count: int) -> str:
    return "".join(_CHANCE.choice(string.ascii_letters + string.digits) for _ in range(count))


def _pan() -> str:
    while not holds_pan(number := f"4{_digits(15)}"):
        pass
    return number


def _base32() -> str:
    return base64.b32encode(secrets.token_bytes(20)).decode()


# How each kind looks. Passwords and names look like nothing at all.
KINDS = {
    "api key": lambda: write_api_key(Mode.TEST, secrets.token_bytes(32)),
    "live api key": lambda: write_api_key(Mode.LIVE, secrets.token_bytes(32)),
    "session": lambda: secrets.token_urlsafe(32),
    "password": lambda: f"Pw{_letters(14)} baobab",
    "secret of codes": _base32,
    "recovery code": lambda: "-".join(
        "".join(_CHANCE.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(4)) for _ in range(6)
    ),
    "link": _IDS.token,
    "webhook secret": lambda: f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
    "provider's token": lambda: f"eyJhbGciOiJFUzI1NiJ9.eyJ{_letters(20)}.{_letters(30)}",
    "provider's key": lambda: f"test_private_{_letters(24)}",
    "one-time code": lambda: f"Otp{_letters(12)}",
    "PIN": lambda: _digits(11),
    "card": _pan,
    "card in groups": lambda: " ".join(re.findall(r"\d{4}", _pan())),
    "e-mail": lambda: f"canari.{_letters(12).lower()}@payer.example",
    "name": lambda: f"Ndeye {_letters(12)}",
}


@dataclass
class Canaries:
    """A cage of them: new ones, all there are, and where they are seen. texts: by what is looked for, of what kind."""

    texts: dict[str, str] = field(default_factory=dict[str, str])

    def new(self, kind: str) -> str:
        """Give a fresh one of a kind."""
        made = KINDS[kind]()
        return self.caught(kind, made)

    def caught(self, kind: str, text: str) -> str:
        """Take one in that the product itself has made."""
        self.texts[text] = kind
        return text

    def phone(self, writing: int = 0) -> str:
        """Give a number of nobody's, in one of six writings; looked for in all of them."""
        parts = dict(zip("abcd", ("77", _digits(3), _digits(2), _digits(2)), strict=True))
        for form in ("{a}{b}{c}{d}", "{a} {b} {c} {d}"):
            self.texts[form.format(**parts)] = "phone"
        return _WRITINGS[writing % len(_WRITINGS)].format(**parts)

    def of_each_kind(self) -> list[str]:
        """Give a fresh one of every kind, and a phone in each writing."""
        return [self.new(kind) for kind in KINDS] + [self.phone(n) for n in range(len(_WRITINGS))]

    def seen_in(self, held: bytes) -> dict[str, str]:
        """Name the kinds that stand somewhere, each with what was said around one of them."""
        places = {
            kind: held.find(canary.encode()) for canary, kind in self.texts.items() if canary.encode() in held
        }
        return {
            kind: held[max(0, at - 120) : at + 40].decode("utf-8", "replace") for kind, at in places.items()
        }


def where(places: Mapping[str, str | bytes | Path], *cages: Canaries) -> dict[str, dict[str, str]]:
    """Name the places in which canaries stand, and for each kind what was said around one of them.

    There are hundreds of them and a hundred megabytes: grep looks at every byte once.
    """
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "wanted"
        wanted.write_text("".join(f"{text}\n" for cage in cages for text in cage.texts))
        files: dict[str, str] = {}
        for number, (name, held) in enumerate(places.items()):
            file = held if isinstance(held, Path) else Path(folder) / str(number)
            if not isinstance(held, Path):
                file.write_bytes(held.encode() if isinstance(held, str) else held)
            files[str(file)] = name
        command = ["grep", "-laF", "-f", str(wanted), "--", *files]
        run = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
        )
        assert run.returncode in {0, 1}, run.stderr
        return {
            files[hit]: {
                kind: said for cage in cages for kind, said in cage.seen_in(Path(hit).read_bytes()).items()
            }
            for hit in run.stdout.splitlines()
        }


async def columns(rows: Any) -> Mapping[str, bytes]:
    """Give everything that the database holds, by table and column."""
    found: dict[str, bytearray] = {}
    tables = await rows.fetch(
        "SELECT table_schema AS s, table_name AS t FROM information_schema.tables"
        " WHERE table_schema IN ('public', 'jobs') AND table_type = 'BASE TABLE'"
    )
    for table in tables:
        for row in await rows.fetch(f'SELECT * FROM "{table["s"]}"."{table["t"]}"'):  # noqa: S608
            for name, value in row.items():
                held = value if isinstance(value, bytes) else str(value).encode()
                found.setdefault(f"{table['t']}.{name}", bytearray()).extend(held + b"\n")
    return {name: bytes(held) for name, held in found.items()}


def files_below(folder: Path, *but: str) -> dict[str, Path]:
    """Give every file below a folder by its name. but: what is not looked at."""
    found = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in found.items() if not name.startswith(but)}


async def everything_in(redis: Any) -> bytes:
    """Give every key of Redis with what it holds."""
    reads = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
    }
    held = bytearray()
    async for key in redis.scan_iter("*"):
        value = await reads[await redis.type(key)](key)
        held += key + b" " + (value if isinstance(value, bytes) else repr(value).encode()) + b"\n"
    return bytes(held)
