"""What the role that `serve` and `work` run under may do: what the product does, and no more.

It makes, changes and drops no table. What happened can be added to and never changed: neither by a mistake of ours nor
by whoever came in through our own processes. `migrate` runs as the owner of the tables and grants this anew each time.
"""

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit, urlunsplit

from afriflow.core.errors import RoleMissing
from afriflow.db.engine import dedicated_connection
from afriflow.db.tables import metadata

# Where the queue's engine has its tables.
_QUEUE = "jobs"
# The role of the embedded servers; its name is as good as any.
APPLICATION = "afriflow_app"
EVERY_COLUMN: Collection[str] = ("*",)
_ORDER = ("merchant_id", "id", "mode", "amount_minor", "currency", "reference", "created_at")
_SENT = (*_ORDER, "transaction_id", "provider", "account_id", "payment_method_id", "body_hash")

# Columns that are written once; rows of these tables are never removed either. Any other table may be changed at will.
WRITTEN_ONCE: Mapping[str, Collection[str]] = {
    "audit_log": EVERY_COLUMN,
    "transaction_events": EVERY_COLUMN,
    "provider_logs": EVERY_COLUMN,
    "events": EVERY_COLUMN,
    "delivery_attempts": EVERY_COLUMN,
    "provider_references": EVERY_COLUMN,
    "checkout_sessions": EVERY_COLUMN,
    "payout_batches": EVERY_COLUMN,
    "audit_heads": ("merchant_id",),
    "idempotency_keys": ("merchant_id", "mode", "key", "fingerprint", "object_id", "created_at"),
    "webhook_events": (
        *("id", "provider", "method", "path", "headers"),  # the body is sealed again when keys are changed
        *("verdict", "verdict_reason", "received_at"),
    ),
    "transactions": (*_ORDER, "token", "idempotency_key"),
    "attempts": (*_SENT, "number"),
    "disbursements": (*_SENT, "kind", "merchant_reference", "cause", "payment_attempt_id", "batch_id"),
    "deliveries": (
        *("merchant_id", "id", "mode", "event_id", "endpoint_id"),
        *("subject_id", "sequence", "type", "created_at"),
    ),
}

# What removes history all the same: see the migration that makes them for what they leave alone.
FORGETTING = ("forget_provider_logs", "forget_notifications", "forget_delivery_answers")


async def grant(database_url: str, role: str, *, make: bool = False) -> None:
    """Give a role what the product needs, and take from it everything else. database_url: of the tables' owner.

    make: create the role where it is not there, for servers of our own. Raises RoleMissing.
    """
    connection = await dedicated_connection(database_url)
    try:
        async with connection.transaction():
            if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
                if not make:
                    raise RoleMissing(role=role)
                await connection.execute(f"CREATE ROLE {_quoted(role)} LOGIN")
            for statement in _statements(_quoted(role)):
                await connection.execute(statement)
    finally:
        await connection.close()


def as_role(database_url: str, role: str) -> str:
    """Give the address under which another role reaches the same database."""
    parts = urlsplit(database_url)
    return urlunsplit(parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}"))


def _statements(role: str) -> list[str]:
    schemas = f"SCHEMA public, {_QUEUE}"
    granted = [
        f"REVOKE ALL ON ALL TABLES IN {schemas} FROM {role}",
        f"GRANT USAGE ON {schemas} TO {role}",
        f"GRANT SELECT ON alembic_version TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {_QUEUE} TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {_QUEUE} TO {role}",
    ]
    granted += [f"GRANT EXECUTE ON FUNCTION {name}(timestamptz, integer) TO {role}" for name in FORGETTING]
    for table in metadata.sorted_tables:
        fixed = WRITTEN_ONCE.get(table.name)
        if fixed is None:
            granted.append(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table.name} TO {role}")
            continue
        granted.append(f"GRANT SELECT, INSERT ON {table.name} TO {role}")
        if fixed is not EVERY_COLUMN:
            changing = ", ".join(column.name for column in table.c if column.name not in fixed)
            granted.append(f"GRANT UPDATE ({changing}) ON {table.name} TO {role}")
    return granted


def _quoted(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'
