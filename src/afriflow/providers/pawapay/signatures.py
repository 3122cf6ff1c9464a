"""Who signed a message: pawaPay's profile of HTTP Message Signatures (RFC 9421), verified strictly, and made.

The profile (docs.pawapay.io/v2/docs/signatures): one signature labelled `sig-pp` over method, authority, path,
Signature-Date, Content-Digest (RFC 9530) and Content-Type, of an answer over status, Signature-Date and
Content-Digest, with `alg`, `keyid`, `created` and `expires`. ECDSA
signatures come as ASN.1 DER, not as RFC 9421's r‖s (seen in the documented examples, in pawaPay's own code and in a
live callback of 2026-09-23), so both are read.

http-message-signatures 3.0 does the RFC; what it leaves open is closed here: which components must be covered, how
old a signature may be (at the moment of receipt, not of the check), that there is exactly one signature, that it is
written in exactly one way, that the body matches, and that nothing but a verdict comes out whatever comes in.
"""

# pyright: reportPrivateImportUsage=false
# (http-message-signatures re-exports its documented names without __all__)

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from http_message_signatures import (
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    algorithms,
)

_LABEL = "sig-pp"
_COVERED = ("@method", "@authority", "@path", "signature-date", "content-digest", "content-type")
# Without one of these a signature would hold for another address or another body. The two other documented ones
# protect nothing that we read, so a callback without them is not refused.
_REQUIRED = ("@method", "@authority", "@path", "content-digest")
# An answer's signature does not say which question it answers; that TLS does, and the id in its body.
_REQUIRED_OF_ANSWERS = ("@status", "content-digest")
# How far `created` may be from the moment of receipt. A signature lives 60 s in every example; clocks differ, and
# whether a repeated callback is signed anew is not documented.
SKEW_SECONDS = 300
# The life of what we sign, as in the documented examples.
_LIFETIME_SECONDS = 60

_PARAMS = '"@signature-params"'
_SIGNATURE = re.compile(rf"{_LABEL}=:([A-Za-z0-9+/]+={{0,2}}):")
_PARAMETER = re.compile(r';(alg|keyid)="([^"\\]*)"')


class _P256(algorithms.ECDSA_P256_SHA256):
    def verify(self, signature: bytes, message: bytes) -> None:
        _verify_ecdsa(cast("Any", self).public_key, signature, message, hashes.SHA256(), raw_length=64)


class _P384(algorithms.ECDSA_P384_SHA384):
    def verify(self, signature: bytes, message: bytes) -> None:
        _verify_ecdsa(cast("Any", self).public_key, signature, message, hashes.SHA384(), raw_length=96)


