"""API keys have a name, scopes, an end, a last use and a successor; those that exist may go on doing everything."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    for column in (
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text())),
        sa.Column("made_by", sa.Text(), server_default="", nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("replaced_by", sa.Text()),
    ):
        op.add_column("api_keys", column)
    op.create_unique_constraint(op.f("uq_api_keys_merchant_id_id"), "api_keys", ["merchant_id", "id"])
