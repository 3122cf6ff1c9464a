"""The SQL of routing: rules, and the numbers and history of what is told of an account."""

RULES = "SELECT rules FROM routing_rules WHERE merchant_id = $1 AND mode = $2"
RULES_PUT = """
INSERT INTO routing_rules (merchant_id, mode, rules) VALUES ($1, $2, $3)
ON CONFLICT (merchant_id, mode) DO UPDATE SET rules = excluded.rules, updated_at = now()
"""

ACCOUNT_TOLD = """
UPDATE provider_accounts SET sequence = sequence + 1 WHERE merchant_id = $1 AND id = $2 RETURNING sequence
"""
ACCOUNT_CHANGES = """
SELECT payload, created_at FROM events WHERE merchant_id = $1 AND subject_id = $2 AND type = $3
ORDER BY sequence DESC LIMIT $4
"""
