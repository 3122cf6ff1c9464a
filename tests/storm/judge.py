"""Whether what happened may have happened: the invariants, held at every commit and at the end of a run.

The witness stands between our processes and the database and sees every commit; the truth about money it reads in
the providers' books, which our code never sees.
"""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from storm.house import BEGINNING, SETTINGS
from storm.other_side import Entry, OtherSide
from storm.process import IDLE_IN_TRANSACTION_SECONDS, Write

from afriflow.core.review import LatePolicy
from afriflow.delivery import store as delivery_store
from afriflow.inbox import store as inbox_store
from afriflow.ledger import store
from afriflow.merchants import vault_store
from afriflow.merchants.key_encryption import NONCE_BYTES, derive

_OPEN = {"planned", "unknown", "pending"}
_ENDED = {"failed", "not_sent", "never_received"}
_FINAL = {"succeeded", "failed", "cancelled", "expired"}


# One send may take so long; afterwards somebody else may have been permitted.
_LEASE_SECONDS = SETTINGS.send_lease_seconds
# Whatever was open for so long has been asked for after a day, and a person called.
_PATIENCE_SECONDS = 2.5 * 86_400


@dataclass(slots=True)
class Verdict:
    """What a run came to."""

    violations: list[str]
    ends: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)


class Witness:
    """Sees every commit of a run."""

    def __init__(self, others: OtherSide) -> None:
        self._others = others
        self.late_policy = LatePolicy.HOLD
        self.violations: list[str] = []
        self.keys: dict[str, str] = {}
        self._born: dict[str, float] = {}
        self._permits: dict[str, float] = {}
        self._landed: set[tuple[str, int]] = set()
        self._sends: defaultdict[str, int] = defaultdict(lambda: 1)
        self._deadlines: dict[str, float] = {}
        self._old: set[str] = set()
        self._notifications: dict[str, tuple[str, bytes]] = {}
        self._wrapped: dict[str, bytes] = {}  # merchant → its first data key
        self._known: set[str] = set()
        self._attempts: defaultdict[str, list[str]] = defaultdict(list)
        self._references: dict[str, str] = {}  # attempt or disbursement → its id at the provider
        self._transaction: dict[str, str] = {}  # attempt → transaction
        self._statuses: dict[str, str] = {}
        self._sequences: defaultdict[str, int] = defaultdict(int)
        others.permitted = self._permitted

    def answered(self, key: str, body: bytes) -> None:
        """The caller heard 201 (or its repetition) for this key: it names one transaction for ever (S9)."""
        told = msgspec.json.decode(body)
        known = self.keys.setdefault(key, told["id"])
        if known != told["id"]:
            self.violations.append(f"S9: {key} named {known} and then {told['id']}")

    # ── at every commit ────────────────────────────────────────────────────────────────────────────────────────
    def committed(self, writes: list[Write]) -> None:
        """Hold the invariants against what has just become true; who cannot is blind, which is as bad."""
        try:
            self._look(writes)
        except Exception as error:
            self.violations.append(f"the witness broke: {error!r}")
            raise

    def _look(self, writes: list[Write]) -> None:
        for query, args, _, at in writes:
            if query == store.ATTEMPT_INSERT:
                self._references[args[1]] = args[7]
                self._known.add(args[7])
                self._transaction[args[1]] = args[3]
                self._attempts[args[3]].append(args[1])
                self._statuses[args[1]] = "unknown"
                self._born[args[1]] = self._permits[args[7]] = at
                self._in_time(args[3])
                self._one_live_attempt(args[3])
            elif query == store.DISBURSEMENT_INSERT:
                self._references[args[1]] = args[17]
                self._known.add(args[17])
                self._statuses[args[1]] = "unknown"
                self._born[args[1]] = self._permits[args[17]] = at
            elif query in {store.PAYMENT.resend, store.OUT.resend}:
                self._permitted_again(args[1], args[2])
                if args[1] in self._transaction:
                    self._in_time(self._transaction[args[1]])
            elif query in {store.PAYMENT.landed, store.OUT.landed}:
                self._landed.add((args[1], args[2]))
            elif query == store.TRANSACTION_INSERT:
                self._deadlines[args[1]] = args[20].timestamp()
            elif query in {store.ATTEMPT_CHANGE, store.DISBURSEMENT_CHANGE}:
                self._order_changed(args[1], str(args[2]))
            elif query == store.TRANSACTION_CHANGE:
                self._transaction_changed(args[1], str(args[2]), late=args[5])
            elif query == delivery_store.EVENT_INSERT:
                self._told(args[3], args[4], args[5])
            elif query in {vault_store.DATA_KEY_INSERT, inbox_store.EVENT_INSERT}:
                self._sealed(query, args)
            elif query == inbox_store.EVENT_HANDLED and args[2] == "handled":
                self._handled(args[1], args[5])

    def _order_changed(self, order_id: str, status: str) -> None:
        before = self._statuses.get(order_id)
        self._statuses[order_id] = status
        if status == before:
            return
        if before == "succeeded":
            self.violations.append(f"S6: {order_id} left succeeded for {status}")
        reference = self._references[order_id]
        if status not in _OPEN and self._now() - self._born[order_id] > _PATIENCE_SECONDS:
            self._old.add(order_id)
        if status in _ENDED and self._may_still_move(reference):
            self.violations.append(f"S4: {order_id} is {status} while its money may move")
        if status == "succeeded" and not self._moved(reference):
            self.violations.append(f"S4: {order_id} succeeded and no money came")
        if status == "succeeded" and self._is_doubtful(reference):
            self.violations.append(f"S7: {order_id} succeeded with another amount than was asked for")
        if order_id in self._transaction:
            self._one_live_attempt(self._transaction[order_id])

    def _transaction_changed(self, transaction_id: str, status: str, *, late: bool) -> None:
        before = self._statuses.get(transaction_id)
        self._statuses[transaction_id] = status
        if before == "succeeded" and status != "succeeded":
            self.violations.append(f"S6: {transaction_id} left succeeded for {status}")
        if status == "succeeded" and before in _FINAL - {"succeeded"} and not late:
            self.violations.append(f"S6: {transaction_id} was {before}, is paid, and is not called late")
        open_ones = [name for name in self._attempts[transaction_id] if self._statuses[name] in _OPEN]
        if status == "cancelled" and before != "cancelled" and open_ones:
            self.violations.append(f"S4: {transaction_id} is cancelled while {open_ones[0]} is open")
        if status == "failed" and before != "failed":
            for order_id in self._attempts[transaction_id]:
                if self._may_still_move(self._references[order_id]):
                    self.violations.append(f"S4: {transaction_id} is failed while {order_id} may bring money")

    def _handled(self, event_id: str, order_id: str) -> None:
        """A notification counts as read in the very commit of what it changed (S11)."""
        verdict, sealed = self._notifications[event_id]
        if verdict != "signed" or order_id not in self._statuses or self._statuses[order_id] not in _OPEN:
            return
        told = msgspec.json.decode(self._opened(event_id, sealed))
        if told["status"] in {"completed", "failed"} and not self._is_doubtful(self._references[order_id]):
            self.violations.append(f"S11: {event_id} was read and {order_id} is as before")

    def _sealed(self, query: str, args: Any) -> None:
        if query == vault_store.DATA_KEY_INSERT:
            self._wrapped.setdefault(args[0], args[2])
        else:
            self._notifications[args[1]] = (args[9], args[8])

    def _opened(self, event_id: str, sealed: bytes) -> bytes:
        """Open what a notification said, with the data key that was seen being written."""
        merchant_id, wrapped = next((m, w) for m, w in self._wrapped.items() if m)
        root, place = SETTINGS.secret_key.encode(), ["data_keys", "wrapped", 1, merchant_id]
        key = _decrypt(derive(root, b"key encryption"), wrapped, place)
        header, content = sealed[:5], sealed[5:]
        return _decrypt(key, content, ["webhook_events", "body", event_id, merchant_id, header.hex()])

    def _is_doubtful(self, reference: str) -> bool:
        return any(entry.paid not in {0, entry.amount} for entry in self._entries(reference))

    def _one_live_attempt(self, transaction_id: str) -> None:
        live = [name for name in self._attempts[transaction_id] if self._statuses[name] not in _ENDED]
        if len(live) > 1:
            self.violations.append(f"S1: {transaction_id} has {len(live)} live attempts")

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _told(self, subject_id: str, sequence: int, kind: str) -> None:
        self._sequences[subject_id] += 1
        if sequence != self._sequences[subject_id]:
            self.violations.append(f"L2: {kind} of {subject_id} is number {sequence}, not the next")

    def _entries(self, reference: str) -> list[Entry]:
        return self._others.books.get(reference, [])

    def _may_still_move(self, reference: str) -> bool:
        entries = self._entries(reference)
        # A takes an order once: what still is on the way then finds it done.
        known = any(entry.provider == "model_a" for entry in entries)
        return (self._others.on_the_way[reference] > 0 and not known) or any(
            entry.prompted and (entry.can_move or (entry.moved is not None and not entry.taken_back))
            for entry in entries
        )

    def _is_over(self, reference: str) -> bool:
        """Whether every order under this id that could bring money has come to its end, and can be asked for."""
        entries = [entry for entry in self._entries(reference) if entry.prompted]
        return bool(entries) and not any(entry.can_move for entry in entries)

    def _moved(self, reference: str) -> int:
        return sum(entry.moved is not None for entry in self._entries(reference))

    def _kept(self, reference: str) -> int:
        return sum(entry.moved is not None and not entry.taken_back for entry in self._entries(reference))

    def _permitted(self, reference: str) -> None:
        if reference not in self._known:
            self.violations.append(f"S2: {reference} reached a provider before its attempt was committed")
            return
        late = self._now() - self._permits[reference]
        if late > _LEASE_SECONDS:
            self.violations.append(f"S12: {reference} left {late:.0f} s after it was permitted")

    def _permitted_again(self, order_id: str, sends: int) -> None:
        """One process at a time: the one before has come back, or its lease is over."""
        reference = self._references[order_id]
        if self._sends[order_id] != sends:
            self.violations.append(f"S12: send {sends + 1} of {order_id} was permitted twice")
        elif (order_id, sends) not in self._landed and self._now() - self._permits[
            reference
        ] < _LEASE_SECONDS - 1:
            self.violations.append(f"S12: {order_id} was permitted again while it is under way")
        self._sends[order_id] = sends + 1
        self._permits[reference] = self._now()

    def _in_time(self, transaction_id: str) -> None:
        late = BEGINNING.timestamp() + self._now() - self._deadlines[transaction_id]
        # A transaction may stand still so long, and clocks may be wrong.
        if late > 2 * self._others.swarm.clock_skew_seconds + IDLE_IN_TRANSACTION_SECONDS + 1:
            self.violations.append(f"S16: {transaction_id} begins a prompt {late:.0f} s after its time")

    # ── at the end ─────────────────────────────────────────────────────────────────────────────────────────────
    async def verdict(
        self, connection: Any, answered: dict[str, str], pages: list[dict[str, Any]]
    ) -> Verdict:
        """Hold what is left in the database against the books."""
        found = Verdict(self.violations + self._others.contradictions)
        transactions = {row["id"]: row for row in await connection.fetch("SELECT * FROM transactions")}
        attempts: defaultdict[str, list[Any]] = defaultdict(list)
        for row in await connection.fetch("SELECT * FROM attempts ORDER BY number"):
            attempts[row["transaction_id"]].append(row)
        for transaction_id in answered:
            if transaction_id not in transactions:
                found.violations.append(f"S10: {transaction_id} was promised and is gone")
        for row in transactions.values():
            self._judge_payment(row, attempts[row["id"]], found)
        await self._judge_money_out(connection, transactions, found)
        await self._judge_telling(connection, found)
        held = await connection.fetch("SELECT entrypoint, payload FROM jobs.pgqueuer WHERE status = 'failed'")
        found.violations += [f"L1: held job {row['entrypoint']} {row['payload']!r}" for row in held]
        waiting = await connection.fetch("SELECT id FROM webhook_events WHERE status = 'received'")
        found.violations += [f"S11: notification {row['id']} was never read" for row in waiting]
        called = {page.get("event") for page in pages}
        missed = self._old - {
            page.get("order_id") for page in pages if page.get("event") == "order_unresolved"
        }
        found.violations += [
            f"L1: {order_id} was open for days and nobody was called" for order_id in sorted(missed)
        ]
        found.seen.update(f"paged {name}" for name in called)
        if "adapter_failed" in called:
            found.violations.append("an adapter raised")
        return found

    def _judge_payment(self, row: Any, attempts: list[Any], found: Verdict) -> None:
        moved = sum(self._moved(attempt["reference"]) for attempt in attempts)
        status, name = row["status"], row["id"]
        end = status if status in _FINAL else "unresolved"
        found.ends["late" if row["late"] else end] += 1
        # What its provider took back is with the payer again, and may be paid anew.
        kept = sum(self._kept(attempt["reference"]) for attempt in attempts)
        if kept > 1:
            found.violations.append(f"S1: {name} was charged {kept} times")
        if status == "succeeded" and moved == 0:
            found.violations.append(f"S4: {name} succeeded and nobody paid")
        taken_back = any(entry.taken_back for item in attempts for entry in self._entries(item["reference"]))
        if moved and status != "succeeded" and not row["needs_review"] and not taken_back:
            found.violations.append(f"L1: {name} was paid and is {status}")
        if status == "requires_payment_method":
            found.violations.append(f"L1: the time of {name} is over and nobody said so")
        elif status not in _FINAL and not row["unresolved"]:
            found.violations.append(f"L1: {name} is {status} and nobody was called")
        live = [item for item in attempts if item["status"] in {"planned", "unknown", "pending", "succeeded"}]
        if len(live) > 1:
            found.violations.append(f"S1: {name} ends with {len(live)} live attempts")
        for attempt in attempts:
            if attempt["status"] in _OPEN and self._is_over(attempt["reference"]) and not row["needs_review"]:
                found.violations.append(f"L3: {attempt['id']} is {attempt['status']} though it is over")
            if attempt["status"] in {"unknown", "pending"} and not row["unresolved"]:
                found.violations.append(f"L1: {attempt['id']} of {name} is open and nobody was called")

    async def _judge_money_out(self, connection: Any, transactions: dict[str, Any], found: Verdict) -> None:
        given_back: Counter[str] = Counter()
        reserved: Counter[str] = Counter()
        refunded: set[str] = set()
        for row in await connection.fetch("SELECT * FROM disbursements"):
            moved = self._moved(row["reference"])
            found.ends[f"{row['kind']} {row['status']}"] += 1
            if moved > 1:
                found.violations.append(f"S1: {row['id']} was sent {moved} times")
            taken_back = any(entry.taken_back for entry in self._entries(row["reference"]))
            if bool(moved) != (row["status"] == "succeeded") and not row["needs_review"] and not taken_back:
                found.violations.append(f"S4: {row['id']} is {row['status']} and moved {moved} times")
            if row["status"] in _OPEN and not row["unresolved"]:
                found.violations.append(f"L1: {row['id']} is {row['status']} and nobody was called")
            if row["status"] in _OPEN and self._is_over(row["reference"]) and not row["needs_review"]:
                found.violations.append(
                    f"L3: {row['id']} is {row['status']} though it is over at its provider"
                )
            if row["kind"] == "refund":
                refunded.add(row["transaction_id"])
                given_back[row["transaction_id"]] += moved * row["amount_minor"]
                if row["status"] not in _ENDED:
                    reserved[row["transaction_id"]] += row["amount_minor"]
        for row in transactions.values():
            if row["refund_reserved_minor"] != reserved[row["id"]]:
                found.violations.append(
                    f"S8: {row['id']} reserves {row['refund_reserved_minor']} for {reserved[row['id']]}"
                )
            goes_back = row["late"] and self.late_policy is LatePolicy.AUTO_REFUND
            if goes_back and not row["needs_review"] and row["id"] not in refunded:
                found.violations.append(f"L1: {row['id']} came late, should go back by itself, and does not")
        for transaction_id, amount in given_back.items():
            if amount > transactions[transaction_id]["amount_minor"]:
                found.violations.append(f"S8: more came back of {transaction_id} than was paid")

    async def _judge_telling(self, connection: Any, found: Verdict) -> None:
        staged: defaultdict[str, list[int]] = defaultdict(list)
        for row in await connection.fetch(
            "SELECT subject_id, sequence FROM events ORDER BY subject_id, sequence"
        ):
            staged[row["subject_id"]].append(row["sequence"])
        for subject_id, numbers in staged.items():
            heard = list(dict.fromkeys(told["sequence"] for told in self._others.told[subject_id]))
            if numbers != list(range(1, len(numbers) + 1)):
                found.violations.append(f"L2: the events of {subject_id} are numbered {numbers}")
            if heard != numbers:
                found.violations.append(f"L2: of {subject_id} the shop heard {heard} of {numbers}")


def _decrypt(key: bytes, content: bytes, bound_to: list[object]) -> bytes:
    return AESGCM(key).decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], msgspec.json.encode(bound_to))
