"""How accounts have done lately, and which of their circuits people hold open or closed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("provider_accounts", sa.Column("forced", postgresql.JSONB(), nullable=True))
    op.add_column("provider_accounts", sa.Column("standings", postgresql.JSONB(), nullable=True))
