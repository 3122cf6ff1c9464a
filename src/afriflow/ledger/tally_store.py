"""The SQL of what is summed up by the hour."""

# How long payers took, in classes that are narrow where most of them are: seconds at which one ends.
TOOK_SECONDS = (
    *(1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 90, 120, 180, 240, 300),
    *(600, 1200, 3600, 21_600, 86_400),
)
_CLASSES = range(len(TOOK_SECONDS) + 1)
_CLASS = f"""
width_bucket(extract(epoch FROM {{end}} - t.created_at)::float8, ARRAY{list(TOOK_SECONDS)}::float8[])
"""
_TOOK = f"ARRAY[{', '.join(f'count(*) FILTER (WHERE took = {number})' for number in _CLASSES)}]"
_SUMS = f"""
count(*) AS begun, count(*) FILTER (WHERE is_ended) AS ended, count(*) FILTER (WHERE is_paid) AS succeeded,
coalesce(sum(amount_minor) FILTER (WHERE is_paid), 0) AS amount_minor, {_TOOK} AS took
"""
# $1 merchant, $2 mode, $3 hours; $4 and $5 the ids that were made about then, by which the payments are found. OFFSET 0
# keeps the planner, which cannot know how few they are, from reading all payments once instead.
_PAYMENTS = """
FROM unnest($3::timestamptz[], $4::text[], $5::text[]) AS h(hour, id_from, id_until)
CROSS JOIN LATERAL (
    SELECT p.merchant_id, p.id, p.status, p.amount_minor, p.currency, p.country, p.created_at FROM transactions p
    WHERE p.merchant_id = $1 AND p.mode = $2 AND p.id >= h.id_from AND p.id < h.id_until
      AND p.created_at >= h.hour AND p.created_at < h.hour + make_interval(hours => 1) OFFSET 0
) t
"""
_COUNTED = f"""
SELECT hour, '' AS provider, '' AS operator, '' AS country, currency, {_SUMS} FROM (
    SELECT h.hour, t.currency, t.amount_minor, t.status = 'succeeded' AS is_paid,
           t.status IN ('succeeded', 'failed', 'cancelled', 'expired') AS is_ended,
           {_CLASS.format(end="a.finished_at")} AS took
    {_PAYMENTS}
    LEFT JOIN attempts a ON a.merchant_id = t.merchant_id AND a.transaction_id = t.id AND a.status = 'succeeded'
) payments GROUP BY hour, currency
UNION ALL
SELECT hour, provider, operator, country, currency, {_SUMS} FROM (
    SELECT h.hour, a.provider, m.operator, t.country, t.currency, t.amount_minor, a.status = 'succeeded' AS is_paid,
           a.status NOT IN ('planned', 'unknown', 'pending') AS is_ended,
           CASE WHEN a.status = 'succeeded' THEN {_CLASS.format(end="a.finished_at")} END AS took
    {_PAYMENTS}
    JOIN attempts a ON a.merchant_id = t.merchant_id AND a.transaction_id = t.id
    JOIN payment_methods m ON m.merchant_id = a.merchant_id AND m.id = a.payment_method_id
) orders GROUP BY hour, provider, operator, country, currency
"""

UNTIL = "SELECT until FROM tallied WHERE merchant_id = ''"
UNTIL_LOCK = "SELECT until, now() AS now FROM tallied WHERE merchant_id = '' FOR UPDATE"
UNTIL_BEGIN = """
INSERT INTO tallied (merchant_id, until) SELECT '', coalesce(min(updated_at), now()) FROM transactions
ON CONFLICT DO NOTHING
"""
UNTIL_SET = "UPDATE tallied SET until = $1 WHERE merchant_id = ''"
# Of all merchants, by the index of time; each hour is summed up under its own.
HOURS_CHANGED = """
SELECT DISTINCT merchant_id, mode, date_trunc('hour', created_at, 'UTC') AS hour FROM transactions
WHERE updated_at > $1 AND updated_at <= $2
"""
HOURS_CHANGED_OF = """
SELECT DISTINCT date_trunc('hour', created_at, 'UTC') AS hour FROM transactions
WHERE merchant_id = $1 AND mode = $2 AND updated_at > $3
"""
HOURS_FORGET = "DELETE FROM tallies WHERE merchant_id = $1 AND mode = $2 AND hour = ANY($3::timestamptz[])"
HOURS_SUM = f"""
INSERT INTO tallies (merchant_id, mode, hour, provider, operator, country, currency, begun, ended, succeeded, amount_minor, took)
SELECT $1, $2, hour, provider, operator, country, currency, begun, ended, succeeded, amount_minor, took FROM ({_COUNTED}) c
"""
# What is summed up already, and in its place what has changed since; $6, $7 the period.
TALLY = f"""
SELECT provider, operator, country, currency, CASE WHEN provider = '' THEN hour END AS hour,
       sum(begun)::bigint AS begun, sum(ended)::bigint AS ended, sum(succeeded)::bigint AS succeeded,
       sum(amount_minor)::numeric AS amount_minor,
       ARRAY[{", ".join(f"sum(took[{number + 1}])::bigint" for number in _CLASSES)}] AS took
FROM (
    SELECT hour, provider, operator, country, currency, begun, ended, succeeded, amount_minor, took FROM tallies
    WHERE merchant_id = $1 AND mode = $2 AND hour >= $6 AND hour < $7 AND hour <> ALL($3::timestamptz[])
    UNION ALL
    {_COUNTED}
) c
GROUP BY provider, operator, country, currency, CASE WHEN provider = '' THEN hour END
"""
