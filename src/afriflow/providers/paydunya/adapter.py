"""How a payment is brought in through PayDunya: an invoice first, then SoftPay or PayDunya's own page.

Idempotency is of class C: creating takes no key, two creations are two payable tokens, and nothing finds an invoice
by our reference (https://developers.paydunya.com/doc/FR/http_json documents none). What makes it safe all the same
is an inference from how it works: an invoice can be paid only by who has its address, and the address comes with the
answer. A lost answer therefore leaves an invoice that nobody can pay, and as long as no token is kept the same order
may create another (`Resend.BEFORE_REFERENCE`). Once a token is kept, nothing is created or charged again: only
`verify` speaks.
"""

import hashlib
import hmac
from dataclasses import replace

from afriflow.core.clock import Clock
from afriflow.core.evidence import NotSent, Pending, Refused, Unclear
from afriflow.core.method import ActionType, Failure, FailureCode, MethodType, NextAction
from afriflow.core.transaction import Mode
from afriflow.port.balances import Balance
from afriflow.port.examine import Finding
from afriflow.port.http import NoAnswer, NothingSent, ProviderHttp
from afriflow.port.money_out import PayoutOrder
from afriflow.port.provider import (
    Account,
    Answer,
    Authenticity,
    Keep,
    Memory,
    Notification,
    Order,
    Report,
    Verdict,
)
from afriflow.providers.paydunya import payout_wire, wire
from afriflow.providers.paydunya.account import BASE_URLS, PRIVATE_KEY_PREFIXES, PayDunyaConfig
from afriflow.providers.paydunya.disburse import Disburse
from afriflow.providers.paydunya.examine import findings_of
from afriflow.providers.paydunya.notification import is_probe, read_notification
from afriflow.providers.paydunya.operators import CARD_CHANNEL, SoftPay, wallets

# Moov CI holds the call open for up to 30 s while the payer types (doc/FR/softpay, "MOOV CÔTE D'IVOIRE").
_SOFTPAY_TIMEOUT_SECONDS = 45.0


