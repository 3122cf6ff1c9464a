"""What the audit needs: indexes to what changed and to what is open, and a memory of what it found."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    unfinished = sa.text("status IN ('requires_payment_method', 'requires_action', 'processing')")
    waiting = sa.text("status = 'waiting'")
    op.create_index("ix_transactions_changed", "transactions", ["updated_at"])
    op.create_index("ix_transactions_unfinished", "transactions", ["expires_at"], postgresql_where=unfinished)
    op.create_index("ix_disbursements_changed", "disbursements", ["updated_at"])
    op.create_index("ix_deliveries_waiting", "deliveries", ["created_at"], postgresql_where=waiting)
    op.create_table(
        "audits",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("looked_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_audits")),
    )
    op.create_table(
        "violations",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "rule", "subject_id", name=op.f("pk_violations")),
    )
