"""What an account at pawaPay needs, and how its uncertain facts are set."""

import re
from dataclasses import dataclass

from afriflow.port.provider import Secret
from afriflow.providers.pawapay.signatures import RSA_PKCS1, RSA_PSS, load_private_key

_YES = frozenset({"true", "yes", "on", "1", "required"})
_NO = frozenset({"false", "no", "off", "0", "", "optional"})
# docs.pawapay.io/v2/api-reference/deposits/initiate-deposit: "customerMessage"
_CUSTOMER_MESSAGE = re.compile(r"[a-zA-Z0-9 ]{4,22}")

# What stands in Signature-Input as a string without escapes (RFC 8941, 3.3.3).
_KEY_ID = re.compile(r"[ !#-\[\]-~]{1,100}")


@dataclass(frozen=True, slots=True)
class PawaPayConfig:
    """A merchant's contract with pawaPay.

    token: the API token of the dashboard, one per environment.
    signed_callbacks: "required" once signed callbacks are switched on in pawaPay's dashboard; "optional" takes an
    unsigned one as a hint and asks pawaPay. private_key_pem, key_id: sign our requests, where the account accepts
    signed requests only; the id is the name given to the public key in the dashboard.
    ecdsa_encoding: "der" as pawaPay's examples send, or "raw" as RFC 9421 says; sources contradict each other.
    rsa_algorithm: what an RSA key signs with.
    signed_answers: "off", since signed answers are documented and were never seen; "optional" asks for them and refuses
    false signatures, "required" refuses unsigned answers too.
    benin_short_numbers: send numbers of Benin in the 8-digit form of before 2024, which pawaPay's sandbox knows.
    payment_page: have the payer approve on a page of pawaPay's instead of ours, wherever a prompt on the phone would ask.
    customer_message: what the payer reads on the statement, 4 to 22 letters, digits and blanks; without it, the
    merchant's name.
    """

    token: Secret
    signed_callbacks: str | bool = "optional"
    private_key_pem: Secret | None = None
    key_id: str | None = None
    ecdsa_encoding: str = "der"
    rsa_algorithm: str = RSA_PSS
    signed_answers: str = "off"
    benin_short_numbers: str | bool = False
    payment_page: str | bool = False
    customer_message: str | None = None

    def __post_init__(self) -> None:
        token = self.token.reveal()
        if not (token.isascii() and token.isprintable() and token.strip()):
            raise ValueError("token: expected the API token of pawaPay's dashboard")
        for name in ("signed_callbacks", "benin_short_numbers", "payment_page"):
            if str(getattr(self, name)).lower() not in _YES | _NO:
                raise ValueError(f"{name}: expected yes or no")
        if self.ecdsa_encoding not in {"der", "raw"}:
            raise ValueError("ecdsa_encoding: expected der or raw")
        if self.rsa_algorithm not in {RSA_PSS, RSA_PKCS1}:
            raise ValueError(f"rsa_algorithm: expected {RSA_PSS} or {RSA_PKCS1}")
        if self.signed_answers not in {"off", "optional", "required"}:
            raise ValueError("signed_answers: expected off, optional or required")
        if self.customer_message and not _CUSTOMER_MESSAGE.fullmatch(self.customer_message):
            raise ValueError("customer_message: expected 4 to 22 letters, digits and blanks")
        if self.signing_key is not None:
            self._check_signing()

    @property
    def callbacks_must_be_signed(self) -> bool:
        return str(self.signed_callbacks).lower() in _YES

    @property
    def sends_short_numbers_of_benin(self) -> bool:
        return str(self.benin_short_numbers).lower() in _YES

    @property
    def uses_payment_page(self) -> bool:
        return str(self.payment_page).lower() in _YES

    @property
    def signing_key(self) -> str | None:
        """The private key with which our requests are signed, as PEM; None when they are not."""
        pem = self.private_key_pem.reveal().strip() if self.private_key_pem else ""
        return pem or None

    def _check_signing(self) -> None:
        if not self.key_id or not _KEY_ID.fullmatch(self.key_id):
            raise ValueError("key_id: expected the name of the public key in pawaPay's dashboard")
        try:
            load_private_key(self.signing_key or "")
        except ValueError as error:
            raise ValueError(f"private_key_pem: {error}") from error
