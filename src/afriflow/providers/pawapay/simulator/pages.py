"""What pages of pawaPay's a payer's browser sees: the wallet's own, where a redirect leads, and the payment page.

docs.pawapay.io/v2/docs/deposits ("redirect") and /payment_page. They work without JavaScript. A payment page makes
its deposit when the payer presses the button and not before, and dies silently after a quarter of an hour.
"""

import hashlib
import re
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode, urlsplit

import jinja2

from afriflow.providers.pawapay.simulator.deposits import Deposits
from afriflow.providers.pawapay.simulator.forms import PAYMENT_PAGE, RejectedError, check_form
from afriflow.providers.pawapay.simulator.gate import echoed, failure_reason
from afriflow.providers.pawapay.simulator.operations import ENDS, House, parsed
from afriflow.providers.pawapay.simulator.sandbox import COMPANY, predict, rails
from afriflow.simulator.handset import Action
from afriflow.simulator.http import Request, Response, json_response, page_response, see_other
from afriflow.simulator.notebook import Value

_BUTTONS = {"pay": Action.APPROVE, "decline": Action.DECLINE, "no_funds": Action.NO_FUNDS}
_TEXTS = {
    "fr": {
        "title": "Paiement de test", "hint": "Simulateur : aucun argent ne bouge ici.", "gone": "Cette page n’est plus valable.",
        "pay": "Payer", "decline": "Refuser", "no_funds": "Solde insuffisant", "over": "C’est terminé.", "back": "Retour",
        "waiting": "Approuvez sur votre téléphone.", "phone": "Numéro", "amount": "Montant", "currency": "Monnaie",
        "code": "Code à usage unique, si votre opérateur en donne un",
    },
    "en": {
        "title": "Test payment", "hint": "Simulator: no money moves here.", "gone": "This page is no longer valid.",
        "pay": "Pay", "decline": "Decline", "no_funds": "Not enough money", "over": "This is over.", "back": "Back",
        "waiting": "Approve on your phone.", "phone": "Number", "amount": "Amount", "currency": "Currency",
        "code": "One-time code, if your operator gives one",
    },
}  # fmt: skip

_PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("afriflow.providers.pawapay.simulator", "pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)


class Pages:
    """The pages of one account."""

    def __init__(self, house: House, deposits: Deposits) -> None:
        self._house = house
        self._notebook = house.seat.notebook
        self._deposits = deposits
        self._base_url = house.seat.settings.public_url
        self._css = (
            files("afriflow.providers.pawapay.simulator").joinpath("pages", "pawapay.css").read_bytes()
        )

    async def style(self, _request: Request) -> Response:
        return Response(200, self._css, "text/css; charset=utf-8", {"cache-control": "max-age=3600"})

    async def show_wallet(self, request: Request) -> Response:
        """Show what is to be approved in the wallet, or that it is over."""
        deposit = self._deposits.behind_page(request.parts["token"])
        if deposit is None:
            return self._page(request, "wallet.html", 404, deposit=None)
        account = deposit["payer"]["accountDetails"]
        return self._page(
            request,
            "wallet.html",
            deposit=deposit,
            open=deposit["status"] not in ENDS,
            wallet=rails()[account["provider"]].display_name,
            payee=deposit.get("customerMessage") or COMPANY,
            back=_way_back(deposit),
            targets=(deposit["successfulUrl"], deposit["failedUrl"]),
        )

    async def decide_in_wallet(self, request: Request) -> Response:
        """Do what the button says, as the phone would, and send the browser back to the merchant."""
        deposit = self._deposits.behind_page(request.parts["token"])
        action = _BUTTONS.get(request.form().get("action", ""))
        if deposit is None or action is None:
            return await self.show_wallet(request)
        await self._house.handset.decide(deposit["inside_prompt"], action)
        decided = self._deposits.behind_page(request.parts["token"])
        return see_other(_way_back(decided or deposit))

    async def begin_session(self, request: Request) -> Response:
        """Answer docs.pawapay.io/v2/docs/payment_page. The same id again gets the same page: undocumented."""
        try:
            order = check_form(parsed(request), PAYMENT_PAGE)
        except RejectedError as rejection:
            deposit_id = echoed(request, "depositId")
            reason = failure_reason(rejection.code, rejection.message)
            return json_response(
                rejection.http, {"depositId": deposit_id, "status": "REJECTED", "failureReason": reason}
            )
        seed = self._house.seat.settings.seed
        token = hashlib.sha256(f"page {seed} {order['depositId']}".encode()).hexdigest()[:32]
        created = self._house.seat.clock.now().isoformat()
        self._notebook.put_new("session", token, {"order": order, "created": created})
        return json_response(200, {"redirectUrl": f"{self._base_url}/paywith?{urlencode({'token': token})}"})

    async def show_session(self, request: Request) -> Response:
        """Show the payment page in its state: to be filled in, waiting for the phone, over, or gone."""
        return self._show(request, self._session(request), None)

    async def pay_in_session(self, request: Request) -> Response:
        """Begin the deposit with what the payer typed."""
        session = self._session(request)
        form = request.form()
        if session is None or self._deposits.find(session["order"]["depositId"]) or self._is_over(session):
            return self._show(request, session, None)
        guess = predict(form.get("phone", ""))
        if guess is None:
            return self._show(request, session, "INVALID_PHONE_NUMBER")
        phone_number, rail = guess
        order = session["order"]
        details = order.get("amountDetails") or {name: form.get(name, "") for name in ("amount", "currency")}
        more = {name: order[name] for name in ("customerMessage", "metadata") if name in order}
        if rail.auth_type == "PREAUTH":
            more["preAuthorisationCode"] = form.get("code", "")
        own = f"{self._base_url}/paywith?{urlencode(request.query)}"
        if rail.auth_type == "REDIRECT_AUTH":
            more |= {"successfulUrl": own, "failedUrl": own}
        account = {"phoneNumber": phone_number, "provider": rail.provider}
        body = {
            "depositId": order["depositId"],
            **details,
            "payer": {"type": "MMO", "accountDetails": account},
            **more,
        }
        _, answer = self._deposits.take(body, request.afterwards)
        if "failureReason" in answer:
            return self._show(request, session, answer["failureReason"]["failureCode"])
        return see_other(own)

    def _session(self, request: Request) -> Value | None:
        return self._notebook.get("session", request.query.get("token", ""))

    def _is_over(self, session: Value) -> bool:
        age = self._house.seat.clock.now() - datetime.fromisoformat(session["created"])
        return age > timedelta(seconds=self._house.dial.now.payment_page_seconds)

    def _show(self, request: Request, session: Value | None, problem: str | None) -> Response:
        deposit = self._deposits.find(session["order"]["depositId"]) if session else None
        if session is None or (deposit is None and self._is_over(session)):
            return self._page(request, "session.html", 404 if session is None else 200, state="gone")
        order = session["order"]
        if deposit is not None and deposit["status"] in ENDS:
            url = str(order["returnUrl"])
            joint = "&" if urlsplit(url).query else "?"
            return see_other(f"{url}{joint}{urlencode({'depositId': order['depositId']})}")
        if deposit is not None and "authorizationUrl" in deposit:
            return see_other(deposit["authorizationUrl"])
        return self._page(
            request,
            "session.html",
            state="open" if deposit is None else "waiting",
            order={"reason": None, "phoneNumber": None, **order},
            details=order.get("amountDetails"),
            problem=problem,
            targets=(order["returnUrl"],),
        )

    def _page(
        self, request: Request, name: str, status: int = 200, *, targets: tuple[str, ...] = (), **values: Any
    ) -> Response:
        found = re.search(r"\b(fr|en)\b", request.headers.get("accept-language", "").lower())
        language = found[1] if found else "en"
        base_path = urlsplit(self._base_url).path.rstrip("/")
        query = f"?{urlencode(request.query)}" if request.query else ""
        html = _PAGES.get_template(name).render(
            base=base_path,
            language=language,
            texts=_TEXTS[language],
            action=f"{base_path}{request.path}{query}",
            **values,
        )
        origins = (re.match(r"https?://[A-Za-z0-9.:-]+", url) for url in targets)
        return page_response(html, status, sorted({match.group() for match in origins if match}))


def _way_back(deposit: Value) -> str:
    """Give the merchant's address for how a deposit ended."""
    return deposit["successfulUrl" if deposit["status"] == "COMPLETED" else "failedUrl"]
