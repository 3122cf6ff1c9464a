"""The SQL of what people do to an endpoint after it was made."""

ENDPOINT_LOCK = """
SELECT merchant_id, id, mode, url, description, types, sealed_secret, old_secret_until, disabled_at
FROM webhook_endpoints WHERE merchant_id = $1 AND mode = $2 AND id = $3 FOR UPDATE
"""
# Of what came while it wanted less or was off it was not told: what it hears without a gap begins anew.
ENDPOINT_CHANGE = """
UPDATE webhook_endpoints SET url = $4, description = $5, types = $6,
       hears_since = CASE WHEN types IS NOT DISTINCT FROM $6 AND (disabled_at IS NULL OR NOT $7) THEN hears_since ELSE now() END,
       disabled_at = CASE WHEN $7 THEN NULL ELSE coalesce(disabled_at, now()) END,
       disabled_why = CASE WHEN $7 THEN NULL ELSE coalesce(disabled_why, $8) END
WHERE merchant_id = $1 AND mode = $2 AND id = $3
"""
ENDPOINT_ROTATE = """
UPDATE webhook_endpoints SET sealed_secret = $4, sealed_old_secret = $5, old_secret_until = $6
WHERE merchant_id = $1 AND mode = $2 AND id = $3
"""
