"""What was said to providers and merchants, and what they said, is kept for a time: how it is found, and who may forget it.

The role that the product runs under may not remove history. These functions run as the tables' owner and may, but only
what is older than a bound of their own, and nothing of a payment that is still open.
"""

from alembic import op

from afriflow.db.online import add_index

revision = "0011"
down_revision = "0010"

# A payment is open while its money may move or a person has still to decide.
_OPEN = """
    EXISTS (
        SELECT 1 FROM transactions t WHERE t.merchant_id = h.merchant_id AND t.id = h.transaction_id
        AND (t.status IN ('requires_payment_method', 'requires_action', 'processing') OR t.needs_review OR t.unresolved)
    ) OR EXISTS (
        SELECT 1 FROM attempts a WHERE a.merchant_id = h.merchant_id AND a.transaction_id = h.transaction_id
        AND a.status IN ('planned', 'unknown', 'pending')
    ) OR EXISTS (
        SELECT 1 FROM disbursements d WHERE d.merchant_id = h.merchant_id
        AND (d.id IN (h.transaction_id, h.attempt_id) OR d.transaction_id = h.transaction_id)
        AND (d.status IN ('unknown', 'pending') OR d.needs_review OR d.unresolved)
    )
"""


def upgrade() -> None:
    add_index("ix_provider_logs_created_at", "provider_logs", ["created_at"])
    add_index("ix_webhook_events_bodies", "webhook_events", ["received_at"], where="octet_length(body) > 0")
    add_index("ix_delivery_attempts_created_at", "delivery_attempts", ["created_at"])
    _function(
        "forget_provider_logs",
        f"""
        DELETE FROM provider_logs WHERE (merchant_id, id) IN (
            SELECT h.merchant_id, h.id FROM provider_logs h
            WHERE h.created_at < before AND NOT ({_OPEN}) ORDER BY h.created_at LIMIT at_most
        )""",
    )
    # The row stays: that it came, when, from whom and what became of it is part of the story.
    _function(
        "forget_notifications",
        f"""
        UPDATE webhook_events SET body = '', headers = '{{}}' WHERE (merchant_id, id) IN (
            SELECT h.merchant_id, h.id FROM webhook_events h
            WHERE h.received_at < before AND octet_length(h.body) > 0 AND h.status <> 'received'
            AND NOT ({_OPEN}) ORDER BY h.received_at LIMIT at_most
        )""",
    )
    _function(
        "forget_delivery_answers",
        """
        DELETE FROM delivery_attempts WHERE (merchant_id, delivery_id, number) IN (
            SELECT h.merchant_id, h.delivery_id, h.number FROM delivery_attempts h
            JOIN deliveries d ON d.merchant_id = h.merchant_id AND d.id = h.delivery_id
            WHERE h.created_at < before AND d.status <> 'waiting' ORDER BY h.created_at LIMIT at_most
        )""",
    )


def _function(name: str, forget: str) -> None:
    op.execute(f"""
CREATE FUNCTION {name}(before timestamptz, at_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE forgotten bigint;
BEGIN
    IF before > now() - interval '30 days' THEN
        RAISE EXCEPTION 'what is younger than 30 days is not forgotten' USING ERRCODE = 'insufficient_privilege';
    END IF;
    {forget};
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$""")
    op.execute(f"REVOKE ALL ON FUNCTION {name}(timestamptz, integer) FROM PUBLIC")
