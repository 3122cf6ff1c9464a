"""The SQL of idempotency keys and of payment links."""

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

# `uses`: who has paid. `places`: who has paid, may be paying, or has just gone on, whose payment is not there yet.
_LINK_COLUMNS = """
l.merchant_id, l.id, l.mode, l.token, l.amount_minor, l.amount_min_minor, l.amount_max_minor,
l.currency, l.country, l.description, l.return_url, l.metadata, l.language, l.uses_max,
l.created_at, l.expires_at, l.disabled_at, (
  SELECT count(*) FROM payment_link_uses u JOIN transactions t ON t.merchant_id = u.merchant_id AND t.id = u.transaction_id
  WHERE u.merchant_id = l.merchant_id AND u.link_id = l.id AND t.status = 'succeeded'
) AS uses, (
  SELECT count(*) FROM payment_link_uses u
  LEFT JOIN transactions t ON t.merchant_id = u.merchant_id AND t.id = u.transaction_id
  WHERE u.merchant_id = l.merchant_id AND u.link_id = l.id
    AND CASE WHEN t.id IS NULL THEN u.began_at > now() - make_interval(secs => 60)
             ELSE t.status NOT IN ('failed', 'expired', 'cancelled') END
) AS places
"""
LINK_INSERT = """
INSERT INTO payment_links (merchant_id, id, mode, token, amount_minor, amount_min_minor, amount_max_minor, currency,
  country, description, return_url, metadata, language, uses_max, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
"""
LINK = f"SELECT {_LINK_COLUMNS} FROM payment_links l WHERE l.merchant_id = $1 AND l.mode = $2 AND l.id = $3"
LINKS = f"""
SELECT {_LINK_COLUMNS} FROM payment_links l
WHERE l.merchant_id = $1 AND l.mode = $2 AND ($3::text IS NULL OR l.id < $3) ORDER BY l.id DESC LIMIT $4
"""
# The address is all that a payer has.
LINK_BY_TOKEN = f"SELECT {_LINK_COLUMNS} FROM payment_links l WHERE l.token = $1"
LINK_DISABLE = """
UPDATE payment_links SET disabled_at = now() WHERE merchant_id = $1 AND mode = $2 AND id = $3 AND disabled_at IS NULL
"""
LINK_LOCK = "SELECT id FROM payment_links WHERE merchant_id = $1 AND id = $2 FOR UPDATE"
LINK_USE_OF_NONCE = """
SELECT number FROM payment_link_uses WHERE merchant_id = $1 AND link_id = $2 AND nonce = $3
"""
LINK_USE_INSERT = """
INSERT INTO payment_link_uses (merchant_id, link_id, number, nonce)
SELECT $1, $2, 1 + coalesce(max(number), 0), $3 FROM payment_link_uses WHERE merchant_id = $1 AND link_id = $2
RETURNING number
"""
LINK_USE_MADE = """
UPDATE payment_link_uses SET transaction_id = $4
WHERE merchant_id = $1 AND link_id = $2 AND number = $3 AND transaction_id IS NULL
"""
