"""How payments are collected at pawaPay: one POST to collect, one GET to know, and a page where the wallet wants one.

Time limits and retries after docs.pawapay.io/v2/docs/deposits ("Ensuring consistency"): what is not a documented
answer leaves the outcome open, and the same depositId may be sent again.
"""

import asyncio

from afriflow.core.evidence import Failed, NotSent, Pending, Succeeded, Unclear, Word
from afriflow.core.method import Failure, FailureCode
from afriflow.port.provider import Answer, Keep, Notification, Order, Report
from afriflow.providers.pawapay import requests, wire
from afriflow.providers.pawapay.believe import Believer
from afriflow.providers.pawapay.examine import Examiner
from afriflow.providers.pawapay.money_out import MoneyOut
from afriflow.providers.pawapay.operations import Meant
from afriflow.providers.pawapay.page import Paged
from afriflow.providers.pawapay.tables import Provider, provider_for
from afriflow.providers.pawapay.wire import Kind

_CODE_LENGTH_MAX = 36
# A wallet's page has its address a moment after the deposit is accepted; how long a moment is not documented. A payer
# who waits for the page waits gladly for a few seconds; whoever is slower is brought there by the callback.
PAGE_PAUSES_SECONDS = (0.3, 0.7, 1.0, 2.0)
# Of all these questions together, however slow their answers: with the initiation before it, far below a send's lease.
PAGE_PATIENCE_SECONDS = 8


class PawaPayAdapter(MoneyOut, Paged, Believer, Examiner):
    """A `PaymentProvider` (port/provider.py) that can also send money out (port/money_out.py)."""

    async def initiate(self, order: Order, keep: Keep) -> Answer:  # noqa: ARG002 - our id is theirs, known before
        provider = self._carrier(order)
        if provider is None or order.method.msisdn is None:
            return Answer(NotSent(Failure(FailureCode.PROVIDER_REJECTED, "no_route")))
        meant = self._deposit(order)
        if self._goes_by_page(provider):
            return Answer(await self._open_page(order, meant))
        if provider.auth_type == "PREAUTH":
            if order.otp is None:
                # Not "not sent": the order may have been sent before, when the code was still at hand.
                return Answer(Unclear("no one-time code to send"))
            code = order.otp.reveal()
            if not (code.isascii() and code.isalnum() and len(code) <= _CODE_LENGTH_MAX):
                return Answer(NotSent(Failure(FailureCode.INVALID_OTP, "malformed_code")))
        word = await self._begin(meant, requests.deposit_body(order, provider, self._config))
        if provider.is_redirect and word == Pending(None):
            word = await self._wait_for_page(meant, word)
        return Answer(word)

    async def verify(self, order: Order) -> Answer:
        meant = self._deposit(order)
        word = await self._word(meant)
        return Answer(self._unless_over(order, word) if self._goes_by_page(meant.provider) else word)

    def handle_webhook(self, notification: Notification) -> tuple[Report, ...]:
        return wire.callback_reports(notification)

    async def _wait_for_page(self, meant: Meant, accepted: Word) -> Word:
        """Ask a few times for the page where the payer approves; the deposit stays accepted when it does not come."""
        try:
            async with asyncio.timeout(PAGE_PATIENCE_SECONDS):
                for pause in PAGE_PAUSES_SECONDS:
                    await asyncio.sleep(pause)
                    word = await self._word(meant)
                    # Anything else says nothing new: pawaPay has accepted the deposit, and will tell.
                    if isinstance(word, Succeeded | Failed):
                        return word
                    if isinstance(word, Pending) and word.next_action is not None:
                        return word
        except TimeoutError:
            pass
        return accepted

    def _carrier(self, order: Order) -> Provider | None:
        return provider_for(order.method, order.money.currency, self._account.bounds)

    def _deposit(self, order: Order) -> Meant:
        provider = self._carrier(order)
        # On pawaPay's page the payer may type another number.
        by_page = self._goes_by_page(provider)
        phone_number = None if by_page else requests.phone_number(order.method, self._config)
        return Meant(Kind.DEPOSIT, order.reference, order.money, provider, phone_number)
