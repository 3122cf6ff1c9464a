"""The SQL of looking again at payments that were routed."""

# Newest first, by the key of the list of payments. $3: ids below this one; NULL = from the newest.
ROUTED = """
SELECT t.id, t.created_at, t.amount_minor, t.currency, t.routing,
       m.type AS method_type, m.country AS method_country, m.operator AS method_operator
FROM transactions t
LEFT JOIN payment_methods m ON m.merchant_id = t.merchant_id AND m.id = t.payment_method_id
WHERE t.merchant_id = $1 AND t.mode = $2 AND ($3::text IS NULL OR t.id < $3)
ORDER BY t.id DESC LIMIT $4
"""
