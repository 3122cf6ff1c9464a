"""Payouts above a merchant's limit wait for a second person."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("merchant_policies", sa.Column("approval_above", postgresql.JSONB(), nullable=True))
    op.create_table(
        "payout_approvals",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("merchant_reference", sa.Text(), nullable=False),
        sa.Column("payment_method_id", sa.Text(), nullable=False),
        sa.Column("recipient_name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_payout_approvals_mode")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payout_approvals_amount")),
        sa.CheckConstraint(
            "status IN ('waiting', 'approved', 'refused', 'expired')", name=op.f("ck_payout_approvals_status")
        ),
        sa.CheckConstraint(
            "decided_by <> asked_by OR status <> 'approved'", name=op.f("ck_payout_approvals_two")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_payout_approvals")),
    )
    op.create_index(
        "uq_payout_approvals_reference",
        "payout_approvals",
        ["merchant_id", "mode", "merchant_reference"],
        unique=True,
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_index("ix_payout_approvals_recent", "payout_approvals", ["merchant_id", "mode", "id"])
    op.create_index(
        "ix_payout_approvals_waiting",
        "payout_approvals",
        ["expires_at"],
        postgresql_where=sa.text("status = 'waiting'"),
    )
