"""The SQL of what waits for a person of one merchant: by the indexes of what is set aside, which stay small."""

_OUT = """
(SELECT count(*) FROM disbursements WHERE merchant_id = $1 AND mode = $2 AND kind = '{kind}' AND {flag}) AS {kind}s_{name},
"""
WAITING = f"""
SELECT (SELECT count(*) FROM transactions WHERE merchant_id = $1 AND mode = $2 AND needs_review) AS payments_review,
       (SELECT count(*) FROM transactions WHERE merchant_id = $1 AND mode = $2 AND unresolved) AS payments_unresolved,
       {_OUT.format(kind="refund", flag="needs_review", name="review")}
       {_OUT.format(kind="refund", flag="unresolved", name="unresolved")}
       {_OUT.format(kind="payout", flag="needs_review", name="review")}
       {_OUT.format(kind="payout", flag="unresolved", name="unresolved")}
       (SELECT count(*) FROM webhook_endpoints WHERE merchant_id = $1 AND mode = $2 AND disabled_at IS NOT NULL)
           AS endpoints_disabled
"""
# Of each endpoint the oldest that wait: where these fail, so do those behind them. $3: so many; $4: given up since.
FAILING = """
SELECT coalesce(sum(failing.count), 0)::int AS deliveries_failing, coalesce(sum(gone.count), 0)::int AS deliveries_given_up
FROM webhook_endpoints w
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE oldest.tries > 0) AS count FROM (
        SELECT d.tries FROM deliveries d
        WHERE d.merchant_id = w.merchant_id AND d.endpoint_id = w.id AND d.status = 'waiting' ORDER BY d.id LIMIT $3
    ) oldest
) failing
CROSS JOIN LATERAL (
    SELECT count(*) AS count FROM (
        SELECT 1 FROM deliveries d
        WHERE d.merchant_id = w.merchant_id AND d.endpoint_id = w.id AND d.status = 'given_up' AND d.id >= $4 LIMIT $3
    ) latest
) gone
WHERE w.merchant_id = $1 AND w.mode = $2
"""
