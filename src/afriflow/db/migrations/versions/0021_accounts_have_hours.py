"""How each account has done is counted hour by hour."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "account_hours",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("good", sa.Integer(), nullable=False),
        sa.Column("slow", sa.Integer(), nullable=False),
        sa.Column("milliseconds", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('call', 'order')", name=op.f("ck_account_hours_kind")),
        sa.PrimaryKeyConstraint(
            "merchant_id",
            "account_id",
            "hour",
            "kind",
            "operation",
            "operator",
            name=op.f("pk_account_hours"),
        ),
    )
    op.create_index("ix_account_hours_hour", "account_hours", ["hour"])
