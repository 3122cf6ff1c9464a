"""The SQL of what waits for a person: payments, refunds and payouts together, oldest first, by the small indexes of what is set aside."""


def _waiting(flag: str) -> str:
    after = f"{{key}}.merchant_id = $1 AND {{key}}.mode = $2 AND {{key}}.{flag} AND ({{key}}.created_at, {{key}}.id) > ($3, $4)"
    return f"""
SELECT id, kind, status, amount_minor, currency, reference, provider, review, created_at FROM (
    (SELECT t.id, 'payment' AS kind, t.status, t.amount_minor, t.currency, t.reference, t.review, t.created_at,
            (SELECT a.provider FROM attempts a WHERE a.merchant_id = t.merchant_id AND a.transaction_id = t.id
             ORDER BY a.number DESC LIMIT 1) AS provider
     FROM transactions t WHERE {after.format(key="t")} ORDER BY t.created_at, t.id LIMIT $5)
    UNION ALL
    (SELECT d.id, d.kind, d.status, d.amount_minor, d.currency, coalesce(d.merchant_reference, d.transaction_id), NULL,
            d.created_at, d.provider
     FROM disbursements d WHERE {after.format(key="d")} ORDER BY d.created_at, d.id LIMIT $5)
) waiting ORDER BY created_at, id LIMIT $5
"""


WAITING_NEEDS_REVIEW = _waiting("needs_review")
WAITING_UNRESOLVED = _waiting("unresolved")
