"""The SQL of merchants, keys and provider accounts."""

MERCHANT_INSERT = """
INSERT INTO merchants (merchant_id, name, country, language) VALUES ($1, $2, $3, $4)
"""
MERCHANT = "SELECT merchant_id, name, country, language FROM merchants WHERE merchant_id = $1"

MERCHANT_PROMPTS = "UPDATE merchants SET prompts_unlimited = $2 WHERE merchant_id = $1"

ACCOUNT_COLUMNS = """
merchant_id, id, mode, provider, base_url, config, sealed, priority, bounds, forced, standings, paused_at, paused_by, paused_why,
created_at
"""
ACCOUNT_UPSERT = """
INSERT INTO provider_accounts (merchant_id, id, mode, provider, base_url, config, sealed, priority)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (merchant_id, id) DO UPDATE
SET base_url = excluded.base_url, config = excluded.config, sealed = excluded.sealed, priority = excluded.priority
"""
ACCOUNTS = f"""
SELECT {ACCOUNT_COLUMNS} FROM provider_accounts WHERE merchant_id = $1 AND mode = $2 ORDER BY priority, id
"""
ACCOUNT = f"SELECT {ACCOUNT_COLUMNS} FROM provider_accounts WHERE merchant_id = $1 AND id = $2"
ACCOUNT_OWNER = "SELECT merchant_id FROM provider_accounts WHERE id = $1 AND provider = $2"
ACCOUNTS_OF_ALL = f"SELECT {ACCOUNT_COLUMNS} FROM provider_accounts ORDER BY merchant_id, id"
ACCOUNT_BOUNDS = "UPDATE provider_accounts SET bounds = $3 WHERE merchant_id = $1 AND id = $2"
# Of all merchants: for whoever runs the installation, at a terminal.
ACCOUNTS_OF_PROVIDER = """
SELECT merchant_id, id FROM provider_accounts WHERE provider = $1 ORDER BY merchant_id, mode, priority, id
"""
ACCOUNT_PAUSE = """
UPDATE provider_accounts SET paused_at = now(), paused_by = $4, paused_why = $5
WHERE merchant_id = $1 AND mode = $2 AND id = $3
"""
ACCOUNT_RESUME = """
UPDATE provider_accounts SET paused_at = NULL, paused_by = NULL, paused_why = NULL
WHERE merchant_id = $1 AND mode = $2 AND id = $3
"""
ACCOUNT_FORCED_LOCK = """
SELECT forced FROM provider_accounts WHERE merchant_id = $1 AND mode = $2 AND id = $3 FOR UPDATE
"""
ACCOUNT_FORCED = "UPDATE provider_accounts SET forced = $3 WHERE merchant_id = $1 AND id = $2"

LATE_POLICY = "SELECT late_success FROM merchant_policies WHERE merchant_id = $1 AND mode = $2"
LATE_POLICY_PUT = """
INSERT INTO merchant_policies (merchant_id, mode, late_success, updated_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id, mode) DO UPDATE
SET late_success = excluded.late_success, updated_by = excluded.updated_by, updated_at = now()
"""
