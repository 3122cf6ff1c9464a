"""What SoftPay answers, and what the payer's phone does about it.

Which field names an operator wants stands in `charges`. The outcome is the payer's (phone or page), or the magic end of the phone number.
"""

import asyncio
import re
from dataclasses import replace
from typing import Any

from afriflow.core.operator import countries
from afriflow.providers.paydunya.simulator import magic as magics
from afriflow.providers.paydunya.simulator.api import NOT_FOUND_PAGE, read_object, refuse_keys
from afriflow.providers.paydunya.simulator.charges import (
    OF_COUNTRY,
    PHONES,
    Charge,
    charges,
    in_sandbox,
    older_fields,
    second_step,
)
from afriflow.providers.paydunya.simulator.invoices import FEES, Invoices
from afriflow.providers.paydunya.simulator.switches import Switchboard
from afriflow.simulator.handset import Action, Handset, Prompt, PromptKind
from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.notebook import Value
from afriflow.simulator.seat import SeatSettings

# Moov of Côte d'Ivoire answers when the payer has typed the PIN, or after so long in vain (documented).
HELD_PATH, HELD_SECONDS_STEP = "moov-ci", 0.05
_HELD_TOO_LONG = "Vous avez dépassé le délai de validation de la transaction."
# Wallets whose code is sent by this call and given to the next (documented for Wizall).
CODE_AFTER_PATH = "wizall-money-senegal"
# As integrators logged them.
_MALFORMED = "Votre requete est malformée. Merci de verifier les donnés soumis."
_WRONG_CODE = json_response(422, {"success": False, "message": "Invalid or expired OTP code!"})


