"""Merchants are told of a provider account's health, in order: a number for each such event."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "provider_accounts", sa.Column("sequence", sa.Integer(), server_default="0", nullable=False)
    )
