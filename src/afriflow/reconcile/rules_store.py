"""The SQL of the audit: each rule one statement that gives the rows that break it, and so gives none.

Rules about what changed look at the transactions and disbursements of a window (`$1` ≤ updated_at < `$2`), and
again at those that broke the rule before (`$3`, `$4`: merchants and subjects). The window is found by
`ix_transactions_changed` and `ix_disbursements_changed`, everything else from there by primary and unique keys, so
that a window costs what it holds, however large the tables are; an infinite window reads each table once. Standing
rules look at all that is open, which partial indexes hold, and at nothing that is finished. The last parameter
bounds what is given. A statement sees one moment of the database: nobody's half-finished work is a violation.
"""

_TRANSACTION_COLUMNS = """
t.merchant_id, t.id, t.mode, t.status, t.amount_minor, t.currency, t.refund_reserved_minor, t.refunded_minor,
t.idempotency_key, t.sequence, t.story_length, t.expires_at
"""
_DISBURSEMENT_COLUMNS = """
d.merchant_id, d.id, d.mode, d.kind, d.status, d.amount_minor, d.currency, d.transaction_id, d.payment_method_id,
d.provider, d.account_id, d.reference, d.body_hash, d.sequence, d.story_length, d.payment_attempt_id
"""


def _changed(table: str, alias: str, columns: str) -> str:
    """Give the rows of the window, and those that were known to be broken, each once."""
    return f"""{alias} AS (
    SELECT {columns} FROM {table} {alias} WHERE {alias}.updated_at >= $1 AND {alias}.updated_at < $2
    UNION ALL
    SELECT {columns} FROM {table} {alias}
    JOIN unnest($3::text[], $4::text[]) known (merchant_id, id)
      ON known.merchant_id = {alias}.merchant_id AND known.id = {alias}.id
    WHERE NOT ({alias}.updated_at >= $1 AND {alias}.updated_at < $2)
)"""


_T = _changed("transactions", "t", _TRANSACTION_COLUMNS)
_D = _changed("disbursements", "d", _DISBURSEMENT_COLUMNS)
# Whatever is sent to a provider, by what its story calls it.
_ORDERS = f"""{_T}, {_D}, o AS (
    SELECT a.merchant_id, a.transaction_id AS subject_id, a.id AS order_id, a.id AS attempt_id, a.mode, 'payment' AS kind,
           a.status, a.amount_minor, a.currency, NULL AS transaction_id, a.payment_method_id, a.provider, a.account_id,
           a.reference, a.body_hash, NULL AS payment_attempt_id, t.mode AS owed_mode, t.amount_minor AS owed_minor, t.currency AS owed_currency
    FROM t JOIN attempts a ON a.merchant_id = t.merchant_id AND a.transaction_id = t.id
    UNION ALL
    SELECT d.merchant_id, d.id, d.id, NULL, d.mode, d.kind, d.status, d.amount_minor, d.currency, d.transaction_id,
           d.payment_method_id, d.provider, d.account_id, d.reference, d.body_hash, d.payment_attempt_id, d.mode, d.amount_minor, d.currency
    FROM d
)"""
_SUBJECTS = f"""{_T}, {_D}, s AS (
    SELECT merchant_id, id, sequence, story_length FROM t UNION ALL SELECT merchant_id, id, sequence, story_length FROM d
)"""
_ENTRY_OF_ORDER = """
e.merchant_id = o.merchant_id AND e.subject_id = o.subject_id AND e.attempt_id IS NOT DISTINCT FROM o.attempt_id
"""
_LIVE = "('planned', 'unknown', 'pending', 'succeeded')"
_OPEN = "('planned', 'unknown', 'pending')"
_ENDED = "('failed', 'not_sent', 'never_received')"

