"""The job that reads a notification: a signed one is evidence, any other only a reason to go and ask."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

from afriflow.core.clock import Clock
from afriflow.core.errors import NotFound, NotificationForgotten, NotificationUnreadable
from afriflow.core.evidence import Evidence, Failed, Pending, Source, Succeeded, Word
from afriflow.core.transaction import OPEN, AttemptStatus
from afriflow.db.engine import Connection, Database, Record
from afriflow.inbox import store
from afriflow.inbox.receive import NOBODY, references_in
from afriflow.jobs.queue import Payload, Snooze, trace_of
from afriflow.ledger import store as ledger_store
from afriflow.ledger.notification import read_body, seal_body
from afriflow.ledger.record import Recorder
from afriflow.ledger.record_out import OutRecorder
from afriflow.ledger.search import order_of
from afriflow.merchants import audit_log
from afriflow.merchants.accounts import Accounts
from afriflow.merchants.keys import Caller
from afriflow.merchants.vault import Vault
from afriflow.observe.log import bound, page
from afriflow.observe.trace import Span, is_tracing, span
from afriflow.port.factory import PaymentFactory
from afriflow.port.provider import Notification, Report, Verdict

# Asks the provider how an attempt stands and records it, with an id that only a notification named; given by the app, since checkout stands beside us.
Check = Callable[[Record, str | None], Awaitable[Record]]

# A notification that names nothing we know may only be early: our own commit can be behind it this long.
_EARLY_SECONDS = 120
_EARLY_PAUSE_SECONDS = 10.0
# The job that asks for an open order carries the trace of the payment.
_FOLLOWED_BY = "follow:"
_KNOWN = "known already"
_NO_PAYMENT = "names no payment of this account"
# What a parser raises that was given something else than it was written for.
_GARBLED = (ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Processor:
    """Reads notifications that the door has kept."""

    database: Database
    accounts: Accounts
    factory: PaymentFactory
    vault: Vault
    recorder: Recorder
    out_recorder: OutRecorder
    check: Check
    clock: Clock

    async def process(self, payload: Payload) -> None:
        """Read one notification. payload: merchant_id, event_id. Twice does no more than once."""
        async with self.database.connection() as connection:
            row = await connection.fetchrow(store.EVENT, payload["merchant_id"], payload["event_id"])
            if row is None or row["status"] != "received":
                return
            notification = _notification(row, await read_body(connection, self.vault, row))
            attempts = await self._attempts(connection, row, notification)
        with bound(notification_id=row["id"]):
            if not attempts:
                await self._unmatched(row)
                return
            with await self._in_its_trace(attempts[0]):
                outcomes = [
                    await self._apply(row, attempt, report)
                    for attempt, report in await self._read(notification, attempts)
                ]
            await self._handled(row, attempts[0], "handled" if outcomes else "ignored", ", ".join(outcomes))

    async def again(self, caller: Caller, event_id: str) -> str:
        """Read a notification once more, whatever became of it; gives what was done.

        The bytes that came go the same way again, but nothing in them is believed now: what may be new in them is asked
        of the provider. Raises NotFound, NotificationForgotten, NotificationUnreadable, ProviderBusy.
        """
        async with self.database.connection() as connection:
            row = await connection.fetchrow(store.EVENT, caller.merchant_id, event_id)
            if row is None or row["mode"] != caller.mode:
                raise NotFound(id=event_id)
            if not row["body"]:
                raise NotificationForgotten
            notification = _notification(row, await read_body(connection, self.vault, row))
        with bound(notification_id=event_id):
            try:
                async with self.database.connection() as connection:
                    attempts = await self._attempts(connection, row, notification)
                reports = await self._read(notification, attempts) if attempts else []
            except _GARBLED as error:
                raise NotificationUnreadable(reason=type(error).__name__) from error
            done = [await self._apply(row, attempt, report, ask=True) for attempt, report in reports]
            status = "handled" if done else "ignored" if attempts else "unmatched"
            outcome = ", ".join(done) if attempts else _NO_PAYMENT
            async with self.database.transaction() as connection:
                if row["status"] != status or set(done) - {_KNOWN}:
                    await self._mark(connection, row, attempts[0] if attempts else None, status, outcome)
                await audit_log.write(
                    connection,
                    merchant_id=caller.merchant_id,
                    who=caller.who,
                    action="notification.processed_again",
                    subject=event_id,
                    details={"mode": caller.mode, "outcome": outcome},
                )
        return outcome

    async def _in_its_trace(self, attempt: Record) -> AbstractContextManager[Span | None]:
        """Go on in the trace of the payment that a notification speaks of, which its follow-up job carries."""
        if not is_tracing():
            return nullcontext()
        async with self.database.connection() as connection:
            parent = await trace_of(connection, f"{_FOLLOWED_BY}{attempt['id']}")
        return span("apply notification", parent=parent, provider=attempt["provider"])

    async def _attempts(
        self, connection: Connection, row: Record, notification: Notification
    ) -> list[Record]:
        """Find the attempts that a notification names and that belong to the account it came for."""
        references = references_in(row["provider"], notification)
        owners = await connection.fetch(ledger_store.REFERENCE_OWNER, row["provider"], references)
        found = [
            await order_of(connection, owner["merchant_id"], owner["order_id"])
            for owner in owners
            if row["account_id"] in {None, owner["account_id"]}
        ]
        return [attempt for attempt in found if attempt is not None]

    async def _read(self, notification: Notification, attempts: list[Record]) -> list[tuple[Record, Report]]:
        async with self.database.connection() as connection:
            first = attempts[0]
            account = await self.accounts.account(connection, first["merchant_id"], first["account_id"])
        reports = self.factory.open(account).adapter.handle_webhook(notification)
        return [
            (attempt, report)
            for report in reports
            for attempt in attempts
            if report.reference == attempt["reference"]
            or (report.provider_reference and report.provider_reference == attempt["provider_reference"])
        ]

    async def _apply(self, row: Record, attempt: Record, report: Report, *, ask: bool = False) -> str:
        """Believe or ask; gives what was done, for the person who reads the inbox. ask: believe nothing."""
        named = _another_order(attempt, report)
        if named is None and _says_nothing_new(attempt, report.word):
            return _KNOWN
        signed = row["verdict"] == Verdict.SIGNED
        decides = isinstance(report.word, Pending | Succeeded | Failed)
        if signed and decides and not ask and attempt["status"] in OPEN:
            async with self.database.transaction() as connection:
                await self._record(connection, attempt, report)
                # The mark commits with the effect: never handled without it, never twice.
                await self._mark(
                    connection, row, attempt, "handled", f"recorded {type(report.word).__name__}"
                )
            return f"recorded {type(report.word).__name__}"
        after = await self.check(attempt, named)
        return f"asked the provider: {after['status']}"

    async def _record(self, connection: Connection, order: Record, report: Report) -> None:
        evidence = Evidence(Source.CALLBACK, report.word, report.provider_reference)
        merchant_id, order_id = order["merchant_id"], order["id"]
        if order.get("kind") is None:
            await self.recorder.record(
                connection, merchant_id=merchant_id, attempt_id=order_id, evidence=evidence
            )
        else:
            await self.out_recorder.record(
                connection, merchant_id=merchant_id, disbursement_id=order_id, evidence=evidence
            )

    async def _unmatched(self, row: Record) -> None:
        if self.clock.now() - row["received_at"] < timedelta(seconds=_EARLY_SECONDS):
            raise Snooze(_EARLY_PAUSE_SECONDS)
        await self._handled(row, None, "unmatched", _NO_PAYMENT)
        page("notification_unmatched", provider=row["provider"], notification_id=row["id"])

    async def _handled(self, row: Record, attempt: Record | None, status: str, outcome: str) -> None:
        async with self.database.transaction() as connection:
            await self._mark(connection, row, attempt, status, outcome)

    async def _mark(
        self, connection: Connection, row: Record, attempt: Record | None, status: str, outcome: str
    ) -> None:
        await connection.execute(
            store.EVENT_HANDLED,
            row["merchant_id"],
            row["id"],
            status,
            outcome,
            attempt["transaction_id"] if attempt else None,
            attempt["id"] if attempt else None,
        )
        if attempt is not None and row["merchant_id"] == NOBODY:
            body = await read_body(connection, self.vault, row)
            await connection.execute(
                store.EVENT_ADOPT,
                row["id"],
                attempt["merchant_id"],
                attempt["mode"],
                attempt["account_id"],
                await seal_body(connection, self.vault, attempt["merchant_id"], row["id"], body),
            )


def _another_order(attempt: Record, report: Report) -> str | None:
    """Give the provider's id of an order that names a payment of ours, and is not the one that is kept for it."""
    if attempt.get("kind") is not None or report.provider_reference == attempt["provider_reference"]:
        return None
    return report.provider_reference


def _says_nothing_new(attempt: Record, word: Word) -> bool:
    """Whether a word repeats what is known; what contradicts it is always looked into."""
    if attempt["status"] in OPEN:
        return False
    if isinstance(word, Succeeded):
        return attempt["status"] == AttemptStatus.SUCCEEDED
    if isinstance(word, Failed):
        return attempt["status"] != AttemptStatus.SUCCEEDED
    return isinstance(word, Pending)


def _notification(row: Record, body: bytes) -> Notification:
    return Notification(row["method"], row["path"], row["headers"], body, row["received_at"])
