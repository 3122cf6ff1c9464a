"""What a PayDunya account needs to work, and where PayDunya answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from afriflow.core.transaction import Mode
from afriflow.port.provider import Route, Secret
from afriflow.port.question import WrongAnswer, asked
from afriflow.providers.paydunya.operators import Wallet, wallets

# https://developers.paydunya.com/doc/FR/softpay ("Endpoints API LIVE", "SANDBOX INVOICE TOKEN"), read 2026-10.
BASE_URLS: Mapping[Mode, str] = {
    Mode.TEST: "https://app.paydunya.com/sandbox-api/v1",
    Mode.LIVE: "https://app.paydunya.com/api/v1",
}

# How the private key of each mode begins (the same page, in its examples). The master key serves both modes.
PRIVATE_KEY_PREFIXES: Mapping[Mode, str] = {Mode.TEST: "test_", Mode.LIVE: "live_"}

# PayDunya's payouts have no sandbox (https://developers.paydunya.com/doc/EN/api_deboursement, read 2026-10).
LIVE_ONLY_HOSTS = frozenset({"app.paydunya.com", "paydunya.com"})


@dataclass(frozen=True, slots=True)
class PayDunyaConfig:
    """The keys of one application in PayDunya's dashboard, and what its API leaves open.

    softpay_base_url: where SoftPay answers, when it is not where invoices do. PayDunya's own sandbox has none
    (integrators get an HTML 404 page there, 2026-08 and 2026-09), so there everything goes through the hosted page
    unless this is set. payer_email: sent to SoftPay where the payer left no address; integrators send it empty.
    expire_after_hours: when PayDunya cancels an unpaid invoice by itself; 24 is what integrators see, not documented.
    disburse_base_url: where payouts answer, when it is not `/api/v2` beside the account's base. mtn_cm: whether MTN
    Cameroon is used; its answer names XAF, and in which currency an invoice is then meant is documented nowhere.
    closed_operators: our ids, separated by commas, of operators that PayDunya has not opened for this account, or
    that it does not carry as it is thought here (Celtiis stands in no document). page_operators: those that are paid
    on PayDunya's page though SoftPay could charge them (integrators contradict the documented fields of Wizall).
    """

    master_key: Secret = asked(
        en=("Master key", "From your application in the PayDunya dashboard; the same in both modes."),
        fr=(
            "Clé principale",
            "De votre application dans le tableau de bord de PayDunya ; la même dans les deux modes.",
        ),
    )
    private_key: Secret = asked(
        en=("Private key", "Begins with test_ or live_, as the mode of this account."),
        fr=("Clé privée", "Commence par test_ ou live_, selon le mode de ce compte."),
    )
    token: Secret = asked(
        en=("Token", "Stands beside the private key of the same mode."),
        fr=("Token", "Se trouve à côté de la clé privée du même mode."),
    )
    softpay_base_url: str | None = asked(
        None,
        en=("SoftPay address", "Where SoftPay answers, when it is not where invoices do."),
        fr=("Adresse de SoftPay", "Là où répond SoftPay, si ce n'est pas là où répondent les factures."),
        by_installation=True,
    )
    payer_email: str = asked(
        "",
        en=("Payers' e-mail", "Sent where the payer left none."),
        fr=("E-mail des payeurs", "Envoyé quand le payeur n'en a pas laissé."),
    )
    expire_after_hours: int = asked(
        24,
        en=("Hours until an invoice ends", "When PayDunya cancels an unpaid invoice by itself."),
        fr=("Heures avant la fin d'une facture", "Quand PayDunya annule d'elle-même une facture impayée."),
    )
    disburse_base_url: str | None = asked(
        None,
        en=("Address of payouts", "Where payouts answer, when it is not beside the account's base."),
        fr=(
            "Adresse des versements",
            "Là où répondent les versements, si ce n'est pas à côté de la base du compte.",
        ),
        by_installation=True,
    )
    mtn_cm: bool = asked(
        False,  # noqa: FBT003 - the default of the field
        en=("MTN Cameroon", "Whether it is used; its answers name XAF."),
        fr=("MTN Cameroun", "S'il est utilisé ; ses réponses nomment le XAF."),
    )
    closed_operators: str = asked(
        "",
        en=("Closed operators", "Operators that PayDunya has not opened for you, separated by commas."),
        fr=("Opérateurs fermés", "Ceux que PayDunya ne vous a pas ouverts, séparés par des virgules."),
    )
    page_operators: str = asked(
        "",
        en=("Operators on PayDunya's page", "Those that are paid there, separated by commas."),
        fr=("Opérateurs sur la page de PayDunya", "Ceux qui s'y paient, séparés par des virgules."),
    )

    def __post_init__(self) -> None:
        for name in ("closed_operators", "page_operators"):
            unknown = sorted(_ids(getattr(self, name)) - wallets().keys())
            if unknown:
                known, odd = ", ".join(wallets()), ", ".join(unknown)
                raise WrongAnswer(name, en=f"{odd}: expected some of {known}", fr=f"{odd} : connus : {known}")
        without_page = sorted(id_ for id_ in self.on_page if wallets()[id_].channel is None)
        if without_page:
            odd = ", ".join(without_page)
            raise WrongAnswer(
                "page_operators", en=f"no page is known for {odd}", fr=f"aucune page connue pour {odd}"
            )

    @property
    def on_page(self) -> frozenset[str]:
        """The operators that take PayDunya's page."""
        return _ids(self.page_operators)

    def opens(self, wallet: Wallet) -> bool:
        """Whether the account carries a wallet: it needs no switch, or has it on, and is not closed here."""
        switched_on = wallet.switch is None or bool(getattr(self, wallet.switch))
        return switched_on and wallet.operator not in _ids(self.closed_operators)


def opens(config: PayDunyaConfig, route: Route) -> bool:
    """Whether an account carries a route, in or out; cards need no setting."""
    return route.operator is None or config.opens(wallets()[route.operator])


def fits(config: PayDunyaConfig, mode: Mode) -> None:
    """Refuse a private key of the other mode: it would move the other mode's money. Raises WrongAnswer."""
    other = Mode.LIVE if mode is Mode.TEST else Mode.TEST
    if config.private_key.reveal().startswith(PRIVATE_KEY_PREFIXES[other]):
        raise WrongAnswer(
            "private_key",
            en=f"this key is of {other} mode",
            fr=f"cette clé est du mode {'réel' if other is Mode.LIVE else 'test'}",
        )


def _ids(text: str) -> frozenset[str]:
    return frozenset(word for part in text.split(",") if (word := part.strip()))
