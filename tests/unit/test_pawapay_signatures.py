"""Who signed a message of pawaPay: documented vectors, the live one, and thousands of messages that nobody signed."""

import base64
import hashlib
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from afriflow.providers.pawapay import signatures
from afriflow.providers.pawapay.signatures import Signed, SignedAnswer, judge, sign
from afriflow.providers.pawapay.simulator.behaviour import BehaviourDial
from afriflow.providers.pawapay.simulator.keys import KeyRing
from afriflow.simulator.notebook import Notebook

FIXTURE = json.loads(
    files("afriflow.providers.pawapay").joinpath("fixtures", "signatures.json").read_text("utf-8")
)
VECTORS = FIXTURE["vectors"]
DOCUMENTED = FIXTURE["documented"]


def signed(vector: dict[str, Any]) -> tuple[Signed, dict[str, str], datetime]:
    """Give a vector's message, its keys and a moment at which it is fresh."""
    created = int(vector["headers"]["signature-input"].split("created=")[1].split(";")[0])
    message = Signed(vector["method"], vector["url"], vector["headers"], (vector["body"] or "").encode())
    keys = {vector["public_key"]["id"]: vector["public_key"]["key"]}
    return message, keys, datetime.fromtimestamp(created + 2, UTC)


COMPLETE = [vector for vector in VECTORS if vector["body"] is not None]


@pytest.mark.parametrize("vector", COMPLETE, ids=lambda vector: vector["name"])
def test_each_documented_algorithm_is_verified(vector: dict[str, Any]) -> None:
    message, keys, at = signed(vector)
    assert judge(message, keys, at).valid
    if "signature_raw" in vector:
        raw = replace(message, headers={**message.headers, "signature": vector["signature_raw"]})
        assert judge(raw, keys, at).valid


def test_the_live_callback_is_verified_up_to_its_unpublished_body() -> None:
    """Its signature holds; its body was not published, so that the digest is what refuses it, and nothing before."""
    message, keys, at = signed(VECTORS[0])
    judgement = judge(message, keys, at)
    assert not judgement.valid
    assert judgement.reason == "Content-Digest does not match the message body"
    moved = judge(replace(message, url=message.url + "/payouts"), keys, at)
    assert not moved.valid
    assert moved.reason != judgement.reason


def test_the_documented_examples_are_der_and_their_digest_is_of_the_body() -> None:
    for example in (*DOCUMENTED["bases"], DOCUMENTED["response"]):
        signature = base64.b64decode(example["signature"].removeprefix("sig-pp=:").removesuffix(":"))
        assert signature[0] == 0x30
        assert len(signature) in {70, 71, 72}
    response = DOCUMENTED["response"]
    message = Signed(
        "POST", "http://localhost:8080/callback", {"content-type": "x"}, response["body"].encode()
    )
    made = sign(
        message, pem(ec.generate_private_key(ec.SECP256R1())), "K", datetime.now(UTC), ecdsa_encoding="der"
    )
    assert made["Content-Digest"] == response["content_digest"]


def test_what_we_sign_covers_what_the_documents_show_in_the_same_words() -> None:
    documented_input = DOCUMENTED["bases"][0]["base"].split('"@signature-params": ')[1]
    at = datetime.fromtimestamp(1714653405, UTC)
    message = Signed(
        "POST", "http://localhost:8080/deposits", {"content-type": "application/json; charset=UTF-8"}, b"{}"
    )
    made = sign(
        message, pem(ec.generate_private_key(ec.SECP256R1())), "CUSTOMER_TEST_KEY", at, ecdsa_encoding="der"
    )
    assert made["Signature-Input"] == f"sig-pp={documented_input}"


def pem(key: Any) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public(key: Any) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


KEYS = {
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "RSA": rsa.generate_private_key(65537, 2048),
}
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize("encoding", ["der", "raw"])
@pytest.mark.parametrize("name", list(KEYS))
def test_what_we_sign_can_be_verified_for_each_kind_of_key(name: str, encoding: str) -> None:
    message = Signed(
        "POST", "https://API.pawapay.io:443/v2/deposits", {"content-type": "application/json"}, b'{"a":1}'
    )
    made = sign(message, pem(KEYS[name]), "MY_KEY", NOW, ecdsa_encoding=encoding)
    headers = {**message.headers, **{name.lower(): value for name, value in made.items()}}
    assert judge(replace(message, headers=headers), {"MY_KEY": public(KEYS[name])}, NOW).valid