class PayDunyaAdapter:
    """One PayDunya account, ready to use."""

    def __init__(self, account: Account, http: ProviderHttp, clock: Clock, _memory: Memory) -> None:
        config: PayDunyaConfig = account.config
        self._account = account
        self._http = http
        self._clock = clock
        self._config = config
        self._base_url = account.base_url.rstrip("/")
        self._disburse = Disburse(account, http, self._headers())

    async def initiate(self, order: Order, keep: Keep) -> Answer:
        if order.provider_reference is not None:
            return await self.verify(order)
        return await self._bring_in(order, keep, self._softpay(order))

    async def give_code(self, order: Order, asked: NextAction) -> Answer:
        """Give the code that Wizall sent after the first step; what it brings, only `verify` says."""
        token, otp, transaction_id = order.provider_reference, order.otp, asked.payload
        wallet = wallets().get(order.method.operator or "")
        waits = wallet is not None and wallet.softpay.flow == "code_after"
        if wallet is None or not waits or token is None or otp is None or transaction_id is None:
            return Answer(Unclear("no code was asked for"), token)
        body = wire.code_after_of(order, otp.reveal(), transaction_id)
        second = replace(wallet.softpay, path=f"{wallet.softpay.path}/confirm", flow="otp")
        return await self._charge(order, second, token, body)

    async def verify(self, order: Order) -> Answer:
        token = order.provider_reference
        if token is None:
            return Answer(Unclear("no invoice token was ever received"))
        url = f"{self._base_url}/checkout-invoice/confirm/{token}"
        try:
            reply = await self._http.send("verify", "GET", url, headers=self._headers())
        except (NothingSent, NoAnswer) as error:
            return Answer(Unclear(f"confirm: {error}"), token)
        expired = wire.is_expired(order.created_at, self._clock.now(), self._config.expire_after_hours)
        word = wire.read_confirm(
            reply, token, self._account.mode, expired=expired, currency=order.money.currency
        )
        return Answer(word, token)

    async def payout(self, order: PayoutOrder, keep: Keep) -> Answer:
        return await self._disburse.payout(order, keep)

    async def verify_payout(self, order: PayoutOrder) -> Answer:
        return await self._disburse.verify(order)

    async def balances(self) -> tuple[Balance, ...] | None:
        """Say what lies on the account, per country; None when PayDunya did not say. Moves no money."""
        return await self._disburse.balances()

    async def examine(self) -> list[Finding]:
        return findings_of(self._account, await self.balances())

    async def authenticate(self, notification: Notification) -> Authenticity:
        """Compare the hash, which is SHA-512 of the master key and nothing else, in every message and both modes.

        So it proves at best that somebody knows a constant, never what the message says: HINT and no more.
        """
        if notification.method in {"GET", "HEAD"} or is_probe(notification.body):
            return Authenticity(Verdict.PROBE, "no content")
        content = read_notification(notification.body)
        if content is None:
            return Authenticity(Verdict.FORGED, "in no form that PayDunya sends")
        given = content.get("hash")
        if not isinstance(given, str):
            return Authenticity(Verdict.FORGED, "no hash")
        expected = hashlib.sha512(self._config.master_key.reveal().encode()).hexdigest()
        if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
            return Authenticity(Verdict.FORGED, "the hash is not of our master key")
        return Authenticity(
            Verdict.HINT, "PayDunya's hash is the same in every message: to be verified at its API"
        )

    def handle_webhook(self, notification: Notification) -> tuple[Report, ...]:
        content = read_notification(notification.body)
        if content is None:
            return ()
        if payout_wire.is_payout(content):
            word, reference = payout_wire.word_of(content), payout_wire.reference_in(content)
        else:
            word, reference = wire.word_of(content, expired=False), wire.reference_in(content)
        token = wire.token_in(content)
        if token is None and reference is None:
            return ()
        return (Report(word, reference, token),)

    async def _bring_in(self, order: Order, keep: Keep, softpay: SoftPay | None) -> Answer:
        """Create the invoice, keep its token, and only then let money move under it."""
        why = self._obstacle(order, softpay)
        if why is not None:
            return Answer(NotSent(Failure(FailureCode.PROVIDER_REJECTED, why)))
        created = await self._create(order, self._channel(order))
        if not isinstance(created, wire.Created):
            return Answer(created)
        if softpay is None:
            page = NextAction(ActionType.REDIRECT, url=created.url)
            await keep(created.token, page)
            return Answer(Pending(page), created.token)
        if softpay.flow == "held":  # the phone asks now; the answer comes when the payer is through with it
            await keep(created.token, NextAction(ActionType.APPROVE_ON_PHONE))
        else:
            await keep(created.token)
        body = wire.softpay_of(order, softpay, created.token, self._config.payer_email)
        answer = await self._charge(order, softpay, created.token, body)
        return _or_page(answer, created) if softpay.flow == "code_after" else answer

    def _obstacle(self, order: Order, softpay: SoftPay | None) -> str | None:
        """Say why this order can't go here at all, before anything is sent."""
        if self._keys_of_other_mode():
            return "keys_of_other_mode"
        if order.method.type is MethodType.CARD:
            return None
        wallet = wallets().get(order.method.operator or "")
        if wallet is None or (softpay is None and wallet.channel is None):
            return "no_channel"
        if not self._config.opens(wallet):
            return "not_opened"
        return None if wallet.currency == order.money.currency else "currency"

    async def _create(self, order: Order, channel: str | None) -> wire.Created | NotSent | Refused | Unclear:
        body = wire.invoice_of(order, channel, self._account.callback_url)
        url = f"{self._base_url}/checkout-invoice/create"
        try:
            reply = await self._http.send("create", "POST", url, headers=self._headers(), body=body)
        except NothingSent as error:
            return NotSent(Failure(FailureCode.PROVIDER_UNAVAILABLE, "unreachable", str(error)))
        except NoAnswer as error:
            return Unclear(f"create: {error}")
        return wire.read_created(reply, self._account.mode)

    async def _charge(self, order: Order, softpay: SoftPay, token: str, body: bytes) -> Answer:
        """Charge an invoice whose page address nobody was given: without this call nobody can pay it."""
        url = f"{self._softpay_base_url()}/softpay/{softpay.path}"
        try:
            reply = await self._http.send(
                "charge",
                "POST",
                url,
                headers=self._headers(),
                body=body,
                timeout_seconds=_SOFTPAY_TIMEOUT_SECONDS,
            )
        except NothingSent as error:
            # The invoice exists, but its address is known to us alone and the charge never left: no money can come.
            failure = Failure(FailureCode.PROVIDER_UNAVAILABLE, "unreachable", str(error))
            # Where the payer was told already, the attempt is pending, and "not sent" would come too late to end it.
            told = softpay.flow == "held"
            return Answer(Refused(failure, elsewhere=True) if told else NotSent(failure), token)
        except NoAnswer as error:
            return Answer(Unclear(f"SoftPay: {error}"), token)
        word = wire.read_softpay(reply, softpay, self._account.mode)
        if not isinstance(word, Refused):
            return Answer(word, token)
        # A refusal alone does not prove that no money came: "already completed" is among its documented causes, and
        # a request that was doubled on its way is refused the second time. It ends the attempt only if the invoice
        # is still unpaid; the answer of a refusal holds no address, so nobody can pay the invoice afterwards.
        standing = await self.verify(replace(order, provider_reference=token))
        return Answer(word, token) if isinstance(standing.word, Pending) else standing

    def _channel(self, order: Order) -> str | None:
        if order.method.type is MethodType.CARD:
            return CARD_CHANNEL
        wallet = wallets().get(order.method.operator or "")
        return wallet.channel if wallet else None

    def _softpay(self, order: Order) -> SoftPay | None:
        """Choose SoftPay where we have all it needs; a code that is missing the hosted page asks for itself."""
        wallet = wallets().get(order.method.operator or "")
        if wallet is None or order.method.msisdn is None or self._softpay_base_url() is None:
            return None
        lacks_code = wallet.softpay.otp is not None and order.otp is None
        return None if lacks_code or wallet.operator in self._config.on_page else wallet.softpay

    def _softpay_base_url(self) -> str | None:
        if self._config.softpay_base_url:
            return self._config.softpay_base_url.rstrip("/")
        return None if self._base_url == BASE_URLS[Mode.TEST] else self._base_url

    def _keys_of_other_mode(self) -> bool:
        other = Mode.LIVE if self._account.mode is Mode.TEST else Mode.TEST
        return self._config.private_key.reveal().startswith(PRIVATE_KEY_PREFIXES[other])

    def _headers(self) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "PAYDUNYA-MASTER-KEY": self._config.master_key.reveal(),
            "PAYDUNYA-PRIVATE-KEY": self._config.private_key.reveal(),
            "PAYDUNYA-TOKEN": self._config.token.reveal(),
        }


def _or_page(answer: Answer, created: wire.Created) -> Answer:
    """Send the payer to the invoice's own page where a code could not be had; asking for one moves no money."""
    word = answer.word
    if isinstance(word, Unclear) or (isinstance(word, Refused) and word.elsewhere):
        return Answer(Pending(NextAction(ActionType.REDIRECT, url=created.url)), answer.provider_reference)
    return answer


def identify(notification: Notification) -> tuple[str, ...]:
    """Name the orders that a notification speaks of: our reference, PayDunya's token."""
    content = read_notification(notification.body)
    if content is None:
        return ()
    names = (wire.reference_in(content), payout_wire.reference_in(content), wire.token_in(content))
    return tuple(name for name in names if name)
