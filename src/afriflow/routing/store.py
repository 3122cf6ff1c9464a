"""The SQL of routing: rules, how orders ended lately, and the numbers and history of what is told of an account."""

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

# Of all merchants, by the clock. $1: seconds that count, $2: half-life, $3: failures that tell against a provider,
# $4: codes that are ours. What began longer ago tells of that time and not of now.
STANDINGS_MEASURE = """
WITH ended AS (
    SELECT a.merchant_id, a.account_id, 'initiate' AS operation, a.payment_method_id, a.status, a.failure, a.finished_at
    FROM transactions t JOIN attempts a ON a.merchant_id = t.merchant_id AND a.transaction_id = t.id
    WHERE t.updated_at > now() - make_interval(secs => $1) AND a.finished_at > now() - make_interval(secs => $1)
      AND a.created_at > now() - make_interval(secs => $1)
    UNION ALL
    SELECT d.merchant_id, d.account_id, 'disburse', d.payment_method_id, d.status, d.failure, d.finished_at
    FROM disbursements d
    WHERE d.updated_at > now() - make_interval(secs => $1) AND d.finished_at > now() - make_interval(secs => $1)
      AND d.created_at > now() - make_interval(secs => $1)
), weighed AS (
    SELECT e.merchant_id, e.account_id, e.operation, nullif(m.operator, '') AS operator, e.status = 'succeeded' AS is_good,
           power(0.5, extract(epoch FROM now() - e.finished_at)::float8 / $2::int) AS weight
    FROM ended e JOIN payment_methods m ON m.merchant_id = e.merchant_id AND m.id = e.payment_method_id
    WHERE e.status = 'succeeded' OR (
        e.failure->>'code' = ANY($3::text[]) AND coalesce(e.failure->>'provider_code', '') <> ALL($4::text[])
    )
), measured AS (
    SELECT merchant_id, account_id, operation, operator,
           coalesce(sum(weight) FILTER (WHERE is_good), 0) AS good,
           coalesce(sum(weight) FILTER (WHERE NOT is_good), 0) AS bad
    FROM weighed GROUP BY merchant_id, account_id, operation, operator
)
UPDATE provider_accounts p SET standings = found.standings FROM (
    SELECT merchant_id, account_id, jsonb_agg(jsonb_build_object(
               'operation', operation, 'operator', operator, 'good', good, 'bad', bad, 'measured_at', now()
           ) ORDER BY operation, operator) AS standings
    FROM measured GROUP BY merchant_id, account_id
) found
WHERE p.merchant_id = found.merchant_id AND p.id = found.account_id
"""
