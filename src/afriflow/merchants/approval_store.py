"""The SQL of from which amount on a merchant's payouts need a second person."""

LIMITS = "SELECT approval_above FROM merchant_policies WHERE merchant_id = $1 AND mode = $2"
LIMITS_PUT = """
INSERT INTO merchant_policies (merchant_id, mode, approval_above, updated_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id, mode) DO UPDATE
SET approval_above = excluded.approval_above, updated_by = excluded.updated_by, updated_at = now()
"""
