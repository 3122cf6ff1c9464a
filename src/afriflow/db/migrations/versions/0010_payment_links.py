"""Payment links, and the places that payers take in them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    default = None if nullable else sa.text("now()")
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "payment_links",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger()),
        sa.Column("amount_min_minor", sa.BigInteger()),
        sa.Column("amount_max_minor", sa.BigInteger()),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("return_url", sa.Text()),
        sa.Column("metadata", sa.dialects.postgresql.JSONB(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("uses_max", sa.Integer()),
        _time("created_at"),
        _time("expires_at", nullable=True),
        _time("disabled_at", nullable=True),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_payment_links_mode")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_payment_links")),
        sa.UniqueConstraint("token", name=op.f("uq_payment_links_token")),
    )
    op.create_index("ix_payment_links_recent", "payment_links", ["merchant_id", "mode", "id"])
    op.create_table(
        "payment_link_uses",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text()),
        _time("began_at"),
        sa.PrimaryKeyConstraint("merchant_id", "link_id", "number", name=op.f("pk_payment_link_uses")),
        sa.UniqueConstraint(
            "merchant_id", "link_id", "nonce", name=op.f("uq_payment_link_uses_merchant_id_link_id_nonce")
        ),
    )
