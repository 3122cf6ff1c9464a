"""What PayDunya's payouts answer: an invoice, its submission, its state, and the balance of each country's account.

After https://developers.paydunya.com/doc/EN/api_deboursement (read 2026-10) and integrators; texts that no source
quotes are marked `(simulated)`. The last three digits of the recipient's number decide as in SoftPay.
"""

import asyncio
import re
from datetime import datetime
from functools import partial
from typing import Any

import aiohttp

from afriflow.providers.paydunya.simulator import magic as magics
from afriflow.providers.paydunya.simulator.api import MINIMUM, NO_TRANSACTION, error, read_object
from afriflow.providers.paydunya.simulator.charges import PHONES
from afriflow.providers.paydunya.simulator.invoices import NOTIFY_AFTER_SECONDS, RESUME_AFTER_SECONDS
from afriflow.providers.paydunya.simulator.payouts import MODES, Payouts
from afriflow.providers.paydunya.simulator.switches import Switchboard
from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.notebook import Value
from afriflow.simulator.seat import Seat

# How long PayDunya waits for a webhook that it probes; documented nowhere.
PROBE_SECONDS = 5

_MAINTENANCE = "Service en maintenance, veuillez réessayer plus tard"


class Disburse:
    """The calls about payouts, version 2."""

    def __init__(self, seat: Seat, payouts: Payouts, switches: Switchboard) -> None:
        self._seat = seat
        self._payouts = payouts
        self._switches = switches

    async def get_invoice(self, request: Request) -> Response:
        """Make an invoice that moves nothing, once the merchant's webhook was seen to answer."""
        refused = self._refuse(request)
        if refused is not None:
            return refused
        order = read_object(request)
        amount, mode = order.get("amount"), str(order.get("withdraw_mode"))
        country = MODES.get(mode)
        if country is None:
            return error("1001", "withdraw_mode non pris en charge")
        if isinstance(amount, bool) or not isinstance(amount, int):
            return error("4001", "(simulated) amount must be an integer")
        if amount < MINIMUM:
            return error("4003", "(simulated) the amount is under the minimum of 200 FCFA")
        if not re.fullmatch(PHONES[country], str(order.get("account_alias")), re.ASCII):
            return error("4001", "(simulated) account_alias is no local number of that country")
        if order.keys() - {"account_alias", "amount", "withdraw_mode", "callback_url", "disburse_id"}:
            return error("4001", "(simulated) unknown field")
        if not await _answers(str(order.get("callback_url"))):
            return error("4002", "the callback is not accessible")
        if not self._payouts.is_free(str(order.get("disburse_id") or ""), token=""):
            return error("5000", "disburse_id already used")
        made = self._payouts.make(order, country)
        return json_response(200, {"response_code": "00", "disburse_token": made["token"]})

    async def submit(self, request: Request) -> Response:
        """Send the money of an invoice, once."""
        refused = self._refuse(request)
        if refused is not None:
            return refused
        order = read_object(request)
        payout = self._payouts.find(str(order.get("disburse_invoice")))
        if payout is None:
            return NO_TRANSACTION
        token, own = payout["token"], str(order.get("disburse_id") or payout["disburse_id"])
        if payout["status"] != "created":
            return error("5000", "disburse_id already used") if own else _said(payout)
        if not self._payouts.is_free(own, token=token):
            return error("5000", "disburse_id already used")
        magic = payout["account_alias"][-3:]
        if magic == magics.MAINTENANCE and not payout["put_off"]:
            self._payouts.put_off(token)
            return error("5000", _MAINTENANCE)
        taken = self._payouts.take(token, own)
        if taken is None and not self._payouts.is_created(token):  # somebody else was quicker
            return error("5000", "disburse_id already used")
        if taken is None:
            return error("4002", "You don't have enough funds. Consider crediting your account")
        return await self._send(request, taken, magic)

    async def status(self, request: Request) -> Response:
        refused = self._refuse(request)
        if refused is not None:
            return refused
        payout = self._payouts.find(str(read_object(request).get("disburse_invoice")))
        if payout is None:
            return NO_TRANSACTION
        content = self._payouts.content(payout)
        if self._switches.now.status_hides_id:
            del content["disburse_id"]
        return json_response(200, {"response_code": "00", **content})

    def made_at(self, request: Request) -> datetime | None:
        """Tell when the payout was made that a request asks for."""
        payout = self._payouts.find(str(read_object(request).get("disburse_invoice")))
        return datetime.fromisoformat(payout["created_at"]) if payout else None

    async def balance(self, request: Request) -> Response:
        refused = self._refuse(request)
        if refused is not None:
            return refused
        balances = {f"Balance {country}": f"{held} XOF" for country, held in self._payouts.balances().items()}
        return json_response(200, {"success": True, "description": "(simulated) Balance", **balances})

    async def show_balances(self, _request: Request) -> Response:
        """Show the balances to a person or a test: `{"SN": 1000000}`."""
        return json_response(200, self._payouts.balances())

    async def set_balances(self, request: Request) -> Response:
        wanted = read_object(request)
        if not wanted or not all(isinstance(held, int) and held >= 0 for held in wanted.values()):
            return json_response(
                400, {"error": "invalid_balances", "known": sorted(self._payouts.balances())}
            )
        self._payouts.fill(wanted)
        return json_response(200, self._payouts.balances())

    def resume(self) -> None:
        """Take up what was on its way when the simulator stopped."""
        for payout in self._payouts.every():
            if payout["status"] == "pending" and payout["due"]:
                self._end_later(payout["token"], RESUME_AFTER_SECONDS, payout["due"], self._seat.later)

    async def _send(self, request: Request, payout: Value, magic: str) -> Response:
        """Let happen what the recipient's number says."""
        token = payout["token"]
        if magic in {magics.DECLINED, magics.NO_FUNDS, magics.SLOW}:
            seconds = magics.SLOW_SECONDS if magic == magics.SLOW else magics.DECIDED_AFTER_SECONDS
            self._end_later(
                token, seconds, "success" if magic == magics.SLOW else "failed", request.afterwards
            )
            return _said(payout)
        if magic == magics.STUCK:
            return _said(payout)
        ended = self._payouts.end(token, "success") or payout
        tell = partial(self._payouts.notify, ended)
        if magic == magics.EARLY_IPN:
            await tell()
        for _ in range({magics.NO_IPN: 0, magics.EARLY_IPN: 0, magics.TWO_IPNS: 2}.get(magic, 1)):
            request.afterwards(NOTIFY_AFTER_SECONDS, tell)
        if magic == magics.ERROR_500:
            return json_response(500, {"response_code": "5000", "response_text": "(simulated) server error"})
        if magic == magics.HTML:
            return Response(502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html; charset=utf-8")
        if magic == magics.TIMEOUT:
            await asyncio.sleep(magics.TIMEOUT_SECONDS)
        return _said(ended, with_status=magic != magics.NO_STATUS)

    def _end_later(self, token: str, seconds: float, status: str, later: Any) -> None:
        self._payouts.expect(token, status)

        async def end() -> None:
            ended = self._payouts.end(token, status)
            if ended is not None:
                await self._payouts.notify(ended)

        later(seconds, end)

    def _refuse(self, request: Request) -> Response | None:
        """Refuse foreign keys. One account has one key pair here, so test keys serve, unless a switch says no."""
        config, switches = self._seat.settings.config, self._switches.now
        if request.headers.get("paydunya-master-key") != config.get("master_key"):
            return error("1001", "Invalid Masterkey Specified")
        private_key = request.headers.get("paydunya-private-key", "")
        known = private_key == config.get("private_key")
        if switches.disburse_wants_live_keys and not private_key.startswith("live_"):
            known = False
        if not known or request.headers.get("paydunya-token") != config.get("token"):
            return error("1001", "LIVE Private Key and Token combination is invalid")
        if switches.disburse_not_enabled:
            return json_response(401, {"response_code": "401", "response_text": "(simulated) not enabled"})
        return None


def _said(payout: Value, *, with_status: bool = True) -> Response:
    """Answer a submission; a quick success may come without its status (documented)."""
    pending = payout["status"] == "pending"
    answer = {
        "response_code": "00",
        "response_text": "Transaction pending" if pending else "Transaction completed successfully",
        "description": f"(simulé) {payout['amount']} FCFA, {payout['withdraw_mode']}",
        "transaction_id": payout["transaction_id"],
    }
    if not pending:
        answer["provider_ref"] = payout["disburse_tx_id"]
    return json_response(200, {**answer, "status": payout["status"]} if with_status else answer)


async def _answers(url: str) -> bool:
    """Probe a webhook as PayDunya does: `data=` without content, and anything but 2xx blocks the payout."""
    if not url.startswith(("http://", "https://")):
        return False
    timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.post(url, data={"data": ""}, allow_redirects=False) as answer,
        ):
            return 200 <= answer.status < 300
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False
