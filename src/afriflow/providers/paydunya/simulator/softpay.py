"""What SoftPay answers, and what the payer's phone does about it.

Which field names an operator wants is read from the documented requests in `fixtures/softpay.json`: exactly these,
no other and none missing. The outcome is the payer's (phone or page), or the magic end of the phone number.
"""

import asyncio
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from afriflow.core.operator import countries
from afriflow.providers.paydunya.simulator.api import NOT_FOUND_PAGE, read_object, refuse_keys
from afriflow.providers.paydunya.simulator.invoices import FEES, Invoices
from afriflow.providers.paydunya.simulator.switches import Switchboard
from afriflow.simulator.handset import Action, Handset, Prompt, PromptKind
from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.notebook import Value
from afriflow.simulator.seat import SeatSettings

# What the last three digits of a phone number decide; anything else waits for the payer.
DECLINED, NO_FUNDS, STUCK, NO_IPN, TWO_IPNS, EARLY_IPN, ERROR_500, HTML, TIMEOUT, SLOW = (
    "001", "002", "003", "004", "005", "006", "007", "008", "009", "010",
)  # fmt: skip
# A payer, or an operator, takes a moment.
DECIDED_AFTER_SECONDS = 1
SLOW_SECONDS = 30
# Longer than any caller waits (the documented advice is 45 s).
TIMEOUT_SECONDS = 90

# "valide du Togo" is quoted by integrators, "valide de la Côte d'Ivoire" too; the others in the same way.
_OF_COUNTRY = {
    "SN": "du Sénégal", "CI": "de la Côte d'Ivoire", "BJ": "du Bénin", "TG": "du Togo", "BF": "du Burkina Faso",
    "ML": "du Mali",
}  # fmt: skip
# National numbers. Benin has ten digits since 2024-11-30, the documents still show eight as well.
_PHONE = {
    "SN": r"7\d{8}",
    "CI": r"\d{10}",
    "BJ": r"(01)?\d{8}",
    "TG": r"\d{8}",
    "BF": r"\d{8}",
    "ML": r"\d{8}",
}


@dataclass(frozen=True, slots=True)
class Charge:
    """A documented request: its field names by what they hold, and the documented answer."""

    country: str
    fields: frozenset[str]
    name: str
    email: str
    phone: str
    token: str
    otp: str | None
    answer: dict[str, Any]


@cache
def charges() -> dict[tuple[str, str], Charge]:
    """Read the documented requests, by path and, where one path serves two countries, code_country."""
    text = files("afriflow.providers.paydunya").joinpath("fixtures", "softpay.json").read_text("utf-8")
    return {
        (example["path"], example["request"].get("code_country", "")): _charge(example)
        for example in json.loads(text)["examples"]
    }


