"""What a payment's creation was warned about, and the ways to find payments by their phone."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column(
        "transactions", sa.Column("warnings", postgresql.JSONB(astext_type=sa.Text()), nullable=True)
    )
    op.create_index(
        "ix_transactions_method", "transactions", ["merchant_id", "payment_method_id", "created_at"]
    )
    op.create_index("ix_payment_methods_msisdn", "payment_methods", ["merchant_id", "mode", "msisdn"])
