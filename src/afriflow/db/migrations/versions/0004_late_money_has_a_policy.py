"""What a merchant wants done with late money, what a person has to decide about, and money that goes back by itself."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "merchant_policies",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("late_success", sa.Text(), server_default="hold", nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_merchant_policies_mode")),
        sa.CheckConstraint(
            "late_success IN ('hold', 'accept', 'auto_refund')",
            name=op.f("ck_merchant_policies_late_success"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "mode", name=op.f("pk_merchant_policies")),
    )
    op.add_column("transactions", sa.Column("review", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.execute("UPDATE transactions SET review = '[\"mismatch\"]' WHERE needs_review")
    op.add_column(
        "attempts", sa.Column("surplus", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("disbursements", sa.Column("cause", sa.Text(), nullable=True))
    op.add_column("disbursements", sa.Column("payment_attempt_id", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_disbursements_cause"), "disbursements", "cause IN ('late', 'overpaid')"
    )
    op.create_index(
        "uq_disbursements_cause",
        "disbursements",
        ["merchant_id", "transaction_id", "cause", "payment_attempt_id"],
        unique=True,
        postgresql_where=sa.text("cause IS NOT NULL"),
    )
