"""The SQL of lists of deliveries. Each state is read from its own end of an index, however many rows there are.

A state is bounded from both sides and part of the order, so that no other index can give that order: of a rare state
PostgreSQL would else look through all rows by their id.
"""

_SHOWN = """
SELECT d.id, d.event_id, d.endpoint_id, d.subject_id, d.sequence, d.type, d.status, d.tries, d.created_at, d.next_try_at,
       d.finished_at, a.status AS last_status, a.answer AS last_answer, a.error AS last_error, a.duration_ms
FROM found d
LEFT JOIN delivery_attempts a ON a.merchant_id = $1 AND a.delivery_id = d.id AND a.number = d.tries
ORDER BY d.id DESC
"""
_ONE_STATE = """
SELECT id, event_id, endpoint_id, subject_id, sequence, type, status, tries, created_at, next_try_at, finished_at
FROM deliveries WHERE merchant_id = $1 AND endpoint_id = e.id AND status >= s.status AND (status, id) < (s.status, $4)
"""
_STATES = "unnest($2::text[]) AS e(id) CROSS JOIN unnest($3::text[]) AS s(status)"
DELIVERIES = f"""
WITH found AS (
    SELECT p.* FROM {_STATES} CROSS JOIN LATERAL ({_ONE_STATE} ORDER BY status DESC, id DESC LIMIT $5) p ORDER BY p.id DESC LIMIT $5
) {_SHOWN}
"""
DELIVERIES_OF_TYPE = f"""
WITH found AS (
    SELECT p.* FROM {_STATES} CROSS JOIN LATERAL ({_ONE_STATE} AND type = $6 ORDER BY status DESC, id DESC LIMIT $5) p
    ORDER BY p.id DESC LIMIT $5
) {_SHOWN}
"""
# What was not heard lately: given up, or tried in vain. $3: ids from here on. Of what waits the newest $4 are looked at.
_LATELY = """
SELECT id, event_id, endpoint_id, subject_id, sequence, type, status, tries, created_at, next_try_at, finished_at
FROM deliveries WHERE merchant_id = $1 AND endpoint_id = e.id
"""
DELIVERIES_FAILING = f"""
WITH found AS (
    SELECT p.* FROM unnest($2::text[]) AS e(id) CROSS JOIN LATERAL (
        ({_LATELY} AND status <= 'given_up' AND (status, id) >= ('given_up', $3) ORDER BY status DESC, id DESC LIMIT $5)
        UNION ALL
        (SELECT w.* FROM ({_LATELY} AND status <= 'waiting' AND (status, id) >= ('waiting', $3)
            ORDER BY status DESC, id DESC LIMIT $4) w WHERE w.tries > 0 ORDER BY w.id DESC LIMIT $5)
    ) p
) {_SHOWN}
"""
TRIES = """
SELECT delivery_id, number, status, answer, error, duration_ms, created_at FROM delivery_attempts
WHERE merchant_id = $1 AND delivery_id = ANY($2) ORDER BY delivery_id, number DESC
"""
