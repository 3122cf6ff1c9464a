"""What must hold of every row at every moment: each rule by name, with the promise it keeps and how it is checked.

What no row can show is kept elsewhere and not here: that nothing is sent before its intent is committed (S2), that
what was answered is on disk (S10), that a stale worker changes no row (S12, of which the gapless story is the trace).
The sentences that people read stand in `core/language`, under `audit`.
"""

from dataclasses import dataclass
from enum import Enum

from afriflow.reconcile import rules_store as sql


class Reach(Enum):
    """What a rule looks at: what changed in a window, all that is open, or everything (by command alone)."""

    CHANGED = "changed"
    OPEN = "open"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Rule:
    """One invariant. promise: its number in the list of invariants. query: gives merchant_id, subject_id, detail."""

    name: str
    promise: str
    query: str
    reach: Reach = Reach.CHANGED


RULES = (
    Rule("one_live_attempt", "S1", sql.ONE_LIVE_ATTEMPT),
    Rule("one_id_one_body", "S3", sql.ONE_ID_ONE_BODY),
    Rule("reference_leads_back", "S3", sql.REFERENCE_LEADS_BACK),
    Rule("ended_on_evidence", "S4", sql.ENDED_ON_EVIDENCE),
    Rule("session_ended_in_story", "S4", sql.SESSION_ENDED_IN_STORY),
    Rule("order_as_told", "S4", sql.ORDER_AS_TOLD),
    Rule("transaction_as_told", "S4", sql.TRANSACTION_AS_TOLD),
    Rule("nothing_live_in_failed", "S4", sql.NOTHING_LIVE_IN_FAILED),
    Rule("next_only_after_end", "S5", sql.NEXT_ONLY_AFTER_END),
    Rule("success_stays", "S6", sql.SUCCESS_STAYS),
    Rule("paid_by_one_attempt", "S6", sql.PAID_BY_ONE_ATTEMPT),
    Rule("paid_exactly", "S7", sql.PAID_EXACTLY),
    Rule("refunds_add_up", "S8", sql.REFUNDS_ADD_UP),
    Rule("key_names_one", "S9", sql.KEY_NAMES_ONE),
    Rule("key_leads_somewhere", "S9", sql.KEY_LEADS_SOMEWHERE, Reach.EVERYTHING),
    Rule("callback_once", "S11", sql.CALLBACK_ONCE),
    Rule("story_gapless", "S12", sql.STORY_GAPLESS),
    Rule("modes_never_meet", "S13", sql.MODES_NEVER_MEET),
    Rule("nobody_asked_too_late", "S16", sql.NOBODY_ASKED_TOO_LATE),
    Rule("open_is_followed", "L1", sql.OPEN_IS_FOLLOWED, Reach.OPEN),
    Rule("session_will_end", "L1", sql.SESSION_WILL_END, Reach.OPEN),
    Rule("processing_has_attempt", "L1", sql.PROCESSING_HAS_ATTEMPT, Reach.OPEN),
    Rule("notification_will_be_read", "L1", sql.NOTIFICATION_WILL_BE_READ, Reach.OPEN),
    Rule("events_gapless", "L2", sql.EVENTS_GAPLESS),
    Rule("end_is_told", "L2", sql.END_IS_TOLD),
    Rule("event_for_every_endpoint", "L2", sql.EVENT_FOR_EVERY_ENDPOINT),
    Rule("delivery_will_come", "L2", sql.DELIVERY_WILL_COME, Reach.OPEN),
)
