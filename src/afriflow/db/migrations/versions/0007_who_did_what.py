"""Who did what: an append-only chain of entries per merchant."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "sequence", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_who", "audit_log", ["merchant_id", "who", "sequence"])
    op.create_index("ix_audit_log_action", "audit_log", ["merchant_id", "action", "sequence"])
    op.create_index("ix_audit_log_subject", "audit_log", ["merchant_id", "subject", "sequence"])
    op.create_index("ix_audit_log_at", "audit_log", ["merchant_id", "at"])
    op.create_table(
        "audit_heads",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_audit_heads")),
    )