# ── what changed ────────────────────────────────────────────────────────────────────────────────────────────────
ONE_LIVE_ATTEMPT = f"""
WITH {_T} SELECT t.merchant_id, t.id AS subject_id, string_agg(a.id, ' ') AS detail
FROM t JOIN attempts a ON a.merchant_id = t.merchant_id AND a.transaction_id = t.id AND a.status IN {_LIVE}
GROUP BY t.merchant_id, t.id HAVING count(*) > 1 LIMIT $5
"""
# What was hashed when the order was written (`checkout.plan.body_hash`), hashed again from what is written now.
ONE_ID_ONE_BODY = f"""
WITH {_ORDERS} SELECT o.merchant_id, o.subject_id, o.order_id AS detail FROM o
LEFT JOIN payment_methods m ON m.merchant_id = o.merchant_id AND m.id = o.payment_method_id
LEFT JOIN attempts paid ON o.kind = 'refund' AND paid.merchant_id = o.merchant_id
     AND paid.transaction_id = o.transaction_id
     AND (paid.id = o.payment_attempt_id OR (o.payment_attempt_id IS NULL AND paid.status = 'succeeded'))
WHERE o.body_hash IS DISTINCT FROM sha256(convert_to(
    '[' || to_json(o.reference) || ',' || to_json(o.account_id) || ',' || o.amount_minor || ',' || to_json(o.currency) || ','
    || CASE WHEN o.kind = 'refund' THEN to_json(paid.reference)::text
            ELSE coalesce(to_json(nullif(m.operator, ''))::text, 'null') || ',' || to_json(encode(m.msisdn_index, 'hex')) END
    || ']', 'UTF8'))
LIMIT $5
"""
REFERENCE_LEADS_BACK = f"""
WITH {_ORDERS} SELECT o.merchant_id, o.subject_id, o.order_id AS detail FROM o
WHERE NOT EXISTS (
    SELECT 1 FROM provider_references r WHERE r.provider = o.provider AND r.reference = o.reference
      AND r.merchant_id = o.merchant_id AND r.account_id = o.account_id AND r.order_id = o.order_id
) LIMIT $5
"""
ENDED_ON_EVIDENCE = f"""
WITH {_ORDERS} SELECT o.merchant_id, o.subject_id, o.order_id || ' ' || o.status AS detail FROM o
WHERE o.status NOT IN {_OPEN} AND NOT EXISTS (
    SELECT 1 FROM transaction_events e WHERE {_ENTRY_OF_ORDER} AND e.facts->>'attempt_status' = o.status AND (
        (o.status = 'succeeded' AND e.kind = 'Succeeded' AND e.source IN ('answer', 'verify', 'callback', 'human'))
        OR (o.status = 'failed' AND e.kind IN ('Failed', 'Refused') AND e.source IN ('answer', 'verify', 'callback', 'human'))
        OR (o.status = 'not_sent' AND e.kind = 'NotSent' AND e.source = 'answer')
        OR (o.status = 'never_received' AND e.kind = 'NeverReceived' AND e.source IN ('verify', 'human'))
    )
) LIMIT $5
"""
SESSION_ENDED_IN_STORY = f"""
WITH {_T} SELECT t.merchant_id, t.id AS subject_id, t.status AS detail FROM t
WHERE t.status IN ('cancelled', 'expired') AND NOT EXISTS (
    SELECT 1 FROM transaction_events e
    WHERE e.merchant_id = t.merchant_id AND e.subject_id = t.id AND e.kind = t.status AND e.source = 'us'
) LIMIT $5
"""
NOTHING_LIVE_IN_FAILED = f"""
WITH {_T} SELECT t.merchant_id, t.id AS subject_id, t.status || ', but ' || a.id || ' ' || a.status AS detail
FROM t JOIN attempts a ON a.merchant_id = t.merchant_id AND a.transaction_id = t.id AND a.status IN {_LIVE}
WHERE t.status IN ('failed', 'requires_payment_method') LIMIT $5
"""
NEXT_ONLY_AFTER_END = f"""
WITH {_T} SELECT t.merchant_id, t.id AS subject_id, b.id AS detail
FROM t JOIN attempts b ON b.merchant_id = t.merchant_id AND b.transaction_id = t.id AND b.number > 1
LEFT JOIN attempts a ON a.merchant_id = t.merchant_id AND a.transaction_id = t.id AND a.number = b.number - 1
WHERE NOT EXISTS (
    SELECT 1 FROM transaction_events e
    WHERE e.merchant_id = t.merchant_id AND e.subject_id = t.id AND e.attempt_id = a.id
      AND e.facts->>'attempt_status' IN {_ENDED} AND e.position < coalesce((
          SELECT min(f.position) FROM transaction_events f
          WHERE f.merchant_id = t.merchant_id AND f.subject_id = t.id AND f.attempt_id = b.id
      ), 2147483647)
) LIMIT $5
"""
ORDER_AS_TOLD = f"""
WITH {_ORDERS} SELECT o.merchant_id, o.subject_id,
       o.order_id || ' is ' || o.status || ', the story says ' || coalesce(last.status, 'unknown') AS detail
FROM o LEFT JOIN LATERAL (
    SELECT e.facts->>'attempt_status' AS status FROM transaction_events e
    WHERE {_ENTRY_OF_ORDER} AND e.facts ? 'attempt_status' ORDER BY e.position DESC LIMIT 1  -- not what people note
) last ON true
WHERE coalesce(last.status, 'unknown') <> o.status LIMIT $5
"""
TRANSACTION_AS_TOLD = f"""
WITH {_T} SELECT t.merchant_id, t.id AS subject_id,
       'is ' || t.status || ', the story says ' || coalesce(last.status, 'nothing') AS detail
FROM t LEFT JOIN LATERAL (
    SELECT coalesce(e.facts->>'status', e.kind) AS status FROM transaction_events e
    WHERE e.merchant_id = t.merchant_id AND e.subject_id = t.id ORDER BY e.position DESC LIMIT 1
) last ON true
WHERE last.status IS DISTINCT FROM t.status LIMIT $5
"""
SUCCESS_STAYS = f"""
WITH {_T}, {_D} SELECT x.merchant_id, x.id AS subject_id, 'was succeeded, is ' || x.status AS detail
FROM (SELECT merchant_id, id, status FROM t UNION ALL SELECT merchant_id, id, status FROM d) x
WHERE x.status <> 'succeeded' AND EXISTS (
    SELECT 1 FROM transaction_events e
    WHERE e.merchant_id = x.merchant_id AND e.subject_id = x.id
      AND (e.facts->>'status' = 'succeeded' OR e.facts->>'attempt_status' = 'succeeded')
) LIMIT $5
"""
PAID_BY_ONE_ATTEMPT = f"""
WITH {_T} SELECT t.merchant_id, t.id AS subject_id, t.status || ', paid attempts: ' || p.count AS detail
FROM t CROSS JOIN LATERAL (
    SELECT count(*) FROM attempts a
    WHERE a.merchant_id = t.merchant_id AND a.transaction_id = t.id AND a.status = 'succeeded'
) p
WHERE p.count <> (t.status = 'succeeded')::int LIMIT $5
"""
PAID_EXACTLY = f"""
WITH {_ORDERS} SELECT o.merchant_id, o.subject_id, o.order_id AS detail FROM o
WHERE (o.amount_minor, o.currency) <> (o.owed_minor, o.owed_currency) OR (o.status = 'succeeded' AND NOT EXISTS (
    SELECT 1 FROM transaction_events e
    WHERE {_ENTRY_OF_ORDER} AND e.kind = 'Succeeded' AND e.facts->>'attempt_status' = 'succeeded' AND (
        e.source = 'human' OR (
            e.facts->'paid'->>'amount_minor' = o.amount_minor::text AND e.facts->'paid'->>'currency' = o.currency
            AND e.facts->>'reference' = o.reference
        )
    )
)) LIMIT $5
"""
REFUNDS_ADD_UP = f"""
WITH {_T} SELECT t.merchant_id, t.id AS subject_id,
       'reserved ' || t.refund_reserved_minor || ' for ' || r.live || ', refunded ' || t.refunded_minor || ' by ' || r.done AS detail
FROM t CROSS JOIN LATERAL (
    SELECT coalesce(sum(d.amount_minor) FILTER (WHERE d.status IN {_LIVE}), 0) AS live,
           coalesce(sum(d.amount_minor) FILTER (WHERE d.status = 'succeeded'), 0) AS done,
           coalesce(bool_or(d.currency <> t.currency), false) AS foreign_money
    FROM disbursements d WHERE d.merchant_id = t.merchant_id AND d.transaction_id = t.id
      AND d.cause IS DISTINCT FROM 'overpaid'  -- what came beside the payment goes back beside it
) r
WHERE (t.refund_reserved_minor, t.refunded_minor) <> (r.live, r.done) OR r.foreign_money OR r.live > t.amount_minor
LIMIT $5
"""
KEY_NAMES_ONE = f"""
WITH {_T} SELECT t.merchant_id, t.id AS subject_id, 'its key does not name it' AS detail FROM t
WHERE NOT EXISTS (
    SELECT 1 FROM idempotency_keys k
    WHERE k.merchant_id = t.merchant_id AND k.mode = t.mode AND k.key = t.idempotency_key AND k.object_id = t.id
) LIMIT $5
"""
CALLBACK_ONCE = f"""
WITH {_T} SELECT t.merchant_id, t.id AS subject_id, e.attempt_id || ': ' || e.count || ' effects' AS detail
FROM t CROSS JOIN LATERAL (
    SELECT attempt_id, count(*) FROM transaction_events
    WHERE merchant_id = t.merchant_id AND subject_id = t.id AND source = 'callback' GROUP BY attempt_id
) e
WHERE e.count > (
    SELECT count(*) FROM webhook_events w
    WHERE w.merchant_id = t.merchant_id AND w.transaction_id = t.id AND w.attempt_id = e.attempt_id
      AND w.status = 'handled' AND w.outcome LIKE '%recorded%'
) LIMIT $5
"""
STORY_GAPLESS = f"""
WITH {_SUBJECTS} SELECT s.merchant_id, s.id AS subject_id, e.count || ' of ' || s.story_length || ' entries' AS detail
FROM s CROSS JOIN LATERAL (
    SELECT count(*), coalesce(max(position), 0) AS last FROM transaction_events
    WHERE merchant_id = s.merchant_id AND subject_id = s.id
) e
WHERE (e.count, e.last) <> (s.story_length, s.story_length) LIMIT $5
"""
# Accounts have a history too, and are few.
EVENTS_GAPLESS = f"""
WITH {_SUBJECTS} SELECT s.merchant_id, s.id AS subject_id, e.count || ' of ' || s.sequence || ' events' AS detail
FROM (
    SELECT merchant_id, id, sequence FROM s UNION ALL SELECT merchant_id, id, sequence FROM provider_accounts
) s CROSS JOIN LATERAL (
    SELECT count(*), coalesce(max(sequence), 0) AS last FROM events
    WHERE merchant_id = s.merchant_id AND subject_id = s.id
) e
WHERE (e.count, e.last) <> (s.sequence, s.sequence) LIMIT $5
"""
END_IS_TOLD = f"""
WITH {_T}, {_D} SELECT x.merchant_id, x.id AS subject_id, x.type AS detail FROM (
    SELECT merchant_id, id, 'transaction.' || status AS type FROM t
    WHERE status IN ('succeeded', 'failed', 'cancelled', 'expired')
    UNION ALL
    SELECT merchant_id, id, kind || CASE status WHEN 'succeeded' THEN '.succeeded' ELSE '.failed' END FROM d
    WHERE status NOT IN {_OPEN}
) x
WHERE NOT EXISTS (
    SELECT 1 FROM events e WHERE e.merchant_id = x.merchant_id AND e.subject_id = x.id AND e.type = x.type
) LIMIT $5
"""
# A minute, since an endpoint that is just being made is not yet seen by whoever writes an event.
EVENT_FOR_EVERY_ENDPOINT = f"""
WITH {_SUBJECTS} SELECT s.merchant_id, s.id AS subject_id, e.id || ' never went to ' || w.id AS detail
FROM s JOIN events e ON e.merchant_id = s.merchant_id AND e.subject_id = s.id
JOIN webhook_endpoints w ON w.merchant_id = e.merchant_id AND w.mode = e.mode AND w.disabled_at IS NULL
     AND w.hears_since < e.created_at - interval '1 minute' AND (w.types IS NULL OR e.type = ANY(w.types))
WHERE NOT EXISTS (
    SELECT 1 FROM deliveries d
    WHERE d.merchant_id = e.merchant_id AND d.event_id = e.id AND d.endpoint_id = w.id
) LIMIT $5
"""
# Our clock decides and the database's is written down; they differ by less than this.
NOBODY_ASKED_TOO_LATE = f"""
WITH {_T} SELECT t.merchant_id, t.id AS subject_id, a.id AS detail
FROM t JOIN attempts a ON a.merchant_id = t.merchant_id AND a.transaction_id = t.id
WHERE a.last_sent_at > t.expires_at + interval '10 seconds' LIMIT $5
"""
MODES_NEVER_MEET = f"""
WITH {_ORDERS} SELECT o.merchant_id, o.subject_id, o.order_id AS detail FROM o
LEFT JOIN provider_accounts p ON p.merchant_id = o.merchant_id AND p.id = o.account_id
WHERE o.mode <> o.owed_mode OR p.mode <> o.mode OR p.provider <> o.provider LIMIT $5
"""

