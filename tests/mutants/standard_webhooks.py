"""Our own messages, as a merchant's server verifies them: with our code, and with what the documents print."""

import random
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mutants.message import Message, last_bits, mutate_base64

from afriflow.delivery.sign import make_secret, sign, verify
from afriflow.web.webhooks import read_headers

SECRET, OLD_SECRET, OTHERS_SECRET = make_secret(), make_secret(), make_secret()
_NAMES = ("webhook-id", "webhook-timestamp", "webhook-signature")
_DOCUMENT = Path(__file__).parents[2] / "docs/reference/webhooks.md"


class OurMessages:
    """`delivery.sign.verify`."""

    name = "standard-webhooks"
    covered = _NAMES

    def genuine(self, chance: random.Random) -> Message:
        body = (
            f'{{"type": "transaction.succeeded", "data": {{"amount": {chance.randrange(10**6)}}}}}'.encode()
        )
        at = 1_795_376_463 + chance.randrange(10**6)
        rotating = chance.random() < 0.2
        secrets = [SECRET, OLD_SECRET] if rotating else [SECRET]
        made = sign(secrets, f"evt_{chance.randrange(10**9):026d}", at, body)
        return Message("POST", (("content-type", "application/json"), *made.items()), body, at)

    def special(self, chance: random.Random, message: Message) -> tuple[str, Message]:
        message_id, timestamp, signature = (message.value(name) for name in _NAMES)
        first = signature.split(" ")[0].removeprefix("v1,")
        body, at = message.body, int(timestamp)
        resigned = {
            "another merchant's secret": lambda: sign([OTHERS_SECRET], message_id, at, body),
            "a secret of nothing": lambda: sign(["whsec_"], message_id, at, body),
            "signed long ago": lambda: sign([SECRET], message_id, at - 301 - chance.randrange(10**6), body),
            "signed in the future": lambda: sign(
                [SECRET], message_id, at + 301 + chance.randrange(10**6), body
            ),
        }
        written = {
            "version v0": f"v0,{first}",
            "version v1a": f"v1a,{first}",
            "version v2": f"v2,{first}",
            "no version": first,
            "version upper": f"V1,{first}",
            "version twice": f"v1,v1,{first}",
            "last bits": f"v1,{last_bits(chance, first)}",
            "another digest": f"v1,{mutate_base64(chance, first)}",
            "comma list": f"v1,{first},v1,{first}",
            "tab list": f"v1,{first}\tv1,{first}",
            "two blanks": f"v1,{first}  v1,{first}",
            "blank after": f"v1,{first} ",
            "blank before": f" v1,{first}",
            "junk beside": f"v1,{first} junk",
            "many beside": " ".join(["v1,AAAA"] * 200 + [f"v1,{first}"]),
        }
        moved = {
            "a point moved from the body": lambda: message.with_header(
                "webhook-id", f"{message_id}.{timestamp}"
            ),
            "a part moved into the body": lambda: replace(message, body=f"{timestamp}.".encode() + body),
        }
        how = chance.choice(sorted([*resigned, *written, *moved]))
        if how in written:
            return how, message.with_header("webhook-signature", written[how])
        if how in moved:
            return how, moved[how]()
        for name, value in resigned[how]().items():
            message = message.with_header(name, value)
        return how, message

    def same(self, message: Message, mutant: Message) -> str | None:
        """Another signature of a known form may stand beside the right one: so secrets rotate."""
        if mutant == message or (mutant.at, mutant.body) != (message.at, message.body):
            return "nothing was changed" if mutant == message else None
        before, after = (_plain(item) for item in (message, mutant))
        if before == after:
            return "names of headers are written in any case"
        if {**before, "webhook-signature": ""} != {**after, "webhook-signature": ""}:
            return None
        given = after.get("webhook-signature", "").split(" ")
        known = set(before["webhook-signature"].split(" ")[:1])
        forms = all(re.fullmatch(r"v[0-9]+[a-z]?,[A-Za-z0-9+/]+={0,2}", item) for item in given)
        return (
            "signatures of other secrets beside ours"
            if forms and known & set(given) and len(given) <= 20
            else None
        )

    async def accepts(self, message: Message) -> bool:
        headers = read_headers(raw(message))
        return verify(SECRET, headers, message.body, now=int(message.at), tolerance_seconds=300)


class VerifierOfTheDocuments(OurMessages):
    """What docs/reference/webhooks.md tells merchants to do. It reads several writings of a list as the same."""

    name = "standard-webhooks-documents"

    def same(self, message: Message, mutant: Message) -> str | None:
        found = super().same(message, mutant)
        if found is not None or (mutant.at, mutant.body) != (message.at, message.body):
            return found
        before, after = (_plain(item) for item in (message, mutant))
        others = {name: before[name] for name in _NAMES[:2]} == {name: after.get(name) for name in _NAMES[:2]}
        beside = before["webhook-signature"].split(" ")[0] in after.get("webhook-signature", "").split(" ")
        return "anything beside the right signature" if others and beside else None

    async def accepts(self, message: Message) -> bool:
        headers = read_headers(raw(message))
        names = _printed()
        names["time"] = SimpleNamespace(time=lambda: message.at)
        return names["genuine"](SECRET, headers, message.body)


def raw(message: Message) -> list[tuple[bytes, bytes]]:
    """Write headers as a server hands them on; what has no byte of its own is written as UTF-8."""
    return [(name.lower().encode("latin-1", "replace"), _bytes(value)) for name, value in message.headers]


def _bytes(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def joined(message: Message) -> dict[str, str]:
    """Read headers as RFC 9110 does, written from it and not from our code."""
    values: dict[str, list[str]] = {}
    for name, value in raw(message):
        values.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return {name: ", ".join(found) for name, found in values.items()}


def _plain(message: Message) -> dict[str, str]:
    return {name: value for name, value in joined(message).items() if name in _NAMES}


@cache
def _printed() -> dict[str, Any]:
    [code] = re.findall(r"^```python\n(.*?)^```$", _DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 — our own page
    return names
