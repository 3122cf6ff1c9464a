"""People have roles, a second factor and sessions that they see; links let them in."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_ROLE = "role IN ('owner', 'developer', 'finance', 'support', 'read_only')"


def _time(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=None if nullable else sa.text("now()"),
        nullable=nullable,
    )


def upgrade() -> None:
    # Whoever could sign in until now could do everything.
    op.add_column("people", sa.Column("role", sa.Text(), server_default="owner", nullable=False))
    op.alter_column("people", "role", server_default=None)
    op.add_column("people", sa.Column("second_factor_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("people", sa.Column("second_factor_pending_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("people", _time("second_factor_since", nullable=True))
    op.add_column("people", sa.Column("second_factor_step", sa.BigInteger(), nullable=True))
    op.add_column("people", _time("suspended_at", nullable=True))
    op.create_unique_constraint(op.f("uq_people_merchant_id_id"), "people", ["merchant_id", "id"])
    op.create_check_constraint(op.f("ck_people_role"), "people", _ROLE)
    op.create_check_constraint(
        op.f("ck_people_second_factor"),
        "people",
        "(second_factor_sealed IS NULL) = (second_factor_since IS NULL)",
    )
    op.create_table(
        "recovery_codes",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "person_id", "code_hash", name=op.f("pk_recovery_codes")),
    )
    op.create_table(
        "person_links",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("forget_factor", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        _time("created_at"),
        _time("expires_at"),
        sa.CheckConstraint("kind IN ('invitation', 'reset')", name=op.f("ck_person_links_kind")),
        sa.CheckConstraint("(kind = 'invitation') = (role IS NOT NULL)", name=op.f("ck_person_links_role")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_person_links")),
        sa.UniqueConstraint("merchant_id", "email", name=op.f("uq_person_links_merchant_id_email")),
    )
    # A session is what people see of it from now on; whoever is in signs in once more.
    op.drop_table("dashboard_sessions")
    op.create_table(
        "dashboard_sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("code_wanted", sa.Boolean(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        _time("created_at"),
        _time("proven_at"),
        _time("seen_at"),
        _time("expires_at"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_dashboard_sessions")),
        sa.UniqueConstraint("merchant_id", "id", name=op.f("uq_dashboard_sessions_merchant_id_id")),
    )
    op.create_index("ix_dashboard_sessions_person", "dashboard_sessions", ["merchant_id", "person_id"])
    op.add_column(
        "merchant_policies", sa.Column("second_factor", sa.Text(), server_default="money", nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_merchant_policies_second_factor"),
        "merchant_policies",
        "second_factor IN ('nobody', 'money', 'everybody')",
    )
