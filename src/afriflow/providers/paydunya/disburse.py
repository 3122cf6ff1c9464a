"""How money goes out through PayDunya: an invoice that moves nothing, its token kept, then the one step that pays.

Safe because of three documented facts (https://developers.paydunya.com/doc/EN/api_deboursement, read 2026-10): only
who has the token can submit, a token that is `created` was not sent and is submitted again under the same token, and
a disburse_id is taken once. So a lost first answer is repeated freely; once a token is kept there is never another,
and every doubt is settled by check-status (`Resend.ALWAYS`).
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from afriflow.core.evidence import Missing, NotSent, Pending, Refused, Unclear, Word
from afriflow.core.method import Failure, FailureCode
from afriflow.core.transaction import Mode
from afriflow.port.balances import Balance
from afriflow.port.http import NoAnswer, NothingSent, ProviderHttp
from afriflow.port.money_out import PayoutOrder
from afriflow.port.provider import Account, Answer, Keep
from afriflow.providers.paydunya import payout_wire
from afriflow.providers.paydunya.account import LIVE_ONLY_HOSTS, PRIVATE_KEY_PREFIXES, PayDunyaConfig
from afriflow.providers.paydunya.operators import wallets
from afriflow.providers.paydunya.payout_wire import Submission

# During the first step PayDunya calls our webhook and waits for it.
_GET_INVOICE_TIMEOUT_SECONDS = 15.0
# Some wallets are paid while the call lasts; integrators wait 10 to 30 s.
_SUBMIT_TIMEOUT_SECONDS = 30.0
_V1 = re.compile(r"(.+)/(sandbox-)?api/v1")


class Disburse:
    """Payouts of one account. headers: the account's keys, as every call carries them."""

    def __init__(self, account: Account, http: ProviderHttp, headers: Mapping[str, str]) -> None:
        config: PayDunyaConfig = account.config
        self._account = account
        self._http = http
        self._headers = headers
        self._config = config
        beside = _V1.fullmatch(account.base_url.rstrip("/"))
        own = (config.disburse_base_url or "").rstrip("/")
        self._base_url = own or (f"{beside[1]}/api/v2" if beside else None)

    async def payout(self, order: PayoutOrder, keep: Keep) -> Answer:
        token = order.provider_reference
        if token is not None:
            standing = await self._standing(order, token)
            if isinstance(standing, Missing):
                return await self._submit(order, token, sent_before=True)
            return Answer(standing, token)
        wallet = wallets().get(order.method.operator or "")
        mode = wallet.withdraw if wallet and order.method.msisdn else None
        why = self._obstacle(order)
        if mode is None or why is not None:
            return Answer(NotSent(Failure(FailureCode.PROVIDER_REJECTED, why or "no_withdraw_mode")))
        got = await self._get_invoice(order, mode)
        if not isinstance(got, str):
            return Answer(got)
        await keep(got)
        return await self._submit(order, got, sent_before=False)

    async def verify(self, order: PayoutOrder) -> Answer:
        """Ask how a payout stands.

        Missing, so that it is sent again: without a token nothing was ever submitted, and `created` is not sent.
        """
        token = order.provider_reference
        return Answer(Missing()) if token is None else Answer(await self._standing(order, token), token)

    async def balances(self) -> tuple[Balance, ...] | None:
        if self._base_url is None:
            return None
        url = f"{self._base_url}/disburse/check-balance"
        try:
            reply = await self._http.send("balances", "GET", url, headers=self._headers)
        except (NothingSent, NoAnswer):
            return None
        return payout_wire.read_balances(reply)

    async def _get_invoice(self, order: PayoutOrder, withdraw_mode: str) -> str | NotSent | Refused | Unclear:
        body = payout_wire.invoice_of(order, withdraw_mode, self._account.callback_url)
        url = f"{self._base_url}/disburse/get-invoice"
        try:
            reply = await self._http.send(
                "payout",
                "POST",
                url,
                headers=self._headers,
                body=body,
                timeout_seconds=_GET_INVOICE_TIMEOUT_SECONDS,
            )
        except NothingSent as error:
            return NotSent(Failure(FailureCode.PROVIDER_UNAVAILABLE, "unreachable", str(error)))
        except NoAnswer as error:
            return Unclear(f"get-invoice: {error}")
        return payout_wire.read_token(reply)

    async def _submit(self, order: PayoutOrder, token: str, *, sent_before: bool) -> Answer:
        """Send the money. sent_before: an earlier submission may still be on its way."""
        url = f"{self._base_url}/disburse/submit-invoice"
        try:
            reply = await self._http.send(
                "submit",
                "POST",
                url,
                headers=self._headers,
                body=payout_wire.submission_of(order, token),
                timeout_seconds=_SUBMIT_TIMEOUT_SECONDS,
            )
        except NothingSent as error:
            if sent_before:
                return Answer(Unclear(f"submit-invoice: {error}"), token)
            # The token exists and was never submitted; nobody will, since no order is sent again once it ended.
            failure = Failure(FailureCode.PROVIDER_UNAVAILABLE, "unreachable", str(error))
            return Answer(NotSent(failure), token)
        except NoAnswer as error:
            return Answer(Unclear(f"submit-invoice: {error}"), token)
        said = payout_wire.read_submitted(reply)
        if said is Submission.PENDING:
            return Answer(Pending(), token)
        if isinstance(said, Unclear):
            return Answer(said, token)
        return Answer(_judge(said, await self._standing(order, token)), token)

    async def _standing(self, order: PayoutOrder, token: str) -> Word:
        if self._base_url is None:
            return Unclear("it is not known where payouts answer", alert=True)
        url = f"{self._base_url}/disburse/check-status"
        try:
            reply = await self._http.send(
                "verify_payout", "POST", url, headers=self._headers, body=payout_wire.question_of(token)
            )
        except (NothingSent, NoAnswer) as error:
            return Unclear(f"check-status: {error}")
        return payout_wire.read_status(reply, order, token)

    def _obstacle(self, order: PayoutOrder) -> str | None:
        """Say why this payout can't go here at all, before anything is sent."""
        wallet = wallets().get(order.method.operator or "")
        if self._base_url is None:
            return "no_payout_address"
        test = self._account.mode is Mode.TEST
        if test and urlsplit(self._base_url).hostname in LIVE_ONLY_HOSTS:
            return "payouts_have_no_test_mode"
        other = Mode.LIVE if test else Mode.TEST
        if self._config.private_key.reveal().startswith(PRIVATE_KEY_PREFIXES[other]):
            return "keys_of_other_mode"
        if wallet is not None and not self._config.opens(wallet):
            return "not_opened"
        # Which currency PayDunya means for Cameroon is documented nowhere: the amount can't be trusted.
        return None if wallet and wallet.currency == order.money.currency == "XOF" else "currency"


def _judge(said: Submission | Refused, standing: Word) -> Word:
    """Weigh what submit said against how the payout stands afterwards; the second decides wherever it can."""
    if not isinstance(standing, Missing):
        # A submission that was accepted is pending at least; a refusal that nobody can check is no refusal.
        unsure = said is Submission.DONE and isinstance(standing, Unclear) and not standing.alert
        return Pending() if unsure else standing
    match said:
        case Refused():
            return said
        case Submission.ID_USED:
            return Unclear("our reference was sent under another token", alert=True)
        case _:
            return Unclear("submit-invoice accepted a payout that still stands as created")