RSA_PSS, RSA_PKCS1 = "rsa-pss-sha512", "rsa-v1_5-sha256"
_RSA_BITS_MIN = 2048  # NIST SP 800-131A: fewer sign nothing any more
# The four that pawaPay documents. Each refuses a key of another type or curve than its own.
_ALGORITHMS: dict[str, type[Any]] = {
    "ecdsa-p256-sha256": _P256,
    "ecdsa-p384-sha384": _P384,
    RSA_PKCS1: algorithms.RSA_V1_5_SHA256,
    RSA_PSS: algorithms.RSA_PSS_SHA512,
}
# Asks for signed answers (docs.pawapay.io/v2/docs/signatures). What is compressed on the way is another body than the
# one that was signed.
ACCEPT_SIGNED = {
    "Accept-Signature": ",".join(_ALGORITHMS),
    "Accept-Digest": "sha-256,sha-512",
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Signed:
    """A message as it was signed. url: the address that the signer used. headers: names in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class SignedAnswer:
    """An answer as it was signed. status_code: of HTTP. headers: names in lower case."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a signature is worth.

    key_in_doubt: another set of public keys might lead to another judgement. untimely: pawaPay's, but of another time.
    """

    valid: bool
    reason: str
    key_in_doubt: bool = False
    untimely: bool = False


def is_signed(headers: Mapping[str, str]) -> bool:
    """Tell whether a message claims to be signed; half a claim is one, too."""
    return "signature" in headers or "signature-input" in headers


def judge(message: Signed | SignedAnswer, public_keys: Mapping[str, str], received_at: datetime) -> Judgement:
    """Judge a signed message; never raises.

    public_keys: PEM by key id.
    """
    written = _SIGNATURE.fullmatch(message.headers.get("signature", ""))
    if written is None or not _is_canonical_base64(written[1]):
        return Judgement(valid=False, reason="no signature in the documented form")
    parameters = dict(_PARAMETER.findall(message.headers.get("signature-input", "")))
    algorithm = _ALGORITHMS.get(parameters.get("alg", ""))
    if algorithm is None:
        return Judgement(valid=False, reason="algorithm missing or not documented")
    key = public_keys.get(parameters.get("keyid", ""))
    if key is None:
        return Judgement(valid=False, reason="signed with a key we do not know", key_in_doubt=True)
    try:
        verifier = cast("Any", _Verifier(algorithm, key, received_at))
        required = _REQUIRED_OF_ANSWERS if isinstance(message, SignedAnswer) else _REQUIRED
        results = verifier.verify(message, max_age=None, require_components=required, body=message.body)
        covered = results[0].covered_components
    except InvalidSignature as error:
        # A key that was renewed under its old id fails here, too.
        return Judgement(valid=False, reason=_short(error), key_in_doubt=True)
    except Exception as error:  # noqa: BLE001 - the message is hostile until proven otherwise; whatever it breaks
        return Judgement(valid=False, reason=f"unreadable: {type(error).__name__}")
    # The library forgives blanks and spellings that mean the same; a message is written in one way only.
    for name, value in covered.items():
        header, text = name.strip('"'), value
        if name == _PARAMS:
            header, text = "signature-input", f"{_LABEL}={value}"
        if not header.startswith("@") and message.headers[header] != text:
            return Judgement(valid=False, reason=f"{header} is not written in its canonical form")
    if verifier.untimely:
        return Judgement(valid=False, reason=verifier.untimely, untimely=True)
    return Judgement(valid=True, reason=f"signed with {parameters['keyid']}")


def sign(
    message: Signed,
    private_key_pem: str,
    key_id: str,
    at: datetime,
    *,
    ecdsa_encoding: str,
    rsa_algorithm: str = RSA_PSS,
) -> dict[str, str]:
    """Make the headers that sign one of our requests; Content-Type must be among the message's headers.

    ecdsa_encoding: "der" as pawaPay's own examples send, or "raw" as RFC 9421, 3.3.4 says. rsa_algorithm: what an RSA
    key signs with; an EC key's curve leaves no choice.
    """
    private_key = load_private_key(private_key_pem)
    algorithm = _algorithm_of(private_key, rsa_algorithm)
    created = int(at.timestamp())
    digest = base64.b64encode(hashlib.sha512(message.body).digest()).decode()
    fields = {
        "content-digest": f"sha-512=:{digest}:",
        "signature-date": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    values = {**derived_components(message.method, message.url), **message.headers, **fields}
    names = " ".join(f'"{name}"' for name in _COVERED)
    parameters = (
        f'({names});alg="{algorithm}";keyid="{key_id}"'
        f";created={created};expires={created + _LIFETIME_SECONDS}"
    )
    lines = [f'"{name}": {values[name]}' for name in _COVERED]
    base = "\n".join([*lines, f'"@signature-params": {parameters}'])
    signature = base64.b64encode(_sign_bytes(private_key, base.encode(), algorithm, ecdsa_encoding)).decode()
    return {
        "Content-Digest": fields["content-digest"],
        "Signature-Date": fields["signature-date"],
        "Signature-Input": f"{_LABEL}={parameters}",
        "Signature": f"{_LABEL}=:{signature}:",
    }


def derived_components(method: str, url: str) -> dict[str, str]:
    """Give the parts of a request that are no headers, as RFC 9421, 2.2 writes them."""
    parts = urlsplit(url)
    default_port = {"http": 80, "https": 443}.get(parts.scheme)
    host = (parts.hostname or "").lower()
    authority = host if parts.port in {None, default_port} else f"{host}:{parts.port}"
    return {"@method": method.upper(), "@authority": authority, "@path": parts.path or "/"}


def load_private_key(pem: str) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    """Read a merchant's private key. Raises ValueError when it is none, or none that pawaPay takes."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (TypeError, ValueError) as error:
        raise ValueError("the private key is no unencrypted PEM") from error
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < _RSA_BITS_MIN:
            raise ValueError(f"the private key is RSA of {key.key_size} bits; {_RSA_BITS_MIN} is the least")
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
        return key
    raise ValueError("the private key is neither RSA nor EC on P-256 or P-384")


def _algorithm_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, rsa_algorithm: str) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return rsa_algorithm
    return "ecdsa-p256-sha256" if isinstance(key.curve, ec.SECP256R1) else "ecdsa-p384-sha384"


