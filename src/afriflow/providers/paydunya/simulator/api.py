"""What PayDunya's invoice API answers: create and confirm, with the codes and texts that were seen of it.

Business errors are HTTP 200 (https://developers.paydunya.com/doc/FR/http_json, read 2026-10, and integrators).
Texts in English brackets are ours, where only the code is known.
"""

from decimal import Decimal
from typing import Any, cast

from afriflow.providers.paydunya.simulator.invoices import Invoices, branch
from afriflow.providers.paydunya.simulator.switches import Switchboard
from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.seat import SeatSettings

# The smallest invoice in F CFA, as many integrators report it.
MINIMUM = 200
# No maximum is documented; more than this is a mistake in any currency of francs.
AMOUNT_BELOW = 10**12
NOT_FOUND_PAGE = Response(404, "<html><h1>Page non trouvée</h1></html>".encode(), "text/html; charset=utf-8")


class Api:
    """The two calls about invoices, for both modes."""

    def __init__(self, settings: SeatSettings, invoices: Invoices, switches: Switchboard) -> None:
        self._settings = settings
        self._invoices = invoices
        self._switches = switches

    async def create(self, request: Request, *, mode: str) -> Response:
        refused = refuse_keys(self._settings, request, mode)
        if refused is not None:
            return refused
        order = read_object(request)
        amount = read_amount(branch(order, "invoice").get("total_amount"))
        if amount is None or not branch(order, "store").get("name"):
            return error("4001", "(simulated) invoice.total_amount and store.name are mandatory")
        if amount < MINIMUM:
            return error("4003", "(simulated) the amount is under the minimum of 200 FCFA")
        created = self._invoices.create(mode, order, amount)
        page = "sandbox-checkout" if mode == "test" else "checkout"
        url = f"{self._settings.public_url.rstrip('/')}/{page}/invoice/{created['token']}"
        return json_response(
            200,
            {
                "response_code": "00",
                "response_text": url,
                "description": "Checkout Invoice Created",
                "token": created["token"],
            },
        )

    async def confirm(self, request: Request, *, mode: str) -> Response:
        refused = refuse_keys(self._settings, request, mode)
        if refused is not None:
            return refused
        invoice = self._invoices.find(request.parts["token"])
        if invoice is None or invoice["mode"] != mode:
            return NO_TRANSACTION
        return json_response(200, self._invoices.content(invoice))

    async def confirm_by_post(self, request: Request, *, mode: str) -> Response:
        """Answer a POST as a GET if so switched; what PayDunya does is not known."""
        return (
            await self.confirm(request, mode=mode) if self._switches.now.confirm_by_post else NOT_FOUND_PAGE
        )


def refuse_keys(settings: SeatSettings, request: Request, mode: str) -> Response | None:
    """Refuse keys that are not the account's, or not of this mode: one master key for both, the others per mode."""
    config = settings.config
    if request.headers.get("paydunya-master-key") != config.get("master_key"):
        return error("1001", "Invalid Masterkey Specified")
    private_key = request.headers.get("paydunya-private-key", "")
    known = private_key == config.get("private_key") and private_key.startswith(f"{mode}_")
    if not known or request.headers.get("paydunya-token") != config.get("token"):
        return error("1001", f"{mode.upper()} Private Key and Token combination is invalid")
    return None


def read_object(request: Request) -> dict[str, Any]:
    """Read the body as a JSON object whatever its content type says; official clients send none."""
    try:
        value = request.json()
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def error(code: str, text: str) -> Response:
    return json_response(200, {"response_code": code, "response_text": text})


def read_amount(value: Any) -> int | None:
    """Read a number or a numeric string: the official Python client sends 6000.0, plugins send "6000".

    What PayDunya makes of half a franc is not known; here it is no amount.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value))
        return int(number) if number == number.to_integral_value() and abs(number) < AMOUNT_BELOW else None
    except ArithmeticError:
        return None


NO_TRANSACTION = error("4004", "No Transaction Found.")
