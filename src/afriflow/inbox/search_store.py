"""The SQL of lists of notifications. Each kind is read from its own end of one index: see `delivery.search_store`."""

PROVIDERS = (
    "SELECT DISTINCT provider FROM provider_accounts WHERE merchant_id = $1 AND mode = $2 ORDER BY provider"
)
_ABOUT = """
coalesce(n.transaction_id, a.transaction_id) AS subject_id, t.reference, t.amount_minor, t.currency
"""
_JOINS = """
LEFT JOIN attempts a ON a.merchant_id = $1 AND a.id = n.attempt_id
LEFT JOIN transactions t ON t.merchant_id = $1 AND t.id = coalesce(n.transaction_id, a.transaction_id)
"""
NOTIFICATIONS = f"""
WITH found AS (
    SELECT k.* FROM unnest($3::text[]) AS p(provider) CROSS JOIN unnest($4::text[]) AS v(verdict)
    CROSS JOIN unnest($5::text[]) AS s(status) CROSS JOIN LATERAL (
        SELECT id, provider, account_id, verdict, status, outcome, transaction_id, attempt_id, received_at
        FROM webhook_events
        WHERE merchant_id = $1 AND mode = $2 AND provider = p.provider AND verdict = v.verdict
          AND status >= s.status AND (status, id) < (s.status, $6)
        ORDER BY status DESC, id DESC LIMIT $7
    ) k ORDER BY k.id DESC LIMIT $7
)
SELECT n.id, n.provider, n.account_id, n.verdict, n.status, n.outcome, n.attempt_id, n.received_at, {_ABOUT}
FROM found n {_JOINS} ORDER BY n.id DESC
"""
NOTIFICATION = f"""
SELECT n.merchant_id, n.id, n.provider, n.account_id, n.method, n.path, n.headers, n.body, n.verdict, n.verdict_reason,
       n.status, n.outcome, n.attempt_id, n.received_at, n.handled_at, {_ABOUT}
FROM webhook_events n {_JOINS} WHERE n.merchant_id = $1 AND n.mode = $2 AND n.id = $3
"""