def test_a_key_of_another_kind_or_curve_does_not_verify_whatever_the_message_says() -> None:
    for vector in COMPLETE:
        message, keys, at = signed(vector)
        (key_id,) = keys
        for other in KEYS.values():
            assert not judge(message, {key_id: public(other)}, at).valid


def test_a_signature_is_good_for_five_minutes_before_and_after_and_judged_by_the_moment_it_came() -> None:
    message, keys, at = signed(COMPLETE[0])
    created = at - timedelta(seconds=2)
    for seconds, good in ((0, True), (300, True), (301, False), (-300, True), (-301, False), (86_400, False)):
        judgement = judge(message, keys, created + timedelta(seconds=seconds))
        assert judgement.valid is good
        assert judgement.untimely is not good  # pawaPay's all the same


def test_an_unknown_key_is_said_to_be_one_so_that_keys_can_be_renewed() -> None:
    message, _, at = signed(COMPLETE[0])
    assert judge(message, {}, at).key_in_doubt


def test_the_simulators_callback_is_verified_by_the_adapters_side() -> None:
    class Clock:
        def now(self) -> datetime:
            return NOW

    notebook = Notebook(None)
    ring = KeyRing(notebook, Clock(), BehaviourDial(notebook))
    key = notebook.every("key")[0]
    url = "http://127.0.0.1:8000/api/webhooks/pawapay/acc_1"
    headers = {name.lower(): value for name, value in ring.headers_for(url, b"{}", signed=True).items()}
    notebook.close()
    assert judge(Signed("POST", url, headers, b"{}"), {key["id"]: key["public"]}, NOW).valid


COVERED = ("@method", "@authority", "@path", "signature-date", "content-digest", "content-type")
TOUCHES = {
    "a character changed": lambda chance, text, at: (
        text[:at] + chr(chance.choice([*range(1, 256)])) + text[at + 1 :]
    ),
    "a digit or letter changed": lambda chance, text, at: (
        text[:at] + chr(chance.randrange(48, 123)) + text[at + 1 :]
    ),
    "cut off": lambda chance, text, at: text[:at],
    "something inserted": lambda chance, text, at: (
        text[:at] + chance.choice('\n\x00é":=;,A\ud800- ') + text[at:]
    ),
    "a blank in front": lambda chance, text, at: " " + text,
    "a tab behind": lambda chance, text, at: text + "\t",
    "said twice": lambda chance, text, at: f"{text}, {text}",
    "upper for lower case": lambda chance, text, at: text.swapcase(),
    "emptied": lambda chance, text, at: "",
    "a component uncovered": lambda chance, text, at: without(text, chance.choice(COVERED)),
    "a nonce added": lambda chance, text, at: text + ";nonce=1",
    "made to last": lambda chance, text, at: text + ";expires=9999999999",
    "a blank in the parameters": lambda chance, text, at: text.replace(";alg", "; alg"),
    "a blank in the list": lambda chance, text, at: text.replace('"@method" ', '"@method"  '),
    "another label": lambda chance, text, at: text.replace("sig-pp", "sig-pq"),
    "a leading zero": lambda chance, text, at: text.replace("created=", "created=0"),
    "more padding": lambda chance, text, at: text[:-1] + "=:",
    "a second signature": lambda chance, text, at: text + ", sig-2=:AAAA:",
}


def without(text: str, component: str) -> str:
    return text.replace(f'"{component}" ', "").replace(f' "{component}"', "")


def mutant(chance: random.Random, message: Signed) -> tuple[str, Signed]:
    """Give a message that differs from a good one in one place."""
    name = chance.choice([*sorted(message.headers), "body", "url", "method", "dropped", "swapped"])
    headers = dict(message.headers)
    if name == "body":
        at, skipped = chance.randrange(len(message.body) + 1), chance.randrange(2)
        body = message.body[:at] + bytes([chance.randrange(256)]) + message.body[at + skipped :]
        return name, replace(message, body=body)
    if name == "url":
        others = [
            message.url + "/",
            message.url.replace("v2", "v1"),
            message.url.replace("sandbox", "live"),
            "",
            "x",
        ]
        return name, replace(message, url=chance.choice([*others, message.url + "\n"]))
    if name == "method":
        return name, replace(message, method=chance.choice(["GET", "post", "PUT", ""]))
    if name == "dropped":
        del headers[chance.choice(sorted(headers))]
        return name, replace(message, headers=headers)
    if name == "swapped":
        one, other = chance.sample(sorted(headers), 2)
        headers[one], headers[other] = headers[other], headers[one]
        return name, replace(message, headers=headers)
    touch = chance.choice(sorted(TOUCHES))
    headers[name] = TOUCHES[touch](chance, headers[name], chance.randrange(len(headers[name])))
    return f"{name}: {touch}", replace(message, headers=headers)


