"""The SQL of routing rules."""

RULES = "SELECT rules FROM routing_rules WHERE merchant_id = $1 AND mode = $2"
RULES_PUT = """
INSERT INTO routing_rules (merchant_id, mode, rules) VALUES ($1, $2, $3)
ON CONFLICT (merchant_id, mode) DO UPDATE SET rules = excluded.rules, updated_at = now()
"""
