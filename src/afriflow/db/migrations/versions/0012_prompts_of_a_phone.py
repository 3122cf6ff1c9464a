"""How often a phone was asked to pay, and which merchants may ask without limit."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "prompts",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "asked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_prompts_mode")),
        sa.PrimaryKeyConstraint("merchant_id", "transaction_id", name=op.f("pk_prompts")),
    )
    op.create_index("ix_prompts_phone", "prompts", ["mode", "phone_hash", "asked_at"])
    op.create_index("ix_prompts_old", "prompts", ["asked_at"])
    op.add_column(
        "merchants",
        sa.Column("prompts_unlimited", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