@pytest.mark.parametrize("vector", COMPLETE, ids=lambda vector: vector["name"])
def test_no_mutant_of_a_signed_message_is_accepted_and_none_raises(vector: dict[str, Any]) -> None:
    message, keys, at = signed(vector)
    chance = random.Random(vector["name"])
    checked = 0
    while checked < 1500:
        kind, changed = mutant(chance, message)
        if changed == message:
            continue
        checked += 1
        assert not judge(changed, keys, at).valid, (kind, changed)


def test_the_documented_answer_is_read_up_to_its_unpublished_key() -> None:
    """Its components, its digest and its form are right; the key of the example was never published."""
    shown = DOCUMENTED["response"]
    headers = {name: shown[name.replace("-", "_")] for name in ("signature", "signature-input")}
    headers |= {"content-digest": shown["content_digest"], "signature-date": shown["signature_date"]}
    answer = SignedAnswer(200, headers, shown["body"].encode())
    at = datetime.fromtimestamp(1714653406 + 2, UTC)
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    keys = {
        "HTTP_EC_P256_KEY:1": other.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()
    }
    assert judge(answer, {}, at).reason == "signed with a key we do not know"
    assert judge(answer, keys, at).reason == "the signature does not fit the message"


@pytest.mark.parametrize("left_out", ["@status", "content-digest"])
def test_an_answers_signature_that_does_not_cover_status_or_body_is_none(left_out: str) -> None:
    ring_key = ec.generate_private_key(ec.SECP256R1())
    body, covered = b"{}", [name for name in ("@status", "content-digest") if name != left_out]
    digest = f"sha-512=:{base64.b64encode(hashlib.sha512(body).digest()).decode()}:"
    values = {"@status": "200", "content-digest": digest}
    created = int(NOW.timestamp())
    names = " ".join(f'"{name}"' for name in covered)
    parameters = f'({names});alg="ecdsa-p256-sha256";keyid="K";created={created};expires={created + 60}'
    lines = [f'"{name}": {values[name]}' for name in covered]
    base = "\n".join([*lines, f'"@signature-params": {parameters}']).encode()
    signature = base64.b64encode(ring_key.sign(base, ec.ECDSA(hashes.SHA256()))).decode()
    headers = {
        "content-digest": digest,
        "signature-input": f"sig-pp={parameters}",
        "signature": f"sig-pp=:{signature}:",
    }
    public = ring_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert not judge(SignedAnswer(200, headers, body), {"K": public.decode()}, NOW).valid


def test_a_signature_is_read_as_it_describes_itself_in_any_order_and_with_more_covered() -> None:
    """As pawaPay's Node example (content-length) and its Java example (@query) sign."""
    key, body, url = ec.generate_private_key(ec.SECP256R1()), b"{}", "https://pay.example/hooks/pawapay"
    values = {
        "content-length": "2",
        "@query": "?",
        "@path": "/hooks/pawapay",
        "@authority": "pay.example",
        "content-digest": f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:",
        "@method": "POST",
    }
    created = int(NOW.timestamp())
    names = " ".join(f'"{name}"' for name in values)
    parameters = f'({names});alg="ecdsa-p256-sha256";keyid="K";created={created};expires={created + 60}'
    lines = [f'"{name}": {value}' for name, value in values.items()]
    base = "\n".join([*lines, f'"@signature-params": {parameters}']).encode()
    signature = base64.b64encode(key.sign(base, ec.ECDSA(hashes.SHA256()))).decode()
    headers = {name: value for name, value in values.items() if not name.startswith("@")}
    headers |= {"signature-input": f"sig-pp={parameters}", "signature": f"sig-pp=:{signature}:"}
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    judgement = judge(Signed("POST", url, headers, body), {"K": public.decode()}, NOW)
    assert judgement.valid, judgement.reason


def test_half_a_signature_is_a_claim_too() -> None:
    assert signatures.is_signed({"signature": "x"})
    assert signatures.is_signed({"signature-input": "x"})
    assert not signatures.is_signed({"content-digest": "x", "signature-date": "x"})
