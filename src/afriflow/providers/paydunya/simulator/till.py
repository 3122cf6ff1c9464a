"""What the payer sees in a browser: PayDunya's hosted page, the wallet's page behind a SoftPay link, and the overview.

After paying, PayDunya sends the payer to return_url with the token added (README of the official JavaScript client);
that it does the same with cancel_url is how the official WooCommerce plugin reads it.
"""

import re
from functools import partial
from importlib.resources import files
from typing import Any, cast
from urllib.parse import urlsplit

import jinja2

from afriflow.providers.paydunya.simulator.invoices import Invoices, branch
from afriflow.simulator.handset import Action, Handset
from afriflow.simulator.http import Request, Response, page_response
from afriflow.simulator.notebook import Value
from afriflow.simulator.seat import SeatSettings

# What a person still recognises; the rest is in the notebook.
INVOICES_SHOWN_MAX = 12
# The only text for it that PayDunya documents, and only for cards (https://developers.paydunya.com/doc/FR/softpay).
_BANK_REFUSED = "Transaction annulée ou Refus de paiement en lien avec votre établissement bancaire."
_NO_FUNDS = "(simulé) Provision insuffisante"

# What each button of the page does: the invoice's end, what the phone hears, and the reason where it was a card.
_BUTTONS = {
    "pay": ("completed", Action.APPROVE, ""),
    "cancel": ("cancelled", Action.DECLINE, ""),
    "no_funds": ("failed", Action.NO_FUNDS, _NO_FUNDS),
    "fail": ("failed", Action.WRONG_PIN, _BANK_REFUSED),
}

_TEXTS: dict[str, dict[str, Any]] = {
    "fr": {
        "title": "Paiement simulé", "hint": "Simulateur de PayDunya : aucun argent ne bouge ici.",
        "to": "À", "with": "Avec", "all": "tous les moyens", "card": "carte bancaire", "pay": "Payer", "cancel": "Annuler",
        "no_funds": "Solde insuffisant", "fail": "Échouer", "back": "Retour chez le marchand",
        "gone": "Cette facture n’existe pas.", "overview": "PayDunya, simulé", "invoices": "Dernières factures",
        "none": "Aucune facture encore.", "magic": "Fins de numéro magiques (SoftPay)",
        "magic_hint": "Les trois derniers chiffres du numéro national ; tout autre numéro attend le payeur.",
        "otp": "Code OTP : 4 à 6 chiffres, sauf 0000.",
        "status": {
            "pending": "en attente", "completed": "payée", "cancelled": "annulée", "failed": "échouée",
        },
        "numbers": {
            "001": "refusé par le payeur après 1 s", "002": "solde insuffisant après 1 s",
            "003": "rien ne se passe, jusqu’à l’expiration (24 h)", "004": "payé, sans notification",
            "005": "payé, notifié deux fois", "006": "payé, notifié avant la réponse",
            "007": "payé, mais la réponse est un HTTP 500", "008": "payé, mais la réponse est une page HTML 502",
            "009": "payé, mais la réponse vient après 90 s", "010": "payé après 30 s",
        },
    },
    "en": {
        "title": "Simulated payment", "hint": "Simulator of PayDunya: no money moves here.",
        "to": "To", "with": "With", "all": "any method", "card": "bank card", "pay": "Pay", "cancel": "Cancel",
        "no_funds": "Not enough money", "fail": "Fail", "back": "Back to the merchant",
        "gone": "There is no such invoice.", "overview": "PayDunya, simulated", "invoices": "Latest invoices",
        "none": "No invoice yet.", "magic": "Magic ends of phone numbers (SoftPay)",
        "magic_hint": "The last three digits of the national number; any other number waits for the payer.",
        "otp": "One-time code: 4 to 6 digits, but not 0000.",
        "status": {
            "pending": "pending", "completed": "paid", "cancelled": "cancelled", "failed": "failed",
        },
        "numbers": {
            "001": "declined by the payer after 1 s", "002": "not enough money after 1 s",
            "003": "nothing happens until it expires (24 h)", "004": "paid, never notified",
            "005": "paid, notified twice", "006": "paid, notified before the answer",
            "007": "paid, but the answer is an HTTP 500", "008": "paid, but the answer is an HTML 502 page",
            "009": "paid, but the answer comes after 90 s", "010": "paid after 30 s",
        },
    },
}  # fmt: skip

_PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("afriflow.providers.paydunya.simulator", "pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)


class Till:
    """The pages of one seat; they work without JavaScript."""

    def __init__(self, settings: SeatSettings, invoices: Invoices, handset: Handset) -> None:
        self._settings = settings
        self._invoices = invoices
        self._handset = handset
        self._base_path = urlsplit(settings.public_url).path.rstrip("/")
        self._css = (
            files("afriflow.providers.paydunya.simulator").joinpath("pages", "paydunya.css").read_bytes()
        )

    async def show(self, request: Request) -> Response:
        """Show an invoice with what the payer can do about it, or how it ended."""
        language = _language(request)
        invoice = self._invoices.find(request.parts["token"])
        page = partial(
            _PAGES.get_template("invoice.html").render,
            base=self._base_path,
            language=language,
            texts=_TEXTS[language],
        )
        if invoice is None:
            return page_response(page(invoice=None), status=404)
        order = invoice["order"]
        back = self._back(invoice)
        html = page(
            invoice=invoice,
            store=str(order["store"]["name"]),
            description=str(order["invoice"].get("description") or ""),
            channels=_channels(request, order),
            buttons=_BUTTONS,
            action=f"{self._base_path}{request.path}",
            amount=_grouped(invoice["amount"]),
            back=back,
        )
        return page_response(html, form_targets=_origins(order))

    async def decide(self, request: Request) -> Response:
        """Do what the payer's button says, then send the browser back to the merchant."""
        token = request.parts["token"]
        button = _BUTTONS.get(request.form().get("action", ""))
        invoice = self._invoices.find(token)
        if invoice is None or button is None:
            return await self.show(request)
        status, action, reason = button
        # The same charge may wait on the phone: deciding there ends it here too.
        if invoice["prompt"] is not None:
            await self._handset.decide(invoice["prompt"], action)
        is_card = _channels(request, invoice["order"]) == ["card"]
        self._invoices.note(token, payer=invoice["payer"] or _customer(invoice["order"]))
        self._invoices.settle(token, status, later=request.afterwards, fail_reason=reason if is_card else "")
        ended = self._invoices.find(token)
        back = self._back(ended) if ended else ""
        return Response(302, headers={"location": back or f"{self._base_path}{request.path}"})

    async def overview(self, request: Request) -> Response:
        language = _language(request)
        html = _PAGES.get_template("overview.html").render(
            base=self._base_path,
            language=language,
            texts=_TEXTS[language],
            invoices=[
                {
                    **invoice,
                    "store": str(invoice["order"]["store"]["name"]),
                    "shown": _grouped(invoice["amount"]),
                }
                for invoice in self._invoices.newest(INVOICES_SHOWN_MAX)
            ],
        )
        return page_response(html)

    async def style(self, _request: Request) -> Response:
        return Response(200, self._css, "text/css; charset=utf-8", {"cache-control": "max-age=3600"})

    def _back(self, invoice: Value) -> str:
        """Give the merchant's address for how the invoice ended, with its token; "" when there is none."""
        actions = branch(invoice["order"], "actions")
        name = "return_url" if invoice["status"] == "completed" else "cancel_url"
        url = str(actions.get(name) or "")
        if not url.startswith(("http://", "https://")):
            return ""
        return f"{url}{'&' if urlsplit(url).query else '?'}token={invoice['token']}"


def _channels(request: Request, order: dict[str, Any]) -> list[str]:
    """Name what the page offers: the wallet behind a SoftPay link, else what the invoice is limited to."""
    if "path" in request.parts:
        return [request.parts["path"]]
    channels = order["invoice"].get("channels")
    return [str(channel) for channel in cast("list[object]", channels)] if isinstance(channels, list) else []


def _customer(order: dict[str, Any]) -> dict[str, str]:
    customer = branch(order["invoice"], "customer")
    return {name: str(customer.get(name) or "") for name in ("name", "phone", "email")}


def _origins(order: dict[str, Any]) -> list[str]:
    """Name where the page's form may lead by its redirect."""
    urls = [str(url) for url in branch(order, "actions").values()]
    found = (re.match(r"https?://[A-Za-z0-9.:-]+", url) for url in urls)
    return sorted({match.group() for match in found if match})


def _grouped(amount: int) -> str:
    """Write an amount with thin spaces between thousands, as people here read money."""
    return f"{amount:,}".replace(",", "\u202f")


def _language(request: Request) -> str:
    """Choose French or English by which of them the browser names first; French when neither, as PayDunya's."""
    found = re.search(r"\b(fr|en)\b", request.headers.get("accept-language", "").lower())
    return found[1] if found else "fr"