# ── what stands open ────────────────────────────────────────────────────────────────────────────────────────────
_ALIVE = "j.status IN ('queued', 'picked')"
# A held follow-up is put right by the sweep, which comes every 5 minutes.
OPEN_IS_FOLLOWED = f"""
SELECT o.merchant_id, o.subject_id, o.id || ' has no job' AS detail FROM (
    SELECT a.merchant_id, a.transaction_id AS subject_id, a.id, t.unresolved FROM attempts a
    JOIN transactions t ON t.merchant_id = a.merchant_id AND t.id = a.transaction_id WHERE a.status IN {_OPEN}
    UNION ALL
    SELECT merchant_id, id, id, unresolved FROM disbursements WHERE status IN ('unknown', 'pending')
) o
WHERE NOT o.unresolved
  AND NOT EXISTS (SELECT 1 FROM jobs.pgqueuer j WHERE j.dedupe_key = 'follow:' || o.id AND {_ALIVE})
  AND NOT EXISTS (
      SELECT 1 FROM jobs.pgqueuer j
      WHERE j.dedupe_key = 'follow:' || o.id AND j.status = 'failed' AND j.updated > now() - interval '15 minutes'
  )
LIMIT $1
"""
SESSION_WILL_END = f"""
SELECT t.merchant_id, t.id AS subject_id, t.status AS detail FROM transactions t
WHERE t.status IN ('requires_payment_method', 'requires_action', 'processing')
  AND NOT EXISTS (SELECT 1 FROM jobs.pgqueuer j WHERE j.dedupe_key = 'expire:' || t.id AND {_ALIVE})
LIMIT $1
"""
PROCESSING_HAS_ATTEMPT = f"""
SELECT t.merchant_id, t.id AS subject_id, 'no open attempt' AS detail FROM transactions t
WHERE t.status = 'processing' AND NOT EXISTS (
    SELECT 1 FROM attempts a WHERE a.merchant_id = t.merchant_id AND a.transaction_id = t.id AND a.status IN {_OPEN}
) LIMIT $1
"""
DELIVERY_WILL_COME = f"""
SELECT d.merchant_id, d.subject_id, d.id || ' has no job' AS detail FROM deliveries d
WHERE d.status = 'waiting' AND NOT EXISTS (SELECT 1 FROM jobs.pgqueuer j WHERE j.dedupe_key = 'deliver:' || d.id AND {_ALIVE})
LIMIT $1
"""
NOTIFICATION_WILL_BE_READ = f"""
SELECT w.merchant_id, w.id AS subject_id, w.provider || ' has no job' AS detail FROM webhook_events w
WHERE w.status = 'received' AND NOT EXISTS (SELECT 1 FROM jobs.pgqueuer j WHERE j.dedupe_key = 'process:' || w.id AND {_ALIVE})
LIMIT $1
"""

# ── what only a look at everything can see ──────────────────────────────────────────────────────────────────────
KEY_LEADS_SOMEWHERE = """
SELECT k.merchant_id, k.object_id AS subject_id, 'a key names it, and it is not there' AS detail
FROM idempotency_keys k LEFT JOIN transactions t ON t.merchant_id = k.merchant_id AND t.id = k.object_id
LEFT JOIN disbursements d ON d.merchant_id = k.merchant_id AND d.id = k.object_id
LEFT JOIN payout_approvals a ON a.merchant_id = k.merchant_id AND a.id = k.object_id LEFT JOIN payout_batches b ON b.merchant_id = k.merchant_id AND b.id = k.object_id
WHERE t.id IS NULL AND d.id IS NULL AND a.id IS NULL AND b.id IS NULL LIMIT $1
"""
