"""The one door: every change of a payment is evidence, applied under the row's lock and written as it happened.

In one database transaction: lock, decide (`core.transaction`), append to the story, update, tell the merchant
(`delivery.stage`). Nothing else in the product writes `status`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import msgspec

from afriflow.core.clock import Clock
from afriflow.core.errors import NotFound
from afriflow.core.evidence import Evidence, Succeeded, Unclear
from afriflow.core.ids import Ids
from afriflow.core.method import NextAction
from afriflow.core.review import LatePolicy, Review
from afriflow.core.session import end_session, flag, reviewed, turn_to_payer
from afriflow.core.transaction import LIVE, OPEN, AttemptState, Mode, Step, apply_evidence
from afriflow.db.engine import Connection, Record, one
from afriflow.delivery.stage import stage
from afriflow.ledger import store
from afriflow.ledger.present import show_transaction, store_action, store_failure
from afriflow.ledger.said import fit_to_keep
from afriflow.ledger.set_off import set_off
from afriflow.ledger.state import attempt_state, transaction_state
from afriflow.ledger.tell import tell_end
from afriflow.merchants.policy import late_policy_of
from afriflow.observe.log import bound, logger, page
from afriflow.port.http import Exchange

_log = logger("ledger")
# One entry of a story: attempt id, kind, source, facts.
Entry: TypeAlias = tuple[str | None, str, str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Recorder:
    """What writing needs from outside. base_url: where our pages are, for the object that merchants are sent."""

    ids: Ids
    clock: Clock
    base_url: str

    async def record(
        self,
        connection: Connection,
        *,
        merchant_id: str,
        attempt_id: str,
        evidence: Evidence,
        another_follows: bool = False,
    ) -> Step:
        """Apply one word about one attempt; the same word twice changes nothing the second time.

        another_follows: the caller writes the next attempt in this same database transaction.
        Raises NotFound when there is no such attempt.
        """
        evidence = fit_to_keep(evidence)
        found = await connection.fetchrow(store.ATTEMPT, merchant_id, attempt_id)
        if found is None:
            raise NotFound(id=attempt_id)
        with bound(merchant_id=merchant_id, transaction_id=found["transaction_id"], attempt_id=attempt_id):
            row = await self.lock(connection, merchant_id, found["transaction_id"])
            attempts = await connection.fetch(store.ATTEMPTS, merchant_id, row["id"])
            attempt = next(item for item in attempts if item["id"] == attempt_id)
            kept = attempt["provider_reference"]
            others = [item for item in attempts if item["id"] != attempt_id]
            policy = LatePolicy.HOLD
            if isinstance(evidence.word, Succeeded):
                policy = await late_policy_of(connection, merchant_id, Mode(row["mode"]))
            step = apply_evidence(
                transaction_state(row),
                attempt_state(attempt),
                evidence,
                other_attempt_live=any(item["status"] in LIVE for item in others),
                another_follows=another_follows,
                under_another_id=bool(kept and evidence.provider_reference not in {None, kept}),
                late_policy=policy,
            )
            brings_reference = evidence.provider_reference and kept is None
            if step.changed or brings_reference:
                await self._write_attempt(connection, attempt, step.attempt, evidence.provider_reference)
            if step.changed or step.alert or step.ask or _worth_telling(evidence, attempt):
                entry = (evidence.word.__class__.__name__, evidence.source.value, story_facts(evidence, step))
                await self._write(connection, row, step, [(attempt_id, *entry)])
            await set_off(connection, attempt, others, step, policy)
            tell_end("payment", row, attempt, step, self.clock.now())
            if step.alert:
                page("payment_needs_attention", why=step.alert, provider=attempt["provider"])
            return step

    async def flag(
        self, connection: Connection, *, merchant_id: str, transaction_id: str, review: Review, why: str
    ) -> None:
        """Put a transaction before a person, for a reason that no word of a provider gives."""
        row = await self.lock(connection, merchant_id, transaction_id)
        step = flag(transaction_state(row), review, why)
        facts = {"reason": why, "status": row["status"]}
        await self._write(connection, row, step, [(None, "Flagged", "us", facts)])
        page("payment_needs_attention", why=why)

    async def review(self, connection: Connection, row: Record, *, by: str, note: str) -> None:
        """Keep that a person decided what there was to decide. row: the locked transaction."""
        step = reviewed(transaction_state(row))
        facts = {"by": by, "note": note, "reviewed": row["review"], "status": row["status"]}
        await self._write(connection, row, step, [(None, "Reviewed", "human", facts)])

    async def note(self, connection: Connection, row: Record, *, by: str, text: str) -> None:
        """Keep what a person wrote about a payment. row: the locked transaction, of which nothing else changes."""
        facts = {"by": by, "text": text, "status": row["status"]}
        await self._write(connection, row, None, [(None, "Noted", "human", facts)])

    async def end(
        self, connection: Connection, *, merchant_id: str, transaction_id: str, cancelled: bool
    ) -> bool:
        """End the time to pay; False when the transaction was final already. Open attempts live on."""
        row = await self.lock(connection, merchant_id, transaction_id)
        step = end_session(transaction_state(row), cancelled=cancelled)
        if step is None:
            return False
        await self._write(connection, row, step, [(None, step.told[0], "us", {})])
        return True

    async def turn(
        self,
        connection: Connection,
        row: Record,
        attempt: Record,
        action: NextAction | None,
        *,
        story: tuple[str, str, dict[str, Any]],
    ) -> bool:
        """Say what the payer of an open attempt has to do now; False when nothing is different. story: kind, source, facts."""
        step = turn_to_payer(transaction_state(row), action)
        if step is None:
            return False
        kind, source, facts = story
        states = {"attempt_status": attempt["status"], "status": step.transaction.status.value}
        shown = {**facts, "next_action": store_action(action), **states}
        await self._write(connection, row, step, [(attempt["id"], kind, source, shown)])
        return True

    async def tell(
        self,
        connection: Connection,
        row: Record,
        *,
        told: Sequence[str],
        story: Sequence[Entry],
    ) -> None:
        """Write story entries and merchant events for what the caller has just written itself (creation, a choice).

        row: the locked transaction.
        """
        await self._write(connection, row, None, story, told=told)

    async def lock(self, connection: Connection, merchant_id: str, transaction_id: str) -> Record:
        """Lock a transaction's row until the database transaction ends. Raises NotFound."""
        row = await connection.fetchrow(store.TRANSACTION_LOCK, merchant_id, transaction_id)
        if row is None:
            raise NotFound(id=transaction_id)
        return row

    async def keep_exchanges(self, connection: Connection, order: Record, exchanges: list[Exchange]) -> None:
        """Write what was said to and by the provider, and forget it, so that a second call writes nothing twice."""
        for exchange in exchanges:
            await connection.execute(
                store.LOG_INSERT,
                order["merchant_id"],
                self.ids.new("log"),
                order["mode"],
                order["account_id"],
                order["transaction_id"],
                order["id"],
                exchange.operation,
                exchange.method,
                exchange.url,
                dict(exchange.request_headers),
                exchange.request_body,
                exchange.status,
                exchange.response_body,
                exchange.error,
                exchange.duration_ms,
                exchange.started_at,
            )
        exchanges.clear()

    async def _write_attempt(
        self, connection: Connection, row: Record, after: AttemptState, provider_reference: str | None
    ) -> None:
        await connection.execute(
            store.ATTEMPT_CHANGE,
            row["merchant_id"],
            row["id"],
            after.status,
            store_failure(after.failure),
            after.operator_reference,
            provider_reference,
            after.surplus,
        )
        if provider_reference and provider_reference != row["provider_reference"]:
            await remember_reference(connection, row, provider_reference)
        if after.status not in OPEN:
            await connection.execute(store.TRANSACTION_RESOLVED, row["merchant_id"], row["transaction_id"])

    async def _write(
        self,
        connection: Connection,
        row: Record,
        step: Step | None,
        story: Sequence[Entry],
        told: Sequence[str] = (),
    ) -> None:
        merchant_id, transaction_id, mode = row["merchant_id"], row["id"], Mode(row["mode"])
        told = step.told if step else told
        for offset, (attempt_id, kind, source, facts) in enumerate(story, start=1):
            position = row["story_length"] + offset
            await connection.execute(
                store.STORY_APPEND,
                merchant_id,
                transaction_id,
                position,
                mode,
                attempt_id,
                kind,
                source,
                facts,
            )
        after = step.transaction if step else transaction_state(row)
        await connection.execute(
            store.TRANSACTION_CHANGE,
            merchant_id,
            transaction_id,
            after.status,
            store_action(after.next_action),
            store_failure(after.failure),
            after.late,
            after.needs_review,
            [item.value for item in after.review],
            row["sequence"] + len(told),
            row["story_length"] + len(story),
        )
        if told:
            shown = await self._show(connection, merchant_id, mode, transaction_id)
            for offset, name in enumerate(told, start=1):
                await stage(
                    connection,
                    ids=self.ids,
                    clock=self.clock,
                    merchant_id=merchant_id,
                    mode=mode,
                    subject_id=transaction_id,
                    sequence=row["sequence"] + offset,
                    kind=f"transaction.{name}",
                    data=shown,
                )
            _log.info("transaction_changed", status=after.status.value, told=list(told))

    async def _show(
        self, connection: Connection, merchant_id: str, mode: Mode, transaction_id: str
    ) -> object:
        row = await one(connection, store.TRANSACTION, merchant_id, mode, transaction_id)
        attempts = await connection.fetch(store.ATTEMPTS, merchant_id, transaction_id)
        return show_transaction(row, attempts, self.base_url)


async def remember_reference(
    connection: Connection, order: Record, reference: str, kind: str = "payment"
) -> None:
    """Note whose reference this is, for notifications that name nothing else. kind: payment, refund or payout."""
    await connection.execute(
        store.REFERENCE_INSERT,
        order["provider"],
        reference,
        order["merchant_id"],
        order["account_id"],
        kind,
        order["id"],
    )


def _worth_telling(evidence: Evidence, attempt: Record) -> bool:
    """An unclear answer to a send is part of the story; the tenth "still pending" is not."""
    return isinstance(evidence.word, Unclear) and attempt["checks"] == 0


def story_facts(evidence: Evidence, step: Step) -> dict[str, Any]:
    """Write a word and what it did as the story keeps it."""
    word = evidence.word
    facts = {item.name: getattr(word, item.name) for item in fields(word)}
    facts |= {"by": evidence.by, "note": evidence.note, "proof": evidence.proof}
    stored: dict[str, Any] = msgspec.to_builtins({k: v for k, v in facts.items() if v is not None})
    return {**stored, "attempt_status": step.attempt.status.value, "status": step.transaction.status.value}
