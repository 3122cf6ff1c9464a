"""The SQL of payouts that wait for a second person."""

_COLUMNS = """
a.merchant_id, a.id, a.mode, a.status, a.key, a.amount_minor, a.currency, a.country, a.merchant_reference,
a.payment_method_id, a.recipient_name, a.description, a.metadata, a.language, a.asked_by, a.decided_by, a.reason,
a.created_at, a.expires_at, a.decided_at, m.type AS method_type, m.operator AS method_operator,
m.msisdn_mask AS method_phone
"""
_ROWS = f"""
{_COLUMNS} FROM payout_approvals a
JOIN payment_methods m ON m.merchant_id = a.merchant_id AND m.id = a.payment_method_id
"""
# One payout that waits for each reference, whoever asks at once.
INSERT = """
INSERT INTO payout_approvals (
    merchant_id, id, mode, key, amount_minor, currency, country, merchant_reference, payment_method_id, recipient_name,
    description, metadata, language, asked_by, expires_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, now() + make_interval(secs => $15))
ON CONFLICT (merchant_id, mode, merchant_reference) WHERE status = 'waiting' DO NOTHING
"""
APPROVAL = f"SELECT {_ROWS} WHERE a.merchant_id = $1 AND a.mode = $2 AND a.id = $3"
WAITING_BY_REFERENCE = """
SELECT id FROM payout_approvals WHERE merchant_id = $1 AND mode = $2 AND merchant_reference = $3 AND status = 'waiting'
"""
# What waits, or was decided lately, newest first.
WAITING = f"""
SELECT {_ROWS} WHERE a.merchant_id = $1 AND a.mode = $2 AND a.status = 'waiting' AND a.id < $3
ORDER BY a.id DESC LIMIT $4
"""
DECIDED = f"""
SELECT {_ROWS} WHERE a.merchant_id = $1 AND a.mode = $2 AND a.status <> 'waiting' ORDER BY a.id DESC LIMIT $3
"""
# Of two who decide at once, and of somebody and the clock, one does.
DECIDE = """
UPDATE payout_approvals SET status = $4, decided_by = $5, reason = $6, decided_at = now()
WHERE merchant_id = $1 AND mode = $2 AND id = $3 AND status = 'waiting' AND expires_at > now()
"""
EXPIRE = """
UPDATE payout_approvals SET status = 'expired', decided_at = now()
WHERE merchant_id = $1 AND id = $2 AND status = 'waiting' AND expires_at <= now()
"""
# Of all merchants: what runs by the clock runs for all.
OVERDUE = """
SELECT merchant_id, mode, id FROM payout_approvals WHERE status = 'waiting' AND expires_at <= now()
ORDER BY expires_at LIMIT $1
"""
