"""PayDunya's notification: its hash is the same in every message, so that it may be believed as a hint at the most."""

import hashlib
import json
import random
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote_plus, unquote_plus

from mutants.message import Message, mutate_text
from mutants.standard_webhooks import raw

from afriflow.core.clock import SystemClock
from afriflow.core.transaction import Mode
from afriflow.port.factory import fill_config
from afriflow.port.provider import Account, Notification, Verdict
from afriflow.providers.paydunya import SPEC
from afriflow.providers.paydunya.adapter import PayDunyaAdapter, identify
from afriflow.web.webhooks import read_headers

_KEY, _OTHERS_KEY = "wQzk9ZwR-Qq9m-0hD0-zpud-je5coGC3FHKW", "aaaa9ZwR-Qq9m-0hD0-zpud-je5coGC3FHKW"
_FORM = "application/x-www-form-urlencoded"


def _hash(key: str) -> str:
    return hashlib.sha512(key.encode()).hexdigest()


def _adapter() -> PayDunyaAdapter:
    config = fill_config(SPEC, "acc", {**SPEC.demo_config, "master_key": _KEY})
    account = Account("acc", "mer", "paydunya", Mode.TEST, "https://p.example", "https://us.example", config)
    http: Any = None  # a judgement asks nobody
    return PayDunyaAdapter(account, http, SystemClock(), {})


class PayDunya:
    """A mutant is a hash that is not, exactly and once, the account's own; a body may say what it likes, as a hint."""

    name = "paydunya"
    covered = ("hash",)  # stands in the body; `mutate` is given it as a header and puts it back

    def __init__(self) -> None:
        self._adapter = _adapter()

    def genuine(self, chance: random.Random) -> Message:
        fields = {
            "[response_code]": "00",
            "[status]": chance.choice(("completed", "cancelled", "pending")),
            "[invoice][token]": f"test_{chance.randrange(10**9)}",
            "[invoice][total_amount]": str(chance.randrange(10**6)),
            "[hash]": _hash(_KEY),
        }
        body = "&".join(f"{quote_plus(f'data{name}')}={quote_plus(value)}" for name, value in fields.items())
        return Message("POST", (("content-type", _FORM), ("hash", _hash(_KEY))), body.encode(), 1_795_376_463)

    def special(self, chance: random.Random, message: Message) -> tuple[str, Message]:
        digest = _hash(_KEY)
        hashes: dict[str, Any] = {
            "of another merchant's key": _hash(_OTHERS_KEY),
            "of the key, SHA-256": hashlib.sha256(_KEY.encode()).hexdigest(),
            "of nothing": hashlib.sha512(b"").hexdigest(),
            "the key itself": _KEY,
            "upper": digest.upper(),
            "half": digest[:64],
            "with 0x": f"0x{digest}",
            "a list": [digest],
            "an object": {"0": digest},
            "null": None,
            "true": True,
            "number": 0,
            "missing": ...,
        }
        how = chance.choice(
            sorted([*hashes, "twice", "twice in JSON", "beside data", "in the header alone", "text"])
        )
        fields = dict(parse_qsl(message.body.decode()))
        content: dict[str, Any] = {
            "status": "completed",
            "invoice": {"token": fields["data[invoice][token]"]},
        }
        if how in hashes:
            if hashes[how] is not ...:
                content["hash"] = hashes[how]
            text = json.dumps(content)
            body = text if chance.random() < 0.5 else "data=" + quote_plus(text)
        elif how == "twice":
            other = chance.choice((_hash(_OTHERS_KEY), digest, ""))
            body = message.body.decode() + f"&data%5Bhash%5D={other}"
        elif how == "twice in JSON":
            body = f'{{"hash": "{_hash(_OTHERS_KEY)}", "status": "completed", "hash": "{digest}"}}'
        elif how == "beside data":
            body = f"hash={digest}&" + message.body.decode().replace(digest, _hash(_OTHERS_KEY))
        elif how == "in the header alone":
            body = message.body.decode().replace(f"&data%5Bhash%5D={digest}", "")
        else:
            body = mutate_text(chance, json.dumps({**content, "hash": digest}))[1]
        headers = (("content-type", "application/json"), ("hash", "" if how != "text" else digest))
        return how, replace(message, headers=headers, body=body.encode("utf-8", "surrogatepass"))

    def same(self, message: Message, mutant: Message) -> str | None:
        """The right hash, once and where it belongs, is right however a form or JSON writes it."""
        body = self._body(mutant)
        if body.strip() in {b"", b"data", b"data="}:
            return "an empty probe, which nothing is kept of"
        text = unquote_plus(unquote_plus(body.decode("utf-8", "replace")))
        right = re.search(rf"""hash["'\]]*\s*[:=]\s*"?{_hash(_KEY)}(?![^"&\s])""", text)
        return (
            "the right hash, with a body that it does not cover"
            if right and text.count("hash") == 1
            else None
        )

    async def accepts(self, message: Message) -> bool:
        """Accepted is what is taken for more than forged; a signature is never made of it."""
        at = datetime.fromtimestamp(max(0.0, min(message.at, 4e9)), UTC)
        notification = Notification("POST", "/", read_headers(raw(message)), self._body(message), at)
        judged = await self._adapter.authenticate(notification)
        assert judged.verdict is not Verdict.SIGNED
        identify(notification)
        self._adapter.handle_webhook(notification)
        return judged.verdict is Verdict.HINT

    def _body(self, message: Message) -> bytes:
        """Put what was done to the "header" where PayDunya writes the hash."""
        found = [value for name, value in message.headers if name.lower() == "hash"]
        right = f"data%5Bhash%5D={_hash(_KEY)}".encode()
        if found == [_hash(_KEY)] or right not in message.body:
            return message.body
        written = "&".join(f"data%5Bhash%5D={quote_plus(value, errors='replace')}" for value in found)
        return message.body.replace(right, written.encode())
