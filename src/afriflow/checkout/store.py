"""The SQL of idempotency keys."""

KEY_READ = """
SELECT fingerprint, object_id, response, created_at < now() - make_interval(secs => $4) AS lease_is_over
FROM idempotency_keys WHERE merchant_id = $1 AND mode = $2 AND key = $3
"""
KEY_CLAIM = """
INSERT INTO idempotency_keys (merchant_id, mode, key, fingerprint, object_id)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING true
"""
KEY_ANSWER = """
UPDATE idempotency_keys SET response = $4
WHERE merchant_id = $1 AND mode = $2 AND key = $3 AND response IS NULL
"""
