"""Which payouts were ordered together."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "payout_batches",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_payout_batches_mode")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_payout_batches")),
    )
    op.create_index("ix_payout_batches_recent", "payout_batches", ["merchant_id", "mode", "id"])
    op.add_column("disbursements", sa.Column("batch_id", sa.Text(), nullable=True))
    op.create_index("ix_disbursements_batch", "disbursements", ["merchant_id", "batch_id"])
