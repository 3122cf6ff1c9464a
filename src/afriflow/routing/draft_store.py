"""The SQL of rules in the making, and of putting them in force."""

RULES_LOCK = "SELECT rules FROM routing_rules WHERE merchant_id = $1 AND mode = $2 FOR UPDATE"

DRAFT = "SELECT rules, revision, by, at FROM routing_drafts WHERE merchant_id = $1 AND mode = $2"
DRAFT_BEGIN = """
INSERT INTO routing_drafts (merchant_id, mode, rules, revision, by) VALUES ($1, $2, $3, 1, $4)
ON CONFLICT (merchant_id, mode) DO UPDATE
SET rules = excluded.rules, revision = routing_drafts.revision + 1, by = excluded.by, at = now()
"""
DRAFT_CHANGE = """
UPDATE routing_drafts SET rules = $4, revision = revision + 1, by = $5, at = now()
WHERE merchant_id = $1 AND mode = $2 AND revision = $3
"""
DRAFT_TAKE = (
    "DELETE FROM routing_drafts WHERE merchant_id = $1 AND mode = $2 AND revision = $3 RETURNING rules"
)
