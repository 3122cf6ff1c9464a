"""What an account at pawaPay needs, and how its uncertain facts are set."""

import re
from dataclasses import dataclass

from afriflow.port.provider import Secret
from afriflow.port.question import WrongAnswer, asked
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

    token: Secret = asked(
        en=("API token", "From the pawaPay dashboard, under API tokens; one for each environment."),
        fr=("Jeton d'API", "Dans le tableau de bord de pawaPay, sous « API tokens » ; un par environnement."),
    )
    signed_callbacks: str | bool = asked(
        "optional",
        en=("Signed callbacks", "“required” once they are switched on in the pawaPay dashboard."),
        fr=(
            "Notifications signées",
            "« required » dès qu'elles sont activées dans le tableau de bord de pawaPay.",
        ),
        choices=("optional", "required"),
    )
    private_key_pem: Secret | None = asked(
        None,
        en=("Private key (PEM)", "Only where your account accepts signed requests alone."),
        fr=("Clé privée (PEM)", "Seulement si votre compte n'accepte que des requêtes signées."),
        lines=True,
    )
    key_id: str | None = asked(
        None,
        en=("Key id", "The name you gave the public key in the pawaPay dashboard."),
        fr=("Identifiant de la clé", "Le nom donné à la clé publique dans le tableau de bord de pawaPay."),
    )
    ecdsa_encoding: str = asked(
        "der",
        en=("ECDSA encoding", "“der” as in pawaPay's examples; “raw” as in RFC 9421."),
        fr=("Encodage ECDSA", "« der » comme dans les exemples de pawaPay ; « raw » comme dans la RFC 9421."),
        choices=("der", "raw"),
    )
    rsa_algorithm: str = asked(
        RSA_PSS,
        en=("RSA algorithm", "What an RSA key signs with."),
        fr=("Algorithme RSA", "Avec quoi une clé RSA signe."),
        choices=(RSA_PSS, RSA_PKCS1),
    )
    signed_answers: str = asked(
        "off",
        en=("Signed answers", "“optional” refuses false signatures, “required” also answers without one."),
        fr=(
            "Réponses signées",
            "« optional » refuse les fausses signatures, « required » aussi leur absence.",
        ),
        choices=("off", "optional", "required"),
    )
    benin_short_numbers: str | bool = asked(
        False,  # noqa: FBT003 - the default of the field
        en=("Short numbers of Benin", "The 8 digits of before 2024, which pawaPay's sandbox knows."),
        fr=("Numéros courts du Bénin", "Les 8 chiffres d'avant 2024, que connaît le bac à sable de pawaPay."),
        choices=("no", "yes"),
    )
    payment_page: str | bool = asked(
        False,  # noqa: FBT003 - the default of the field
        en=("pawaPay's payment page", "Payers approve there and not on our page."),
        fr=("Page de paiement de pawaPay", "Les payeurs y valident, et non sur notre page."),
        choices=("no", "yes"),
    )
    customer_message: str | None = asked(
        None,
        en=("Message on the statement", "4 to 22 letters, digits and blanks; your name when empty."),
        fr=("Message sur le relevé", "4 à 22 lettres, chiffres et espaces ; votre nom si c'est vide."),
    )

    def __post_init__(self) -> None:
        token = self.token.reveal()
        if not (token.isascii() and token.isprintable() and token.strip()):
            raise WrongAnswer(
                "token",
                en="expected the API token of pawaPay's dashboard",
                fr="le jeton d'API du tableau de bord de pawaPay est attendu",
            )
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
            raise WrongAnswer(
                "customer_message",
                en="expected 4 to 22 letters, digits and blanks",
                fr="4 à 22 lettres, chiffres et espaces sont attendus",
            )
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
            raise WrongAnswer(
                "key_id",
                en="expected the name of the public key in pawaPay's dashboard",
                fr="le nom de la clé publique dans le tableau de bord de pawaPay est attendu",
            )
        try:
            load_private_key(self.signing_key or "")
        except ValueError as error:
            raise WrongAnswer(
                "private_key_pem", en=str(error), fr="cette clé privée ne peut pas être lue"
            ) from error
