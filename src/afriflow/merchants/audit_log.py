"""Who did what, when: entries that are only ever added, each holding the hash of the one before.

Whoever changes, removes or inserts an entry afterwards breaks the chain from there on, and `verify` says where. Whoever
cuts its end off contradicts the head, or, where the head was changed with it, an anchor that somebody kept elsewhere.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import msgspec

from afriflow.db.engine import Connection, one
from afriflow.merchants import audit_log_store as store

BEGINNING = bytes(32)  # what the first entry of a chain holds as the hash before it
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. sequence: 1, 2, 3, … within its merchant. subject: the id of what was acted on."""

    sequence: int
    at: datetime
    who: str
    action: str
    subject: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is narrowed to; None = any. since, until: UTC. before: entries with a smaller sequence."""

    who: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain has come: an anchor, once it is kept where whoever may write to the database may not."""

    merchant_id: str
    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a chain was found. broken_at: the sequence of the first entry that is not as it was written; None = whole.

    why: gap, changed, unlinked, cut_off (the head is ahead), ahead (the head is behind), not_as_anchored.
    """

    head: Head
    broken_at: int | None = None
    why: str | None = None


async def write(
    connection: Connection,
    *,
    merchant_id: str,
    who: str,
    action: str,
    subject: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry in the caller's transaction, in which the act itself happens: both or neither.

    Writers of one merchant wait for each other until the transaction ends, so call it last. who: a key's id, a
    person's address, or `terminal:` and a name. action: noun.verb, such as `account.paused`. details: what changed,
    never a secret.
    """
    head = await one(connection, store.AUDIT_HEAD_LOCK, merchant_id, BEGINNING)
    sequence, said = head["sequence"] + 1, msgspec.json.encode(details or {}, order="deterministic").decode()
    act = (merchant_id, sequence, head["at"], who, action, subject, said)
    made = hash_of(*act, head["hash"])
    await connection.execute(store.AUDIT_ENTRY_INSERT, *act, head["hash"], made)
    await connection.execute(store.AUDIT_HEAD_MOVE, merchant_id, sequence, made)


def hash_of(
    merchant_id: str,
    sequence: int,
    at: datetime,
    who: str,
    action: str,
    subject: str,
    details: str,
    previous_hash: bytes,
) -> bytes:
    """Hash an entry: SHA-256 of a JSON array of what it says, so that anybody can compute it without us."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    said = [merchant_id, sequence, moment, who, action, subject, details, previous_hash.hex()]
    return hashlib.sha256(msgspec.json.encode(said)).digest()


async def entries(connection: Connection, merchant_id: str, wanted: Wanted, limit: int) -> list[Entry]:
    """List a merchant's entries, newest first."""
    narrowed = {
        item.name: getattr(wanted, item.name)
        for item in fields(wanted)
        if getattr(wanted, item.name) is not None
    }
    rows = await connection.fetch(store.entries(list(narrowed)), merchant_id, *narrowed.values(), limit)
    return [
        Entry(
            row["sequence"],
            row["at"],
            row["who"],
            row["action"],
            row["subject"],
            msgspec.json.decode(row["details"], type=dict[str, Any]),
        )
        for row in rows
    ]


async def heads(connection: Connection) -> list[Head]:
    """Give how far every merchant's chain has come: the anchors to keep elsewhere."""
    rows = await connection.fetch(store.AUDIT_HEADS)
    return [Head(row["merchant_id"], row["sequence"], row["hash"]) for row in rows]


async def verify(connection: Connection, anchors: Mapping[str, Head] | None = None) -> list[Verdict]:
    """Recompute every chain from its beginning.

    connection: of a snapshot where others write meanwhile. anchors: heads as they were once, by merchant.
    """
    said = {head.merchant_id: head for head in await heads(connection)}
    known = anchors or {}
    there = {row["merchant_id"] for row in await connection.fetch(store.AUDIT_MERCHANTS)}
    return [
        await _verify_one(connection, said.get(name, Head(name, 0, BEGINNING)), known.get(name))
        for name in sorted(there | set(said) | set(known))
    ]


async def _verify_one(connection: Connection, head: Head, anchor: Head | None) -> Verdict:
    """Follow one chain until it breaks or ends."""
    last = Head(head.merchant_id, 0, BEGINNING)
    while rows := await connection.fetch(store.AUDIT_CHAIN, head.merchant_id, last.sequence, _AT_ONCE):
        for row in rows:
            why = None
            if row["sequence"] != last.sequence + 1:
                why = "gap"
            elif hash_of(*tuple(row)[:8]) != row["hash"]:
                why = "changed"
            elif row["previous_hash"] != last.hash:
                why = "unlinked"
            elif anchor is not None and anchor.sequence == row["sequence"] and anchor.hash != row["hash"]:
                why = "not_as_anchored"
            if why is not None:
                return Verdict(last, last.sequence + 1, why)
            last = Head(head.merchant_id, row["sequence"], row["hash"])
    if head.sequence > last.sequence or (anchor is not None and anchor.sequence > last.sequence):
        return Verdict(last, last.sequence + 1, "cut_off")
    if head != last:
        return Verdict(last, head.sequence + 1, "ahead")
    return Verdict(last)
