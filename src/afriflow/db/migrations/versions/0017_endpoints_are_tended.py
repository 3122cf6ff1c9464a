"""Endpoints choose what they hear and change their secret; events are told once more by range; lists have their indexes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from afriflow.db.online import add_index

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    now, text = sa.text("now()"), postgresql.ARRAY(sa.Text())
    for column in (
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("types", text),
        sa.Column("sealed_old_secret", sa.LargeBinary()),
        sa.Column("old_secret_until", sa.DateTime(timezone=True)),
        sa.Column("hears_since", sa.DateTime(timezone=True), server_default=now, nullable=False),
    ):
        op.add_column("webhook_endpoints", column)
    op.create_table(
        "replays",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.Column("types", text),
        sa.Column("after_id", sa.Text(), nullable=False),
        sa.Column("before_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("staged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("mode IN ('test', 'live')", name=op.f("ck_replays_mode")),
        sa.CheckConstraint("status IN ('running', 'finished', 'stopped')", name=op.f("ck_replays_status")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_replays")),
    )
    op.create_index("ix_replays_endpoint", "replays", ["merchant_id", "endpoint_id", "id"])
    op.create_index(
        "uq_replays_one_running",
        "replays",
        ["merchant_id", "endpoint_id"],
        unique=True,
        postgresql_where=sa.text("status = 'running'"),
    )
    op.add_column("deliveries", sa.Column("type", sa.Text(), server_default="", nullable=False))
    op.execute(
        "UPDATE deliveries d SET type = e.type FROM events e WHERE e.merchant_id = d.merchant_id AND e.id = d.event_id"
    )
    add_index("ix_deliveries_state", "deliveries", ["merchant_id", "endpoint_id", "status", "id"])
    add_index("ix_deliveries_type", "deliveries", ["merchant_id", "endpoint_id", "type", "status", "id"])
    add_index(
        "ix_webhook_events_list",
        "webhook_events",
        ["merchant_id", "mode", "provider", "verdict", "status", "id"],
    )
