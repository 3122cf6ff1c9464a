"""The SQL of transactions, attempts, disbursements and their stories."""

from dataclasses import dataclass

_TRANSACTION_COLUMNS = """
t.merchant_id, t.id, t.mode, t.status, t.amount_minor, t.currency, t.refund_reserved_minor, t.refunded_minor, t.country, t.reference,
t.description, t.customer, t.payment_method_id, t.payer_chooses, t.language, t.return_url, t.cancel_url, t.metadata,
t.next_action, t.failure, t.late, t.needs_review, t.review, t.warnings, t.unresolved, t.routing, t.idempotency_key, t.token, t.sequence,
t.story_length, t.created_at, t.updated_at, t.expires_at,
m.type AS method_type, m.operator AS method_operator, m.msisdn_mask AS method_phone
"""
_JOIN = """
FROM transactions t
LEFT JOIN payment_methods m ON m.merchant_id = t.merchant_id AND m.id = t.payment_method_id
"""
TRANSACTION = f"SELECT {_TRANSACTION_COLUMNS} {_JOIN} WHERE t.merchant_id = $1 AND t.mode = $2 AND t.id = $3"
TRANSACTION_LOCK = f"""
SELECT {_TRANSACTION_COLUMNS} {_JOIN} WHERE t.merchant_id = $1 AND t.id = $2 FOR UPDATE OF t
"""
TRANSACTION_BY_TOKEN = f"""
SELECT {_TRANSACTION_COLUMNS} FROM checkout_sessions s
JOIN transactions t ON t.merchant_id = s.merchant_id AND t.id = s.transaction_id
LEFT JOIN payment_methods m ON m.merchant_id = t.merchant_id AND m.id = t.payment_method_id
WHERE s.token = $1
"""
TRANSACTION_OWNER = """
SELECT t.merchant_id, t.mode FROM merchants m JOIN transactions t ON t.merchant_id = m.merchant_id WHERE t.id = $1
"""
TRANSACTION_BY_REFERENCE = """
SELECT id, status FROM transactions WHERE merchant_id = $1 AND mode = $2 AND reference = $3
"""

TRANSACTION_INSERT = """
INSERT INTO transactions (
    merchant_id, id, mode, status, amount_minor, currency, country, reference, description, customer,
    payment_method_id, payer_chooses, language, return_url, cancel_url, metadata, next_action, routing,
    idempotency_key, token, expires_at, customer_phone_sealed
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22
)
ON CONFLICT (merchant_id, mode, reference) DO NOTHING
"""
SESSION_INSERT = "INSERT INTO checkout_sessions (token, merchant_id, transaction_id) VALUES ($1, $2, $3)"
TRANSACTION_CHANGE = """
UPDATE transactions SET status = $3, next_action = $4, failure = $5, late = $6, needs_review = $7,
       review = $8, sequence = $9, story_length = $10, updated_at = now()
WHERE merchant_id = $1 AND id = $2
"""
TRANSACTION_CHOOSE = """
UPDATE transactions SET payment_method_id = $3, routing = $4, next_action = $5, status = $6, failure = NULL, updated_at = now()
WHERE merchant_id = $1 AND id = $2
"""
# What ended without money is no double: people try again.
TRANSACTION_LOOK_ALIKE = """
SELECT t.id FROM payment_methods m
JOIN transactions t ON t.merchant_id = m.merchant_id AND t.payment_method_id = m.id
WHERE m.merchant_id = $1 AND m.mode = $2 AND m.msisdn_index = $3 AND t.amount_minor = $4 AND t.currency = $5 AND t.id <> $6
  AND t.created_at > now() - make_interval(secs => $7) AND t.status NOT IN ('failed', 'cancelled')
ORDER BY t.id DESC LIMIT 1
"""
TRANSACTION_WARN = "UPDATE transactions SET warnings = $3 WHERE merchant_id = $1 AND id = $2"
TRANSACTION_UNRESOLVED = """
UPDATE transactions SET unresolved = true, updated_at = now()
WHERE merchant_id = $1 AND id = $2 AND NOT unresolved
"""
TRANSACTION_RESOLVED = """
UPDATE transactions SET unresolved = false WHERE merchant_id = $1 AND id = $2 AND unresolved
"""

