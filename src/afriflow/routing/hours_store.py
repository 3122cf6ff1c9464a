"""The SQL of how calls and orders went, hour by hour."""

# Of all merchants, by the clock. The hour before is counted again: a call is kept when it has ended.
BEGIN = """
SELECT greatest(
    (SELECT max(hour) FROM account_hours) - make_interval(hours => 1),
    date_trunc('hour', now() - make_interval(days => $1), 'UTC')
) AS begin, now() AS now
"""
# $1, $2: from and until. $3: slow above so many ms. $4: failures that tell against a provider. $5: codes that are ours.
MEASURE = """
WITH said AS (
    SELECT l.merchant_id, l.account_id, date_trunc('hour', l.created_at, 'UTC') AS hour, 'call' AS kind, l.operation,
           coalesce(m.operator, '') AS operator,
           coalesce(l.status < 500 AND l.status <> 429, false) AS good, l.duration_ms > $3 AS slow,
           l.duration_ms AS milliseconds
    FROM provider_logs l
    LEFT JOIN attempts a ON a.merchant_id = l.merchant_id AND a.id = l.attempt_id
    LEFT JOIN disbursements d ON d.merchant_id = l.merchant_id AND d.id = l.attempt_id
    LEFT JOIN payment_methods m
           ON m.merchant_id = l.merchant_id AND m.id = coalesce(a.payment_method_id, d.payment_method_id)
    WHERE l.created_at >= $1 AND l.created_at < $2
), ended AS (
    SELECT a.merchant_id, a.account_id, a.payment_method_id, 'initiate' AS operation, a.status, a.failure, a.created_at, a.finished_at
    FROM transactions t JOIN attempts a ON a.merchant_id = t.merchant_id AND a.transaction_id = t.id
    WHERE t.updated_at >= $1 AND a.finished_at >= $1 AND a.finished_at < $2
    UNION ALL
    SELECT d.merchant_id, d.account_id, d.payment_method_id, 'disburse', d.status, d.failure, d.created_at, d.finished_at
    FROM disbursements d WHERE d.updated_at >= $1 AND d.finished_at >= $1 AND d.finished_at < $2
), went AS (
    SELECT * FROM said
    UNION ALL
    SELECT e.merchant_id, e.account_id, date_trunc('hour', e.finished_at, 'UTC'), 'order', e.operation,
           m.operator, e.status = 'succeeded', false,
           (extract(epoch FROM e.finished_at - e.created_at) * 1000)::bigint
    FROM ended e JOIN payment_methods m ON m.merchant_id = e.merchant_id AND m.id = e.payment_method_id
    WHERE e.status = 'succeeded' OR (
        e.failure->>'code' = ANY($4::text[]) AND coalesce(e.failure->>'provider_code', '') <> ALL($5::text[])
    )
)
INSERT INTO account_hours (merchant_id, account_id, hour, kind, operation, operator, total, good, slow, milliseconds)
SELECT merchant_id, account_id, hour, kind, operation, operator,
       count(*), count(*) FILTER (WHERE good), count(*) FILTER (WHERE slow), sum(milliseconds)
FROM went GROUP BY merchant_id, account_id, hour, kind, operation, operator
ON CONFLICT (merchant_id, account_id, hour, kind, operation, operator) DO UPDATE
SET total = excluded.total, good = excluded.good, slow = excluded.slow, milliseconds = excluded.milliseconds
"""
# Of all merchants, by the clock.
FORGET = "DELETE FROM account_hours WHERE hour < now() - make_interval(days => $1)"

HOURS = """
SELECT hour, kind, operation, operator, total, good, slow, milliseconds FROM account_hours
WHERE merchant_id = $1 AND account_id = $2 AND hour >= $3
ORDER BY kind DESC, operation, operator, hour
"""