def paths() -> list[str]:
    return list(dict.fromkeys(path for path, _ in charges()))


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
        if (
            charge is None
            or order.keys() != charge.fields
            or not all(isinstance(v, str) for v in order.values())
        ):
            return _refusal("Votre requete est malformée. Merci de verifier les donnés soumis.")
        phone = order[charge.phone]
        if not re.fullmatch(_PHONE[charge.country], phone, re.ASCII):
            return _refusal(f"Désolé, vous devez fournir un numéro valide {_OF_COUNTRY[charge.country]}.")
        invoice = self._invoices.find(order[charge.token])
        if invoice is None or invoice["mode"] != mode:
            return _refusal("(simulé) invoice inexistant")
        if invoice["status"] != "pending":
            return _refusal(f"(simulé) la facture est {invoice['status']}")
        payer = {"name": order[charge.name], "phone": phone, "email": order[charge.email]}
        self._invoices.note(invoice["token"], payer=payer, payment_method=path)
        if charge.otp is not None:
            return await self._pay_with_code(request, charge, invoice, phone, order[charge.otp])
        return await self._ask_payer(request, charge, invoice, phone, path)

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
        self, request: Request, charge: Charge, invoice: Value, phone: str, code: str
    ) -> Response:
        """Charge with the code that the payer fetched before: it is over when this answers."""
        if not re.fullmatch(r"\d{4,6}", code, re.ASCII) or code == "0000":
            return json_response(422, {"success": False, "message": "Invalid or expired OTP code!"})
        self._handset.redeem_code(_international(charge.country, phone), code)
        magic = phone[-3:]
        if magic == STUCK:
            return self._success(charge)
        if magic in {DECLINED, NO_FUNDS}:
            self._invoices.settle(invoice["token"], "failed", later=request.afterwards)
            return _refusal("Une erreur est survenue, merci d'essayer à nouveau.")
        return await self._pay_by_itself(request, charge, invoice, magic)

    async def _ask_payer(
        self, request: Request, charge: Charge, invoice: Value, phone: str, path: str
    ) -> Response:
        token, magic = invoice["token"], phone[-3:]
        link = (
            f"{self._settings.public_url.rstrip('/')}/wallet/{path}/{token}"
            if "url" in charge.answer
            else None
        )
        if magic in {DECLINED, NO_FUNDS, SLOW}:
            status, seconds = {
                DECLINED: ("cancelled", DECIDED_AFTER_SECONDS),
                NO_FUNDS: ("failed", DECIDED_AFTER_SECONDS),
                SLOW: ("completed", SLOW_SECONDS),
            }[magic]
            self._invoices.settle_later(token, seconds, status, later=request.afterwards)
        elif magic in {NO_IPN, TWO_IPNS, EARLY_IPN, ERROR_500, HTML, TIMEOUT}:
            return await self._pay_by_itself(request, charge, invoice, magic, link)
        elif magic != STUCK:
            order = invoice["order"]
            prompt = self._handset.ask(
                phone=_international(charge.country, phone),
                provider="paydunya",
                order=token,
                text=f"{order['store']['name']}: {order['invoice'].get('description') or token}",
                amount=str(invoice["amount"]),
                currency="XOF",
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
        count = {NO_IPN: 0, TWO_IPNS: 2, EARLY_IPN: 0}.get(magic, 1)
        settled = self._invoices.settle(
            invoice["token"], "completed", later=request.afterwards, notifications=count
        )
        if magic == EARLY_IPN and settled is not None:
            await self._invoices.notify(settled)
        if magic == ERROR_500:
            return json_response(
                500, {"success": False, "message": "Une erreur est survenue au niveau du serveur"}
            )
        if magic == HTML:
            return Response(502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html; charset=utf-8")
        if magic == TIMEOUT:
            await asyncio.sleep(TIMEOUT_SECONDS)
        return self._success(charge, link)

    def _success(self, charge: Charge, link: str | None = None) -> Response:
        """Answer as documented, with our addresses in place of the wallets'."""
        answer = {
            name: value for name, value in charge.answer.items() if name in {"success", "message", "data"}
        }
        if link is not None:
            answer["url"] = link
        if link is not None and "other_url" in charge.answer:
            answer["other_url"] = {"om_url": f"{link}?app=om", "maxit_url": f"{link}?app=maxit"}
        if self._switches.now.payer_bears_fees:
            answer |= {"fees": FEES, "currency": "XOF"}
        return json_response(200, answer)


def _refusal(message: str) -> Response:
    return json_response(200, {"success": False, "message": message})


def _international(country: str, phone: str) -> str:
    return countries()[country].calling_code + phone


def _charge(example: dict[str, Any]) -> Charge:
    request: dict[str, str] = example["request"]

    def holding(pattern: str) -> str:
        return next(name for name in request if re.search(pattern, name))

    return Charge(
        country=example["country"],
        fields=frozenset(request),
        name=holding(r"(?i)name"),
        email=holding("email"),
        phone=holding("phone"),
        token=holding("token"),
        otp=next((name for name in request if "otp" in name), None),
        answer=example["answer"],
    )
