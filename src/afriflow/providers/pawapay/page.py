"""Collecting on pawaPay's own page: opened with our id, and over without a word when nobody uses it.

docs.pawapay.io/v2/docs/payment_page. The deposit exists once the payer presses the button, under our id, and is then
one like any other; before, pawaPay does not know the id. A page that nobody uses for 15 minutes ends silently, with no
callback: the guide says to hold an id that is still not found then for failed.
"""

from datetime import timedelta

from afriflow.core.evidence import Failed, Missing, Word
from afriflow.core.method import Failure, FailureCode
from afriflow.port.http import Reply
from afriflow.port.provider import Order
from afriflow.providers.pawapay import requests, wire
from afriflow.providers.pawapay.operations import Meant, Operations
from afriflow.providers.pawapay.tables import Provider

# "The session is valid for 15 minutes": docs.pawapay.io/v2/docs/payment_page
PAGE_LIFE = timedelta(minutes=15)
# A payer may press the button in the last second, and "not found" is believed 15 minutes after that, as for any order.
PAGE_IS_OVER_AFTER = PAGE_LIFE + timedelta(minutes=15)


class Paged(Operations):
    """The half of `PaymentProvider` for accounts that are set to use the page."""

    def _goes_by_page(self, provider: Provider | None) -> bool:
        """Tell whether a deposit is approved on pawaPay's page; one-time codes and wallets' pages need no other page."""
        return (
            self._config.uses_payment_page and provider is not None and provider.auth_type == "PROVIDER_AUTH"
        )

    async def _open_page(self, order: Order, meant: Meant) -> Word:
        """Have a page made. The same id again is harmless: it names one deposit at most, however many pages it has.

        What a second request for the same id is answered is not documented.
        """
        body = requests.page_body(order, self._config)
        expires_at = self._clock.now() + PAGE_LIFE
        reply = await self._sent(lambda: self._ask("initiate", "/v2/paymentpage", "POST", body))
        if not isinstance(reply, Reply):
            return reply
        word = wire.page_word(reply, expires_at)
        return await self._word(meant, is_known=True) if word is None else word

    def _unless_over(self, order: Order, word: Word) -> Word:
        """Turn "not found" into the end of a page that nobody used, once it can no longer be used."""
        if not isinstance(word, Missing) or order.last_sent_at is None:
            return word
        if self._clock.now() - order.last_sent_at < PAGE_IS_OVER_AFTER:
            return word
        return Failed(Failure(FailureCode.PAYER_TIMEOUT, "payment_page_unused"))
