"""Rules in the making: one draft per merchant and mode, changed step by step and put in force as a whole.

Whoever works on it has seen one state of it: a step that was meant for another is refused, and nobody's work is lost.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from afriflow.core.errors import RulesChanged
from afriflow.db.engine import Connection
from afriflow.merchants import audit_log
from afriflow.merchants.audit_log import Wanted
from afriflow.merchants.keys import Caller
from afriflow.routing import draft_store as store
from afriflow.routing.route import CHANGED, rules_of, subject_of
from afriflow.routing.rules import Rules

# Versions are read from the audit log; what is older is found there.
_VERSIONS_MAX = 20


@dataclass(frozen=True, slots=True)
class Draft:
    """revision: of the state that was seen. by, at: of the last step."""

    rules: Rules
    revision: int
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """Rules as they were put in force. number: of the entry in the audit log."""

    number: int
    rules: Rules
    by: str
    at: datetime


async def draft_of(connection: Connection, caller: Caller) -> Draft | None:
    """Give the draft of the caller's mode."""
    row = await connection.fetchrow(store.DRAFT, caller.merchant_id, caller.mode)
    if row is None:
        return None
    return Draft(msgspec.convert(row["rules"], Rules), row["revision"], row["by"], row["at"])


async def begin(connection: Connection, caller: Caller, rules: Rules) -> None:
    """Begin a draft with these rules, in the place of one that there was."""
    stored = msgspec.to_builtins(rules)
    await connection.execute(store.DRAFT_BEGIN, caller.merchant_id, caller.mode, stored, caller.who)


async def change(
    connection: Connection, caller: Caller, revision: int, step: Callable[[Rules], Rules]
) -> None:
    """Take a step from the state that was seen. Raises RulesChanged."""
    draft = await draft_of(connection, caller)
    if draft is None or draft.revision != revision:
        raise RulesChanged
    stored = msgspec.to_builtins(step(draft.rules))
    done = await connection.execute(
        store.DRAFT_CHANGE, caller.merchant_id, caller.mode, revision, stored, caller.who
    )
    if done == "UPDATE 0":
        raise RulesChanged


async def take(connection: Connection, caller: Caller, revision: int) -> Rules:
    """Take the draft off the table, to throw it away or to put it in force. Raises RulesChanged."""
    stored = await connection.fetchval(store.DRAFT_TAKE, caller.merchant_id, caller.mode, revision)
    if stored is None:
        raise RulesChanged
    return msgspec.convert(stored, Rules)


async def require_in_force(connection: Connection, caller: Caller, seen: str) -> None:
    """Hold the rules in force still, as they were seen when it was decided to replace them. Raises RulesChanged."""
    await connection.fetchval(store.RULES_LOCK, caller.merchant_id, caller.mode)
    if seal_of(await rules_of(connection, caller)) != seen:
        raise RulesChanged


def seal_of(rules: Rules) -> str:
    """Give what tells one set of rules from another, for a form."""
    return hashlib.sha256(msgspec.json.encode(rules)).hexdigest()[:16]


async def versions(connection: Connection, caller: Caller) -> list[Version]:
    """List the rules that were in force, newest first, as the audit log has them."""
    wanted = Wanted(action=CHANGED, subject=subject_of(caller))
    found = await audit_log.entries(connection, caller.merchant_id, wanted, _VERSIONS_MAX)
    return [
        Version(entry.sequence, _rules_in(entry.details["after"]), entry.who, entry.at) for entry in found
    ]


async def version(connection: Connection, caller: Caller, number: int) -> Version | None:
    """Give one of them, however old; None where there is none of that number in the caller's mode."""
    wanted = Wanted(action=CHANGED, subject=subject_of(caller), before=number + 1)
    found = await audit_log.entries(connection, caller.merchant_id, wanted, 1)
    if not found or found[0].sequence != number:
        return None
    return Version(number, _rules_in(found[0].details["after"]), found[0].who, found[0].at)


def _rules_in(said: Any) -> Rules:
    return msgspec.convert({"rules": said}, Rules)
