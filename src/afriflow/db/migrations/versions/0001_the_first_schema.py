"""The first schema: payments, what was said, what merchants are told, and the queue in a schema of its own."""

from importlib.resources import files

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_api_keys_mode")),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "attempts",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("provider_reference", sa.Text(), nullable=True),
        sa.Column("operator_reference", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("payment_method_id", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sends", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("checks", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("in_flight_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_attempts_mode")),
        sa.CheckConstraint(
            "status IN ('planned', 'unknown', 'pending', 'succeeded', 'failed', 'not_sent', 'never_received')",
            name=op.f("ck_attempts_status"),
        ),
        sa.CheckConstraint("amount_minor BETWEEN 1 AND 1000000000000", name=op.f("ck_attempts_amount")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("merchant_id", "reference", name=op.f("uq_attempts_merchant_id_reference")),
        sa.UniqueConstraint(
            "merchant_id",
            "transaction_id",
            "number",
            name=op.f("uq_attempts_merchant_id_transaction_id_number"),
        ),
    )
    op.create_index(
        "ix_attempts_open",
        "attempts",
        ["merchant_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('planned', 'unknown', 'pending')"),
    )
    op.create_index(
        "ix_attempts_provider_reference", "attempts", ["merchant_id", "provider_reference"], unique=False
    )
    op.create_index(
        "uq_attempts_one_live",
        "attempts",
        ["merchant_id", "transaction_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('planned', 'unknown', 'pending', 'succeeded')"),
    )
    op.create_table(
        "checkout_sessions",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_checkout_sessions")),
    )
    op.create_table(
        "dashboard_sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_dashboard_sessions")),
    )
    op.create_table(
        "deliveries",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_deliveries_mode")),
        sa.CheckConstraint(
            "status IN ('waiting', 'delivered', 'given_up')", name=op.f("ck_deliveries_status")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_deliveries")),
    )
    op.create_index("ix_deliveries_event", "deliveries", ["merchant_id", "event_id"], unique=False)
    op.create_index(
        "ix_deliveries_order",
        "deliveries",
        ["merchant_id", "endpoint_id", "subject_id", "sequence"],
        unique=False,
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "delivery_id", "number", name=op.f("pk_delivery_attempts")),
    )
    op.create_table(
        "disbursements",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.Column("merchant_reference", sa.Text(), nullable=True),
        sa.Column("payment_method_id", sa.Text(), nullable=False),
        sa.Column("recipient_name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("routing", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("provider_reference", sa.Text(), nullable=True),
        sa.Column("operator_reference", sa.Text(), nullable=True),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sends", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("checks", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("needs_review", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("unresolved", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("story_length", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("in_flight_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(kind = 'refund') = (transaction_id IS NOT NULL)", name=op.f("ck_disbursements_refund_of")
        ),
        sa.CheckConstraint("kind IN ('refund', 'payout')", name=op.f("ck_disbursements_kind")),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_disbursements_mode")),
        sa.CheckConstraint(
            "status IN ('unknown', 'pending', 'succeeded', 'failed', 'not_sent', 'never_received')",
            name=op.f("ck_disbursements_status"),
        ),
        sa.CheckConstraint("amount_minor BETWEEN 1 AND 1000000000000", name=op.f("ck_disbursements_amount")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_disbursements")),
        sa.UniqueConstraint(
            "merchant_id",
            "mode",
            "kind",
            "merchant_reference",
            name=op.f("uq_disbursements_merchant_id_mode_kind_merchant_reference"),
        ),
        sa.UniqueConstraint("merchant_id", "reference", name=op.f("uq_disbursements_merchant_id_reference")),
    )
    op.create_index(
        "ix_disbursements_open",
        "disbursements",
        ["merchant_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('unknown', 'pending')"),
    )
    op.create_index(
        "ix_disbursements_recent", "disbursements", ["merchant_id", "mode", "kind", "id"], unique=False
    )
    op.create_index(
        "ix_disbursements_transaction", "disbursements", ["merchant_id", "transaction_id"], unique=False
    )
    op.create_table(
        "events",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_events_mode")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_events")),
        sa.UniqueConstraint(
            "merchant_id", "subject_id", "sequence", name=op.f("uq_events_merchant_id_subject_id_sequence")
        ),
    )
    op.create_index("ix_events_recent", "events", ["merchant_id", "mode", "id"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_idempotency_keys_mode")),
        sa.PrimaryKeyConstraint("merchant_id", "mode", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "merchants",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_merchants")),
    )
    op.create_table(
        "payment_methods",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), server_default="", nullable=False),
        sa.Column("msisdn", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_payment_methods_mode")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_payment_methods")),
        sa.UniqueConstraint(
            "merchant_id",
            "mode",
            "type",
            "country",
            "operator",
            "msisdn",
            name=op.f("uq_payment_methods_merchant_id_mode_type_country_operator_msisdn"),
        ),
    )
    op.create_table(
        "people",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("email", name=op.f("pk_people")),
    )
    op.create_table(
        "provider_accounts",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("config", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("bounds", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_by", sa.Text(), nullable=True),
        sa.Column("paused_why", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_provider_accounts_mode")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_provider_accounts")),
        sa.UniqueConstraint("id", name=op.f("uq_provider_accounts_id")),
    )
    op.create_table(
        "provider_logs",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.Column("attempt_id", sa.Text(), nullable=True),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("request_headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("request_body", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("response_body", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_provider_logs_mode")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_provider_logs")),
    )
    op.create_index(
        "ix_provider_logs_transaction", "provider_logs", ["merchant_id", "transaction_id", "id"], unique=False
    )
    op.create_table(
        "provider_references",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('payment', 'refund', 'payout')", name=op.f("ck_provider_references_kind")
        ),
        sa.PrimaryKeyConstraint("provider", "reference", name=op.f("pk_provider_references")),
    )
    op.create_table(
        "routing_rules",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_routing_rules_mode")),
        sa.PrimaryKeyConstraint("merchant_id", "mode", name=op.f("pk_routing_rules")),
    )
    op.create_table(
        "transaction_events",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_transaction_events_mode")),
        sa.PrimaryKeyConstraint("merchant_id", "subject_id", "position", name=op.f("pk_transaction_events")),
    )
    op.create_table(
        "transactions",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("refund_reserved_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("customer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("payment_method_id", sa.Text(), nullable=True),
        sa.Column("payer_chooses", sa.Boolean(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("return_url", sa.Text(), nullable=True),
        sa.Column("cancel_url", sa.Text(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("next_action", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("late", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("needs_review", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("unresolved", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("routing", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("story_length", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_transactions_mode")),
        sa.CheckConstraint(
            "refunded_minor = 0 OR status = 'succeeded'", name=op.f("ck_transactions_refunded_only_when_paid")
        ),
        sa.CheckConstraint(
            "status IN ('requires_payment_method', 'requires_action', 'processing', 'succeeded', 'failed', 'cancelled', 'expired')",
            name=op.f("ck_transactions_status"),
        ),
        sa.CheckConstraint("amount_minor BETWEEN 1 AND 1000000000000", name=op.f("ck_transactions_amount")),
        sa.CheckConstraint(
            "refunded_minor BETWEEN 0 AND refund_reserved_minor AND refund_reserved_minor <= amount_minor",
            name=op.f("ck_transactions_refunded"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_transactions")),
        sa.UniqueConstraint(
            "merchant_id", "mode", "reference", name=op.f("uq_transactions_merchant_id_mode_reference")
        ),
    )
    op.create_index("ix_transactions_recent", "transactions", ["merchant_id", "mode", "id"], unique=False)
    op.create_index(
        "ix_transactions_status", "transactions", ["merchant_id", "mode", "status", "id"], unique=False
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_why", sa.Text(), nullable=True),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_webhook_endpoints_mode")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_table(
        "webhook_events",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("verdict_reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.Column("attempt_id", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('received', 'handled', 'ignored', 'unmatched')", name=op.f("ck_webhook_events_status")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_webhook_events")),
    )
    op.create_index(
        "ix_webhook_events_transaction",
        "webhook_events",
        ["merchant_id", "transaction_id", "id"],
        unique=False,
    )
    op.create_index(
        "ix_webhook_events_waiting",
        "webhook_events",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('received', 'unmatched')"),
    )
    # asyncpg prepares what it is given, and only one statement at a time; the queue's own script is many.
    script = files("afriflow.db.migrations").joinpath("versions/0001_jobs.sql").read_text("utf-8")
    op.get_bind().connection.dbapi_connection.run_async(lambda connection: connection.execute(script))
