"""How merchants look to their payers: a name, a logo, a colour and ways to be reached."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "brands",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("public_name", sa.Text(), server_default="", nullable=False),
        sa.Column("accent", sa.Text(), nullable=True),
        sa.Column("support_phone", sa.Text(), server_default="", nullable=False),
        sa.Column("support_whatsapp", sa.Text(), server_default="", nullable=False),
        sa.Column("support_email", sa.Text(), server_default="", nullable=False),
        sa.Column("logo", sa.LargeBinary(), nullable=True),
        sa.Column("logo_hash", sa.Text(), nullable=True),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(logo IS NULL) = (logo_hash IS NULL)", name=op.f("ck_brands_logo")),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_brands")),
    )
