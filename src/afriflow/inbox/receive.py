"""At the door: judge the sender, keep the bytes with the verdict and the job in one commit, then say 200."""

from dataclasses import dataclass

from afriflow.core.clock import Clock
from afriflow.core.errors import NotFound
from afriflow.core.ids import Ids
from afriflow.core.pan import blank_pans, without_pans
from afriflow.db.engine import Connection, Database, Record
from afriflow.inbox import store
from afriflow.jobs.queue import enqueue
from afriflow.ledger import store as ledger_store
from afriflow.ledger.notification import seal_body
from afriflow.merchants.accounts import Accounts
from afriflow.merchants.vault import Vault
from afriflow.observe.log import bound, logger, page
from afriflow.observe.metrics import NOTIFICATIONS
from afriflow.port.factory import PaymentFactory, specs
from afriflow.port.http import redact_headers
from afriflow.port.provider import Account, Authenticity, Notification, Verdict

_log = logger("inbox")
PROCESS = "process"
# Whose it is was not known when it came; kept under no merchant until it is.
NOBODY = ""
# A callback may overtake the commit that makes its reference known; until then it waits a moment.
_UNMATCHED_DELAY_SECONDS = 2
_HEADER_CHARACTERS_MAX = 4_000
# A notification speaks of one order under its two ids; more is a list that nobody documents.
_REFERENCES_MAX = 10
_PRIORITY = 10


@dataclass(frozen=True, slots=True)
class Receiver:
    """The use-case behind POST /api/webhooks/{provider} and /{provider}/{account}."""

    database: Database
    accounts: Accounts
    factory: PaymentFactory
    vault: Vault
    ids: Ids
    clock: Clock

    async def receive(self, provider: str, account_id: str | None, notification: Notification) -> Verdict:
        """Keep a notification. Raises NotFound for a provider or account that is not ours, Unavailable without a
        database: then the sender hears 503 and comes again.
        """
        spec = specs().get(provider)
        if spec is None:
            raise NotFound(id=provider)
        async with self.database.connection() as connection:
            owner = await self._owner(connection, provider, notification)
            account = await self._account(connection, provider, account_id, owner)
        judged = Authenticity(Verdict.HINT, "nobody's account: not judged")
        if account is not None:
            judged = await self._judge(account, notification)
        NOTIFICATIONS.labels(provider, judged.verdict.value).inc()
        if judged.verdict is Verdict.PROBE:
            return judged.verdict
        await self._keep(provider, account, owner, notification, judged)
        if judged.verdict is Verdict.FORGED:
            page("notification_forged", provider=provider, reason=judged.reason)
        return judged.verdict

    async def _judge(self, account: Account, notification: Notification) -> Authenticity:
        try:
            return await self.factory.open(account).adapter.authenticate(notification)
        except Exception as error:  # noqa: BLE001 — the bytes are kept whatever a parser makes of them
            page("adapter_failed", error=error, provider=account.provider, reason=repr(error)[:300])
            return Authenticity(Verdict.HINT, f"could not be judged: {type(error).__name__}")

    async def _owner(
        self, connection: Connection, provider: str, notification: Notification
    ) -> Record | None:
        """Find the attempt a notification speaks of, without believing anything else in it."""
        try:
            references = references_in(provider, notification)
        except Exception as error:  # noqa: BLE001 — as above
            page("adapter_failed", error=error, provider=provider, reason=repr(error)[:300])
            return None
        if not references:
            return None
        return await connection.fetchrow(ledger_store.REFERENCE_OWNER, provider, references)

    async def _account(
        self, connection: Connection, provider: str, account_id: str | None, owner: Record | None
    ) -> Account | None:
        if account_id is not None:
            merchant_id = await self.accounts.owner(connection, provider, account_id)
            if merchant_id is None:
                raise NotFound(id=account_id)
            return await self.accounts.account(connection, merchant_id, account_id)
        if owner is None:
            return None
        return await self.accounts.account(connection, owner["merchant_id"], owner["account_id"])

    async def _keep(
        self,
        provider: str,
        account: Account | None,
        owner: Record | None,
        notification: Notification,
        judged: Authenticity,
    ) -> None:
        merchant_id = account.merchant_id if account else NOBODY
        # An order of another account is none of this sender's: it is kept, but not tied to that payment.
        if owner is not None and (account is None or owner["account_id"] != account.id):
            owner = None
        forged = judged.verdict is Verdict.FORGED
        event_id = self.ids.new("whe")
        headers = {
            name: without_pans(value)[:_HEADER_CHARACTERS_MAX]
            for name, value in redact_headers(notification.headers).items()
        }
        # Judged as it came, kept without the number of any card: of those we want to know nothing, sealed or not.
        body = blank_pans(notification.body)
        known = {"account_id": account.id} if account else {}
        with bound(notification_id=event_id, merchant_id=merchant_id, **known):
            async with self.database.transaction() as connection:
                await connection.execute(
                    store.EVENT_INSERT,
                    merchant_id,
                    event_id,
                    account.mode if account else None,
                    provider,
                    account.id if account else None,
                    notification.method,
                    notification.path,
                    headers,
                    await seal_body(connection, self.vault, merchant_id, event_id, body),
                    judged.verdict,
                    judged.reason,
                    "ignored" if forged else "received",
                    None,
                    owner["order_id"] if owner else None,
                    notification.received_at,
                )
                if not forged:
                    payload = {"merchant_id": merchant_id, "event_id": event_id}
                    delay = 0 if owner else _UNMATCHED_DELAY_SECONDS
                    await enqueue(
                        connection,
                        PROCESS,
                        payload,
                        key=f"process:{event_id}",
                        delay_seconds=delay,
                        priority=_PRIORITY,
                    )
            told = {"provider": provider, "verdict": judged.verdict.value, "reason": judged.reason}
            if body != notification.body:
                _log.warning("card_number_cut_out", **told)
            _log.info("notification_kept", **told)


def references_in(provider: str, notification: Notification) -> list[str]:
    """Name the orders that a notification speaks of, as far as they can be ours.

    PostgreSQL holds neither NUL nor half of a surrogate pair, so that nothing of ours is called so.
    """
    found = specs()[provider].identify(notification)[:_REFERENCES_MAX]
    return [text for text in found if "\x00" not in text and text == text.encode("utf-8", "replace").decode()]
