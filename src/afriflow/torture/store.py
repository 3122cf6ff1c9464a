"""The SQL with which a torture looks at what it did."""

UNDER_WAY = """
SELECT 'session' AS kind, merchant_id, id AS reference FROM transactions
WHERE status IN ('requires_payment_method', 'requires_action', 'processing')
UNION ALL
SELECT 'attempt', merchant_id, reference FROM attempts WHERE status IN ('planned', 'unknown', 'pending')
UNION ALL
SELECT CASE status WHEN 'unknown' THEN 'never arrived' ELSE 'money out' END, merchant_id, reference FROM disbursements
WHERE status IN ('unknown', 'pending')
UNION ALL
SELECT 'delivery', merchant_id, id FROM deliveries WHERE status = 'waiting'
UNION ALL
SELECT 'notification', merchant_id, id FROM webhook_events WHERE status = 'received'
"""
PAYMENTS = """
SELECT t.merchant_id, t.id, t.status, t.late, t.needs_review, t.sequence,
       coalesce(array_agg(a.reference) FILTER (WHERE a.id IS NOT NULL), '{}') AS attempts
FROM transactions t LEFT JOIN attempts a ON a.merchant_id = t.merchant_id AND a.transaction_id = t.id
GROUP BY t.merchant_id, t.id
"""
MONEY_OUT = """
SELECT merchant_id, id, kind, status, false AS late, needs_review, sequence, reference FROM disbursements
"""
# A worker that lives says so every few seconds: how old its last word is, of the job that waits longest for another.
OLDEST_HEARTBEAT = """
SELECT extract(epoch FROM max(now() - heartbeat)) FROM jobs.pgqueuer WHERE status = 'picked'
"""
