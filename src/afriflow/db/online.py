"""Changes of the schema that hold up nobody, for tables that payments are written to all the time."""

from alembic import op

# Waits for transactions that are older than itself, and for nobody's lock; whoever writes goes on meanwhile.
_PATIENTLY = "SET lock_timeout = 0"
_IMPATIENTLY = "SET lock_timeout = '5s'"


def add_index(name: str, table: str, columns: list[str], *, unique: bool = False, where: str = "") -> None:
    """Build an index while the table is written to; may be called again after it was broken off.

    Ends the migration's transaction first: what stands before it in a step stays, whatever becomes of the rest.
    """
    condition = f" WHERE {where}" if where else ""
    kind = "UNIQUE INDEX" if unique else "INDEX"
    with op.get_context().autocommit_block():
        op.execute(_PATIENTLY)
        op.execute(
            f"DROP INDEX CONCURRENTLY IF EXISTS {name}"
        )  # one that was broken off stays, and serves nobody
        op.execute(f"CREATE {kind} CONCURRENTLY {name} ON {table} ({', '.join(columns)}){condition}")
        op.execute(_IMPATIENTLY)
