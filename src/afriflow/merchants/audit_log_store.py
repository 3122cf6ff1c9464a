"""The SQL of the audit log: one chain of entries per merchant, and how far each has come."""

from collections.abc import Sequence

# Locks the chain until the caller's transaction ends, so that whoever writes next goes on from here; the time is
# read once the lock is held, and so rises with the numbers.
AUDIT_HEAD_LOCK = """
INSERT INTO audit_heads (merchant_id, sequence, hash) VALUES ($1, 0, $2)
ON CONFLICT (merchant_id) DO UPDATE SET sequence = audit_heads.sequence
RETURNING sequence, hash, clock_timestamp() AS at
"""
AUDIT_ENTRY_INSERT = """
INSERT INTO audit_log (merchant_id, sequence, at, who, action, subject, details, previous_hash, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
AUDIT_HEAD_MOVE = "UPDATE audit_heads SET sequence = $2, hash = $3 WHERE merchant_id = $1"

AUDIT_HEADS = "SELECT merchant_id, sequence, hash FROM audit_heads ORDER BY merchant_id"
AUDIT_CHAIN = """
SELECT merchant_id, sequence, at, who, action, subject, details, previous_hash, hash FROM audit_log
WHERE merchant_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3
"""
AUDIT_MERCHANTS = "SELECT DISTINCT merchant_id FROM audit_log ORDER BY merchant_id"

_NARROWED_BY = {
    "who": "who =",
    "action": "action =",
    "subject": "subject =",
    "since": "at >=",
    "until": "at <",
    "before": "sequence <",
}


def entries(names: Sequence[str]) -> str:
    """Give the statement of a list, newest first, narrowed by what is named; its last parameter bounds it."""
    narrowed = "".join(f" AND {_NARROWED_BY[name]} ${place}" for place, name in enumerate(names, start=2))
    return f"""
SELECT merchant_id, sequence, at, who, action, subject, details FROM audit_log
WHERE merchant_id = $1{narrowed} ORDER BY sequence DESC LIMIT ${len(names) + 2}
"""
