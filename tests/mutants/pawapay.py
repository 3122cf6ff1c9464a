"""pawaPay's signatures: of its callbacks to us, and of its answers."""

import base64
import hashlib
import random
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from mutants.message import Message, last_bits, mutate_base64
from mutants.standard_webhooks import joined, raw

from afriflow.core.clock import SystemClock
from afriflow.core.transaction import Mode
from afriflow.port.factory import fill_config
from afriflow.port.http import NothingSent
from afriflow.port.provider import Account, Notification, Verdict
from afriflow.providers.pawapay import SPEC, signatures
from afriflow.providers.pawapay.adapter import PawaPayAdapter
from afriflow.providers.pawapay.public_keys import _Keys
from afriflow.web.webhooks import read_headers

_URL = "https://pay.shop.example/api/webhooks/pawapay/acc_one"
_OTHERS_URL = "https://pay.shop.example/api/webhooks/pawapay/acc_two"
_ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _pem(key: Any) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def _public(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


_RSA = rsa.generate_private_key(65537, 2048)
# By key id: the private key and the algorithm that it signs with.
_KEYS: dict[str, tuple[Any, str]] = {
    "HTTP_EC_P256_KEY:1": (ec.generate_private_key(ec.SECP256R1()), "ecdsa-p256-sha256"),
    "HTTP_EC_P384_KEY:1": (ec.generate_private_key(ec.SECP384R1()), "ecdsa-p384-sha384"),
    "HTTP_RSA_KEY:1": (_RSA, signatures.RSA_PSS),
    "HTTP_RSA_KEY:2": (_RSA, signatures.RSA_PKCS1),
}
_OF_SANDBOX = ec.generate_private_key(ec.SECP256R1())
_PUBLIC = {key_id: _public(key) for key_id, (key, _) in _KEYS.items()}
_PEMS = {key_id: _pem(key) for key_id, (key, _) in _KEYS.items()}
_PEM_OF_SANDBOX = _pem(_OF_SANDBOX)
# P-256 is what pawaPay signs with, and a third as dear to verify as P-384.
_WEIGHTS = (20, 1, 2, 2)


class PawaPayCallbacks:
    """A callback, judged under the account's own address and pawaPay's public keys."""

    name = "pawapay-callbacks"
    covered: tuple[str, ...] = (
        "content-digest",
        "signature-date",
        "content-type",
        "signature-input",
        "signature",
    )
    required: tuple[str, ...] = ("@method", "@authority", "@path", "content-digest")

    def __init__(self) -> None:
        self._count = 0

    def genuine(self, chance: random.Random) -> Message:
        [key_id] = chance.choices(list(_KEYS), _WEIGHTS)
        body = (
            f'{{"depositId":"{chance.getrandbits(128):032x}","status":"COMPLETED","amount":"{chance.randrange(10**6)}"}}'
        ).encode()
        at = 1_795_376_463 + chance.randrange(10**6)
        return self._signed(key_id, body, at, encoding=chance.choice(("der", "raw")))

    def special(self, chance: random.Random, message: Message) -> tuple[str, Message]:
        params, signature = message.value("signature-input"), message.value("signature")
        text = signature.removeprefix("sig-pp=:").removesuffix(":")
        [key_id] = re.findall(r'keyid="([^"]*)"', params)
        other_id = chance.choice([item for item in _KEYS if item != key_id])
        at = int(message.at)
        created = re.findall(r"created=(\d+)", params)[0]
        digest = base64.b64encode(hashlib.sha256(message.body).digest()).decode()
        far = 301 + chance.randrange(10**6)
        made = {
            "another merchant's address": lambda: self._signed(key_id, message.body, at, url=_OTHERS_URL),
            "another path": lambda: self._signed(key_id, message.body, at, url=_URL + "/"),
            "another host": lambda: self._signed(
                key_id, message.body, at, url=_URL.replace("shop.", "evil.")
            ),
            "another method": lambda: replace(message, method=chance.choice(("PUT", "GET", "post", "POST "))),
            "the sandbox's key": lambda: self._signed(key_id, message.body, at, pem=_PEM_OF_SANDBOX),
            "signed long ago": lambda: replace(self._signed(key_id, message.body, at - far), at=at),
            "signed in the future": lambda: replace(self._signed(key_id, message.body, at + far), at=at),
            "covered too little": lambda: self._signed(
                key_id, message.body, at, left_out=chance.choice(self.required)
            ),
        }
        inputs = {
            "key swapped": lambda: params.replace(key_id, other_id),
            "key unknown": lambda: params.replace(key_id, "HTTP_EC_P256_KEY:9"),
            "key of a path": lambda: params.replace(key_id, "../../etc/passwd"),
            "no key": lambda: re.sub(r';keyid="[^"]*"', "", params),
            "alg none": lambda: re.sub(r'alg="[^"]*"', 'alg="none"', params),
            "alg hmac": lambda: re.sub(r'alg="[^"]*"', 'alg="hmac-sha256"', params),
            "alg swapped": lambda: re.sub(r'alg="[^"]*"', f'alg="{_KEYS[other_id][1]}"', params),
            "alg twice": lambda: params + f';alg="{_KEYS[key_id][1]}"',
            "no alg": lambda: re.sub(r';alg="[^"]*"', "", params),
            "no created": lambda: re.sub(r";created=\d+", "", params),
            "created float": lambda: params.replace(f"created={created}", f"created={created}.0"),
            "created text": lambda: params.replace(f"created={created}", f'created="{created}"'),
            "created huge": lambda: params.replace(
                f"created={created}", "created=" + "9" * chance.choice((15, 16, 400))
            ),
            "created negative": lambda: params.replace(f"created={created}", f"created=-{created}"),
            "created true": lambda: params.replace(f"created={created}", "created=?1"),
            "created next": lambda: params.replace(f"created={created}", f"created={int(created) + 1}"),
            "expires gone": lambda: re.sub(r";expires=\d+", "", params),
            "expires far": lambda: re.sub(r"expires=\d+", "expires=9999999999", params),
            "nonce": lambda: params + ';nonce="x"',
            "tag": lambda: params + ';tag="x"',
            "not covered": lambda: params.replace(' "content-digest"', ""),
            "covered twice": lambda: params.replace('"content-digest"', '"content-digest" "content-digest"'),
            "order": lambda: params.replace('"@method" "@authority"', '"@authority" "@method"').replace(
                '"@status" "signature-date"', '"signature-date" "@status"'
            ),
            "nothing covered": lambda: re.sub(r"\(.*\)", "()", params),
            "query covered": lambda: params.replace('("', '("@query" "', 1),
            "component parameter": lambda: params.replace('"content-digest"', '"content-digest";sf'),
            "request bound": lambda: params.replace('"content-digest"', '"content-digest";req'),
            "label": lambda: params.replace("sig-pp=", "sig=", 1),
            "two labels": lambda: f"{params}, sig=" + params.removeprefix("sig-pp="),
            "item": lambda: "sig-pp=1",
            "deep": lambda: "sig-pp=" + "(" * 3000,
        }
        written = {
            "another signature": lambda: f"sig-pp=:{mutate_base64(chance, text)}:",
            "last bits": lambda: f"sig-pp=:{last_bits(chance, text)}:",
            "another label": lambda: signature.replace("sig-pp", "sig-1"),
            "two labels signed": lambda: f"{signature}, sig-1=:{text}:",
            "the same label twice": lambda: f"{signature}, {signature}",
            "no colons": lambda: f"sig-pp={text}",
            "a parameter": lambda: f"{signature};a=1",
            "zero": lambda: (
                f"sig-pp=:{base64.b64encode(bytes(chance.choice((0, 1, 64, 96, 256)))).decode()}:"
            ),
            "BER": lambda: f"sig-pp=:{base64.b64encode(_ber(base64.b64decode(text))).decode()}:",
            "twin": lambda: f"sig-pp=:{base64.b64encode(_twin(key_id, base64.b64decode(text))).decode()}:",
        }
        digests = {
            "digest added": lambda: message.value("content-digest") + f", sha-256=:{digest}:",
            "digest of an old algorithm": lambda: "md5=:" + base64.b64encode(bytes(16)).decode() + ":",
            "digest unknown": lambda: f"sha-999=:{digest}:",
            "digest replaced": lambda: f"sha-256=:{digest}:",
        }
        how = chance.choice(sorted([*made, *inputs, *written, *digests]))
        if how in inputs:
            return how, message.with_header("signature-input", inputs[how]())
        if how in written:
            return how, message.with_header("signature", written[how]())
        if how in digests:
            return how, message.with_header("content-digest", digests[how]())
        return how, made[how]()

    def same(self, message: Message, mutant: Message) -> str | None:
        if self._facts(message) == self._facts(mutant):
            return "nothing that is signed was changed"
        if self._facts(message.without("signature")) != self._facts(mutant.without("signature")):
            return None
        before, after = (joined(item).get("signature", "") for item in (message, mutant))
        found = re.fullmatch(r"sig-pp=:([A-Za-z0-9+/=]*):", after)
        if found is None or "EC_P256" not in message.value("signature-input"):
            return None
        twin = base64.b64encode(
            _twin("EC_P256", base64.b64decode(before.removeprefix("sig-pp=:").removesuffix(":")))
        ).decode()
        return "(r, n-s) of ECDSA, which signs the same" if found[1] == twin else None

    async def accepts(self, message: Message) -> bool:
        at = datetime.fromtimestamp(max(0.0, min(message.at, 4e9)), UTC)
        headers = read_headers(raw(message))
        signed = signatures.Signed(message.method, _URL, headers, message.body)
        valid = signatures.judge(signed, _PUBLIC, at).valid
        self._count += 1
        if self._count % 50 == 0:  # the whole way, which judges twice
            verdict = await _verdict(Notification(message.method, "/", headers, message.body, at))
            assert (verdict is Verdict.SIGNED) == valid
        return valid

    def _facts(self, message: Message) -> object:
        headers = joined(message)
        return message.method.upper(), message.at, message.body, [headers.get(name) for name in self.covered]

    def _components(self, url: str) -> dict[str, str]:
        """Give what a signature covers beside the headers, by name."""
        _, _, host, path = url.split("/", 3)
        return {"@method": "POST", "@authority": host, "@path": f"/{path}"}

    def _signed(
        self,
        key_id: str,
        body: bytes,
        at: int,
        *,
        url: str = _URL,
        pem: str = "",
        encoding: str = "der",
        left_out: str = "",
    ) -> Message:
        """Sign as the profile says, written from it and not from our code. left_out: a component that is not covered."""
        key: Any = serialization.load_pem_private_key(pem.encode(), None) if pem else _KEYS[key_id][0]
        algorithm = "ecdsa-p256-sha256" if pem else _KEYS[key_id][1]
        headers = {
            "content-digest": "sha-512=:" + base64.b64encode(hashlib.sha512(body).digest()).decode() + ":",
            "signature-date": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "content-type": "application/json; charset=UTF-8",
        }
        covered = {
            name: value
            for name, value in {**self._components(url), **headers}.items()
            if name != left_out and (name in self.covered or name.startswith("@"))
        }
        names = " ".join(f'"{name}"' for name in covered)
        params = f'({names});alg="{algorithm}";keyid="{key_id}";created={at};expires={at + 60}'
        lines = [f'"{name}": {value}' for name, value in covered.items()]
        base = "\n".join([*lines, f'"@signature-params": {params}'])
        made = signatures._sign_bytes(key, base.encode(), algorithm, encoding)
        text = base64.b64encode(made).decode()
        proof = {"signature-input": f"sig-pp={params}", "signature": f"sig-pp=:{text}:"}
        return Message("POST", (*headers.items(), *proof.items(), ("user-agent", "pawaPay")), body, at)


class PawaPayAnswers(PawaPayCallbacks):
    """An answer: its status stands where the method and the address would."""

    name = "pawapay-answers"
    covered = ("content-digest", "signature-date", "signature-input", "signature")
    required = ("@status", "content-digest")

    async def accepts(self, message: Message) -> bool:
        at = datetime.fromtimestamp(max(0.0, min(message.at, 4e9)), UTC)
        status = {"POST": 200, "PUT": 201, "GET": 400}.get(message.method, 500)
        answer = signatures.SignedAnswer(status, read_headers(raw(message)), message.body)
        return signatures.judge(answer, _PUBLIC, at).valid

    def _components(self, url: str) -> dict[str, str]:
        """An answer is bound to nothing but its status; what came from elsewhere has another here."""
        return {"@status": "200" if url == _URL else "201"}


def _twin(key_id: str, signature: bytes) -> bytes:
    """Give the other signature that verifies wherever this one does; of P-256 alone."""
    if "EC_P256" not in key_id:
        return signature[::-1]
    if len(signature) == 64:
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        return r.to_bytes(32, "big") + (_ORDER_P256 - s).to_bytes(32, "big")
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, _ORDER_P256 - s)


def _ber(signature: bytes) -> bytes:
    """Write a DER signature in a longer form that a careless reader takes for the same."""
    if signature[:1] != b"\x30" or len(signature) < 8:
        return b"\x00" + signature
    return b"\x30\x81" + signature[1:]


class _Nobody:
    """Nobody can be asked for newer keys."""

    async def send(self, *_: Any, **__: Any) -> Any:
        raise NothingSent("nobody is asked")


async def _verdict(notification: Notification) -> Verdict:
    config = fill_config(SPEC, "acc_one", SPEC.demo_config)
    account = Account("acc_one", "mer", "pawapay", Mode.LIVE, "https://api.pawapay.io", _URL, config)
    http: Any = _Nobody()
    clock = SystemClock()
    memory: Any = {"public_keys": _Keys(_PUBLIC, clock.now()), "public_keys_doubted_at": clock.now()}
    return (await PawaPayAdapter(account, http, clock, memory).authenticate(notification)).verdict
