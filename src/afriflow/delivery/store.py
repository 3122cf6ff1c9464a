"""The SQL of events, endpoints and deliveries."""

EVENT_INSERT = """
INSERT INTO events (merchant_id, id, mode, subject_id, sequence, type, payload)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
EVENT = """
SELECT merchant_id, id, mode, subject_id, sequence, type, payload, created_at
FROM events WHERE merchant_id = $1 AND mode = $2 AND id = $3
"""
EVENTS = """
SELECT merchant_id, id, mode, subject_id, sequence, type, payload, created_at FROM events
WHERE merchant_id = $1 AND mode = $2 AND ($3::text IS NULL OR id < $3)
  AND ($4::text IS NULL OR subject_id = $4) AND ($5::text IS NULL OR type = $5)
ORDER BY id DESC LIMIT $6
"""

ENDPOINT_INSERT = """
INSERT INTO webhook_endpoints (merchant_id, id, mode, url, sealed_secret, description, types)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
ENDPOINTS = """
SELECT merchant_id, id, mode, url, description, types, sealed_secret, sealed_old_secret, old_secret_until, created_at,
       disabled_at, disabled_why
FROM webhook_endpoints WHERE merchant_id = $1 AND mode = $2 ORDER BY id DESC
"""
ENDPOINT = """
SELECT merchant_id, id, mode, url, description, types, sealed_secret, sealed_old_secret, old_secret_until, created_at,
       disabled_at, disabled_why
FROM webhook_endpoints WHERE merchant_id = $1 AND mode = $2 AND id = $3
"""
ENDPOINT_DELETE = (
    "DELETE FROM webhook_endpoints WHERE merchant_id = $1 AND mode = $2 AND id = $3 RETURNING url"
)
ENDPOINT_DISABLE = """
UPDATE webhook_endpoints SET disabled_at = now(), disabled_why = $4
WHERE merchant_id = $1 AND mode = $2 AND id = $3 AND disabled_at IS NULL
"""
ENDPOINTS_THAT_HEAR = """
SELECT id, types FROM webhook_endpoints WHERE merchant_id = $1 AND mode = $2 AND disabled_at IS NULL
"""

DELIVERY_INSERT = """
INSERT INTO deliveries (merchant_id, id, mode, event_id, endpoint_id, subject_id, sequence, type, status)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting')
"""
DELIVERY = """
SELECT d.merchant_id, d.id, d.mode, d.event_id, d.endpoint_id, d.subject_id, d.sequence, d.status, d.tries,
       e.payload, e.type, w.url, w.sealed_secret, w.sealed_old_secret, w.old_secret_until, w.disabled_at
FROM deliveries d
JOIN events e ON e.merchant_id = d.merchant_id AND e.id = d.event_id
LEFT JOIN webhook_endpoints w ON w.merchant_id = d.merchant_id AND w.id = d.endpoint_id
WHERE d.merchant_id = $1 AND d.id = $2
"""
# A merchant hears of one payment in order: an earlier message to the same endpoint goes first.
DELIVERY_BLOCKED_UNTIL = """
SELECT max(next_try_at) FROM deliveries
WHERE merchant_id = $1 AND endpoint_id = $2 AND subject_id = $3 AND sequence < $4 AND status = 'waiting'
"""
# A worker that was stopped in the middle may come back with its answer after another has ended the delivery and its
# job: what was delivered stays so, and what was given up can only turn out to have been delivered.
DELIVERY_TRIED = """
WITH tried AS (
    UPDATE deliveries SET tries = tries + 1, next_try_at = now() + make_interval(secs => $8),
           status = CASE WHEN status = 'waiting' OR $7 = 'delivered' THEN $7 ELSE status END,
           finished_at = CASE WHEN status = 'waiting' AND $7 = 'waiting' THEN NULL ELSE coalesce(finished_at, now()) END
    WHERE merchant_id = $1 AND id = $2
    RETURNING merchant_id, id, tries
)
INSERT INTO delivery_attempts (merchant_id, delivery_id, number, status, answer, error, duration_ms)
SELECT merchant_id, id, tries, $3, $4, $5, $6 FROM tried
"""
DELIVERIES_OF_SUBJECT = """
SELECT d.id, d.event_id, d.endpoint_id, d.sequence, d.status, d.tries, d.created_at, d.next_try_at, e.type, w.url,
       a.status AS last_status, a.answer AS last_answer, a.error AS last_error
FROM deliveries d
JOIN events e ON e.merchant_id = d.merchant_id AND e.id = d.event_id
LEFT JOIN webhook_endpoints w ON w.merchant_id = d.merchant_id AND w.id = d.endpoint_id
LEFT JOIN delivery_attempts a ON a.merchant_id = d.merchant_id AND a.delivery_id = d.id AND a.number = d.tries
WHERE d.merchant_id = $1 AND d.mode = $2 AND d.subject_id = $3 ORDER BY d.sequence, d.id
"""
DELIVERY_NEXT = """
SELECT id FROM deliveries
WHERE merchant_id = $1 AND endpoint_id = $2 AND subject_id = $3 AND sequence > $4 AND status = 'waiting'
ORDER BY sequence LIMIT 1
"""
