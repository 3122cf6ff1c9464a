"""The SQL of what is measured of the whole house: counts and ages of what is open, of all merchants together."""

# All of these go through partial indexes of what is open, which stay small however old the house is.
ORDERS_OPEN = """
SELECT kind, mode, provider, status, count(*) AS count, extract(epoch FROM now() - min(created_at)) AS age_seconds
FROM (
    SELECT 'payment' AS kind, mode, provider, status, created_at FROM attempts
    WHERE status IN ('planned', 'unknown', 'pending')
    UNION ALL
    SELECT kind, mode, provider, status, created_at FROM disbursements WHERE status IN ('unknown', 'pending')
) o
GROUP BY kind, mode, provider, status
"""
INBOX = """
SELECT provider, count(*) AS count, extract(epoch FROM now() - min(received_at)) AS age_seconds
FROM webhook_events WHERE status = 'received' GROUP BY provider
"""
DELIVERIES = """
SELECT count(*) AS count, coalesce(extract(epoch FROM now() - min(created_at)), 0) AS age_seconds
FROM deliveries WHERE status = 'waiting'
"""
ACCOUNT_PROVIDERS = "SELECT id, provider FROM provider_accounts WHERE id = ANY($1::text[])"
