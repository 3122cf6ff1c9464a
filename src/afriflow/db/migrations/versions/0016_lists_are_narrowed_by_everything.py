"""Lists are narrowed by country, provider and every reference at any size, what waits is found, and filters have names."""

import sqlalchemy as sa
from alembic import op

from afriflow.db.online import add_index

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "saved_views",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("listing", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint(
            "merchant_id",
            "made_by",
            "listing",
            "name",
            name=op.f("uq_saved_views_merchant_id_made_by_listing_name"),
        ),
    )
    by_time = ["merchant_id", "mode", "created_at", "id"]
    add_index("ix_transactions_country", "transactions", ["merchant_id", "mode", "country", "id"])
    add_index("ix_attempts_provider", "attempts", ["merchant_id", "mode", "provider", "transaction_id"])
    add_index("ix_disbursements_status", "disbursements", ["merchant_id", "mode", "kind", "status", "id"])
    add_index("ix_disbursements_method", "disbursements", ["merchant_id", "payment_method_id"])
    add_index("ix_disbursements_provider_reference", "disbursements", ["merchant_id", "provider_reference"])
    for table in ("attempts", "disbursements"):
        add_index(
            f"ix_{table}_operator_reference",
            table,
            ["merchant_id", "operator_reference"],
            where="operator_reference IS NOT NULL",
        )
    for table in ("transactions", "disbursements"):
        add_index(f"ix_{table}_review", table, by_time, where="needs_review")
        add_index(f"ix_{table}_unresolved", table, by_time, where="unresolved")
    for table in ("provider_logs", "webhook_events"):
        add_index(f"ix_{table}_order", table, ["merchant_id", "attempt_id", "id"])
