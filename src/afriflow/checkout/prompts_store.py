"""The SQL of prompts, across merchants on purpose: a phone is one person's, whoever asks it to pay."""

PROMPT_LOCK = "SELECT pg_advisory_xact_lock($1)"
PROMPTS_OF_PHONE = """
SELECT extract(epoch FROM clock_timestamp() - p.asked_at)::float8 AS age_seconds,
       coalesce(t.status IN ('requires_action', 'processing'), false) AS open
FROM prompts p LEFT JOIN transactions t ON t.merchant_id = p.merchant_id AND t.id = p.transaction_id
WHERE p.mode = $1 AND p.phone_hash = $2 AND p.asked_at > clock_timestamp() - make_interval(secs => $3)
ORDER BY p.asked_at DESC LIMIT $4
"""
PROMPT_INSERT = """
INSERT INTO prompts (merchant_id, transaction_id, mode, phone_hash) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id, transaction_id) DO NOTHING
"""
PROMPTS_UNLIMITED = "SELECT prompts_unlimited FROM merchants WHERE merchant_id = $1"
PROMPTS_FORGET = "DELETE FROM prompts WHERE asked_at < now() - make_interval(secs => $1)"
