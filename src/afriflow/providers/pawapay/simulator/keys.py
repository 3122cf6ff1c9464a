"""pawaPay's own signing keys, how it signs callbacks and answers, and how it checks what a merchant signed.

docs.pawapay.io/v2/docs/signatures and pawaPay/signatures-node-example: RFC 9421 with label `sig-pp`, ECDSA in DER,
keys at GET /v2/public-key/http as an array. Built on `cryptography` alone, without the library that the adapter
uses, so that one misreading cannot hide on both sides.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from afriflow.core.clock import Clock
from afriflow.providers.pawapay.simulator.behaviour import BehaviourDial
from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.notebook import Notebook, Value

_P256, _P384, _RSA = "HTTP_EC_P256_KEY", "HTTP_EC_P384_KEY", "HTTP_RSA_KEY"
_KINDS = {
    "ecdsa-p256-sha256": _P256,
    "ecdsa-p384-sha384": _P384,
    "rsa-v1_5-sha256": _RSA,
    "rsa-pss-sha512": _RSA,
}
# created to expires in every documented example.
_LIFETIME_SECONDS = 60
CONTENT_TYPE = "application/json"


class KeyRing:
    """pawaPay's keys, kept with the rest of its state: a restart must not invalidate what others have cached.

    One for each kind of key that was ever asked for; the id of the first is the live one, those of the others are ours.
    """

    def __init__(self, notebook: Notebook, clock: Clock, dial: BehaviourDial) -> None:
        self._notebook = notebook
        self._clock = clock
        self._dial = dial
        if not notebook.every("key"):
            self._add(_KINDS["ecdsa-p256-sha256"])

    async def show(self, request: Request) -> Response:  # noqa: ARG002 - a handler
        if not self._dial.now.public_keys_shown:
            return json_response(503, {})
        self._current()
        return json_response(
            200, [{"id": key["id"], "key": key["public"]} for key in self._notebook.every("key")]
        )

    def rotate(self) -> None:
        """Sign with a new key from now on; the old ones stay published."""
        self._add(_KINDS[self._dial.now.signing_algorithm])

    def headers_for(self, url: str, body: bytes, *, signed: bool) -> dict[str, str]:
        """Make the headers of a callback."""
        if not signed:
            return {"Content-Type": CONTENT_TYPE}
        parts = urlsplit(url)
        derived = {"@method": "POST", "@authority": parts.netloc.lower(), "@path": parts.path or "/"}
        made = self._signed(derived, body, {"content-type": CONTENT_TYPE})
        return {"Content-Type": CONTENT_TYPE, **made}

    def answered(self, request: Request, response: Response) -> Response:
        """Sign an answer, where the request asks for it: status, date and digest, as in the documented example."""
        how = self._dial.now.signed_answers
        if how == "never" or "accept-signature" not in request.headers:
            return response
        signed_body = response.body if how == "asked" else response.body + b" "
        headers = self._signed({"@status": str(response.status)}, signed_body, {})
        return replace(response, headers={**response.headers, **headers})

    def _signed(self, derived: Mapping[str, str], body: bytes, after: Mapping[str, str]) -> dict[str, str]:
        """Make the headers of a signature. after: header fields that are covered last."""
        behaviour, now = self._dial.now, self._clock.now().astimezone(UTC)
        key = self._current()
        values = {
            **derived,
            # Nine fractional digits, as the live callback has.
            "signature-date": now.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z",
            "content-digest": f"sha-512=:{base64.b64encode(hashlib.sha512(body).digest()).decode()}:",
            **after,
        }
        created = int(now.timestamp())
        parameters = (
            "(" + " ".join(f'"{name}"' for name in values) + ")"
            f';alg="{behaviour.signing_algorithm}";keyid="{key["id"]}"'
            f";created={created};expires={created + _LIFETIME_SECONDS}"
        )
        lines = "".join(f'"{name}": {value}\n' for name, value in values.items())
        base = f'{lines}"@signature-params": {parameters}'.encode()
        signature = _sign(key["private"], behaviour.signing_algorithm, behaviour.signature_encoding, base)
        return {
            "Content-Digest": values["content-digest"],
            "Signature-Date": values["signature-date"],
            "Signature-Input": f"sig-pp={parameters}",
            "Signature": f"sig-pp=:{base64.b64encode(signature).decode()}:",
        }

    def _current(self) -> Value:
        """Give the newest key of the kind that signs now."""
        kind = _KINDS[self._dial.now.signing_algorithm]
        ours = [key for key in self._notebook.every("key") if key["id"].startswith(kind)]
        return ours[-1] if ours else self._add(kind)

    def _add(self, kind: str) -> Value:
        number = 1 + sum(key["id"].startswith(kind) for key in self._notebook.every("key"))
        private_key = (
            rsa.generate_private_key(65537, 2048)
            if kind == _RSA
            else ec.generate_private_key(ec.SECP384R1() if kind == _P384 else ec.SECP256R1())
        )
        private = private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        key = {"id": f"{kind}:{number}", "private": private.decode(), "public": public.decode()}
        self._notebook.put_new("key", key["id"], key)
        return key


def _sign(private_key_pem: str, algorithm: str, encoding: str, base: bytes) -> bytes:
    key = serialization.load_pem_private_key(private_key_pem.encode(), None)
    if isinstance(key, rsa.RSAPrivateKey):
        if algorithm == "rsa-v1_5-sha256":
            return key.sign(base, padding.PKCS1v15(), hashes.SHA256())
        pss = padding.PSS(padding.MGF1(hashes.SHA512()), salt_length=64)
        return key.sign(base, pss, hashes.SHA512())
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the key ring holds EC and RSA keys only")
    half, digest = (32, hashes.SHA256()) if key.curve.key_size == 256 else (48, hashes.SHA384())
    der = key.sign(base, ec.ECDSA(digest))
    if encoding == "der":
        return der
    r, s = utils.decode_dss_signature(der)
    return r.to_bytes(half, "big") + s.to_bytes(half, "big")


_SIGNATURE_INPUT = re.compile(r'sig-pp=(\(([^)]*)\);.*alg="([a-z0-9_-]+)".*)')


def is_signed_with(private_key_pem: str, request: Request, public_url: str) -> bool:
    """Tell whether a merchant signed a request with the key whose public half it gave pawaPay.

    Accepts ECDSA as DER and as r‖s: sources contradict each other on what production takes.
    """
    described = _SIGNATURE_INPUT.fullmatch(request.headers.get("signature-input", ""))
    written = re.fullmatch(r"sig-pp=:([^:]+):", request.headers.get("signature", ""))
    if described is None or written is None:
        return False
    parameters, names, algorithm = described[1], re.findall(r'"([^"]+)"', described[2]), described[3]
    digest = base64.b64encode(hashlib.sha512(request.body).digest()).decode()
    if "content-digest" not in names or request.headers.get("content-digest") != f"sha-512=:{digest}:":
        return False
    base_url = urlsplit(public_url)
    derived = {
        "@method": request.method,
        "@authority": request.headers.get("host", "").lower(),
        "@path": base_url.path.rstrip("/") + request.path,
    }
    values = {**request.headers, **derived}
    lines = [f'"{name}": {values.get(name, "")}' for name in names]
    base = "\n".join([*lines, f'"@signature-params": {parameters}']).encode()
    try:
        _verify(private_key_pem, algorithm, base64.b64decode(written[1]), base)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _verify(private_key_pem: str, algorithm: str, signature: bytes, base: bytes) -> None:
    private_key = serialization.load_pem_private_key(private_key_pem.encode(), None)
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        curve, digest, half = (
            ("ecdsa-p256-sha256", hashes.SHA256(), 32)
            if private_key.curve.key_size == 256
            else ("ecdsa-p384-sha384", hashes.SHA384(), 48)
        )
        if algorithm != curve:
            raise ValueError("the algorithm does not belong to the key")
        if len(signature) == 2 * half:
            r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
            signature = utils.encode_dss_signature(r, s)
        private_key.public_key().verify(signature, base, ec.ECDSA(digest))
    elif isinstance(private_key, rsa.RSAPrivateKey) and algorithm == "rsa-pss-sha512":
        pss = padding.PSS(padding.MGF1(hashes.SHA512()), salt_length=64)
        private_key.public_key().verify(signature, base, pss, hashes.SHA512())
    elif isinstance(private_key, rsa.RSAPrivateKey) and algorithm == "rsa-v1_5-sha256":
        private_key.public_key().verify(signature, base, padding.PKCS1v15(), hashes.SHA256())
    else:
        raise ValueError("the algorithm does not belong to the key")
