"""A message as it travels, and everything that can be done to one on its way."""

import base64
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

# Looks like a letter or digit, and is another: Cyrillic, Greek, fullwidth, combined, invisible, half a pair.
_STRANGE = "аеорсхΑΒΕ１２３ﬁé²٣\u200b\u00ad\ufeff\u0301\ud800\x00\x7f\r\n\t \u2028"
_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=-_.,:;\"' "
# More than a header and than a body may hold.
_HEADER_OVERSIZE, _OVERSIZE = 9_000, 70_000


@dataclass(frozen=True, slots=True)
class Message:
    """method, headers in their order and spelling, body; at: Unix seconds at which it is received."""

    method: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float

    def value(self, name: str) -> str:
        """Give the one header of this name."""
        [found] = [value for known, value in self.headers if known.lower() == name]
        return found

    def with_header(self, name: str, value: str) -> "Message":
        """Write another value into a header, which keeps its place and spelling."""
        return replace(
            self,
            headers=tuple((known, value if known.lower() == name else old) for known, old in self.headers),
        )

    def without(self, name: str) -> "Message":
        return replace(self, headers=tuple(item for item in self.headers if item[0].lower() != name))


def mutate(chance: random.Random, message: Message, covered: Sequence[str]) -> tuple[str, Message]:
    """Do one thing to a message's body or to one of the headers that prove it; gives what, and what became of it."""
    kind = chance.choice(("body", "header", "header", "drop", "twice", "swap", "time"))
    if kind == "body":
        how, text = _mutate_bytes(chance, message.body)
        return f"body {how}", replace(message, body=text)
    name = chance.choice(covered)
    value = message.value(name)
    if kind == "drop":
        return f"{name} dropped", message.without(name)
    if kind == "twice":
        other = chance.choice((value, mutate_text(chance, value)[1], ""))
        pair = (chance.choice((name, name.upper(), name.title())), other)
        headers = (*message.headers, pair) if chance.random() < 0.5 else (pair, *message.headers)
        return f"{name} twice", replace(message, headers=headers)
    if kind == "swap" and len(covered) > 1:
        other = chance.choice([item for item in covered if item != name])
        moved = message.with_header(name, message.value(other)).with_header(other, value)
        return f"{name} and {other} swapped", moved
    if kind == "time":
        beyond = chance.choice((301, 302, 600, 3600, 86_400, 10**9)) * chance.choice((-1, 1))
        return f"received {beyond} s away", replace(message, at=message.at + beyond)
    how, text = mutate_text(chance, value)
    return f"{name} {how}", message.with_header(name, text)


def mutate_text(chance: random.Random, text: str) -> tuple[str, str]:
    """Do one thing to a text: to its letters, its writing, its length, or the base64 in it."""
    at = chance.randrange(len(text) + 1)
    strange = chance.choice(_STRANGE)
    letter = chance.choice(_ALPHABET)
    makers = {
        "letter": lambda: text[:at] + letter + text[at + 1 :],
        "inserted": lambda: text[:at] + letter + text[at:],
        "cut": lambda: text[:at],
        "beheaded": lambda: text[at:],
        "letter out": lambda: text[:at] + text[at + 1 :],
        "unicode": lambda: text[:at] + strange + text[at + chance.randrange(2) :],
        "case": lambda: text[:at] + text[at : at + 1].swapcase() + text[at + 1 :],
        "upper": text.upper,
        "lower": text.lower,
        "blank before": lambda: chance.choice(" \t\r\n\x0b") + text,
        "blank after": lambda: text + chance.choice(" \t\r\n\x0b"),
        "empty": str,
        "twice in one": lambda: text + chance.choice((",", ", ", " ", ";", "")) + text,
        "oversize": lambda: text + letter * _HEADER_OVERSIZE,
        "quoted": lambda: f'"{text}"',
        "percent": lambda: (
            text[:at] + "".join(f"%{ord(char):02X}" for char in text[at : at + 1]) + text[at + 1 :]
        ),
        "url base64": lambda: text.replace("+", "-").replace("/", "_"),
        "padding off": lambda: text.replace("=", "", 1) if text.count("=") else text + "=",
        "padding on": lambda: text + "=",
        "junk in base64": lambda: text[:at] + chance.choice("*!\n-_ ") + text[at:],
        "last bits": lambda: last_bits(chance, text),
        "hex case": lambda: "".join(char.upper() if char in "abcdef" else char for char in text),
        "plus sign": lambda: "+" + text,
        "leading zero": lambda: "0" + text,
        "underscore": lambda: text[:at] + "_" + text[at:],
        "next number": lambda: _next_number(text),
        "line breaks": lambda: text[:at] + "\r\n " + text[at:],
    }
    how = chance.choice(sorted(makers))
    return how, makers[how]()


def last_bits(chance: random.Random, text: str) -> str:
    """Change the bits that base64 leaves unused before its padding, so that it decodes to the same."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = text.find("=:") if "=:" in text else text.rfind("=")
    while at > 0 and text[at - 1] == "=":
        at -= 1
    if at < 1 or text[at - 1] not in alphabet:
        return text
    unused = 4 if text[at : at + 2] == "==" else 2
    index = alphabet.index(text[at - 1]) ^ chance.randrange(1, 2**unused)
    return text[: at - 1] + alphabet[index] + text[at:]


def mutate_base64(chance: random.Random, text: str) -> str:
    """Change bytes behind a base64 text and write them canonically."""
    return base64.b64encode(_mutate_bytes(chance, base64.b64decode(text))[1]).decode()


def _mutate_bytes(chance: random.Random, body: bytes) -> tuple[str, bytes]:
    at = chance.randrange(len(body) + 1)
    makers = {
        "bit": lambda: (
            body[:at] + bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1 :]
            if at < len(body)
            else b"x" + body
        ),
        "byte": lambda: body[:at] + chance.randbytes(1) + body[at + 1 :],
        "inserted": lambda: body[:at] + chance.randbytes(chance.randrange(1, 9)) + body[at:],
        "cut": lambda: body[:at],
        "part out": lambda: body[:at] + body[at + chance.randrange(1, 9) :],
        "blank": lambda: body[:at] + chance.choice((b" ", b"\n", b"\r\n", b"\t")) + body[at:],
        "mark": lambda: b"\xef\xbb\xbf" + body,
        "unicode": lambda: body[:at] + chance.choice(_STRANGE).encode("utf-8", "surrogatepass") + body[at:],
        "utf-16": lambda: body.decode("utf-8", "replace").encode("utf-16"),
        "empty": bytes,
        "twice": lambda: body + body,
        "oversize": lambda: body + b" " * _OVERSIZE,
        "case": body.swapcase,
        "nul": lambda: body[:at] + b"\x00" + body[at:],
    }
    how = chance.choice(sorted(makers))
    return how, makers[how]()


def _next_number(text: str) -> str:
    digits = [at for at, char in enumerate(text) if char in "0123456789"]
    if not digits:
        return text + "1"
    last = digits[-1]
    return text[:last] + str((int(text[last]) + 1) % 10) + text[last + 1 :]
