"""The SQL of API keys."""

# scopes: NULL = every permission there is, also those that are still to come.
KEY_INSERT = """
INSERT INTO api_keys (key_hash, merchant_id, mode, id, hint, name, scopes, made_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9))
"""
KEY_OWNER = """
SELECT k.merchant_id, k.mode, k.id, k.scopes, m.name, m.country, m.language,
       coalesce(k.expires_at <= now(), false) AS expired,
       coalesce(k.used_at < now() - make_interval(secs => $2), true) AS use_is_news
FROM api_keys k JOIN merchants m USING (merchant_id)
WHERE k.key_hash = $1 AND k.revoked_at IS NULL
"""
# The condition again, for whoever waited for another process that wrote it.
KEY_USED = """
UPDATE api_keys SET used_at = now()
WHERE merchant_id = $1 AND id = $2 AND coalesce(used_at < now() - make_interval(secs => $3), true)
"""
KEY_COLUMNS = """
id, mode, hint, name, scopes, made_by, created_at, expires_at, used_at, revoked_at, replaced_by,
coalesce(expires_at <= now(), false) AS expired, extract(epoch FROM expires_at - created_at)::float8 AS lifetime_seconds
"""
KEYS = f"SELECT {KEY_COLUMNS} FROM api_keys WHERE merchant_id = $1 AND mode = $2 ORDER BY id DESC"
KEY_LOCK = f"SELECT {KEY_COLUMNS} FROM api_keys WHERE merchant_id = $1 AND mode = $2 AND id = $3 FOR UPDATE"
# Only ever sooner: what expires in an hour is not given a day by being replaced.
KEY_REPLACED = """
UPDATE api_keys SET replaced_by = $3, expires_at = least(expires_at, now() + make_interval(secs => $4))
WHERE merchant_id = $1 AND id = $2
"""
KEY_REVOKE = """
UPDATE api_keys SET revoked_at = now() WHERE merchant_id = $1 AND mode = $2 AND id = $3 AND revoked_at IS NULL
"""
KEY_PLACE = "SELECT merchant_id, mode FROM api_keys WHERE id = $1"
