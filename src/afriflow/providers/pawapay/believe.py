"""Whether a callback is pawaPay's: judged by its signature and pawaPay's public keys."""

from afriflow.port.provider import Authenticity, Notification, Verdict
from afriflow.providers.pawapay import signatures
from afriflow.providers.pawapay.caller import Caller


class Believer(Caller):
    """`authenticate` of a `PaymentProvider`."""

    async def authenticate(self, notification: Notification) -> Authenticity:
        if not signatures.is_signed(notification.headers):
            if self._config.callbacks_must_be_signed:
                return Authenticity(Verdict.FORGED, "unsigned, and this account requires signatures")
            return Authenticity(Verdict.HINT, "unsigned")
        message = signatures.Signed(
            notification.method, self._account.callback_url, notification.headers, notification.body
        )
        judgement = await self._public_keys.judge(message, notification.received_at)
        if judgement.valid:
            return Authenticity(Verdict.SIGNED, judgement.reason)
        if judgement.key_in_doubt:
            # It may be genuine and its key new; pawaPay, asked how the order stands, says what is true.
            return Authenticity(Verdict.HINT, f"{judgement.reason}; no newer public keys could be had")
        if judgement.untimely:
            # Whether pawaPay signs a callback anew when it sends it again is not documented.
            return Authenticity(Verdict.HINT, judgement.reason)
        return Authenticity(Verdict.FORGED, judgement.reason)