def _sign_bytes(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, base: bytes, algorithm: str, ecdsa_encoding: str
) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        if algorithm == RSA_PKCS1:
            return key.sign(base, padding.PKCS1v15(), hashes.SHA256())
        return key.sign(base, padding.PSS(padding.MGF1(hashes.SHA512()), salt_length=64), hashes.SHA512())
    small = isinstance(key.curve, ec.SECP256R1)
    der = key.sign(base, ec.ECDSA(hashes.SHA256() if small else hashes.SHA384()))
    if ecdsa_encoding == "der":
        return der
    rfc = algorithms.ECDSA_P256_SHA256 if small else algorithms.ECDSA_P384_SHA384
    return rfc.signature_from_der(der)


def _verify_ecdsa(
    public_key: Any, signature: bytes, message: bytes, digest: hashes.HashAlgorithm, *, raw_length: int
) -> None:
    """Verify r‖s when it has exactly that length, else DER; no DER signature of these curves is as short."""
    key = cast("ec.EllipticCurvePublicKey", public_key)
    if len(signature) == raw_length:
        half = raw_length // 2
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        signature = encode_dss_signature(r, s)
    key.verify(signature, message, ec.ECDSA(digest))


class _OneKey(HTTPSignatureKeyResolver):
    def __init__(self, pem: str) -> None:
        self._pem = pem.encode()

    def resolve_public_key(self, key_id: str) -> bytes:  # noqa: ARG002 - it was chosen by its id before
        return self._pem


class _Verifier(HTTPMessageVerifier):
    """The library's verifier with our clock: a notification is judged by the moment it came, both ways.

    untimely: why a signature proves nothing now, though it may be right; the library looks at time before all else.
    """

    def __init__(self, algorithm: type[Any], key: str, received_at: datetime) -> None:
        super().__init__(signature_algorithm=algorithm, key_resolver=_OneKey(key))
        self._received_at = received_at
        self.untimely: str | None = None

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:  # noqa: ARG002
        created, expires = sig_input.params.get("created"), sig_input.params.get("expires")
        now = self._received_at.timestamp()
        if created is None:
            raise InvalidSignature("signed at no moment")
        if abs(now - created) > SKEW_SECONDS:
            self.untimely = "signed too long ago, or in the future"
        elif expires is not None and now > expires + SKEW_SECONDS:
            self.untimely = "expired"


def _is_canonical_base64(text: str) -> bool:
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except binascii.Error:
        return False


def _short(error: InvalidSignature) -> str:
    """Say why in a few words; an error of the cryptography library has none of its own."""
    text = str(error)
    return text[:120] if text else "the signature does not fit the message"
