"""pawaPay's own signing keys, how it signs a callback, and how it checks what a merchant signed.

docs.pawapay.io/v2/docs/signatures and pawaPay/signatures-node-example: RFC 9421 with label `sig-pp`, ECDSA in DER,
keys at GET /v2/public-key/http as an array. Built on `cryptography` alone, without the library that the adapter
uses, so that one misreading cannot hide on both sides.
"""

import base64
import hashlib
import re
from datetime import UTC
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from afriflow.core.clock import Clock
from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.notebook import Notebook

# In this order in every documented example and in the live callback of 2026-09-23.
_COVERED = ("@method", "@authority", "@path", "signature-date", "content-digest", "content-type")
# created to expires in every documented example.
_LIFETIME_SECONDS = 60
CONTENT_TYPE = "application/json"


class KeyRing:
    """pawaPay's keys, kept with the rest of its state: a restart must not invalidate what others have cached."""

    def __init__(self, notebook: Notebook, clock: Clock) -> None:
        self._notebook = notebook
        self._clock = clock
        if not notebook.every("key"):
            self._add(1)

    async def show(self, request: Request) -> Response:  # noqa: ARG002 - a handler
        return json_response(
            200, [{"id": key["id"], "key": key["public"]} for key in self._notebook.every("key")]
        )

    async def rotate(self, request: Request) -> Response:
        """Sign with a new key from now on; the old ones stay published."""
        self._add(len(self._notebook.every("key")) + 1)
        return await self.show(request)

    def headers_for(self, url: str, body: bytes, *, signed: bool) -> dict[str, str]:
        """Make the headers of a callback."""
        if not signed:
            return {"Content-Type": CONTENT_TYPE}
        now = self._clock.now().astimezone(UTC)
        key = self._notebook.every("key")[-1]
        parts = urlsplit(url)
        values = {
            "@method": "POST",
            "@authority": parts.netloc.lower(),
            "@path": parts.path or "/",
            # Nine fractional digits, as the live callback has.
            "signature-date": now.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z",
            "content-digest": f"sha-512=:{base64.b64encode(hashlib.sha512(body).digest()).decode()}:",
            "content-type": CONTENT_TYPE,
        }
        created = int(now.timestamp())
        parameters = (
            "(" + " ".join(f'"{name}"' for name in _COVERED) + ")"
            f';alg="ecdsa-p256-sha256";keyid="{key["id"]}";created={created};expires={created + _LIFETIME_SECONDS}'
        )
        base = (
            "".join(f'"{name}": {values[name]}\n' for name in _COVERED) + f'"@signature-params": {parameters}'
        )
        private_key = serialization.load_pem_private_key(key["private"].encode(), None)
        if not isinstance(private_key, ec.EllipticCurvePrivateKey):
            raise TypeError("the key ring holds EC keys only")
        signature = private_key.sign(base.encode(), ec.ECDSA(hashes.SHA256()))
        return {
            "Content-Type": CONTENT_TYPE,
            "Content-Digest": values["content-digest"],
            "Signature-Date": values["signature-date"],
            "Signature-Input": f"sig-pp={parameters}",
            "Signature": f"sig-pp=:{base64.b64encode(signature).decode()}:",
        }

    def _add(self, number: int) -> None:
        private_key = ec.generate_private_key(ec.SECP256R1())
        private = private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        key = {"id": f"HTTP_EC_P256_KEY:{number}", "private": private.decode(), "public": public.decode()}
        self._notebook.put_new("key", key["id"], key)


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
