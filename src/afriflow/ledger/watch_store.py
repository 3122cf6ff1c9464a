"""The SQL of what changed lately: by the indexes of time, of the merchants whose pages are looked at."""

CHANGED = """
SELECT merchant_id, mode, id AS subject_id, updated_at AS changed_at FROM transactions
WHERE updated_at > now() - make_interval(secs => $2) AND merchant_id = ANY($1::text[])
UNION ALL
SELECT merchant_id, mode, id, updated_at FROM disbursements
WHERE updated_at > now() - make_interval(secs => $2) AND merchant_id = ANY($1::text[])
UNION ALL
SELECT d.merchant_id, d.mode, d.subject_id, a.created_at
FROM delivery_attempts a JOIN deliveries d ON d.merchant_id = a.merchant_id AND d.id = a.delivery_id
WHERE a.created_at > now() - make_interval(secs => $2) AND a.merchant_id = ANY($1::text[])
"""
