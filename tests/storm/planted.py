"""Bugs that a good engineer could make, planted one at a time: the simulation must see each of them.

A bug is a change of the product's text, made while its module is imported in a process of its own; nothing in the
product knows of it. `python -m storm.planted` (with `tests` on the path) hunts them all.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

Edit = tuple[str, str, str]


class Bug:
    """One bug, or the defences of one promise taken out together.

    edits: (module, text that stands in it exactly once, what takes its place). faults: strong ones beside what the
    seed draws, where a bug shows only when they meet.
    """

    def __init__(
        self, name: str, *edits: Edit | str, faults: Mapping[str, float] = MappingProxyType({})
    ) -> None:
        self.name, self.faults = name, faults
        # A bug of one edit is written flat.
        flat = len(edits) == 3 and all(isinstance(part, str) for part in edits)
        self.edits: tuple[Edit, ...] = (edits,) if flat else edits  # type: ignore[assignment]


TRANSACTION = "afriflow.core.transaction"
RECORD = "afriflow.ledger.record"
RECORD_OUT = "afriflow.ledger.record_out"
LEDGER = "afriflow.ledger.store"
TABLES = "afriflow.db.tables"
SEND = "afriflow.checkout.send"
FOLLOW = "afriflow.checkout.follow"
PLAN = "afriflow.checkout.plan"
CREATE = "afriflow.checkout.create"
IDEMPOTENCY = "afriflow.checkout.idempotency"
CHECKOUT = "afriflow.checkout.store"
CONFIRM = "afriflow.checkout.confirm"
SESSION = "afriflow.checkout.session"
DISBURSE = "afriflow.checkout.disburse"
RECEIVE = "afriflow.inbox.receive"
PROCESS = "afriflow.inbox.process"
INBOX = "afriflow.inbox.store"
STAGE = "afriflow.delivery.stage"
DELIVER = "afriflow.delivery.deliver"
DELIVERY = "afriflow.delivery.store"

BUGS = (
    # ── a word is believed that says nothing ────────────────────────────────────────────────────────────────────
    Bug(
        "a timeout is a failure",
        SEND,
        'return [Answer(Unclear("the send\'s lease ran out"))] * len(planned)',
        'return [_nothing_sent("timeout")] * len(planned)',
        faults={"stall": 0.02},
    ),
    Bug(
        "an unclear answer ends the attempt",
        TRANSACTION,
        "            return replace(unchanged, alert=reason if alert else None)",
        "            return _ended(transaction, attempt, AttemptStatus.FAILED, Failure(FailureCode.UNSPECIFIED, reason), another_follows)",
    ),
    Bug(
        "an unclear answer makes room for the next provider",
        (
            SEND,
            "    return isinstance(word, NotSent) or (",
            "    return isinstance(word, NotSent | Unclear) or (",
        ),
        (SEND, "if following is None or not step.changed:", "if following is None:"),
    ),
    Bug(
        "not found is a failure",
        TRANSACTION,
        "        case Missing():\n            return unchanged",
        '        case Missing():\n            return _ended(transaction, attempt, AttemptStatus.FAILED, Failure(FailureCode.UNSPECIFIED, "missing"), another_follows)',
    ),
    Bug(
        "not found is believed at once",
        FOLLOW,
        ">= timedelta(seconds=quarantine)",
        ">= timedelta(seconds=0)",
    ),
    Bug(
        "one send's refusal speaks for the others",
        "afriflow.core.evidence",
        "                return sends == 1  # one send's",
        "                return True  # one send's",
        faults={"arrive_late": 0.4, "refused": 0.5, "lose_request": 0.1},
    ),
    Bug(
        "the amount is not compared",
        "afriflow.core.evidence",
        "        if self.paid != money:",
        "        if False:",
    ),
    Bug(
        "an unsigned notification is believed",
        PROCESS,
        '        signed = row["verdict"] == Verdict.SIGNED',
        "        signed = True",
    ),
    Bug(
        "a forged notification is read like any other",
        RECEIVE,
        "        forged = judged.verdict is Verdict.FORGED",
        "        forged = False\n        judged = Authenticity(Verdict.SIGNED, judged.reason)",
    ),
    # ── what is known is lost ───────────────────────────────────────────────────────────────────────────────────
    Bug(
        "succeeded can become failed",
        TRANSACTION,
        "            if attempt.status is AttemptStatus.SUCCEEDED:\n                step = doubted(",
        '            if attempt.status is AttemptStatus.SUCCEEDED:\n                failed = replace(attempt, status=AttemptStatus.FAILED)\n                return Step(replace(transaction, status=TransactionStatus.FAILED), failed, ("failed",), changed=True)\n            if False:\n                step = doubted(',
    ),
    Bug(
        "money after the end is not taken note of",
        TRANSACTION,
        "    late = transaction.status in FINAL\n    done",
        "    late = transaction.status in FINAL\n    if late:\n        return Step(transaction, attempt)\n    done",
    ),
    Bug(
        "late money is not called late",
        TRANSACTION,
        "    late = transaction.status in FINAL\n    done",
        "    late = False\n    done",
    ),
    Bug(
        "late money stays though it should go back",
        TRANSACTION,
        "        return replace(step, refund=Cause.LATE)",
        "        return step",
    ),
    Bug(
        "nobody ends the time to pay",
        PLAN,
        "    await enqueue(\n        connection,\n        EXPIRE,",
        "    await (lambda *_, **__: __import__('asyncio').sleep(0))(\n        connection,\n        EXPIRE,",
    ),
    Bug(
        "a provider is asked once and never again",
        FOLLOW,
        "        raise Snooze(self._pause(after))",
        "        return",
    ),
    Bug(
        "the end of the session ends the attempt",
        FOLLOW,
        '        if attempt is None or attempt["status"] not in OPEN:\n            return\n        after',
        '        if attempt is None or attempt["status"] not in OPEN:\n            return\n        if (self.clock.now() - attempt["created_at"]).total_seconds() > 1800:\n            return\n        after',
    ),
    Bug(
        "nobody is called for what stays open",
        FOLLOW,
        "        if age < timedelta(seconds=self.limits.unresolved_after_seconds):",
        "        if age >= timedelta(0):",
    ),
    # ── twice ───────────────────────────────────────────────────────────────────────────────────────────────────
    Bug(
        "a provider that takes every order is sent it again",
        FOLLOW,
        "            case Resend.NEVER:\n                return False",
        "            case Resend.NEVER:\n                return isinstance(answer.word, Missing)",
    ),
    Bug(
        "an invoice is made again although one is kept",
        (
            FOLLOW,
            '                return attempt["provider_reference"] is None',
            "                return True",
        ),
        (LEDGER, "AND provider_reference IS NULL AND sends = $4", "AND sends = $4"),
        (
            "storm.model",
            "        if order.provider_reference is not None:\n            return await self.verify(order)\n",
            "",
        ),
    ),
    Bug(
        "a send leaves though its lease is over",
        SEND,
        "            if asyncio.get_running_loop().time() >= lease_ends:\n                raise TimeoutError\n"
        "            async with asyncio.timeout_at(lease_ends):",
        "            async with asyncio.timeout(3600):",
        faults={"stall": 0.02},
    ),
    Bug(
        "a send is permitted while another is under way",
        (
            LEDGER,
            "  AND (in_flight_until IS NULL OR in_flight_until < now()) AND {may_resend}",
            "  AND {may_resend}",
        ),
        (FOLLOW, 'if attempt["status"] != AttemptStatus.UNKNOWN or self._in_flight(attempt):', "if False:"),
    ),
    Bug(
        "two processes are permitted the same send",
        (
            LEDGER,
            "  AND (in_flight_until IS NULL OR in_flight_until < now()) AND {may_resend}",
            "  AND {may_resend}",
        ),
        (
            LEDGER,
            "WHERE merchant_id = $1 AND id = $2 AND sends = $3 AND status = 'unknown'",
            "WHERE merchant_id = $1 AND id = $2 AND $3::int > 0 AND status = 'unknown'",
        ),
        faults={"stall": 0.02, "lose_request": 0.3, "lose_callback": 0.9},
    ),
    Bug(
        "the order is sent again after the payer has gone",
        (FOLLOW, "<= timedelta(seconds=self.limits.resend_window_seconds)", "<= timedelta(days=1)"),
        (LEDGER, "AND t.expires_at > now()", "AND t.expires_at > now() - make_interval(secs => 86400)"),
    ),
    Bug(
        "the key is not taken",
        CHECKOUT,
        "ON CONFLICT DO NOTHING RETURNING true",
        "ON CONFLICT (merchant_id, mode, key) DO UPDATE SET response = NULL RETURNING true",
    ),
    Bug(
        "the same key for something else is let through",
        IDEMPOTENCY,
        '        if row["fingerprint"] != claim.fingerprint:\n            raise KeyReused\n',
        "",
    ),
    Bug(
        "a refund reserves nothing",
        LEDGER,
        "  AND refund_reserved_minor + $4 <= amount_minor\n",
        "",
    ),
    Bug(
        "a failed refund keeps its reserve",
        RECORD_OUT,
        "    elif before in OPEN:\n        await connection.execute(store.REFUND_RELEASE, *arguments)\n",
        "",
    ),
    Bug(
        "what a refund gave free is given free twice",
        RECORD_OUT,
        "    if before is after or after in OPEN or not",
        "    if after in OPEN or not",
    ),
    Bug(
        "the payment is not locked while a word is judged",
        LEDGER,
        "SELECT {_TRANSACTION_COLUMNS} {_JOIN} WHERE t.merchant_id = $1 AND t.id = $2 FOR UPDATE OF t",
        "SELECT {_TRANSACTION_COLUMNS} {_JOIN} WHERE t.merchant_id = $1 AND t.id = $2",
    ),
    Bug(
        "a second attempt may begin while one is open",
        (CONFIRM, 'if live or over or row["status"] not in _CONFIRMABLE:', "if over:"),
        (TABLES, '"transaction_id",\n        unique=True,', '"transaction_id",\n        unique=False,'),
    ),
    Bug(
        "one order can be paid for twice under two keys",
        (LEDGER, "ON CONFLICT (merchant_id, mode, reference) DO NOTHING", ""),
        (
            TABLES,
            '    UniqueConstraint("merchant_id", "mode", "reference"),\n    CheckConstraint(\n        "status IN (\'req',
            "    CheckConstraint(\n        \"status IN ('req",
        ),
    ),
    Bug(
        "a payout is sent again to who takes every order",
        "afriflow.checkout.call",
        "else opened.spec.payout_resend",
        "else Resend.ALWAYS",
    ),
    Bug(
        "a payment is cancelled while an attempt is open",
        SESSION,
        'if row["status"] in FINAL or any(attempt["status"] in LIVE for attempt in attempts):',
        'if row["status"] in FINAL:',
    ),
    # ── nobody is told ──────────────────────────────────────────────────────────────────────────────────────────
    Bug(
        "every answer of the shop counts as heard",
        DELIVER,
        "        return self.status is not None and 200 <= self.status < 300",
        "        return self.status is not None",
    ),
    Bug(
        "what was heard can be unheard",
        DELIVERY,
        "           status = CASE WHEN status = 'waiting' OR $7 = 'delivered' THEN $7 ELSE status END,",
        "           status = $7,",
        faults={"stall": 0.02, "shop_deaf": 0.5},
    ),
    Bug(
        "one try is enough",
        DELIVER,
        'row["tries"] >= len(ladder)',
        'row["tries"] >= 1',
    ),
    Bug(
        "later news overtakes earlier news",
        DELIVERY,
        "AND sequence < $4 AND status = 'waiting'",
        "AND sequence < $4 AND status = 'nothing'",
    ),
    Bug(
        "an event has no job",
        STAGE,
        "    await enqueue(connection, TASK, payload, key=delivery_key(delivery_id), priority=priority)\n",
        "",
    ),
    Bug(
        "numbers are given twice",
        RECORD,
        'row["sequence"] + len(told),',
        'row["sequence"],',
    ),
    Bug(
        "a notification is kept without its job",
        RECEIVE,
        "                if not forged:\n                    payload",
        "                if False:\n                    payload",
    ),
    Bug(
        "a notification counts as read before it is",
        PROCESS,
        "                outcomes = [\n                    await self._apply",
        '                await self._handled(row, attempts[0], "handled", "")\n                outcomes = [\n                    await self._apply',
    ),
    Bug(
        "an attempt has no follow-up",
        PLAN,
        "        await enqueue(\n            connection,\n            FOLLOW,",
        "        await (lambda *_, **__: __import__('asyncio').sleep(0))(\n            connection,\n            FOLLOW,",
    ),
)


def plant(bug: Bug) -> None:
    """Make this process import the product with the bug in it; nothing of the product may be imported yet.

    Raises ValueError when a text that it changes does not stand there exactly once.
    """
    for module, _, _ in bug.edits:
        if module in sys.modules:
            raise ValueError(f"{module} is imported already")
    sys.meta_path.insert(0, _Finder(bug))


def misfits(bug: Bug) -> list[str]:
    """Say which of the bug's texts are not the product's any more."""
    found: list[str] = []
    for module, old, _ in bug.edits:
        spec = importlib.util.find_spec(module)
        text = Path(spec.origin).read_text("utf-8") if spec and spec.origin else ""
        if text.count(old) != 1:
            found.append(f"{bug.name}: its text stands {text.count(old)} times in {module}")
    return found


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, bug: Bug) -> None:
        self._bug = bug

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> Any:
        edits = [edit for edit in self._bug.edits if edit[0] == fullname]
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target) if edits else None
        if spec is None or spec.origin is None:
            return None
        spec.loader = _Loader(fullname, spec.origin, edits)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, edits: list[Edit]) -> None:
        super().__init__(fullname, path)
        self._edits = edits

    def path_stats(self, path: str) -> Any:
        raise OSError  # no compiled file stands for this text

    def get_data(self, path: str) -> bytes:
        content = super().get_data(path)
        for _, old, new in self._edits:
            if content.count(old.encode()) != 1:
                raise ValueError(f"the text to change is not in {path}")
            content = content.replace(old.encode(), new.encode())
        return content