METHOD_UPSERT = """
INSERT INTO payment_methods (merchant_id, id, mode, type, country, operator, msisdn_index, msisdn_mask, msisdn_sealed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (merchant_id, mode, type, country, operator, msisdn_index) DO UPDATE SET type = excluded.type
RETURNING id
"""
METHOD = """
SELECT merchant_id, id, type, country, operator, msisdn_sealed FROM payment_methods
WHERE merchant_id = $1 AND id = $2
"""
CUSTOMER_PHONE = "SELECT customer_phone_sealed FROM transactions WHERE merchant_id = $1 AND id = $2"

_ATTEMPT_COLUMNS = """
merchant_id, id, mode, transaction_id, number, provider, account_id, reference, provider_reference,
operator_reference, status, amount_minor, currency, payment_method_id, body_hash, sends, checks, failure, surplus,
created_at, last_sent_at, in_flight_until, updated_at, finished_at
"""
ATTEMPTS = f"""
SELECT {_ATTEMPT_COLUMNS} FROM attempts WHERE merchant_id = $1 AND transaction_id = $2 ORDER BY number
"""
ATTEMPTS_OF_MANY = f"""
SELECT {_ATTEMPT_COLUMNS} FROM attempts WHERE merchant_id = $1 AND transaction_id = ANY($2::text[]) ORDER BY number
"""
ATTEMPT = f"SELECT {_ATTEMPT_COLUMNS} FROM attempts WHERE merchant_id = $1 AND id = $2"
ATTEMPT_THAT_PAID = f"""
SELECT {_ATTEMPT_COLUMNS} FROM attempts WHERE merchant_id = $1 AND transaction_id = $2 AND status = 'succeeded'
"""
# A send's lease begins with this statement and not with its transaction, which may have waited for locks before.
ATTEMPT_INSERT = """
INSERT INTO attempts (
    merchant_id, id, mode, transaction_id, number, provider, account_id, reference, status, amount_minor, currency,
    payment_method_id, body_hash, sends, last_sent_at, in_flight_until
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'unknown', $9, $10, $11, $12, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => $13))
"""
ATTEMPT_CHANGE = """
UPDATE attempts SET status = $3, failure = $4, operator_reference = coalesce($5, operator_reference),
       provider_reference = coalesce(provider_reference, $6), surplus = $7, updated_at = now(),
       finished_at = CASE WHEN $3 IN ('planned', 'unknown', 'pending') THEN NULL ELSE coalesce(finished_at, now()) END
WHERE merchant_id = $1 AND id = $2
"""
REFERENCE_INSERT = """
INSERT INTO provider_references (provider, reference, merchant_id, account_id, kind, order_id)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
REFERENCE_OWNER = """
SELECT merchant_id, account_id, kind, order_id FROM provider_references
WHERE provider = $1 AND reference = ANY($2::text[])
"""

STORY_APPEND = """
INSERT INTO transaction_events (merchant_id, subject_id, position, mode, attempt_id, kind, source, facts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
STORY = """
SELECT position, attempt_id, kind, source, facts, created_at FROM transaction_events
WHERE merchant_id = $1 AND subject_id = $2 ORDER BY position
"""

LOG_INSERT = """
INSERT INTO provider_logs (
    merchant_id, id, mode, account_id, transaction_id, attempt_id, operation, method, url, request_headers,
    request_body, status, response_body, error, duration_ms, created_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""
LOGS = """
SELECT id, account_id, attempt_id, operation, method, url, request_headers, request_body, status, response_body,
       error, duration_ms, created_at
FROM provider_logs WHERE merchant_id = $1 AND mode = $2 AND transaction_id = $3 ORDER BY id
"""
NOTIFICATIONS = """
SELECT merchant_id, id, provider, account_id, verdict, verdict_reason, status, outcome, body, received_at, handled_at, attempt_id
FROM webhook_events WHERE merchant_id = $1 AND mode = $2 AND transaction_id = $3 ORDER BY id
"""

OPEN_WITHOUT_JOB = """
SELECT o.merchant_id, o.id FROM (
    SELECT merchant_id, id, created_at FROM attempts WHERE status IN ('planned', 'unknown', 'pending')
    UNION ALL
    SELECT merchant_id, id, created_at FROM disbursements WHERE status IN ('unknown', 'pending')
) o
WHERE o.created_at > now() - make_interval(secs => $2)
  AND NOT EXISTS (
      SELECT 1 FROM jobs.pgqueuer j
      WHERE j.dedupe_key = 'follow:' || o.id AND j.status IN ('queued', 'picked')
  )
ORDER BY o.created_at LIMIT $1
"""

# ── money out ───────────────────────────────────────────────────────────────────────────────────────────────────
_OUT_COLUMNS = """
d.merchant_id, d.id, d.mode, d.kind, d.status, d.amount_minor, d.currency, d.country, d.transaction_id,
d.merchant_reference, d.payment_method_id, d.recipient_name, d.description, d.metadata, d.language, d.provider,
d.account_id, d.cause, d.payment_attempt_id, d.batch_id, d.routing, d.reference, d.provider_reference, d.operator_reference, d.body_hash, d.sends, d.checks,
d.failure, d.needs_review, d.unresolved, d.sequence, d.story_length, d.created_at, d.last_sent_at, d.in_flight_until,
d.updated_at, d.finished_at, m.type AS method_type, m.operator AS method_operator, m.msisdn_mask AS method_phone
"""
_OUT_JOIN = """
FROM disbursements d
LEFT JOIN payment_methods m ON m.merchant_id = d.merchant_id AND m.id = d.payment_method_id
"""
DISBURSEMENT = f"SELECT {_OUT_COLUMNS} {_OUT_JOIN} WHERE d.merchant_id = $1 AND d.id = $2"
DISBURSEMENT_LOCK = f"{DISBURSEMENT} FOR UPDATE OF d"
DISBURSEMENT_OF_MODE = f"""
SELECT {_OUT_COLUMNS} {_OUT_JOIN} WHERE d.merchant_id = $1 AND d.mode = $2 AND d.kind = $3 AND d.id = $4
"""
BATCH_INSERT = "INSERT INTO payout_batches (merchant_id, id, mode) VALUES ($1, $2, $3)"
BATCH = "SELECT id, created_at FROM payout_batches WHERE merchant_id = $1 AND mode = $2 AND id = $3"
BATCHES = """
SELECT id, created_at FROM payout_batches
WHERE merchant_id = $1 AND mode = $2 AND ($3::text IS NULL OR id < $3)
ORDER BY id DESC LIMIT $4
"""
PAYOUTS_OF_BATCHES = f"""
SELECT {_OUT_COLUMNS} {_OUT_JOIN} WHERE d.merchant_id = $1 AND d.batch_id = ANY($2) ORDER BY d.id
"""
# Of all merchants: for whoever runs the installation, at a terminal.
DISBURSEMENT_OWNER = """
SELECT d.merchant_id, d.mode FROM merchants m JOIN disbursements d ON d.merchant_id = m.merchant_id WHERE d.id = $1
"""
DISBURSEMENT_BY_REFERENCE = """
SELECT id, status FROM disbursements WHERE merchant_id = $1 AND mode = $2 AND kind = $3 AND merchant_reference = $4
"""
DISBURSEMENT_INSERT = """
INSERT INTO disbursements (
    merchant_id, id, mode, kind, status, amount_minor, currency, country, transaction_id, merchant_reference,
    payment_method_id, recipient_name, description, metadata, language, provider, account_id, routing, reference,
    body_hash, cause, payment_attempt_id, batch_id, sends, last_sent_at, in_flight_until
) VALUES (
    $1, $2, $3, $4, 'unknown', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, 1,
    clock_timestamp(), clock_timestamp() + make_interval(secs => $23)
) ON CONFLICT DO NOTHING
"""
DISBURSEMENT_CHANGE = """
UPDATE disbursements SET status = $3, failure = $4, operator_reference = coalesce($5, operator_reference),
       provider_reference = coalesce(provider_reference, $6), needs_review = $7,
       unresolved = unresolved AND $3 IN ('unknown', 'pending'), updated_at = now(),
       finished_at = CASE WHEN $3 IN ('unknown', 'pending') THEN NULL ELSE coalesce(finished_at, now()) END
WHERE merchant_id = $1 AND id = $2
"""
DISBURSEMENT_TOLD = (
    "UPDATE disbursements SET sequence = $3, story_length = $4 WHERE merchant_id = $1 AND id = $2"
)
DISBURSEMENT_UNRESOLVED = """
UPDATE disbursements SET unresolved = true, updated_at = now() WHERE merchant_id = $1 AND id = $2 AND NOT unresolved
"""
# S8 under any race: one statement decides and writes.
REFUND_RESERVE = """
UPDATE transactions SET refund_reserved_minor = refund_reserved_minor + $4, updated_at = now()
WHERE merchant_id = $1 AND mode = $2 AND id = $3 AND status = 'succeeded'
  AND refund_reserved_minor + $4 <= amount_minor
"""
REFUND_LEFT = """
SELECT amount_minor - refund_reserved_minor FROM transactions WHERE merchant_id = $1 AND id = $2 FOR UPDATE
"""
REFUND_RELEASE = """
UPDATE transactions SET refund_reserved_minor = refund_reserved_minor - $3, updated_at = now()
WHERE merchant_id = $1 AND id = $2
"""
REFUND_OF_CAUSE = """
SELECT id FROM disbursements
WHERE merchant_id = $1 AND transaction_id = $2 AND cause = $3 AND payment_attempt_id = $4
"""
REFUND_DONE = """
UPDATE transactions SET refunded_minor = refunded_minor + $3, updated_at = now() WHERE merchant_id = $1 AND id = $2
"""


# ── what every order that is sent has, whichever way its money goes ─────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Sending:
    """The statements of sending, for one table of orders."""

    keep: str
    landed: str
    resend: str
    checked: str


def _sending(table: str, may_resend: str = "true") -> Sending:
    return Sending(
        keep=f"""
UPDATE {table} SET provider_reference = $3, updated_at = now()
WHERE merchant_id = $1 AND id = $2 AND provider_reference IS NULL AND sends = $4 AND status IN ('unknown', 'pending')
""",
        landed=f"UPDATE {table} SET in_flight_until = NULL WHERE merchant_id = $1 AND id = $2 AND sends = $3",
        resend=f"""
UPDATE {table} SET sends = sends + 1, last_sent_at = now(), in_flight_until = now() + make_interval(secs => $4)
WHERE merchant_id = $1 AND id = $2 AND sends = $3 AND status = 'unknown'
  AND (in_flight_until IS NULL OR in_flight_until < now()) AND {may_resend}
RETURNING sends
""",
        checked=f"UPDATE {table} SET checks = checks + 1 WHERE merchant_id = $1 AND id = $2",
    )


# S16: nobody is asked to pay again once the time to pay is over.
PAYMENT = _sending(
    "attempts",
    """EXISTS (
    SELECT 1 FROM transactions t
    WHERE t.merchant_id = attempts.merchant_id AND t.id = attempts.transaction_id AND t.expires_at > now()
      AND t.status IN ('requires_action', 'processing')
)""",
)
OUT = _sending("disbursements")
