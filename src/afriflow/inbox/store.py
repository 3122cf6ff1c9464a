"""The SQL of inbound notifications."""

EVENT_INSERT = """
INSERT INTO webhook_events (
    merchant_id, id, mode, provider, account_id, method, path, headers, body, verdict, verdict_reason, status,
    transaction_id, attempt_id, received_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
"""
EVENT = """
SELECT merchant_id, id, mode, provider, account_id, method, path, headers, body, verdict, status, transaction_id,
       attempt_id, received_at
FROM webhook_events WHERE merchant_id = $1 AND id = $2
"""
# A worker that was stopped in the middle takes back no effect that another has had meanwhile.
EVENT_HANDLED = """
UPDATE webhook_events SET status = $3, outcome = $4, transaction_id = coalesce(transaction_id, $5),
       attempt_id = coalesce(attempt_id, $6), handled_at = now()
WHERE merchant_id = $1 AND id = $2 AND (status = 'received' OR $3 = 'handled')
"""
EVENT_ADOPT = """
UPDATE webhook_events SET merchant_id = $2, mode = $3, account_id = $4, body = $5 WHERE merchant_id = '' AND id = $1
"""