class SoftPay:
    """Charges of invoices, for both modes."""

    def __init__(
        self, settings: SeatSettings, invoices: Invoices, handset: Handset, switches: Switchboard
    ) -> None:
        self._settings = settings
        self._invoices = invoices
        self._handset = handset
        self._switches = switches

    async def charge(self, request: Request, *, mode: str, path: str) -> Response:
        if mode == "test" and self._switches.now.sandbox_has_no_softpay:
            return NOT_FOUND_PAGE
        refused = refuse_keys(self._settings, request, mode)
        if refused is not None:
            return refused
        order = read_object(request)
        charge = charges().get((path, str(order.get("code_country", ""))))
        optional = older_fields(path)
        if charge is None or set(order) - optional != set(charge.fields) or not _is_text(order):
            return _refusal(_MALFORMED)
        phone = order[charge.phone]
        if not re.fullmatch(PHONES[charge.country], phone, re.ASCII):
            return _refusal(f"Désolé, vous devez fournir un numéro valide {OF_COUNTRY[charge.country]}.")
        invoice = self._invoices.find(order[charge.token])
        if invoice is None or invoice["mode"] != mode:
            return _refusal("(simulé) invoice inexistant")
        if invoice["status"] != "pending":
            return _refusal(f"(simulé) la facture est {invoice['status']}")
        payer = {"name": order[charge.name], "phone": phone, "email": order[charge.email]}
        self._invoices.note(invoice["token"], payer=payer, payment_method=path)
        if charge.otp is not None:
            return await self._pay_with_code(request, charge, invoice, phone, order[charge.otp])
        if order.get("api_type") == "OTPCODE":
            code = order.get("authorization_code", "")
            return await self._pay_with_code(request, charge, invoice, phone, code, in_sandbox()["answer"])
        if path == CODE_AFTER_PATH:
            return self._send_code(charge, invoice, phone)
        if path == HELD_PATH:
            return await self._ask_payer_and_wait(request, charge, invoice, phone)
        return await self._ask_payer(request, charge, invoice, phone, path)

    async def confirm_code(self, request: Request, *, mode: str) -> Response:
        """Take the code that Wizall sent (https://developers.paydunya.com/doc/FR/softpay, "API WIZALL CONFIRM")."""
        if mode == "test" and self._switches.now.sandbox_has_no_softpay:
            return NOT_FOUND_PAGE
        refused = refuse_keys(self._settings, request, mode)
        if refused is not None:
            return refused
        order = read_object(request)
        if order.keys() != second_step()["request"].keys() or not _is_text(order):
            return _refusal(_MALFORMED)
        sent = self._invoices.code_sent(order["transaction_id"])
        invoice = self._invoices.find(sent["token"]) if sent else None
        if sent is None or invoice is None or sent["phone"] != order["phone_number"]:
            return _refusal("(simulé) transaction inexistante")
        if invoice["status"] != "pending":
            return _refusal(f"(simulé) la facture est {invoice['status']}")
        charge, code = charges()[CODE_AFTER_PATH, ""], order["authorization_code"]
        if not self._handset.redeem_code(_international(charge.country, sent["phone"]), code):
            return _WRONG_CODE
        said = {**second_step()["answer"], "token": invoice["token"]}
        return await self._pay_with_code(request, charge, invoice, sent["phone"], code, said)

    async def pay_as_customer(self, request: Request, *, mode: str) -> Response:
        """Pay with the password of a test customer; which customers there are is not played."""
        if self._switches.now.sandbox_has_no_softpay:
            return NOT_FOUND_PAGE
        refused = refuse_keys(self._settings, request, mode)
        if refused is not None:
            return refused
        order, wanted = read_object(request), set(in_sandbox()["request"])
        phone = order.get("phone_phone") or order.get("phone_number")
        named = {"phone_phone" if name == "phone_number" else name for name in order}
        if named != wanted or not _is_text(order) or not all(order.values()):
            return _refusal(_MALFORMED)
        invoice = self._invoices.find(order["invoice_token"])
        if invoice is None or invoice["mode"] != mode:
            return _refusal("(simulé) invoice inexistant")
        payer = {"phone": phone, "email": order["customer_email"]}
        self._invoices.note(invoice["token"], payer=payer, payment_method="paydunya")
        if self._invoices.settle(invoice["token"], "completed", later=request.afterwards) is None:
            return _refusal(f"(simulé) la facture est {invoice['status']}")
        return json_response(200, in_sandbox()["answer"])

    async def decided(self, prompt: Prompt, action: Action) -> None:
        """Hear from the phone what the payer did."""
        outcome = {
            Action.APPROVE: "completed",
            Action.DECLINE: "cancelled",
            Action.NO_FUNDS: "failed",
            Action.WRONG_PIN: "failed",
        }.get(action)
        if outcome is not None:
            self._invoices.settle(prompt.order, outcome, later=self._invoices.later)

    async def _pay_with_code(
        self,
        request: Request,
        charge: Charge,
        invoice: Value,
        phone: str,
        code: str,
        said: dict[str, Any] | None = None,
    ) -> Response:
        """Charge with the payer's code: it is over when this answers. said: other words of success."""
        if said is not None:
            charge = replace(charge, answer=said)
        if not re.fullmatch(r"\d{4,6}", code, re.ASCII) or code == "0000":
            return _WRONG_CODE
        self._handset.redeem_code(_international(charge.country, phone), code)
        magic = phone[-3:]
        if magic == magics.STUCK:
            return self._success(charge)
        if magic in {magics.DECLINED, magics.NO_FUNDS}:
            self._invoices.settle(invoice["token"], "failed", later=request.afterwards)
            return _refusal("Une erreur est survenue, merci d'essayer à nouveau.")
        return await self._pay_by_itself(request, charge, invoice, magic)

    def _send_code(self, charge: Charge, invoice: Value, phone: str) -> Response:
        text = f"{invoice['order']['store']['name']}: {{code}}"
        self._handset.send_code(
            phone=_international(charge.country, phone),
            provider="paydunya",
            order=invoice["token"],
            text=text,
        )
        transaction_id = self._invoices.note_code(invoice["token"], phone)
        data = {**charge.answer["data"], "TransactionID": transaction_id}
        return self._success(replace(charge, answer={**charge.answer, "data": data}))

    async def _ask_payer_and_wait(
        self, request: Request, charge: Charge, invoice: Value, phone: str
    ) -> Response:
        """Answer when the payer has decided. What is set in motion can't wait for this answer, so it runs by itself."""
        asking = replace(request, due=[])
        answer = await self._ask_payer(asking, charge, invoice, phone, HELD_PATH)
        for seconds, work in asking.due:
            self._invoices.later(seconds, work)
        token = invoice["token"]
        steps = int(self._switches.now.held_seconds / HELD_SECONDS_STEP)
        for _ in range(steps):
            standing = self._invoices.find(token)
            if standing is None or standing["status"] != "pending":
                break
            await asyncio.sleep(HELD_SECONDS_STEP)
        ended = self._invoices.find(token)
        if ended is None or ended["status"] == "completed":
            return answer
        if ended["status"] != "pending":
            return _refusal("Une erreur est survenue, merci d'essayer à nouveau.")
        if ended["prompt"] is not None:
            self._handset.withdraw(ended["prompt"])
        return _refusal(_HELD_TOO_LONG)

    async def _ask_payer(
        self, request: Request, charge: Charge, invoice: Value, phone: str, path: str
    ) -> Response:
        token, magic = invoice["token"], phone[-3:]
        link = (
            f"{self._settings.public_url.rstrip('/')}/wallet/{path}/{token}"
            if "url" in charge.answer
            else None
        )
        if magic in {magics.DECLINED, magics.NO_FUNDS, magics.SLOW}:
            status, seconds = {
                magics.DECLINED: ("cancelled", magics.DECIDED_AFTER_SECONDS),
                magics.NO_FUNDS: ("failed", magics.DECIDED_AFTER_SECONDS),
                magics.SLOW: ("completed", magics.SLOW_SECONDS),
            }[magic]
            self._invoices.settle_later(token, seconds, status, later=request.afterwards)
        elif magic in {
            magics.NO_IPN,
            magics.TWO_IPNS,
            magics.EARLY_IPN,
            magics.ERROR_500,
            magics.HTML,
            magics.TIMEOUT,
        }:
            return await self._pay_by_itself(request, charge, invoice, magic, link)
        elif magic != magics.STUCK:
            order = invoice["order"]
            prompt = self._handset.ask(
                phone=_international(charge.country, phone),
                provider="paydunya",
                order=token,
                text=f"{order['store']['name']}: {order['invoice'].get('description') or token}",
                amount=str(invoice["amount"]),
                currency=charge.currency,
                kind=PromptKind.REDIRECT if link else PromptKind.PIN,
                link=link,
                later=request.afterwards,
            )
            self._invoices.note(token, prompt=prompt.id)
        return self._success(charge, link)

    async def _pay_by_itself(
        self, request: Request, charge: Charge, invoice: Value, magic: str, link: str | None = None
    ) -> Response:
        """Pay without anybody's doing; the magic end says what goes wrong around it."""
        count = {magics.NO_IPN: 0, magics.TWO_IPNS: 2, magics.EARLY_IPN: 0}.get(magic, 1)
        settled = self._invoices.settle(
            invoice["token"], "completed", later=request.afterwards, notifications=count
        )
        if magic == magics.EARLY_IPN and settled is not None:
            await self._invoices.notify(settled)
        if magic == magics.ERROR_500:
            return json_response(
                500, {"success": False, "message": "Une erreur est survenue au niveau du serveur"}
            )
        if magic == magics.HTML:
            return Response(502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html; charset=utf-8")
        if magic == magics.TIMEOUT:
            await asyncio.sleep(magics.TIMEOUT_SECONDS)
        return self._success(charge, link)

    def _success(self, charge: Charge, link: str | None = None) -> Response:
        """Answer as documented, with our addresses in place of the wallets'."""
        answer = {
            name: value
            for name, value in charge.answer.items()
            if name in {"success", "message", "data", "return_url", "token"}
        }
        if link is not None:
            answer["url"] = link
        if link is not None and "other_url" in charge.answer:
            answer["other_url"] = {"om_url": f"{link}?app=om", "maxit_url": f"{link}?app=maxit"}
        if self._switches.now.payer_bears_fees:
            answer |= {"fees": FEES, "currency": charge.currency}
        return json_response(200, answer)


def _is_text(order: dict[str, Any]) -> bool:
    return all(isinstance(value, str) for value in order.values())


def _refusal(message: str) -> Response:
    return json_response(200, {"success": False, "message": message})


def _international(country: str, phone: str) -> str:
    return countries()[country].calling_code + phone
