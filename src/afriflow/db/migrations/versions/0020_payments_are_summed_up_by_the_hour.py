"""How payments went, summed up by the hour in which they were made."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "tallies",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("begun", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Integer(), nullable=False),
        sa.Column("succeeded", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("took", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_tallies_mode")),
        sa.PrimaryKeyConstraint(
            "merchant_id",
            "mode",
            "hour",
            "provider",
            "operator",
            "country",
            "currency",
            name=op.f("pk_tallies"),
        ),
    )
    op.create_table(
        "tallied",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_tallied")),
    )
