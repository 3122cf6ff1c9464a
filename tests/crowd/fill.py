"""A merchant's payments of a year, written by PostgreSQL itself in the proportions of a shop in West Africa."""

from typing import Any

# Of a thousand payments: operator, country, currency. The last two are what nobody finds by leafing through a list.
SLOTS = [
    ("orange_sn", "SN", "XOF", 400),
    ("wave_sn", "SN", "XOF", 300),
    ("free_sn", "SN", "XOF", 80),
    ("mtn_ci", "CI", "XOF", 80),
    ("orange_ci", "CI", "XOF", 60),
    ("mtn_gh", "GH", "GHS", 40),
    ("airtel_ug", "UG", "UGX", 29),
    ("mtn_ug", "UG", "UGX", 10),
    ("expresso_sn", "SN", "XOF", 1),
]
# A phone pays five times a year.
PAYMENTS_PER_PHONE = 5

_SETUP = """
SET synchronous_commit = off;
SET maintenance_work_mem = '256MB';
CREATE OR REPLACE FUNCTION pg_temp.id(prefix text, at timestamptz, number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT prefix || '_' || string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz',
        ((floor(extract(epoch FROM at) * 1000)::bigint >> (5 * place)) & 31)::int + 1, 1), '' ORDER BY place DESC)
        || lpad(to_hex(number), 16, '0')
    FROM generate_series(0, 9) place $$;
CREATE TEMP TABLE slot (number int PRIMARY KEY, operator text, country text, currency text);
CREATE TEMP TABLE made (
    number bigint, at timestamptz, id text, method text, operator text, country text, currency text, status text,
    provider text
);
"""
_MADE = """
INSERT INTO made
SELECT i, at, pg_temp.id('txn', at, i), 'pm_' || slot.number || '_' || (i / 1000 % {phones}), operator, country,
       currency,
       CASE WHEN i % 200 = 0 THEN 'processing' WHEN i % 100 = 7 THEN 'cancelled' WHEN i % 33 = 1 THEN 'expired'
            WHEN i % 11 = 2 THEN 'failed' ELSE 'succeeded' END,
       CASE WHEN i % 10 < 7 THEN 'pawapay' ELSE 'paydunya' END
FROM (SELECT i, now() - make_interval(secs => ({count} - i) * 31536000.0 / {count}) AS at FROM generate_series(1::bigint, {count}) i) each
JOIN slot ON slot.number = (i * 7919) % 1000
"""
_METHODS = """
INSERT INTO payment_methods (merchant_id, id, mode, type, country, operator, msisdn_index, msisdn_mask)
SELECT DISTINCT ON (method) '{merchant}', method, 'test', 'mobile_money', country, operator, sha256(method::bytea),
       '+22177•••' || lpad((number % 10000)::text, 4, '0')
FROM made
"""
_TRANSACTIONS = """
INSERT INTO transactions (
    merchant_id, id, mode, status, amount_minor, currency, country, reference, description, customer,
    payment_method_id, payer_chooses, language, metadata, failure, needs_review, review, unresolved, routing,
    idempotency_key, token, sequence, story_length, created_at, updated_at, expires_at
)
SELECT '{merchant}', id, 'test', status, 500 + (number * 37) % 90000, currency, country, 'order-' || number,
       'Commande ' || number, jsonb_build_object('name', 'Awa Diop', 'phone', '+22177•••4567', 'email', NULL), method, false, 'fr',
       jsonb_build_object('cart', number::text),
       CASE WHEN status = 'failed' THEN '{{"code": "payer_declined"}}'::jsonb END,
       number % 400 = 3, CASE WHEN number % 400 = 3 THEN '["mismatch"]'::jsonb ELSE '[]' END, number % 1000 = 0,
       jsonb_build_object('chosen', provider, 'considered', jsonb_build_array(jsonb_build_object('provider', provider,
           'account', 'acc', 'rank', 1, 'code', 'chosen', 'facts', '{{}}'::jsonb))),
       'key-' || number, 'token-' || number, 3, 3, at, at, at + interval '30 minutes'
FROM made
"""
_ATTEMPTS = """
INSERT INTO attempts (
    merchant_id, id, mode, transaction_id, number, provider, account_id, reference, provider_reference,
    operator_reference, status, amount_minor, currency, payment_method_id, body_hash, sends, checks, created_at,
    last_sent_at, updated_at, finished_at
)
SELECT '{merchant}', pg_temp.id('att', at, number * 2 + try), 'test', id, try, provider, '{account}',
       'ours-' || number || '-' || try, 'theirs-' || number || '-' || try,
       CASE WHEN status = 'succeeded' AND try = tries THEN 'MP' || number END,
       CASE WHEN try < tries THEN 'failed' WHEN status IN ('succeeded', 'failed') THEN status
            WHEN status = 'processing' THEN 'pending' ELSE 'failed' END,
       500 + (number * 37) % 90000, currency, method, '', 1, 1, at, at, at, CASE WHEN status <> 'processing' THEN at END
FROM (SELECT *, CASE WHEN number % 20 = 0 THEN 2 ELSE 1 END AS tries FROM made) made
CROSS JOIN LATERAL generate_series(1, tries) try
"""
_OUT = """
INSERT INTO disbursements (
    merchant_id, id, mode, kind, status, amount_minor, currency, country, transaction_id, merchant_reference,
    payment_method_id, recipient_name, metadata, language, provider, account_id, reference, provider_reference,
    operator_reference, body_hash, sends, needs_review, unresolved, created_at, updated_at, finished_at
)
SELECT '{merchant}', pg_temp.id('{prefix}', at, number), 'test', '{kind}',
       CASE WHEN number % 500 = 5 THEN 'pending' WHEN number % 50 = 5 THEN 'failed' ELSE 'succeeded' END, 500, currency, country,
       CASE WHEN '{kind}' = 'refund' THEN id END, CASE WHEN '{kind}' = 'payout' THEN 'salary-' || number END, method,
       'Moussa Fall', '{{}}', 'fr', provider, '{account}', '{kind}-' || number, 'theirs-{kind}-' || number,
       'MO{kind}' || number, '', 1, number % 1000 = 5, number % 2000 = 505, at, at, at
FROM made WHERE number % {each} = 5
"""
_EVENTS = """
INSERT INTO events (merchant_id, id, mode, subject_id, sequence, type, payload, created_at)
SELECT '{merchant}', pg_temp.id('evt', at, number), 'test', id, 3, 'transaction.' || status,
       convert_to('{{"type": "transaction.succeeded"}}', 'UTF8'), at FROM made
"""
_DELIVERIES = """
INSERT INTO deliveries (merchant_id, id, mode, event_id, endpoint_id, subject_id, sequence, status, tries, created_at)
SELECT '{merchant}', pg_temp.id('dlv', at, number), 'test', pg_temp.id('evt', at, number), '{endpoint}', id, 3,
       CASE WHEN number % 300 = 1 THEN 'given_up' ELSE 'delivered' END, 1, at FROM made
"""
_ANSWERS = """
INSERT INTO delivery_attempts (merchant_id, delivery_id, number, status, answer, duration_ms, created_at)
SELECT '{merchant}', pg_temp.id('dlv', at, number), 1, CASE WHEN number % 300 = 1 THEN 500 ELSE 200 END, '', 40, at FROM made
"""
_STORY = """
INSERT INTO transaction_events (merchant_id, subject_id, position, mode, kind, source, facts, created_at)
SELECT '{merchant}', id, 1, 'test', 'Created', 'merchant', '{{"status": "processing"}}', at FROM made
"""
STEPS = {
    "payers": _METHODS,
    "payments": _TRANSACTIONS,
    "attempts": _ATTEMPTS,
    "payouts": _OUT,
    "refunds": _OUT,
    "events": _EVENTS,
    "deliveries": _DELIVERIES,
    "answers": _ANSWERS,
    "stories": _STORY,
}
_OF_KIND = {
    "payouts": {"kind": "payout", "prefix": "pyt", "each": 10},
    "refunds": {"kind": "refund", "prefix": "ref", "each": 40},
}


async def fill(connection: Any, tell: Any, *, merchant: str, account: str, endpoint: str, count: int) -> None:
    """Write so many payments with everything that lists join to them. connection: of the tables' owner."""
    await connection.execute(_SETUP)
    rows = [
        (operator, country, currency) for operator, country, currency, share in SLOTS for _ in range(share)
    ]
    await connection.executemany(
        "INSERT INTO slot VALUES ($1, $2, $3, $4)", [(number, *row) for number, row in enumerate(rows)]
    )
    phones = max(1, count // PAYMENTS_PER_PHONE // 1000)
    await connection.execute(_MADE.format(count=count, phones=phones), timeout=None)
    for name, step in STEPS.items():
        facts = {"merchant": merchant, "account": account, "endpoint": endpoint, **_OF_KIND.get(name, {})}
        said = await connection.execute(step.format(**facts), timeout=None)
        tell(f"{name}: {said.rpartition(' ')[2]}")
    await connection.execute("ANALYZE", timeout=None)
